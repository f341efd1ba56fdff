//! Members, invitations, keys, and the answers of the database about them.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    features::auth::{KeySecret, Permission, Role, SecretHash, SpendingLimit},
    shared::ids::{AccountId, UserId},
};

/// A person of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemberView {
    pub id: UserId,
    /// Where they sign in.
    pub email: Option<String>,
    pub role: Role,
    pub joined_at: Timestamp,
    /// What they may spend; none for as much as there is.
    pub limit: Option<SpendingLimit>,
    /// Credits of the limit's present period; without a limit, of this month (UTC). Refunds count for the day of the charge.
    pub spent: i64,
}

/// What became of a change to a member.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum MemberOutcome {
    #[serde(rename = "ok")]
    Changed {
        member: MemberView,
    },
    NotFound,
    /// Owners are made and changed by owners.
    OwnerRequired,
    /// The account would have no owner.
    LastOwner,
    Forbidden,
}

/// What became of the end of a membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum RemoveOutcome {
    Removed,
    NotFound,
    OwnerRequired,
    LastOwner,
    Forbidden,
}

/// Something that was done to the account, its members, invitations or keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemberAction {
    pub id: i64,
    /// Who did it: a user, or a key.
    pub actor_id: UserId,
    /// `member_invited`, `member_joined`, `member_changed`, `member_left`, `member_removed`, `invitation_revoked`,
    /// `became_owner` (the last owner was deleted, and nobody chose), `key_created`, `key_rotated`, `key_revoked`, `filter_saved`,
    /// `filter_changed`, `filter_deleted`, `account_closed` or `account_restored`.
    pub action: String,
    /// The user, the invitation, the key, the saved filter or the account.
    pub subject_id: Option<Uuid>,
    /// What was set.
    pub details: serde_json::Value,
    pub at: Timestamp,
}

/// An invitation to be made.
#[derive(Debug, Clone)]
pub struct NewInvitation {
    pub id: Uuid,
    pub email: String,
    pub role: Role,
    pub limit: Option<SpendingLimit>,
    pub token: SecretHash,
}

/// Somebody who was asked to join.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Invitation {
    pub id: Uuid,
    pub email: String,
    pub role: Role,
    pub limit: Option<SpendingLimit>,
    pub invited_by: Option<UserId>,
    pub created_at: Timestamp,
    /// A week later.
    pub expires_at: Timestamp,
    pub state: InvitationState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InvitationState {
    Open,
    Accepted,
    Revoked,
    Expired,
}

/// What became of an invitation.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum InviteOutcome {
    #[serde(rename = "ok")]
    Invited {
        invitation: Invitation,
        account_name: String,
    },
    AlreadyMember,
    OwnerRequired,
    /// More than may be open, or be made in a day.
    Limit {
        open_max: i64,
        daily_max: i64,
        address_daily_max: i64,
    },
    Forbidden,
}

/// What became of taking an invitation back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum RevokeOutcome {
    #[serde(rename = "ok")]
    Revoked {
        invitation: Invitation,
    },
    NotFound,
    /// Somebody has joined by it.
    Accepted,
    Forbidden,
}

/// What became of following a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum AcceptOutcome {
    #[serde(rename = "ok")]
    Joined {
        account_id: AccountId,
    },
    /// No such invitation, or taken back, or used by somebody else.
    NotFound,
    Expired,
    /// Another address was invited than the confirmed one of this user.
    OtherAddress,
}

/// A key to be made.
#[derive(Debug, Clone)]
pub struct NewApiKey {
    pub id: Uuid,
    pub name: String,
    /// At least [`Permission::Read`], and at most what its maker may do.
    pub scopes: Vec<Permission>,
    pub expires_at: Option<Timestamp>,
    pub limit: Option<SpendingLimit>,
    pub secret: KeySecret,
}

/// A program's way in, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApiKey {
    pub id: Uuid,
    pub name: String,
    /// The beginning of its secret.
    pub prefix: String,
    /// What it may do; nothing after it was revoked.
    pub scopes: Vec<Permission>,
    pub created_by: Option<UserId>,
    pub created_at: Timestamp,
    /// To the minute.
    pub last_used_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    /// Until when the secret before a rotation is good.
    pub earlier_secret_ends_at: Option<Timestamp>,
    pub limit: Option<SpendingLimit>,
    /// As for members.
    pub spent: i64,
    pub state: KeyState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    Live,
    Expired,
    Revoked,
}

/// What became of making, rotating or revoking a key.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum KeyOutcome {
    #[serde(rename = "ok")]
    Done {
        key: Box<ApiKey>,
    },
    NotFound,
    /// Whoever has a limit gives nobody else a secret to spend with.
    OwnerRequired,
    Limit {
        live_max: i64,
    },
    Forbidden,
}
