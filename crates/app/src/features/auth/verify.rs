//! Verifies Supabase access tokens.
//!
//! Promises: the algorithm is fixed by the key and never by the token; issuer, audience, expiry, subject and role are
//! required. A verified token is remembered by its hash, so that its signature is checked once per isolate, but for ten
//! minutes at most; keys are kept as long. So a revoked key is refused everywhere after twenty minutes, or as soon as the issuer
//! answers again. Keys are fetched
//! at most once in thirty seconds, however many unknown key ids arrive; once in five while there are none at all.

mod keys;

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, de::IgnoredAny};
use sha2::{Digest, Sha256};

use super::{AuthError, Authenticator, Claims, KeySource, Pause, SignatureCheck, VerifyingKey};
use crate::shared::{clock::Clock, expiring::Expiring, ids::UserId, secret::Secret};
use keys::{KNOWN_ALGORITHMS, Keys, Lookup, WAIT, WAITS_MAX};

const REMEMBERED_TOKENS_MAX: usize = 1_024;
/// Longer, and a token signed by a key that was revoked meanwhile would pass until it expires.
const REMEMBERED_MS: i64 = 10 * 60 * 1_000;
/// Supabase lets a project choose lifetimes of up to a week; a day more allows for its clock and for ours. A token that
/// says it lives longer was not issued by it.
const LIFETIME_S_MAX: f64 = 8.0 * 86_400.0;
/// Clocks differ; RFC 7519 §4.1.5 allows a small leeway.
const LEEWAY_S: f64 = 5.0;
/// The only one whose key is a secret of ours.
const LEGACY_ALGORITHM: &str = "HS256";
const AUDIENCE: &str = "authenticated";
const ROLE: &str = "authenticated";

/// What a token has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRules {
    /// The only accepted issuer, `{SUPABASE_URL}/auth/v1`.
    pub issuer: String,
    /// The project's legacy secret for HS256, and the one before it while that is replaced; without any, HS256 tokens are refused.
    pub legacy_secrets: Vec<Secret<Vec<u8>>>,
    /// Whether these secrets could not be read yet: then a HS256 token that none of them signed may be good all the same.
    pub awaits_secrets: bool,
}

/// The verifier and what it remembers; one per isolate.
pub struct TokenVerifier {
    rules: TokenRules,
    memory: Mutex<Memory>,
}

struct Memory {
    /// Keyed by the token's hash, so that a leak of this memory gives nobody a usable token.
    tokens: Expiring<[u8; 32], UserId>,
    keys: Keys,
}

/// What one request needs to check a token.
pub struct TokenCheck {
    pub verifier: Arc<TokenVerifier>,
    pub keys: Arc<dyn KeySource>,
    pub signatures: Arc<dyn SignatureCheck>,
    pub clock: Arc<dyn Clock>,
    pub pause: Arc<dyn Pause>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Whether it lists extensions that a verifier must understand, of which there are none here (RFC 7515 §4.1.11).
    #[serde(default, deserialize_with = "is_present")]
    crit: bool,
}

fn is_present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|IgnoredAny| true)
}

struct Parsed<'a> {
    header: Header,
    claims: Claims,
    signed: &'a str,
    signature: Vec<u8>,
}

impl TokenVerifier {
    #[must_use]
    pub fn new(rules: TokenRules) -> Self {
        Self {
            rules,
            memory: Mutex::new(Memory { tokens: Expiring::new(REMEMBERED_TOKENS_MAX), keys: Keys::default() }),
        }
    }

    #[must_use]
    pub const fn rules(&self) -> &TokenRules {
        &self.rules
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        // A poisoned lock is safe to use: every change of the memory is one assignment or one insertion.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn recall(&self, hash: &[u8; 32], now_ms: i64) -> Option<UserId> {
        self.memory().tokens.get(hash, now_ms).copied()
    }

    fn remember(&self, hash: [u8; 32], user: UserId, expires_s: f64, now_ms: i64) {
        let expires_ms = ((expires_s + LEEWAY_S) * 1_000.0) as i64;
        let until_ms = expires_ms.min(now_ms.saturating_add(REMEMBERED_MS));
        self.memory().tokens.insert(hash, user, now_ms, until_ms);
    }

