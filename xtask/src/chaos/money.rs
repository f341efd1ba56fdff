//! What was paid at Stripe, and what became of it in the database.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use oslira_providers::event_types;
use serde::Deserialize;
use serde_json::Value;

use super::stripe::{Stripe, number, text};
use crate::postgres::{PgUrl, database::with_client};

/// Both sides, after everything has come through.
#[derive(Debug, Clone, Default)]
pub struct Money {
    pub at_stripe: AtStripe,
    pub ours: Ours,
}

/// What Stripe knows. Amounts are in US cents, moments in seconds since 1970.
#[derive(Debug, Clone, Default)]
pub struct AtStripe {
    pub packs: Vec<PaidPack>,
    pub months: Vec<PaidMonth>,
    pub payments: Vec<Payment>,
    pub events: Vec<ListedEvent>,
}

/// A pack that was paid: on a page, or by itself.
#[derive(Debug, Clone)]
pub struct PaidPack {
    pub purchase_id: String,
    pub cents: i64,
    pub is_automatic: bool,
}

/// A line of a paid invoice that pays for a month, or for the rest of one.
#[derive(Debug, Clone)]
pub struct PaidMonth {
    pub subscription: String,
    /// `price_sandbox_<plan>_month`.
    pub price: String,
    pub ends_at: i64,
}

/// A payment by what it was for, as the database calls it.
#[derive(Debug, Clone)]
pub struct Payment {
    pub id: String,
    pub cents: i64,
    /// Refunds, and disputes that are open or lost.
    pub lost_cents: i64,
}

#[derive(Debug, Clone)]
pub struct ListedEvent {
    pub id: String,
    pub kind: String,
}

