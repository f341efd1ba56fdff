//! HTTP across the boundary to JavaScript: one string and one buffer in, four values out. Converting `Request` and
//! `Response` objects field by field costs several times as much. In place of the buffer, an answer whose length is not
//! known goes out as a [`BodyStream`], and one that a Durable Object goes on with as the object's own `Response`: its
//! body or WebSocket is handed on under the head that was made here.

use std::cell::RefCell;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::MatchedPath,
};
use futures_util::stream;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::BodyExt as _;
use js_sys::{Array, Uint8Array};
use oslira_app::{
    api::{RequestKind, router},
    http::{ADDRESS_CHARS_MAX, Live, RATE_LIMITED, Repeatable, SlowBody, Trapped, UploadsBusy},
    shared::{
        streaming::is_streamed,
        telemetry::{Event, RequestAnswered, tell},
    },
};
use tower_service::Service as _;
use wasm_bindgen::{JsCast as _, JsValue, prelude::wasm_bindgen};
use worker::Env;

use crate::{
    adapters::{Opened, PlatformTelemetry},
    compose,
    isolate::{self, Isolate},
};

thread_local! {
    static ROUTER: RefCell<Option<Router>> = const { RefCell::new(None) };
}

/// Answers one request. `head` is the method, the path with query, then `name:value`, a line each. `fault` says why the body
/// could not be read to its end: it is `broken` or `slow`, or there was no room for it (`busy`); nothing otherwise.
#[wasm_bindgen]
pub async fn handle(
    head: String,
    body: Option<Vec<u8>>,
    fault: Option<String>,
    env: JsValue,
) -> Result<Array, JsValue> {
    let body = match body {
        _ if fault.is_some() => {
            let end = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
            Body::from_stream(stream::iter([Err::<Bytes, _>(end)]))
        }
        Some(body) => Body::from(body),
        None => Body::empty(),
    };
    let mut request = parse(&head, body)?;
    match fault.as_deref() {
        Some("slow") => {
            request.extensions_mut().insert(SlowBody);
        }
        Some("busy") => {
            request.extensions_mut().insert(UploadsBusy);
        }
        _ => {}
    }
    answer(request, env).await
}

/// Answers a request whose handling trapped, on the module that replaced the trapped one. It is not handled again.
#[wasm_bindgen]
pub async fn trapped(head: String, cause: String, stack: String, env: JsValue) -> Result<Array, JsValue> {
    let mut request = parse(&head, Body::empty())?;
    request.extensions_mut().insert(Trapped { cause, stack });
    answer(request, env).await
}

async fn answer(mut request: Request<Body>, env: JsValue) -> Result<Array, JsValue> {
    let env: Env = env.unchecked_into();
    isolate::prepare(&env).await;
    match RequestKind::of(request.uri().path()) {
        RequestKind::OfAProvider => compose::provider_ports(&env).install(request.extensions_mut()),
        RequestKind::OfAnOperator => compose::operator_ports(&env).install(request.extensions_mut()),
        RequestKind::OfAUser => compose::user_ports(&env).install(request.extensions_mut()),
    }
    let answer = ROUTER.with(|router| {
        // Borrowed to make the future only, not while it is awaited: requests run side by side.
        let mut slot = router.borrow_mut();
        slot.get_or_insert_with(|| self::router(&Isolate::of(&env).config.http)).call(request)
    });
    let response = answer.await.unwrap_or_else(|never| match never {});
    Ok(emit(response).await)
}

fn parse(head: &str, body: Body) -> Result<Request<Body>, JsValue> {
    let mut lines = head.split('\n');
    let (method, path) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    // Cut behind the limit, so that the router refuses it: `Uri` takes nothing above 64 KiB.
    let path = path.get(..=ADDRESS_CHARS_MAX).unwrap_or(path);
    // An address that cannot be parsed names nothing: the router answers 404 in the usual envelope.
    let uri = Uri::try_from(path).unwrap_or_else(|_| Uri::from_static("/unreadable-address"));
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            request = request.header(name, value);
        }
    }
    request.body(body).map_err(|error| js_sys::Error::new(&error.to_string()).into())
}

/// Tells of requests that were refused with the answer to another one, whose route and id these are.
#[wasm_bindgen]
pub fn note_repeated(method: &str, route: &str, request_id: &str, times: u32) {
    // The module may have been replaced since the refusal.
    crate::log::start();
    tell(
        &PlatformTelemetry,
        &Event::Request(RequestAnswered {
            request_id,
            method,
            route,
            status: RATE_LIMITED.status.as_u16(),
            code: RATE_LIMITED.code,
            duration_ms: 0,
            times,
        }),
    );
}

/// For whom and how long an answer may be repeated; then its route and id, which [`note_repeated`] is told.
fn repeatable(parts: &http::response::Parts) -> JsValue {
    let Some(Repeatable { client, for_ms }) = parts.extensions.get::<Repeatable>() else {
        return JsValue::UNDEFINED;
    };
    let route = parts.extensions.get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str);
    let id = parts.headers.get("x-request-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
    Array::of4(&client.into(), &(*for_ms).into(), &route.into(), &id.into()).into()
}

/// Status, headers, the body as `Uint8Array`, [`BodyStream`] or `Response`, and what [`repeatable`] says of it.
async fn emit(response: Response<Body>) -> Array {
    let (parts, body) = response.into_parts();
    let opened = parts.extensions.get::<Live>().and_then(Live::opened::<Opened>);
    let (status, body) = if let Some(opened) = opened {
        (parts.status, JsValue::from(&opened.0))
    } else if is_streamed(&body) {
        (parts.status, BodyStream(body).into())
    } else {
        match body.collect().await {
            Ok(body) => (parts.status, Uint8Array::from(body.to_bytes().as_ref()).into()),
            Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, Uint8Array::new_with_length(0).into()),
        }
    };
    let headers = Array::new();
    for (name, value) in &parts.headers {
        if let Ok(value) = value.to_str()
            && name != http::header::CONTENT_LENGTH
        {
            headers.push(&Array::of2(&name.as_str().into(), &value.into()));
        }
    }
    Array::of4(&status.as_u16().into(), &headers, &body, &repeatable(&parts))
}

/// A body that is made while it is sent. JavaScript asks for each piece when the client has room for it.
#[wasm_bindgen]
pub struct BodyStream(Body);

impl From<Body> for BodyStream {
    fn from(body: Body) -> Self {
        Self(body)
    }
}

#[wasm_bindgen]
impl BodyStream {
    /// The next piece as `Uint8Array`; `undefined` at the end.
    pub async fn next(&mut self) -> Result<JsValue, JsValue> {
        while let Some(frame) = self.0.frame().await {
            let frame = frame.map_err(|error| {
                // The status has been sent: all that is left is to break the answer off.
                tracing::error!(%error, "a streamed answer broke off");
                js_sys::Error::new("the answer broke off")
            })?;
            if let Ok(piece) = frame.into_data()
                && !piece.is_empty()
            {
                return Ok(Uint8Array::from(piece.as_ref()).into());
            }
        }
        Ok(JsValue::UNDEFINED)
    }
}
