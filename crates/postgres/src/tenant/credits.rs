//! Balance, ledger and daily cap.

use async_trait::async_trait;
use oslira_app::{
    features::{
        auth::Member,
        credits::{Balance, Budget, CapOutcome, CreditLedger, DailyCap, Grant, Transaction},
    },
    shared::{
        pagination::{Page, PageQuery},
        store::StoreError,
    },
};

use super::db::TenantDb;
use crate::session::Param;

/// What the row `b` of `credit_balances` has to spend: without grants that have ended, even before their end is posted.
macro_rules! spendable {
    () => {
        "(b.balance - (select coalesce(sum(g.remaining), 0) from public.credit_grants g \
          where g.account_id = b.account_id and g.has_rest and g.expires_at <= clock_timestamp()))"
    };
}
pub(super) use spendable;

#[async_trait]
impl CreditLedger for TenantDb {
    async fn balance(&self, member: Member) -> Result<Option<Balance>, StoreError> {
        const SQL: &str = concat!(
            "select jsonb_build_object('account_id', b.account_id, 'owed', b.owed, 'balance', ",
            spendable!(),
            ", \
              'held', (select coalesce(sum(r.credits), 0) from public.runs r \
                where r.account_id = b.account_id and r.status in ('pending', 'processing'))) \
            from public.credit_balances b where b.account_id = $1::uuid"
        );
        let rows: Vec<Balance> = self.values(member.user(), SQL, &[Param::of(member.account())]).await?;
        Ok(rows.into_iter().next())
    }

    async fn transactions(&self, member: Member, page: PageQuery<i64>) -> Result<Page<Transaction>, StoreError> {
        const SQL: &str = "with page as ( \
              select t.*, r.id as of_run, r.charge_outcome, r.created_by from public.credit_transactions t \
                left join public.runs r on r.id = t.run_id and r.account_id = $1::uuid \
               where t.account_id = $1::uuid and ($2::bigint is null or t.id < $2::bigint) order by t.id desc limit $3::bigint) \
            select jsonb_build_object('id', t.id, 'kind', t.kind, 'amount', t.amount, \
              'balance_after', t.balance_after, 'run_id', t.run_id, 'description', t.description, 'created_at', t.created_at, \
              'state', case when t.kind = 'charge' then case t.charge_outcome \
                when 'refunded' then 'returned' when 'result' then 'spent' when 'kept' then 'spent' \
                else case when t.of_run is not null then 'held' end end end, 'spent_by', s.spender) \
            from page t \
            left join api.spenders($1::uuid, array(select p.created_by from page p)) s on s.id = t.created_by \
            order by t.id desc";
        let after = page.after.map(|cursor| cursor.0);
        let params = [Param::of(member.account()), Param::maybe(after), Param::of(page.limit + 1)];
        let transactions: Vec<Transaction> = self.values(member.user(), SQL, &params).await?;
        Ok(Page::cut(transactions, page.limit, |last| last.id))
    }

    async fn grants(&self, member: Member, page: PageQuery<i64>) -> Result<Page<Grant>, StoreError> {
        const SQL: &str = "select jsonb_build_object('id', g.id, 'source', g.source, 'amount', g.amount, \
              'remaining', case when g.expires_at <= clock_timestamp() then 0 else g.remaining end, 'priority', g.priority, \
              'state', case when g.expires_at <= clock_timestamp() then 'expired' when g.has_rest then 'live' else 'spent' end, \
              'expires_at', g.expires_at, 'created_at', g.created_at) \
            from public.credit_grants g \
            where g.account_id = $1::uuid and ($2::bigint is null or g.id < $2::bigint) order by g.id desc limit $3::bigint";
        let after = page.after.map(|cursor| cursor.0);
        let params = [Param::of(member.account()), Param::maybe(after), Param::of(page.limit + 1)];
        let grants: Vec<Grant> = self.values(member.user(), SQL, &params).await?;
        Ok(Page::cut(grants, page.limit, |last| last.id))
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
