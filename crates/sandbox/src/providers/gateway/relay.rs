//! Passes a call on to its provider, and the answer back.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, RawQuery, State},
    http::{HeaderMap, Method, Request, StatusCode, header, response},
    response::{IntoResponse, Response},
};
use futures_util::StreamExt;
use tower_service::Service;

use super::{cache, errors::GatewayError, options::Options, state::Gateway};
use crate::shared::{
    broken_body::broken_after,
    clock::now_ms,
    headers,
    random::Seeded,
    tap::{Metadata, Unanswered},
};

/// The only AI Gateway token that the sandbox accepts.
pub const GATEWAY_TOKEN: &str = "sandbox-gateway-token";
/// The time that the gateway itself adds to a call.
const GATEWAY_S: f64 = 0.02;
/// A gateway whose name begins with this needs no token.
const OPEN_PREFIX: &str = "open_";

/// A provider's answer, read to its end or to where the connection broke.
struct Provided {
    parts: response::Parts,
    body: Bytes,
    whole: bool,
}

/// A call to a provider by its native path.
pub(super) async fn relay(
    State(state): State<Arc<Gateway>>,
    Path((account, gateway, provider, endpoint)): Path<(String, String, String, String)>,
    RawQuery(query): RawQuery,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, GatewayError> {
    if !gateway.starts_with(OPEN_PREFIX) {
        authorise(&headers)?;
    }
    let options = Options::read(&headers)?;
    // OpenAI's `/v1` is part of the address that the gateway knows; Anthropic's is part of the path that callers send.
    let path = match provider.as_str() {
        "openai" => format!("/openai/v1/{endpoint}"),
        "anthropic" => format!("/anthropic/{endpoint}"),
        _ => return Err(GatewayError::invalid_provider()),
    };
    tokio::time::sleep(state.latency.scaled(GATEWAY_S)).await;
    let place = [account.as_str(), gateway.as_str(), provider.as_str(), endpoint.as_str()];
    let cached_by = options.ttl.filter(|_| method == Method::POST).map(|ttl| {
        let key = cache::key(&place, options.key.as_deref(), &headers, &body);
        (key, ttl)
    });
    if let Some(hit) = cached_by.and_then(|(key, _)| state.cache.read(&key, Instant::now())) {
        let response = ([(header::CONTENT_TYPE, "application/json")], hit).into_response();
        return Ok(marked(response, "HIT"));
    }
    let uri = query.map_or_else(|| path.clone(), |query| format!("{path}?{query}"));
    let request = || passed_on(&method, &uri, &headers, &options, &body);
    let provided =
        attempts(&mut state.providers.clone(), request, &options).await.ok_or_else(GatewayError::no_response)?;
    // Errors and answers that were cut off must not be repeated from the cache.
    if let Some((key, ttl)) = cached_by.filter(|_| provided.whole && provided.parts.status == StatusCode::OK) {
        state.cache.fill(key, provided.body.clone(), ttl, Instant::now());
    }
    let body = if provided.whole { Body::from(provided.body) } else { broken_after(provided.body) };
    Ok(marked(Response::from_parts(provided.parts, body), "MISS"))
}

pub(super) async fn unknown() -> Response {
    GatewayError::invalid_provider().into_response()
}

fn authorise(headers: &HeaderMap) -> Result<(), GatewayError> {
    match headers::bearer(headers, "cf-aig-authorization") {
        Some(GATEWAY_TOKEN) => Ok(()),
        _ => Err(GatewayError::unauthorized()),
    }
}

/// The request as the provider gets it: without the headers that are meant for the gateway.
fn passed_on(method: &Method, uri: &str, headers: &HeaderMap, options: &Options, body: &Bytes) -> Request<Body> {
    let mut request = Request::new(Body::from(body.clone()));
    *request.method_mut() = method.clone();
    if let Ok(uri) = uri.parse() {
        *request.uri_mut() = uri;
    }
    let theirs = headers.iter().filter(|(name, _)| !name.as_str().starts_with("cf-aig-"));
    request.headers_mut().extend(theirs.map(|(name, value)| (name.clone(), value.clone())));
    if let Some(metadata) = &options.metadata {
        request.extensions_mut().insert(Metadata(metadata.clone()));
    }
    request
}

/// Asks until the provider answers well or the attempts are used up. `None` when the last attempt got no answer.
async fn attempts(router: &mut Router, request: impl Fn() -> Request<Body>, options: &Options) -> Option<Provided> {
    let mut attempt = 0;
    loop {
        let provided = ask(router, request(), options.timeout).await;
        let failed = provided.as_ref().is_none_or(|provided| {
            provided.parts.status == StatusCode::TOO_MANY_REQUESTS || provided.parts.status.is_server_error()
        });
        if !failed || attempt + 1 >= options.attempts {
            return provided;
        }
        tokio::time::sleep(options.delay_after(attempt)).await;
        attempt += 1;
    }
}

async fn ask(router: &mut Router, request: Request<Body>, timeout: Option<Duration>) -> Option<Provided> {
    let answered = router.call(request);
    // The limit is on the first byte only, as `cf-aig-request-timeout` is documented.
    let Ok(response) = match timeout {
        Some(timeout) => tokio::time::timeout(timeout, answered).await.ok()?,
        None => answered.await,
    };
    if response.extensions().get::<Unanswered>().is_some() {
        return None;
    }
    let (parts, body) = response.into_parts();
    let (mut bytes, mut whole) = (vec![], true);
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        match chunk {
            Ok(chunk) => bytes.extend_from_slice(&chunk),
            Err(_) => {
                whole = false;
                break;
            }
        }
    }
    Some(Provided { parts, body: bytes.into(), whole })
}

/// The headers the gateway adds to every answer it passes on.
fn marked(mut response: Response, cache_status: &'static str) -> Response {
    let headers = response.headers_mut();
    headers::set(headers, "cf-aig-cache-status", cache_status);
    // The index of the provider that answered; there is only one.
    headers::set(headers, "cf-aig-step", "0");
    for name in ["cf-aig-log-id", "cf-aig-event-id"] {
        headers::set(headers, name, &ulid());
    }
    response
}

/// A ULID: ten characters of time, sixteen random ones.
fn ulid() -> String {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let now = now_ms();
    let mut random = Seeded::fresh();
    let time = (0..10).rev().map(|place| (now >> (place * 5)) & 31);
    let places = time.map(|place| place as usize).chain((0..16).map(|_| random.below(ALPHABET.len())));
    places.filter_map(|place| ALPHABET.get(place).copied()).map(char::from).collect()
}
