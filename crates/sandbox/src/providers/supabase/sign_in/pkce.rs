//! PKCE: a sign-in that was begun with a challenge ends with a code, which only the one who knows the verifier can use.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::super::errors::AuthError;
use crate::shared::clock::now_ms;

/// Tokens of links that end with a code begin like this.
pub(super) const PREFIX: &str = "pkce_";
const KEPT_MS: u64 = 5 * 60 * 1_000;

/// What the request that begins a sign-in may carry.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    code_challenge: Option<String>,
    #[serde(default)]
    code_challenge_method: Option<String>,
}

/// How a verifier becomes a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Method {
    S256,
    Plain,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Challenge {
    text: String,
    method: Method,
}

impl Asked {
    /// The challenge, if there is one.
    pub(super) fn challenge(&self) -> Result<Option<Challenge>, AuthError> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let (text, method) = match (given(&self.code_challenge), given(&self.code_challenge_method)) {
            (None, None) => return Ok(None),
            (Some(text), Some(method)) => (text, method),
            _ => return Err(AuthError::invalid("PKCE flow requires code_challenge_method and code_challenge")),
        };
        if !(43..=128).contains(&text.len()) {
            return Err(AuthError::invalid("code challenge has to be between 43 and 128 characters"));
        }
        if !text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-._~".contains(letter)) {
            return Err(AuthError::invalid(
                "code challenge can only contain alphanumeric characters, hyphens, periods, underscores and tildes",
            ));
        }
        let method = match method.to_lowercase().as_str() {
            "s256" => Method::S256,
            "plain" => Method::Plain,
            _ => return Err(AuthError::new(500, "unexpected_failure", "unsupported code_challenge method")),
        };
        Ok(Some(Challenge { text, method }))
    }
}

impl Challenge {
    fn is_met_by(&self, verifier: &str) -> bool {
        match self.method {
            Method::S256 => URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) == self.text,
            Method::Plain => verifier == self.text,
        }
    }
}

/// A sign-in that was begun with a challenge.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in super::super) struct Flow {
    pub(in super::super) id: Uuid,
    pub(super) user_id: Uuid,
    /// How the user signs in by it, as their token says (`amr`).
    pub(super) method: String,
    pub(super) code: String,
    challenge: Challenge,
    begun_at_ms: u64,
    /// None while the link was not followed.
    pub(super) code_at_ms: Option<u64>,
}

impl Flow {
    pub(super) fn begin(user_id: Uuid, method: &str, challenge: Challenge) -> Self {
        Self {
            id: Uuid::new_v4(),
            user_id,
            method: method.to_owned(),
            code: Uuid::new_v4().to_string(),
            challenge,
            begun_at_ms: now_ms(),
            code_at_ms: None,
        }
    }

    /// Whether this verifier may have a session for the code now.
    pub(super) fn check(&self, verifier: &str, now_ms: u64) -> Result<(), AuthError> {
        // A magic link may be followed late; the code must be used soon after that.
        let since_ms = self.code_at_ms.filter(|_| self.method == "magiclink").unwrap_or(self.begun_at_ms);
        if now_ms > since_ms + KEPT_MS {
            return Err(AuthError::new(422, "flow_state_expired", "invalid flow state, flow state has expired"));
        }
        if !self.challenge.is_met_by(verifier) {
            let message = "code challenge does not match previously saved code verifier";
            return Err(AuthError::new(400, "bad_code_verifier", message));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7636.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn asked(challenge: &str, method: &str) -> Result<Option<Challenge>, AuthError> {
        Asked { code_challenge: Some(challenge.into()), code_challenge_method: Some(method.into()) }.challenge()
    }

    #[test]
    fn only_the_verifier_of_a_challenge_meets_it() {
        let hashed = asked(CHALLENGE, "s256").unwrap().unwrap();
        assert!(hashed.is_met_by(VERIFIER) && !hashed.is_met_by(CHALLENGE) && !hashed.is_met_by(""));
        let plain = asked(CHALLENGE, "plain").unwrap().unwrap();
        assert!(plain.is_met_by(CHALLENGE) && !plain.is_met_by(VERIFIER));
        assert_eq!(asked(CHALLENGE, "S256").unwrap(), Some(hashed));
    }

    #[test]
    fn a_challenge_has_a_method_and_the_form_of_rfc_7636() {
        assert_eq!(asked("", "").unwrap(), None);
        for (challenge, method) in
            [(CHALLENGE, ""), ("", "s256"), (&CHALLENGE[1..], "s256"), (&"a/".repeat(30), "s256")]
        {
            assert_eq!(asked(challenge, method).unwrap_err().code, "validation_failed", "{challenge} {method}");
        }
        assert_eq!(asked(&"x".repeat(129), "plain").unwrap_err().status, 400);
        assert_eq!(asked(CHALLENGE, "s512").unwrap_err().status, 500);
    }

    #[test]
    fn a_code_is_good_for_five_minutes() {
        let begin = |method| Flow::begin(Uuid::new_v4(), method, asked(CHALLENGE, "s256").unwrap().unwrap());
        let flow = begin("email/signup");
        let last_ms = flow.begun_at_ms + KEPT_MS;
        assert!(flow.check(VERIFIER, last_ms).is_ok());
        assert_eq!(flow.check(VERIFIER, last_ms + 1).unwrap_err().code, "flow_state_expired");
        assert_eq!(flow.check("other", last_ms).unwrap_err().code, "bad_code_verifier");
        let followed_late = Flow { code_at_ms: Some(last_ms), ..begin("magiclink") };
        assert!(followed_late.check(VERIFIER, last_ms + KEPT_MS).is_ok());
        let followed_late = Flow { code_at_ms: Some(last_ms), ..begin("recovery") };
        assert!(followed_late.check(VERIFIER, last_ms + KEPT_MS).is_err());
    }
}
