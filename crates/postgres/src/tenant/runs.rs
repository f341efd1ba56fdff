//! Runs, as the calling user.

use async_trait::async_trait;
use oslira_app::{
    features::{
        analysis::{
            AnalysisRequest, BeginOutcome, CancelOutcome, Measured, RequiredServices, Run, RunRepository, RunState,
            UndoOutcome,
        },
        auth::Member,
    },
    shared::{
        analysis_type::AnalysisType,
        idempotency::IdempotencyKey,
        ids::{RunId, UserId},
        pagination::{Page, PageQuery},
        store::StoreError,
    },
};

use super::{db::TenantDb, estimate};
use crate::{run_state::RUN_STATE, session::Param};

/// Runs as their customer sees them. `@` is the place of which, `%` that of the result, which lists leave out. Result and
/// `cache_hit` are those of the analysis, so they are null once the lead is deleted.
const RUN: &str = "with page as (select r.* from public.runs r where r.account_id = $1::uuid and @) \
    select jsonb_build_object('id', r.id, 'account_id', r.account_id, 'spent_by', s.spender, \
    'business_profile_id', r.business_profile_id, 'username', r.username, 'analysis_type', r.analysis_type, \
    'status', r.status, 'phase', r.phase, 'credits', r.credits, 'charge_outcome', r.charge_outcome, \
    'error', case when r.error_code is not null then \
      jsonb_build_object('code', r.error_code, 'message', r.error_message) end, \
    'lead_id', r.lead_id, 'bulk_id', r.bulk_id, 'cache_hit', a.cache_hit, 'created_at', r.created_at, \
    'started_at', r.started_at, 'finished_at', r.finished_at%) \
    from page r left join public.analyses a on a.run_id = r.id and a.account_id = r.account_id and a.deleted_at is null \
    left join api.spenders($1::uuid, array(select p.created_by from page p)) s on s.id = r.created_by \
    order by r.id desc";

#[async_trait]
impl RunRepository for TenantDb {
    async fn begin(
        &self,
        member: Member,
        run: RunId,
        request: &AnalysisRequest,
        needs: &RequiredServices,
        key: Option<&IdempotencyKey>,
        body_hash: &str,
    ) -> Result<BeginOutcome, StoreError> {
        const SQL: &str = "select api.begin_analysis($1::uuid, $2::uuid, $3, $4::uuid, $5, $6, $7, $8::jsonb)";
        let params = [
            Param::of(member.account()),
            Param::of(run),
            Param::of(&request.username),
            Param::of(request.business_profile_id),
            Param::of(request.analysis_type.as_str()),
            Param::maybe(key.map(IdempotencyKey::as_str)),
            Param::of(body_hash),
            Param::json(needs)?,
        ];
        self.value(member.user(), SQL, &params).await
    }

    async fn measure(&self, member: Member, analysis_type: AnalysisType) -> Result<Option<Measured>, StoreError> {
        estimate::measure(self, member, analysis_type).await
    }

    async fn note_scrapes(&self, user: UserId, runs: &[RunId]) -> Result<(), StoreError> {
        const SQL: &str = "select to_jsonb(api.note_scrapes(array(select jsonb_array_elements_text($1::jsonb)::uuid)))";
        self.value::<u64>(user, SQL, &[Param::json(runs)?]).await.map(drop)
    }

    async fn cancel(&self, user: UserId, run: RunId) -> Result<CancelOutcome, StoreError> {
        self.value(user, "select api.cancel_run($1::uuid)", &[Param::of(run)]).await
    }

    async fn undo(&self, user: UserId, run: RunId) -> Result<UndoOutcome, StoreError> {
        self.value(user, "select api.undo_run($1::uuid)", &[Param::of(run)]).await
    }

    async fn get(&self, member: Member, run: RunId) -> Result<Option<Run>, StoreError> {
        let sql = RUN
            .replace('%', ", 'result', a.result, 'refund_if_cancelled', api.refund_if_cancelled(r.id)")
            .replace('@', "r.id = $2::uuid");
        let params = [Param::of(member.account()), Param::of(run)];
        let rows = self.values(member.user(), &sql, &params).await?;
        Ok(rows.into_iter().next())
    }

    async fn list(&self, member: Member, page: PageQuery<RunId>) -> Result<Page<Run>, StoreError> {
        // Run ids are UUID v7: their order is the order of creation.
        let which = "($2::uuid is null or r.id < $2::uuid) order by r.id desc limit $3::bigint";
        let sql = RUN.replace('%', "").replace('@', which);
        let after = page.after.map(|cursor| cursor.0);
        let params = [Param::of(member.account()), Param::maybe(after), Param::of(page.limit + 1)];
        let rows: Vec<Run> = self.values(member.user(), &sql, &params).await?;
        Ok(Page::cut(rows, page.limit, |run| run.id))
    }

    async fn visible_state(&self, user: UserId, run: RunId) -> Result<Option<RunState>, StoreError> {
        let rows: Vec<RunState> = self.values(user, RUN_STATE, &[Param::of(run)]).await?;
        Ok(rows.into_iter().next())
    }
}
