//! Members, invitations and API keys, as the caller.

use async_trait::async_trait;
use oslira_app::{
    features::{
        auth::{ApiKeys, KeyAccess, KeySecret, Member, Permission, Role, SecretHash, SpendingLimit},
        members::{
            AcceptOutcome, ApiKey, Invitation, InviteOutcome, KeyOutcome, MemberAction, MemberOutcome, MemberStore,
            MemberView, NewApiKey, NewInvitation, RemoveOutcome, RevokeOutcome,
        },
    },
    shared::{
        ids::UserId,
        pagination::{Page, PageQuery},
        store::StoreError,
    },
};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::db::TenantDb;
use crate::session::Param;

/// A list, or that it is not the caller's to see.
#[derive(Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
enum Listed<T> {
    #[serde(rename = "ok")]
    Ok {
        #[serde(alias = "invitations", alias = "keys", alias = "actions")]
        items: Vec<T>,
    },
    Forbidden,
}

impl<T> Listed<T> {
    fn items(self) -> Option<Vec<T>> {
        match self {
            Self::Ok { items } => Some(items),
            Self::Forbidden => None,
        }
    }
}

fn limit_params(limit: Option<SpendingLimit>) -> [Param; 2] {
    [Param::maybe(limit.map(|limit| limit.credits)), Param::maybe(limit.map(|limit| limit.period.as_str()))]
}

/// The database's word for something that is written as a word in JSON.
fn word(value: impl serde::Serialize) -> Result<Param, StoreError> {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => Ok(Param::of(word)),
        _ => Err(StoreError::Defect("no word".to_owned())),
    }
}

#[async_trait]
impl MemberStore for TenantDb {
    async fn members(&self, member: Member) -> Result<Option<Vec<MemberView>>, StoreError> {
        const SQL: &str = "select coalesce(api.list_members($1::uuid), 'null')";
        self.value(member.user(), SQL, &[Param::of(member.account())]).await
    }

    async fn change_member(
        &self,
        member: Member,
        id: UserId,
        role: Role,
        limit: Option<SpendingLimit>,
    ) -> Result<MemberOutcome, StoreError> {
        const SQL: &str = "select api.change_member($1::uuid, $2::uuid, $3, $4::integer, $5)";
        let [credits, period] = limit_params(limit);
        let params = [Param::of(member.account()), Param::of(id), word(role)?, credits, period];
        self.value(member.user(), SQL, &params).await
    }

    async fn remove_member(&self, member: Member, id: UserId) -> Result<RemoveOutcome, StoreError> {
        const SQL: &str = "select api.remove_member($1::uuid, $2::uuid)";
        self.value(member.user(), SQL, &[Param::of(member.account()), Param::of(id)]).await
    }

    async fn actions(&self, member: Member, page: PageQuery<i64>) -> Result<Option<Page<MemberAction>>, StoreError> {
        const SQL: &str = "select api.list_member_actions($1::uuid, $2::bigint, $3::integer)";
        let after = page.after.map(|cursor| cursor.0);
        let params = [Param::of(member.account()), Param::maybe(after), Param::of(page.limit + 1)];
        let listed: Listed<MemberAction> = self.value(member.user(), SQL, &params).await?;
        Ok(listed.items().map(|actions| Page::cut(actions, page.limit, |last| last.id)))
    }

    async fn invite(&self, member: Member, new: &NewInvitation) -> Result<InviteOutcome, StoreError> {
        const SQL: &str = "select api.invite_member($1::uuid, $2::uuid, $3, $4, $5::integer, $6, $7)";
        let [credits, period] = limit_params(new.limit);
        let params = [
            Param::of(member.account()),
            Param::of(new.id),
            Param::of(&new.email),
            word(new.role)?,
            credits,
            period,
            Param::of(new.token.as_str()),
        ];
        self.value(member.user(), SQL, &params).await
    }

    async fn invitations(&self, member: Member) -> Result<Option<Vec<Invitation>>, StoreError> {
        const SQL: &str = "select api.list_invitations($1::uuid)";
        let listed: Listed<Invitation> = self.value(member.user(), SQL, &[Param::of(member.account())]).await?;
        Ok(listed.items())
    }

    async fn revoke_invitation(&self, member: Member, id: Uuid) -> Result<RevokeOutcome, StoreError> {
        const SQL: &str = "select api.revoke_invitation($1::uuid, $2::uuid)";
        self.value(member.user(), SQL, &[Param::of(member.account()), Param::of(id)]).await
    }

    async fn accept(&self, user: UserId, token: &SecretHash) -> Result<AcceptOutcome, StoreError> {
        self.value(user, "select api.accept_invitation($1)", &[Param::of(token.as_str())]).await
    }

    async fn create_key(&self, member: Member, new: &NewApiKey) -> Result<KeyOutcome, StoreError> {
        const SQL: &str = "select api.create_key($1::uuid, $2::uuid, $3, \
            array(select jsonb_array_elements_text($4::jsonb)), $5::timestamptz, $6::integer, $7, $8, $9)";
        let [credits, period] = limit_params(new.limit);
        let scopes: &[Permission] = &new.scopes;
        let params = [
            Param::of(member.account()),
            Param::of(new.id),
            Param::of(&new.name),
            Param::json(scopes)?,
            Param::maybe(new.expires_at),
            credits,
            period,
            Param::of(new.secret.shown()),
            Param::of(new.secret.hash().as_str()),
        ];
        self.value(member.user(), SQL, &params).await
    }

    async fn keys(&self, member: Member) -> Result<Option<Vec<ApiKey>>, StoreError> {
        const SQL: &str = "select api.list_keys($1::uuid)";
        let listed: Listed<ApiKey> = self.value(member.user(), SQL, &[Param::of(member.account())]).await?;
        Ok(listed.items())
    }

    async fn rotate_key(
        &self,
        member: Member,
        id: Uuid,
        overlap_s: u32,
        secret: &KeySecret,
    ) -> Result<KeyOutcome, StoreError> {
        const SQL: &str = "select api.rotate_key($1::uuid, $2::uuid, $3::integer, $4, $5)";
        let params = [
            Param::of(member.account()),
            Param::of(id),
            Param::of(overlap_s),
            Param::of(secret.shown()),
            Param::of(secret.hash().as_str()),
        ];
        self.value(member.user(), SQL, &params).await
    }

    async fn revoke_key(&self, member: Member, id: Uuid) -> Result<KeyOutcome, StoreError> {
        const SQL: &str = "select api.revoke_key($1::uuid, $2::uuid)";
        self.value(member.user(), SQL, &[Param::of(member.account()), Param::of(id)]).await
    }
}

#[async_trait]
impl ApiKeys for TenantDb {
    async fn resolve(&self, secret: &SecretHash) -> Result<Option<KeyAccess>, StoreError> {
        self.value_for_nobody("select coalesce(api.resolve_key($1), 'null')", &[Param::of(secret.as_str())]).await
    }
}
