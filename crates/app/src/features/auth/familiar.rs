//! Who is known by what they send, so that their requests are counted as theirs.
//!
//! Promises: being remembered allows nothing. Every token and key is checked as if nobody had seen it before; the memory only chooses
//! which counter counts, so that nobody can use up another's by naming them. A good token is its user's from the first time on, because
//! no database is asked to check it: what strangers at the same address have used up keeps nobody out.

use std::sync::{Mutex, PoisonError};

use axum::http::request::Parts;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::Authenticator;
use crate::{
    http::{ApiError, Client, RequestPorts, count_request},
    shared::{expiring::Expiring, ids::UserId},
};

const REMEMBERED_MAX: usize = 4_096;
/// As long as a verified token is.
const REMEMBERED_MS: i64 = 10 * 60 * 1_000;

/// Credentials that were found good lately, by their hashes, with whose requests they are counted. One for each isolate.
#[derive(Debug)]
pub struct Familiar(Mutex<Expiring<[u8; 32], Client>>);

impl Default for Familiar {
    fn default() -> Self {
        Self(Mutex::new(Expiring::new(REMEMBERED_MAX)))
    }
}

impl Familiar {
    fn known(&self, credential: &str, now: Timestamp) -> Option<Client> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&hash(credential), now.as_millisecond()).cloned()
    }

    fn remember(&self, credential: &str, client: Client, now: Timestamp) {
        let now_ms = now.as_millisecond();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(hash(credential), client, now_ms, now_ms.saturating_add(REMEMBERED_MS));
    }

    /// Whose requests those with this credential are, if it was found good lately.
    pub(super) fn recall(&self, parts: &Parts, credential: &str) -> Option<Client> {
        self.known(credential, now(parts)?)
    }

    /// Notes that a credential was found good.
    pub(super) fn note(&self, parts: &Parts, credential: &str, client: Client) {
        if let Some(now) = now(parts) {
            self.remember(credential, client, now);
        }
    }

    /// Checks a token and counts the request: as its user's, or by the address when the token is refused.
    pub(super) async fn sign_in(
        &self,
        parts: &mut Parts,
        authenticator: &dyn Authenticator,
        token: &str,
    ) -> Result<UserId, ApiError> {
        if let Some(client) = self.recall(parts, token) {
            // Before anything is checked, be it only a signature.
            count_request(parts, &client).await?;
        }
        let checked = authenticator.authenticate(token).await;
        let client = match &checked {
            Ok(user) => Client::User(*user),
            Err(_) => Client::by_address(&parts.headers),
        };
        if checked.is_ok() {
            self.note(parts, token, client.clone());
        }
        // Counts nothing more where it was counted above.
        count_request(parts, &client).await?;
        Ok(checked?)
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
        let (familiar, user) = (Familiar::default(), Client::User(UserId::new(Uuid::nil())));
        let at = |second| Timestamp::from_second(second).unwrap();
        familiar.remember("token", user.clone(), at(0));
        assert_eq!(familiar.known("token", at(599)), Some(user));
        assert_eq!(familiar.known("token", at(600)), None);
        assert_eq!(familiar.known("Token", at(1)), None);
    }
}
