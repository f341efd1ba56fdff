//! One actor run. Its status and its items are a pure function of its plan and the time, so nothing has to advance it,
//! and a run goes on while the sandbox is down.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::input::{self, Actor};
use crate::shared::{clock::iso, latency::ACTOR_WAVE_SIZE, profiles::Catalogue, random::Seeded};

const DAY_MS: u64 = 86_400_000;
/// The owner of all runs.
pub(super) const USER_ID: &str = "sandboxUser000000";
/// What Apify charges for a start, for each gigabyte of memory.
const START_USD: f64 = 0.00005;
/// The least that these actors accept as `maxTotalChargeUsd`.
pub(super) const CHARGE_USD_MIN: f64 = 0.5;
/// Much less than any charge, so that a bound of exactly so many items is one of so many items in floats too.
const ROUNDING_USD: f64 = 1e-9;
/// How long a run that has reached its timeout takes to stop.
const TIMING_OUT_MS: u64 = 500;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Status {
    #[serde(rename = "READY")]
    Ready,
    #[serde(rename = "RUNNING")]
    Running,
    #[serde(rename = "SUCCEEDED")]
    Succeeded,
    #[serde(rename = "FAILED")]
    Failed,
    #[serde(rename = "TIMING-OUT")]
    TimingOut,
    #[serde(rename = "TIMED-OUT")]
    TimedOut,
    #[serde(rename = "ABORTING")]
    Aborting,
    #[serde(rename = "ABORTED")]
    Aborted,
}

impl Status {
    pub(super) fn is_terminal(self) -> bool {
        !matches!(self, Self::Ready | Self::Running | Self::TimingOut | Self::Aborting)
    }

    /// Reads Apify's own word, for example `TIMED-OUT`.
    pub(super) fn parse(word: &str) -> Option<Self> {
        serde_json::from_value(json!(word)).ok()
    }
}

/// The parameters of a start, besides the input.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Options {
    /// 0 means none.
    pub(super) timeout_s: u64,
    pub(super) memory_mb: u64,
    pub(super) max_items: Option<u64>,
    #[serde(default)]
    pub(super) max_total_charge_usd: Option<f64>,
    pub(super) user_agent: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Run {
    pub(super) id: String,
    pub(super) actor: Actor,
    pub(super) input: Value,
    pub(super) dataset_id: String,
    pub(super) store_id: String,
    queue_id: String,
    options: Options,
    pub(super) created_ms: u64,
    /// How much earlier than it was created it took place, by its dates and by the posts that were there.
    #[serde(default)]
    pub(super) ago_ms: u64,
    /// When the start-up and each wave end, in milliseconds after the creation.
    plan_ms: Vec<u64>,
    /// How it ends unless it is aborted or times out.
    pub(super) verdict: Status,
    /// When its abort began, and when it is over.
    aborting_ms: Option<(u64, u64)>,
    /// A test holds it with a fault. Not stored, because faults do not survive a restart either.
    #[serde(skip)]
    pub(super) held: bool,
}

impl Run {
    pub(super) fn new(actor: Actor, input: Value, options: Options, plan_ms: Vec<u64>, created_ms: u64) -> Self {
        let mut random = Seeded::fresh();
        let mut id = || random.alphanumeric(17);
        Self {
            id: id(),
            dataset_id: id(),
            store_id: id(),
            queue_id: id(),
            actor,
            input,
            options,
            created_ms,
            ago_ms: 0,
            plan_ms,
            verdict: Status::Succeeded,
            aborting_ms: None,
            held: false,
        }
    }

    /// Whether this is the id of the run, its dataset or its key-value store.
    pub(super) fn is(&self, id: &str) -> bool {
        self.id == id || self.dataset_id == id || self.store_id == id
    }

    pub(super) fn usernames(&self) -> Vec<String> {
        input::usernames(&self.input)
    }

    pub(super) fn delay(&mut self, delay_ms: u64) {
        if let Some(end) = self.plan_ms.last_mut() {
            *end += delay_ms;
        }
    }

    /// Lets a held run end, not before now.
    pub(super) fn release(&mut self, now_ms: u64) {
        self.held = false;
        if let Some(end) = self.plan_ms.last_mut() {
            *end = (*end).max(now_ms.saturating_sub(self.created_ms));
        }
    }

    /// Begins to abort it, unless it has ended or an abort has begun.
    pub(super) fn abort(&mut self, now_ms: u64, takes_ms: u64) {
        if !self.status(now_ms).is_terminal() && self.aborting_ms.is_none() {
            self.aborting_ms = Some((now_ms, now_ms + takes_ms));
        }
    }

