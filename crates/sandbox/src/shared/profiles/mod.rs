//! The people of the sandbox: what an Instagram scraper would find.
//!
//! Recorded profiles have their own names. Every other valid handle has a generated person who is the same all day on
//! every machine: a niche, a size, an engagement, a cadence, and posts that fit. As days pass, they post, and their
//! earlier posts stay as they are. Handles with a reserved prefix give the special cases of the real scraper
//! (`notfound_`, `private_`, `restricted_`, `zeroposts_`, `fewposts_`, `noitems_`, `emptyset_`, `noposts_`).

mod captions;
mod comments;
mod generate;
mod handle;
mod people;
mod pictures;
mod posts;
mod recorded;
mod rewrite;

use jiff::Timestamp;
use serde_json::{Value, json};

pub(crate) use handle::{from_profile_url, is_valid};
pub(crate) use people::Niche;
pub(crate) use pictures::serve_from as serve_pictures_from;
pub(crate) use posts::POSTS_MAX;
pub(crate) use rewrite::Rewrite;

use people::People;

use crate::shared::error::SandboxError;

/// Everybody who can be scraped.
pub(crate) struct Catalogue {
    people: People,
    recorded: recorded::Recorded,
    rewrites: rewrite::Rewrites,
}

impl Catalogue {
    /// Reads the data that is compiled in.
    pub(crate) fn load() -> Result<Self, SandboxError> {
        Ok(Self {
            people: People::load()?,
            recorded: recorded::Recorded::load()?,
            rewrites: rewrite::Rewrites::default(),
        })
    }

    /// Replaces texts of a generated person. A recorded profile stays as it was recorded.
    pub(crate) fn rewrite(&self, rewrite: Rewrite) -> Result<(), String> {
        let handle = rewrite.username.to_ascii_lowercase();
        if !is_valid(&handle) {
            return Err("username is no Instagram handle".into());
        }
        if self.recorded.profile(&handle).is_some() {
            return Err("a recorded profile says what it said".into());
        }
        self.rewrites.put(rewrite)
    }

    /// The person behind a handle, with the texts that replace their own.
    fn person(&self, handle: &str, day: u64) -> generate::Person {
        let rewrite = self.rewrites.of(handle);
        let cadence_days = rewrite.as_ref().and_then(|rewrite| rewrite.cadence_days);
        let person = self.people.generate(handle, day, cadence_days);
        match rewrite {
            None => person,
            Some(rewrite) => person.rewritten(rewrite),
        }
    }

    /// How long ago scrapes of this person take place, in milliseconds.
    pub(crate) fn ago_ms(&self, handle: &str) -> u64 {
        self.rewrites.of(handle).and_then(|rewrite| rewrite.ago_s).unwrap_or(0) * 1_000
    }

    pub(crate) fn niches(&self) -> &[Niche] {
        &self.people.niches
    }

    /// What the profile scraper finds for one username: usually one item, which may be an error item.
    pub(crate) fn profile(&self, requested: &str, day: u64) -> Vec<Value> {
        let requested = requested.trim().trim_start_matches('@');
        let handle = requested.to_ascii_lowercase();
        let url = format!("https://www.instagram.com/{requested}");
        if let Some(profile) = self.recorded.profile(&handle) {
            return vec![profile.clone()];
        }
        match Case::of(&handle) {
            Case::NotFound => vec![json!({
                "url": url, "username": requested, "error": "not_found", "errorDescription": "Post does not exist",
            })],
            Case::Restricted => vec![json!({
                "inputUrl": url, "username": requested, "private": false, "error": "Restricted profile",
                "isRestrictedProfile": true,
                "restrictionReason": "You must be 13 years old or over to see this profile",
            })],
            Case::NoItems => vec![no_items()],
            Case::EmptySet => vec![],
            Case::Private => vec![self.person(&handle, day).private().to_json(&url)],
            Case::ZeroPosts => vec![self.person(&handle, day).without_posts().to_json(&url)],
            Case::FewPosts => vec![self.person(&handle, day).with_few_posts().to_json(&url)],
            Case::Somebody | Case::NoPosts => vec![self.person(&handle, day).to_json(&url)],
        }
    }

    /// What the posts scraper finds for one username: the pinned posts first, then from the newest on. With `since` only
    /// those that were posted after it.
    pub(crate) fn posts(&self, requested: &str, limit: usize, since: Option<Timestamp>, day: u64) -> Vec<Value> {
        let handle = requested.to_ascii_lowercase();
        let input_url = format!("https://www.instagram.com/{requested}/");
        let mut posts = match self.recorded.profile(&handle) {
            Some(profile) => recorded::posts_of(profile),
            None => match Case::of(&handle) {
                Case::Somebody => self.person(&handle, day).posts_as_items(),
                Case::FewPosts => self.person(&handle, day).with_few_posts().posts_as_items(),
                Case::EmptySet => return vec![],
                _ => vec![],
            },
        };
        if let Some(since) = since {
            posts.retain(|post| is_after(post, since));
        }
        // The posts scraper does not say why there are none: a private profile looks like one without new posts.
        if posts.is_empty() {
            return vec![no_items()];
        }
        posts.truncate(limit);
        for post in &mut posts {
            if let Value::Object(fields) = post {
                fields.insert("inputUrl".into(), json!(input_url));
            }
        }
        posts
    }

    /// What the posts scraper finds for the address of one post.
    pub(crate) fn post(&self, url: &str) -> Vec<Value> {
        self.recorded.post(url).map_or_else(|| vec![no_items()], |post| vec![post.clone()])
    }
}

/// A post without a date counts as new.
fn is_after(post: &Value, since: Timestamp) -> bool {
    let taken_at = post.get("timestamp").and_then(Value::as_str).and_then(|at| at.parse::<Timestamp>().ok());
    taken_at.is_none_or(|at| at > since)
}

fn no_items() -> Value {
    json!({"error": "no_items", "errorDescription": "Empty or private data for provided input"})
}

/// What the scraper finds for a handle.
enum Case {
    Somebody,
    NotFound,
    Restricted,
    NoItems,
    EmptySet,
    Private,
    ZeroPosts,
    FewPosts,
    /// Somebody with posts, of which the posts scraper finds none.
    NoPosts,
}

impl Case {
    fn of(handle: &str) -> Self {
        // This name and `some_brand_example` below are those of the recorded error items.
        if !is_valid(handle) || handle == "no_such_account_example" {
            return Self::NotFound;
        }
        match handle.split_once('_').map_or("", |(prefix, _)| prefix) {
            "notfound" => Self::NotFound,
            "restricted" => Self::Restricted,
            "noitems" => Self::NoItems,
            "emptyset" => Self::EmptySet,
            "private" => Self::Private,
            "zeroposts" => Self::ZeroPosts,
            "fewposts" => Self::FewPosts,
            "noposts" => Self::NoPosts,
            _ if handle == "some_brand_example" => Self::Restricted,
            _ => Self::Somebody,
        }
    }
}

#[cfg(test)]
mod tests;
