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
use tokio_postgres::types::Type;

use super::{db::TenantDb, deletion::Deletion};
use crate::session::{Param, json};

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
        const SQL: &str = "select api.create_business_profile($1, $2, $3, $4)";
        let (account, fields) = (member.account().uuid(), json(profile)?);
        let key = key.map(IdempotencyKey::as_str);
        let params: [Param<'_>; 4] =
            [(&account, Type::UUID), (&fields, Type::JSONB), (&key, Type::TEXT), (&body_hash, Type::TEXT)];
        self.value(member.user(), SQL, &params).await
    }

    async fn list(
        &self,
        member: Member,
        page: PageQuery<BusinessProfileCursor>,
    ) -> Result<Page<BusinessProfile>, StoreError> {
        let sql = format!(
            "select {PROFILE} from public.business_profiles bp \
            where bp.account_id = $1 and bp.deleted_at is null \
              and ($2::text is null or (bp.created_at, bp.id) < ($2::timestamptz, $3)) \
            order by bp.created_at desc, bp.id desc limit $4"
        );
        let (account, limit) = (member.account().uuid(), i64::from(page.limit) + 1);
        let after = page.after.map(|cursor| cursor.0);
        let (made, id) = (after.map(|after| after.created_at.to_string()), after.map(|after| after.id.uuid()));
        let params: [Param<'_>; 4] =
            [(&account, Type::UUID), (&made, Type::TEXT), (&id, Type::UUID), (&limit, Type::INT8)];
        let profiles: Vec<BusinessProfile> = self.values(member.user(), &sql, &params).await?;
        Ok(Page::cut(profiles, page.limit, |last| BusinessProfileCursor { created_at: last.created_at, id: last.id }))
    }

    async fn get(&self, member: Member, id: BusinessProfileId) -> Result<Option<BusinessProfile>, StoreError> {
        let sql = format!(
            "select {PROFILE} from public.business_profiles bp \
            where bp.account_id = $1 and bp.id = $2 and bp.deleted_at is null"
        );
        let (account, id) = (member.account().uuid(), id.uuid());
        let params: [Param<'_>; 2] = [(&account, Type::UUID), (&id, Type::UUID)];
        Ok(self.values(member.user(), &sql, &params).await?.into_iter().next())
    }

    async fn update(
        &self,
        member: Member,
        id: BusinessProfileId,
        changes: &BusinessProfileChanges,
        expected_version: Option<i32>,
    ) -> Result<UpdateOutcome, StoreError> {
        const SQL: &str = "select api.update_business_profile($1, $2, $3, $4)";
        let (account, id, changes) = (member.account().uuid(), id.uuid(), json(changes)?);
        let params: [Param<'_>; 4] =
            [(&account, Type::UUID), (&id, Type::UUID), (&changes, Type::JSONB), (&expected_version, Type::INT4)];
        self.value(member.user(), SQL, &params).await
    }

    async fn delete(&self, member: Member, id: BusinessProfileId) -> Result<Option<Timestamp>, StoreError> {
        const SQL: &str = "select api.delete_business_profile($1, $2)";
        let (account, id) = (member.account().uuid(), id.uuid());
        let params: [Param<'_>; 2] = [(&account, Type::UUID), (&id, Type::UUID)];
        let deletion: Deletion = self.value(member.user(), SQL, &params).await?;
        Ok(deletion.into())
    }
}
