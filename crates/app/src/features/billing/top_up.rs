//! An automatic purchase: charged once, however often this runs.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::{ApplyError, BillingJobPorts, ChargeOutcome, Effect, StripeError, TopUpQueue};

/// Stripe remembers an idempotency key for at least 24 hours; after that, the same request could charge a second time.
const KEY_LIFE: SignedDuration = SignedDuration::from_hours(23);

/// Asks for what a charge has set out to buy. If that fails, the hourly job finds it.
pub async fn ask_for_top_up(queue: &dyn TopUpQueue, purchase: Option<Uuid>) {
    let Some(purchase) = purchase else { return };
    if let Err(cause) = queue.enqueue(purchase).await {
        tracing::error!(%purchase, cause, "automatic purchase not queued; the hourly job makes it");
    }
}

/// Charges the customer's card and grants what was bought. A refusal of the bank turns the buying off.
///
/// # Errors
/// [`ApplyError`]: the purchase stays open, and the same is tried again.
pub async fn buy_top_up(ports: &BillingJobPorts, purchase: Uuid, now: Timestamp) -> Result<(), ApplyError> {
    let Some(top_up) = ports.store.attempt_top_up(purchase).await? else {
        return Ok(());
    };
    let failed = Effect::FailedPurchase { purchase_id: purchase };
    if now.duration_since(top_up.attempted_at) > KEY_LIFE {
        // If it was charged after all, Stripe's event grants it.
        tracing::error!(%purchase, "automatic purchase given up: nobody knows whether it was charged");
        ports.store.settle_top_up(&failed).await?;
        return Ok(());
    }
    let effect = match ports.stripe.charge(&top_up).await {
        Ok(ChargeOutcome::Paid { payment_intent_id, amount_cents }) => Effect::PaidPurchase {
            purchase_id: Some(purchase),
            payment_intent_id: Some(payment_intent_id),
            amount_cents,
        },
        Ok(ChargeOutcome::Pending) => return Ok(()),
        Err(StripeError::Declined(word)) => {
            tracing::warn!(%purchase, word, "automatic purchase declined");
            failed
        }
        Err(error) => return Err(error.into()),
    };
    ports.store.settle_top_up(&effect).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
