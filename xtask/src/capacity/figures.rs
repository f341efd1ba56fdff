//! What one analysis takes, as it was measured in this project.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use oslira_app::features::judging::CallKind;
use oslira_app::shared::analysis_type::AnalysisType;
use serde::Deserialize;

/// What a run asks of everything outside: counted in the simulation, where it is the product's own workflow, gate and scrapes that ask.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Work {
    pub database_statements: f64,
    pub workflow_steps: f64,
    pub gate_requests: f64,
    pub scrape_requests: f64,
    pub progress_requests: f64,
    pub snapshot_searches: f64,
    pub snapshot_saves: f64,
    pub pictures: f64,
    pub points: f64,
}

/// Written by the test `a_run_takes_as_much_as_is_written_down` of `crates/simulation`.
const WORK: &str = include_str!("../../../crates/simulation/work.json");

#[derive(Debug, Clone, Copy, Deserialize)]
struct Temperatures {
    cold: Work,
    cached: Work,
}

/// All figures that come from files.
#[derive(Debug)]
pub struct Figures {
    work: BTreeMap<String, Temperatures>,
}

impl Figures {
    pub fn read() -> Result<Self> {
        let figures = Self { work: serde_json::from_str(WORK).context("crates/simulation/work.json")? };
        for kind in AnalysisType::ALL {
            anyhow::ensure!(
                figures.work.contains_key(kind.as_str()),
                "crates/simulation/work.json lacks {}",
                kind.as_str()
            );
        }
        Ok(figures)
    }

    /// What a workflow asks for.
    pub fn of(&self, kind: AnalysisType, is_cached: bool, figure: impl Fn(&Work) -> f64) -> f64 {
        self.work.get(kind.as_str()).map_or(0.0, |of| figure(if is_cached { &of.cached } else { &of.cold }))
    }
}

/// How long an analysis is under way, in seconds: `cargo xtask bench --only light|deep|xray`, 2026-11-26 (docs/performance.md).
pub const fn total_s(kind: AnalysisType, is_cached: bool) -> f64 {
    match (kind, is_cached) {
        (AnalysisType::Light, false) => 9.8,
        (AnalysisType::Light, true) => 3.0,
        (AnalysisType::Deep, false) => 11.6,
        (AnalysisType::Deep, true) => 4.7,
        (AnalysisType::Xray, false) => 12.4,
        (AnalysisType::Xray, true) => 5.2,
    }
}

/// Statements of the requests round one analysis, by the handlers: the membership, `begin_analysis`, the proof for the first question
/// about progress, and the result.
pub const REQUEST_STATEMENTS: f64 = 4.0;
/// `POST /v1/analyze` and `GET /runs/{id}`.
pub const REQUESTS: f64 = 2.0;
/// By the request: its progress object is made, and the gate is asked ahead unless the profile is cached.
pub const REQUEST_PROGRESS_CALLS: f64 = 1.0;
pub const REQUEST_GATE_CALLS_COLD: f64 = 1.0;
/// Objects that are read for one look into the cache: the pointer and the snapshot (`crates/worker/src/adapters/snapshots.rs`).
pub const READS_PER_SEARCH: f64 = 2.0;
/// For one snapshot that is saved: the key and the pointer are read, then written.
pub const READS_PER_SAVE: f64 = 2.0;
pub const WRITES_PER_SAVE: f64 = 2.0;
/// The Worker holds a run's snapshot while the engine's process lives, so it is read once after the search.
pub const LOADS_PER_RUN: f64 = 1.0;

/// A statement's time on a connection, in seconds: 3 ms in the database (`scale.begin_busy_day_ms.p99` is 3.4, most take less) and 2 ms
/// between Hyperdrive and the database. The second part is assumed: `cargo xtask canary` measures it.
pub const STATEMENT_HOLDS_S: f64 = 0.005;
/// Charges a second on two cores: `ledger.postings_per_s`, `cargo xtask bench --only ledger`, 2026-11-26. The heaviest of the small statements.
pub const TRANSACTIONS_PER_S_PER_CORE: f64 = 4_882.0 / 2.0;

/// An actor run: 3 s to start and 3.5 s for each five profiles or lists of posts (`crates/sandbox/README.md`).
const ACTOR_START_S: f64 = 3.0;
const ACTOR_GROUP_S: f64 = 3.5;
const ACTOR_GROUP: f64 = 5.0;

