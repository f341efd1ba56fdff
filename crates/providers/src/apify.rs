//! Profiles and posts from Apify's Instagram actors: start an actor run, poll it, fetch its items.
//!
//! A start returns a ticket at once, so that after a crash the workflow finds the run that is already paid. One
//! username per run, `maxItems` and `maxTotalChargeUsd` bound what a run can cost.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, StatusCode};
use jiff::Timestamp;
use oslira_app::features::{
    analysis::config::{SCRAPE_PATIENCE, SCRAPE_TIMEOUT},
    profiles::{
        Collected, Found, InstagramHandle, PostsWindow, ProfileSource, ScrapeFault, ScrapePart, ScrapeTicket,
        ScrapeUsage,
    },
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::send::{Endpoint, HttpSend, SendError, error_word};

mod charges;
mod decode;
mod settings;

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
/// A run about one username gives one item, besides possible error items.
const DETAILS_ITEMS_MAX: u32 = 10;
const ID_BYTES_MAX: usize = 64;

/// Refusals because of our account: every scrape would meet them.
const OUR_ACCOUNT: [StatusCode; 3] = [StatusCode::UNAUTHORIZED, StatusCode::PAYMENT_REQUIRED, StatusCode::FORBIDDEN];

/// Refusals because the plan allows no more runs at once: they end when other runs end. Apify lists them under status
/// 402, like an empty account, so only the error type tells them apart.
const AT_CAPACITY: [&str; 2] = ["actor-memory-limit-exceeded", "concurrent-runs-limit-exceeded"];

pub struct Apify {
    send: Arc<dyn HttpSend>,
    endpoint: Endpoint,
    settings: ScraperSettings,
    timeout: Duration,
    patience: Duration,
}

impl Apify {
    /// With the usual actors and prices and the configured timeout; `endpoint` is the address without `/v2`.
    #[must_use]
    pub fn new(send: Arc<dyn HttpSend>, endpoint: Endpoint) -> Self {
        Self {
            send,
            endpoint,
            settings: ScraperSettings::default(),
            timeout: SCRAPE_TIMEOUT,
            patience: SCRAPE_PATIENCE,
        }
    }

    /// Uses the actors and prices of a deployment.
    #[must_use]
    pub fn with_settings(mut self, settings: ScraperSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Gives an unanswered call up so long after the wait that it asked for.
    #[must_use]
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
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

    fn usage(&self, run: &Run, part: ScrapePart, items: usize) -> ScrapeUsage {
        let (results, cost_microusd) = charges::of(run, part, &self.settings, items);
        // Either mark is enough: results of a sandbox must never look like Apify's.
        let is_sandbox = run.meta.origin.as_deref() == Some("SANDBOX") || self.endpoint.is_sandbox();
        ScrapeUsage {
            source: if is_sandbox { "sandbox" } else { "apify" }.to_owned(),
            actor: self.actor(part).to_owned(),
            results: u32::try_from(results).unwrap_or(u32::MAX),
            cost_microusd,
            duration_ms: run.stats.duration_millis.filter(|ms| *ms >= 0.0).map(|ms| ms as u64),
        }
    }
}

#[async_trait]
impl ProfileSource for Apify {
    async fn start(&self, username: &InstagramHandle, part: ScrapePart) -> Result<ScrapeTicket, ScrapeFault> {
        let actor = utf8_percent_encode(self.actor(part), NOT_UNRESERVED);
        // Both bound the bill: `maxItems` where an actor charges by result, `maxTotalChargeUsd` where by event.
        let (items_max, input) = match part {
            ScrapePart::Details => (1, json!({"usernames": [username]})),
            ScrapePart::Posts(window) => (window.count, posts_input(username, window)),
        };
        // `timeout` makes Apify end the run, and its bill, even if nobody polls it any more.
        let (timeout_s, charge_max) = (self.timeout.as_secs(), charges::bound_usd(part, &self.settings, items_max));
        let path =
            format!("/v2/acts/{actor}/runs?timeout={timeout_s}&maxItems={items_max}&maxTotalChargeUsd={charge_max}");
        let body = input.to_string().into();
        let (method, timeout, body_bytes_max) = (Method::POST, self.patience, RUN_BYTES_MAX);
        let answer =
            self.call(Call { operation: Operation::Start, method, path: &path, body, timeout, body_bytes_max }).await?;
        let run = run_of(Operation::Start, &answer)?;
        Ok(ScrapeTicket {
            provider_run_id: checked_id(Operation::Start, &run.id)?.to_owned(),
            dataset_id: checked_id(Operation::Start, &run.default_dataset_id)?.to_owned(),
        })
    }

    async fn collect(
        &self,
        ticket: &ScrapeTicket,
        username: &InstagramHandle,
        part: ScrapePart,
        wait: Duration,
    ) -> Result<Collected, ScrapeFault> {
        let wait_s = wait.as_secs().min(WAIT_SECS_MAX);
        let id = checked_id(Operation::Poll, &ticket.provider_run_id)?;
        let path = format!("/v2/actor-runs/{id}?waitForFinish={wait_s}");
        let timeout = Duration::from_secs(wait_s) + self.patience;
        let run =
            run_of(Operation::Poll, &self.call(Call::get(Operation::Poll, &path, timeout, RUN_BYTES_MAX)).await?)?;
        match run.status.as_str() {
            "READY" | "RUNNING" | "TIMING-OUT" | "ABORTING" => return Ok(Collected::Running),
            "SUCCEEDED" => {}
            ended @ "TIMED-OUT" => return Err(ScrapeFault::Overtime(format!("apify run: {ended}"))),
            // FAILED, ABORTED, and any status that is unknown here: another run may succeed.
            ended => return Err(ScrapeFault::Retryable(format!("apify run: {}", error_word(Some(ended))))),
        }
        let ended_at = run.ended_at();
        let id = checked_id(Operation::Items, &ticket.dataset_id)?;
        let limit = match part {
            ScrapePart::Details => DETAILS_ITEMS_MAX,
            ScrapePart::Posts(window) => window.count,
        };
        // `clean=1` leaves out empty items and hidden fields.
        let path = format!("/v2/datasets/{id}/items?format=json&clean=1&limit={limit}");
        let body = match self.call(Call::get(Operation::Items, &path, self.patience, ITEMS_BYTES_MAX)).await {
            Ok(body) => body,
            // The stored items stay too large however often they are fetched, and they are billed: assume the most.
            Err(error @ CallError { failure: CallFailure::NoAnswer(SendError::TooLarge), .. }) => {
                let usage = self.usage(&run, part, limit as usize);
                return Ok(Collected::Finished { found: Found::Unusable(error.to_string()), usage, ended_at });
            }
            Err(error) => return Err(error.into()),
        };
        // Not JSON: the body broke on the way. Fetching the same dataset again is free, another scrape is not.
        let items = decode::items(&body).map_err(|why| ScrapeFault::Unanswered(format!("apify items: {why}")))?;
        let usage = self.usage(&run, part, items.len());
        // The counts and the dataset are two stores of Apify's, of which one may be behind the other.
        if items.is_empty() && usage.results > 0 {
            return Ok(Collected::ItemsMissing { usage });
        }
        let found = match part {
            ScrapePart::Details => decode::found(&items, username),
            ScrapePart::Posts(window) => decode::posts(&items, username, window.count as usize),
        };
        let found = found.unwrap_or_else(|why| Found::Unusable(format!("apify items: {why}")));
        Ok(Collected::Finished { found, usage, ended_at })
    }
}

fn posts_input(username: &InstagramHandle, window: PostsWindow) -> Value {
    let mut input = json!({
        "directUrls": [format!("https://www.instagram.com/{username}/")],
        "resultsType": "posts",
        "resultsLimit": window.count,
    });
    // In whole seconds, as Instagram dates posts, and in the one form of dates that every version of the actor takes.
    let since = window.newer_than.map(|since| format!("{}", since.strftime("%Y-%m-%dT%H:%M:%SZ")));
    if let (Some(since), Some(fields)) = (since, input.as_object_mut()) {
        fields.insert("onlyPostsNewerThan".to_owned(), since.into());
    }
    input
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Start,
    Poll,
    Items,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "start",
            Self::Poll => "poll",
            Self::Items => "items",
        })
    }
}

