//! The HTTP client that remembers the request, and may answer it from the store.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use oslira_providers::{HttpSend, SendError};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::sync::Mutex;

use super::StoredAnswer;

/// Between an adapter and the wire, for one question.
pub(super) struct Recorder {
    upstream: Option<Arc<dyn HttpSend>>,
    replay: Option<Bytes>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    request: String,
    answered: Option<Value>,
}

impl Recorder {
    fn new(upstream: Option<Arc<dyn HttpSend>>, replay: Option<Bytes>) -> Self {
        Self { upstream, replay, seen: Mutex::default() }
    }

    /// Sends nothing.
    pub(super) fn silent() -> Self {
        Self::new(None, None)
    }

    pub(super) fn through(upstream: Arc<dyn HttpSend>) -> Self {
        Self::new(Some(upstream), None)
    }

    /// Answers as it was answered.
    pub(super) fn replaying(stored: &StoredAnswer) -> Self {
        Self::new(None, Some(stored.body.to_string().into()))
    }

    /// The hash of the request that was made.
    pub(super) fn request(&self) -> String {
        self.seen.lock().map(|seen| seen.request.clone()).unwrap_or_default()
    }

    /// The body of a response that says something: no error of the provider, which another attempt may not meet.
    pub(super) fn answered(&self) -> Option<Value> {
        self.seen.lock().ok()?.answered.clone()
    }
}

#[async_trait]
impl HttpSend for Recorder {
    async fn send(
        &self,
        request: Request<Bytes>,
        timeout: Duration,
        body_bytes_max: usize,
    ) -> Result<Response<Bytes>, SendError> {
        let hash = hash(request.uri().path(), request.body());
        if let Ok(mut seen) = self.seen.lock() {
            seen.request = hash;
        }
        if let Some(body) = &self.replay {
            let answer = Response::builder().header("content-type", "application/json").body(body.clone());
            return answer.map_err(|why| SendError::Broken(why.to_string()));
        }
        let Some(upstream) = &self.upstream else { return Err(SendError::Broken("nobody is asked".to_owned())) };
        let response = upstream.send(request, timeout, body_bytes_max).await?;
        if response.status().is_success()
            && let Ok(body) = serde_json::from_slice(response.body())
            && let Ok(mut seen) = self.seen.lock()
        {
            seen.answered = Some(body);
        }
        Ok(response)
    }
}

/// Of what is asked: the body, and the end of the path, which says whose protocol it is. The address before it may be a gateway's.
fn hash(path: &str, body: &[u8]) -> String {
    let protocol = path.rsplit('/').next().unwrap_or_default();
    let digest = Sha256::new().chain_update(protocol).chain_update([0]).chain_update(body).finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
