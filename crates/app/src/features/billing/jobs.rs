//! What the clock does for billing: months that are due, grants whose time is over, events that were not applied or never
//! came, automatic purchases that nobody charged for.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use super::{
    Applied, ApplyError, BillingJobPorts, StripeError,
    apply::{apply_claimed, apply_event},
    cards::note_cards,
    top_up::buy_top_up,
};
use crate::shared::store::StoreError;

/// Rows that one question takes.
pub(super) const PAGE: u32 = 100;
/// Questions of one job, so that it ends within the time that the platform gives; the next job goes on.
const PAGES_MAX: u32 = 50;
/// How far back the nightly comparison looks: Stripe itself gives up after three days.
const RECONCILED: SignedDuration = SignedDuration::from_hours(4 * 24);

/// What the renewal did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Renewed {
    /// Subscriptions that were looked at.
    pub subscriptions: u32,
    pub credits: i64,
    /// Those that failed; their reasons are in the log.
    pub failed: u32,
    pub is_cut_short: bool,
}

/// Grants the months that are due. May run twice at once: a month has one key.
///
/// # Errors
/// [`StoreError`] when the list of subscriptions cannot be read.
pub async fn renew_subscriptions(ports: &BillingJobPorts, now: Timestamp) -> Result<Renewed, StoreError> {
    let mut report = Renewed::default();
    let mut after: Option<Uuid> = None;
    for _ in 0..PAGES_MAX {
        let page = ports.store.renewable(now, after, PAGE).await?;
        for subscription in &page {
            report.subscriptions += 1;
            match ports.store.renew(*subscription, now).await {
                Ok(credits) => report.credits += credits,
                // One that fails must not keep all others from their credits.
                Err(error) => {
                    tracing::error!(%subscription, %error, "a subscription was not renewed");
                    report.failed += 1;
                }
            }
        }
        let Some(last) = page.last().filter(|_| page.len() >= PAGE as usize) else {
            return Ok(report);
        };
        after = Some(*last);
    }
    report.is_cut_short = true;
    Ok(report)
}

/// What the hourly job did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// Events of the bucket that are in the table now.
    pub from_bucket: u32,
    /// Events of the table that were tried.
    pub tried: u32,
    /// Those that are done with.
    pub done: u32,
    /// Accounts of which grants ended.
    pub accounts_with_ended_grants: u64,
    /// Automatic purchases that were tried again.
    pub top_ups: u32,
    pub is_cut_short: bool,
}

/// Tries everything again that is not applied, and ends grants whose time is over. May run twice at once.
///
/// # Errors
/// [`StoreError`] when database or bucket do not answer.
pub async fn replay_events(ports: &BillingJobPorts, now: Timestamp) -> Result<Replayed, StoreError> {
    let mut report = Replayed::default();
    // A part that fails must keep no other from being done: a bucket that is away holds up no event of the table.
    let parts = [
        empty_bucket(ports, &mut report).await,
        apply_due(ports, &mut report).await,
        end_grants(ports, now, &mut report).await,
        retry_top_ups(ports, now, &mut report).await,
    ];
    for is_done in parts {
        report.is_cut_short |= !is_done?;
    }
    Ok(report)
}

/// Moves what the bucket holds into the table. Whether nothing is left.
async fn empty_bucket(ports: &BillingJobPorts, report: &mut Replayed) -> Result<bool, StoreError> {
    for _ in 0..PAGES_MAX {
        let stored = ports.inbox.stored(PAGE).await?;
        if stored.is_empty() {
            return Ok(true);
        }
        for (key, event, payload) in stored {
            ports.store.receive(&event, &payload, false).await?;
            ports.inbox.forget(&key).await?;
            report.from_bucket += 1;
        }
    }
    Ok(false)
}

