//! What an analysis needs from outside. Every effect MUST be safe to repeat: the workflow runs each at least once.

use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    AnalysisRequest, Assignment, Begun, Cancelled, Completion, InstagramHandle, ModelName, Phase, Profile,
    ProgressUpdate, ProgressView, Run, RunStatus, Snapshot, SnapshotKey,
};
use crate::{
    features::auth::Member,
    http::{IdempotencyKey, Page, PageQuery},
    shared::{
        ids::{AccountId, RunId, UserId},
        store::StoreError,
    },
};

/// Runs, as the calling user: every call is one transaction under the tenant's role.
#[async_trait]
pub trait RunDesk: Send + Sync {
    /// Checks and charges in one transaction.
    ///
    /// # Errors
    /// [`StoreError`]; with `Unavailable` the outcome may be unknown, and an idempotency key makes a repeat safe.
    async fn begin(
        &self,
        member: Member,
        run: RunId,
        request: &AnalysisRequest,
        key: Option<&IdempotencyKey>,
        body_hash: &str,
    ) -> Result<Begun, StoreError>;

    /// Stops a run and settles its charge in one transaction.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn cancel(&self, user: UserId, run: RunId) -> Result<Cancelled, StoreError>;

    /// One run with its result, if it belongs to the member's account.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn get(&self, member: Member, run: RunId) -> Result<Option<Run>, StoreError>;

    /// Runs of the member's account, newest first, without results.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn list(&self, member: Member, page: PageQuery<RunId>) -> Result<Page<Run>, StoreError>;

    /// The state of a run that row-level security lets this user see, whichever of their accounts it belongs to.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn visible_state(&self, user: UserId, run: RunId) -> Result<Option<RunState>, StoreError>;
}

/// The part of a run's row that progress is reconciled with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunState {
    /// Whose run it is.
    pub account_id: AccountId,
    /// Where it is.
    pub status: RunStatus,
    /// What it works on.
    pub phase: Option<Phase>,
    /// The sentence of its error.
    pub error_message: Option<String>,
}

/// Runs, as the system: used by workflows and schedules only, never by a user's request.
#[async_trait]
pub trait RunJournal: Send + Sync {
    /// Marks the run as working and reads its assignment; `None` when it is no longer active.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn take_up(&self, run: RunId) -> Result<Option<Assignment>, StoreError>;

    /// Beats the heart and records the phase; answers whether the run is still active.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn advance(&self, run: RunId, phase: Phase) -> Result<bool, StoreError>;

    /// Lead, analysis and status in one transaction; a repeat answers the same and writes nothing.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn complete(&self, run: RunId, lead: &Value, result: &Value) -> Result<Completion, StoreError>;

    /// Ends the run and refunds it, once.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn fail(&self, run: RunId, code: &str, message: &str) -> Result<(), StoreError>;

    /// Records what a provider will bill, once per `key` (the provider's own response or run id).
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn record_usage(&self, run: RunId, kind: UsageKind, key: &str, usage: &Value) -> Result<(), StoreError>;

    /// The run's state, for reconciling progress.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn state(&self, run: RunId) -> Result<Option<RunState>, StoreError>;

    /// Active runs without a heartbeat for `age`, oldest first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn stale(&self, age: SignedDuration, limit: u32) -> Result<Vec<RunId>, StoreError>;

    /// Fails and refunds one run without a heartbeat for `age`; `None` when there is none left.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn sweep_one(&self, age: SignedDuration) -> Result<Option<RunId>, StoreError>;
}

/// What a provider bills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsageKind {
    /// Tokens.
    Ai,
    /// Scraped results.
    Scrape,
}

/// Starts and wakes workflows. The instance's id is the run's, so a repeated start is the same instance.
#[async_trait]
pub trait RunLauncher: Send + Sync {
    /// Starts the workflow; succeeds when it already exists.
    ///
    /// # Errors
    /// A sentence for the log.
    async fn start(&self, run: RunId) -> Result<(), String>;

