//! Which keys the providers accept, where that is not their first one any more: a key is rotated by accepting another one beside it,
//! and later only that.
//!
//! The providers know their first keys only. A key that is accepted in a first one's place becomes that one before a request reaches its
//! provider, and a key that is not accepted any more becomes one that nobody knows.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, header::AUTHORIZATION},
    middleware::Next,
    response::Response,
};
use parking_lot::Mutex;

/// Where keys are sent.
const HEADERS: [HeaderName; 3] =
    [AUTHORIZATION, HeaderName::from_static("x-api-key"), HeaderName::from_static("cf-aig-authorization")];

/// Where Sentry's clients send their key, in the field `sentry_key` among others.
const SENTRY: &str = "x-sentry-auth";
const SENTRY_KEY: &str = "sentry_key=";

const REVOKED: &str = "sandbox-revoked-key";

/// By first key, those that are accepted in its place.
#[derive(Default)]
pub(crate) struct Keyring(Mutex<BTreeMap<String, Vec<String>>>);

impl Keyring {
    /// From now on these are accepted, and nothing else, where the first key was.
    pub(crate) fn accept(&self, first: String, accepted: Vec<String>) {
        self.0.lock().insert(first, accepted);
    }

    /// Only the first keys are accepted again.
    pub(crate) fn clear(&self) -> usize {
        std::mem::take(&mut *self.0.lock()).len()
    }

    /// The key that the provider is to see; `None` if it is the one that was sent.
    fn seen(&self, sent: &str) -> Option<String> {
        let rotated = self.0.lock();
        if let Some((first, _)) = rotated.iter().find(|(_, accepted)| accepted.iter().any(|key| key == sent)) {
            return Some(first.clone());
        }
        rotated.contains_key(sent).then(|| REVOKED.to_owned())
    }

    fn translate(&self, headers: &mut HeaderMap) {
        for name in HEADERS {
            let Some(text) = headers.get(&name).and_then(|value| value.to_str().ok()) else { continue };
            let (scheme, key) = text.strip_prefix("Bearer ").map_or(("", text), |key| ("Bearer ", key));
            let value = self.seen(key).and_then(|seen| HeaderValue::try_from(format!("{scheme}{seen}")).ok());
            if let Some(value) = value {
                headers.insert(name, value);
            }
        }
        if let Some(value) = headers.get(SENTRY).and_then(|value| self.translate_sentry(value)) {
            headers.insert(SENTRY, value);
        }
    }

    fn translate_sentry(&self, value: &HeaderValue) -> Option<HeaderValue> {
        let (before, rest) = value.to_str().ok()?.split_once(SENTRY_KEY)?;
        let (key, after) = rest.split_at(rest.find(',').unwrap_or(rest.len()));
        HeaderValue::try_from(format!("{before}{SENTRY_KEY}{}{after}", self.seen(key)?)).ok()
    }
}

/// Before every provider, and only once: what the gateway sends on has been translated.
pub(crate) async fn translate(State(keyring): State<Arc<Keyring>>, mut request: Request, next: Next) -> Response {
    keyring.translate(request.headers_mut());
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_rotated_by_accepting_two_and_then_one() {
        let keyring = Keyring::default();
        let seen = |key: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("authorization", format!("Bearer {key}").parse().unwrap());
            headers.insert("x-api-key", key.parse().unwrap());
            keyring.translate(&mut headers);
            let bare = headers["x-api-key"].to_str().unwrap().to_owned();
            assert_eq!(headers["authorization"].to_str().unwrap(), format!("Bearer {bare}"));
            bare
        };
        assert_eq!((seen("first"), seen("second")), ("first".to_owned(), "second".to_owned()));
        keyring.accept("first".to_owned(), vec!["first".to_owned(), "second".to_owned()]);
        assert_eq!((seen("first"), seen("second")), ("first".to_owned(), "first".to_owned()));
        keyring.accept("first".to_owned(), vec!["second".to_owned()]);
        assert_eq!((seen("first"), seen("second")), (REVOKED.to_owned(), "first".to_owned()));
        assert_eq!(seen("other"), "other");
        let mut headers = HeaderMap::new();
        let sent = "Sentry sentry_version=7, sentry_key=second, sentry_client=x/1";
        headers.insert("x-sentry-auth", sent.parse().unwrap());
        keyring.translate(&mut headers);
        assert_eq!(headers["x-sentry-auth"], sent.replace("second", "first").as_str());
        assert_eq!((keyring.clear(), seen("first")), (1, "first".to_owned()));
    }
}
