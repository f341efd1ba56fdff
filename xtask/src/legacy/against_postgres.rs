//! Each rule of the import by a small case, on a database of its own.

mod money;
mod people;
mod safety;

use anyhow::{Result, anyhow};
use oslira_testkit::TestDatabase;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio_postgres::Client;
use uuid::Uuid;

use super::mapping::Mapping;
use super::rehearse::{check, generate};
use super::{import, report};

const MAPPING: &str = include_str!("../../../supabase/legacy/mapping.json");
const OLD_PRODUCT: &str = include_str!("rehearse/old_product.sql");

fn mapping() -> Mapping {
    Mapping::parse(MAPPING).unwrap()
}

/// Runs a test on a migrated database, with the previous product's tables in it, empty.
fn with_database(test: impl AsyncFnOnce(&TestDatabase, &Client) -> Result<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let database = TestDatabase::create().await.unwrap();
        let client = database.superuser().await.unwrap();
        client.batch_execute(OLD_PRODUCT).await.unwrap();
        test(&database, &client).await.unwrap();
    });
}

/// Imports everything, and audits the product.
async fn import_all(client: &Client) -> Result<()> {
    import::prepare(client, &mapping()).await?;
    import::import(client, 1, |_, _| {}).await?;
    let findings = oslira_testkit::audit(client).await?;
    if findings.is_empty() { Ok(()) } else { Err(anyhow!("the audit found: {findings:#?}")) }
}

/// An id that says what it is of.
fn id(of: &str) -> Uuid {
    Uuid::from_slice(&Sha256::digest(of)[..16]).unwrap()
}

/// A user of the previous product, with a balance, who was at Supabase Auth before our migrations.
async fn old_user(client: &Client, name: &str, balance: i32) -> Result<Uuid> {
    client.batch_execute("set session_replication_role = replica").await?;
    signed_up(client, name).await?;
    client.batch_execute("set session_replication_role = origin").await?;
    let sql = "insert into legacy.users (id, email, created_at) values ($1, $2 || '@old.test', '2025-01-01')";
    client.execute(sql, &[&id(name), &name]).await?;
    client.execute("insert into legacy.user_credits values ($1, $2)", &[&id(name), &balance]).await?;
    Ok(id(name))
}

async fn signed_up(client: &Client, name: &str) -> Result<()> {
    let sql = "insert into auth.users (id, aud, role, email, email_confirmed_at)
         values ($1, 'authenticated', 'authenticated', $2 || '@old.test', now())";
    client.execute(sql, &[&id(name), &name]).await?;
    Ok(())
}

async fn business(client: &Client, user: Uuid, name: &str) -> Result<Uuid> {
    let sql = "insert into legacy.business_profiles (id, user_id, name, description, icp)
         values ($1, $2, $3, 'Meals', '{\"industry\": \"fitness\"}')";
    client.execute(sql, &[&id(name), &user, &name]).await?;
    Ok(id(name))
}

/// A lead, found at noon of a day of 2026.
async fn lead(client: &Client, name: &str, business: &str, username: &str, day: &str) -> Result<Uuid> {
    let sql = "insert into legacy.leads (id, user_id, business_id, username, follower_count, bio, created_at)
         select $1, b.user_id, b.id, $3, 100, 'bio of ' || $4, ('2026-' || $4 || ' 12:00+00')::timestamptz
           from legacy.business_profiles b where b.id = $2";
    client.execute(sql, &[&id(name), &id(business), &username, &day]).await?;
    Ok(id(name))
}

/// An analysis of a lead; `score` is null where it is below 0.
async fn analysis(client: &Client, name: &str, lead: &str, status: &str, score: i32, day: &str) -> Result<Uuid> {
    let sql = "insert into legacy.analyses
         select $1, l.id, l.user_id, 'light', $3, nullif($4, -1), '{\"summary\": \"fits\"}', 1, ('2026-' || $5 || ' 13:00+00')::timestamptz
           from legacy.leads l where l.id = $2";
    client.execute(sql, &[&id(name), &id(lead), &status, &score, &day]).await?;
    Ok(id(name))
}

/// The one value of a query, as jsonb.
async fn value(client: &Client, sql: &str) -> Result<Value> {
    let row = client.query_one(&format!("select to_jsonb(v) from ({sql}) q (v)"), &[]).await?;
    Ok(row.try_get::<_, Option<Value>>(0)?.unwrap_or(Value::Null))
}

/// Why a row was left out; `None` if it was carried over.
async fn reason(client: &Client, table: &str, row: Uuid) -> Result<Option<String>> {
    let sql = "select o.new_id, x.reason
         from (select) one left join legacy_import.origins o on o.legacy_table = $1 and o.legacy_id = $2
         left join legacy_import.left_out x on x.legacy_table = $1 and x.legacy_id = $2";
    let found = client.query_one(sql, &[&table, &row.to_string()]).await?;
    let (carried, reason): (Option<String>, Option<String>) = (found.try_get(0)?, found.try_get(1)?);
    assert!(carried.is_some() != reason.is_some(), "{table} {row} has not one end");
    Ok(reason)
}

async fn notes(client: &Client) -> Result<Vec<String>> {
    let notes = report::notes(client).await?.into_iter();
    let mut notes: Vec<String> = notes.map(|note| format!("{} {}", note.table, note.reason)).collect();
    notes.sort();
    Ok(notes)
}

#[test]
fn a_rehearsal_holds_every_promise_and_has_every_awkward_thing() {
    with_database(async |_, client| {
        client.batch_execute("drop schema legacy cascade").await?;
        generate(client, 7, 36).await?;
        import::prepare(client, &mapping()).await?;
        import::import(client, 10, |_, _| {}).await?;
        let mut reasons: Vec<String> = report::left_out(client).await?.into_iter().map(|left| left.reason).collect();
        reasons.sort();
        reasons.dedup();
        assert_eq!(
            reasons,
            [
                "analysis_left_out",
                "business_of_another_user",
                "deleted",
                "deleted_in_auth",
                "duplicate_event",
                "duplicate_subscription",
                "erased_on_request",
                "free_plan",
                "impossible_number",
                "in_opening_balance",
                "invalid_username",
                "lead_left_out",
                "never_analysed",
                "no_balance",
                "no_customer",
                "no_score",
                "no_stripe_id",
                "no_such_analysis",
                "no_such_business",
                "no_such_lead",
                "no_such_user",
                "not_in_auth",
                "older_than_kept",
                "score_out_of_range",
                "unknown_plan",
                "unknown_status",
                "unknown_type",
                "user_not_carried",
            ]
        );
        assert_eq!(
            notes(client).await?,
            [
                "analyses result_cut",
                "business_profiles text_cut",
                "business_profiles to_be_described",
                "leads fact_dropped",
                "leads text_cut",
                "subscriptions ends_with_its_period",
                "subscriptions yearly_subscription",
                "user_credits ledger_disagrees",
                "users customer_of_another_user",
                "users starting_credits_taken_back",
            ]
        );
        super::undo::undo(client).await?;
        let promises = check(client, &mapping()).await?;
        let lines: Vec<String> = promises.iter().map(super::rehearse::Promise::line).collect();
        assert_eq!(lines.len(), 5);
        assert!(lines.iter().all(|line| line.starts_with("held ")), "{lines:#?}");
        Ok(())
    });
}
