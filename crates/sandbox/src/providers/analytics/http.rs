//! Taking points and answering queries.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{ANALYTICS_TOKEN, sql, state::Analytics};
use crate::shared::{clock::now_ms, headers};

pub(super) async fn keep(
    State(analytics): State<Arc<Analytics>>,
    sent: HeaderMap,
    Json(points): Json<Vec<Value>>,
) -> Response {
    if let Some(refusal) = refusal(&sent) {
        return refusal;
    }
    for point in points {
        analytics.take(point);
    }
    Json(json!({})).into_response()
}

pub(super) async fn ask(State(analytics): State<Arc<Analytics>>, sent: HeaderMap, query: String) -> Response {
    if let Some(refusal) = refusal(&sent) {
        return refusal;
    }
    let now_s = i64::try_from(now_ms() / 1_000).unwrap_or(0);
    match analytics.with_rows(|rows| sql::answer(&query, rows, now_s)) {
        Ok(table) => Json(table).into_response(),
        // The real service answers such a text too (assumed: status and words).
        Err(why) => (StatusCode::UNPROCESSABLE_ENTITY, why).into_response(),
    }
}

fn refusal(sent: &HeaderMap) -> Option<Response> {
    if headers::bearer(sent, "authorization") == Some(ANALYTICS_TOKEN) {
        return None;
    }
    let error = json!({"success": false, "errors": [{"code": 10000, "message": "Authentication error"}]});
    Some((StatusCode::FORBIDDEN, Json(error)).into_response())
}
