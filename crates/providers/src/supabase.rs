//! Fetches the public signing keys (JWKS) of Supabase Auth.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, StatusCode, header};
use oslira_app::features::auth::{Jwk, JwkSet, KeySource};
use serde::Deserialize;
use serde_json::Value;

use crate::send::HttpSend;

/// Short, because a customer's request waits for it.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A key set of a few keys has about 1 KiB.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// The key set of one issuer. It caches nothing; the token verifier does.
pub struct SupabaseKeys {
    send: Arc<dyn HttpSend>,
    issuer: String,
}

impl SupabaseKeys {
    /// For an issuer such as `https://<ref>.supabase.co/auth/v1`.
    #[must_use]
    pub fn new(send: Arc<dyn HttpSend>, issuer: &str) -> Self {
        Self { send, issuer: issuer.trim_end_matches('/').to_owned() }
    }
}

#[derive(Deserialize)]
struct WireKeys {
    keys: Vec<Value>,
}

#[async_trait]
impl KeySource for SupabaseKeys {
    async fn fetch(&self) -> Result<JwkSet, String> {
        // The keys are public, so the request carries no key of ours.
        let request = Request::get(format!("{}/.well-known/jwks.json", self.issuer))
            .header(header::ACCEPT, "application/json")
            .body(Bytes::new())
            .map_err(|why| format!("key set: {why}"))?;
        let response =
            self.send.send(request, TIMEOUT, BODY_BYTES_MAX).await.map_err(|why| format!("key set: {why}"))?;
        if response.status() != StatusCode::OK {
            return Err(format!("key set: status {}", response.status().as_u16()));
        }
        let wire: WireKeys =
            serde_json::from_slice(response.body()).map_err(|_| "key set: not a key set".to_owned())?;
        // One key of an unknown type must not make the others unreadable.
        let keys = wire.keys.into_iter().filter_map(|key| serde_json::from_value::<Jwk>(key).ok()).collect();
        Ok(JwkSet { keys })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        double::{self, Script},
        send::SendError,
    };

    #[tokio::test]
    async fn keys_are_read_and_unknown_forms_are_passed_over() {
        let body = json!({"keys": [
            {"kty": "EC", "kid": "a", "alg": "ES256", "crv": "P-256", "x": "eA", "y": "eQ", "use": "sig"},
            {"kty": "LATTICE", "kid": 7},
        ]});
        let script = Arc::new(Script::of([double::json(200, &body)]));

        let keys = SupabaseKeys::new(script.clone(), "https://ref.supabase.co/auth/v1/").fetch().await.unwrap().keys;

        assert_eq!(keys.len(), 1);
        assert_eq!(keys[0].kid.as_deref(), Some("a"));
        let sent = script.sent.lock().unwrap();
        assert_eq!(sent[0].request.uri(), "https://ref.supabase.co/auth/v1/.well-known/jwks.json");
        assert_eq!(sent[0].timeout, TIMEOUT);
        assert_eq!(sent[0].body_bytes_max, BODY_BYTES_MAX);
    }

    #[tokio::test]
    async fn a_failed_fetch_says_why_in_a_sentence() {
        let cases = [
            (double::text(503, "secret"), "key set: status 503"),
            (double::text(200, "<html>"), "key set: not a key set"),
            (Err(SendError::Timeout), "key set: timed out"),
        ];
        for (answer, expected) in cases {
            let keys = SupabaseKeys::new(Arc::new(Script::of([answer])), "https://x.co/auth/v1");
            assert_eq!(keys.fetch().await, Err(expected.to_owned()));
        }
    }
}