    /// Issuer, audience, time, subject and role, in the order that gives the most helpful refusal.
    fn accept(&self, claims: &Claims, now_s: f64) -> Result<(UserId, f64), AuthError> {
        if claims.iss.as_deref() != Some(self.rules.issuer.as_str()) {
            return Err(self.foreign_issuer(claims));
        }
        let is_time = |exp: &f64| *exp > 0.0 && exp.fract() == 0.0 && *exp <= now_s + LIFETIME_S_MAX;
        let expires_s = claims.exp.filter(is_time).ok_or(AuthError::Invalid)?;
        if expires_s + LEEWAY_S <= now_s {
            return Err(AuthError::Expired);
        }
        if claims.nbf.is_some_and(|nbf| nbf - LEEWAY_S > now_s) {
            return Err(AuthError::Invalid);
        }
        match claims.role.as_deref() {
            Some(ROLE) => {}
            Some(_) | None => return Err(AuthError::RoleRefused),
        }
        if !claims.aud.as_ref().is_some_and(|aud| aud.contains(AUDIENCE)) {
            return Err(AuthError::Invalid);
        }
        if claims.is_anonymous {
            return Err(AuthError::AnonymousRefused);
        }
        let subject = claims.sub.as_deref().ok_or(AuthError::Invalid)?;
        let user = subject.parse().map_err(|_| AuthError::Invalid)?;
        Ok((user, expires_s))
    }

    /// anon and service-role keys are tokens of the issuer `supabase`: tell their owner what is wrong with them.
    fn foreign_issuer(&self, claims: &Claims) -> AuthError {
        match (claims.iss.as_deref(), claims.role.as_deref()) {
            (Some("supabase"), Some("anon" | "service_role")) => AuthError::RoleRefused,
            _ => AuthError::Invalid,
        }
    }
}

impl TokenCheck {
    /// Each of the keys that the token may be signed with: one, but for legacy secrets.
    async fn keys_for(&self, header: &Header) -> Result<Vec<VerifyingKey>, AuthError> {
        if header.alg != LEGACY_ALGORITHM {
            return Ok(vec![self.key_for(header).await?]);
        }
        Ok(self.verifier.rules.legacy_secrets.iter().cloned().map(VerifyingKey::Hs256).collect())
    }

    async fn key_for(&self, header: &Header) -> Result<VerifyingKey, AuthError> {
        for _ in 0..WAITS_MAX {
            // A statement of its own: the lock must not be held while anything is awaited.
            let lookup = self.verifier.memory().keys.look_up(header, self.clock.now());
            match lookup {
                Lookup::Found(key) => return Ok(key),
                Lookup::Unknown => return Err(AuthError::Invalid),
                Lookup::NoKeys => return Err(AuthError::KeysUnavailable("no keys yet".to_owned())),
                Lookup::Fetch => return self.fetch(header).await,
                Lookup::Wait => self.pause.pause(WAIT).await,
            }
        }
        Err(AuthError::KeysUnavailable("another request's fetch of the keys does not end".to_owned()))
    }

    async fn fetch(&self, header: &Header) -> Result<VerifyingKey, AuthError> {
        let fetched = self.keys.fetch().await;
        let now = self.clock.now();
        let keys = &mut self.verifier.memory().keys;
        match fetched {
            Ok(set) => {
                keys.landed(Some(set), now);
                keys.find(header).ok_or(AuthError::Invalid)
            }
            // A key that was valid ten minutes ago is better than refusing everybody while the issuer is down.
            Err(cause) => {
                keys.landed(None, now);
                keys.find(header).ok_or(AuthError::KeysUnavailable(cause))
            }
        }
    }
}

#[async_trait]
impl Authenticator for TokenCheck {
    async fn authenticate(&self, token: &str) -> Result<UserId, AuthError> {
        let hash: [u8; 32] = Sha256::digest(token).into();
        let now_ms = self.clock.now().as_millisecond();
        if let Some(user) = self.verifier.recall(&hash, now_ms) {
            return Ok(user);
        }
        let parsed = parse(token)?;
        if parsed.header.crit || !KNOWN_ALGORITHMS.contains(&parsed.header.alg.as_str()) {
            return Err(AuthError::Invalid);
        }
        let mut is_genuine = false;
        for key in self.keys_for(&parsed.header).await? {
            is_genuine = is_genuine || self.signatures.verify(&key, parsed.signed.as_bytes(), &parsed.signature).await;
        }
        if !is_genuine && parsed.header.alg == LEGACY_ALGORITHM && self.verifier.rules.awaits_secrets {
            return Err(AuthError::KeysUnavailable("no legacy secret yet".to_owned()));
        }
        if !is_genuine {
            return Err(AuthError::Invalid);
        }
        let (user, expires_s) = self.verifier.accept(&parsed.claims, now_ms as f64 / 1_000.0)?;
        self.verifier.remember(hash, user, expires_s, now_ms);
        Ok(user)
    }
}

fn parse(token: &str) -> Result<Parsed<'_>, AuthError> {
    let (signed, signature) = token.rsplit_once('.').ok_or(AuthError::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(AuthError::Malformed)?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| AuthError::Malformed);
    Ok(Parsed {
        header: serde_json::from_slice(&decode(header)?).map_err(|_| AuthError::Malformed)?,
        claims: serde_json::from_slice(&decode(claims)?).map_err(|_| AuthError::Malformed)?,
        signed,
        signature: decode(signature)?,
    })
}

#[cfg(test)]
mod tests;
