//! Requests, leases and orders.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    features::profiles::{Found, InstagramHandle, ScrapePart, ScrapeUsage},
    shared::ids::{AccountId, RunId, ScrapeId},
};

/// Longest run of an actor, passed to the scraper at the start.
pub const SCRAPE_TIMEOUT: Duration = Duration::from_secs(120);
/// A call to the scraper is given up so long after the wait that it asked for; most calls ask for none.
pub const SCRAPE_PATIENCE: Duration = Duration::from_secs(10);
/// So long after it was given out, a lease that was not used is not used any more.
const START_WITHIN: Duration = Duration::from_secs(60);
/// What a start may take, and how far the scraper's stopping may lag behind its timeout.
pub(super) const LEASE_LAG: Duration = Duration::from_secs(60);

/// Names a request: one attempt of one run at one part of its profile. Requests with equal names are one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestKey {
    // First, because runs' ids sort by time: whoever asked first is first.
    pub run_id: RunId,
    pub part: ScrapePart,
    /// Counted by the run, from [`RequestKey::FIRST_ATTEMPT`].
    pub attempt: u32,
}

impl RequestKey {
    pub const FIRST_ATTEMPT: u32 = 1;

    /// Whether two attempts gave nothing: one may have been anybody's misfortune, and repeated alone, a bad minute of the scraper would
    /// cost ten times the actor runs.
    pub(super) const fn is_suspect(&self) -> bool {
        self.attempt > Self::FIRST_ATTEMPT + 1
    }
}

/// Somebody's wish to have a part of a profile read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScrapeRequest {
    pub key: RequestKey,
    /// Who pays; leases are shared out among accounts.
    pub account_id: AccountId,
    pub username: InstagramHandle,
}

/// Where a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// In the line.
    Waiting,
    /// Its profile is read by this scrape, or was.
    Scrape(ScrapeId),
}

/// The right to one actor run, and what it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    pub order: ScrapeOrder,
    /// Whose turn it was.
    pub(super) leader: AccountId,
    pub(super) requests: Vec<RequestKey>,
    /// Whether the scrape has taken the order.
    pub(super) is_taken: bool,
    /// Whether it takes in nobody any more: what it read is delivered, or it has failed.
    pub(super) is_closed: bool,
    pub(super) expires_at: Timestamp,
    pub(super) ended_at: Option<Timestamp>,
}

impl Lease {
    pub(super) fn new(id: ScrapeId, leader: AccountId, part: ScrapePart, now: Timestamp) -> Self {
        let order = ScrapeOrder { id, part, usernames: vec![], start_before: now + START_WITHIN };
        // Outlives the actor run: a lease that is given back by its expiry alone is no eleventh run.
        let expires_at = order.start_before + SCRAPE_TIMEOUT + LEASE_LAG;
        Self { order, leader, requests: vec![], is_taken: false, is_closed: false, expires_at, ended_at: None }
    }

    /// In place of one that is stored in a form that this version cannot read: its actor run may be under way as long as any may.
    /// Who waited for it asks again.
    #[must_use]
    pub fn unreadable(id: ScrapeId, now: Timestamp) -> Self {
        let nobody = AccountId::new(Uuid::nil());
        Self { is_taken: true, is_closed: true, ..Self::new(id, nobody, ScrapePart::Details, now) }
    }
}

/// What a scrape is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScrapeOrder {
    pub id: ScrapeId,
    pub part: ScrapePart,
    /// Each once, in the order in which they are to be read.
    pub usernames: Vec<InstagramHandle>,
    /// It must not start later: its lease might end before the actor run.
    pub start_before: Timestamp,
}

/// What a scrape read of one profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scraped {
    pub found: Found,
    pub usage: ScrapeUsage,
    /// When the actor run ended, by the scraper's clock; where it does not say, or went on for others, when this was seen. It is
    /// the snapshot's date, however late an analysis collects it. Older deployments left it out.
    pub ended_at: Option<Timestamp>,
    /// The actor run, and the profile where it read several: what a bill is recorded under.
    pub provider_run_id: String,
}
