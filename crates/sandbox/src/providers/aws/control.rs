//! `/control/secrets`: rotates the secret and the credentials.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::state::{Credentials, SecretsManager};

/// The routes below `/control/secrets`.
pub(crate) fn routes(manager: &Arc<SecretsManager>) -> Router {
    Router::new()
        .route("/", get(list).post(rotate).delete(restore))
        .route("/credentials", post(accept))
        .route("/credentials/{id}", delete(revoke))
        .with_state(Arc::clone(manager))
}

async fn list(State(manager): State<Arc<SecretsManager>>) -> Json<Value> {
    Json(json!({"versions": manager.list()}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotation {
    values: BTreeMap<String, Option<String>>,
}

async fn rotate(State(manager): State<Arc<SecretsManager>>, body: Bytes) -> Response {
    match serde_json::from_slice::<Rotation>(&body) {
        Ok(rotation) => Json(json!({"version": manager.rotate(rotation.values)})).into_response(),
        Err(error) => refused(&error),
    }
}

async fn restore(State(manager): State<Arc<SecretsManager>>) -> Json<Value> {
    Json(json!({"version": manager.restore()}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Accepted {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    expires_in_s: Option<i64>,
}

async fn accept(State(manager): State<Arc<SecretsManager>>, body: Bytes) -> Response {
    let accepted = match serde_json::from_slice::<Accepted>(&body) {
        Ok(accepted) => accepted,
        Err(error) => return refused(&error),
    };
    manager.accept(Credentials {
        access_key_id: accepted.access_key_id,
        secret_access_key: accepted.secret_access_key,
        session_token: accepted.session_token,
        expires_at_s: accepted.expires_in_s.map(|seconds| Timestamp::now().as_second().saturating_add(seconds)),
    });
    Json(json!({"accepted": true})).into_response()
}

fn refused(error: &serde_json::Error) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({"error": error.to_string()}))).into_response()
}

async fn revoke(State(manager): State<Arc<SecretsManager>>, Path(id): Path<String>) -> Response {
    if manager.revoke(&id) {
        Json(json!({"deleted": 1})).into_response()
    } else {
        (StatusCode::NOT_FOUND, Json(json!({"error": "there are no such credentials"}))).into_response()
    }
}
