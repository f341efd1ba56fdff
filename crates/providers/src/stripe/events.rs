//! Stripe's events behind [`StripeEvents`].

use jiff::Timestamp;
use oslira_app::features::billing::{EventEnvelope, EventReading, StripeEvents, WebhookRefusal};

use super::{envelope, reading, secrets::WebhookSecrets, signature};

/// Events of our API version that one of our secrets signed.
pub struct SignedEvents {
    secrets: WebhookSecrets,
    awaits_secrets: bool,
}

impl SignedEvents {
    #[must_use]
    pub const fn new(secrets: WebhookSecrets) -> Self {
        Self { secrets, awaits_secrets: false }
    }

    /// Whether the secrets could not be read yet, so that a signature of none of them may be Stripe's all the same.
    #[must_use]
    pub fn awaiting(self, awaits_secrets: bool) -> Self {
        Self { awaits_secrets, ..self }
    }
}

impl StripeEvents for SignedEvents {
    fn verify(&self, signature: Option<&str>, body: &[u8], now: Timestamp) -> Result<EventEnvelope, WebhookRefusal> {
        let is_signed = signature.is_some_and(|header| signature::is_valid(header, body, &self.secrets, now));
        if !is_signed {
            let may_be_ours = signature.is_some() && self.awaits_secrets;
            return Err(if may_be_ours { WebhookRefusal::SecretsUnavailable } else { WebhookRefusal::Signature });
        }
        envelope::read(body).ok_or(WebhookRefusal::Malformed)
    }

    fn read(&self, payload: &str) -> EventReading {
        reading::of(payload)
    }
}
