//! Supabase Auth's key set. Tokens are minted at `/control/tokens`; there is no sign-in here.

mod tokens;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;

pub(crate) use tokens::{Keys, TokenRequest};

use crate::shared::{
    faults::Target,
    headers,
    tap::{Tap, Tapped},
};

/// Supabase Auth: its keys, and the issuer that its tokens name.
pub(crate) struct Supabase {
    keys: Keys,
    issuer: String,
}

impl Supabase {
    /// A project at `{public url}/supabase`.
    pub(crate) fn new(keys: Keys, public_url: &str) -> Self {
        Self { keys, issuer: format!("{public_url}/supabase/auth/v1") }
    }

    /// Makes a token, or says why it can't.
    pub(crate) fn mint(&self, request: &TokenRequest) -> Result<String, String> {
        self.keys.mint(request, &self.issuer)
    }
}

impl Tapped for Supabase {
    fn error(&self, _: Target, status: u16) -> Response {
        let status = headers::status(status);
        let message = status.canonical_reason().unwrap_or("Error");
        let body = json!({"code": status.as_u16(), "error_code": "unexpected_failure", "msg": message});
        (status, Json(body)).into_response()
    }
}

/// The routes below `/supabase`.
pub(crate) fn routes(supabase: &Arc<Supabase>, tap: &Tap) -> Router {
    let jwks = tap.before(supabase, Target::Jwks, get(jwks));
    Router::new().route("/auth/v1/.well-known/jwks.json", jwks).with_state(Arc::clone(supabase))
}

async fn jwks(State(supabase): State<Arc<Supabase>>) -> Response {
    let headers = [(header::CACHE_CONTROL, "public, max-age=600")];
    (headers, Json(json!({"keys": [supabase.keys.public_jwk()]}))).into_response()
}
