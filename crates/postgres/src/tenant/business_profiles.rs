//! Business profiles, as the calling user.

use async_trait::async_trait;
use jiff::Timestamp;
use oslira_app::{
    features::{
        auth::Member,
        business::{
            BusinessProfile, BusinessProfileChanges, BusinessProfileCursor, BusinessProfileRepository, Changed,
            Created, IdealCustomer, NewBusinessProfile,
        },
    },
    shared::{
        idempotency::IdempotencyKey,
        ids::{AccountId, BusinessProfileId},
        pagination::{Page, PageQuery},
        store::StoreError,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_postgres::types::Type;

use super::db::TenantDb;
use crate::session::Param;

#[derive(Deserialize)]
struct ProfileRow {
    id: BusinessProfileId,
    account_id: AccountId,
    name: String,
    offering: String,
    target_audience: String,
    #[serde(flatten)]
    ideal_customer: IdealCustomer,
    context_version: i32,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<ProfileRow> for BusinessProfile {
    fn from(row: ProfileRow) -> Self {
        Self {
            id: row.id,
            account_id: row.account_id,
            name: row.name,
            offering: row.offering,
            target_audience: row.target_audience,
            ideal_customer: row.ideal_customer,
            context_version: row.context_version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

#[derive(Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
enum CreateAnswer {
    Ok { profile: Box<ProfileRow> },
    Replay { profile: Box<ProfileRow> },
    IdempotencyKeyReused,
    Limit { live_max: u32 },
    Forbidden,
}

#[derive(Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
enum UpdateAnswer {
    Ok { profile: Box<ProfileRow> },
    OtherVersion { context_version: i32 },
    FollowerRange,
    NotFound,
}

#[derive(Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
enum DeleteAnswer {
    Deleted { deleted_at: Timestamp },
    NotFound,
}

/// A value as the jsonb that the database functions take.
fn document(value: &impl Serialize) -> Result<Value, StoreError> {
    serde_json::to_value(value).map_err(|error| StoreError::Defect(format!("no document: {:?}", error.classify())))
}

#[async_trait]
impl BusinessProfileRepository for TenantDb {
    async fn create(
        &self,
        member: Member,
        profile: &NewBusinessProfile,
        key: Option<&IdempotencyKey>,
        body_hash: &str,
    ) -> Result<Created, StoreError> {
        const SQL: &str = "select api.create_business_profile($1, $2, $3, $4)";
        let (account, fields) = (member.account().uuid(), document(profile)?);
        let key = key.map(IdempotencyKey::as_str);
        let params: [Param<'_>; 4] =
            [(&account, Type::UUID), (&fields, Type::JSONB), (&key, Type::TEXT), (&body_hash, Type::TEXT)];
        Ok(match self.value(member.user(), SQL, &params).await? {
            CreateAnswer::Ok { profile } => Created::New((*profile).into()),
            CreateAnswer::Replay { profile } => Created::Replay((*profile).into()),
            CreateAnswer::IdempotencyKeyReused => Created::KeyReused,
            CreateAnswer::Limit { live_max } => Created::LimitReached { live_max },
            CreateAnswer::Forbidden => Created::Forbidden,
        })
    }

    async fn list(
        &self,
        member: Member,
        page: PageQuery<BusinessProfileCursor>,
    ) -> Result<Page<BusinessProfile>, StoreError> {
        const SQL: &str = "select to_jsonb(bp) from public.business_profiles bp \
            where bp.account_id = $1 and bp.deleted_at is null \
              and ($2::text is null or (bp.created_at, bp.id) < ($2::timestamptz, $3)) \
            order by bp.created_at desc, bp.id desc limit $4";
        let (account, limit) = (member.account().uuid(), i64::from(page.limit) + 1);
        let after = page.after.map(|cursor| cursor.0);
        let (made, id) = (after.map(|after| after.created_at.to_string()), after.map(|after| after.id.uuid()));
        let params: [Param<'_>; 4] =
            [(&account, Type::UUID), (&made, Type::TEXT), (&id, Type::UUID), (&limit, Type::INT8)];
        let rows: Vec<ProfileRow> = self.values(member.user(), SQL, &params).await?;
        let profiles = rows.into_iter().map(BusinessProfile::from).collect();
        Ok(Page::cut(profiles, page.limit, |last| BusinessProfileCursor { created_at: last.created_at, id: last.id }))
    }

    async fn get(&self, member: Member, id: BusinessProfileId) -> Result<Option<BusinessProfile>, StoreError> {
        const SQL: &str = "select to_jsonb(bp) from public.business_profiles bp \
            where bp.account_id = $1 and bp.id = $2 and bp.deleted_at is null";
        let (account, id) = (member.account().uuid(), id.uuid());
        let params: [Param<'_>; 2] = [(&account, Type::UUID), (&id, Type::UUID)];
        let rows: Vec<ProfileRow> = self.values(member.user(), SQL, &params).await?;
        Ok(rows.into_iter().next().map(BusinessProfile::from))
    }

    async fn change(
        &self,
        member: Member,
        id: BusinessProfileId,
        changes: &BusinessProfileChanges,
        expected_version: Option<i32>,
    ) -> Result<Changed, StoreError> {
        const SQL: &str = "select api.update_business_profile($1, $2, $3, $4)";
        let (account, id, changes) = (member.account().uuid(), id.uuid(), document(changes)?);
        let params: [Param<'_>; 4] =
            [(&account, Type::UUID), (&id, Type::UUID), (&changes, Type::JSONB), (&expected_version, Type::INT4)];
        Ok(match self.value(member.user(), SQL, &params).await? {
            UpdateAnswer::Ok { profile } => Changed::Now(Box::new((*profile).into())),
            UpdateAnswer::OtherVersion { context_version } => Changed::OtherVersion { context_version },
            UpdateAnswer::FollowerRange => Changed::FollowerRange,
            UpdateAnswer::NotFound => Changed::NotFound,
        })
    }

    async fn delete(&self, member: Member, id: BusinessProfileId) -> Result<Option<Timestamp>, StoreError> {
        const SQL: &str = "select api.delete_business_profile($1, $2)";
        let (account, id) = (member.account().uuid(), id.uuid());
        let params: [Param<'_>; 2] = [(&account, Type::UUID), (&id, Type::UUID)];
        Ok(match self.value(member.user(), SQL, &params).await? {
            DeleteAnswer::Deleted { deleted_at } => Some(deleted_at),
            DeleteAnswer::NotFound => None,
        })
    }
}
