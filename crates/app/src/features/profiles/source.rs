//! What a scraper is asked for, and what it says.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Post, Profile};

/// What one scrape reads of a profile. Scrapes that are equal here read the same: only such share an actor run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScrapePart {
    /// The profile with its [`DETAILS_POSTS`](DETAILS_POSTS) newest posts.
    Details,
    /// Posts, the newest first.
    Posts(PostsWindow),
}

impl ScrapePart {
    /// This many of the newest posts, whatever their age.
    #[must_use]
    pub const fn newest(count: u32) -> Self {
        Self::Posts(PostsWindow { count, newer_than: None })
    }

    /// The posts after a moment, at most so many of the newest.
    #[must_use]
    pub const fn newer(count: u32, than: Timestamp) -> Self {
        Self::Posts(PostsWindow { count, newer_than: Some(than) })
    }
}

/// Which posts are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "RememberedWindow", into = "RememberedWindow")]
pub struct PostsWindow {
    /// How many at most.
    pub count: u32,
    /// Only those posted after this.
    pub newer_than: Option<Timestamp>,
}

/// The window as it is written: without a beginning as its number alone, which is what deployments before there were
/// windows wrote and read.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum RememberedWindow {
    Count(u32),
    Since { count: u32, newer_than: Timestamp },
}

impl From<RememberedWindow> for PostsWindow {
    fn from(remembered: RememberedWindow) -> Self {
        match remembered {
            RememberedWindow::Count(count) => Self { count, newer_than: None },
            RememberedWindow::Since { count, newer_than } => Self { count, newer_than: Some(newer_than) },
        }
    }
}

impl From<PostsWindow> for RememberedWindow {
    fn from(window: PostsWindow) -> Self {
        match window.newer_than {
            None => Self::Count(window.count),
            Some(newer_than) => Self::Since { count: window.count, newer_than },
        }
    }
}

/// Names a scrape under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScrapeTicket {
    pub provider_run_id: String,
    /// The provider's result set.
    pub dataset_id: String,
}

/// What was found under the username.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// A public profile; boxed because it is large.
    Profile(Box<Profile>),
    /// The posts of a public profile, newest first.
    Posts(Vec<Post>),
    NotFound,
    Private,
    /// The profile is shown to some viewers only (age).
    Restricted,
    /// The scrape ended and is billed, but what it gave is no answer; another scrape may give one.
    Unusable(String),
}

/// What a scrape costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScrapeUsage {
    /// `apify` or `sandbox`.
    pub source: String,
    pub actor: String,
    /// Billed results.
    pub results: u32,
    /// Cost in millionths of a dollar.
    pub cost_microusd: u64,
    /// How long the actor ran; `None` when the provider does not say.
    pub duration_ms: Option<u64>,
}

/// Why a scrape gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum ScrapeFault {
    /// No answer within the time that the question was given. The scrape it was about, or which it was to start, may be
    /// under way.
    #[error("{0}")]
    TimedOut(String),
    /// No answer in time to a question about a scrape, although it was repeated: the scraper is not asked any more.
    #[error("{0}")]
    Silent(String),
    /// Our own gate or scrape object gave no answer in time: it is busy, which says nothing about the scraper. Ask again.
    #[error("{0}")]
    GateSilent(String),
    /// The question was not answered, though not for want of time (a lost connection, a 5xx), so the scrape it was about, or which it
    /// was to start, may still succeed: ask again, do not start (and pay) another one.
    #[error("{0}")]
    Unanswered(String),
    /// The scrape took longer than it was allowed to and was stopped; another one may be faster.
    #[error("{0}")]
    Overtime(String),
    /// Trying again may help: overload, a failed actor run, a lost connection, an unreadable answer.
    #[error("{0}")]
    Retryable(String),
    /// Trying again will help: our plan allows no more scrapes at the same time. Not an outage of the provider.
    #[error("{0}")]
    AtCapacity(String),
    /// Trying again cannot help, with this input: it was rejected.
    #[error("{0}")]
    Terminal(String),
    /// Trying again cannot help, with any input: a refused key, an account without money or plan.
    #[error("{0}")]
    Exhausted(String),
}

/// How many posts the profile actor gives by itself; more need a run of the posts actor as well.
pub const DETAILS_POSTS: u32 = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_older_deployment_remembered_is_still_read_and_it_reads_what_has_no_window() {
        let newest = ScrapePart::newest(50);
        assert_eq!(serde_json::from_str::<ScrapePart>(r#"{"posts":50}"#).unwrap(), newest);
        assert_eq!(serde_json::to_string(&newest).unwrap(), r#"{"posts":50}"#);
        assert_eq!(serde_json::from_str::<ScrapePart>(r#""details""#).unwrap(), ScrapePart::Details);
        let since = ScrapePart::newer(50, "2026-11-20T12:00:00Z".parse().unwrap());
        let written = serde_json::to_string(&since).unwrap();
        assert_eq!(written, r#"{"posts":{"count":50,"newer_than":"2026-11-20T12:00:00Z"}}"#);
        assert_eq!(serde_json::from_str::<ScrapePart>(&written).unwrap(), since);
    }

    #[test]
    fn scrapes_are_the_same_only_with_the_same_depth_and_window() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let parts = [
            ScrapePart::Details,
            ScrapePart::newest(50),
            ScrapePart::newest(12),
            ScrapePart::newer(50, at(1)),
            ScrapePart::newer(50, at(2)),
        ];
        for (number, part) in parts.iter().enumerate() {
            let same: Vec<usize> = (0..parts.len()).filter(|other| parts.get(*other) == Some(part)).collect();
            assert_eq!(same, [number]);
        }
    }
}