    /// Puts the start into the queue, for when [`RunLauncher::start`] failed.
    ///
    /// # Errors
    /// A sentence for the log.
    async fn enqueue(&self, run: RunId) -> Result<(), String>;

    /// Makes an instance that lost its engine go on; starts one that was never created.
    ///
    /// # Errors
    /// A sentence for the log.
    async fn wake(&self, run: RunId) -> Result<(), String>;
}

/// The profile cache: immutable snapshots and, per username, a pointer to the newest.
#[async_trait]
pub trait SnapshotStore: Send + Sync {
    /// The newest snapshot if it was scraped at or after `not_before` and is at least `depth` posts deep.
    ///
    /// # Errors
    /// [`StoreError`]; the caller treats it as a miss.
    async fn find(
        &self,
        username: &InstagramHandle,
        not_before: Timestamp,
        depth: u32,
    ) -> Result<Option<SnapshotKey>, StoreError>;

    /// Keeps a snapshot and moves the pointer forward, never backward. `key_hint` makes a repeated save the same object.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn save(&self, snapshot: &Snapshot, key_hint: &str) -> Result<SnapshotKey, StoreError>;

    /// Reads a snapshot.
    ///
    /// # Errors
    /// [`StoreError`] when it is not there or not readable.
    async fn load(&self, key: &SnapshotKey) -> Result<Snapshot, StoreError>;
}

/// Obtains profiles. Apify's asynchronous start and poll stand behind it now, the global gate later.
#[async_trait]
pub trait ProfileSource: Send + Sync {
    /// Starts a scrape and answers its ticket at once, so that a crash between start and end does not pay twice.
    ///
    /// # Errors
    /// [`ScrapeFault`].
    async fn start(&self, username: &InstagramHandle, depth: u32) -> Result<ScrapeTicket, ScrapeFault>;

    /// Waits up to `wait` for the scrape to end.
    ///
    /// # Errors
    /// [`ScrapeFault`].
    async fn collect(
        &self,
        ticket: &ScrapeTicket,
        username: &InstagramHandle,
        wait: Duration,
    ) -> Result<Collected, ScrapeFault>;
}

/// Names a scrape under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScrapeTicket {
    /// The provider's run id.
    pub provider_run_id: String,
    /// The provider's result set.
    pub dataset_id: String,
}

/// What a scrape gave.
#[derive(Debug, Clone, PartialEq)]
pub enum Collected {
    /// Not finished yet.
    Running,
    /// Finished; `usage` is billed whatever was found.
    Finished {
        /// What was found.
        found: Found,
        /// What the provider bills.
        usage: ScrapeUsage,
    },
}

/// What was found under the username.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// A public profile; boxed because it is large.
    Profile(Box<Profile>),
    /// There is no such profile.
    NotFound,
    /// It is private.
    Private,
    /// It is shown to some viewers only (age).
    Restricted,
    /// The scrape ended and is billed, but what it gave is no answer; another scrape may give one.
    Unusable(String),
}

/// What a scrape costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScrapeUsage {
    /// `apify` or `sandbox`.
    pub source: String,
    /// The actor.
    pub actor: String,
    /// Billed results.
    pub results: u32,
    /// Cost in millionths of a dollar.
    pub cost_microusd: u64,
    /// How long the actor ran, in milliseconds.
    pub duration_ms: Option<u64>,
}

/// Why a scrape gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum ScrapeFault {
    /// The provider did not answer the question, so the scrape it was about may still succeed: ask again, do not start
    /// (and pay) another one.
    #[error("{0}")]
    Unanswered(String),
    /// Trying again may help: overload, a failed actor run, a lost connection, an unreadable answer.
    #[error("{0}")]
    Passing(String),
    /// Trying again cannot help: a refused key, an exhausted plan, a rejected input.
    #[error("{0}")]
    Lasting(String),
}

