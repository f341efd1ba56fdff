//! The scraper, from both sides of the gate. A call is one attempt; whoever calls repeats it, so implementations MUST NOT retry by
//! themselves.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{ScrapeRequest, Scraped};
use crate::{
    features::profiles::{Found, InstagramHandle, ScrapeFault, ScrapePart, ScrapeTicket, ScrapeUsage},
    shared::ids::RunId,
};

/// Obtains profiles for analyses: the gate and the scrapes behind it.
#[async_trait]
pub trait ProfileSource: Send + Sync {
    /// Gets in line, so that reading begins as soon as it may. A repeat changes nothing.
    ///
    /// # Errors
    /// The gate did not answer. The request may stand all the same; [`ProfileSource::collect`] makes it if it does not.
    async fn ask(&self, requests: &[ScrapeRequest]) -> Result<(), ScrapeFault>;

    /// Waits up to `wait` for what was asked for. Asks for it if nobody has.
    ///
    /// # Errors
    /// The question was not answered: ask again. That a scrape failed is an answer.
    async fn collect(&self, request: &ScrapeRequest, wait: Duration) -> Result<Collected, ScrapeFault>;

    /// Which of these runs a scrape has begun for, whether or not anything of it is read yet. When the gate does not answer: none.
    async fn begun(&self, runs: &[RunId]) -> Vec<RunId>;

    /// Leaves the line for runs that have ended. It cannot fail: who does not ask again is taken out in any case.
    async fn withdraw(&self, runs: &[RunId]);
}

/// How far a request is.
#[derive(Debug, Clone, PartialEq)]
pub enum Collected {
    /// All scrapes that may run at once are under way for others.
    Waiting,
    /// Being read.
    Running,
    /// Read; what it cost is billed whatever was found.
    Finished(Box<Scraped>),
    /// The scrape gave nothing.
    Failed(ScrapeFault),
}

/// Runs actors: Apify's asynchronous start and poll.
#[async_trait]
pub trait ActorRuns: Send + Sync {
    /// Starts an actor run that reads the part of each username, and returns its ticket at once.
    ///
    /// # Errors
    /// With [`ScrapeFault::TimedOut`] and [`ScrapeFault::Unanswered`] it may have started.
    async fn start(&self, usernames: &[InstagramHandle], part: ScrapePart) -> Result<ScrapeTicket, ScrapeFault>;

    /// Finds the actor run that was started for exactly these after `since`, if there is one.
    async fn find(
        &self,
        usernames: &[InstagramHandle],
        part: ScrapePart,
        since: Timestamp,
    ) -> Result<Option<ScrapeTicket>, ScrapeFault>;

    /// Waits up to `wait` for the actor run to end, and reads what there is about the usernames that are `left`. Of a run that
    /// goes on, the first `items` are not read again.
    async fn look(
        &self,
        ticket: &ScrapeTicket,
        usernames: &[InstagramHandle],
        left: &[InstagramHandle],
        part: ScrapePart,
        items: usize,
        wait: Duration,
    ) -> Result<Looked, ScrapeFault>;
}

/// What a look at an actor run shows.
#[derive(Debug, Clone, PartialEq)]
pub enum Looked {
    /// It goes on; these have been read, and so many items are there.
    Running { read: Vec<ReadProfile>, items: usize },
    /// It has ended and is billed, but its items are not shown yet. Looking again is free, another scrape is not.
    ItemsMissing { unusable: Vec<ReadProfile> },
    /// It has ended, with an answer for everybody who was left.
    Ended {
        read: Vec<ReadProfile>,
        /// By the scraper's clock; `None` when it does not say.
        ended_at: Option<Timestamp>,
    },
}

/// What an actor run says of one username.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadProfile {
    pub username: InstagramHandle,
    pub found: Found,
    /// Its share of what the actor run costs.
    pub usage: ScrapeUsage,
}
