//! The invariant of staleness. When a snapshot is saved that differs from the one before, every analysis of an older
//! scrape must be stale by then; an analysis of an older scrape that is stored later must be stale from the start. No
//! other analysis may be stale.

use std::collections::BTreeMap;

use jiff::Timestamp;
use oslira_app::{
    features::profiles::{SNAPSHOT_LIFETIME, Snapshot},
    shared::ids::RunId,
};

use crate::ReferenceDatabase;

/// A profile whose followers moved by more than so many percent has changed significantly.
const MOVED_MAX_PERCENT: u64 = 10;

/// The snapshot that each run compared its own with, and the changes that were reported.
#[derive(Debug, Clone, Default)]
pub struct Staleness {
    /// By run, the followers in the newest snapshot before its own, if there was one.
    followers_before: BTreeMap<RunId, Option<u64>>,
    /// By profile, the newest scrape for which older analyses were marked as stale.
    marked: BTreeMap<String, Timestamp>,
}

impl Staleness {
    /// A run has looked for the newest snapshot before its own.
    pub(crate) fn compares(&mut self, run: RunId, before: Option<&Snapshot>) {
        self.followers_before.insert(run, before.map(|snapshot| snapshot.profile.followers));
    }

    /// A run is about to save its snapshot. Of the rule for changes only the followers count: in the fixtures nothing
    /// else changes.
    pub(crate) fn kept(&self, run: RunId, new: &Snapshot) -> Result<(), String> {
        let name = new.profile.username.as_str();
        let Some(before) = self.followers_before.get(&run) else {
            return Err(format!("run {run} saves a snapshot of @{name} without having compared it"));
        };
        let followers = new.profile.followers;
        let is_marked = |since: Timestamp| self.marked.get(name).is_some_and(|newest| *newest >= since);
        match before {
            Some(before)
                if 100 * before.abs_diff(followers) > MOVED_MAX_PERCENT * before && !is_marked(new.scraped_at) =>
            {
                Err(format!("@{name} has changed, and the analyses before run {run} are not stale"))
            }
            None if !is_marked(new.scraped_at - SNAPSHOT_LIFETIME) => {
                Err(format!("run {run} could not compare @{name}, and the analyses before all snapshots are not stale"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Analyses of scrapes before this one were marked as stale.
    pub(crate) fn marked(
        &mut self,
        username: &str,
        scraped_at: Timestamp,
        database: &ReferenceDatabase,
    ) -> Result<(), String> {
        let newest = self.marked.entry(username.to_owned()).or_insert(scraped_at);
        *newest = scraped_at.max(*newest);
        self.holds(database)
    }

    /// An analysis is stale exactly when its scrape is older than one that showed a change.
    pub(crate) fn holds(&self, database: &ReferenceDatabase) -> Result<(), String> {
        for analysis in &database.analyses {
            let is_older = self.marked.get(&analysis.username).is_some_and(|newest| analysis.scraped_at < *newest);
            if analysis.is_stale != is_older {
                let (is, than) = if is_older { ("is not", "a") } else { ("is", "no") };
                return Err(format!("the analysis of run {} {is} stale and older than {than} change", analysis.run));
            }
        }
        Ok(())
    }
}
