//! Supabase user tokens: good ones, and every kind of bad one.
//!
//! The claims are those of Supabase Auth. Each variant differs from a good token in one thing only, so that a test
//! of it tests that thing.

mod keys;
mod read;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use p256::ecdsa::{Signature, SigningKey, signature::Signer};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::Sha256;
use uuid::Uuid;

pub(crate) use keys::Keys;

use crate::shared::clock::now_ms;

/// How long a token is valid unless the request says otherwise.
const LIFETIME_S: i64 = 86_400;
const HOUR_S: i64 = 3_600;

/// A request for a token.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenRequest {
    #[serde(default)]
    sub: Option<String>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    variant: Variant,
    /// Replaces claims; null takes one away.
    #[serde(default)]
    claims: Map<String, Value>,
    #[serde(default)]
    expires_in_s: Option<i64>,
}

impl TokenRequest {
    /// A good token of a user with these claims beside the usual ones.
    pub(super) fn of_user(sub: Uuid, email: &str, claims: Value, expires_in_s: i64) -> Self {
        Self {
            sub: Some(sub.to_string()),
            email: Some(email.to_owned()),
            variant: Variant::Valid,
            claims: if let Value::Object(claims) = claims { claims } else { Map::new() },
            expires_in_s: Some(expires_in_s),
        }
    }
}

/// How a token differs from a good ES256 user token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Variant {
    /// A good token.
    #[default]
    Valid,
    /// Good, but `aud` is an array, which the standard allows.
    AudienceArray,
    /// Good, signed with the legacy shared secret.
    Hs256,
    /// Expired an hour ago.
    Expired,
    /// Valid only in an hour (`nbf`).
    NotYetValid,
    /// Never expires.
    NoExp,
    /// Signed by another key under the same `kid`.
    Forged,
    /// Signed with another secret.
    Hs256Forged,
    /// HS256 with the public key as the secret: the algorithm-confusion attack.
    AlgorithmConfusion,
    /// `alg: none` and no signature.
    AlgNone,
    /// A good token's signature under another payload.
    SwappedPayload,
    /// A `kid` that the key set does not list.
    UnknownKid,
    /// Another project's issuer.
    WrongIssuer,
    /// Another audience.
    WrongAudience,
    /// The project's anon key, which is itself a token.
    AnonKey,
    /// The project's service-role key, which is itself a token.
    ServiceRoleKey,
    /// A user who signed in anonymously.
    Anonymous,
    /// No `sub`.
    NoSub,
}

impl Keys {
    /// Makes a token, or says why it can't.
    pub(super) fn mint(&self, request: &TokenRequest, issuer: &str) -> Result<String, String> {
        let now_s = i64::try_from(now_ms() / 1_000).unwrap_or(0);
        let mut claims = match request.variant {
            Variant::AnonKey => project_key("anon", now_s),
            Variant::ServiceRoleKey => project_key("service_role", now_s),
            _ => user_claims(request, issuer, now_s),
        };
        for (name, value) in &request.claims {
            match value {
                Value::Null => claims.remove(name),
                value => claims.insert(name.clone(), value.clone()),
            };
        }
        let legacy = || self.jwt_secret().ok_or("this variant needs --jwt-secret-file");
        Ok(match request.variant {
            // A project's two keys are signed with the legacy secret too.
            Variant::AnonKey | Variant::ServiceRoleKey | Variant::Hs256 => hs256(&claims, legacy()?.as_bytes()),
            // A random secret, which nobody can know.
            Variant::Hs256Forged => hs256(&claims, Uuid::new_v4().as_bytes()),
            Variant::AlgorithmConfusion => {
                let public = self.signing.verifying_key().to_encoded_point(false);
                hs256_with_kid(&claims, public.as_bytes(), &self.kid)
            }
            Variant::AlgNone => format!("{}.", unsigned(&json!({"alg": "none", "typ": "JWT"}), &claims)),
            Variant::Forged => es256(&claims, &self.forger, &self.kid),
            Variant::UnknownKid => es256(&claims, &self.forger, &Uuid::new_v4().to_string()),
            Variant::SwappedPayload => self.swapped(claims),
            _ => es256(&claims, &self.signing, &self.kid),
        })
    }

