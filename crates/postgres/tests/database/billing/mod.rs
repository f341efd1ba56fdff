//! Money in, as the database keeps it: grants, months of plans, purchases, refunds and disputes, and Stripe's events that
//! tell of them in any order and any number.

mod cards;
mod draw;
mod events;
mod losses;
mod months;
mod purchases;
mod rollover;
mod thresholds;

use oslira_testkit::{Error, Session};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::Stage;

/// Of the starter plan, which grants 25 credits a month and lets none roll over.
pub const STARTER: &str = "starter_month";
/// Of the growth plan: 100 credits a month, of which 100 roll over.
pub const GROWTH: &str = "growth_month";

/// A price at Stripe with this lookup key.
pub fn price(lookup_key: &str) -> Value {
    json!({ "id": format!("price_{lookup_key}"), "lookup_key": lookup_key, "unit_amount": 2000 })
}

/// A subscription of the stage's account from `starts_at` to `ends_at`.
pub fn subscription(stage: &Stage, lookup_key: &str, starts_at: &str, ends_at: &str) -> Value {
    json!({
        "id": "sub_1", "customer_id": "cus_1", "account_id": stage.member.account_id, "price": price(lookup_key),
        "status": "active", "anchor_at": starts_at, "period_starts_at": starts_at, "period_ends_at": ends_at,
        "cancel_at": null, "ended_at": null, "observed_at": starts_at,
    })
}

/// The same with other fields.
pub fn with(mut value: Value, changes: &Value) -> Value {
    let (Some(fields), Some(changes)) = (value.as_object_mut(), changes.as_object()) else { panic!("not objects") };
    fields.extend(changes.clone());
    value
}

/// A line of an invoice.
pub fn line(lookup_key: &str, starts_at: &str, ends_at: &str, amount_cents: i64) -> Value {
    json!({
        "price_id": format!("price_{lookup_key}"), "starts_at": starts_at, "ends_at": ends_at, "amount_cents": amount_cents
    })
}

/// A paid invoice of the subscription with these lines.
pub fn invoice(id: &str, subscription: &Value, lines: &[Value]) -> Value {
    let amount: i64 = lines.iter().filter_map(|line| line["amount_cents"].as_i64()).sum();
    let plans = ["starter", "growth", "agency"].iter();
    let prices: Vec<Value> =
        plans.flat_map(|plan| [price(&format!("{plan}_month")), price(&format!("{plan}_year"))]).collect();
    json!({
        "kind": "paid_invoice", "invoice_id": id, "payment_intent_id": format!("pi_{id}"), "amount_cents": amount.max(0),
        "subscription": subscription, "lines": lines, "prices": prices,
    })
}

/// A paid month of a plan: its invoice, with the subscription as it is then.
pub fn month(stage: &Stage, id: &str, lookup_key: &str, starts_at: &str, ends_at: &str) -> Value {
    let state = subscription(stage, lookup_key, starts_at, ends_at);
    invoice(id, &state, &[line(lookup_key, starts_at, ends_at, 2000)])
}

pub async fn receive(session: &Session, event: &str) -> Result<bool, Error> {
    let sql = "select to_jsonb(system.receive_event($1, 'test', '2026-10-28.endive', '{}', false))";
    Ok(session.call(sql, &[&event]).await? == json!(true))
}

/// Receives an event and applies its effect, as the consumer does.
pub async fn tell(session: &Session, event: &str, effect: &Value) -> Result<Value, Error> {
    receive(session, event).await?;
    session.call("select system.apply_event($1, $2)", &[&event, effect]).await
}

/// The same, which must be applied.
pub async fn applied(stage: &Stage, event: &str, effect: &Value) -> Result<(), Error> {
    let answer = tell(&stage.backend, event, effect).await?;
    if answer["outcome"] == "applied" { Ok(()) } else { Err(Error::Unexpected(format!("{event}: {answer}"))) }
}

/// A purchase that an owner begins.
pub async fn begun_purchase(stage: &Stage, pack: &str) -> Result<Uuid, Error> {
    let purchase = Uuid::now_v7();
    let sql = "select api.begin_purchase($1, $2, $3, null)";
    let answer = stage.customer.call(sql, &[&stage.member.account_id, &purchase, &pack]).await?;
    if answer["outcome"] == "ok" { Ok(purchase) } else { Err(Error::Unexpected(answer.to_string())) }
}

pub fn paid(purchase: Uuid) -> Value {
    json!({
        "kind": "paid_purchase", "purchase_id": purchase, "payment_intent_id": format!("pi_{purchase}"), "amount_cents": 2000
    })
}

/// The 20 credits of a pack, bought by its own event.
pub async fn bought(stage: &Stage) -> Result<Uuid, Error> {
    let purchase = begun_purchase(stage, "pack_20").await?;
    applied(stage, &format!("evt_{purchase}"), &paid(purchase)).await?;
    Ok(purchase)
}

pub async fn owed(stage: &Stage) -> Result<i64, Error> {
    Ok(stage.superuser.query_one("select sum(owed)::bigint from credit_balances", &[]).await?.get(0))
}

/// What is left of the grants of each source, as "source:amount left", the oldest first.
pub async fn grants(stage: &Stage) -> Result<Vec<String>, Error> {
    let sql = "select source || ':' || remaining from credit_grants order by id";
    Ok(stage.superuser.query(sql, &[]).await?.iter().map(|row| row.get(0)).collect())
}

/// Charges the account as a run does, in one go.
pub async fn spend(stage: &Stage, credits: i32) -> Result<(), Error> {
    let sql = "select system.deduct_credits_atomic($1, $2, null, $3, 'A charge')";
    let key = Uuid::now_v7().to_string();
    let answer = stage.backend.call(sql, &[&stage.member.account_id, &credits, &key]).await?;
    if answer["outcome"] == "ok" { Ok(()) } else { Err(Error::Unexpected(answer.to_string())) }
}

/// Grants credits by hand.
pub async fn give(stage: &Stage, credits: i32, source: &str, expires_in: Option<&str>) -> Result<(), Error> {
    let sql = "select system.grant_credits($1, $2, $3, clock_timestamp() + $4::text::interval, null, $5, 'A grant')";
    let key = Uuid::now_v7().to_string();
    stage.backend.call(sql, &[&stage.member.account_id, &credits, &source, &expires_in, &key]).await?;
    Ok(())
}

/// Lets the grants that match have ended already.
pub async fn let_expire(stage: &Stage, which: &str) -> Result<(), Error> {
    stage
        .execute(&format!("update credit_grants set expires_at = now() - interval '1 second' where {which}"), &[])
        .await?;
    Ok(())
}