    /// Its status at this time.
    pub(super) fn status(&self, now_ms: u64) -> Status {
        if let Some((_, done_ms)) = self.aborting_ms {
            return if now_ms < done_ms { Status::Aborting } else { Status::Aborted };
        }
        let end_ms = self.planned_end_ms();
        match self.timeout_ms() {
            // Apify stops a run at its timeout, also one that a test holds.
            Some(timeout_ms) if now_ms >= timeout_ms && (self.held || timeout_ms < end_ms) => {
                if now_ms < timeout_ms + TIMING_OUT_MS { Status::TimingOut } else { Status::TimedOut }
            }
            _ if now_ms < self.running_ms() => Status::Ready,
            _ if self.held || now_ms < end_ms => Status::Running,
            _ => self.verdict,
        }
    }

    /// When its status may next become terminal by itself; a call that waits looks again then.
    pub(super) fn next_change_ms(&self, now_ms: u64) -> Option<u64> {
        let abort = self.aborting_ms.map(|(_, done_ms)| done_ms);
        let end = (!self.held).then(|| self.planned_end_ms());
        let stopped = self.timeout_ms().map(|timeout_ms| timeout_ms + TIMING_OUT_MS);
        [abort, self.timeout_ms(), stopped, end].into_iter().flatten().filter(|change| *change > now_ms).min()
    }

    /// When it ended, if it has.
    pub(super) fn finished_ms(&self, now_ms: u64) -> Option<u64> {
        match self.status(now_ms) {
            status if !status.is_terminal() => None,
            Status::Aborted if self.aborting_ms.is_some() => self.aborting_ms.map(|(_, done_ms)| done_ms),
            Status::TimedOut => {
                let is_early = |ms: &u64| self.held || *ms < self.planned_end_ms();
                let stopped = self.timeout_ms().filter(is_early).map(|timeout_ms| timeout_ms + TIMING_OUT_MS);
                stopped.or(Some(self.planned_end_ms()))
            }
            _ => Some(self.planned_end_ms()),
        }
    }

    fn planned_end_ms(&self) -> u64 {
        self.created_ms + self.plan_ms.last().copied().unwrap_or(0)
    }

    /// The container is scheduled in the first third of the start-up.
    fn running_ms(&self) -> u64 {
        self.created_ms + self.plan_ms.first().copied().unwrap_or(0) / 3
    }

    fn timeout_ms(&self) -> Option<u64> {
        (self.options.timeout_s > 0).then(|| self.created_ms + self.options.timeout_s * 1_000)
    }

    /// The items in its dataset at this time: a wave's items appear when the wave is done.
    pub(super) fn items(&self, catalogue: &Catalogue, now_ms: u64) -> Vec<Value> {
        let until_ms = match (self.aborting_ms, self.finished_ms(now_ms)) {
            // An abort stops the work when it begins.
            (Some((since_ms, _)), _) => since_ms,
            (None, finished) => finished.unwrap_or(now_ms),
        };
        let waves = self.plan_ms.iter().skip(1).filter(|end| self.created_ms + **end <= until_ms).count();
        // A run that does not succeed loses the wave that it was in.
        let complete = self.verdict == Status::Succeeded && !self.held;
        let all = self.plan_ms.len().saturating_sub(1);
        let waves = if complete { waves } else { waves.min(all.saturating_sub(1)) };
        // As of the day of the start, so that a run that goes on past midnight does not change its people.
        let day = self.created_ms.saturating_sub(self.ago_ms) / DAY_MS;
        let mut items = self.actor.items(&self.input, waves * ACTOR_WAVE_SIZE, catalogue, day);
        if let Some(max) = self.options.max_items.and_then(|max| usize::try_from(max).ok()) {
            items.truncate(max);
        }
        items.truncate(self.affordable());
        items
    }

    /// A moment of the run as its dates say it.
    pub(super) fn dated(&self, ms: u64) -> String {
        iso(ms.saturating_sub(self.ago_ms))
    }

    fn starts(&self) -> u64 {
        self.options.memory_mb.div_ceil(1_024).max(1)
    }

    /// How many items can be charged before the run has cost what it may cost: then Apify stops it.
    fn affordable(&self) -> usize {
        let Some(bound_usd) = self.options.max_total_charge_usd else { return usize::MAX };
        let left_usd = bound_usd - START_USD * self.starts() as f64 + ROUNDING_USD;
        (left_usd / self.actor.item_usd()).max(0.0) as usize
    }

    /// The run as lists show it.
    pub(super) fn to_short_json(&self, now_ms: u64) -> Value {
        json!({
            "id": self.id,
            "actId": self.actor.id(),
            "status": self.status(now_ms),
            "startedAt": self.dated(self.created_ms),
            "finishedAt": self.finished_ms(now_ms).map(|ms| self.dated(ms)),
            "buildId": self.build_id(),
            "buildNumber": "0.0.427",
            "meta": {"origin": "API", "userAgent": self.options.user_agent},
            // Apify shows this cost to the owner of the actor only.
            "usageTotalUsd": null,
            "defaultKeyValueStoreId": self.store_id,
            "defaultDatasetId": self.dataset_id,
            "defaultRequestQueueId": self.queue_id,
        })
    }

