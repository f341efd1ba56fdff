//! Balance, ledger and daily cap.

use async_trait::async_trait;
use oslira_app::{
    features::{
        auth::Member,
        credits::{Balance, Budget, CapOutcome, CreditLedger, DailyCap, Transaction},
    },
    shared::{
        pagination::{Page, PageQuery},
        store::StoreError,
    },
};

use super::db::TenantDb;
use crate::session::Param;

#[async_trait]
impl CreditLedger for TenantDb {
    async fn balance(&self, member: Member) -> Result<Option<Balance>, StoreError> {
        const SQL: &str = "select to_jsonb(b.balance) from public.credit_balances b where b.account_id = $1::uuid";
        let rows: Vec<i64> = self.values(member.user(), SQL, &[Param::of(member.account())]).await?;
        Ok(rows.first().map(|balance| Balance { account_id: member.account(), balance: *balance }))
    }

    async fn transactions(&self, member: Member, page: PageQuery<i64>) -> Result<Page<Transaction>, StoreError> {
        const SQL: &str = "select jsonb_build_object('id', t.id, 'kind', t.kind, 'amount', t.amount, \
              'balance_after', t.balance_after, 'run_id', t.run_id, 'description', t.description, 'created_at', t.created_at) \
            from public.credit_transactions t \
            where t.account_id = $1::uuid and ($2::bigint is null or t.id < $2::bigint) order by t.id desc limit $3::bigint";
        let after = page.after.map(|cursor| cursor.0);
        let params = [Param::of(member.account()), Param::maybe(after), Param::of(page.limit + 1)];
        let transactions: Vec<Transaction> = self.values(member.user(), SQL, &params).await?;
        Ok(Page::cut(transactions, page.limit, |last| last.id))
    }

    async fn budget(&self, member: Member) -> Result<Option<Budget>, StoreError> {
        // SQL's null would not be read as `None` but fail to decode, hence the null of JSON.
        self.value(member.user(), "select coalesce(api.daily_budget($1::uuid), 'null')", &[Param::of(member.account())])
            .await
    }

    async fn set_daily_cap(&self, member: Member, cap: Option<DailyCap>) -> Result<CapOutcome, StoreError> {
        let params = [Param::of(member.account()), Param::maybe(cap.map(DailyCap::credits))];
        self.value(member.user(), "select api.set_daily_cap($1::uuid, $2::integer)", &params).await
    }
}
