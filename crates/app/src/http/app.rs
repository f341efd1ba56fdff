//! The ports a request may use, put into each request by the platform.

use std::sync::Arc;

use async_trait::async_trait;
use axum::{extract::FromRequestParts, http::request::Parts};

use crate::{
    features::{
        analysis::{ProgressBoard, RunDesk, RunLauncher},
        auth::{Authenticator, Memberships},
        credits::CreditLedger,
    },
    http::ApiError,
    shared::{
        clock::Clock,
        ids::{Ids, UserId},
    },
};

/// Whether this deployment may take money for work; checked before every charge.
#[async_trait]
pub trait Readiness: Send + Sync {
    /// What is wrong with the configuration, empty when nothing is: a missing key, or a sandbox address outside
    /// `OSLIRA_ENV=local`. Names settings, never their values.
    fn config_faults(&self) -> Vec<String>;

    /// Whether the database answers.
    async fn database_answers(&self) -> bool;

    /// The value of `OSLIRA_ENV`.
    fn environment(&self) -> &str;
}

/// Settings of the HTTP layer that are fixed for the life of an isolate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HttpConfig {
    /// Origins that browsers may call from; `*` allows every one (no cookies are used).
    pub cors_origins: Vec<String>,
}

/// Everything a handler can reach. Made anew for each request, because on Workers a database socket belongs to one
/// request. User requests get the tenant's database role only: no port of the system role is in here.
#[derive(Clone)]
pub struct App {
    /// Verifies tokens.
    pub authenticator: Arc<dyn Authenticator>,
    /// Which accounts a user belongs to.
    pub memberships: Arc<dyn Memberships>,
    /// Balances and transactions, as the calling user.
    pub credits: Arc<dyn CreditLedger>,
    /// Runs, as the calling user.
    pub runs: Arc<dyn RunDesk>,
    /// Starts workflows.
    pub launcher: Arc<dyn RunLauncher>,
    /// Live progress.
    pub progress: Arc<dyn ProgressBoard>,
    /// Health of this deployment.
    pub readiness: Arc<dyn Readiness>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// New identifiers.
    pub ids: Arc<dyn Ids>,
}

impl<S: Send + Sync> FromRequestParts<S> for App {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| ApiError::internal("the platform put no App into the request"))
    }
}

/// The user a token was verified for, without a choice of account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallingUser(pub UserId);
