//! What the feature needs from outside.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{
    AccountView, AdjustOutcome, CreditAdjustment, EventId, EventOutcome, OperatorAction, PausedService, RunOutcome,
    ServicePause,
};
use crate::{
    features::{
        analysis::{ProgressSink, RunLauncher},
        auth::{BlockedAccounts, Operator},
        billing::DueEvents,
        scraping::ProfileSource,
    },
    shared::{
        clock::Clock,
        ids::{AccountId, RunId},
        pagination::{Page, PageQuery},
        store::StoreError,
        telemetry::Telemetry,
    },
};

/// What operators look up. Every method MUST decide whether the caller is an operator, and write down what they did and why, in the
/// transaction that does it. Each fails with [`StoreError`] when the database does not answer, and with `OperatorRequired`.
#[async_trait]
pub trait OperatorStore: Send + Sync {
    /// Who did what, newest first.
    async fn actions(&self, operator: &Operator, page: PageQuery<i64>) -> Result<Page<OperatorAction>, StoreError>;

    /// An account, open or not.
    async fn account(&self, operator: &Operator, id: AccountId) -> Result<Option<AccountView>, StoreError>;

    /// The accounts of whoever signs in with this address, the longest membership first; at most a hundred.
    async fn accounts_of(&self, operator: &Operator, email: &str) -> Result<Vec<AccountView>, StoreError>;
}

/// What operators change. As [`OperatorStore`]; besides, a repeat MUST change nothing more.
#[async_trait]
pub trait OperatorDesk: Send + Sync {
    /// Gives credits, or takes some, never more than there are.
    async fn adjust(
        &self,
        operator: &Operator,
        account: AccountId,
        adjustment: &CreditAdjustment,
    ) -> Result<AdjustOutcome, StoreError>;

    /// Keeps an account from buying anything, from now on; `None` if there is none.
    async fn block(&self, operator: &Operator, account: AccountId) -> Result<Option<AccountView>, StoreError>;

    /// Lifts that.
    async fn unblock(&self, operator: &Operator, account: AccountId) -> Result<Option<AccountView>, StoreError>;

    /// Whether the run may be woken: it is under way. It changes nothing.
    async fn wake_run(&self, operator: &Operator, run: RunId) -> Result<RunOutcome, StoreError>;

    /// Ends a run that is under way, and refunds it.
    async fn fail_run(&self, operator: &Operator, run: RunId) -> Result<RunOutcome, StoreError>;

    /// Gives the price of a run back that has ended and was not refunded, once.
    async fn refund_run(&self, operator: &Operator, run: RunId) -> Result<RunOutcome, StoreError>;

    /// Has an event applied that was not.
    async fn replay_event(&self, operator: &Operator, event: &EventId) -> Result<EventOutcome, StoreError>;

    /// Gives an event up that was not applied.
    async fn drop_event(&self, operator: &Operator, event: &EventId) -> Result<EventOutcome, StoreError>;

    /// What is paused now.
    async fn pauses(&self, operator: &Operator) -> Result<Vec<ServicePause>, StoreError>;

    /// Has no analysis sold that needs this service, until then or until it is resumed; answers what is paused now.
    async fn pause(
        &self,
        operator: &Operator,
        service: PausedService,
        ends_at: Option<Timestamp>,
    ) -> Result<Vec<ServicePause>, StoreError>;

    /// Ends a pause; answers what is paused now.
    async fn resume(&self, operator: &Operator, service: PausedService) -> Result<Vec<ServicePause>, StoreError>;
}

/// What the handlers that look up can reach.
#[derive(Clone)]
pub struct OperatorActionPorts {
    pub store: Arc<dyn OperatorStore>,
}

/// What the handlers that change something can reach.
#[derive(Clone)]
pub struct OperatorCommandPorts {
    pub desk: Arc<dyn OperatorDesk>,
    pub launcher: Arc<dyn RunLauncher>,
    /// Who watches a run.
    pub progress: Arc<dyn ProgressSink>,
    /// The scraper's gate, in whose line a run may stand.
    pub profiles: Arc<dyn ProfileSource>,
    pub events: Arc<dyn DueEvents>,
    /// What requests of customers look at before the database.
    pub blocked: Arc<dyn BlockedAccounts>,
    pub telemetry: Arc<dyn Telemetry>,
    pub clock: Arc<dyn Clock>,
}
