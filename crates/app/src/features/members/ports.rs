//! What the feature needs from outside.

use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use super::{
    AcceptOutcome, ApiKey, Invitation, InviteOutcome, KeyOutcome, MemberAction, MemberOutcome, MemberView, NewApiKey,
    NewInvitation, RemoveOutcome, RevokeOutcome,
};
use crate::{
    features::auth::{KeySecret, Member, Role, SecretHash, SpendingLimit},
    shared::{
        clock::Clock,
        ids::{Ids, UserId},
        mail::Mailer,
        pagination::{Page, PageQuery},
        store::StoreError,
    },
};

/// Members, invitations and keys, as the caller. Every method fails with [`StoreError`] when the database does not answer,
/// and with `PermissionMissing` when the caller may not do it.
#[async_trait]
pub trait MemberStore: Send + Sync {
    /// The people of the account, the longest membership first; `None` for a stranger.
    async fn members(&self, member: Member) -> Result<Option<Vec<MemberView>>, StoreError>;

    /// Sets role and limit. MUST hold for every charge that begins afterwards.
    async fn change_member(
        &self,
        member: Member,
        id: UserId,
        role: Role,
        limit: Option<SpendingLimit>,
    ) -> Result<MemberOutcome, StoreError>;

    /// Ends a membership, the caller's own or another's.
    async fn remove_member(&self, member: Member, id: UserId) -> Result<RemoveOutcome, StoreError>;

    /// Who did what, newest first; `None` for a stranger.
    async fn actions(&self, member: Member, page: PageQuery<i64>) -> Result<Option<Page<MemberAction>>, StoreError>;

    async fn invite(&self, member: Member, invitation: &NewInvitation) -> Result<InviteOutcome, StoreError>;

    /// The newest ones; `None` for a stranger.
    async fn invitations(&self, member: Member) -> Result<Option<Vec<Invitation>>, StoreError>;

    async fn revoke_invitation(&self, member: Member, id: Uuid) -> Result<RevokeOutcome, StoreError>;

    /// Joins by a link, once.
    async fn accept(&self, user: UserId, token: &SecretHash) -> Result<AcceptOutcome, StoreError>;

    async fn create_key(&self, member: Member, key: &NewApiKey) -> Result<KeyOutcome, StoreError>;

    /// The newest ones; `None` for a stranger.
    async fn keys(&self, member: Member) -> Result<Option<Vec<ApiKey>>, StoreError>;

    /// Gives a key a new secret; the present one is good for `overlap_s` more seconds.
    async fn rotate_key(
        &self,
        member: Member,
        id: Uuid,
        overlap_s: u32,
        secret: &KeySecret,
    ) -> Result<KeyOutcome, StoreError>;

    /// Ends a key at once.
    async fn revoke_key(&self, member: Member, id: Uuid) -> Result<KeyOutcome, StoreError>;
}

/// What the feature's handlers can reach.
#[derive(Clone)]
pub struct MemberPorts {
    pub store: Arc<dyn MemberStore>,
    pub mailer: Arc<dyn Mailer>,
    pub ids: Arc<dyn Ids>,
    pub clock: Arc<dyn Clock>,
    /// Where links in mails lead: the address of the customers' app, without a slash at its end; empty if none is set.
    pub app_url: String,
}