pub const fn actor_run_s(usernames: f64) -> f64 {
    ACTOR_START_S + ACTOR_GROUP_S * (usernames / ACTOR_GROUP).ceil()
}

/// What workerd's one thread spends on a step or a request, in milliseconds: sixteen connections start 39 LIGHT analyses a second
/// (`http.analyze_ms.p50.c16` 409), each of about six steps and one request. An upper bound: the local engine runs on the same thread.
pub const CPU_MS_PER_STEP: f64 = 26.0 / 7.0;

/// Tokens of a profile as it is shown to a model: 12 posts, or 50 with captions of usual length. The budgets are 3,000 and 9,000.
pub const fn profile_tokens(kind: AnalysisType) -> f64 {
    match kind {
        AnalysisType::Light => 900.0,
        AnalysisType::Deep | AnalysisType::Xray => 4_000.0,
    }
}

/// Of the prefix, what is read from a provider's cache: measured as 1.0, the target is at least this (`prompt.prefix_cached_share`).
pub const PREFIX_CACHED_SHARE: f64 = 0.95;
/// An answer usually takes a third of what it may (`judging/config.rs`).
pub const ANSWER_SHARE_OF_MAX: f64 = 1.0 / 3.0;
/// The sandbox counts one token for four bytes.
const BYTES_PER_TOKEN: f64 = 4.0;

/// Tokens of a call's prefix, system message and answer schema: those of the snapshots of its prompt.
pub fn prefix_tokens(call: CallKind) -> f64 {
    macro_rules! snapshot {
        ($name:literal) => {
            include_str!(concat!("../../../crates/app/src/features/judging/prompt/tests/snapshots/", $name, ".snap"))
        };
    }
    let text = match call {
        CallKind::Light => snapshot!("LIGHT-light"),
        CallKind::Verdict => snapshot!("DEEP-verdict"),
        CallKind::Needs => snapshot!("DEEP-needs"),
        CallKind::Approach => snapshot!("DEEP-approach"),
        CallKind::Outreach => snapshot!("DEEP-outreach"),
        CallKind::Personality => snapshot!("DEEP-personality"),
        CallKind::Motives => snapshot!("XRAY-motives"),
        CallKind::Openness => snapshot!("XRAY-openness"),
        CallKind::Money => snapshot!("XRAY-money"),
        CallKind::Deal => snapshot!("XRAY-deal"),
    };
    let user = text.find("\n=== user\n").zip(text.find("\n=== schema")).map_or(0, |(from, to)| to.saturating_sub(from));
    (text.len() - user) as f64 / BYTES_PER_TOKEN
}

/// Bytes of a row with its indexes in the database of `bench --only scale`, 2026-11-28, by the query in docs/capacity.md, and for how many days
/// it is kept (`None`: for good). An analysis there has a shorter result than a real one: here it has what the results in
/// `workflow/findings/snapshots` take, compressed by Postgres, in a mix of 70:20:10.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    pub name: &'static str,
    pub bytes_per_row: f64,
    pub kept_days: Option<f64>,
}

pub const RUNS: Table = Table { name: "runs", bytes_per_row: 641.0, kept_days: None };
pub const LEDGER: Table = Table { name: "credit_transactions", bytes_per_row: 380.0, kept_days: None };
pub const LEADS: Table = Table { name: "leads", bytes_per_row: 1_556.0, kept_days: None };
pub const ANALYSES: Table = Table { name: "analyses", bytes_per_row: 2_860.0, kept_days: None };
pub const AI_USAGE: Table = Table { name: "ai_usage_logs", bytes_per_row: 495.0, kept_days: Some(90.0) };
pub const SCRAPES: Table = Table { name: "scrape_logs", bytes_per_row: 456.0, kept_days: Some(90.0) };

/// Bytes in R2: assumed, from twelve and fifty posts with their captions as JSON, and a picture of 320 pixels.
pub const fn snapshot_bytes(kind: AnalysisType) -> f64 {
    match kind {
        AnalysisType::Light => 25_000.0,
        AnalysisType::Deep | AnalysisType::Xray => 90_000.0,
    }
}
pub const PICTURE_BYTES: f64 = 40_000.0;
pub const SNAPSHOT_DAYS: f64 = 30.0;
