//! `/control`: plants faults, ends models, mints tokens, rewrites people and reports what was received. For developers
//! and tests only.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    providers::{
        apify::Runs,
        supabase::{Supabase, TokenRequest},
    },
    shared::{
        faults::{FaultSpec, Target},
        lifecycle::{Change, Lifecycles},
        profiles::{Catalogue, Rewrite},
        received,
        tap::Tap,
    },
};

/// Everything that can be changed or read from outside.
pub(crate) struct Control {
    pub(crate) tap: Tap,
    pub(crate) lifecycles: Arc<Lifecycles>,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) runs: Arc<Runs>,
    pub(crate) supabase: Arc<Supabase>,
}

/// The routes below `/control`.
pub(crate) fn routes(control: Control) -> Router {
    Router::new()
        .route("/faults", post(plant_fault).get(list_faults).delete(clear_faults))
        .route("/faults/{id}", delete(remove_fault))
        .route("/models", post(change_model).delete(restore_models))
        .route("/profiles", post(rewrite_profile))
        .route("/received", get(report_received).delete(clear_received))
        .route("/tokens", post(mint_token))
        .with_state(Arc::new(control))
}

async fn plant_fault(State(control): State<Arc<Control>>, body: Bytes) -> Response {
    match parse::<FaultSpec>(&body).and_then(|spec| control.tap.faults.plant(spec)) {
        Ok(id) => (StatusCode::CREATED, Json(json!({"id": id.to_string()}))).into_response(),
        Err(why) => refused(&why),
    }
}

async fn list_faults(State(control): State<Arc<Control>>) -> Json<Value> {
    Json(json!({"faults": control.tap.faults.list()}))
}

async fn clear_faults(State(control): State<Arc<Control>>) -> Json<Value> {
    Json(json!({"deleted": control.tap.faults.clear()}))
}

async fn remove_fault(State(control): State<Arc<Control>>, Path(id): Path<String>) -> Response {
    if id.parse().is_ok_and(|id| control.tap.faults.remove(id)) {
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

async fn report_received(State(control): State<Arc<Control>>, Query(selection): Query<Selection>) -> Json<Value> {
    let needle = selection.matches.as_deref();
    // Actor runs are not calls, but tests ask in the same way how many of them ran at once.
    let calls = match selection.target {
        Some(Target::ApifyRun) => control.runs.as_calls(needle),
        target => control.tap.received.select(target, needle),
    };
    Json(received::report(&calls, control.tap.received.forgotten()))
}

async fn clear_received(State(control): State<Arc<Control>>) -> Json<Value> {
    control.tap.received.clear();
    control.runs.forget_as_calls();
    Json(json!({"deleted": true}))
}

async fn change_model(State(control): State<Arc<Control>>, body: Bytes) -> Response {
    match parse::<Change>(&body).and_then(|change| control.lifecycles.change(&change)) {
        Ok(standing) => Json(standing).into_response(),
        Err(why) => refused(&why),
    }
}

async fn restore_models(State(control): State<Arc<Control>>) -> Json<Value> {
    Json(json!({"deleted": control.lifecycles.clear()}))
}

async fn rewrite_profile(State(control): State<Arc<Control>>, body: Bytes) -> Response {
    let rewritten = parse::<Rewrite>(&body).and_then(|rewrite| {
        let username = rewrite.username.clone();
        control.catalogue.rewrite(rewrite).map(|()| username)
    });
    match rewritten {
        Ok(username) => Json(json!({"username": username})).into_response(),
        Err(why) => refused(&why),
    }
}

async fn mint_token(State(control): State<Arc<Control>>, body: Bytes) -> Response {
    match parse::<TokenRequest>(&body).and_then(|request| control.supabase.mint(&request)) {
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