    fn swapped(&self, mut claims: Map<String, Value>) -> String {
        let good = es256(&claims, &self.signing, &self.kid);
        let signature = good.rsplit('.').next().unwrap_or_default();
        // Another user's id under a signature that was made for the first one.
        claims.insert("sub".into(), json!(Uuid::new_v4()));
        format!("{}.{signature}", unsigned(&es256_header(&self.kid), &claims))
    }
}

fn user_claims(request: &TokenRequest, issuer: &str, now_s: i64) -> Map<String, Value> {
    let variant = request.variant;
    let anonymous = variant == Variant::Anonymous;
    let sub = request.sub.clone().unwrap_or_else(|| Uuid::new_v4().to_string());
    let email = match &request.email {
        Some(email) => email.clone(),
        None if anonymous => String::new(),
        None => format!("{sub}@sandbox.test"),
    };
    let method = if anonymous { "anonymous" } else { "password" };
    let provider = if anonymous { json!({}) } else { json!({"provider": "email", "providers": ["email"]}) };
    let claims = json!({
        "iss": issuer,
        "aud": "authenticated",
        "exp": now_s + request.expires_in_s.unwrap_or(LIFETIME_S),
        "iat": now_s,
        "sub": sub,
        "role": "authenticated",
        "aal": "aal1",
        "session_id": Uuid::new_v4(),
        "email": email,
        "phone": "",
        "is_anonymous": anonymous,
        "app_metadata": provider,
        "user_metadata": {"email_verified": !anonymous},
        "amr": [{"method": method, "timestamp": now_s}],
    });
    let Value::Object(mut claims) = claims else {
        return Map::new();
    };
    match variant {
        Variant::AudienceArray => claims.insert("aud".into(), json!(["authenticated"])),
        Variant::Expired => {
            claims.insert("iat".into(), json!(now_s - 2 * HOUR_S));
            claims.insert("exp".into(), json!(now_s - HOUR_S))
        }
        Variant::NotYetValid => claims.insert("nbf".into(), json!(now_s + HOUR_S)),
        Variant::NoExp => claims.remove("exp"),
        Variant::WrongIssuer => claims.insert("iss".into(), json!("https://elsewhere.supabase.co/auth/v1")),
        Variant::WrongAudience => claims.insert("aud".into(), json!("elsewhere")),
        Variant::NoSub => claims.remove("sub"),
        _ => None,
    };
    claims
}

/// The anon and the service-role key of a project: tokens of the same secret that belong to no user.
fn project_key(role: &str, now_s: i64) -> Map<String, Value> {
    let ten_years_s = 10 * 365 * 24 * HOUR_S;
    let claims = json!({"iss": "supabase", "ref": "sandbox", "role": role, "iat": now_s, "exp": now_s + ten_years_s});
    if let Value::Object(claims) = claims { claims } else { Map::new() }
}

fn es256_header(kid: &str) -> Value {
    json!({"alg": "ES256", "kid": kid, "typ": "JWT"})
}

fn es256(claims: &Map<String, Value>, key: &SigningKey, kid: &str) -> String {
    let signed = unsigned(&es256_header(kid), claims);
    let signature: Signature = key.sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
}

fn hs256(claims: &Map<String, Value>, secret: &[u8]) -> String {
    hs256_signed(unsigned(&json!({"alg": "HS256", "typ": "JWT"}), claims), secret)
}

fn hs256_with_kid(claims: &Map<String, Value>, secret: &[u8], kid: &str) -> String {
    hs256_signed(unsigned(&json!({"alg": "HS256", "kid": kid, "typ": "JWT"}), claims), secret)
}

fn hs256_signed(signed: String, secret: &[u8]) -> String {
    // HMAC takes keys of any length; the constructor's error cannot happen.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else {
        return signed;
    };
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

fn unsigned(header: &Value, claims: &Map<String, Value>) -> String {
    let encode = |json: String| URL_SAFE_NO_PAD.encode(json);
    format!("{}.{}", encode(header.to_string()), encode(Value::Object(claims.clone()).to_string()))
}

#[cfg(test)]
mod tests;
