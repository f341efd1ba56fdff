//! The invoices of subscriptions.

use jiff::Timestamp;
use oslira_app::features::billing::{EventReading, Invoice, PaidLine};

use super::{
    part::{Part, Unread},
    reading::nothing,
    subscription::period,
};

pub(super) fn paid(object: &Part<'_>, _created: Timestamp) -> Result<EventReading, Unread> {
    reading(object, "amount_paid", EventReading::InvoicePaid)
}

pub(super) fn failed(object: &Part<'_>, _created: Timestamp) -> Result<EventReading, Unread> {
    reading(object, "amount_remaining", EventReading::InvoiceFailed)
}

/// `amount` names the field that counts, `told` what the event tells of an invoice.
fn reading(object: &Part<'_>, amount: &str, told: fn(Invoice) -> EventReading) -> Result<EventReading, Unread> {
    let Some(subscription_id) = subscription(object)? else {
        return Ok(nothing("the invoice is of no subscription"));
    };
    // Somebody wrote it in the dashboard; what it is for, only they know.
    if object.nullable_text("billing_reason")? == Some("manual") {
        return Ok(nothing("the invoice was made by hand"));
    }
    object.check_currency()?;
    let lines = object.part("lines")?;
    Ok(told(Invoice {
        id: object.text("id")?.to_owned(),
        subscription_id: subscription_id.to_owned(),
        amount_cents: object.number(amount)?,
        payment_intent_id: None,
        lines: lines_of(&lines, subscription_id)?,
        has_more_lines: lines.flag("has_more")?,
    }))
}

fn subscription<'a>(object: &Part<'a>) -> Result<Option<&'a str>, Unread> {
    let Some(parent) = object.nullable_part("parent")? else { return Ok(None) };
    match parent.text("type")? {
        "subscription_details" => parent.part("subscription_details")?.text("subscription").map(Some),
        _ => Ok(None),
    }
}

fn lines_of(page: &Part<'_>, subscription_id: &str) -> Result<Vec<PaidLine>, Unread> {
    let mut lines = Vec::new();
    for line in page.list("data")? {
        let Some(read) = read_line(&line)? else { continue };
        // Two subscriptions on one invoice are a thing of Stripe's past: what the payment is for would be a guess.
        if read.subscription_id.is_some_and(|id| id != subscription_id) {
            return Err(Unread("a line is of another subscription than the invoice".to_owned()));
        }
        lines.push(read.line);
    }
    Ok(lines)
}

/// A line for time of a subscription.
pub(super) struct SubscriptionLine<'a> {
    pub(super) subscription_id: Option<&'a str>,
    pub(super) line: PaidLine,
}

/// Reads a line of an invoice; `None` if it is for something else than time of a subscription.
pub(super) fn read_line<'a>(line: &Part<'a>) -> Result<Option<SubscriptionLine<'a>>, Unread> {
    let Some(parent) = line.nullable_part("parent")? else { return Ok(None) };
    let subscription_id = match parent.text("type")? {
        "subscription_item_details" => parent.part("subscription_item_details")?.nullable_text("subscription")?,
        // Where a subscription still has Stripe's classic billing mode, a change of plan within a period is told this way.
        "invoice_item_details" => {
            let item = parent.part("invoice_item_details")?;
            match item.nullable_text("subscription")? {
                Some(id) if item.flag("proration")? => Some(id),
                _ => return Ok(None),
            }
        }
        _ => return Ok(None),
    };
    line.check_currency()?;
    let (starts_at, ends_at) = period(&line.part("period")?, "start", "end")?;
    let line = PaidLine {
        price_id: line.part("pricing")?.part("price_details")?.text("price")?.to_owned(),
        amount_cents: line.number("amount")?,
        starts_at,
        ends_at,
    };
    Ok(Some(SubscriptionLine { subscription_id, line }))
}
