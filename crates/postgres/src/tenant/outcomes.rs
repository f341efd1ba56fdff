//! How leads turned out, as the calling user: one statement each.

use async_trait::async_trait;
use oslira_app::{
    features::{
        auth::Member,
        leads::{JudgedOutcome, LeadOutcome, MarkOutcome, OutcomeRepository},
    },
    shared::{
        ids::{BusinessProfileId, LeadId},
        pagination::{Page, PageQuery},
        store::StoreError,
    },
};

use super::db::TenantDb;
use crate::session::Param;

/// The marks of a page, newest first: of each lead the newest, if it has an outcome.
const PRESENT: &str = "select m.id, m.outcome, m.marked_at, m.score, m.analysis_id, l.business_profile_id \
    from public.lead_outcomes m \
    join public.leads l on l.id = m.lead_id and l.account_id = $1::uuid and l.deleted_at is null \
    where m.account_id = $1::uuid and m.outcome is not null \
      and not exists (\
        select from public.lead_outcomes later \
        where later.lead_id = m.lead_id and later.account_id = $1::uuid and later.id > m.id\
      ) \
      and ($2::uuid is null or l.business_profile_id = $2::uuid) \
      and ($3::bigint is null or m.id < $3::bigint) \
    order by m.id desc limit $4::bigint";

#[async_trait]
impl OutcomeRepository for TenantDb {
    async fn mark(&self, member: Member, id: LeadId, outcome: Option<LeadOutcome>) -> Result<MarkOutcome, StoreError> {
        const SQL: &str = "select api.mark_lead_outcome($1::uuid, $2::uuid, $3)";
        let params = [Param::of(member.account()), Param::of(id), Param::maybe(outcome.map(LeadOutcome::as_str))];
        self.value(member.user(), SQL, &params).await
    }

    async fn outcomes(
        &self,
        member: Member,
        business: Option<BusinessProfileId>,
        page: PageQuery<i64>,
    ) -> Result<Page<JudgedOutcome>, StoreError> {
        let sql = format!(
            "select jsonb_build_object('id', m.id, 'outcome', m.outcome, 'marked_at', m.marked_at, \
               'analysis_type', a.analysis_type, 'score', m.score, 'fit_score', a.result -> 'fit_score', \
               'confidence', a.result -> 'confidence', 'role', a.result -> 'role', \
               'seems_minor', a.result -> 'seems_minor', 'business', jsonb_build_object('name', bp.name, \
                 'offering', bp.offering, 'target_audience', bp.target_audience, 'ideal_customer', to_jsonb(bp)), \
               'profile', a.result -> 'profile', 'facts', a.result -> 'facts') \
             from ({PRESENT}) m \
             join public.analyses a on a.id = m.analysis_id and a.account_id = $1::uuid \
             join public.business_profiles bp on bp.id = m.business_profile_id and bp.account_id = $1::uuid \
             order by m.id desc"
        );
        let after = page.after.map(|cursor| cursor.0);
        let params = parameters(member, business, after, page.limit + 1);
        let marks: Vec<JudgedOutcome> = self.values(member.user(), &sql, &params).await?;
        Ok(Page::cut(marks, page.limit, |last| last.id))
    }

    async fn are_more_outcomes_than(
        &self,
        member: Member,
        business: Option<BusinessProfileId>,
        rows: u32,
    ) -> Result<bool, StoreError> {
        let sql = format!("select to_jsonb(count(*)) from ({PRESENT}) m");
        let counted: u64 = self.value(member.user(), &sql, &parameters(member, business, None, rows + 1)).await?;
        Ok(counted > u64::from(rows))
    }
}

fn parameters(member: Member, business: Option<BusinessProfileId>, after: Option<i64>, limit: u32) -> [Param; 4] {
    [Param::of(member.account()), Param::maybe(business), Param::maybe(after), Param::of(limit)]
}
