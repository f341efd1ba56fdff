//! A delivery of Stripe's: checked, then made durable in the first of three places that takes it, before it is acknowledged.

use super::{EventEnvelope, WebhookPorts, WebhookRefusal};
use crate::shared::telemetry::{Event, WebhookReceived, tell};

/// Why a delivery is not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReceiveError {
    /// It is none of Stripe's, as far as can be told.
    #[error(transparent)]
    Refused(#[from] WebhookRefusal),
    /// Queue, table and bucket all refused it. Stripe delivers it again.
    #[error("the event could be put nowhere")]
    NowhereToPut,
}

/// Checks a delivery and makes it durable: in the queue, else in the table, else in the bucket. Its effect comes later.
///
/// # Errors
/// [`ReceiveError`].
pub async fn receive_delivery(
    ports: &WebhookPorts,
    signature: Option<&str>,
    body: &[u8],
) -> Result<EventEnvelope, ReceiveError> {
    let began = ports.clock.now();
    let received = check_and_keep(ports, signature, body).await;
    let (event_id, event_type, outcome) = match &received {
        Ok(event) => (event.id.as_str(), event.kind.as_str(), "accepted"),
        Err(ReceiveError::Refused(WebhookRefusal::Signature)) => ("", "", "invalid_signature"),
        Err(ReceiveError::Refused(WebhookRefusal::SecretsUnavailable)) => ("", "", "secrets_unavailable"),
        Err(ReceiveError::Refused(WebhookRefusal::Malformed)) => ("", "", "malformed_event"),
        Err(ReceiveError::NowhereToPut) => ("", "", "event_not_stored"),
    };
    let duration_ms = ports.clock.now().duration_since(began).as_millis() as i64;
    let event = WebhookReceived { provider: "stripe", event_id, event_type, outcome, duration_ms };
    tell(ports.telemetry.as_ref(), &Event::Webhook(event));
    received
}

async fn check_and_keep(
    ports: &WebhookPorts,
    signature: Option<&str>,
    body: &[u8],
) -> Result<EventEnvelope, ReceiveError> {
    let now = ports.clock.now();
    let envelope = EventEnvelope { taken_at: Some(now), ..ports.events.verify(signature, body, now)? };
    // What was verified is JSON, so it is text.
    let payload = std::str::from_utf8(body).map_err(|_| WebhookRefusal::Malformed)?;
    let Err(cause) = ports.inbox.enqueue(&envelope, payload).await else {
        return Ok(envelope);
    };
    tracing::error!(event_id = envelope.id, cause, "webhook event not queued; it goes to the table");
    let Err(cause) = ports.store.receive(&envelope, payload, false).await else {
        return Ok(envelope);
    };
    tracing::error!(event_id = envelope.id, %cause, "webhook event not in the table either; it goes to the bucket");
    match ports.inbox.store(&envelope, payload).await {
        Ok(()) => Ok(envelope),
        Err(cause) => {
            tracing::error!(event_id = envelope.id, cause, "webhook event could be put nowhere");
            Err(ReceiveError::NowhereToPut)
        }
    }
}

#[cfg(test)]
mod tests;
