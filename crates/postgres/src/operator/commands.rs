//! What operators change.

use async_trait::async_trait;
use jiff::Timestamp;
use oslira_app::{
    features::{
        auth::Operator,
        operators::{
            AccountView, AdjustOutcome, CreditAdjustment, EventId, EventOutcome, OperatorDesk, PausedService,
            RunOutcome, ServicePause,
        },
    },
    shared::{
        ids::{AccountId, RunId},
        store::StoreError,
    },
};

use super::db::OperatorDb;
use crate::session::Param;

#[async_trait]
impl OperatorDesk for OperatorDb {
    async fn adjust(
        &self,
        operator: &Operator,
        account: AccountId,
        adjustment: &CreditAdjustment,
    ) -> Result<AdjustOutcome, StoreError> {
        let params = [Param::of(account), Param::of(adjustment.credits()), Param::of(adjustment.key())];
        self.call(operator, "select operator.adjust_credits($1::uuid, $2::integer, $3, $4)", &params).await
    }

    async fn block(&self, operator: &Operator, account: AccountId) -> Result<Option<AccountView>, StoreError> {
        self.call(operator, "select operator.block_account($1::uuid, $2)", &[Param::of(account)]).await
    }

    async fn unblock(&self, operator: &Operator, account: AccountId) -> Result<Option<AccountView>, StoreError> {
        self.call(operator, "select operator.unblock_account($1::uuid, $2)", &[Param::of(account)]).await
    }

    async fn wake_run(&self, operator: &Operator, run: RunId) -> Result<RunOutcome, StoreError> {
        self.call(operator, "select operator.wake_run($1::uuid, $2)", &[Param::of(run)]).await
    }

    async fn fail_run(&self, operator: &Operator, run: RunId) -> Result<RunOutcome, StoreError> {
        self.call(operator, "select operator.fail_run($1::uuid, $2)", &[Param::of(run)]).await
    }

    async fn refund_run(&self, operator: &Operator, run: RunId) -> Result<RunOutcome, StoreError> {
        self.call(operator, "select operator.refund_run($1::uuid, $2)", &[Param::of(run)]).await
    }

    async fn replay_event(&self, operator: &Operator, event: &EventId) -> Result<EventOutcome, StoreError> {
        self.call(operator, "select operator.replay_event($1, $2)", &[Param::of(event)]).await
    }

    async fn drop_event(&self, operator: &Operator, event: &EventId) -> Result<EventOutcome, StoreError> {
        self.call(operator, "select operator.drop_event($1, $2)", &[Param::of(event)]).await
    }

    async fn pauses(&self, operator: &Operator) -> Result<Vec<ServicePause>, StoreError> {
        self.call(operator, "select operator.list_pauses($1)", &[]).await
    }

    async fn pause(
        &self,
        operator: &Operator,
        service: PausedService,
        ends_at: Option<Timestamp>,
    ) -> Result<Vec<ServicePause>, StoreError> {
        let params = [Param::of(service.as_str()), Param::maybe(ends_at)];
        self.call(operator, "select operator.pause_service($1, $2::timestamptz, $3)", &params).await
    }

    async fn resume(&self, operator: &Operator, service: PausedService) -> Result<Vec<ServicePause>, StoreError> {
        self.call(operator, "select operator.resume_service($1, $2)", &[Param::of(service.as_str())]).await
    }
}