/// Asks a language model one question with a strict answer schema.
#[async_trait]
pub trait Model: Send + Sync {
    /// One call, without retries of its own.
    async fn ask(&self, question: &Question) -> Answer;
}

/// One call to a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The model.
    pub model: ModelName,
    /// Instructions and business context: byte-identical for a business between runs, so that providers cache it.
    pub system: String,
    /// The fenced profile.
    pub user: String,
    /// Name of the schema, at most 64 of `[A-Za-z0-9_-]`.
    pub schema_name: &'static str,
    /// Strict JSON schema of the answer.
    pub schema: Value,
    /// Longest answer, reasoning included.
    pub output_tokens_max: u32,
    /// Groups calls that share a prefix: the business profile.
    pub cache_key: String,
    /// Longest wait.
    pub timeout: Duration,
}

/// What came back; a failed call may be billed too.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The answer's JSON text, or why there is none.
    pub content: Result<String, AiFault>,
    /// What is billed; `None` when the provider never answered.
    pub usage: Option<AiUsage>,
}

/// What a call costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AiUsage {
    /// The provider's response id.
    pub response_id: String,
    /// `openai` or `sandbox`.
    pub provider: String,
    /// The model that answered.
    pub model: String,
    /// All input tokens, cached ones included.
    pub input_tokens: u64,
    /// Input tokens read from the provider's cache.
    pub cached_tokens: u64,
    /// Output tokens, reasoning included.
    pub output_tokens: u64,
    /// Reasoning tokens within the output.
    pub reasoning_tokens: u64,
    /// Cost in millionths of a dollar, rounded up; `None` when the model has no price.
    pub cost_microusd: Option<u64>,
    /// How long the call took, in milliseconds.
    pub duration_ms: u64,
    /// Why the model stopped.
    pub finish_reason: String,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum AiFault {
    /// Overloaded, rate limited, unreachable, too slow or unreadable: trying again may help.
    #[error("unavailable: {reason}")]
    Unavailable {
        /// For the log.
        reason: String,
        /// The pause that the provider asks for, in milliseconds.
        retry_after_ms: Option<u64>,
    },
    /// The provider's account has no money left.
    #[error("quota exhausted")]
    QuotaExhausted,
    /// The model refused to answer.
    #[error("refused")]
    Refused,
    /// The answer was cut off at the token limit.
    #[error("truncated")]
    Truncated,
    /// The answer does not fit the schema.
    #[error("answer does not fit the schema: {0}")]
    Invalid(String),
    /// The provider rejected the request: a defect of ours or a wrong key.
    #[error("rejected: {0}")]
    Rejected(String),
}

/// Receives progress. It is a convenience for watchers and never decides anything, so it cannot fail.
#[async_trait]
pub trait ProgressSink: Send + Sync {
    /// Tells a run's watchers; a lost update heals by reconciling with the row.
    async fn tell(&self, run: RunId, update: ProgressUpdate);
}

/// Reads progress for a watcher.
#[async_trait]
pub trait ProgressBoard: ProgressSink {
    /// Opens the board of a run that was just charged. Like telling, it cannot fail.
    async fn create(&self, run: RunId, account: AccountId);

    /// The progress if the board knows the run and that this user may see it (a membership proof is kept for 60 s).
    ///
    /// # Errors
    /// A sentence for the log; the caller falls back to the database.
    async fn look(&self, run: RunId, user: UserId) -> Result<Look, String>;

    /// The same after the caller has just seen the run as this user in the database.
    ///
    /// # Errors
    /// A sentence for the log; the caller falls back to the database.
    async fn look_with_proof(&self, run: RunId, user: UserId, state: &RunState) -> Result<Look, String>;
}

/// The board's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Look {
    /// The progress.
    Seen(ProgressView),
    /// Show that this user may see the run.
    ProofNeeded,
    /// The board knows no such run (any more).
    Unknown,
}
