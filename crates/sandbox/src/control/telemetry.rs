//! `/control/telemetry`: which errors were reported, and what would have been dropped. Points are asked for by the SQL API.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Query, State},
    routing::get,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::providers::{analytics::Analytics, sentry::Sentry};

#[derive(Clone)]
pub(super) struct Kept {
    pub(super) analytics: Arc<Analytics>,
    pub(super) sentry: Arc<Sentry>,
}

/// The routes below `/control/telemetry`.
pub(super) fn routes(kept: Kept) -> Router {
    Router::new().route("/", get(report).delete(clear)).with_state(kept)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Selection {
    #[serde(rename = "match")]
    matches: Option<String>,
}

async fn report(State(kept): State<Kept>, Query(selection): Query<Selection>) -> Json<Value> {
    let (events, refused) = kept.sentry.report(selection.matches.as_deref());
    Json(json!({"points": kept.analytics.report(), "sentry": {"events": events, "refused": refused}}))
}

async fn clear(State(kept): State<Kept>) -> Json<Value> {
    kept.analytics.clear();
    kept.sentry.clear();
    Json(json!({"deleted": true}))
}