impl Operation {
    /// A failure that may pass. A start is retried as a whole new run; a question about a paid run is asked again.
    const fn passing(self, message: String) -> ScrapeFault {
        match self {
            Self::Start => ScrapeFault::Retryable(message),
            Self::Poll | Self::Items => ScrapeFault::Unanswered(message),
        }
    }
}

struct Call<'a> {
    operation: Operation,
    method: Method,
    path: &'a str,
    body: Bytes,
    timeout: Duration,
    body_bytes_max: usize,
}

impl<'a> Call<'a> {
    fn get(operation: Operation, path: &'a str, timeout: Duration, body_bytes_max: usize) -> Self {
        Self { operation, method: Method::GET, path, body: Bytes::new(), timeout, body_bytes_max }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("apify {operation}: {failure}")]
struct CallError {
    operation: Operation,
    failure: CallFailure,
}

#[derive(Debug, thiserror::Error)]
enum CallFailure {
    #[error("{0}")]
    NotSent(SendError),
    #[error("{0}")]
    NoAnswer(SendError),
    #[error("{} {kind}", status.as_u16())]
    Refused { status: StatusCode, kind: String },
}

impl From<CallError> for ScrapeFault {
    fn from(error: CallError) -> Self {
        let (operation, message) = (error.operation, error.to_string());
        match error.failure {
            // The request could not be built, so no run is waiting for an answer.
            CallFailure::NotSent(_) => Self::Retryable(message),
            CallFailure::NoAnswer(SendError::Timeout) => Self::TimedOut(message),
            CallFailure::NoAnswer(_) => operation.passing(message),
            CallFailure::Refused { status, kind } => refused(operation, status, &kind, message),
        }
    }
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

#[derive(Default, Deserialize)]
struct Meta {
    origin: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stats {
    duration_millis: Option<f64>,
}

#[derive(Deserialize)]
struct Refusal {
    error: RefusalBody,
}

#[derive(Deserialize)]
struct RefusalBody {
    #[serde(rename = "type")]
    kind: Option<String>,
}

fn run_of(operation: Operation, body: &[u8]) -> Result<Run, ScrapeFault> {
    let envelope = serde_json::from_slice::<Envelope>(body);
    envelope
        .map(|envelope| envelope.data)
        .map_err(|_| operation.passing(format!("apify {operation}: the answer is not a run")))
}

fn refusal_kind(body: &[u8]) -> String {
    let refusal = serde_json::from_slice::<Refusal>(body).ok();
    error_word(refusal.as_ref().and_then(|refusal| refusal.error.kind.as_deref())).to_owned()
}

/// Whether a refusal is final. Polling a run that was just started may answer 404 until all of Apify knows it, so a 404
/// is final for a start only.
fn refused(operation: Operation, status: StatusCode, kind: &str, message: String) -> ScrapeFault {
    let is_at_capacity = AT_CAPACITY.contains(&kind);
    let passes = match status {
        _ if is_at_capacity => true,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => true,
        StatusCode::NOT_FOUND => operation != Operation::Start,
        _ => !status.is_client_error(),
    };
    match passes {
        true if operation == Operation::Start && (is_at_capacity || status == StatusCode::TOO_MANY_REQUESTS) => {
            ScrapeFault::AtCapacity(message)
        }
        true => operation.passing(message),
        false if OUR_ACCOUNT.contains(&status) => ScrapeFault::Exhausted(message),
        false => ScrapeFault::Terminal(message),
    }
}

/// Ids come from Apify and go into the paths of requests that carry our token: only letters and digits may pass.
fn checked_id(operation: Operation, id: &str) -> Result<&str, ScrapeFault> {
    let valid = (1..=ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if valid { Ok(id) } else { Err(ScrapeFault::Retryable(format!("apify {operation}: not an id"))) }
}

#[cfg(test)]
mod tests;
