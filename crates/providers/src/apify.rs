//! Profiles from Apify's Instagram profile actor: started, polled, fetched.
//!
//! A start answers a ticket at once, so that a crash between start and end finds the paid run again. One name per run
//! and `maxItems=1` bound what a run can cost.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, StatusCode};
use oslira_app::features::analysis::{
    Collected, Found, InstagramHandle, ProfileSource, ScrapeFault, ScrapeTicket, ScrapeUsage, config::SCRAPE_TIMEOUT,
};
use serde::Deserialize;
use serde_json::json;

use crate::send::{Endpoint, HttpSend, SendError, error_word};

mod decode;

/// The actor that is asked unless the environment names another.
pub const PROFILE_ACTOR: &str = "apify~instagram-profile-scraper";

/// What the actor's owner takes for a result, by a run recorded in 2025; the environment may say otherwise.
pub const PRICE_PER_RESULT_MICROUSD: u64 = 2_700;

/// Longest wait for an answer that Apify gives at once.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);
/// On top of the wait that was asked for.
const WAIT_MARGIN: Duration = Duration::from_secs(10);
/// Apify waits no longer in one call.
const WAIT_SECS_MAX: u64 = 60;
const RUN_BYTES_MAX: usize = 256 * 1024;
/// A profile has about 100 KiB, and 1 MiB with every picture of twelve albums.
const ITEMS_BYTES_MAX: usize = 2 * 1024 * 1024;
const ID_BYTES_MAX: usize = 64;

/// Faults by the plan's limits on what runs at once: they pass when other runs end.
const CROWDED: [&str; 2] = ["actor-memory-limit-exceeded", "concurrent-runs-limit-exceeded"];

/// The profile source.
pub struct Apify {
    send: Arc<dyn HttpSend>,
    endpoint: Endpoint,
    profile_actor: String,
    price_per_result_microusd: u64,
    timeout: Duration,
}

impl Apify {
    /// With the usual actor, its price and the configured timeout; `endpoint` is the address without `/v2`.
    #[must_use]
    pub fn new(send: Arc<dyn HttpSend>, endpoint: Endpoint) -> Self {
        Self {
            send,
            endpoint,
            profile_actor: PROFILE_ACTOR.to_owned(),
            price_per_result_microusd: PRICE_PER_RESULT_MICROUSD,
            timeout: SCRAPE_TIMEOUT,
        }
    }

    /// Asks another actor of the same form, as `user~name`, `user/name` or by its id.
    #[must_use]
    pub fn with_actor(mut self, actor: &str) -> Self {
        self.profile_actor = actor.replace('/', "~");
        self
    }

    /// Charges another price for a result.
    #[must_use]
    pub fn with_price(mut self, per_result_microusd: u64) -> Self {
        self.price_per_result_microusd = per_result_microusd;
        self
    }

    async fn call(&self, call: Call<'_>) -> Result<Bytes, ScrapeFault> {
        let step = call.step;
        let passing = |why: SendError| ScrapeFault::Passing(format!("apify {step}: {why}"));
        let request = self.endpoint.request(call.method, call.path, call.body).map_err(passing)?;
        // Only a start has an effect worth repeating as a whole; any other question can simply be asked again.
        let passing = |why: SendError| match step {
            "start" => passing(why),
            _ => ScrapeFault::Unanswered(format!("apify {step}: {why}")),
        };
        let response = self.send.send(request, call.timeout, call.body_bytes_max).await.map_err(passing)?;
        let status = response.status();
        if status.is_success() { Ok(response.into_body()) } else { Err(fault(step, status, response.body())) }
    }

    fn usage(&self, run: &Run, results: usize) -> ScrapeUsage {
        let results = u32::try_from(results).unwrap_or(u32::MAX);
        let is_sandbox = run.meta.origin.as_deref() == Some("SANDBOX") || self.endpoint.is_sandbox();
        ScrapeUsage {
            source: if is_sandbox { "sandbox" } else { "apify" }.to_owned(),
            actor: self.profile_actor.clone(),
            results,
            cost_microusd: self.price_per_result_microusd.saturating_mul(u64::from(results)),
            duration_ms: run.stats.duration_millis.filter(|ms| *ms >= 0.0).map(|ms| ms as u64),
        }
    }
}

