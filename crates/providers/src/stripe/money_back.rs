//! Refunds and disputes.

use jiff::Timestamp;
use oslira_app::features::billing::{Dispute, Disputed, EventReading, Refunded};

use super::{
    part::{Part, Unread},
    purchase::PURCHASE_ID,
};

/// A charge was refunded, in whole or in part. Its amount is of all refunds so far.
pub(super) fn refunded(charge: &Part<'_>, _created: Timestamp) -> Result<EventReading, Unread> {
    Ok(EventReading::Refunded(Refunded {
        payment_intent_id: charge.nullable_text("payment_intent")?.map(str::to_owned),
        purchase_id: charge.metadata_uuid(PURCHASE_ID),
        refunded_cents: charge.number("amount_refunded")?,
    }))
}

pub(super) fn disputed(dispute: &Part<'_>, _created: Timestamp) -> Result<EventReading, Unread> {
    let status = match dispute.text("status")? {
        // An appeal follows a lost dispute and may still win it.
        "needs_response" | "under_review" | "appeal_needs_response" | "appeal_under_review" => Some(Dispute::Open),
        // One that was prevented never took the money.
        "won" | "prevented" => Some(Dispute::Won),
        "lost" => Some(Dispute::Lost),
        inquiry if inquiry.starts_with("warning_") => None,
        _ => return Err(dispute.unread("status")),
    };
    Ok(EventReading::Disputed(Disputed {
        dispute_id: dispute.text("id")?.to_owned(),
        payment_intent_id: dispute.nullable_text("payment_intent")?.map(str::to_owned),
        amount_cents: dispute.number("amount")?,
        status,
    }))
}
