//! Stripe's lists.

use jiff::Timestamp;
use oslira_app::features::billing::{EventPage, PaidLine, StripeError, SubscriptionPage};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    call::{Api, checked_id},
    envelope, invoice,
    part::{Part, Unread},
    reading, subscription,
};

/// Stripe's largest page.
const PAGE: &str = "100";

/// Events are large: they hold their object, and what was different before.
const EVENTS_PAGE: &str = "50";

/// Of our invoices, whose lines are one plan and its changes within a period, not one has a second page.
const LINES_PAGES_MAX: usize = 10;

/// All lines for time of a subscription.
pub(super) async fn invoice_lines(api: &Api, invoice: &str) -> Result<Vec<PaidLine>, StripeError> {
    let path = format!("/v1/invoices/{}/lines", checked_id(invoice)?);
    let mut lines = Vec::new();
    let mut subscription_id = None;
    let mut after = None;
    for _ in 0..LINES_PAGES_MAX {
        let answer = api.page(&path, &query(PAGE, after.as_deref())).await?;
        let page = Part::of(&answer);
        let next = add_lines(&page, &mut subscription_id, &mut lines)?;
        let Some(next) = next else { return Ok(lines) };
        after = Some(next);
    }
    Err(StripeError::Refused(format!("the invoice has more than {LINES_PAGES_MAX} pages of lines")))
}

/// Adds the lines of a page; returns its last id if there are more pages.
fn add_lines(
    page: &Part<'_>,
    subscription_id: &mut Option<String>,
    lines: &mut Vec<PaidLine>,
) -> Result<Option<String>, Unread> {
    let entries = page.list("data")?;
    for entry in &entries {
        let Some(read) = invoice::read_line(entry)? else { continue };
        if let Some(id) = read.subscription_id
            && subscription_id.get_or_insert_with(|| id.to_owned()) != id
        {
            return Err(Unread("the lines are of several subscriptions".to_owned()));
        }
        lines.push(read.line);
    }
    next(page, &entries)
}

/// A page of events of the types that are read, each with its text as Stripe wrote it, which is how it would have been delivered.
pub(super) async fn events(api: &Api, since: Timestamp, after: Option<&str>) -> Result<EventPage, StripeError> {
    #[derive(Deserialize)]
    struct Page<'a> {
        #[serde(borrow)]
        data: Vec<&'a RawValue>,
        has_more: bool,
    }
    let since = since.as_second().to_string();
    let mut query = query(EVENTS_PAGE, after.map(checked_id).transpose()?);
    query.push(("created[gte]", &since));
    query.extend(reading::event_types().map(|kind| ("types[]", kind)));
    let body = api.page_text("/v1/events", &query).await?;
    let unread = || StripeError::from(Unread("it is not a list of events".to_owned()));
    let page: Page<'_> = serde_json::from_slice(&body).map_err(|_| unread())?;
    let event = |raw: &&RawValue| Some((envelope::read(raw.get().as_bytes())?, raw.get().to_owned()));
    let events: Option<Vec<_>> = page.data.iter().map(event).collect();
    Ok(EventPage { events: events.ok_or_else(unread)?, has_more: page.has_more })
}

/// A page of all subscriptions.
pub(super) async fn subscriptions(
    api: &Api,
    after: Option<&str>,
    now: Timestamp,
) -> Result<SubscriptionPage, StripeError> {
    let mut query = query(PAGE, after.map(checked_id).transpose()?);
    query.push(("status", "all"));
    let answer = api.page("/v1/subscriptions", &query).await?;
    let read = |page: &Part<'_>| -> Result<SubscriptionPage, Unread> {
        let entries = page.list("data")?;
        // One that cannot be read must not keep the others from being compared.
        let states = entries.iter().filter_map(|entry| match subscription::state(entry, now) {
            Ok(state) => state,
            Err(Unread(why)) => {
                tracing::error!(why, "a subscription of Stripe's cannot be read");
                None
            }
        });
        Ok(SubscriptionPage { subscriptions: states.collect(), next: next(page, &entries)? })
    };
    Ok(read(&Part::of(&answer))?)
}

fn query<'a>(limit: &'a str, after: Option<&'a str>) -> Vec<(&'a str, &'a str)> {
    let mut query = vec![("limit", limit)];
    query.extend(after.map(|id| ("starting_after", id)));
    query
}

/// The id after which the next page begins, if there is one.
fn next(page: &Part<'_>, entries: &[Part<'_>]) -> Result<Option<String>, Unread> {
    match (page.flag("has_more")?, entries.last()) {
        (false, _) => Ok(None),
        (true, Some(last)) => Ok(Some(last.text("id")?.to_owned())),
        // A page that is empty and goes on would be asked for without end.
        (true, None) => Err(page.unread("data")),
    }
}
