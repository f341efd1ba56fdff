//! Passwords: how strong they must be, and how they are kept.

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use tokio::task::spawn_blocking;

use super::super::errors::AuthError;
use crate::shared::random::Seeded;

const CHARACTERS_MIN: usize = 6;
/// What the hash of the real service takes.
const BYTES_MAX: usize = 72;
/// Some hundredths of a second: a tool's users are not real, and tests sign in often.
const ROUNDS: u32 = 50_000;

/// A password as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in super::super) struct Hashed {
    salt: String,
    hash: String,
}

impl Hashed {
    pub(super) async fn of(password: String) -> Result<Self, AuthError> {
        let salt = Seeded::fresh().alphanumeric(22);
        let hash = hash(password, salt.clone()).await?;
        Ok(Self { salt, hash })
    }

    pub(super) async fn is_of(&self, password: String) -> Result<bool, AuthError> {
        Ok(hash(password, self.salt.clone()).await? == self.hash)
    }
}

async fn hash(password: String, salt: String) -> Result<String, AuthError> {
    let hashed = spawn_blocking(move || {
        let mut hash = [0; 32];
        pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), salt.as_bytes(), ROUNDS, &mut hash);
        STANDARD_NO_PAD.encode(hash)
    });
    hashed.await.map_err(|_| AuthError::new(500, "unexpected_failure", "Unexpected failure"))
}

pub(super) fn check_strength(password: &str) -> Result<(), AuthError> {
    if password.len() > BYTES_MAX {
        return Err(AuthError::invalid(format!("Password cannot be longer than {BYTES_MAX} characters")));
    }
    if password.len() < CHARACTERS_MIN {
        let message = format!("Password should be at least {CHARACTERS_MIN} characters.");
        return Err(AuthError::weak(message, vec!["length"]));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_same_password_is_right_and_equal_ones_are_kept_differently() {
        let [first, second] =
            [Hashed::of("secret1".into()).await.unwrap(), Hashed::of("secret1".into()).await.unwrap()];
        assert!(first.is_of("secret1".into()).await.unwrap() && !first.is_of("secret2".into()).await.unwrap());
        assert_ne!(first.hash, second.hash);
    }

    #[test]
    fn short_passwords_are_weak_and_long_ones_refused() {
        assert_eq!(check_strength("12345").unwrap_err().code, "weak_password");
        assert!(check_strength("123456").is_ok());
        assert_eq!(check_strength(&"x".repeat(73)).unwrap_err().code, "validation_failed");
    }
}
