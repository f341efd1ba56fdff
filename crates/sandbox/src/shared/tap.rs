//! What every call to a provider passes through: it is recorded, and a fault may strike it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Extension,
    body::{Body, to_bytes},
    extract::{ConnectInfo, FromRequestParts, OriginalUri, RawPathParams, Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::MethodRouter,
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::Value;

use crate::Shared;
use crate::providers::{anthropic, apify, gateway, openai, supabase};
use crate::shared::{
    clock::now_ms,
    connection::Connection,
    faults::{Kind, Struck, Target},
    judge,
    lifecycle::Arrived,
    received::{Call, without_token},
};

/// No request may be larger; the real services' limits lie near it.
const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Time for the first half of a truncated body to leave before the connection breaks.
const TRUNCATE_FLUSH: Duration = Duration::from_millis(50);

/// A fault of the model itself: the handler that asks it finds the fault among the request's extensions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AnswerFault(pub(crate) Kind);

/// What the caller of the gateway says about a call, for the gateway's call and for the provider's behind it.
#[derive(Debug, Clone)]
pub(crate) struct Metadata(pub(crate) Value);

/// Marks an answer that stands for none at all, where there was no connection to cut.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unanswered;

/// What the tap of one route knows.
#[derive(Clone)]
pub(crate) struct Tap {
    shared: Arc<Shared>,
    target: Target,
}

impl Tap {
    /// A tap for calls of this target.
    pub(crate) fn new(shared: &Arc<Shared>, target: Target) -> Self {
        Self { shared: Arc::clone(shared), target }
    }
}

/// Puts the tap before a route.
pub(crate) fn tapped(
    shared: &Arc<Shared>,
    target: Target,
    route: MethodRouter<Arc<Shared>>,
) -> MethodRouter<Arc<Shared>> {
    route.layer(middleware::from_fn_with_state(Tap::new(shared, target), tap))
}

/// Records the call, lets a fault strike it, and hands it on.
pub(crate) async fn tap(State(tap): State<Tap>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    parts.extensions.insert(Arrived(Instant::now()));
    let Ok(bytes) = to_bytes(body, BODY_BYTES_MAX).await else {
        return error(tap.target, 413, None);
    };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let path_id = path_id(&mut parts).await;
    let usernames = match tap.target {
        Target::OpenAiChat | Target::AnthropicMessages | Target::Gateway => judge::usernames(&text),
        Target::ApifyStart => apify::usernames(&text),
        _ => path_id.map(|id| tap.shared.runs.usernames(&id)).unwrap_or_default(),
    };
    let metadata = match parts.extensions.get::<Metadata>() {
        Some(Metadata(metadata)) => Some(metadata.clone()),
        None if tap.target == Target::Gateway => gateway::metadata(&parts.headers),
        None => None,
    };
    let mut about = usernames.join("\n");
    for more in [&text, &metadata.as_ref().map(Value::to_string).unwrap_or_default()] {
        about.push('\n');
        about.push_str(more);
    }
    let mut guard = tap.shared.received.begin(Call {
        target: tap.target,
        method: parts.method.to_string(),
        path: parts.extensions.get::<OriginalUri>().map_or(parts.uri.path(), |uri| uri.path()).to_owned(),
        query: parts.uri.query().map(without_token),
        body: text,
        usernames,
        metadata,
        status: None,
        started_at_ms: now_ms(),
        duration_ms: None,
    });
    let connection =
        parts.extensions.get::<ConnectInfo<Connection>>().map(|ConnectInfo(connection)| connection.clone());
    let request = Request::from_parts(parts, Body::from(bytes));
    let response = match tap.shared.faults.strike(tap.target, &about) {
        None => Some(next.run(request).await),
        Some(struck) => strike(tap.target, &struck, request, next, connection).await,
    };
    if let Some(response) = &response {
        guard.answered(response.status().as_u16());
    }
    // A cut connection never sends this; without connections of our own it is the nearest thing to silence.
    response.unwrap_or_else(|| (StatusCode::BAD_GATEWAY, Extension(Unanswered)).into_response())
}

/// The answer under this fault, or none when the connection was cut.
async fn strike(
    target: Target,
    struck: &Struck,
    mut request: Request,
    next: Next,
    connection: Option<Connection>,
) -> Option<Response> {
    struck.wait().await;
    let retry_after_s = struck.spec.retry_after_s;
    let kind = struck.spec.kind;
    Some(match kind {
        Kind::Delay | Kind::Hold => next.run(request).await,
        Kind::Status => error(target, struck.spec.status.unwrap_or(500), retry_after_s),
        Kind::RateLimit if target == Target::AnthropicMessages => anthropic::limit(retry_after_s),
        Kind::RateLimit => error(target, 429, retry_after_s),
        Kind::SlowDown => after(openai::slow_down(), retry_after_s),
        Kind::InsufficientQuota if target == Target::OpenAiChat => openai::insufficient_quota(),
        Kind::InsufficientQuota if target == Target::AnthropicMessages => {
            anthropic::insufficient_quota(struck.spec.status, struck.spec.code)
        }
        Kind::InsufficientQuota => error(target, 402, retry_after_s),
        Kind::Overloaded if target == Target::AnthropicMessages => error(target, 529, retry_after_s),
        Kind::Overloaded => error(target, 503, retry_after_s),
        Kind::Drop => {
            if let Some(connection) = connection {
                connection.cut();
            }
            return None;
        }
        Kind::Truncate => truncated(next.run(request).await).await,
        Kind::Malformed if !matches!(target, Target::OpenAiChat | Target::AnthropicMessages) => {
            malformed(next.run(request).await).await
        }
        Kind::Malformed | Kind::Refusal | Kind::Length | Kind::SchemaViolation | Kind::ModelGone => {
            request.extensions_mut().insert(AnswerFault(kind));
            next.run(request).await
        }
    })
}

/// An error answer in the form of the target's provider.
fn error(target: Target, status: u16, retry_after_s: Option<u64>) -> Response {
    let mut response = match target {
        Target::OpenAiChat | Target::OpenAiOther => openai::error_of_status(status),
        Target::AnthropicMessages | Target::AnthropicOther => anthropic::error_of_status(status),
        Target::Gateway => gateway::error_of_status(status),
        Target::Jwks => supabase::error_of_status(status),
        _ => apify::error_of_status(status),
    };
    if status == 429 && target == Target::OpenAiChat {
        let headers = response.headers_mut();
        headers.insert("x-ratelimit-remaining-requests", HeaderValue::from_static("0"));
        headers.insert("x-ratelimit-reset-requests", HeaderValue::from_static("120ms"));
    }
    after(response, retry_after_s)
}

/// The same answer with the time to wait for, where there is one.
fn after(mut response: Response, retry_after_s: Option<u64>) -> Response {
    if let Some(seconds) = retry_after_s {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// The same answer, but its body ends in the middle and the connection breaks.
async fn truncated(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let whole = to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(whole.len()));
    let half = whole.slice(..whole.len() / 2);
    Response::from_parts(parts, broken_after(half))
}

/// A body that breaks the connection after these bytes.
pub(crate) fn broken_after(bytes: Bytes) -> Body {
    let broken = stream::once(async {
        tokio::time::sleep(TRUNCATE_FLUSH).await;
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
    });
    Body::from_stream(stream::once(async { Ok::<Bytes, std::io::Error>(bytes) }).chain(broken))
}

/// The same answer with a complete body that is not JSON.
async fn malformed(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let whole = to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts.headers.remove(header::CONTENT_LENGTH);
    let mut text = String::from_utf8_lossy(whole.get(..whole.len() / 2).unwrap_or_default()).into_owned();
    text.push_str("\u{0}<!-- not JSON -->");
    Response::from_parts(parts, Body::from(text))
}

/// The identifier in the path, where the route has one.
async fn path_id(parts: &mut axum::http::request::Parts) -> Option<String> {
    let params: Result<RawPathParams, _> = RawPathParams::from_request_parts(parts, &()).await;
    params.ok()?.iter().find(|(name, _)| *name == "id").map(|(_, id)| id.to_owned())
}
