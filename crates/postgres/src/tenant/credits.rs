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
use tokio_postgres::types::Type;

use super::db::TenantDb;
use crate::session::Param;

#[async_trait]
impl CreditLedger for TenantDb {
    async fn balance(&self, member: Member) -> Result<Option<Balance>, StoreError> {
        const SQL: &str = "select to_jsonb(b.balance) from public.credit_balances b where b.account_id = $1";
        let account = member.account().uuid();
        let rows: Vec<i64> = self.values(member.user(), SQL, &[(&account, Type::UUID)]).await?;
        Ok(rows.first().map(|balance| Balance { account_id: member.account(), balance: *balance }))
    }

    async fn transactions(&self, member: Member, page: PageQuery<i64>) -> Result<Page<Transaction>, StoreError> {
        const SQL: &str = "select jsonb_build_object('id', t.id, 'kind', t.kind, 'amount', t.amount, \
              'balance_after', t.balance_after, 'run_id', t.run_id, 'description', t.description, 'created_at', t.created_at) \
            from public.credit_transactions t \
            where t.account_id = $1 and ($2::bigint is null or t.id < $2) order by t.id desc limit $3";
        let (account, limit) = (member.account().uuid(), i64::from(page.limit) + 1);
        let after = page.after.map(|cursor| cursor.0);
        let params: [Param<'_>; 3] = [(&account, Type::UUID), (&after, Type::INT8), (&limit, Type::INT8)];
        let transactions: Vec<Transaction> = self.values(member.user(), SQL, &params).await?;
        Ok(Page::cut(transactions, page.limit, |last| last.id))
    }

    async fn budget(&self, member: Member) -> Result<Option<Budget>, StoreError> {
        let account = member.account().uuid();
        // SQL's null would not be read as `None` but fail to decode, hence the null of JSON.
        self.value(member.user(), "select coalesce(api.daily_budget($1), 'null')", &[(&account, Type::UUID)]).await
    }

    async fn set_daily_cap(&self, member: Member, cap: Option<DailyCap>) -> Result<CapOutcome, StoreError> {
        let (account, cap) = (member.account().uuid(), cap.map(DailyCap::credits));
        let params: [Param<'_>; 2] = [(&account, Type::UUID), (&cap, Type::INT4)];
        self.value(member.user(), "select api.set_daily_cap($1, $2)", &params).await
    }
}
