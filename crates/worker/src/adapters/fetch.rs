//! Outgoing HTTP: `fetch` with a deadline, a size limit and no redirects.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{
    StreamExt as _,
    future::{Either, select},
};
use http::{Request, Response};
use oslira_providers::{HttpSend, SendError};
use wasm_bindgen::JsValue;
use worker::{AbortController, Delay, Headers, Method, RequestInit, RequestRedirect, send::SendFuture};

/// The runtime's `fetch`.
pub struct Fetch;

#[async_trait]
impl HttpSend for Fetch {
    async fn send(
        &self,
        request: Request<Bytes>,
        timeout: Duration,
        body_bytes_max: usize,
    ) -> Result<Response<Bytes>, SendError> {
        SendFuture::new(async move {
            let abort = AbortController::default();
            let signal = abort.signal();
            let work = exchange(request, body_bytes_max, &signal);
            match select(std::pin::pin!(work), Delay::from(timeout)).await {
                Either::Left((answer, _)) => answer,
                Either::Right(_) => {
                    // Frees the connection: only six of an invocation may wait for an answer.
                    abort.abort();
                    Err(SendError::Timeout)
                }
            }
        })
        .await
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the port's way out; deadline and size limit are here")]
async fn exchange(
    request: Request<Bytes>,
    body_bytes_max: usize,
    signal: &worker::AbortSignal,
) -> Result<Response<Bytes>, SendError> {
    let broken = |error: worker::Error| SendError::Broken(kind(&error));
    let request = convert(request).map_err(broken)?;
    let sent = worker::Fetch::Request(request).send_with_signal(signal).await;
    let mut answer = sent.map_err(|error| SendError::Unreachable(kind(&error)))?;
    let mut response = Response::builder().status(answer.status_code());
    for (name, value) in answer.headers().entries() {
        response = response.header(name, value);
    }
    let mut body = Vec::new();
    let mut chunks = answer.stream().map_err(broken)?;
    while let Some(chunk) = chunks.next().await {
        body.extend_from_slice(&chunk.map_err(broken)?);
        if body.len() > body_bytes_max {
            return Err(SendError::TooLarge);
        }
    }
    response.body(Bytes::from(body)).map_err(|_| SendError::Broken("unreadable header".to_owned()))
}

fn convert(request: Request<Bytes>) -> worker::Result<worker::Request> {
    let (parts, body) = request.into_parts();
    let headers = Headers::new();
    for (name, value) in &parts.headers {
        if let Ok(value) = value.to_str() {
            headers.set(name.as_str(), value)?;
        }
    }
    let mut init = RequestInit::new();
    // A redirect is answered as it is: followed, it could lead to a host that nobody has permitted.
    init.with_method(Method::from(parts.method.as_str().to_owned()))
        .with_headers(headers)
        .with_redirect(RequestRedirect::Manual);
    if !body.is_empty() {
        init.with_body(Some(JsValue::from(js_sys::Uint8Array::from(body.as_ref()))));
    }
    worker::Request::new_with_init(&parts.uri.to_string(), &init)
}

/// The runtime's messages name hosts at most, but only their beginning is kept.
fn kind(error: &worker::Error) -> String {
    error.to_string().chars().take(80).collect()
}
