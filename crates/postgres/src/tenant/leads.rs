//! Leads, as the calling user: one statement each.

use async_trait::async_trait;
use jiff::Timestamp;
use oslira_app::{
    features::{
        auth::Member,
        leads::{Analysis, Lead, LeadCursor, LeadQuery, LeadRepository, LeadSort, SearchText},
    },
    shared::{
        analysis_type::AnalysisType,
        ids::LeadId,
        pagination::{Page, PageQuery},
        store::StoreError,
    },
};
use serde::Deserialize;

use super::{db::TenantDb, deletion::Deletion};
use crate::session::Param;

/// A lead as its customer sees it, with its newest analysis `n`.
const LEAD: &str = "jsonb_build_object('id', l.id, 'account_id', l.account_id, \
    'business_profile_id', l.business_profile_id, 'username', l.username, 'display_name', l.display_name, \
    'biography', l.biography, 'followers', l.followers, 'following', l.following, 'posts', l.posts, \
    'category', l.category, 'external_url', l.external_url, \
    'profile_picture', case when l.profile_pic_url is not null then '/leads/' || l.id || '/picture' end, 'is_verified', l.is_verified, \
    'is_business', l.is_business, 'score', l.score, 'latest_analysis', case when n.id is not null then \
      jsonb_build_object('id', n.id, 'run_id', n.run_id, 'analysis_type', n.analysis_type, \
        'summary', n.result -> 'summary', 'is_stale', n.is_stale, 'created_at', n.created_at) end, \
    'scraped_at', l.scraped_at, 'created_at', l.created_at, 'updated_at', l.updated_at)";

const FROM: &str = "from public.leads l left join lateral (\
      select a.* from public.analyses a \
      where a.lead_id = l.id and a.account_id = $1::uuid and a.deleted_at is null \
      order by a.created_at desc, a.id desc limit 1\
    ) n on true where l.account_id = $1::uuid and l.deleted_at is null";

/// The text is looked for as it is: `strpos` knows no wildcards. Line breaks keep a match within one field.
const FILTER: &str = "($2::uuid is null or l.business_profile_id = $2::uuid) \
    and ($3::integer is null or l.score >= $3::integer) and ($4::integer is null or l.score <= $4::integer) \
    and ($5::text is null or exists (select from public.analyses t where t.lead_id = l.id and t.account_id = $1::uuid \
      and t.analysis_type = $5 and t.deleted_at is null)) \
    and ($6::boolean is null or coalesce(n.is_stale, false) = $6::boolean) \
    and ($7::text is null or \
      strpos(lower(concat_ws(chr(10), l.username, l.display_name, l.biography)), lower($7)) > 0)";

/// The statement that lists leads in an order; public, so that a test can check that an index serves it.
#[must_use]
pub fn leads_statement(sort: LeadSort) -> String {
    let (key, kind) = match sort {
        LeadSort::Newest => ("l.created_at", "timestamptz"),
        LeadSort::Score => ("l.score", "integer"),
        LeadSort::Updated => ("l.updated_at", "timestamptz"),
    };
    format!(
        "select {LEAD} {FROM} and {FILTER} and ($8::text is null or ({key}, l.id) < ($8::{kind}, $9::uuid)) \
         order by {key} desc, l.id desc limit $10::bigint"
    )
}

#[derive(Deserialize)]
struct HistoryRow {
    lead: Lead,
    analyses: Vec<Analysis>,
}

#[async_trait]
impl LeadRepository for TenantDb {
    async fn list(
        &self,
        member: Member,
        query: &LeadQuery,
        page: PageQuery<LeadCursor>,
    ) -> Result<Page<Lead>, StoreError> {
        let (filter, after) = (&query.filter, page.after.map(|cursor| cursor.0));
        let params = [
            Param::of(member.account()),
            Param::maybe(filter.business_profile_id),
            Param::maybe(filter.score_min),
            Param::maybe(filter.score_max),
            Param::maybe(filter.analysis_type.map(AnalysisType::as_str)),
            Param::maybe(filter.stale),
            Param::maybe(filter.text.as_ref().map(SearchText::as_str)),
            Param::maybe(after.map(|after| after.key)),
            Param::maybe(after.map(|after| after.id)),
            Param::of(page.limit + 1),
        ];
        let leads = self.values(member.user(), &leads_statement(query.sort), &params).await?;
        Ok(Page::cut(leads, page.limit, |last| LeadCursor::of(query.sort, last)))
    }

    async fn get(
        &self,
        member: Member,
        id: LeadId,
        analyses_max: usize,
    ) -> Result<Option<(Lead, Vec<Analysis>)>, StoreError> {
        let sql = format!(
            "select jsonb_build_object('lead', {LEAD}, 'analyses', coalesce((\
               select jsonb_agg(h.entry order by h.created_at desc, h.id desc) from (\
                 select a.created_at, a.id, jsonb_build_object('id', a.id, 'run_id', a.run_id, \
                   'analysis_type', a.analysis_type, 'score', a.score, 'model', a.model, 'provider', a.provider, \
                   'is_stale', a.is_stale, 'summary', a.result -> 'summary', 'scraped_at', a.scraped_at, \
                   'created_at', a.created_at, 'profile', a.result -> 'profile') as entry \
                 from public.analyses a where a.lead_id = l.id and a.account_id = $1::uuid and a.deleted_at is null \
                 order by a.created_at desc, a.id desc limit $3::bigint\
               ) h), '[]')) {FROM} and l.id = $2::uuid"
        );
        let params = [Param::of(member.account()), Param::of(id), Param::of(analyses_max)];
        let rows: Vec<HistoryRow> = self.values(member.user(), &sql, &params).await?;
        Ok(rows.into_iter().next().map(|row| (row.lead, row.analyses)))
    }

    async fn delete(&self, member: Member, id: LeadId) -> Result<Option<Timestamp>, StoreError> {
        let params = [Param::of(member.account()), Param::of(id)];
        let deletion: Deletion =
            self.value(member.user(), "select api.delete_lead($1::uuid, $2::uuid)", &params).await?;
        Ok(deletion.into())
    }
}
