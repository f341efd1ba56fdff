//! Every answer has one shape: `{ success, data | error + code + details, requestId, timestamp }`.
//!
//! Handlers return [`Reply`] or an error; the outermost layer seals either into the envelope, adds the request id and
//! the security headers, and writes the one log line and the one point of the request.

use axum::{
    body::Body,
    extract::{MatchedPath, Request},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde_json::Value;
use tracing::Instrument as _;

use super::{Answer, ApiError, Content, RequestPorts};
use crate::shared::telemetry::{Event, RequestAnswered, tell};

/// The header that carries the request id in both directions.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longer ids from callers are replaced by ours.
const REQUEST_ID_CHARS_MAX: usize = 64;

/// What a handler answered, before it is put into the envelope.
#[derive(Debug, Clone)]
pub(super) enum Payload {
    Success(Value),
    Failure { code: &'static str, error: String, details: Option<Value> },
}

/// A successful answer: data in the envelope.
#[derive(Debug, Clone)]
pub struct Reply<T> {
    data: T,
    headers: HeaderMap,
}

impl<T> Reply<T> {
    pub fn new(data: T) -> Self {
        Self { data, headers: HeaderMap::new() }
    }

    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

impl<T: Serialize> IntoResponse for Reply<T> {
    fn into_response(self) -> Response {
        let data = match serde_json::to_value(&self.data) {
            Ok(data) => data,
            Err(error) => {
                return ApiError::internal(&format!("answer not serialisable: {error}")).into_response();
            }
        };
        let mut response = self.headers.into_response();
        response.extensions_mut().insert(Payload::Success(data));
        response
    }
}

impl<T: Serialize + JsonSchema + Send> Answer for Reply<T> {
    fn content(generator: &mut SchemaGenerator) -> Content {
        Content::Data(generator.subschema_for::<T>().to_value())
    }
}

/// The id of this request, in every log line and answer.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<&'a Value>,
    request_id: &'a str,
    timestamp: String,
}

/// The outermost layer: request id, log line, envelope, security headers.
pub(crate) async fn seal(mut request: Request, next: Next) -> Response {
    let Some(ports) = request.extensions().get::<RequestPorts>().cloned() else {
        // A defect of the platform's part: without ports there is neither a clock nor an id for an envelope.
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let id = request_id(request.headers()).unwrap_or_else(|| ports.ids.request_id());
    let method = request.method().clone();
    let started = ports.clock.now();
    request.extensions_mut().insert(RequestId(id.clone()));

    // Every line that is logged while the request is handled carries its id. The span is entered only after the await:
    // held across it, other requests of the isolate would log under this id.
    let span = tracing::info_span!("request", request_id = %id);
    let mut response = next.run(request).instrument(span.clone()).await;
    let _in_span = span.entered();

    let finished = ports.clock.now();
    let route = response.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let duration_ms = finished.duration_since(started).as_millis();
    let event = RequestAnswered {
        request_id: &id,
        method: method.as_str(),
        route: &route,
        status: response.status().as_u16(),
        code: code(&response),
        duration_ms: duration_ms as i64,
        times: 1,
    };
    tell(ports.telemetry.as_ref(), &Event::Request(event));
    // Files and pictures carry no payload and go out as they are.
    if let Some(payload) = response.extensions_mut().remove::<Payload>() {
        fill(&mut response, &payload, &id, &finished.to_string());
    }
    protect(response.headers_mut(), &id);
    response
}

/// Runs inside the router, where the matched route is known, and hands it to [`seal`] for the log line.
pub(crate) async fn keep_route(route: Option<MatchedPath>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    response
}

fn request_id(headers: &HeaderMap) -> Option<String> {
    // The caller's id is repeated in log lines and in a header: only characters that are harmless in both.
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (!id.is_empty() && id.len() <= REQUEST_ID_CHARS_MAX && id.chars().all(plain)).then(|| id.to_owned())
}

/// The error code; empty without an error.
fn code(response: &Response) -> &'static str {
    match response.extensions().get::<Payload>() {
        Some(Payload::Failure { code, .. }) => code,
        Some(Payload::Success(_)) | None => "",
    }
}

fn fill(response: &mut Response, payload: &Payload, id: &str, timestamp: &str) {
    let mut envelope = Envelope {
        success: false,
        data: None,
        error: None,
        code: None,
        details: None,
        request_id: id,
        timestamp: timestamp.to_owned(),
    };
    match payload {
        Payload::Success(data) => {
            envelope.success = true;
            envelope.data = Some(data);
        }
        Payload::Failure { code, error, details } => {
            envelope.code = Some(code);
            envelope.error = Some(error);
            envelope.details = details.as_ref();
        }
    }
    let body = serde_json::to_vec(&envelope).unwrap_or_default();
    *response.body_mut() = Body::from(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // It would be the length of the body that was replaced.
    response.headers_mut().remove(header::CONTENT_LENGTH);
}

/// Headers against sniffing, framing, caching of tenant data and downgrade (OWASP REST Security Cheat Sheet).
fn protect(headers: &mut HeaderMap, id: &str) {
    const FIXED: [(HeaderName, &str); 4] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::STRICT_TRANSPORT_SECURITY, "max-age=63072000; includeSubDomains"),
    ];
    for (name, value) in FIXED {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Unless the handler chose otherwise: a page has a style sheet, a picture may be cached for an hour.
    let policy = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(policy);
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if let Ok(value) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, value);
    }
}
