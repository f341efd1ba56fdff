//! What authentication needs from outside.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{AuthError, ClosedAccount, Familiar, Jwk, JwkSet, KeyAccess, Membership, SecretHash};
use crate::shared::{
    ids::{AccountId, UserId},
    secret::Secret,
    store::StoreError,
};

/// Turns a bearer token into a user.
#[async_trait]
pub trait Authenticator: Send + Sync {
    /// MUST refuse whatever [`super::TokenVerifier`] refuses.
    ///
    /// # Errors
    /// [`AuthError`] for a token that is not a signed-in user's.
    async fn authenticate(&self, token: &str) -> Result<UserId, AuthError>;
}

/// Reads memberships as the user, so that row-level security decides.
#[async_trait]
pub trait Memberships: Send + Sync {
    /// The live accounts of a user, oldest membership first. MAY be up to 60 s old: it only chooses an account, and
    /// every statement is checked by the database again.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn accounts_of(&self, user: UserId) -> Result<Vec<Membership>, StoreError>;

    /// The same, read now: for an account that the remembered list does not have yet. The default suits an
    /// implementation that remembers nothing.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn accounts_now(&self, user: UserId) -> Result<Vec<Membership>, StoreError> {
        self.accounts_of(user).await
    }

    /// The closed accounts of which a user is an owner and that can still be opened again or are not erased yet, the one that was
    /// closed last first. MUST be read now.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn closed_accounts_of(&self, user: UserId) -> Result<Vec<ClosedAccount>, StoreError>;
}

/// Whose an API key is.
#[async_trait]
pub trait ApiKeys: Send + Sync {
    /// The key with this secret, if it may do anything now. MUST ask the database each time: a key that was revoked ends with
    /// this question.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn resolve(&self, secret: &SecretHash) -> Result<Option<KeyAccess>, StoreError>;
}

/// The issuer's published keys.
#[async_trait]
pub trait KeySource: Send + Sync {
    /// Fetches the key set anew.
    ///
    /// # Errors
    /// A sentence for the log, without secrets.
    async fn fetch(&self) -> Result<JwkSet, String>;
}

/// Waits.
#[async_trait]
pub trait Pause: Send + Sync {
    /// Returns when this time has passed.
    async fn pause(&self, time: Duration);
}

/// A key together with the one algorithm it may be used with: the token never chooses the algorithm (RFC 8725 §3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerifyingKey {
    /// ECDSA over P-256 with SHA-256.
    Es256(Jwk),
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256(Jwk),
    /// HMAC-SHA-256 with the project's legacy secret.
    Hs256(Secret<Vec<u8>>),
}

/// Checks signatures; WebCrypto does it in the Worker, eight times faster than Rust in WebAssembly.
#[async_trait]
pub trait SignatureCheck: Send + Sync {
    /// Whether `signature` was made over `message` with `key`. A key that cannot be imported verifies nothing.
    async fn verify(&self, key: &VerifyingKey, message: &[u8], signature: &[u8]) -> bool;
}

/// Which accounts were blocked when somebody looked last. It saves questions to the database and decides nothing by itself: whoever is
/// not in it is asked about there. It MAY forget, and MUST end by itself, so that an account that is not blocked any more buys again
/// within minutes even if nobody could tell it so.
#[async_trait]
pub trait BlockedAccounts: Send + Sync {
    /// Whether it is remembered as blocked; `false` when the memory does not answer.
    async fn is_blocked(&self, account: AccountId) -> bool;

    /// The database has just said that it is.
    async fn remember(&self, account: AccountId);

    /// It is not blocked any more.
    async fn forget(&self, account: AccountId);
}

/// What it takes to know a person, without any account of theirs.
#[derive(Clone)]
pub struct SignInPorts {
    pub authenticator: Arc<dyn Authenticator>,
    pub familiar: Arc<Familiar>,
}

/// What the feature's handlers and the extractors of callers can reach.
#[derive(Clone)]
pub struct AuthPorts {
    pub authenticator: Arc<dyn Authenticator>,
    pub memberships: Arc<dyn Memberships>,
    pub keys: Arc<dyn ApiKeys>,
    pub familiar: Arc<Familiar>,
    pub blocked: Arc<dyn BlockedAccounts>,
}
