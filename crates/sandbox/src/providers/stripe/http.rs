//! How every endpoint is reached: key, parameters, idempotency, and the headers of the answer.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::to_bytes,
    extract::{OriginalUri, RawPathParams, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode},
    response::{IntoResponse, Response},
    routing::{MethodFilter, MethodRouter, on},
};
use serde_json::Value;

use super::{
    API_VERSION, access,
    books::Cause,
    call::{Answer, Call, Operation},
    errors::{StripeError, error_of_status, in_use},
    expand::expand,
    form, idempotency,
    object::{Fields, fresh_id, shown},
    state::Stripe,
};
use crate::shared::headers;

/// The tap has limited the body already.
const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How long Stripe takes to answer, in seconds.
const READ_S: f64 = 0.1;
const WRITE_S: f64 = 0.3;

/// An endpoint as a route.
pub(super) fn route(method: MethodFilter, operation: Operation) -> MethodRouter<Arc<Stripe>> {
    on(method, move |State(stripe): State<Arc<Stripe>>, ids: RawPathParams, uri: OriginalUri, request: Request| {
        let id = ids.iter().find(|(name, _)| *name == "id").map(|(_, id)| id.to_owned());
        let path = below_stripe(&uri);
        async move { answer(stripe, operation, id, path, request).await }
    })
}

/// A path that Stripe does not have.
pub(super) async fn unknown(method: Method, uri: OriginalUri) -> Response {
    let path = below_stripe(&uri);
    refused(&StripeError::new(404, "invalid_request_error", format!("Unrecognized request URL ({method}: {path}).")))
}

/// The path as Stripe would see it.
fn below_stripe(uri: &OriginalUri) -> String {
    uri.path().strip_prefix("/stripe").unwrap_or(uri.path()).to_owned()
}

pub(super) fn refused(error: &StripeError) -> Response {
    (error.status, Json(error.body())).into_response()
}

/// A request as it is carried out, whether or not its client waits for the answer.
struct Asked {
    operation: Operation,
    call: Call,
    expand: Vec<String>,
    cause: Cause,
    wait: Duration,
    /// What a later request with the same key must be equal to.
    fingerprint: String,
}

async fn answer(
    stripe: Arc<Stripe>,
    operation: Operation,
    id: Option<String>,
    path: String,
    request: Request,
) -> Response {
    let sent = request.headers().clone();
    let request_id = fresh_id("req_");
    let key = sent.get("idempotency-key").and_then(|key| key.to_str().ok()).map(str::to_owned);
    let mut response = match read(&stripe, operation, id, path, request, &request_id).await {
        Err(error) => refused(&error),
        // A client that goes away does not undo its request.
        Ok(asked) => tokio::spawn(async move { carry_out(&stripe, asked).await })
            .await
            .unwrap_or_else(|_| refused(&error_of_status(500))),
    };
    decorate(response.headers_mut(), &request_id, key.as_deref());
    response
}

fn decorate(to: &mut HeaderMap, request_id: &str, key: Option<&str>) {
    headers::set(to, "request-id", request_id);
    to.insert("stripe-version", HeaderValue::from_static(API_VERSION));
    if let Some(key) = key {
        headers::set(to, "idempotency-key", key);
    }
}

async fn read(
    stripe: &Stripe,
    operation: Operation,
    id: Option<String>,
    path: String,
    request: Request,
    request_id: &str,
) -> Result<Asked, StripeError> {
    let (parts, body) = request.into_parts();
    access::check(&parts.headers)?;
    let body = to_bytes(body, BODY_BYTES_MAX).await.map_err(|_| error_of_status(413))?;
    let body = String::from_utf8_lossy(&body);
    let query = parts.uri.query().unwrap_or_default();
    let mut form = form::parse(&[query, &body])?;
    let wanted = form.as_object_mut().and_then(|fields| fields.shift_remove("expand"));
    let expand = wanted.map_or(Ok(vec![]), |wanted| form::read(&wanted))?;
    let reads = parts.method == Method::GET;
    let key = parts.headers.get("idempotency-key").and_then(|key| key.to_str().ok()).filter(|_| !reads);
    let cause = Cause { request: request_id.to_owned(), idempotency_key: key.map(str::to_owned) };
    let wait = stripe.latency.scaled(if reads { READ_S } else { WRITE_S });
    let fingerprint = format!("{} {path} {form}", parts.method);
    Ok(Asked { operation, call: Call { id, path, form }, expand, cause, wait, fingerprint })
}

async fn carry_out(stripe: &Stripe, asked: Asked) -> Response {
    let key = asked.cause.idempotency_key.clone();
    let claim = key.as_deref().map(|key| stripe.keys_in_use.claim(key));
    if matches!(claim, Some(None)) {
        return refused(&in_use());
    }
    tokio::time::sleep(asked.wait).await;
    let kept = key
        .as_deref()
        .map(|key| stripe.transact(None, |state| idempotency::kept(&state.books, key, &asked.fingerprint)));
    match kept.transpose() {
        Err(error) => return refused(&error),
        Ok(Some(Some(kept))) => return replayed(&kept),
        Ok(_) => {}
    }
    let (status, body) = stripe.transact(Some(asked.cause), |state| {
        let books = &mut state.books;
        let answer: Answer =
            (asked.operation)(books, &asked.call).map(|object| shown(&object)).and_then(|mut object| {
                expand(books, &mut object, &asked.expand)?;
                Ok(object)
            });
        let (status, body) = match answer {
            Ok(body) => (StatusCode::OK, body),
            Err(error) => (error.status, error.body()),
        };
        if let Some(key) = &key {
            idempotency::keep(books, key, &asked.fingerprint, status, &body);
        }
        (status, body)
    });
    (status, Json(body)).into_response()
}

fn replayed(kept: &Value) -> Response {
    let status = u16::try_from(kept.number("status")).unwrap_or(500);
    let mut response = (headers::status(status), Json(kept.at("body"))).into_response();
    response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    headers::set(response.headers_mut(), "original-request", kept.text("request"));
    response
}
