//! What the canary's account does: it buys analyses as a customer does, and follows them.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use oslira_app::features::analysis::ProgressEvent;
use oslira_app::shared::analysis_type::AnalysisType;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::{Accepted, Progress};
use crate::deployed::{Deployed, Fault, Refusal};

/// What the account's own business profile is called.
const BUSINESS: &str = "Canary";
const ASK_EVERY: Duration = Duration::from_millis(500);
/// How often a purchase is tried whose answer may be lost, and how long is waited before that.
const ATTEMPTS: u32 = 4;
const PAUSE: Duration = Duration::from_secs(2);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// An analysis to buy.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub analysis_type: AnalysisType,
    pub username: String,
    /// Among those of its type.
    pub place: usize,
}

/// How long a run was in a phase, as its watchers are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhaseTime {
    pub phase: &'static str,
    pub took_ms: u64,
}

pub struct Customer {
    api: Deployed,
}

#[derive(Deserialize)]
struct BusinessProfile {
    id: String,
    name: String,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<BusinessProfile>,
}

#[derive(Deserialize)]
struct Estimate {
    credits_total: i64,
    balance: i64,
}

impl Customer {
    pub const fn new(api: Deployed) -> Self {
        Self { api }
    }

    /// The id of the account's business profile for canaries, which is made if there is none.
    pub fn business_profile(&self) -> Result<String, Fault> {
        let page: Page = patiently(|| self.api.get("/business-profiles?limit=100"))?;
        if let Some(found) = page.items.into_iter().find(|profile| profile.name == BUSINESS) {
            return Ok(found.id);
        }
        let body = json!({
            "name": BUSINESS,
            "offering": "Outdoor equipment for people who travel, sold online.",
            "target_audience": "Adventurous people who share what they see.",
            "ideal_customer": { "follower_min": 1_000, "content_themes": ["travel", "outdoors", "sports"] },
        });
        let key = "cargo-xtask-canary-business-profile";
        let made: BusinessProfile = patiently(|| self.api.post("/business-profiles", Some(key), &body))?;
        Ok(made.id)
    }

    /// Refuses what the account cannot pay, before the first purchase.
    pub fn check_credits(&self, wanted: &[Wanted]) -> Result<(), Fault> {
        let (mut required, mut balance) = (0, 0);
        for kind in AnalysisType::ALL {
            let count = wanted.iter().filter(|one| one.analysis_type == kind).count();
            if count > 0 {
                let path = format!("/v1/estimate?analysis_type={}&count={count}", kind.as_str());
                let estimate: Estimate = patiently(|| self.api.get(&path))?;
                required += estimate.credits_total;
                balance = estimate.balance;
            }
        }
        if required > balance {
            return Err(Fault::Refused(Box::new(Refusal {
                status: 402,
                code: "insufficient_credits".to_owned(),
                sentence: format!(
                    "The canary's account has {balance} credits, and these analyses cost {required}; none was bought."
                ),
                details: Value::Null,
            })));
        }
        Ok(())
    }

    /// Buys an analysis, once for each key, and returns the run's id.
    pub fn begin(&self, wanted: &Wanted, business_profile: &str, key: &str) -> Result<String, Fault> {
        let kind = wanted.analysis_type.as_str();
        let body = json!({
            "username": wanted.username, "analysis_type": kind, "business_profile_id": business_profile,
        });
        let key = format!("canary:{key}:{kind}:{}", wanted.place);
        let accepted: Accepted = patiently(|| self.api.post("/v1/analyze", Some(&key), &body))?;
        Ok(accepted.run_id)
    }

