//! Bulks, as the calling user.

use async_trait::async_trait;
use oslira_app::{
    features::{
        analysis::{
            Bulk, BulkCancelled, BulkLine, BulkOptions, BulkOutcome, BulkProgress, BulkRepository, ListEntry,
            RequiredServices,
        },
        auth::Member,
        profiles::InstagramHandle,
    },
    shared::{
        analysis_type::AnalysisType,
        idempotency::IdempotencyKey,
        ids::{BulkId, BusinessProfileId, RunId, UserId},
        store::StoreError,
    },
};

use super::db::TenantDb;
use crate::session::Param;

/// The state of the bulk `b` as its customers see it, by its runs: it has ended when they have, also if nobody has written
/// that down yet.
const STATUS: &str = "cross join lateral (select case \
        when b.status <> 'processing' then b.status \
        when exists (select from public.runs r where r.bulk_id = b.id and r.status in ('pending', 'processing')) then 'processing' \
        when b.rest is null or b.continue_until <= clock_timestamp() then 'complete' \
        else 'awaiting_continue' end as status) s";

/// A bulk with its lines. Score and summary are those of the analysis, so they are null once the lead is deleted. What was
/// held or skipped is in the answers that were given.
const BULK: &str = "with who as (select s.* from api.spenders($1::uuid, array( \
        select r.created_by from public.runs r where r.bulk_id = $2::uuid and r.account_id = $1::uuid \
        union select b.created_by from public.bulk_runs b where b.id = $2::uuid and b.account_id = $1::uuid)) s) \
    select jsonb_build_object('id', b.id, 'account_id', b.account_id, \
    'spent_by', (select w.spender from who w where w.id = b.created_by), \
    'business_profile_id', b.business_profile_id, 'analysis_type', b.analysis_type, 'status', s.status, \
    'credits_each', b.credits_each, 'credits_spent', coalesce(i.spent, 0), \
    'refund_if_cancelled', api.refund_if_cancelled(b.id), 'items', coalesce(i.items, '[]'), \
    'held', (b.answer -> 'held') || coalesce(b.continued -> 'held', '[]'), \
    'skipped', (b.answer -> 'skipped') || coalesce(b.continued -> 'skipped', '[]'), \
    'waiting', coalesce((select jsonb_agg(w.line - 'run_id') from jsonb_array_elements(b.rest) as w (line) \
      where s.status <> 'complete'), '[]'), \
    'continue_until', b.continue_until, 'created_at', b.created_at, \
    'finished_at', coalesce(b.finished_at, case when s.status = 'complete' then i.finished_at end)) \
    from public.bulk_runs b % \
    cross join lateral ( \
      select sum(r.credits) filter (where r.charge_outcome is distinct from 'refunded') as spent, \
             max(r.finished_at) as finished_at, \
             jsonb_agg(jsonb_build_object('line', r.bulk_line, 'run_id', r.id, 'username', r.username, 'status', r.status, \
               'spent_by', (select w.spender from who w where w.id = r.created_by), 'phase', r.phase, 'credits', r.credits, 'charge_outcome', r.charge_outcome, \
               'error', case when r.error_code is not null then \
                 jsonb_build_object('code', r.error_code, 'message', r.error_message) end, \
               'lead_id', r.lead_id, 'score', a.score, 'summary', a.summary) order by r.bulk_line) as items \
        from public.runs r \
        left join public.analyses a on a.run_id = r.id and a.account_id = r.account_id and a.deleted_at is null \
       where r.bulk_id = b.id and r.account_id = b.account_id) i \
    where b.id = $2::uuid and b.account_id = $1::uuid";

/// How far a bulk is.
const PROGRESS: &str = "select jsonb_build_object('status', s.status, 'waiting', coalesce(jsonb_array_length(b.rest), 0), \
    'ended', i.ended, 'active', coalesce(i.active, '[]')) \
    from public.bulk_runs b % \
    cross join lateral ( \
      select count(*) filter (where r.status not in ('pending', 'processing')) as ended, \
             jsonb_agg(r.phase) filter (where r.status in ('pending', 'processing')) as active \
        from public.runs r where r.bulk_id = b.id and r.account_id = b.account_id) i \
    where b.id = $1::uuid";

