//! The signing key of a state directory: made on first use, kept across restarts, readable by its owner only.

use std::{
    io::{ErrorKind, Write},
    path::Path,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use p256::{SecretKey, ecdsa::SigningKey, elliptic_curve::rand_core::OsRng};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::shared::{error::SandboxError, private_file};

const FILE: &str = "signing-key.json";

/// The keys that sign tokens.
pub(crate) struct Keys {
    pub(super) kid: String,
    pub(super) signing: SigningKey,
    /// A key that is in no key set, for forged tokens.
    pub(super) forger: SigningKey,
    /// The legacy secret at first, and the one that signs now.
    first_jwt_secret: Option<String>,
    jwt_secret: Mutex<Option<String>>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    kid: String,
    /// The private scalar, base64url.
    d: String,
}

impl Keys {
    /// The key kept in this directory, or a new one.
    pub(crate) fn open(directory: &Path, jwt_secret: Option<String>) -> Result<Self, SandboxError> {
        let path = directory.join(FILE);
        let stored = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| corrupt(&error))?,
            Err(error) if error.kind() == ErrorKind::NotFound => create(&path)?,
            Err(error) => return Err(error.into()),
        };
        let scalar = URL_SAFE_NO_PAD.decode(&stored.d).map_err(|error| corrupt(&error))?;
        let signing = SigningKey::from_slice(&scalar).map_err(|error| corrupt(&error))?;
        let forger = SecretKey::random(&mut OsRng).into();
        let first_jwt_secret = jwt_secret.clone();
        Ok(Self { kid: stored.kid, signing, forger, first_jwt_secret, jwt_secret: Mutex::new(jwt_secret) })
    }

    pub(super) fn jwt_secret(&self) -> Option<String> {
        self.jwt_secret.lock().clone()
    }

    /// From now on this legacy secret signs; without one, the first one again.
    pub(crate) fn sign_with(&self, jwt_secret: Option<String>) {
        *self.jwt_secret.lock() = jwt_secret.or_else(|| self.first_jwt_secret.clone());
    }

    /// The public half, as the key set lists it.
    pub(crate) fn public_jwk(&self) -> Value {
        let point = self.signing.verifying_key().to_encoded_point(false);
        let encode = |coordinate: Option<&p256::FieldBytes>| coordinate.map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
        json!({
            "alg": "ES256", "crv": "P-256", "ext": true, "key_ops": ["verify"], "kid": self.kid, "kty": "EC",
            "use": "sig", "x": encode(point.x()), "y": encode(point.y()),
        })
    }
}

/// Makes a new key. It is written to another file first, so that a crash leaves no half-written key under the real
/// name.
fn create(path: &Path) -> Result<Stored, SandboxError> {
    let secret = SecretKey::random(&mut OsRng);
    let stored = Stored { kid: Uuid::new_v4().to_string(), d: URL_SAFE_NO_PAD.encode(secret.to_bytes()) };
    let partial = path.with_extension("partial");
    let mut file = private_file::create(&partial)?;
    file.write_all(json!(stored).to_string().as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&partial, path)?;
    Ok(stored)
}

fn corrupt(why: &impl std::fmt::Display) -> SandboxError {
    SandboxError::Corrupt { what: FILE.into(), why: why.to_string() }
}
