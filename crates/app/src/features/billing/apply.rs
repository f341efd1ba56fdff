//! An event becomes an effect: what it says, completed by what Stripe says now, is applied once.

use super::{
    Applied, BillingJobPorts, Disputed, Effect, EventEnvelope, EventReading, Invoice, PaidFor, PaidLine, Refunded,
    StripeError, StripePrice, SubscriptionState, cards::note_cards_of_event,
};
use crate::shared::store::StoreError;

/// Waiting events that are tried again after one that was applied: most of them wait for exactly that.
const WAITING_TRIED: u32 = 20;

/// Why an event was not applied. It stays in the table, and is tried again.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ApplyError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Stripe(#[from] StripeError),
    /// No version of this Worker reads its shapes; it is kept.
    #[error("the event cannot be read: {0}")]
    Unreadable(String),
}

impl ApplyError {
    /// Whether another event may fare better. A database that refuses one event answers others.
    pub(super) const fn is_of_one_event(&self) -> bool {
        !matches!(self, Self::Store(StoreError::Unavailable(_)))
    }
}

/// Writes down that the event was received, applies it, and then whatever waited for it.
///
/// # Errors
/// [`ApplyError`]; unless the database is what failed, the event is in the table.
pub async fn apply_event(ports: &BillingJobPorts, event: &EventEnvelope, payload: &str) -> Result<Applied, ApplyError> {
    if !ports.store.receive(event, payload, true).await? {
        return Ok(Applied::Already);
    }
    let applied = apply_stored(ports, &event.id, payload).await?;
    if matches!(applied, Applied::Applied { .. }) {
        apply_claimed(ports, WAITING_TRIED).await?;
    }
    Ok(applied)
}

/// Applies events whose turn it is: an operator has put one back, which goes first.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn apply_due(ports: &BillingJobPorts) -> Result<(), StoreError> {
    apply_claimed(ports, WAITING_TRIED).await.map(drop)
}

/// Applies up to `limit` events whose turn it is; returns how many there were, and how many of them are done with.
///
/// # Errors
/// [`StoreError`] when the database does not answer; an event that fails for another reason is put off.
pub async fn apply_claimed(ports: &BillingJobPorts, limit: u32) -> Result<(u32, u32), StoreError> {
    let (mut tried, mut done) = (0, 0);
    for event in ports.store.claim(limit).await? {
        tried += 1;
        match apply_stored(ports, &event.id, &event.payload).await {
            Ok(Applied::Waiting { .. }) => {}
            Ok(_) => done += 1,
            // Silent for one, silent for all.
            Err(ApplyError::Store(error @ StoreError::Unavailable(_))) => return Err(error),
            Err(_) => {}
        }
    }
    Ok((tried, done))
}

/// Applies an event of the table. One that cannot be applied is put off there.
async fn apply_stored(ports: &BillingJobPorts, id: &str, payload: &str) -> Result<Applied, ApplyError> {
    let mut is_payment = false;
    let tried = match effect_of(ports, ports.events.read(payload)).await {
        Ok(effect) => {
            is_payment = matches!(effect, Effect::PaidInvoice { .. } | Effect::PaidPurchase { .. });
            ports.store.apply(id, &effect).await.map_err(ApplyError::from)
        }
        Err(error) => Err(error),
    };
    let applied = match tried {
        Ok(applied) => applied,
        // Not put off, it would be the first of every claim, and the others would never have their turn.
        Err(error) if error.is_of_one_event() => {
            let is_unreadable = matches!(error, ApplyError::Unreadable(_));
            tracing::error!(event_id = id, is_unreadable, %error, "webhook event put off");
            ports.store.put_off(id, is_unreadable, &error.to_string()).await?;
            return Err(error);
        }
        Err(error) => return Err(error),
    };
    match &applied {
        Applied::Waiting { note } => tracing::warn!(event_id = id, note, "webhook event waits"),
        Applied::Applied { note } | Applied::Ignored { note } => {
            tracing::info!(
                event_id = id,
                is_applied = matches!(applied, Applied::Applied { .. }),
                note,
                "webhook event done"
            );
        }
        Applied::Already => {}
    }
    if is_payment && matches!(applied, Applied::Applied { .. }) {
        note_cards_of_event(ports, id).await;
    }
    Ok(applied)
}

