//! Who is known by what they send, so that their requests are counted as theirs before anything is checked.
//!
//! Promises: being remembered allows nothing. Every token and key is checked as if nobody had seen it before; the memory only chooses
//! which counter counts, so that nobody can use up another's by naming them.

use std::sync::{Mutex, PoisonError};

use axum::http::request::Parts;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::{
    http::{ApiError, Client, RequestPorts, count_request},
    shared::{expiring::Expiring, ids::UserId},
};

const REMEMBERED_MAX: usize = 4_096;
/// As long as a verified token is.
const REMEMBERED_MS: i64 = 10 * 60 * 1_000;

/// Credentials that were found good lately, by their hashes, with whose they are. One for each isolate.
#[derive(Debug)]
pub struct Familiar(Mutex<Expiring<[u8; 32], UserId>>);

impl Default for Familiar {
    fn default() -> Self {
        Self(Mutex::new(Expiring::new(REMEMBERED_MAX)))
    }
}

impl Familiar {
    fn recall(&self, credential: &str, now: Timestamp) -> Option<UserId> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&hash(credential), now.as_millisecond()).copied()
    }

    fn remember(&self, credential: &str, user: UserId, now: Timestamp) {
        let now_ms = now.as_millisecond();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(hash(credential), user, now_ms, now_ms.saturating_add(REMEMBERED_MS));
    }

    /// Counts a request by whose credential it carries, or by its address when that is not known.
    pub(super) async fn count(&self, parts: &mut Parts, credential: Option<&str>) -> Result<(), ApiError> {
        let user = now(parts).zip(credential).and_then(|(now, credential)| self.recall(credential, now));
        let client = user.map_or_else(|| Client::by_address(&parts.headers), Client::Known);
        count_request(parts, &client).await
    }

    /// Notes that a credential was found good.
    pub(super) fn note(&self, parts: &Parts, credential: &str, user: UserId) {
        if let Some(now) = now(parts) {
            self.remember(credential, user, now);
        }
    }
}

fn now(parts: &Parts) -> Option<Timestamp> {
    parts.extensions.get::<RequestPorts>().map(|ports| ports.clock.now())
}

fn hash(credential: &str) -> [u8; 32] {
    Sha256::digest(credential).into()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_credential_is_known_for_ten_minutes_and_no_other_is() {
        let (familiar, user) = (Familiar::default(), UserId::new(Uuid::nil()));
        let at = |second| Timestamp::from_second(second).unwrap();
        familiar.remember("token", user, at(0));
        assert_eq!(familiar.recall("token", at(599)), Some(user));
        assert_eq!(familiar.recall("token", at(600)), None);
        assert_eq!(familiar.recall("Token", at(1)), None);
    }
}
