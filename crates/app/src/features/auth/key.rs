//! API keys as their holders send them. What is stored is a hash, so the database gives nobody a usable key.

use std::fmt;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::Membership;
use crate::shared::ids::UserId;

/// By which a secret of ours is known wherever it turns up, and told apart from a token.
const MARK: &str = "oslira_";
const RANDOM_CHARS: usize = 48;
const CHECK_CHARS: usize = 8;
/// How much of a key may be shown, so that people can tell theirs apart.
const SHOWN_CHARS: usize = 15;

/// A key's secret: `oslira_`, 48 hexadecimal digits (192 bits) that nobody can guess, and 8 that check them, so that a
/// key with a typing mistake is told from a real one without asking anybody.
#[derive(Clone, PartialEq, Eq)]
pub struct KeySecret(String);

/// Keeps keys out of logs.
impl fmt::Debug for KeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeySecret")
    }
}

impl KeySecret {
    /// A new one from 64 hexadecimal digits that nobody can guess.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        let random: String = secret.chars().take(RANDOM_CHARS).collect();
        Self(format!("{MARK}{random}{}", check(&random)))
    }

    /// Whether a credential is meant to be a key.
    #[must_use]
    pub fn is_meant(credential: &str) -> bool {
        credential.starts_with(MARK)
    }

    /// Reads what a caller sent; `None` if it cannot be a key.
    #[must_use]
    pub fn parse(credential: &str) -> Option<Self> {
        let rest = credential.strip_prefix(MARK)?;
        let (random, given) = rest.split_at_checked(RANDOM_CHARS)?;
        let is_hex = random.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        (is_hex && given == check(random)).then(|| Self(credential.to_owned()))
    }

    /// As its holder sends it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Its beginning, which tells nothing.
    #[must_use]
    pub fn shown(&self) -> String {
        self.0.chars().take(SHOWN_CHARS).collect()
    }

    #[must_use]
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(&self.0)
    }
}

fn check(random: &str) -> String {
    SecretHash::of(random).0.chars().take(CHECK_CHARS).collect()
}

/// The SHA-256 of a secret, in hexadecimal digits: what is stored of it. A secret of 192 random bits needs no slower hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretHash(String);

impl SecretHash {
    #[must_use]
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret).iter().map(|byte| format!("{byte:02x}")).collect())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A key that may act, and for which account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct KeyAccess {
    /// What the database takes for the user.
    pub key_id: UserId,
    pub membership: Membership,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_made_and_nothing_else_is() {
        let key = KeySecret::new(&"0123456789abcdef".repeat(4));
        assert_eq!(KeySecret::parse(key.text()), Some(key.clone()));
        assert_eq!(key.text().len(), MARK.len() + RANDOM_CHARS + CHECK_CHARS);
        assert!(key.text().starts_with(&key.shown()));
        let other = key.text().replace("0123", "0124");
        let short = &key.text()[..key.text().len() - 1];
        for wrong in [&other, short, "oslira_", "", "oslira_é", &key.text().to_uppercase(), &format!("{}0", key.text())]
        {
            assert_eq!(KeySecret::parse(wrong), None, "{wrong}");
        }
        assert_eq!(format!("{key:?}"), "KeySecret");
    }
}