    /// Waits for the end of a run: its last status, or why none was seen.
    pub fn end_of(&self, run: &str, patience: Duration) -> Result<String, String> {
        let deadline = Instant::now() + patience;
        let mut last = "nothing was heard of it".to_owned();
        while Instant::now() < deadline {
            match self.api.get::<Progress>(&format!("/runs/{run}/progress")) {
                Ok(progress) if progress.is_final() => return Ok(progress.status),
                Ok(progress) => last = progress.message.unwrap_or(progress.status),
                Err(fault) if fault.may_pass() => last = fault.to_string(),
                Err(fault) => return Err(format!("it could not be followed: {fault}")),
            }
            std::thread::sleep(ASK_EVERY);
        }
        Err(format!(
            "it has not ended within {} s ({last}): `cargo xtask operate wake {run}` has the engine go on, `… fail {run}` refunds it",
            patience.as_secs()
        ))
    }

    /// How long the run was in each phase; none if its events are not told any more, as an hour after its end.
    pub fn phases(&self, run: &str) -> Vec<PhaseTime> {
        self.api.events(run).map(|stream| phases_of(&stream)).unwrap_or_default()
    }
}

/// Asks until there is an answer that will not change, a few times at most.
fn patiently<T>(ask: impl Fn() -> Result<T, Fault>) -> Result<T, Fault> {
    for _ in 1..ATTEMPTS {
        match ask() {
            Err(fault) if fault.may_pass() => {
                std::thread::sleep(fault.retry_after().unwrap_or(PAUSE).min(PAUSE_MAX));
            }
            outcome => return outcome,
        }
    }
    ask()
}

/// From each event to the next one, in the order of the run.
fn phases_of(stream: &str) -> Vec<PhaseTime> {
    let data = stream.lines().filter_map(|line| line.strip_prefix("data:"));
    let events: Vec<ProgressEvent> = data.filter_map(|json| serde_json::from_str(json.trim()).ok()).collect();
    let took = |from: Timestamp, until: Timestamp| u64::try_from(until.duration_since(from).as_millis()).unwrap_or(0);
    let pairs = events.iter().zip(events.iter().skip(1));
    pairs
        .filter_map(|(event, next)| {
            // Before the first phase it waits, which the run's timings tell.
            let phase = event.phase?.as_str();
            Some(PhaseTime { phase, took_ms: took(event.at, next.at) })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_phase_lasts_until_the_next_event() {
        let event = |seq: u32, phase: &str, at: &str| {
            let phase = if phase.is_empty() { Value::Null } else { json!(phase) };
            let status = if seq == 4 { "complete" } else { "processing" };
            let data = json!({
                "seq": seq, "status": status, "phase": phase, "percent": 1, "message": "Working", "at": at,
            });
            format!("id: {seq}\nevent: progress\ndata: {data}\n\n")
        };
        let stream = [
            "retry: 2000\n\n: still here\n\n".to_owned(),
            event(1, "", "2026-11-27T09:30:00Z"),
            event(2, "cache", "2026-11-27T09:30:00.2Z"),
            event(3, "scraping", "2026-11-27T09:30:00.25Z"),
            event(4, "scraping", "2026-11-27T09:30:04.25Z"),
        ];
        let expected = [("cache", 50), ("scraping", 4_000)].map(|(phase, took_ms)| PhaseTime { phase, took_ms });
        assert_eq!(phases_of(&stream.concat()), expected);
        assert_eq!(phases_of("data: not JSON\n\n"), []);
    }

    #[test]
    fn only_what_may_pass_is_asked_again() {
        let asked = Cell::new(0);
        let refuse = |status: u16| {
            asked.set(0);
            let ask = || {
                asked.set(asked.get() + 1);
                // No pause: the API says at once.
                let details = json!({ "retry_after_s": 0 });
                let (code, sentence) = ("x".to_owned(), String::new());
                Err::<(), Fault>(Fault::Refused(Box::new(Refusal { status, code, sentence, details })))
            };
            assert!(patiently(ask).is_err());
            asked.get()
        };
        assert_eq!([refuse(402), refuse(409), refuse(429), refuse(503)], [1, 1, ATTEMPTS, ATTEMPTS]);
    }
}
