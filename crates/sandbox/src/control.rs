//! `/control`: plants faults, ends models, mints tokens, rotates keys, rewrites people and their times, tells how long an actor run takes and
//! reports what was received. For developers and tests only.

mod mail;
mod telemetry;

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, Request, State},
    http::{
        HeaderMap, StatusCode,
        header::{AUTHORIZATION, HOST},
    },
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    providers::{
        analytics::Analytics,
        apify::Runs,
        aws::{self, SecretsManager},
        sentry::Sentry,
        stripe::{self, Stripe},
        supabase::{Supabase, TokenRequest},
    },
    shared::{
        faults::{FaultSpec, Target},
        keyring::Keyring,
        lifecycle::{Change, Lifecycles},
        outbox::Outbox,
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
    pub(crate) stripe: Arc<Stripe>,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) analytics: Arc<Analytics>,
    pub(crate) sentry: Arc<Sentry>,
    pub(crate) secrets: Arc<SecretsManager>,
    pub(crate) keyring: Arc<Keyring>,
}

/// Who may use `/control`.
pub(crate) struct Guard {
    /// A page of another site in a developer's browser can reach the port, under a host name of its own.
    host: String,
    token: Option<String>,
}

impl Guard {
    pub(crate) fn new(public_url: &str, token: Option<String>) -> Self {
        let host = public_url.split_once("://").map_or(public_url, |(_, rest)| rest);
        Self { host: host.split('/').next().unwrap_or_default().to_owned(), token }
    }

    fn admits(&self, headers: &HeaderMap) -> Result<(), (StatusCode, &'static str)> {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        if header(HOST) != Some(self.host.as_str()) {
            return Err((StatusCode::FORBIDDEN, "/control answers to the sandbox's own host name only"));
        }
        let sent = header(AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
        if self.token.is_some() && sent != self.token.as_deref() {
            return Err((
                StatusCode::UNAUTHORIZED,
                "/control needs the stack's `sandbox_token` (in stack.json) as a bearer token",
            ));
        }
        Ok(())
    }
}

async fn admit(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    match guard.admits(request.headers()) {
        Ok(()) => next.run(request).await,
        Err((status, why)) => (status, Json(json!({"error": why}))).into_response(),
    }
}

/// The routes below `/control`.
pub(crate) fn routes(control: Control, guard: Guard) -> Router {
    let stripe = stripe::control_routes(&control.stripe);
    let mail = mail::routes(&control.outbox);
    let secrets = aws::control_routes(&control.secrets);
    let kept = telemetry::Kept { analytics: Arc::clone(&control.analytics), sentry: Arc::clone(&control.sentry) };
    Router::new()
        .route("/draws", post(draw_actor_run))
        .route("/faults", post(plant_fault).get(list_faults).delete(clear_faults))
        .route("/faults/{id}", delete(remove_fault))
        .route("/keys", post(rotate_key).delete(restore_keys))
        .route("/models", post(change_model).delete(restore_models))
        .route("/profiles", post(rewrite_profile))
        .route("/received", get(report_received).delete(clear_received))
        .route("/tokens", post(mint_token))
        .route("/tokens/secret", post(rotate_token_secret).delete(restore_token_secret))
        .with_state(Arc::new(control))
        .nest("/mail", mail)
        .nest("/secrets", secrets)
        .nest("/stripe", stripe)
        .nest("/telemetry", telemetry::routes(kept))
        .layer(from_fn_with_state(Arc::new(guard), admit))
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

/// Which keys are accepted in the place of a provider's first one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyRotation {
    key: String,
    accepted: Vec<String>,
}

async fn rotate_key(State(control): State<Arc<Control>>, body: Bytes) -> Response {
    match parse::<KeyRotation>(&body) {
        Ok(KeyRotation { key, accepted }) => {
            control.keyring.accept(key, accepted);
            Json(json!({"accepted": true})).into_response()
        }
        Err(why) => refused(&why),
    }
}

async fn restore_keys(State(control): State<Arc<Control>>) -> Json<Value> {
    Json(json!({"deleted": control.keyring.clear()}))
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

/// An actor run that may never take place.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Draw {
    actor: String,
    usernames: Vec<String>,
}

async fn draw_actor_run(State(control): State<Arc<Control>>, body: Bytes) -> Response {
    let drawn = parse::<Draw>(&body).and_then(|draw| {
        let appears_ms = control.runs.appears_ms(&draw.actor, &draw.usernames);
        appears_ms.ok_or_else(|| format!("there is no actor {}", draw.actor))
    });
    match drawn {
        Ok(appears_ms) => Json(json!({"appears_ms": appears_ms})).into_response(),
        Err(why) => refused(&why),
    }
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

/// Which legacy secret signs tokens.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenSecret {
    secret: String,
}

async fn rotate_token_secret(State(control): State<Arc<Control>>, body: Bytes) -> Response {
    match parse::<TokenSecret>(&body) {
        Ok(TokenSecret { secret }) => {
            control.supabase.sign_with(Some(secret));
            Json(json!({"signs": true})).into_response()
        }
        Err(why) => refused(&why),
    }
}

async fn restore_token_secret(State(control): State<Arc<Control>>) -> Json<Value> {
    control.supabase.sign_with(None);
    Json(json!({"restored": true}))
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

fn refused(why: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({"error": why}))).into_response()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn control_answers_to_its_own_name_and_token_only() {
        let guard = Guard::new("http://127.0.0.1:4010", Some("secret".to_owned()));
        let admitted = |host: &'static str, token: Option<&'static str>| {
            let mut headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static(host))]);
            headers.extend(token.map(|token| (AUTHORIZATION, HeaderValue::from_static(token))));
            guard.admits(&headers).map_err(|(status, _)| status.as_u16())
        };
        assert_eq!(admitted("127.0.0.1:4010", Some("Bearer secret")), Ok(()));
        for host in ["evil.example", "127.0.0.1.evil.example:4010", "127.0.0.1"] {
            assert_eq!(admitted(host, Some("Bearer secret")), Err(403), "{host}");
        }
        for token in [None, Some("secret"), Some("Bearer "), Some("Bearer secrets"), Some("bearer secret")] {
            assert_eq!(admitted("127.0.0.1:4010", token), Err(401), "{token:?}");
        }
    }
}
