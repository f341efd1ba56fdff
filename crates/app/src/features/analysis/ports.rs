//! What an analysis needs from outside. Every effect MUST be safe to repeat: the workflow runs each at least once.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    AnalysisRecord, AnalysisRequest, Assignment, BeginOutcome, BulkLauncher, BulkRepository, CancelOutcome, Completion,
    LeadFacts, Measured, NewTicket, Phase, ProgressUpdate, ProgressView, RequiredServices, Run, RunStatus, Transport,
    UndoOutcome, UsageRecord, WatchQuestion, Watched, WatchedRuns,
};
use crate::{
    features::{
        auth::Member,
        billing::TopUpQueue,
        health::Readiness,
        judging::ModelChoice,
        profiles::{InstagramHandle, Profile, SnapshotStore},
        scraping::ProfileSource,
    },
    shared::{
        analysis_type::AnalysisType,
        clock::Clock,
        idempotency::IdempotencyKey,
        ids::{AccountId, Ids, RunId, UserId},
        pagination::{Page, PageQuery},
        store::StoreError,
        telemetry::Telemetry,
    },
};

/// What the feature's handlers can reach.
#[derive(Clone)]
pub struct AnalysisPorts {
    /// Runs, as the calling user.
    pub runs: Arc<dyn RunRepository>,
    pub launcher: Arc<dyn RunLauncher>,
    /// The profile cache.
    pub snapshots: Arc<dyn SnapshotStore>,
    /// The scraper's gate: the scrape is asked for with the request.
    pub profiles: Arc<dyn ProfileSource>,
    /// Bulks, as the calling user.
    pub bulks: Arc<dyn BulkRepository>,
    pub bulk_launcher: Arc<dyn BulkLauncher>,
    /// For a charge that sets out to buy credits.
    pub top_ups: Arc<dyn TopUpQueue>,
    pub progress: Arc<dyn ProgressBoard>,
    /// The models this deployment asks. A charge is refused while the circuit breaker has all models of a call out.
    pub models: Arc<ModelChoice>,
    /// Whether this deployment is configured well enough to charge for work.
    pub readiness: Arc<dyn Readiness>,
    pub ids: Arc<dyn Ids>,
    pub clock: Arc<dyn Clock>,
    pub telemetry: Arc<dyn Telemetry>,
    /// Which runs are known to be whose; one per isolate.
    pub watched: Arc<WatchedRuns>,
}

/// Runs, as the calling user: every call is one transaction under the tenant's role, and fails with a [`StoreError`]
/// when the database does not answer.
#[async_trait]
pub trait RunRepository: Send + Sync {
    /// Checks and charges in one transaction. Refuses before the charge while a service in `needs` and all its
    /// alternatives are out.
    ///
    /// # Errors
    /// [`StoreError`]; with `Unavailable` the outcome may be unknown, and an idempotency key makes a repeat safe.
    async fn begin(
        &self,
        member: Member,
        run: RunId,
        request: &AnalysisRequest,
        needs: &RequiredServices,
        key: Option<&IdempotencyKey>,
        body_hash: &str,
    ) -> Result<BeginOutcome, StoreError>;

    /// What an analysis of this type costs, and how long the account's last ones took; `None` when row-level security
    /// shows no account (a membership that has just ended). MUST be one round trip.
    async fn measure(&self, member: Member, analysis_type: AnalysisType) -> Result<Option<Measured>, StoreError>;

    /// Writes down that the user's active runs among these are being scraped for, where the row does not know it yet.
    async fn note_scrapes(&self, user: UserId, runs: &[RunId]) -> Result<(), StoreError>;

    /// Stops a run and settles its charge in one transaction.
    async fn cancel(&self, user: UserId, run: RunId) -> Result<CancelOutcome, StoreError>;

    /// Takes back the purchase of a run, refunded in the same transaction, unless a workflow has taken it up.
    async fn undo(&self, user: UserId, run: RunId) -> Result<UndoOutcome, StoreError>;

    /// One run with its result, if it belongs to the member's account.
    async fn get(&self, member: Member, run: RunId) -> Result<Option<Run>, StoreError>;

    /// Runs of the member's account, newest first, without results.
    async fn list(&self, member: Member, page: PageQuery<RunId>) -> Result<Page<Run>, StoreError>;

    /// The state of a run that row-level security lets this user see, whichever of their accounts it belongs to.
    async fn visible_state(&self, user: UserId, run: RunId) -> Result<Option<RunState>, StoreError>;
}

/// The part of a run's row that progress is reconciled with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunState {
    pub account_id: AccountId,
    pub status: RunStatus,
    pub phase: Option<Phase>,
    /// The customer's sentence, if the run failed.
    pub error_message: Option<String>,
}

/// Runs, as the system: used by workflows and schedules only, never by a user's request. Every call fails with a
/// [`StoreError`] when the database does not answer.
#[async_trait]
pub trait SystemRuns: Send + Sync {
    /// Marks the run as working and reads its assignment; `None` when it is no longer active.
    async fn take_up(&self, run: RunId) -> Result<Option<Assignment>, StoreError>;

    /// Writes the heartbeat and the phase; answers whether the run is still active.
    async fn advance(&self, run: RunId, phase: Phase) -> Result<bool, StoreError>;

    /// Lead, analysis and status in one transaction; a repeat answers the same and writes nothing.
    async fn complete(&self, run: RunId, lead: &LeadFacts, analysis: &AnalysisRecord)
    -> Result<Completion, StoreError>;