/// What the database knows.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Ours {
    /// Entries that gave credits for money.
    pub grants: Vec<GrantRow>,
    pub payments: Vec<PaymentRow>,
    /// Of each account, what it owes and what its entries have taken back and returned.
    pub debts: Vec<DebtRow>,
    /// By its id, what became of each event: null while it is not applied.
    pub events: BTreeMap<String, Option<String>>,
    pub top_ups: Vec<TopUpRow>,
    pub automatic: Vec<AutomaticRow>,
    pub crossings: Vec<CrossingRow>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct GrantRow {
    pub amount: i64,
    pub payment_id: Option<String>,
    /// Stripe's id, and the end of the month, of credits of a plan.
    pub subscription: Option<String>,
    pub ends_at: Option<i64>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct PaymentRow {
    pub id: String,
    pub account_id: String,
    pub credits: i64,
    pub taken_back: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub struct DebtRow {
    pub account_id: String,
    pub balance: i64,
    pub owed: i64,
    /// What clawbacks have taken, less what reinstatements have returned.
    pub collected: i64,
}

/// The limits of an account that buys by itself.
#[derive(Debug, Clone, Deserialize)]
pub struct TopUpRow {
    pub account_id: String,
    pub monthly_max_cents: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub struct AutomaticRow {
    pub id: String,
    pub account_id: String,
    pub price_cents: i64,
    pub status: String,
    /// In microseconds.
    pub at: i64,
    /// Such as `2026-11`.
    pub month: String,
}

/// A charge that took a balance below the threshold.
#[derive(Debug, Clone, Deserialize)]
pub struct CrossingRow {
    pub account_id: String,
    /// In microseconds.
    pub at: i64,
}

const OURS: &str = "select jsonb_build_object(
    'grants', (select coalesce(jsonb_agg(jsonb_build_object(
        'amount', t.amount, 'payment_id', g.payment_id, 'subscription', s.stripe_subscription_id,
        'ends_at', extract(epoch from g.period_ends_at)::bigint)), '[]')
      from credit_transactions t
      cross join lateral jsonb_object_keys(t.grants) k (id)
      join credit_grants g on g.id = k.id::bigint
      left join subscriptions s on s.id = g.subscription_id
     where t.kind in ('purchase', 'renewal')),
    'payments', (select coalesce(jsonb_agg(to_jsonb(p)), '[]') from payments p),
    'debts', (select coalesce(jsonb_agg(jsonb_build_object(
        'account_id', b.account_id, 'balance', b.balance, 'owed', b.owed, 'collected', (
          select coalesce(-sum(t.amount), 0) from credit_transactions t
           where t.account_id = b.account_id and t.kind in ('clawback', 'reinstatement')))), '[]')
      from credit_balances b),
    'events', (select coalesce(jsonb_object_agg(e.id, case when e.processed_at is not null then e.outcome end), '{}')
      from webhook_events e),
    'top_ups', (select coalesce(jsonb_agg(to_jsonb(u)), '[]') from auto_top_ups u),
    'automatic', (select coalesce(jsonb_agg(to_jsonb(c) || jsonb_build_object(
        'at', (extract(epoch from c.created_at) * 1000000)::bigint,
        'month', to_char(c.created_at at time zone 'UTC', 'YYYY-MM'))), '[]')
      from credit_purchases c where c.origin = 'auto_top_up'),
    'crossings', (select coalesce(jsonb_agg(jsonb_build_object(
        'account_id', t.account_id, 'at', (extract(epoch from t.created_at) * 1000000)::bigint)), '[]')
      from credit_transactions t join auto_top_ups u on u.account_id = t.account_id
     where t.kind = 'charge' and t.balance_after < u.threshold and t.balance_after - t.amount >= u.threshold)
  )";

/// Reads both sides.
pub fn read(stripe: &Stripe, database: &PgUrl) -> Result<Money> {
    Ok(Money { at_stripe: at_stripe(stripe)?, ours: ours(database)? })
}

fn ours(database: &PgUrl) -> Result<Ours> {
    with_client(database, async |client| {
        let row: Value = client.query_one(OURS, &[]).await?.try_get(0)?;
        Ok(serde_json::from_value(row)?)
    })
    .context("the rows about money cannot be read")
}

fn at_stripe(stripe: &Stripe) -> Result<AtStripe> {
    let intents = stripe.all("payment_intents")?;
    Ok(AtStripe {
        packs: paid_packs(&stripe.all("checkout/sessions")?, &intents),
        months: stripe.all("invoices")?.iter().flat_map(paid_months).collect(),
        payments: payments(stripe, &intents)?,
        events: listed_events(stripe)?,
    })
}

/// The events of the last thirty days that concern credits: of others nobody asks Stripe.
pub fn listed_events(stripe: &Stripe) -> Result<Vec<ListedEvent>> {
    let listed = stripe.all("events")?;
    let event = |event: &Value| ListedEvent { id: text(event, "/id"), kind: text(event, "/type") };
    Ok(listed.iter().map(event).filter(|event| event_types().any(|kind| kind == event.kind)).collect())
}

fn paid_packs(sessions: &[Value], intents: &[Value]) -> Vec<PaidPack> {
    let pack = |object: &Value, cents, is_automatic| PaidPack {
        purchase_id: text(object, "/metadata/purchase_id"),
        cents: number(object, cents),
        is_automatic,
    };
    let is_paid = |session: &&Value| text(session, "/mode") == "payment" && text(session, "/payment_status") == "paid";
    let is_charged =
        |intent: &&Value| text(intent, "/metadata/origin") == "auto_top_up" && text(intent, "/status") == "succeeded";
    let on_pages = sessions.iter().filter(is_paid).map(|session| pack(session, "/amount_total", false));
    let automatic = intents.iter().filter(is_charged).map(|intent| pack(intent, "/amount", true));
    on_pages.chain(automatic).collect()
}

fn paid_months(invoice: &Value) -> Vec<PaidMonth> {
    if text(invoice, "/status") != "paid" {
        return vec![];
    }
    let lines = invoice.pointer("/lines/data").and_then(Value::as_array).into_iter().flatten();
    // What costs less than nothing is given back for a change of the plan.
    let paid = lines.filter(|line| number(line, "/amount") > 0);
    let month = |line| PaidMonth {
        subscription: text(invoice, "/parent/subscription_details/subscription"),
        price: text(line, "/pricing/price_details/price"),
        ends_at: number(line, "/period/end"),
    };
    paid.map(month).collect()
}

fn payments(stripe: &Stripe, intents: &[Value]) -> Result<Vec<Payment>> {
    let mut ids: BTreeMap<String, String> = BTreeMap::new();
    for intent in intents {
        let purchase = text(intent, "/metadata/purchase_id");
        if !purchase.is_empty() {
            ids.insert(text(intent, "/id"), format!("purchase:{purchase}"));
        }
    }
    for paid in stripe.all("invoice_payments")? {
        ids.insert(text(&paid, "/payment/payment_intent"), format!("invoice:{}", text(&paid, "/invoice")));
    }
    let mut disputed: BTreeMap<String, i64> = BTreeMap::new();
    for dispute in stripe.all("disputes")?.iter().filter(|dispute| text(dispute, "/status") != "won") {
        *disputed.entry(text(dispute, "/payment_intent")).or_default() += number(dispute, "/amount");
    }
    let charges = stripe.all("charges")?;
    let paid = charges.iter().filter(|charge| charge.get("paid") == Some(&Value::Bool(true)));
    let payment = |charge: &Value| {
        let intent = text(charge, "/payment_intent");
        let lost = number(charge, "/amount_refunded") + disputed.get(&intent).copied().unwrap_or_default();
        let cents = number(charge, "/amount");
        Payment { id: ids.get(&intent).cloned().unwrap_or(intent), cents, lost_cents: lost.min(cents) }
    };
    Ok(paid.map(payment).collect())
}

/// What is still to be done, as sentences. Whatever is not ours alone to do is done by the jobs.
pub fn open(stripe: &Stripe, database: &PgUrl) -> Result<Vec<String>> {
    let waiting = stripe.deliveries()?.iter().filter(|state| *state == "waiting").count();
    let listed = listed_events(stripe)?;
    let ours = ours(database)?;
    let missing = listed.iter().filter(|event| !ours.events.contains_key(&event.id)).count();
    let not_applied = ours.events.values().filter(|outcome| outcome.is_none()).count();
    let open = ours.automatic.iter().filter(|purchase| purchase.status == "open").count();
    let counts = [
        (waiting, "events on their way"),
        (missing, "events missing"),
        (not_applied, "events not applied"),
        (open, "automatic purchases open"),
    ];
    Ok(counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect())
}

/// Lets the time pass after which an event that was put off is tried again: it grows to a day.
pub fn hasten(database: &PgUrl) -> Result<()> {
    with_client(database, async |client| {
        let due = "update webhook_events set next_attempt_at = now() where processed_at is null";
        client.execute(due, &[]).await?;
        Ok(())
    })
}
