//! Supabase Auth's key set. Tokens are minted at `/control/tokens`; there is no sign-in here.

pub(crate) mod tokens;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;

use crate::Shared;
use crate::shared::{faults::Target, tap::tapped};

impl Shared {
    /// The issuer of every token, as a Supabase project at `{public url}/supabase` would name it.
    pub(crate) fn issuer(&self) -> String {
        format!("{}/supabase/auth/v1", self.public_url)
    }
}

/// The routes below `/supabase`.
pub(crate) fn routes(shared: &Arc<Shared>) -> Router {
    Router::new()
        .route("/auth/v1/.well-known/jwks.json", tapped(shared, Target::Jwks, get(jwks)))
        .with_state(Arc::clone(shared))
}

async fn jwks(State(shared): State<Arc<Shared>>) -> Response {
    let headers = [(header::CACHE_CONTROL, "public, max-age=600")];
    (headers, Json(json!({"keys": [shared.keys.public_jwk()]}))).into_response()
}

/// An error in the form of Supabase Auth.
pub(crate) fn error_of_status(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let message = status.canonical_reason().unwrap_or("Error");
    (status, Json(json!({"code": status.as_u16(), "error_code": "unexpected_failure", "msg": message}))).into_response()
}
