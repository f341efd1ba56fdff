//! Saved queries of the leads, as the calling user.

use async_trait::async_trait;
use oslira_app::{
    features::{
        auth::Member,
        leads::{FilterDeletion, FilterOutcome, FilterRepository, NewFilter, SavedFilter},
    },
    shared::{ids::LeadFilterId, store::StoreError},
};

use super::db::TenantDb;
use crate::session::Param;

#[async_trait]
impl FilterRepository for TenantDb {
    async fn filters(&self, member: Member) -> Result<Vec<SavedFilter>, StoreError> {
        // An account has a hundred at most.
        const SQL: &str = "select to_jsonb(f) - 'account_id' from public.lead_filters f \
            where f.account_id = $1::uuid order by lower(f.name), f.id";
        self.values(member.user(), SQL, &[Param::of(member.account())]).await
    }

    async fn save_filter(&self, member: Member, filter: &NewFilter) -> Result<FilterOutcome, StoreError> {
        const SQL: &str = "select api.save_lead_filter($1::uuid, $2, $3::jsonb)";
        let params = [Param::of(member.account()), Param::of(filter.name.as_str()), Param::json(&filter.query)?];
        self.value(member.user(), SQL, &params).await
    }

    async fn change_filter(
        &self,
        member: Member,
        id: LeadFilterId,
        filter: &NewFilter,
        expected_version: Option<i32>,
    ) -> Result<FilterOutcome, StoreError> {
        const SQL: &str = "select api.change_lead_filter($1::uuid, $2::uuid, $3, $4::jsonb, $5::integer)";
        let params = [
            Param::of(member.account()),
            Param::of(id),
            Param::of(filter.name.as_str()),
            Param::json(&filter.query)?,
            Param::maybe(expected_version),
        ];
        self.value(member.user(), SQL, &params).await
    }

    async fn delete_filter(&self, member: Member, id: LeadFilterId) -> Result<FilterDeletion, StoreError> {
        const SQL: &str = "select api.delete_lead_filter($1::uuid, $2::uuid)";
        self.value(member.user(), SQL, &[Param::of(member.account()), Param::of(id)]).await
    }
}
