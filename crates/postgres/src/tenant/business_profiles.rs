//! Business profiles, as the calling user.

use async_trait::async_trait;
use jiff::Timestamp;
use oslira_app::{
    features::{
        auth::Member,
        business::{
            BusinessProfile, BusinessProfileChanges, BusinessProfileCursor, BusinessProfileRepository, CreateOutcome,
            NewBusinessProfile, UpdateOutcome,
        },
    },
    shared::{
        idempotency::IdempotencyKey,
        ids::BusinessProfileId,
        pagination::{Page, PageQuery},
        store::StoreError,
    },
};

use super::{db::TenantDb, deletion::Deletion};
use crate::session::Param;

/// A profile as its customer sees it: its criteria are columns of its row.
const PROFILE: &str = "to_jsonb(bp) || jsonb_build_object('ideal_customer', to_jsonb(bp))";

#[async_trait]
impl BusinessProfileRepository for TenantDb {
    async fn create(
        &self,
        member: Member,
        profile: &NewBusinessProfile,
        key: Option<&IdempotencyKey>,
        body_hash: &str,
    ) -> Result<CreateOutcome, StoreError> {
        const SQL: &str = "select api.create_business_profile($1::uuid, $2::jsonb, $3, $4)";
        let key = key.map(IdempotencyKey::as_str);
        let params = [Param::of(member.account()), Param::json(profile)?, Param::maybe(key), Param::of(body_hash)];
        self.value(member.user(), SQL, &params).await
    }

    async fn list(
        &self,
        member: Member,
        page: PageQuery<BusinessProfileCursor>,
    ) -> Result<Page<BusinessProfile>, StoreError> {
        let sql = format!(
            "select {PROFILE} from public.business_profiles bp \
            where bp.account_id = $1::uuid and bp.deleted_at is null \
              and ($2::text is null or (bp.created_at, bp.id) < ($2::timestamptz, $3::uuid)) \
            order by bp.created_at desc, bp.id desc limit $4::bigint"
        );
        let after = page.after.map(|cursor| cursor.0);
        let (made, id) = (after.map(|after| after.created_at), after.map(|after| after.id));
        let params = [Param::of(member.account()), Param::maybe(made), Param::maybe(id), Param::of(page.limit + 1)];
        let profiles: Vec<BusinessProfile> = self.values(member.user(), &sql, &params).await?;
        Ok(Page::cut(profiles, page.limit, |last| BusinessProfileCursor { created_at: last.created_at, id: last.id }))
    }

    async fn get(&self, member: Member, id: BusinessProfileId) -> Result<Option<BusinessProfile>, StoreError> {
        let sql = format!(
            "select {PROFILE} from public.business_profiles bp \
            where bp.account_id = $1::uuid and bp.id = $2::uuid and bp.deleted_at is null"
        );
        let params = [Param::of(member.account()), Param::of(id)];
        Ok(self.values(member.user(), &sql, &params).await?.into_iter().next())
    }

    async fn update(
        &self,
        member: Member,
        id: BusinessProfileId,
        changes: &BusinessProfileChanges,
        expected_version: Option<i32>,
    ) -> Result<UpdateOutcome, StoreError> {
        const SQL: &str = "select api.update_business_profile($1::uuid, $2::uuid, $3::jsonb, $4::integer)";
        let account = Param::of(member.account());
        let params = [account, Param::of(id), Param::json(changes)?, Param::maybe(expected_version)];
        self.value(member.user(), SQL, &params).await
    }

    async fn delete(&self, member: Member, id: BusinessProfileId) -> Result<Option<Timestamp>, StoreError> {
        const SQL: &str = "select api.delete_business_profile($1::uuid, $2::uuid)";
        let params = [Param::of(member.account()), Param::of(id)];
        let deletion: Deletion = self.value(member.user(), SQL, &params).await?;
        Ok(deletion.into())
    }
}
