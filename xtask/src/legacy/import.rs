//! The import, batch by batch. A killed one goes on where it was; of two at once the second is refused.

use anyhow::{Context, Result, bail};
use oslira_app::features::profiles::InstagramHandle;
use tokio_postgres::Client;

use super::mapping::Mapping;
use super::{check, report};

/// Our SQL, in the order in which it is created. The views stand between the first and the rest.
const TABLES: &str = include_str!("../../../supabase/legacy/tables.sql");
const FUNCTIONS: [&str; 6] = [
    include_str!("../../../supabase/legacy/accounts.sql"),
    include_str!("../../../supabase/legacy/plan.sql"),
    include_str!("../../../supabase/legacy/analyses.sql"),
    include_str!("../../../supabase/legacy/import.sql"),
    include_str!("../../../supabase/legacy/report.sql"),
    include_str!("../../../supabase/legacy/undo.sql"),
];

/// The advisory lock of an import. The number has no meaning.
pub const LOCK_KEY: i64 = 122_549_467_505_509;
/// How many leads' names, or Stripe's events, are read in one transaction.
const ROWS_AT_ONCE: i32 = 5_000;
/// The same for rows of usage: each turn searches all of them.
const USAGE_AT_ONCE: i32 = 20_000;
/// A username with all that people paste around it.
const USERNAME_CHARS_MAX: i32 = 2_000;

/// Holds the turn until the connection ends; fails if another import has it. Each batch asks again, in its own transaction.
pub async fn take_turn(client: &Client) -> Result<()> {
    let taken: bool = client.query_one("select pg_try_advisory_lock($1)", &[&LOCK_KEY]).await?.try_get(0)?;
    if !taken {
        bail!("another import, or its undoing, is under way in this database: wait for its end");
    }
    Ok(())
}

/// Checks everything, and creates or renews our schema. What an import has done already stays.
pub async fn prepare(client: &Client, mapping: &Mapping) -> Result<()> {
    take_turn(client).await?;
    if report::is_finished(client).await? {
        bail!(
            "the import was finished in this database: another one would carry over again what has no key of its own, such as debts and \
             business profiles"
        );
    }
    let views = check::views(client, mapping).await?;
    client.batch_execute("begin").await?;
    let created = create(client, mapping, &views).await;
    client.batch_execute(if created.is_ok() { "commit" } else { "rollback" }).await?;
    created.context("the schema legacy_import could not be created")
}

async fn create(client: &Client, mapping: &Mapping, views: &[String]) -> Result<()> {
    client.batch_execute(TABLES).await?;
    for table in &mapping.tables {
        // The functions that use it go with it, and are created anew below.
        client.batch_execute(&format!("drop view if exists legacy_import.\"old_{}\" cascade", table.spec.name)).await?;
    }
    for sql in views.iter().map(String::as_str).chain(FUNCTIONS) {
        client.batch_execute(sql).await?;
    }
    client.batch_execute("delete from legacy_import.plans").await?;
    for (old, ours) in &mapping.plans {
        client.execute("insert into legacy_import.plans (old_name, plan_id) values ($1, $2)", &[old, ours]).await?;
    }
    let closed = "revoke all on all tables in schema legacy_import from public, anon, authenticated, service_role;
        revoke all on all functions in schema legacy_import from public, anon, authenticated, service_role";
    Ok(client.batch_execute(closed).await?)
}

/// Looks up what our SQL cannot, or only slowly: usernames by the product's rule, and the model of each analysis.
/// What was looked up for rows that are not carried over is looked up again, because they may have been mended.
pub async fn gather(client: &Client, progress: &impl Fn(&str, i64)) -> Result<()> {
    client
        .batch_execute(
            "delete from legacy_import.handles h where not exists (
               select from legacy_import.origins o where o.legacy_table = 'leads' and o.legacy_id = h.lead_id);
             delete from legacy_import.models m where not exists (
               select from legacy_import.origins o where o.legacy_table = 'analyses' and o.legacy_id = m.analysis_id)",
        )
        .await?;
    read_names(client, progress).await?;
    client
        .execute(
            "insert into legacy_import.models (analysis_id, model)
             select distinct on (g.analysis_id) g.analysis_id, g.model from legacy_import.old_ai_usage_logs g
              where g.analysis_id is not null order by g.analysis_id, g.created_at desc nulls last, g.id desc
             on conflict do nothing",
            &[],
        )
        .await?;
    Ok(())
}

/// Imports what is left, `users_at_once` users in a transaction, and tells `progress` how many rows each step has done. Fails unless every
/// row has exactly one end and all sums are equal.
pub async fn import(client: &Client, users_at_once: i32, progress: impl Fn(&str, i64)) -> Result<()> {
    gather(client, &progress).await?;
    drain(client, "select legacy_import.import_users($1)", users_at_once, |done| progress("users", done)).await?;
    drain(client, "select legacy_import.import_events($1)", ROWS_AT_ONCE, |done| progress("Stripe's events", done))
        .await?;
    client.execute("select legacy_import.leave_the_rest()", &[]).await?;
    drain(client, "select legacy_import.import_usage($1)", USAGE_AT_ONCE, |done| progress("rows of usage", done))
        .await?;
    report::require_whole(client).await?;
    client.execute("select legacy_import.keep_sums()", &[]).await?;
    Ok(())
}

/// Repeats a batch until it finds nothing to do.
async fn drain(client: &Client, sql: &str, at_once: i32, progress: impl Fn(i64)) -> Result<()> {
    let mut done = 0;
    loop {
        let batch: i64 = client
            .query_one(sql, &[&at_once])
            .await
            .map_err(|error| explained(&error))
            .context(
                "the batch was rolled back, and those before it are kept: mend the cause and run the import again",
            )?
            .try_get(0)?;
        if batch == 0 {
            return Ok(());
        }
        done += batch;
        progress(done);
    }
}

/// What Postgres said, without its detail, which repeats the row.
fn explained(error: &tokio_postgres::Error) -> anyhow::Error {
    match error.as_db_error() {
        None => anyhow::anyhow!("the database did not answer: {error}"),
        Some(refused) => {
            let constraint = refused.constraint().map(|name| format!(", constraint {name}")).unwrap_or_default();
            anyhow::anyhow!("{} (SQLSTATE {}{constraint})", refused.message(), refused.code().code())
        }
    }
}

/// Reads the username of each lead by the product's own rule.
async fn read_names(client: &Client, progress: &impl Fn(&str, i64)) -> Result<()> {
    let unread = "select l.id, left(l.username, $2) from legacy_import.old_leads l
         where not exists (select from legacy_import.handles h where h.lead_id = l.id) order by l.id limit $1";
    let mut done = 0;
    loop {
        let rows = client.query(unread, &[&i64::from(ROWS_AT_ONCE), &USERNAME_CHARS_MAX]).await?;
        if rows.is_empty() {
            return Ok(());
        }
        let mut ids: Vec<String> = Vec::new();
        let mut handles: Vec<Option<String>> = Vec::new();
        for row in &rows {
            let username: Option<String> = row.try_get(1)?;
            ids.push(row.try_get(0)?);
            handles.push(username.and_then(|text| text.parse::<InstagramHandle>().ok()).map(String::from));
        }
        let write =
            "insert into legacy_import.handles (lead_id, username) select * from unnest($1::text[], $2::text[])";
        client.execute(write, &[&ids, &handles]).await?;
        done += i64::try_from(rows.len())?;
        progress("usernames", done);
    }
}