async fn apply_due(ports: &BillingJobPorts, report: &mut Replayed) -> Result<bool, StoreError> {
    for _ in 0..PAGES_MAX {
        let (tried, done) = apply_claimed(ports, PAGE).await?;
        report.tried += tried;
        report.done += done;
        if tried < PAGE {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn end_grants(ports: &BillingJobPorts, now: Timestamp, report: &mut Replayed) -> Result<bool, StoreError> {
    for _ in 0..PAGES_MAX {
        let ended = ports.store.end_grants(now, PAGE).await?;
        report.accounts_with_ended_grants += ended;
        if ended < u64::from(PAGE) {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn retry_top_ups(ports: &BillingJobPorts, now: Timestamp, report: &mut Replayed) -> Result<bool, StoreError> {
    for purchase in ports.store.open_top_ups(PAGE).await? {
        report.top_ups += 1;
        if let Err(error) = buy_top_up(ports, purchase, now).await {
            tracing::error!(%purchase, %error, "an automatic purchase was not charged");
        }
    }
    Ok(true)
}

/// What the comparison with Stripe found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reconciled {
    /// Events that Stripe lists.
    pub events: u32,
    /// How many of them never reached us: they are applied now, or will be tried again.
    pub events_missed: u32,
    /// The first of those.
    pub missed: Vec<String>,
    /// Subscriptions that Stripe lists.
    pub subscriptions: u32,
    /// How many were different here, and are corrected.
    pub subscriptions_corrected: u32,
    /// The first of those.
    pub corrected: Vec<String>,
    /// Payers whose cards were noted.
    pub payers_noted: u32,
    /// What was left of the free credits of those who had had them before.
    pub free_credits_ended: i64,
    pub is_cut_short: bool,
}

/// Why the comparison ended early.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReconcileError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Stripe(#[from] StripeError),
}

impl From<ReconcileError> for StoreError {
    /// To a job both are the same: something outside did not answer.
    fn from(error: ReconcileError) -> Self {
        match error {
            ReconcileError::Store(error) => error,
            ReconcileError::Stripe(error) => Self::Unavailable(error.to_string()),
        }
    }
}

/// Compares what Stripe has with what we have, and repairs the difference: events that never came, the oldest first,
/// subscriptions that are different here, and cards that were not noted.
///
/// # Errors
/// [`ReconcileError`] when Stripe or the database do not answer.
pub async fn reconcile(ports: &BillingJobPorts, now: Timestamp) -> Result<Reconciled, ReconcileError> {
    let mut report = Reconciled::default();
    repair_events(ports, now, &mut report).await?;
    repair_subscriptions(ports, &mut report).await?;
    note_cards(ports, &mut report).await?;
    if report.events_missed > 0 || report.subscriptions_corrected > 0 {
        tracing::error!(
            missed = report.events_missed,
            corrected = report.subscriptions_corrected,
            "webhooks missed what the comparison with Stripe repaired"
        );
    }
    Ok(report)
}

/// Ids that a report names, so that it stays small.
const NAMED: usize = 50;

fn name(names: &mut Vec<String>, count: &mut u32, id: String) {
    *count += 1;
    if names.len() < NAMED {
        names.push(id);
    }
}

async fn repair_events(ports: &BillingJobPorts, now: Timestamp, report: &mut Reconciled) -> Result<(), ReconcileError> {
    let since = now.checked_sub(RECONCILED).unwrap_or(Timestamp::UNIX_EPOCH);
    let mut missed = Vec::new();
    let mut after: Option<String> = None;
    let mut has_more = true;
    for _ in 0..PAGES_MAX {
        let page = ports.stripe.events(since, after.as_deref()).await?;
        report.events += u32::try_from(page.events.len()).unwrap_or(u32::MAX);
        let ids: Vec<String> = page.events.iter().map(|(event, _)| event.id.clone()).collect();
        let unknown = ports.store.missed(&ids).await?;
        after = ids.last().cloned();
        has_more = page.has_more && after.is_some();
        missed.extend(page.events.into_iter().filter(|(event, _)| unknown.contains(&event.id)));
        if !has_more {
            break;
        }
    }
    report.is_cut_short |= has_more;
    // Stripe lists the newest first.
    for (event, payload) in missed.into_iter().rev() {
        match apply_event(ports, &event, &payload).await {
            Ok(Applied::Already) => {}
            Err(ApplyError::Store(error @ StoreError::Unavailable(_))) => return Err(error.into()),
            Ok(_) => name(&mut report.missed, &mut report.events_missed, event.id),
            Err(error) => {
                tracing::error!(event_id = event.id, %error, "an event that never came was not applied either");
                name(&mut report.missed, &mut report.events_missed, event.id);
            }
        }
    }
    Ok(())
}

async fn repair_subscriptions(ports: &BillingJobPorts, report: &mut Reconciled) -> Result<(), ReconcileError> {
    let mut after: Option<String> = None;
    for _ in 0..PAGES_MAX {
        let page = ports.stripe.subscriptions(after.as_deref()).await?;
        report.subscriptions += u32::try_from(page.subscriptions.len()).unwrap_or(u32::MAX);
        let differing = ports.store.differing(&page.subscriptions).await?;
        for subscription in page.subscriptions.iter().filter(|state| differing.contains(&state.id)) {
            if ports.store.correct(subscription).await? {
                name(&mut report.corrected, &mut report.subscriptions_corrected, subscription.id.clone());
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
    report.is_cut_short = true;
    Ok(())
}

#[cfg(test)]
mod tests;
