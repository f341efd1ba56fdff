//! The middleware before every provider's routes: it records each call, and lets a planted fault strike it.
//!
//! It knows no provider. Each one implements [`Tapped`] to say how it answers under a fault and what its calls are
//! about.

use std::{sync::Arc, time::Instant};

use axum::{
    Extension,
    body::{Body, to_bytes},
    extract::{ConnectInfo, FromRequestParts, OriginalUri, RawPathParams, Request, State},
    http::{HeaderMap, StatusCode, request::Parts},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::MethodRouter,
};
use serde_json::Value;

use crate::shared::{
    broken_body::{malformed, truncated},
    clock::now_ms,
    connection::Connection,
    faults::{FaultSpec, Faults, Kind, Struck, Target},
    headers::with_retry_after,
    received::{Call, Received, without_token},
};

/// The largest request; the real services' limits are of this size.
const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A provider whose calls pass through the tap.
pub(crate) trait Tapped: Send + Sync + 'static {
    /// An error of this status, in the provider's own form.
    fn error(&self, target: Target, status: u16) -> Response;

    /// The complete answer to a fault that the provider answers in its own way; `None` where [`Self::error`] will do.
    fn own_answer(&self, _fault: &FaultSpec) -> Option<Response> {
        None
    }

    /// The usernames that a call is about, by its body and by the `id` in its path.
    fn usernames(&self, _target: Target, _body: &str, _id: Option<&str>) -> Vec<String> {
        vec![]
    }

    /// The body of a call as it is recorded, without what nobody may read there.
    fn recorded(&self, body: String) -> String {
        body
    }

    /// What the caller says about the call in its headers.
    fn metadata(&self, _headers: &HeaderMap) -> Option<Value> {
        None
    }
}

/// Passed to the handlers of model calls, and of those for secrets, as an extension of the request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    /// When the call came in, which decides whether its model was shut down by then.
    pub(crate) arrived: Instant,
    /// A fault that the answer must show.
    pub(crate) fault: Option<Kind>,
}

/// The metadata that the gateway's caller sent, handed on so that the provider's call is recorded with it too.
#[derive(Debug, Clone)]
pub(crate) struct Metadata(pub(crate) Value);

/// Marks an answer that means "no answer at all", where there was no connection to cut.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unanswered;

/// The planted faults and the record of received calls, which all providers share.
#[derive(Clone, Default)]
pub(crate) struct Tap {
    pub(crate) faults: Arc<Faults>,
    pub(crate) received: Arc<Received>,
}

impl Tap {
    /// Lets the calls of a route pass through the tap, as calls of this target.
    pub(crate) fn before<P: Tapped>(
        &self,
        provider: &Arc<P>,
        target: Target,
        route: MethodRouter<Arc<P>>,
    ) -> MethodRouter<Arc<P>> {
        let spot = Spot { tap: self.clone(), provider: Arc::<P>::clone(provider), target };
        route.layer(middleware::from_fn_with_state(spot, pass))
    }
}

/// The state of the middleware on one route.
#[derive(Clone)]
struct Spot {
    tap: Tap,
    provider: Arc<dyn Tapped>,
    target: Target,
}

/// Records the call, lets a fault strike it, and hands it on.
async fn pass(State(spot): State<Spot>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    parts.extensions.insert(Asked { arrived: Instant::now(), fault: None });
    let Ok(bytes) = to_bytes(body, BODY_BYTES_MAX).await else {
        return spot.provider.error(spot.target, 413);
    };
    let call = spot.call(&mut parts, String::from_utf8_lossy(&bytes).into_owned()).await;
    let about = [call.usernames.join("\n"), call.body.clone(), call.metadata_text()].join("\n");
    let mut guard = spot.tap.received.begin(call);
    let connection =
        parts.extensions.get::<ConnectInfo<Connection>>().map(|ConnectInfo(connection)| connection.clone());
    let request = Request::from_parts(parts, Body::from(bytes));
    let response = match spot.tap.faults.strike(spot.target, &about) {
        None => Some(next.run(request).await),
        Some(struck) => spot.strike(&struck, request, next, connection).await,
    };
    if let Some(response) = &response {
        guard.answered(response.status().as_u16());
    }
    // On a connection that was cut this is never sent. A call through the gateway has no connection of its own to cut:
    // the gateway finds the mark and takes the call as unanswered.
    response.unwrap_or_else(|| (StatusCode::BAD_GATEWAY, Extension(Unanswered)).into_response())
}

impl Spot {
    /// The call as it is recorded.
    async fn call(&self, parts: &mut Parts, body: String) -> Call {
        let id = path_id(parts).await;
        let metadata = parts.extensions.get::<Metadata>().map(|Metadata(metadata)| metadata.clone());
        Call {
            target: self.target,
            method: parts.method.to_string(),
            path: parts.extensions.get::<OriginalUri>().map_or(parts.uri.path(), |uri| uri.path()).to_owned(),
            query: parts.uri.query().map(without_token),
            usernames: self.provider.usernames(self.target, &body, id.as_deref()),
            metadata: metadata.or_else(|| self.provider.metadata(&parts.headers)),
            body: self.provider.recorded(body),
            status: None,
            started_at_ms: now_ms(),
            duration_ms: None,
        }
    }

    /// The answer under this fault, or none when the connection was cut.
    async fn strike(
        &self,
        struck: &Struck,
        mut request: Request,
        next: Next,
        connection: Option<Connection>,
    ) -> Option<Response> {
        struck.wait().await;
        let fault = &struck.spec;
        if let Some(own) = self.provider.own_answer(fault) {
            return Some(own);
        }
        let error = |status| with_retry_after(self.provider.error(self.target, status), fault.retry_after_s);
        Some(match fault.kind {
            Kind::Delay | Kind::Hold => next.run(request).await,
            Kind::Status => error(fault.status.unwrap_or(500)),
            Kind::RateLimit | Kind::SlowDown => error(429),
            // Apify's status; the model providers have answers of their own.
            Kind::InsufficientQuota => error(402),
            // OpenAI's status; Anthropic has an answer of its own.
            Kind::Overloaded => error(503),
            Kind::Drop => {
                if let Some(connection) = connection {
                    connection.cut();
                }
                return None;
            }
            Kind::Truncate => truncated(next.run(request).await).await,
            Kind::Malformed if !self.target.asks_a_model() => malformed(next.run(request).await).await,
            // For a model these are faults of its answer: the handler builds an HTTP body in order, and spoils what is
            // in it.
            Kind::Malformed
            | Kind::Refusal
            | Kind::Length
            | Kind::SchemaViolation
            | Kind::ModelGone
            | Kind::OldVersion => {
                if let Some(asked) = request.extensions_mut().get_mut::<Asked>() {
                    asked.fault = Some(fault.kind);
                }
                next.run(request).await
            }
        })
    }
}

/// The identifier in the path, where the route has one.
async fn path_id(parts: &mut Parts) -> Option<String> {
    let params: Result<RawPathParams, _> = RawPathParams::from_request_parts(parts, &()).await;
    params.ok()?.iter().find(|(name, _)| *name == "id").map(|(_, id)| id.to_owned())
}
