//! Requests that go on through a rotation.
//!
//! Whoever makes requests holds the key of when they began, and a run goes on for minutes. So a key that has a successor is replaced
//! on the way out; and when one is refused, the secrets are read anew and the request is repeated, once, if the key is another one by now.
//! A provider refuses a key with a 401 or, as Resend documents it, with a 403; either says that nothing was done, so nothing is done twice.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};

use super::Vault;
use crate::send::{HttpSend, SendError};

/// Sends with the keys of now.
pub struct FreshKeys {
    send: Arc<dyn HttpSend>,
    vault: Arc<Vault>,
}

impl FreshKeys {
    #[must_use]
    pub fn new(send: Arc<dyn HttpSend>, vault: Arc<Vault>) -> Self {
        Self { send, vault }
    }

    /// Puts its successor in the place of every former key; answers whether there was one.
    fn replace(&self, headers: &mut HeaderMap) -> bool {
        let mut is_replaced = false;
        // Keys, and nothing else, are marked as sensitive.
        for value in headers.values_mut().filter(|value| value.is_sensitive()) {
            if let Some(fresh) = self.fresh(value) {
                *value = fresh;
                is_replaced = true;
            }
        }
        is_replaced
    }

    fn fresh(&self, value: &HeaderValue) -> Option<HeaderValue> {
        let text = value.to_str().ok()?;
        let (scheme, key) = text.strip_prefix("Bearer ").map_or(("", text), |key| ("Bearer ", key));
        let successor = self.vault.successor(key)?;
        let mut fresh = HeaderValue::try_from(format!("{scheme}{}", successor.expose())).ok()?;
        fresh.set_sensitive(true);
        Some(fresh)
    }
}

#[async_trait]
impl HttpSend for FreshKeys {
    async fn send(
        &self,
        mut request: Request<Bytes>,
        timeout: Duration,
        body_bytes_max: usize,
    ) -> Result<Response<Bytes>, SendError> {
        self.replace(request.headers_mut());
        let mut again = request.clone();
        let response = self.send.send(request, timeout, body_bytes_max).await?;
        if !matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Ok(response);
        }
        // Another request may have read the secrets meanwhile.
        if !self.replace(again.headers_mut()) {
            self.vault.renew().await;
            if !self.replace(again.headers_mut()) {
                return Ok(response);
            }
        }
        tracing::info!("a key was refused and has a successor; the request is repeated");
        self.send.send(again, timeout, body_bytes_max).await
    }
}
