//! What the items of an actor run say about each of its usernames, and what each costs.

use oslira_app::features::{
    profiles::{Found, InstagramHandle, ScrapePart, ScrapeUsage},
    scraping::{Looked, ReadProfile},
};
use serde_json::Value;

use super::{Apify, Run, charges, decode};

/// The run whose items are read.
pub(super) struct Reading<'a> {
    pub(super) apify: &'a Apify,
    pub(super) run: &'a Run,
    /// All that it was started for.
    pub(super) usernames: &'a [InstagramHandle],
    /// Those who have no answer yet.
    pub(super) left: &'a [InstagramHandle],
    pub(super) part: ScrapePart,
}

impl Reading<'_> {
    /// Those whom the items of a run that goes on answer for good.
    pub(super) fn so_far(&self, items: &[Value]) -> Vec<ReadProfile> {
        let read = |username: &InstagramHandle| {
            let own = decode::about_one(items, username);
            let found = decode::found(&own, username).ok()?;
            Some(self.profile(username, found, own.len()))
        };
        self.left.iter().filter_map(read).collect()
    }

    /// Everybody who is left, by all items.
    pub(super) fn at_the_end(&self, items: &[Value]) -> Looked {
        let is_alone = self.usernames.len() < 2;
        let read = |username: &InstagramHandle| {
            // In a run about one username, what names nobody is about it.
            let own = if is_alone { items.to_vec() } else { decode::about_one(items, username) };
            let found = match self.part {
                ScrapePart::Details => decode::found(&own, username),
                ScrapePart::Posts(window) => decode::posts(&own, username, window.count as usize),
            };
            let found = found.unwrap_or_else(|why| Found::Unusable(format!("apify items: {why}")));
            self.profile(username, found, own.len())
        };
        let read: Vec<ReadProfile> = self.left.iter().map(read).collect();
        // The counts and the dataset are two stores of Apify's, of which one may be behind the other.
        let (billed, _) = charges::of(self.run, self.part, &self.apify.settings, items.len());
        if items.is_empty() && billed > 0 {
            let why = || Found::Unusable("the items of the bill are missing".to_owned());
            return Looked::ItemsMissing {
                unusable: read.into_iter().map(|read| ReadProfile { found: why(), ..read }).collect(),
            };
        }
        Looked::Ended { read, ended_at: self.run.ended_at() }
    }

    /// The items cannot be fetched at all.
    pub(super) fn unusable(&self, why: &str) -> Looked {
        let most = match self.part {
            ScrapePart::Details => 1,
            ScrapePart::Posts(window) => window.count as usize,
        };
        let read = |username: &InstagramHandle| self.profile(username, Found::Unusable(why.to_owned()), most);
        Looked::Ended { read: self.left.iter().map(read).collect(), ended_at: self.run.ended_at() }
    }

    fn profile(&self, username: &InstagramHandle, found: Found, items: usize) -> ReadProfile {
        ReadProfile { username: username.clone(), found, usage: self.usage(username, items) }
    }

    /// Its share of the bill: its own items, and the starts divided by all.
    fn usage(&self, username: &InstagramHandle, items: usize) -> ScrapeUsage {
        let settings = &self.apify.settings;
        let (results, cost_microusd) = if self.usernames.len() < 2 {
            charges::of(self.run, self.part, settings, items)
        } else {
            // The first one bears what cannot be divided.
            let is_first = self.usernames.first() == Some(username);
            charges::share_of(self.run, self.part, settings, items, self.usernames.len(), is_first)
        };
        // Either mark is enough: results of a sandbox must never look like Apify's.
        let is_sandbox = self.run.meta.origin.as_deref() == Some("SANDBOX") || self.apify.endpoint.is_sandbox();
        ScrapeUsage {
            source: if is_sandbox { "sandbox" } else { "apify" }.to_owned(),
            actor: self.apify.actor(self.part).to_owned(),
            results: u32::try_from(results).unwrap_or(u32::MAX),
            cost_microusd,
            duration_ms: self.run.stats.duration_millis.filter(|ms| *ms >= 0.0).map(|ms| ms as u64),
        }
    }
}