#[async_trait]
impl BulkRepository for TenantDb {
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
    ) -> Result<BulkOutcome, StoreError> {
        const SQL: &str =
            "select api.begin_bulk($1::uuid, $2::uuid, $3::jsonb, $4::uuid, $5, $6::jsonb, $7, $8, $9::jsonb)";
        let params = [
            Param::of(member.account()),
            Param::of(bulk),
            Param::json(lines)?,
            Param::of(business_profile),
            Param::of(analysis_type.as_str()),
            Param::json(options)?,
            Param::maybe(key.map(|(key, _)| key.as_str())),
            Param::maybe(key.map(|(_, hash)| hash)),
            Param::json(needs)?,
        ];
        self.value(member.user(), SQL, &params).await
    }

    async fn type_of(&self, user: UserId, bulk: BulkId) -> Result<Option<AnalysisType>, StoreError> {
        const SQL: &str = "select to_jsonb(b.analysis_type) from public.bulk_runs b where b.id = $1::uuid";
        Ok(self.values(user, SQL, &[Param::of(bulk)]).await?.into_iter().next())
    }

    async fn go_on(&self, user: UserId, bulk: BulkId, needs: &RequiredServices) -> Result<BulkOutcome, StoreError> {
        let params = [Param::of(bulk), Param::json(needs)?];
        self.value(user, "select api.continue_bulk($1::uuid, $2::jsonb)", &params).await
    }

    async fn unstarted(&self, user: UserId, bulk: BulkId) -> Result<Vec<RunId>, StoreError> {
        const SQL: &str = "select to_jsonb(r.id) from public.runs r \
            where r.bulk_id = $1::uuid and r.status in ('pending', 'processing') and coalesce(r.phase, 'cache') = 'cache'";
        self.values(user, SQL, &[Param::of(bulk)]).await
    }

    async fn cancel(&self, user: UserId, bulk: BulkId, only_unstarted: bool) -> Result<BulkCancelled, StoreError> {
        let params = [Param::of(bulk), Param::of(only_unstarted)];
        self.value(user, "select api.cancel_bulk($1::uuid, $2::boolean)", &params).await
    }

    async fn get(&self, member: Member, bulk: BulkId) -> Result<Option<Bulk>, StoreError> {
        let params = [Param::of(member.account()), Param::of(bulk)];
        Ok(self.values(member.user(), &BULK.replace('%', STATUS), &params).await?.into_iter().next())
    }

    async fn progress(&self, user: UserId, bulk: BulkId) -> Result<Option<BulkProgress>, StoreError> {
        Ok(self.values(user, &PROGRESS.replace('%', STATUS), &[Param::of(bulk)]).await?.into_iter().next())
    }

    async fn failed_lines(&self, member: Member, bulk: BulkId) -> Result<Option<Vec<ListEntry>>, StoreError> {
        const SQL: &str = "select coalesce((select jsonb_agg(jsonb_build_object('line', r.bulk_line, 'username', r.username) \
            order by r.bulk_line) from public.runs r where r.bulk_id = b.id and r.account_id = b.account_id and r.status = 'failed' and r.username <> 'erased..'), \
            '[]') from public.bulk_runs b where b.id = $2::uuid and b.account_id = $1::uuid";
        let params = [Param::of(member.account()), Param::of(bulk)];
        Ok(self.values(member.user(), SQL, &params).await?.into_iter().next())
    }

    async fn stale_leads(
        &self,
        member: Member,
        business_profile: BusinessProfileId,
        limit: u32,
    ) -> Result<Vec<InstagramHandle>, StoreError> {
        const SQL: &str = "select to_jsonb(l.username) from public.leads l \
            where l.account_id = $1::uuid and l.business_profile_id = $2::uuid and l.is_stale and l.deleted_at is null \
            order by l.score desc, l.id desc limit $3::bigint";
        let params = [Param::of(member.account()), Param::of(business_profile), Param::of(limit)];
        self.values(member.user(), SQL, &params).await
    }
}
