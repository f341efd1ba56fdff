//! A subscription as Stripe describes it, in events and answers.

use jiff::Timestamp;
use oslira_app::{
    features::billing::{EventReading, StripePrice, SubscriptionState},
    shared::ids::AccountId,
};

use super::{
    CURRENCY,
    part::{Part, Unread},
    reading::nothing,
};

/// Of an event: it is like this since then.
pub(super) fn changed(object: &Part<'_>, created: Timestamp) -> Result<EventReading, Unread> {
    reading(state(object, created)?)
}

/// Of the event that tells of its end, which is when the event was created if nothing else is said.
pub(super) fn ended(object: &Part<'_>, created: Timestamp) -> Result<EventReading, Unread> {
    let ended = |state: SubscriptionState| SubscriptionState { ended_at: state.ended_at.or(Some(created)), ..state };
    reading(state(object, created)?.map(ended))
}

fn reading(state: Option<SubscriptionState>) -> Result<EventReading, Unread> {
    Ok(state.map_or_else(
        || nothing("the subscription has no item or several, and ours have one"),
        |state| EventReading::Subscription(Box::new(state)),
    ))
}

/// The subscription; `None` if it has no item or several, because ours have one.
pub(super) fn state(object: &Part<'_>, observed_at: Timestamp) -> Result<Option<SubscriptionState>, Unread> {
    let items = object.part("items")?;
    let entries = items.list("data")?;
    let ([item], false) = (entries.as_slice(), items.flag("has_more")?) else { return Ok(None) };
    let (period_starts_at, period_ends_at) = period(item, "current_period_start", "current_period_end")?;
    let cancel_at = object.nullable_time("cancel_at")?;
    let ends_with_period = object.flag("cancel_at_period_end")?.then_some(period_ends_at);
    Ok(Some(SubscriptionState {
        id: object.text("id")?.to_owned(),
        customer_id: object.text("customer")?.to_owned(),
        account_id: object.metadata_uuid("account_id").map(AccountId::new),
        price: price(&item.part("price")?)?,
        status: object.text("status")?.to_owned(),
        anchor_at: object.time("billing_cycle_anchor")?,
        period_starts_at,
        period_ends_at,
        cancel_at: cancel_at.or(ends_with_period),
        ended_at: object.nullable_time("ended_at")?,
        observed_at,
    }))
}

/// A price. An amount in another currency is none, because ours are all in one.
pub(super) fn price(object: &Part<'_>) -> Result<StripePrice, Unread> {
    let amount = object.nullable_number("unit_amount")?;
    let is_ours = object.text("currency")? == CURRENCY;
    Ok(StripePrice {
        id: object.text("id")?.to_owned(),
        lookup_key: object.nullable_text("lookup_key")?.map(str::to_owned),
        unit_amount: amount.filter(|_| is_ours),
    })
}

/// A time span that does not end before it begins.
pub(super) fn period(object: &Part<'_>, start: &str, end: &str) -> Result<(Timestamp, Timestamp), Unread> {
    let (starts_at, ends_at) = (object.time(start)?, object.time(end)?);
    match starts_at <= ends_at {
        true => Ok((starts_at, ends_at)),
        false => Err(object.unread(end)),
    }
}
