//! Packs: paid through a checkout, or by a charge without their customer.

use jiff::Timestamp;
use oslira_app::features::billing::{EventReading, PurchasePaid};

use super::{
    part::{Part, Unread},
    reading::nothing,
};

/// Metadata of a payment: the purchase that it pays for.
pub(super) const PURCHASE_ID: &str = "purchase_id";

/// Metadata of a payment: how it came about.
pub(super) const ORIGIN: &str = "origin";

/// The origin of a charge without the customer. Other payments are told by their checkout or invoice.
pub(super) const AUTO_TOP_UP: &str = "auto_top_up";

/// A checkout went through; whether it is paid is another question.
pub(super) fn checked_out(session: &Part<'_>, _created: Timestamp) -> Result<EventReading, Unread> {
    if session.text("mode")? != "payment" {
        return Ok(nothing("events of the subscription and its invoices tell of it"));
    }
    match session.text("payment_status")? {
        "paid" | "no_payment_required" => {}
        "unpaid" => return Ok(nothing("waits for the payment")),
        _ => return Err(session.unread("payment_status")),
    }
    session.check_currency()?;
    Ok(EventReading::PurchasePaid(PurchasePaid {
        purchase_id: session.metadata_uuid(PURCHASE_ID),
        payment_intent_id: session.nullable_text("payment_intent")?.map(str::to_owned),
        amount_cents: session.number("amount_total")?,
    }))
}

/// A checkout expired, or its payment, which takes days, failed.
pub(super) fn abandoned(session: &Part<'_>, _created: Timestamp) -> Result<EventReading, Unread> {
    let is_of_payment = session.text("mode")? == "payment";
    let purchase_id = session.metadata_uuid(PURCHASE_ID).filter(|_| is_of_payment);
    Ok(purchase_id.map_or_else(|| nothing("the checkout is of no purchase"), EventReading::PurchaseFailed))
}

pub(super) fn charged(intent: &Part<'_>, _created: Timestamp) -> Result<EventReading, Unread> {
    let Some(purchase_id) = is_top_up(intent).then(|| intent.metadata_uuid(PURCHASE_ID)).flatten() else {
        return Ok(nothing("its checkout or invoice tells of it"));
    };
    intent.check_currency()?;
    Ok(EventReading::PurchasePaid(PurchasePaid {
        purchase_id: Some(purchase_id),
        payment_intent_id: Some(intent.text("id")?.to_owned()),
        amount_cents: intent.number("amount_received")?,
    }))
}

pub(super) fn not_charged(intent: &Part<'_>, _created: Timestamp) -> Result<EventReading, Unread> {
    let purchase_id = intent.metadata_uuid(PURCHASE_ID).filter(|_| is_top_up(intent));
    // At a checkout the customer may try another card.
    Ok(purchase_id.map_or_else(|| nothing("its checkout or invoice tells of it"), EventReading::PurchaseFailed))
}

fn is_top_up(intent: &Part<'_>) -> bool {
    intent.metadata(ORIGIN) == Some(AUTO_TOP_UP)
}
