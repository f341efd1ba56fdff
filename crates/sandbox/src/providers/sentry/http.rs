//! `POST /api/{project}/envelope/`.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{SENTRY_PUBLIC_KEY, envelope, state::Sentry};

pub(super) async fn take(State(sentry): State<Arc<Sentry>>, sent: HeaderMap, body: Bytes) -> Response {
    if key(&sent) != Some(SENTRY_PUBLIC_KEY) {
        return refused(StatusCode::FORBIDDEN, "ProjectId or key is wrong");
    }
    match envelope::read(&body) {
        Ok((id, events)) => {
            sentry.keep(events);
            Json(json!({"id": id})).into_response()
        }
        Err(why) => {
            sentry.refuse(why.clone());
            refused(StatusCode::BAD_REQUEST, &why)
        }
    }
}

/// The key in `Sentry sentry_version=7, sentry_client=…, sentry_key=…`.
fn key(sent: &HeaderMap) -> Option<&str> {
    let auth = sent.get("x-sentry-auth")?.to_str().ok()?.strip_prefix("Sentry ")?;
    let field =
        |wanted: &str| auth.split(',').filter_map(|pair| pair.trim().split_once('=')).find(|(name, _)| *name == wanted);
    let (_, version) = field("sentry_version")?;
    let (_, key) = field("sentry_key")?;
    (version == "7").then_some(key)
}

pub(super) fn refused(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({"detail": why}))).into_response()
}
