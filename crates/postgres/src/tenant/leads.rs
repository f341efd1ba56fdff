//! Leads, as the calling user: one statement each.

use async_trait::async_trait;
use jiff::Timestamp;
use oslira_app::{
    features::{
        auth::Member,
        leads::{Analysis, Lead, LeadCursor, LeadQuery, LeadRepository, LeadSort, Mark, OwnerFilter, SearchText},
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

/// A lead as its customer sees it, with its latest analysis `n`.
const LEAD: &str = "jsonb_build_object('id', l.id, 'account_id', l.account_id, \
    'business_profile_id', l.business_profile_id, 'username', l.username, 'renamed_to', l.renamed_to, \
    'profile_url', 'https://www.instagram.com/' || coalesce(l.renamed_to, l.username) || '/', 'display_name', l.display_name, \
    'biography', l.biography, 'followers', l.followers, 'following', l.following, 'posts', l.posts, \
    'category', l.category, 'external_url', l.external_url, \
    'profile_picture', case when l.profile_pic_url is not null then '/leads/' || l.id || '/picture' end, 'is_verified', l.is_verified, \
    'is_business', l.is_business, 'score', l.score, 'status', l.status, 'tags', l.tags, \
    'owner_id', case when exists (\
      select from public.account_members o where o.user_id = l.owner_id and o.account_id = $1::uuid and o.role <> 'key'\
    ) then l.owner_id end, 'latest_analysis', case when n.id is not null then \
      jsonb_build_object('id', n.id, 'run_id', n.run_id, 'analysis_type', n.analysis_type, \
        'summary', n.summary, 'is_stale', l.is_stale, 'created_at', n.created_at) end, \
    'scraped_at', l.scraped_at, 'created_at', l.created_at, 'updated_at', l.updated_at)";

/// `limit 1` makes Postgres look each one up by its id. Without, it takes the account for small, because the policy repeats
/// the condition, and reads all of it.
const LATEST: &str = "left join lateral (\
      select a.id, a.run_id, a.analysis_type, a.summary, a.created_at from public.analyses a \
      where a.id = l.latest_analysis_id and a.account_id = $1::uuid and a.deleted_at is null limit 1\
    ) n on true";

/// The lead's newest mark `m`; it has no outcome if it took the others back. Its `limit 1` is as good as the one above.
const MARK: &str = "left join lateral (\
      select m.outcome, m.marked_at, m.analysis_id, m.score from public.lead_outcomes m \
      where m.lead_id = l.id and m.account_id = $1::uuid order by m.id desc limit 1\
    ) m on true";

/// Every column of it is in the index of each order. An owner counts as long as they belong to the account; who does, is
/// asked once and not for each lead. A cast to an array would be made anew for each lead, because it is not immutable.
const FILTER: &str = "($2::uuid is null or f.business_profile_id = $2::uuid) \
    and ($3::integer is null or f.score >= $3::integer) and ($4::integer is null or f.score <= $4::integer) \
    and ($5::text is null or $5::text = any (f.analysis_types)) \
    and ($6::boolean is null or f.is_stale = $6::boolean) \
    and ($11::text is null or f.status = any (string_to_array($11::text, ','))) \
    and ($12::text is null or f.tags @> string_to_array($12::text, ',')) \
    and ($13::text is null or case when $13::text = 'none' \
      then f.owner_id is null or f.owner_id <> all (array(\
        select o.user_id from public.account_members o where o.account_id = $1::uuid and o.role <> 'key'\
      )) else f.owner_id = any (array(\
        select o.user_id from public.account_members o \
        where o.account_id = $1::uuid and o.role <> 'key' and o.user_id::text = $13::text\
      )) end)";

/// Finds the leads of a page: their ids and, as `place`, their order. This part reads an index alone; only the leads that
/// it finds are then read as a whole.
fn found(query: &LeadQuery) -> String {
    let sort = query.sort;
    if query.filter.text.is_some() {
        return format!(
            "select s.id, s.place from api.search_leads('{}', $1::uuid, $2::uuid, $3::integer, $4::integer, $5, \
             $6::boolean, $7, $8, $9::uuid, $10::bigint, string_to_array($11::text, ','), \
             string_to_array($12::text, ','), $13) with ordinality as s (id, place)",
            sort.as_str()
        );
    }
    let (key, kind) = match sort {
        LeadSort::Newest => ("f.created_at", "timestamptz"),
        LeadSort::Score => ("f.score", "integer"),
        LeadSort::Updated => ("f.updated_at", "timestamptz"),
    };
    format!(
        "select f.id, row_number() over (order by {key} desc, f.id desc) as place from public.leads f \
         where f.account_id = $1::uuid and f.deleted_at is null and {FILTER} \
           and ($8::text is null or ({key}, f.id) < ($8::{kind}, $9::uuid)) \
         order by {key} desc, f.id desc limit $10::bigint"
    )
}

/// The statement that lists the leads of a query; public, so that a test can check that an index serves it.
#[must_use]
pub fn leads_statement(query: &LeadQuery) -> String {
    let found = found(query);
    format!(
        "select {LEAD} || jsonb_build_object('outcome', l.outcome) from ({found}) found \
         cross join lateral (select l.* from public.leads l where l.id = found.id and l.account_id = $1::uuid limit 1) l \
         {LATEST} order by found.place"
    )
}

/// Words with commas between, which none of them has; null without any.
fn list<'a>(words: impl Iterator<Item = &'a str>) -> Param {
    let words: Vec<&str> = words.collect();
    Param::maybe((!words.is_empty()).then(|| words.join(",")))
}

fn parameters(member: Member, query: &LeadQuery, after: Option<LeadCursor>, limit: u32) -> [Param; 13] {
    let filter = &query.filter;
    let owner = filter.owner.map(|owner| match owner {
        OwnerFilter::Me => OwnerFilter::Person(member.user()),
        other => other,
    });
    [
        Param::of(member.account()),
        Param::maybe(filter.business_profile_id),
        Param::maybe(filter.score_min),
        Param::maybe(filter.score_max),
        Param::maybe(filter.analysis_type.map(AnalysisType::as_str)),
        Param::maybe(filter.stale),
        Param::maybe(filter.text.as_ref().map(SearchText::as_str)),
        Param::maybe(after.map(|after| after.key)),
        Param::maybe(after.map(|after| after.id)),
        Param::of(limit),
        list(filter.statuses.iter().map(|status| status.as_str())),
        list(filter.tags.iter()),
        Param::maybe(owner),
    ]
}

#[derive(Deserialize)]
struct HistoryRow {
    lead: Lead<Mark>,
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
        let params = parameters(member, query, page.after.map(|cursor| cursor.0), page.limit + 1);
        let leads = self.values(member.user(), &leads_statement(query), &params).await?;
        Ok(Page::cut(leads, page.limit, |last| LeadCursor::of(query.sort, last)))
    }

    async fn may_export(&self, member: Member) -> Result<(), StoreError> {
        let sql = "select to_jsonb(api.require_permission($1::uuid, 'export'))";
        let _: bool = self.value(member.user(), sql, &[Param::of(member.account())]).await?;
        Ok(())
    }

    async fn are_more_than(&self, member: Member, query: &LeadQuery, rows: u32) -> Result<bool, StoreError> {
        let sql = format!("select to_jsonb(count(*)) from ({}) found", found(query));
        let counted: u64 = self.value(member.user(), &sql, &parameters(member, query, None, rows + 1)).await?;
        Ok(counted > u64::from(rows))
    }

    async fn get(
        &self,
        member: Member,
        id: LeadId,
        analyses_max: usize,
    ) -> Result<Option<(Lead<Mark>, Vec<Analysis>)>, StoreError> {
        let sql = format!(
            "select jsonb_build_object('lead', {LEAD} || jsonb_build_object('outcome', \
                 case when m.outcome is not null then to_jsonb(m) end), 'analyses', coalesce((\
               select jsonb_agg(h.entry order by h.created_at desc, h.id desc) from (\
                 select a.created_at, a.id, jsonb_build_object('id', a.id, 'run_id', a.run_id, \
                   'analysis_type', a.analysis_type, 'score', a.score, 'model', a.model, 'provider', a.provider, \
                   'is_stale', a.is_stale, 'summary', a.summary, 'scraped_at', a.scraped_at, \
                   'created_at', a.created_at, 'profile', a.result -> 'profile') as entry \
                 from public.analyses a where a.lead_id = l.id and a.account_id = $1::uuid and a.deleted_at is null \
                 order by a.created_at desc, a.id desc limit $3::bigint\
               ) h), '[]')) from public.leads l {LATEST} {MARK} \
             where l.account_id = $1::uuid and l.deleted_at is null and l.id = $2::uuid"
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
