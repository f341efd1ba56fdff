//! The secrets that sign Stripe's events.

use std::ops::RangeInclusive;

use crate::send::Secret;

const SETTING: &str = "STRIPE_WEBHOOK_SECRET";

/// Two while one is replaced: for a day Stripe signs with both.
const COUNT_MAX: usize = 2;

/// Stripe's have 38 characters; a short one could be guessed.
const CHARS: RangeInclusive<usize> = 32..=255;

/// One secret, or two while the first is being replaced. Without any, no event is accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebhookSecrets(Vec<Secret>);

impl WebhookSecrets {
    /// Reads `STRIPE_WEBHOOK_SECRET`: `whsec_…`, or two of them separated by a comma. A fault names the setting and never
    /// its value; then there is no secret.
    ///
    /// # Errors
    /// The fault.
    pub fn read(text: &str, local: bool) -> Result<Self, String> {
        if text.is_empty() {
            return Err(format!("{SETTING} is not set"));
        }
        let secrets: Vec<&str> = text.split(',').map(str::trim).collect();
        if secrets.len() > COUNT_MAX || !secrets.iter().all(|secret| is_sound(secret)) {
            return Err(format!(
                "{SETTING} takes a secret that begins with whsec_ and has 32 characters or more, or two separated by a comma"
            ));
        }
        if !local && secrets.iter().any(|secret| secret.starts_with("whsec_sandbox")) {
            return Err(format!("{SETTING} is a sandbox value"));
        }
        Ok(Self(secrets.into_iter().map(Secret::new).collect()))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Secret> {
        self.0.iter()
    }
}

fn is_sound(secret: &str) -> bool {
    secret.starts_with("whsec_") && CHARS.contains(&secret.len()) && secret.bytes().all(|byte| byte.is_ascii_graphic())
}
