//! Verifies Supabase access tokens.
//!
//! Promises: the algorithm is fixed by the key and never by the token; issuer, audience, expiry, subject and role are
//! required; a verified token is remembered by its hash until it expires, so that its signature is checked once per
//! isolate. Keys are kept for ten minutes, and an unknown key id fetches them again at most once in thirty seconds.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{AuthError, Authenticator, Claims, JwkSet, KeySource, SignatureCheck, VerifyingKey};
use crate::shared::{clock::Clock, expiring::Expiring, ids::UserId};

/// Supabase's edge and its clients keep the key set for ten minutes as well.
const KEYS_FRESH: SignedDuration = SignedDuration::from_mins(10);
/// Tokens with invented key ids must not make every request fetch the key set.
const KEYS_REFETCH_PAUSE: SignedDuration = SignedDuration::from_secs(30);
const REMEMBERED_TOKENS_MAX: usize = 1_024;
/// Clocks differ; RFC 7519 §4.1.5 allows a small leeway.
const LEEWAY_S: f64 = 5.0;
const AUDIENCE: &str = "authenticated";
const ROLE: &str = "authenticated";

/// What a token has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRules {
    /// The only accepted issuer, `{SUPABASE_URL}/auth/v1`.
    pub issuer: String,
    /// The project's legacy secret for HS256; without one, HS256 tokens are refused.
    pub legacy_secret: Option<Vec<u8>>,
}

/// The verifier and what it remembers; one per isolate.
pub struct TokenVerifier {
    rules: TokenRules,
    memory: Mutex<Memory>,
}

struct Memory {
    /// Keyed by the token's hash, so that a leak of this memory gives nobody a usable token.
    tokens: Expiring<[u8; 32], UserId>,
    keys: Option<Keys>,
}

#[derive(Clone)]
struct Keys {
    set: JwkSet,
    /// When the set was last fetched.
    fetched: Timestamp,
    /// When fetching was last tried, whether or not it worked.
    tried: Timestamp,
}

/// What one request needs to check a token.
pub struct TokenCheck {
    pub verifier: Arc<TokenVerifier>,
    pub keys: Arc<dyn KeySource>,
    pub signatures: Arc<dyn SignatureCheck>,
    pub clock: Arc<dyn Clock>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
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
        Self { rules, memory: Mutex::new(Memory { tokens: Expiring::new(REMEMBERED_TOKENS_MAX), keys: None }) }
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
        // The conversion saturates: a token may say that it expires after the end of any calendar.
        let until_ms = ((expires_s + LEEWAY_S) * 1_000.0) as i64;
        self.memory().tokens.insert(hash, user, now_ms, until_ms);
    }

    /// Issuer, audience, time, subject and role, in the order that gives the most helpful refusal.
    fn accept(&self, claims: &Claims, now_s: f64) -> Result<(UserId, f64), AuthError> {
        if claims.iss.as_deref() != Some(self.rules.issuer.as_str()) {
            return Err(self.foreign_issuer(claims));
        }
        let expires_s = claims.exp.filter(|exp| exp.is_finite()).ok_or(AuthError::Invalid)?;
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
    async fn key_for(&self, header: &Header) -> Result<VerifyingKey, AuthError> {
        if header.alg == "HS256" {
            let secret = self.verifier.rules.legacy_secret.clone();
            return secret.map(VerifyingKey::Hs256).ok_or(AuthError::Invalid);
        }
        // Cloned, so that the lock is not held while the key set is fetched.
        let known = self.verifier.memory().keys.clone();
        let now = self.clock.now();
        if let Some(keys) = &known {
            let tried_lately = now.duration_since(keys.tried) < KEYS_REFETCH_PAUSE;
            match find(&keys.set, header) {
                Some(key) if tried_lately || now.duration_since(keys.fetched) < KEYS_FRESH => return Ok(key),
                None if tried_lately && keys.set.keys.is_empty() => {
                    return Err(AuthError::KeysUnavailable("no keys yet".to_owned()));
                }
                None if tried_lately => return Err(AuthError::Invalid),
                Some(_) | None => {}
            }
        }
        match self.keys.fetch().await {
            Ok(set) => {
                let key = find(&set, header);
                self.verifier.memory().keys = Some(Keys { set, fetched: now, tried: now });
                key.ok_or(AuthError::Invalid)
            }
            // A key that was valid ten minutes ago is better than refusing everybody while the issuer is down; `tried`
            // keeps every request from asking an issuer that is down.
            Err(cause) => {
                let mut keys = known.unwrap_or(Keys { set: JwkSet::default(), fetched: now, tried: now });
                keys.tried = now;
                let key = find(&keys.set, header);
                self.verifier.memory().keys = Some(keys);
                key.ok_or(AuthError::KeysUnavailable(cause))
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
        let key = self.key_for(&parsed.header).await?;
        let genuine = self.signatures.verify(&key, parsed.signed.as_bytes(), &parsed.signature).await;
        if !genuine {
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

/// The key that the token names, if it may be used with the token's algorithm.
fn find(set: &JwkSet, header: &Header) -> Option<VerifyingKey> {
    // Without the second condition, a token without a key id would match a key without one.
    let key = set.keys.iter().find(|key| key.kid == header.kid && key.kid.is_some())?;
    let fits = key.alg.as_deref().is_none_or(|alg| alg == header.alg);
    match (header.alg.as_str(), key.kty.as_str(), key.crv.as_deref()) {
        ("ES256", "EC", Some("P-256")) if fits => Some(VerifyingKey::Es256(key.clone())),
        ("RS256", "RSA", _) if fits => Some(VerifyingKey::Rs256(key.clone())),
        _ => None,
    }
}