    /// Whether this profile, which was just read, may not be kept: its owner had it erased, under this or another name. Then whatever
    /// else it is called is erased and refused too.
    async fn refuse_erased(&self, profile: &Profile) -> Result<bool, StoreError>;

    /// Ends the run and refunds it, once; answers whether this call did it.
    async fn fail(&self, run: RunId, code: &str, message: &str) -> Result<bool, StoreError>;

    /// Records what a provider will bill, once per `key` (the provider's own response or run id); answers whether it was not known
    /// before. Runs that share a scrape share its bill.
    async fn record_usage(&self, run: RunId, key: &str, usage: &UsageRecord) -> Result<bool, StoreError>;

    /// Marks analyses of this profile as stale, in every account, that judged a scrape older than `scraped_at`; answers
    /// how many.
    async fn mark_stale(&self, username: &InstagramHandle, scraped_at: Timestamp) -> Result<u64, StoreError>;

    /// Tells the circuit breaker that `run` found a provider (`apify`, `openai`, `anthropic`) or a model
    /// (`openai/gpt-6-luna`) out; answers whether that opened the breaker. A repeat may count twice, but never as
    /// another run.
    async fn report_outage(&self, run: RunId, service: &str, outage: Outage) -> Result<bool, StoreError>;

    /// The run's state, for reconciling progress.
    async fn state(&self, run: RunId) -> Result<Option<RunState>, StoreError>;

    /// At most `limit` active runs without a heartbeat for `age`, those silent longest first, that nobody has claimed within
    /// `age` either. Who claims runs wakes them, and says so.
    async fn claim_silent(&self, age: SignedDuration, limit: u32) -> Result<Vec<SilentRun>, StoreError>;

    /// Says that these were woken, or that it was tried: a run that never was is never swept.
    async fn note_woken(&self, runs: &[RunId]) -> Result<(), StoreError>;

    /// Fails and refunds, in one transaction, at most `limit` runs without a heartbeat for `age` that were woken since, at
    /// least `grace` ago; answers which.
    async fn sweep(&self, age: SignedDuration, grace: Duration, limit: u32) -> Result<Vec<RunId>, StoreError>;
}

/// A run that gives no sign of life.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SilentRun {
    pub run_id: RunId,
    /// Seconds since its last heartbeat, or since it was bought.
    pub silent_s: f64,
}

/// How a provider or a model is out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outage {
    /// Our account there has no money or no plan, or our key is refused: new analyses are refused at once.
    Exhausted,
    /// It did not answer one call, even after retries. The third such report within a minute, if they come from at
    /// least two runs, stops new analyses.
    Down,
    /// The provider does not offer this model any more: what no other model can answer is refused at once, until the
    /// provider lists the model again, or for a day.
    Gone,
}

/// What somebody who wakes a run finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// Its workflow goes on, or begins.
    GoesOn,
    /// Its workflow has ended, although the run has not: nothing can wake it.
    HasEnded,
}

/// Starts and wakes workflows. The instance's id is the run's, so a repeated start is the same instance.
#[async_trait]
pub trait RunLauncher: Send + Sync {
    /// Starts the workflow; succeeds when it already exists.
    ///
    /// # Errors
    /// A sentence for the log.
    async fn start(&self, run: RunId) -> Result<(), String>;

    /// Starts several workflows; succeeds when each exists. An engine that takes many at once SHOULD be asked once.
    ///
    /// # Errors
    /// A sentence for the log; some may have been started.
    async fn start_many(&self, runs: &[RunId]) -> Result<(), String> {
        for run in runs {
            self.start(*run).await?;
        }
        Ok(())
    }

    /// Puts the start into the queue, for when [`RunLauncher::start`] failed.
    ///
    /// # Errors
    /// A sentence for the log.
    async fn enqueue(&self, run: RunId) -> Result<(), String>;

    /// Makes an instance that lost its engine go on; starts one that was never created. One that has ended is left as it is.
    ///
    /// # Errors
    /// A sentence for the log.
    async fn wake(&self, run: RunId) -> Result<Woken, String>;

    /// Has the queue go on with the recovery of silent runs at once.
    ///
    /// # Errors
    /// A sentence for the log.
    async fn enqueue_recovery(&self) -> Result<(), String>;
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
    async fn look(&self, run: RunId, user: UserId) -> Result<ProgressLookup, String>;

    /// The same for a caller that has just read the run in the database as this user: `state` is the proof.
    ///
    /// # Errors
    /// A sentence for the log; the caller falls back to the database.
    async fn look_with_proof(&self, run: RunId, user: UserId, state: &RunState) -> Result<ProgressLookup, String>;

    /// The name that the platform gives to the run's object. MUST be one that nobody outside can derive, and MUST be
    /// found without waking the object.
    ///
    /// # Errors
    /// A sentence for the log.
    fn object_of(&self, run: RunId) -> Result<String, String>;

    /// Keeps a ticket for a caller who has just read the run in the database; `false` if `state` is not this run's.
    ///
    /// # Errors
    /// A sentence for the log.
    async fn keep_ticket(&self, run: RunId, state: &RunState, ticket: &NewTicket) -> Result<bool, String>;

    /// Opens a connection for a watcher, if the board lets them in.
    ///
    /// # Errors
    /// A sentence for the log.
    async fn watch(&self, question: &WatchQuestion, transport: Transport) -> Result<Watched, String>;
}

/// The board's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProgressLookup {
    Seen(ProgressView),
    /// The board does not know yet that this user may see the run: ask again with a proof.
    ProofNeeded,
    /// The board never knew this run, or has deleted it.
    Unknown,
}
