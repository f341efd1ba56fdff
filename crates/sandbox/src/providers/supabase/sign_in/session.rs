//! Sessions and their refresh tokens.
//!
//! A token is its session's id and a counter, signed with a key of the session, so that none of them has to be kept: only the
//! newest is exchanged for another. An earlier one is answered with the newest where its client can be honest (it never got the
//! answer, or asked twice at once); else it was stolen, and the session ends.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::shared::{clock::now_ms, random::Seeded};

/// How long after a refresh any earlier token is answered with the newest.
const REUSE_MS: u64 = 10_000;
const VERSION: u8 = 0;
const SIGNATURE_BYTES: usize = 16;
const CHECKSUM_BYTES: usize = 4;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in super::super) struct Session {
    pub(in super::super) id: Uuid,
    pub(in super::super) user_id: Uuid,
    /// How the user signed in, as their token says (`amr`).
    pub(super) method: String,
    pub(super) begun_at_ms: u64,
    refreshed_at_ms: u64,
    /// That of the newest refresh token.
    counter: u64,
    key: String,
}

/// What a refresh token has come to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// It was the newest, and another is now.
    Rotated,
    /// The newest is given again.
    Repeated,
    Stolen,
    /// No such token was given out yet.
    Unknown,
}

impl Session {
    pub(in super::super) fn begin(user_id: Uuid, method: &str) -> Self {
        let now = now_ms();
        Self {
            id: Uuid::new_v4(),
            user_id,
            method: method.to_owned(),
            begun_at_ms: now,
            refreshed_at_ms: now,
            counter: 0,
            key: Seeded::fresh().alphanumeric(43),
        }
    }

    /// The newest refresh token.
    pub(super) fn refresh_token(&self) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend(self.id.as_bytes());
        bytes.extend(varint(self.counter));
        bytes.extend(signature(&bytes, &self.key));
        bytes.extend(checksum(&bytes));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Uses a token with this counter.
    pub(super) fn refresh(&mut self, counter: u64, now_ms: u64) -> Use {
        let Some(behind) = self.counter.checked_sub(counter) else { return Use::Unknown };
        let is_recent = now_ms < self.refreshed_at_ms + REUSE_MS;
        let used = match behind {
            0 => Use::Rotated,
            // The client may never have got its successor.
            1 => Use::Repeated,
            _ if is_recent => Use::Repeated,
            _ => return Use::Stolen,
        };
        self.counter += u64::from(used == Use::Rotated);
        self.refreshed_at_ms = now_ms;
        used
    }
}

/// A refresh token as it was sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RefreshToken {
    pub(super) session: Uuid,
    pub(super) counter: u64,
    signed: Vec<u8>,
    signature: Vec<u8>,
}

impl RefreshToken {
    /// None for a text that no session's token can be.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (rest, sum) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM_BYTES)?)?;
        let (signed, signature) = rest.split_at_checked(rest.len().checked_sub(SIGNATURE_BYTES)?)?;
        let (version, fields) = signed.split_first()?;
        let (id, counter) = fields.split_at_checked(16)?;
        if *version != VERSION || checksum(rest) != sum {
            return None;
        }
        let session = Uuid::from_slice(id).ok()?;
        Some(Self { session, counter: read_varint(counter)?, signed: signed.to_vec(), signature: signature.to_vec() })
    }

    pub(super) fn is_of(&self, session: &Session) -> bool {
        session.id == self.session && signature(&self.signed, &session.key) == self.signature
    }
}

fn signature(bytes: &[u8], key: &str) -> Vec<u8> {
    // HMAC takes keys of any length; the constructor's error cannot happen.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else { return vec![] };
    mac.update(bytes);
    mac.finalize().into_bytes().into_iter().take(SIGNATURE_BYTES).collect()
}

fn checksum(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).into_iter().take(CHECKSUM_BYTES).collect()
}

/// Seven bits a byte, the lowest first; the eighth bit says that more follow.
fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = vec![];
    while number > 0x7f {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn read_varint(bytes: &[u8]) -> Option<u64> {
    let (last, rest) = bytes.split_last()?;
    let is_whole = *last < 0x80 && rest.iter().all(|byte| *byte >= 0x80) && bytes.len() <= 8;
    is_whole.then(|| bytes.iter().rev().fold(0, |number, byte| number << 7 | u64::from(byte & 0x7f)))
}

#[cfg(test)]
mod tests;
