//! The query of a request, and the token every request must carry.

use std::collections::HashMap;

use axum::{
    extract::{FromRequestParts, Query},
    http::{StatusCode, request::Parts},
};

use super::errors::ApifyError;
use crate::shared::headers;

/// The only Apify token the sandbox accepts.
pub const APIFY_TOKEN: &str = "sandbox-apify-token";

/// The query of a request with the right token; a handler that takes it is authorised.
pub(super) struct Parameters(HashMap<String, String>);

impl<S: Sync> FromRequestParts<S> for Parameters {
    type Rejection = ApifyError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApifyError> {
        let query: Query<HashMap<String, String>> = Query::try_from_uri(&parts.uri)
            .map_err(|error| ApifyError::new(StatusCode::BAD_REQUEST, "invalid-parameter", error.body_text()))?;
        let bearer = headers::bearer(&parts.headers, "authorization");
        match bearer.or(query.get("token").map(String::as_str)) {
            None | Some("") => Err(ApifyError::new(
                StatusCode::UNAUTHORIZED,
                "token-not-provided",
                "Authentication token was not provided",
            )),
            Some(APIFY_TOKEN) => Ok(Self(query.0)),
            Some(_) => Err(ApifyError::new(
                StatusCode::UNAUTHORIZED,
                "user-or-token-not-found",
                "User was not found or authentication token is not valid",
            )),
        }
    }
}

impl Parameters {
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, ApifyError> {
        let refused = |_| {
            let message = format!("Query parameter \"{name}\" must be a non-negative integer");
            ApifyError::new(StatusCode::BAD_REQUEST, "invalid-parameter", message)
        };
        self.text(name).map(|text| text.parse().map_err(refused)).transpose()
    }

    /// An amount of money.
    pub(super) fn dollars(&self, name: &str) -> Result<Option<f64>, ApifyError> {
        let refused = || {
            let message = format!("Query parameter \"{name}\" must be a positive number");
            ApifyError::new(StatusCode::BAD_REQUEST, "invalid-parameter", message)
        };
        let amount = |text: &str| text.parse().ok().filter(|amount: &f64| amount.is_finite() && *amount > 0.0);
        self.text(name).map(|text| amount(text).ok_or_else(refused)).transpose()
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        matches!(self.text(name), Some("1" | "true"))
    }
}
