//! The gateway's cache of whole answers, by the exact bytes of the request.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use axum::{
    body::Bytes,
    http::{HeaderMap, header},
};
use parking_lot::Mutex;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The largest answer that is cached, as Cloudflare documents it.
const BODY_BYTES_MAX: usize = 25 * 1024 * 1024;
/// Answers beyond this many bytes in all are not cached until others have expired.
const ALL_BYTES_MAX: usize = 256 * 1024 * 1024;

pub(super) type Key = [u8; 32];

struct Answer {
    body: Bytes,
    kept_until: Instant,
}

#[derive(Default)]
pub(super) struct ResponseCache(Mutex<HashMap<Key, Answer>>);

impl ResponseCache {
    pub(super) fn read(&self, key: &Key, now: Instant) -> Option<Bytes> {
        self.0.lock().get(key).filter(|answer| now < answer.kept_until).map(|answer| answer.body.clone())
    }

    pub(super) fn fill(&self, key: Key, body: Bytes, ttl: Duration, now: Instant) {
        let mut answers = self.0.lock();
        answers.retain(|_, answer| now < answer.kept_until);
        let held: usize = answers.values().map(|answer| answer.body.len()).sum();
        if body.len() <= BODY_BYTES_MAX && held + body.len() <= ALL_BYTES_MAX {
            answers.insert(key, Answer { body, kept_until: now + ttl });
        }
    }
}

/// The key of a request: the caller's own if there is one, else provider, endpoint, model, the provider's API key and
/// the whole body, byte for byte, so that another order of the same JSON is another request. Account and gateway are
/// always part of it: no gateway sees another's answers.
pub(super) fn key(place: &[&str; 4], own: Option<&str>, headers: &HeaderMap, body: &[u8]) -> Key {
    let mut hash = Sha256::new();
    let mut add = |part: &[u8]| {
        // With its length, so that different parts never give the same bytes.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    };
    let [account, gateway, provider, endpoint] = place;
    add(account.as_bytes());
    add(gateway.as_bytes());
    if let Some(own) = own {
        add(b"own");
        add(own.as_bytes());
    } else {
        let model: Option<String> =
            serde_json::from_slice::<Value>(body).ok().and_then(|body| Some(body.get("model")?.as_str()?.to_owned()));
        let credential = headers.get(header::AUTHORIZATION).or_else(|| headers.get("x-api-key"));
        add(provider.as_bytes());
        add(endpoint.as_bytes());
        add(model.unwrap_or_default().as_bytes());
        add(credential.map_or(b"".as_slice(), |value| value.as_bytes()));
        add(body);
    }
    hash.finalize().into()
}
