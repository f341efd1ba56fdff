//! The scraper as a port. A call is one attempt; the workflow repeats it, so implementations MUST NOT retry by
//! themselves.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{InstagramHandle, Post, Profile};

/// Obtains profiles: Apify's asynchronous start and poll.
#[async_trait]
pub trait ProfileSource: Send + Sync {
    /// Starts a scrape and returns its ticket at once, so that a crash between start and end does not pay twice.
    async fn start(&self, username: &InstagramHandle, part: ScrapePart) -> Result<ScrapeTicket, ScrapeFault>;

    /// Waits up to `wait` for the scrape to end.
    async fn collect(
        &self,
        ticket: &ScrapeTicket,
        username: &InstagramHandle,
        part: ScrapePart,
        wait: Duration,
    ) -> Result<Collected, ScrapeFault>;
}

/// What one scrape reads of a profile. A deep analysis needs both, at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScrapePart {
    /// The profile with its [`DETAILS_POSTS`](DETAILS_POSTS) newest posts.
    Details,
    /// This many of the newest posts.
    Posts(u32),
}

/// Names a scrape under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScrapeTicket {
    pub provider_run_id: String,
    /// The provider's result set.
    pub dataset_id: String,
}

/// What a scrape gave.
#[derive(Debug, Clone, PartialEq)]
pub enum Collected {
    /// Not finished yet.
    Running,
    /// Finished and billed, but the provider does not show the items of the bill yet. Asking again is free, another
    /// scrape is not.
    ItemsMissing { usage: ScrapeUsage },
    /// Finished; `usage` is billed whatever was found.
    Finished { found: Found, usage: ScrapeUsage },
}

/// What was found under the username.
#[derive(Debug, Clone, PartialEq)]
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
    /// The provider did not answer the question but failed at once (a lost connection, a 5xx), so the scrape it was
    /// about may still succeed: ask again, do not start (and pay) another one.
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