async fn effect_of(ports: &BillingJobPorts, reading: EventReading) -> Result<Effect, ApplyError> {
    Ok(match reading {
        EventReading::Subscription(told) => Effect::Subscription { subscription: newest(ports, *told).await? },
        EventReading::InvoicePaid(invoice) => paid_invoice(ports, invoice).await?,
        EventReading::InvoiceFailed(invoice) => Effect::FailedInvoice {
            subscription: ports.stripe.subscription(&invoice.subscription_id).await?,
            invoice_id: invoice.id,
            amount_cents: invoice.amount_cents,
        },
        EventReading::PurchasePaid(paid) => Effect::PaidPurchase {
            purchase_id: paid.purchase_id,
            payment_intent_id: paid.payment_intent_id,
            amount_cents: paid.amount_cents,
        },
        EventReading::PurchaseFailed(purchase_id) => Effect::FailedPurchase { purchase_id },
        EventReading::Refunded(Refunded { payment_intent_id, purchase_id, refunded_cents }) => {
            let paid_for = paid_for(ports, payment_intent_id.as_deref(), purchase_id).await?;
            Effect::Refund {
                payment_intent_id,
                invoice_id: paid_for.invoice_id,
                purchase_id: paid_for.purchase_id,
                refunded_cents,
            }
        }
        EventReading::Disputed(Disputed { status: None, .. }) => {
            Effect::Nothing { note: "an inquiry, which moves no money".to_owned() }
        }
        EventReading::Disputed(Disputed { dispute_id, payment_intent_id, amount_cents, status: Some(status) }) => {
            let paid_for = paid_for(ports, payment_intent_id.as_deref(), None).await?;
            Effect::Dispute {
                dispute_id,
                payment_intent_id,
                invoice_id: paid_for.invoice_id,
                purchase_id: paid_for.purchase_id,
                amount_cents,
                status,
            }
        }
        EventReading::Nothing(note) => Effect::Nothing { note },
        EventReading::Unreadable(note) => return Err(ApplyError::Unreadable(note)),
    })
}

/// The subscription as Stripe describes it now: events tie and come in any order. The end is final, and what Stripe does not
/// know any more is taken from the event.
async fn newest(ports: &BillingJobPorts, told: SubscriptionState) -> Result<SubscriptionState, StripeError> {
    if told.ended_at.is_some() {
        return Ok(told);
    }
    match ports.stripe.subscription(&told.id).await {
        Err(StripeError::NotFound) => Ok(told),
        asked => asked,
    }
}

async fn paid_invoice(ports: &BillingJobPorts, invoice: Invoice) -> Result<Effect, ApplyError> {
    let subscription = ports.stripe.subscription(&invoice.subscription_id).await?;
    let lines = if invoice.has_more_lines { ports.stripe.invoice_lines(&invoice.id).await? } else { invoice.lines };
    let prices = new_prices(ports, &lines).await?;
    Ok(Effect::PaidInvoice {
        subscription,
        invoice_id: invoice.id,
        payment_intent_id: invoice.payment_intent_id,
        amount_cents: invoice.amount_cents,
        lines,
        prices,
    })
}

/// What Stripe says about the lines' prices that nobody has asked about.
async fn new_prices(ports: &BillingJobPorts, lines: &[PaidLine]) -> Result<Vec<StripePrice>, ApplyError> {
    let ids: Vec<String> = lines.iter().map(|line| line.price_id.clone()).collect();
    let mut prices = Vec::new();
    for id in ports.store.unknown_prices(&ids).await? {
        match ports.stripe.price(&id).await {
            Ok(price) => prices.push(price),
            // A price that does not exist buys nothing.
            Err(StripeError::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(prices)
}

/// What was paid: by our own metadata, else asked of Stripe.
async fn paid_for(
    ports: &BillingJobPorts,
    payment_intent: Option<&str>,
    purchase: Option<uuid::Uuid>,
) -> Result<PaidFor, StripeError> {
    if purchase.is_some() {
        return Ok(PaidFor { invoice_id: None, purchase_id: purchase });
    }
    let Some(payment_intent) = payment_intent else {
        return Ok(PaidFor::default());
    };
    match ports.stripe.paid_for(payment_intent).await {
        Err(StripeError::NotFound) => Ok(PaidFor::default()),
        asked => asked,
    }
}

#[cfg(test)]
mod tests;
