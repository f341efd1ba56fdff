//! [`HttpSend`] for native programs.
#![expect(clippy::disallowed_methods, reason = "this is the HTTP client behind the port")]

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};

use crate::send::{HttpSend, SendError};

/// A client that follows no redirect: the key would be sent to another server.
#[derive(Debug, Clone)]
pub struct NativeSend(reqwest::Client);

impl NativeSend {
    /// # Errors
    /// The machine's certificates cannot be used.
    pub fn new() -> Result<Self, SendError> {
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build();
        client.map(Self).map_err(|why| SendError::Broken(why.to_string()))
    }
}

#[async_trait]
impl HttpSend for NativeSend {
    async fn send(
        &self,
        request: Request<Bytes>,
        timeout: Duration,
        body_bytes_max: usize,
    ) -> Result<Response<Bytes>, SendError> {
        let mut request = reqwest::Request::try_from(request).map_err(|why| SendError::Broken(why.to_string()))?;
        *request.timeout_mut() = Some(timeout);
        // Without the address: a key may be in it.
        let lost = |why: reqwest::Error| {
            if why.is_timeout() { SendError::Timeout } else { SendError::Unreachable(why.without_url().to_string()) }
        };
        let mut response = self.0.execute(request).await.map_err(lost)?;
        let mut built = Response::builder().status(response.status());
        if let Some(headers) = built.headers_mut() {
            headers.clone_from(response.headers());
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(lost)? {
            body.extend_from_slice(&chunk);
            if body.len() > body_bytes_max {
                return Err(SendError::TooLarge);
            }
        }
        built.body(body.into()).map_err(|why| SendError::Broken(why.to_string()))
    }
}
