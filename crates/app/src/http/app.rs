//! The ports a request may use, put into each request by the platform.

use std::sync::Arc;

use async_trait::async_trait;
use axum::{extract::FromRequestParts, http::request::Parts};

use crate::{
    features::{
        analysis::{ModelChoice, ModelLifecycle, ProgressBoard, RunDesk, RunLauncher},
        auth::{Authenticator, Memberships},
        business::BusinessDesk,
        credits::CreditLedger,
        leads::{LeadBook, Pictures},
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

    /// What the daily job last found of the models in use; `None` when the database does not answer.
    async fn models_found(&self) -> Option<Vec<ModelLifecycle>>;

    /// What was known of the models in use when this version was built.
    fn models_announced(&self) -> Vec<ModelLifecycle>;

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
    /// Business profiles, as the calling user.
    pub businesses: Arc<dyn BusinessDesk>,
    /// Leads, as the calling user.
    pub leads: Arc<dyn LeadBook>,
    /// Copies of profile pictures.
    pub pictures: Arc<dyn Pictures>,
    /// Runs, as the calling user.
    pub runs: Arc<dyn RunDesk>,
    /// Starts workflows.
    pub launcher: Arc<dyn RunLauncher>,
    /// Which models this deployment asks: whose outage stops which analyses.
    pub models: Arc<ModelChoice>,
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

/// What is wrong with a required setting, by its name and never its value. Fails closed: only a local stack may use plain
/// addresses and the sandbox's keys.
#[must_use]
pub fn setting_fault(name: &str, value: &str, local: bool) -> Option<String> {
    if value.is_empty() {
        return Some(format!("{name} is not set"));
    }
    if local {
        return None;
    }
    if name.ends_with("_URL") && !value.to_ascii_lowercase().starts_with("https://") {
        return Some(format!("{name} must begin with https://"));
    }
    if ["://localhost", "://127.", "://[", "://0."].iter().any(|host| value.to_ascii_lowercase().contains(host)) {
        return Some(format!("{name} names this machine"));
    }
    value.starts_with("sandbox-").then(|| format!("{name} is the sandbox's"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_local_stack_may_use_the_sandbox() {
        for (name, value) in [
            ("APIFY_TOKEN", "sandbox-apify-token"),
            ("APIFY_BASE_URL", "http://127.0.0.1:4010/apify"),
            ("APIFY_TOKEN", ""),
            ("OPENAI_BASE_URL", "https://localhost:8443/v1"),
        ] {
            let fault = setting_fault(name, value, false);
            assert!(fault.as_ref().is_some_and(|fault| fault.contains(name)), "{name}={value}");
            assert!(value.is_empty() || !fault.is_some_and(|fault| fault.contains(value)), "a value is shown");
        }
        assert_eq!(setting_fault("APIFY_TOKEN", "sandbox-apify-token", true), None);
        assert_eq!(setting_fault("APIFY_BASE_URL", "https://api.apify.com", false), None);
        assert!(setting_fault("OPENAI_API_KEY", "", true).is_some());
    }
}
