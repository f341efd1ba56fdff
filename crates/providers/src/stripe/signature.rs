//! Whether Stripe sent a webhook's body: the header `Stripe-Signature`, such as `t=1793000010,v1=<hex>,v1=<hex>,v0=<hex>`.
//! A `v1` is the HMAC-SHA256 of `{t}.{body}` under the whole secret. There are several while a secret is replaced; other
//! schemes prove nothing.

use hmac::{Hmac, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;

use super::secrets::WebhookSecrets;
use crate::send::Secret;

/// How far the header's time may be from ours, in seconds: as long as Stripe's own libraries accept an old one. Whoever
/// records a delivery can repeat it for that long.
const TOLERANCE_S: u64 = 300;

/// A signature takes 68 bytes, so there is room for far more than Stripe sends.
const HEADER_BYTES_MAX: usize = 2048;

/// A time of 12 digits is in the year 33658.
const TIME_DIGITS_MAX: usize = 12;

const SIGNATURE_BYTES: usize = 32;

/// Whether one of the secrets signed the body, at about this time.
pub(super) fn is_valid(header: &str, body: &[u8], secrets: &WebhookSecrets, now: Timestamp) -> bool {
    let Some(claim) = Claim::read(header) else { return false };
    let is_recent = claim.seconds.abs_diff(now.as_second()) <= TOLERANCE_S;
    is_recent && secrets.iter().any(|secret| claim.is_signed_with(secret, body))
}

/// What a header claims.
struct Claim<'a> {
    /// As it was sent: it is signed as text.
    time: &'a str,
    seconds: i64,
    signatures: Vec<[u8; SIGNATURE_BYTES]>,
}

impl<'a> Claim<'a> {
    fn read(header: &'a str) -> Option<Self> {
        if header.len() > HEADER_BYTES_MAX {
            return None;
        }
        let fields = || header.split(',').filter_map(|field| field.split_once('='));
        let mut times = fields().filter(|(scheme, _)| *scheme == "t").map(|(_, time)| time);
        let (time, None) = (times.next()?, times.next()) else { return None };
        let is_time = (1..=TIME_DIGITS_MAX).contains(&time.len()) && time.bytes().all(|byte| byte.is_ascii_digit());
        let seconds = time.parse().ok().filter(|_| is_time)?;
        // One that is malformed does not spoil the others.
        let signatures = fields().filter(|(scheme, _)| *scheme == "v1").filter_map(|(_, hex)| decode(hex)).collect();
        Some(Self { time, seconds, signatures })
    }

    fn is_signed_with(&self, secret: &Secret, body: &[u8]) -> bool {
        // HMAC takes keys of every length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else { return false };
        mac.update(self.time.as_bytes());
        mac.update(b".");
        mac.update(body);
        self.signatures.iter().any(|signature| mac.clone().verify_slice(signature).is_ok())
    }
}

fn decode(hex: &str) -> Option<[u8; SIGNATURE_BYTES]> {
    let mut bytes = [0; SIGNATURE_BYTES];
    if hex.len() != 2 * SIGNATURE_BYTES {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        *byte = pair.iter().try_fold(0, |value, digit| {
            let digit = char::from(*digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())?;
            Some(value << 4 | digit)
        })?;
    }
    Some(bytes)
}
