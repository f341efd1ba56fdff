//! Profiles and posts from Apify's Instagram actors: start an actor run, poll it, fetch its items.
//!
//! A start returns a ticket at once, and a run whose start was not answered is found in Apify's list, so that after a crash the
//! run that is already paid goes on. `maxItems` and `maxTotalChargeUsd` bound what a run can cost.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http::Method;
use jiff::{SignedDuration, Timestamp};
use oslira_app::features::{
    profiles::{InstagramHandle, ScrapeFault, ScrapePart, ScrapeTicket},
    scraping::{ActorRuns, Looked, SCRAPE_PATIENCE, SCRAPE_TIMEOUT},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::send::{Endpoint, HttpSend, SendError, error_word};

mod call;
mod charges;
mod decode;
mod reading;
mod settings;

use call::{Call, CallError, CallFailure, Operation, checked_id, refusal_kind};
use reading::Reading;

pub use settings::{ActorName, ScraperSettings, Tier};

/// The actor for profiles unless the environment names another.
pub const PROFILE_ACTOR: &str = "apify~instagram-profile-scraper";

/// The actor for posts unless the environment names another.
pub const POSTS_ACTOR: &str = "apify~instagram-scraper";

/// Characters that must be escaped in a path segment: all but the unreserved ones of RFC 3986, section 2.3.
const NOT_UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The most that Apify accepts as `waitForFinish`.
const WAIT_SECS_MAX: u64 = 60;
const RUN_BYTES_MAX: usize = 256 * 1024;
/// A profile has about 100 KiB, and 1 MiB with every picture of twelve albums; fifty posts may have four times that.
const ITEMS_BYTES_MAX: usize = 6 * 1024 * 1024;
/// Several profiles share a limit of so many times that: the isolate has to hold them.
const ITEMS_SHARE_MAX: usize = 3;
/// The runs in which one of unknown start is looked for: more than `APIFY_MAX_CONCURRENT` can be.
const LISTED_MAX: u32 = 300;
const LIST_BYTES_MAX: usize = 1024 * 1024;
/// The scraper's clock may be so much behind ours.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(5);
/// A run about one username gives one item, besides possible error items.
const DETAILS_ITEMS_MAX: u32 = 10;

pub struct Apify {
    send: Arc<dyn HttpSend>,
    endpoint: Endpoint,
    settings: ScraperSettings,
    timeout: Duration,
}

impl Apify {
    /// With the usual actors and prices and the configured timeout; `endpoint` is the address without `/v2`.
    #[must_use]
    pub fn new(send: Arc<dyn HttpSend>, endpoint: Endpoint) -> Self {
        Self { send, endpoint, settings: ScraperSettings::default(), timeout: SCRAPE_TIMEOUT }
    }

    /// Uses the actors and prices of a deployment.
    #[must_use]
    pub fn with_settings(mut self, settings: ScraperSettings) -> Self {
        self.settings = settings;
        self
    }

    async fn call(&self, call: Call<'_>) -> Result<Bytes, CallError> {
        let operation = call.operation;
        let failed = |failure| CallError { operation, failure };
        let request = self.endpoint.request(call.method, call.path, call.body);
        let request = request.map_err(|why| failed(CallFailure::NotSent(why)))?;
        let response = self.send.send(request, call.timeout, call.body_bytes_max).await;
        let response = response.map_err(|why| failed(CallFailure::NoAnswer(why)))?;
        let status = response.status();
        // A start answers 201, the other calls 200.
        if status.is_success() {
            return Ok(response.into_body());
        }
        Err(failed(CallFailure::Refused { status, kind: refusal_kind(response.body()) }))
    }

    fn actor(&self, part: ScrapePart) -> &str {
        match part {
            ScrapePart::Details => self.settings.profile_actor.as_str(),
            ScrapePart::Posts(_) => self.settings.posts_actor.as_str(),
        }
    }
}

#[async_trait]
impl ActorRuns for Apify {
    async fn start(&self, usernames: &[InstagramHandle], part: ScrapePart) -> Result<ScrapeTicket, ScrapeFault> {
        let actor = utf8_percent_encode(self.actor(part), NOT_UNRESERVED);
        let each = match part {
            ScrapePart::Details => 1,
            ScrapePart::Posts(window) => window.count,
        };
        let items_max = each.saturating_mul(u32::try_from(usernames.len()).unwrap_or(u32::MAX));
        // Both bound the bill: `maxItems` where an actor charges by result, `maxTotalChargeUsd` where by event.
        // `timeout` makes Apify end the run, and its bill, even if nobody polls it any more.
        let (timeout_s, charge_max) = (self.timeout.as_secs(), charges::bound_usd(part, &self.settings, items_max));
        let path =
            format!("/v2/acts/{actor}/runs?timeout={timeout_s}&maxItems={items_max}&maxTotalChargeUsd={charge_max}");
        let body = input(usernames, part).to_string().into();
        let (method, timeout, body_bytes_max) = (Method::POST, SCRAPE_PATIENCE, RUN_BYTES_MAX);
        let answer =
            self.call(Call { operation: Operation::Start, method, path: &path, body, timeout, body_bytes_max }).await?;
        ticket(Operation::Start, &run_of(Operation::Start, &answer)?)
    }

    async fn find(
        &self,
        usernames: &[InstagramHandle],
        part: ScrapePart,
        since: Timestamp,
    ) -> Result<Option<ScrapeTicket>, ScrapeFault> {
        let actor = utf8_percent_encode(self.actor(part), NOT_UNRESERVED);
        let path = format!("/v2/acts/{actor}/runs?desc=1&limit={LISTED_MAX}");
        let listed = self.call(Call::get(Operation::List, &path, SCRAPE_PATIENCE, LIST_BYTES_MAX)).await?;
        let listed: Listed = serde_json::from_slice(&listed)
            .map_err(|_| ScrapeFault::Unanswered("apify list: the answer is not a list of runs".to_owned()))?;
        let wanted = input(usernames, part);
        let mut unread = None;
        // The oldest first: a later one with the same input is another scrape's.
        for run in listed.data.items.iter().rev().filter(|run| run.is_since(since)) {
            let store = checked_id(Operation::List, &run.default_key_value_store_id)?;
            let path = format!("/v2/key-value-stores/{store}/records/INPUT");
            let input = match self.call(Call::get(Operation::List, &path, SCRAPE_PATIENCE, RUN_BYTES_MAX)).await {
                Ok(input) => input,
                Err(error) => {
                    unread = Some(error);
                    continue;
                }
            };
            // Apify adds nothing to an input that is valid; a newer default of the actor would be a field more.
            let is_wanted = serde_json::from_slice::<Value>(&input).is_ok_and(|input| has_all(&input, &wanted));
            if is_wanted {
                return Ok(Some(ScrapeTicket {
                    provider_run_id: checked_id(Operation::List, &run.id)?.to_owned(),
                    dataset_id: checked_id(Operation::List, &run.default_dataset_id)?.to_owned(),
                }));
            }
        }
        unread.map_or(Ok(None), |error| Err(error.into()))
    }

    async fn look(
        &self,
        ticket: &ScrapeTicket,
        usernames: &[InstagramHandle],
        left: &[InstagramHandle],
        part: ScrapePart,
        items: usize,
        wait: Duration,
    ) -> Result<Looked, ScrapeFault> {
        let wait_s = wait.as_secs().min(WAIT_SECS_MAX);
        let id = checked_id(Operation::Poll, &ticket.provider_run_id)?;
        let path = format!("/v2/actor-runs/{id}?waitForFinish={wait_s}");
        let timeout = Duration::from_secs(wait_s) + SCRAPE_PATIENCE;
        let run =
            run_of(Operation::Poll, &self.call(Call::get(Operation::Poll, &path, timeout, RUN_BYTES_MAX)).await?)?;
        let reading = Reading { apify: self, run: &run, usernames, left, part };
        match run.status.as_str() {
            "READY" | "RUNNING" | "TIMING-OUT" | "ABORTING" => {
                // What the run has read for one of several may be answered before it ends; posts are complete only then.
                if usernames.len() < 2 || part != ScrapePart::Details || left.is_empty() {
                    return Ok(Looked::Running { read: vec![], items });
                }
                let new = self.items(ticket, part, usernames.len(), items).await?;
                let seen = items + new.len();
                Ok(Looked::Running { read: reading.so_far(&new), items: seen })
            }
            "SUCCEEDED" if left.is_empty() => Ok(Looked::Ended { read: vec![], ended_at: run.ended_at() }),
            "SUCCEEDED" => {
                let all = match self.items(ticket, part, usernames.len(), 0).await {
                    Ok(all) => all,
                    // The stored items stay too large however often they are fetched, and they are billed: assume the most.
                    Err(ItemsError::TooLarge(why)) => return Ok(reading.unusable(&why)),
                    Err(error) => return Err(error.into()),
                };
                Ok(reading.at_the_end(&all))
            }
            ended @ "TIMED-OUT" => Err(ScrapeFault::Overtime(format!("apify run: {ended}"))),
            // FAILED, ABORTED, and any status that is unknown here: another run may succeed.
            ended => Err(ScrapeFault::Retryable(format!("apify run: {}", error_word(Some(ended))))),
        }
    }
}

impl Apify {
    /// The items of a dataset, without the first ones.
    async fn items(
        &self,
        ticket: &ScrapeTicket,
        part: ScrapePart,
        usernames: usize,
        skip: usize,
    ) -> Result<Vec<Value>, ItemsError> {
        let id = checked_id(Operation::Items, &ticket.dataset_id).map_err(ItemsError::Fault)?;
        let each = match part {
            ScrapePart::Details => DETAILS_ITEMS_MAX as usize,
            ScrapePart::Posts(window) => window.count as usize,
        };
        let limit = each * usernames;
        let offset = if skip > 0 { format!("&offset={skip}") } else { String::new() };
        // `clean=1` leaves out empty items and hidden fields.
        let path = format!("/v2/datasets/{id}/items?format=json&clean=1&limit={limit}{offset}");
        let bytes_max = ITEMS_BYTES_MAX * usernames.clamp(1, ITEMS_SHARE_MAX);
        let body = match self.call(Call::get(Operation::Items, &path, SCRAPE_PATIENCE, bytes_max)).await {
            Ok(body) => body,
            Err(error @ CallError { failure: CallFailure::NoAnswer(SendError::TooLarge), .. }) => {
                return Err(ItemsError::TooLarge(error.to_string()));
            }
            Err(error) => return Err(ItemsError::Fault(error.into())),
        };
        // Not JSON: the body broke on the way. Fetching the same dataset again is free, another scrape is not.
        decode::items(&body).map_err(|why| ItemsError::Fault(ScrapeFault::Unanswered(format!("apify items: {why}"))))
    }
}

enum ItemsError {
    TooLarge(String),
    Fault(ScrapeFault),
}

impl From<ItemsError> for ScrapeFault {
    fn from(error: ItemsError) -> Self {
        match error {
            // While the run goes on; at its end they are unusable.
            ItemsError::TooLarge(why) => Self::Unanswered(why),
            ItemsError::Fault(fault) => fault,
        }
    }
}

/// What an actor is asked.
fn input(usernames: &[InstagramHandle], part: ScrapePart) -> Value {
    let window = match part {
        ScrapePart::Details => return json!({ "usernames": usernames }),
        ScrapePart::Posts(window) => window,
    };
    let addresses: Vec<String> =
        usernames.iter().map(|username| format!("https://www.instagram.com/{username}/")).collect();
    let mut input = json!({ "directUrls": addresses, "resultsType": "posts", "resultsLimit": window.count });
    // In whole seconds, as Instagram dates posts, and in the one form of dates that every version of the actor takes.
    let since = window.newer_than.map(|since| format!("{}", since.strftime("%Y-%m-%dT%H:%M:%SZ")));
    if let (Some(since), Some(fields)) = (since, input.as_object_mut()) {
        fields.insert("onlyPostsNewerThan".to_owned(), since.into());
    }
    input
}

/// Whether an input has everything that was sent.
fn has_all(input: &Value, sent: &Value) -> bool {
    sent.as_object().is_some_and(|sent| sent.iter().all(|(name, value)| input.get(name) == Some(value)))
}

fn ticket(operation: Operation, run: &Run) -> Result<ScrapeTicket, ScrapeFault> {
    Ok(ScrapeTicket {
        provider_run_id: checked_id(operation, &run.id)?.to_owned(),
        dataset_id: checked_id(operation, &run.default_dataset_id)?.to_owned(),
    })
}

#[derive(Deserialize)]
struct Envelope {
    data: Run,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    id: String,
    status: String,
    default_dataset_id: String,
    #[serde(default)]
    meta: Meta,
    #[serde(default)]
    stats: Stats,
    #[serde(default)]
    options: charges::Options,
    charged_event_counts: Option<BTreeMap<String, u64>>,
    #[serde(default)]
    pricing_info: charges::PricingInfo,
    finished_at: Option<String>,
}

impl Run {
    /// When it ended, by Apify's clock.
    fn ended_at(&self) -> Option<Timestamp> {
        self.finished_at.as_deref()?.parse().ok()
    }
}

/// A list of runs, of which only what is needed is read.
#[derive(Deserialize)]
struct Listed {
    data: ListedRuns,
}

#[derive(Deserialize)]
struct ListedRuns {
    items: Vec<ListedRun>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListedRun {
    id: String,
    started_at: String,
    default_dataset_id: String,
    default_key_value_store_id: String,
}

impl ListedRun {
    fn is_since(&self, since: Timestamp) -> bool {
        self.started_at.parse::<Timestamp>().is_ok_and(|started| started >= since - CLOCK_SKEW)
    }
}

#[derive(Default, Deserialize)]
struct Meta {
    origin: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stats {
    duration_millis: Option<f64>,
}

fn run_of(operation: Operation, body: &[u8]) -> Result<Run, ScrapeFault> {
    let envelope = serde_json::from_slice::<Envelope>(body);
    envelope
        .map(|envelope| envelope.data)
        .map_err(|_| ScrapeFault::Unanswered(format!("apify {operation}: the answer is not a run")))
}

#[cfg(test)]
mod tests;
