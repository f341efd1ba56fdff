//! What bulks need from outside.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Bulk, BulkCancelled, BulkOptions, BulkOutcome, BulkProgress, ListEntry};
use crate::{
    features::{analysis::RequiredServices, auth::Member, profiles::InstagramHandle},
    shared::{
        analysis_type::AnalysisType,
        idempotency::IdempotencyKey,
        ids::{AccountId, BulkId, BusinessProfileId, RunId, UserId},
        store::StoreError,
    },
};

/// A line with the id that its run gets if it is bought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BulkLine {
    pub line: u32,
    pub username: InstagramHandle,
    pub run_id: RunId,
}

/// Bulks, as the calling user. Each call is one round trip and one transaction, and fails with a [`StoreError`] when the
/// database does not answer.
#[async_trait]
pub trait BulkRepository: Send + Sync {
    /// Checks and charges a whole list, or says what that would do.
    ///
    /// # Errors
    /// [`StoreError`]; with `Unavailable` the outcome may be unknown, and an idempotency key makes a repeat safe.
    #[expect(clippy::too_many_arguments, reason = "they are the columns of one purchase")]
    async fn begin(
        &self,
        member: Member,
        bulk: BulkId,
        lines: &[BulkLine],
        business_profile: BusinessProfileId,
        analysis_type: AnalysisType,
        options: &BulkOptions,
        needs: &RequiredServices,
        key: Option<(&IdempotencyKey, &str)>,
    ) -> Result<BulkOutcome, StoreError>;

    /// The type of a bulk that this user may see.
    async fn type_of(&self, user: UserId, bulk: BulkId) -> Result<Option<AnalysisType>, StoreError>;

    /// Buys the lines behind a pilot.
    async fn go_on(&self, user: UserId, bulk: BulkId, needs: &RequiredServices) -> Result<BulkOutcome, StoreError>;

    /// Runs of the bulk that no workflow has taken up, if this user may see it.
    async fn unstarted(&self, user: UserId, bulk: BulkId) -> Result<Vec<RunId>, StoreError>;

    /// Stops a bulk and settles the charges of its runs. With `only_unstarted`, what somebody works on goes on.
    async fn cancel(&self, user: UserId, bulk: BulkId, only_unstarted: bool) -> Result<BulkCancelled, StoreError>;

    /// A bulk with all its lines, if it belongs to the member's account.
    async fn get(&self, member: Member, bulk: BulkId) -> Result<Option<Bulk>, StoreError>;

    /// How far a bulk is that this user may see.
    async fn progress(&self, user: UserId, bulk: BulkId) -> Result<Option<BulkProgress>, StoreError>;

    /// The failed lines of a bulk; `None` if the member's account has no such bulk.
    async fn failed_lines(&self, member: Member, bulk: BulkId) -> Result<Option<Vec<ListEntry>>, StoreError>;

    /// At most `limit` leads of the business profile whose latest analysis is stale, best score first.
    async fn stale_leads(
        &self,
        member: Member,
        business_profile: BusinessProfileId,
        limit: u32,
    ) -> Result<Vec<InstagramHandle>, StoreError>;
}

/// Bulks, as the system. Each call fails with a [`StoreError`] when the database does not answer.
#[async_trait]
pub trait SystemBulks: Send + Sync {
    /// Ends the bulk if all its runs have ended and nothing waits to be continued; answers how it stands.
    async fn tend(&self, bulk: BulkId) -> Result<Tended, StoreError>;

    /// The heartbeat of runs that the bulk has yet to start; answers which of them still wait.
    async fn beat_unstarted(&self, bulk: BulkId, runs: &[RunId]) -> Result<Vec<RunId>, StoreError>;

    /// Ends at most `limit` bulks that are over and that nobody ended; answers how many.
    async fn end_finished(&self, limit: u32) -> Result<u32, StoreError>;
}

/// How a bulk stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tended {
    /// `None` when there is no such bulk.
    pub account_id: Option<AccountId>,
    /// How many of its runs have not ended.
    pub active: u32,
    /// Those of them that no workflow has taken up, in the order of the list.
    pub pending: Vec<RunId>,
}

/// Which lines an instance of the bulk's workflow starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BulkLeg {
    /// All that was bought at first.
    First,
    /// Those behind the pilot.
    Rest,
}

/// Starts workflows of bulks. Each leg of a bulk is one instance, so a repeated start does nothing.
#[async_trait]
pub trait BulkLauncher: Send + Sync {
    /// Starts the workflow; succeeds when it already exists.
    ///
    /// # Errors
    /// A sentence for the log.
    async fn start(&self, bulk: BulkId, leg: BulkLeg) -> Result<(), String>;

    /// Puts the start into the queue, for when [`BulkLauncher::start`] failed.
    ///
    /// # Errors
    /// A sentence for the log.
    async fn enqueue(&self, bulk: BulkId, leg: BulkLeg) -> Result<(), String>;
}