#[async_trait]
impl ProfileSource for Apify {
    async fn start(&self, username: &InstagramHandle, depth: u32) -> Result<ScrapeTicket, ScrapeFault> {
        if usize::try_from(depth).unwrap_or(usize::MAX) > decode::POSTS_MAX {
            let why = format!("apify start: the profile actor shows {} posts, not {depth}", decode::POSTS_MAX);
            return Err(ScrapeFault::Lasting(why));
        }
        let actor = encoded(&self.profile_actor);
        let path = format!("/v2/acts/{actor}/runs?timeout={}&maxItems=1", self.timeout.as_secs());
        let body = json!({"usernames": [username]}).to_string().into();
        let (method, timeout, body_bytes_max) = (Method::POST, CALL_TIMEOUT, RUN_BYTES_MAX);
        let answer = self.call(Call { step: "start", method, path: &path, body, timeout, body_bytes_max }).await?;
        let run = run_of("start", &answer)?;
        Ok(ScrapeTicket {
            provider_run_id: checked_id("start", &run.id)?.to_owned(),
            dataset_id: checked_id("start", &run.default_dataset_id)?.to_owned(),
        })
    }

    async fn collect(
        &self,
        ticket: &ScrapeTicket,
        username: &InstagramHandle,
        wait: Duration,
    ) -> Result<Collected, ScrapeFault> {
        let wait_s = wait.as_secs().min(WAIT_SECS_MAX);
        let id = checked_id("poll", &ticket.provider_run_id)?;
        let path = format!("/v2/actor-runs/{id}?waitForFinish={wait_s}");
        let timeout = Duration::from_secs(wait_s) + WAIT_MARGIN;
        let run = run_of("poll", &self.call(Call::get("poll", &path, timeout, RUN_BYTES_MAX)).await?)?;
        match run.status.as_str() {
            "READY" | "RUNNING" | "TIMING-OUT" | "ABORTING" => return Ok(Collected::Running),
            "SUCCEEDED" => {}
            ended => return Err(ScrapeFault::Passing(format!("apify run: {}", error_word(Some(ended))))),
        }
        let id = checked_id("items", &ticket.dataset_id)?;
        let path = format!("/v2/datasets/{id}/items?format=json&clean=1&limit=10");
        let body = self.call(Call::get("items", &path, CALL_TIMEOUT, ITEMS_BYTES_MAX)).await?;
        let items = decode::items(&body).map_err(|why| ScrapeFault::Unanswered(format!("apify items: {why}")))?;
        let found =
            decode::found(&items, username).unwrap_or_else(|why| Found::Unusable(format!("apify items: {why}")));
        Ok(Collected::Finished { found, usage: self.usage(&run, items.len()) })
    }
}

/// One call, and what it is called in messages.
struct Call<'a> {
    step: &'static str,
    method: Method,
    path: &'a str,
    body: Bytes,
    timeout: Duration,
    body_bytes_max: usize,
}

impl<'a> Call<'a> {
    fn get(step: &'static str, path: &'a str, timeout: Duration, body_bytes_max: usize) -> Self {
        Self { step, method: Method::GET, path, body: Bytes::new(), timeout, body_bytes_max }
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

fn run_of(step: &str, body: &[u8]) -> Result<Run, ScrapeFault> {
    let message = format!("apify {step}: the answer is not a run");
    let unreadable = |_| match step {
        "start" => ScrapeFault::Passing(message.clone()),
        _ => ScrapeFault::Unanswered(message.clone()),
    };
    serde_json::from_slice::<Envelope>(body).map(|envelope| envelope.data).map_err(unreadable)
}

/// Whether a refusal lasts. A run may be asked for before every part of Apify knows it, so that there a 404 passes.
fn fault(step: &str, status: StatusCode, body: &[u8]) -> ScrapeFault {
    let refusal = serde_json::from_slice::<Refusal>(body).ok();
    let kind = error_word(refusal.as_ref().and_then(|refusal| refusal.error.kind.as_deref()));
    let message = format!("apify {step}: {} {kind}", status.as_u16());
    let passes = match status {
        _ if CROWDED.contains(&kind) => true,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => true,
        StatusCode::NOT_FOUND => step != "start",
        _ => !status.is_client_error(),
    };
    match passes {
        // A run that is not there cannot be asked again.
        true if step == "start" || status == StatusCode::NOT_FOUND => ScrapeFault::Passing(message),
        true => ScrapeFault::Unanswered(message),
        false => ScrapeFault::Lasting(message),
    }
}

/// Ids come from outside and go into paths.
fn checked_id<'a>(step: &str, id: &'a str) -> Result<&'a str, ScrapeFault> {
    let valid = (1..=ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if valid { Ok(id) } else { Err(ScrapeFault::Passing(format!("apify {step}: not an id"))) }
}

/// A path segment, percent-encoded.
fn encoded(segment: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    segment.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests;
