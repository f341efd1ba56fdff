//! `/control`: planting faults, ending models, minting tokens, rewriting people and reading what was received. For
//! developers and tests only.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use bytes::Bytes;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::Shared;
use crate::providers::supabase::tokens::TokenRequest;
use crate::shared::{
    faults::{FaultSpec, Target},
    lifecycle::Change,
    profiles::Rewrite,
    received,
};

/// The routes below `/control`.
pub(crate) fn routes(shared: &Arc<Shared>) -> Router {
    Router::new()
        .route("/faults", post(plant_fault).get(list_faults).delete(clear_faults))
        .route("/faults/{id}", delete(remove_fault))
        .route("/models", post(change_model).delete(restore_models))
        .route("/profiles", post(rewrite_profile))
        .route("/received", get(report_received).delete(clear_received))
        .route("/tokens", post(mint_token))
        .with_state(Arc::clone(shared))
}

async fn plant_fault(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    match parse::<FaultSpec>(&body).and_then(|spec| shared.faults.plant(spec)) {
        Ok(id) => (StatusCode::CREATED, Json(json!({"id": id.to_string()}))).into_response(),
        Err(why) => refused(&why),
    }
}

async fn list_faults(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(json!({"faults": shared.faults.list()}))
}

async fn clear_faults(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(json!({"deleted": shared.faults.clear()}))
}

async fn remove_fault(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    if id.parse().is_ok_and(|id| shared.faults.remove(id)) {
        Json(json!({"deleted": 1})).into_response()
    } else {
        (StatusCode::NOT_FOUND, Json(json!({"error": "there is no such fault"}))).into_response()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Selection {
    target: Option<Target>,
    #[serde(rename = "match")]
    matches: Option<String>,
}

async fn report_received(State(shared): State<Arc<Shared>>, Query(selection): Query<Selection>) -> Json<Value> {
    let needle = selection.matches.as_deref();
    // Actor runs are not calls, but how many ran at once is asked in the same way.
    let calls = match selection.target {
        Some(Target::ApifyRun) => shared.runs.as_calls(needle),
        target => shared.received.select(target, needle),
    };
    Json(received::report(&calls, shared.received.forgotten()))
}

async fn clear_received(State(shared): State<Arc<Shared>>) -> Json<Value> {
    shared.received.clear();
    shared.runs.forget_as_calls();
    Json(json!({"deleted": true}))
}

async fn change_model(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    match parse::<Change>(&body).and_then(|change| shared.lifecycles.change(&change)) {
        Ok(standing) => Json(standing).into_response(),
        Err(why) => refused(&why),
    }
}

async fn restore_models(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(json!({"deleted": shared.lifecycles.clear()}))
}

async fn rewrite_profile(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let rewritten = parse::<Rewrite>(&body).and_then(|rewrite| {
        let username = rewrite.username.clone();
        shared.catalogue.rewrite(rewrite).map(|()| username)
    });
    match rewritten {
        Ok(username) => Json(json!({"username": username})).into_response(),
        Err(why) => refused(&why),
    }
}

async fn mint_token(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    match parse::<TokenRequest>(&body).and_then(|request| shared.keys.mint(&request, &shared.issuer())) {
        Ok(token) => Json(json!({"token": token})).into_response(),
        Err(why) => refused(&why),
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

fn refused(why: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({"error": why}))).into_response()
}
