//! Reading the tokens that the project's own key has signed.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use p256::ecdsa::{Signature, signature::Verifier};
use serde_json::{Map, Value};

use super::Keys;
use crate::shared::clock::now_ms;

impl Keys {
    /// The claims of a user's token; none if it is not this project's, or has expired.
    pub(in super::super) fn read(&self, token: &str, issuer: &str) -> Option<Map<String, Value>> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        let decoded =
            |part: &str| serde_json::from_slice::<Map<String, Value>>(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
        let signature = Signature::from_slice(&URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
        self.signing.verifying_key().verify(signed.as_bytes(), &signature).ok()?;
        let (header, claims) = (decoded(header)?, decoded(payload)?);
        let expires_ms = claims.get("exp")?.as_u64()?.saturating_mul(1_000);
        let is_ours = header.get("alg")? == "ES256" && claims.get("iss")? == issuer && now_ms() < expires_ms;
        is_ours.then_some(claims)
    }
}
