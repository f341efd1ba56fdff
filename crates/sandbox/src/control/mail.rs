//! `/control/mail`: the mails that were sent, for people and tests to read.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Query, State},
    routing::get,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::shared::outbox::Outbox;

const LIMIT: usize = 100;

/// The routes below `/control/mail`.
pub(super) fn routes(outbox: &Arc<Outbox>) -> Router {
    Router::new().route("/", get(list).delete(clear)).with_state(Arc::clone(outbox))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Selection {
    to: Option<String>,
    limit: Option<usize>,
}

async fn list(State(outbox): State<Arc<Outbox>>, Query(selection): Query<Selection>) -> Json<Value> {
    Json(json!({"mails": outbox.list(selection.to.as_deref(), selection.limit.unwrap_or(LIMIT))}))
}

async fn clear(State(outbox): State<Arc<Outbox>>) -> Json<Value> {
    Json(json!({"deleted": outbox.clear()}))
}
