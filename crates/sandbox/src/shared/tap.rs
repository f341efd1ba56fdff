//! What every call to a provider passes through: it is recorded, and a fault may strike it.
//!
//! The tap knows no provider. What a provider answers when a fault strikes, and what its calls are about, it says itself
//! by being [`Tapped`].

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

/// No request may be larger; the real services' limits lie near it.
const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A provider whose calls pass through the tap.
pub(crate) trait Tapped: Send + Sync + 'static {
    /// An error of this status, in the provider's own form.
    fn error(&self, target: Target, status: u16) -> Response;

    /// The complete answer to a fault for which the provider has its own; none where an error of a status will do.
    fn own_answer(&self, _fault: &FaultSpec) -> Option<Response> {
        None
    }

    /// The usernames that a call is about, by its body and by the `id` in its path.
    fn usernames(&self, _target: Target, _body: &str, _id: Option<&str>) -> Vec<String> {
        vec![]
    }

    /// What the caller says about the call in its headers.
    fn metadata(&self, _headers: &HeaderMap) -> Option<Value> {
        None
    }
}

/// What every tapped call carries for the handler that asks a model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    /// When the call came in, which decides whether its model was still there.
    pub(crate) arrived: Instant,
    /// A fault of the model itself.
    pub(crate) fault: Option<Kind>,
}

/// What the caller of the gateway says about a call, for the gateway's call and for the provider's behind it.
#[derive(Debug, Clone)]
pub(crate) struct Metadata(pub(crate) Value);

/// Marks an answer that stands for none at all, where there was no connection to cut.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unanswered;

/// The faults that strike and the record of what was received, which all providers share.
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

/// What the tap of one route knows.
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
    // A cut connection never sends this; without connections of our own it is the nearest thing to silence.
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
            body,
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
            Kind::InsufficientQuota => error(402),
            Kind::Overloaded => error(503),
            Kind::Drop => {
                if let Some(connection) = connection {
                    connection.cut();
                }
                return None;
            }
            Kind::Truncate => truncated(next.run(request).await).await,
            Kind::Malformed if !self.target.asks_a_model() => malformed(next.run(request).await).await,
            Kind::Malformed | Kind::Refusal | Kind::Length | Kind::SchemaViolation | Kind::ModelGone => {
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
