//! What an isolate knows of the issuer's keys, and whether to fetch them: pure, the caller does the fetching.
//!
//! Promises: a fetch begins at most once in [`KEYS_REFETCH_PAUSE`], or as long as there are no keys in [`NO_KEYS_PAUSE`]; while one
//! is under way no second one begins, unless it has taken longer than any fetch may.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Header;
use crate::features::auth::{JwkSet, VerifyingKey, codes::KEYS_RETRY_AFTER_S};

/// Supabase's edge and its clients keep the key set for ten minutes as well.
const KEYS_FRESH: SignedDuration = SignedDuration::from_mins(10);
/// Tokens with invented key ids must not make every request fetch the key set.
const KEYS_REFETCH_PAUSE: SignedDuration = SignedDuration::from_secs(30);
/// Without any keys everybody is refused, so a fetch that failed is repeated as soon as the refusal's `Retry-After` says.
const NO_KEYS_PAUSE: SignedDuration = SignedDuration::from_secs(KEYS_RETRY_AFTER_S as i64);
/// A fetch that has not ended by now never will: the client of its request went away, and the runtime dropped it. Longer
/// than the fetch's own timeout.
const FETCH_MAX: SignedDuration = SignedDuration::from_secs(6);
/// How long a request waits before it looks whether another's fetch has ended. It cannot wait for that fetch itself:
/// Workers forbid a request to continue on another's I/O.
pub(super) const WAIT: Duration = Duration::from_millis(20);
/// Together longer than [`FETCH_MAX`], so that a waiting request takes over a fetch that died.
pub(super) const WAITS_MAX: u32 = 350;

pub(super) const KNOWN_ALGORITHMS: [&str; 3] = ["ES256", "RS256", "HS256"];

#[derive(Default)]
pub(super) struct Keys {
    set: JwkSet,
    /// When the set was last fetched; never, at first.
    fetched: Option<Timestamp>,
    /// When a fetch last began, whether or not it worked.
    tried: Option<Timestamp>,
    /// Whether that fetch has not ended yet.
    is_fetching: bool,
}

/// What to do for a token.
pub(super) enum Lookup {
    Found(VerifyingKey),
    /// The issuer has no such key.
    Unknown,
    /// The issuer did not answer lately, and has not answered before.
    NoKeys,
    /// Fetch the keys, then report [`Keys::landed`].
    Fetch,
    /// Another request fetches them.
    Wait,
}

impl Keys {
    pub(super) fn look_up(&mut self, header: &Header, now: Timestamp) -> Lookup {
        // Without a key id there is nothing to find, so there is nothing to fetch either.
        if header.kid.is_none() {
            return Lookup::Unknown;
        }
        let within =
            |from: Option<Timestamp>, span: SignedDuration| from.is_some_and(|from| now.duration_since(from) < span);
        let is_fetching = self.is_fetching && within(self.tried, FETCH_MAX);
        let has_died = self.is_fetching && !is_fetching;
        let pause = if self.fetched.is_some() { KEYS_REFETCH_PAUSE } else { NO_KEYS_PAUSE };
        let tried_lately = within(self.tried, pause) && !has_died;
        match self.find(header) {
            // Old keys do while new ones are fetched, and while the issuer does not answer.
            Some(key) if is_fetching || tried_lately || within(self.fetched, KEYS_FRESH) => Lookup::Found(key),
            None if is_fetching => Lookup::Wait,
            None if tried_lately && self.fetched.is_none() => Lookup::NoKeys,
            None if tried_lately => Lookup::Unknown,
            Some(_) | None => {
                self.tried = Some(now);
                self.is_fetching = true;
                Lookup::Fetch
            }
        }
    }

    /// A fetch has ended; `None` if it failed.
    pub(super) fn landed(&mut self, set: Option<JwkSet>, now: Timestamp) {
        self.is_fetching = false;
        if let Some(set) = set {
            self.set = set;
            self.fetched = Some(now);
        }
    }

    /// The key that the token names, if it may be used with the token's algorithm.
    pub(super) fn find(&self, header: &Header) -> Option<VerifyingKey> {
        // Without the second condition, a token without a key id would match a key without one.
        let key = self.set.keys.iter().find(|key| key.kid == header.kid && key.kid.is_some())?;
        let fits = key.alg.as_deref().is_none_or(|alg| alg == header.alg);
        match (header.alg.as_str(), key.kty.as_str(), key.crv.as_deref()) {
            ("ES256", "EC", Some("P-256")) if fits => Some(VerifyingKey::Es256(key.clone())),
            ("RS256", "RSA", _) if fits => Some(VerifyingKey::Rs256(key.clone())),
            _ => None,
        }
    }
}