    /// The whole run object.
    pub(super) fn to_json(&self, catalogue: &Catalogue, now_ms: u64) -> Value {
        let status = self.status(now_ms);
        let finished_ms = self.finished_ms(now_ms);
        let mut options = json!({
            "build": "latest", "timeoutSecs": self.options.timeout_s, "memoryMbytes": self.options.memory_mb,
            "diskMbytes": self.options.memory_mb * 2,
        });
        if let Some(fields) = options.as_object_mut() {
            fields.extend(self.options.max_items.map(|max| ("maxItems".into(), json!(max))));
            fields.extend(self.options.max_total_charge_usd.map(|max| ("maxTotalChargeUsd".into(), json!(max))));
        }
        json!({
            "id": self.id,
            "actId": self.actor.id(),
            "userId": USER_ID,
            "startedAt": self.dated(self.created_ms),
            "finishedAt": finished_ms.map(|ms| self.dated(ms)),
            "status": status,
            "statusMessage": status_message(status),
            "isStatusMessageTerminal": null,
            "meta": {"origin": "API", "userAgent": self.options.user_agent},
            "stats": self.stats(now_ms),
            "options": options,
            "buildId": self.build_id(),
            "exitCode": match status {
                Status::Succeeded => json!(0),
                Status::Failed => json!(1),
                _ => Value::Null,
            },
            "defaultKeyValueStoreId": self.store_id,
            "defaultDatasetId": self.dataset_id,
            "defaultRequestQueueId": self.queue_id,
            "pricingInfo": self.pricing(),
            "chargedEventCounts": {
                "apify-actor-start": self.starts(),
                "apify-default-dataset-item": self.items(catalogue, now_ms).len(),
            },
            "platformUsageBillingModel": "DEVELOPER",
            "generalAccess": "FOLLOW_USER_SETTING",
            "buildNumber": "0.0.427",
            "containerUrl": format!("https://{}.runs.apify.net", self.store_id.to_lowercase()),
            "consoleUrl": format!("https://console.apify.com/view/runs/{}", self.id),
        })
    }

    /// These actors charge by event; what an item costs depends on the plan.
    fn pricing(&self) -> Value {
        let tiers = json!({
            "FREE": {"tieredEventPriceUsd": self.actor.item_usd()},
            "GOLD": {"tieredEventPriceUsd": self.actor.item_usd() * 0.6},
        });
        json!({
            "pricingModel": "PAY_PER_EVENT",
            "reasonForChange": "Introducing Apify Store discounts.",
            "createdAt": "2026-06-06T08:10:00.000Z",
            "startedAt": "2026-06-06T08:10:00.000Z",
            "notifiedAboutChangeAt": "2026-06-06T08:10:00.000Z",
            "apifyMarginPercentage": 0.2,
            "minimalMaxTotalChargeUsd": CHARGE_USD_MIN,
            "pricingPerEvent": {"actorChargeEvents": {
                "apify-actor-start": {"eventTitle": "Actor start", "eventPriceUsd": START_USD},
                "apify-default-dataset-item": {"eventTitle": "Result", "eventTieredPricingUsd": tiers},
            }},
        })
    }

    fn build_id(&self) -> String {
        Seeded::from_texts(&["build", self.actor.id()]).alphanumeric(17)
    }

    fn stats(&self, now_ms: u64) -> Value {
        let run_ms = self.finished_ms(now_ms).unwrap_or(now_ms).saturating_sub(self.running_ms());
        let seconds = run_ms as f64 / 1_000.0;
        let gigabytes = self.options.memory_mb as f64 / 1_024.0;
        let mut random = Seeded::from_texts(&["stats", &self.id]);
        json!({
            "inputBodyLen": self.input.to_string().len(),
            "migrationCount": 0,
            "rebootCount": 0,
            "restartCount": 0,
            "durationMillis": run_ms,
            "resurrectCount": 0,
            "runTimeSecs": seconds,
            "metamorph": 0,
            // One compute unit is a gigabyte for an hour.
            "computeUnits": gigabytes * seconds / 3_600.0,
            "memAvgBytes": random.between(7.0e7, 9.0e7),
            "memMaxBytes": random.between(9.0e7, 1.2e8) as u64,
            "memCurrentBytes": 0,
            "cpuAvgUsage": random.between(3.0, 9.0),
            "cpuMaxUsage": random.between(60.0, 99.0),
            "cpuCurrentUsage": 0,
            "netRxBytes": random.between(3.0e5, 9.0e5) as u64,
            "netTxBytes": random.between(1.0e5, 4.0e5) as u64,
        })
    }
}

fn status_message(status: Status) -> Option<&'static str> {
    match status {
        Status::Ready => None,
        Status::Running => Some("Starting the crawler."),
        Status::Succeeded => Some("Scraper finished"),
        Status::Failed => Some("The Actor process exited with an error."),
        Status::TimingOut => Some("Actor run is being stopped."),
        Status::TimedOut => Some("Actor run timed out."),
        Status::Aborting => Some("Actor is being aborted."),
        Status::Aborted => Some("Actor was aborted."),
    }
}

#[cfg(test)]
mod tests;
