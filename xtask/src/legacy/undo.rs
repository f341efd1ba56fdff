//! The way back, and the end of it.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use serde::Deserialize;
use tokio_postgres::Client;
use uuid::Uuid;

use super::{import, report};

/// Users in one transaction. The ledger is locked meanwhile.
const USERS_AT_ONCE: i32 = 50;

/// What `legacy_import.undo_users` answers.
#[derive(Deserialize)]
struct Batch {
    last: Option<Uuid>,
    undone: u64,
    refused: Vec<Refused>,
}

/// An account that stays as it is.
#[derive(Debug, Deserialize)]
pub struct Refused {
    pub account_id: Uuid,
    /// In which tables it has rows that are new or different since the import, with their number.
    pub used: BTreeMap<String, u64>,
}

/// What came of an undoing.
#[derive(Debug)]
pub struct Undone {
    pub users: u64,
    pub refused: Vec<Refused>,
    /// Events of Stripe's that stay, because something happened to them since.
    pub events_kept: i64,
}

impl Undone {
    pub fn is_whole(&self) -> bool {
        self.refused.is_empty() && self.events_kept == 0
    }
}

/// Removes what the import made of each account that has not been used since. If no account is left: Stripe's events and our schema, too.
pub async fn undo(client: &Client) -> Result<Undone> {
    if !report::has_begun(client).await? {
        bail!("there is nothing to undo: no import has begun in this database, or `finish` has ended it");
    }
    import::take_turn(client).await?;
    let mut undone = Undone { users: 0, refused: Vec::new(), events_kept: 0 };
    let mut after: Option<Uuid> = None;
    loop {
        let sql = "select legacy_import.undo_users($1, $2)";
        let row = client.query_one(sql, &[&after, &USERS_AT_ONCE]).await?;
        let batch: Batch = serde_json::from_value(row.try_get(0)?)?;
        undone.users += batch.undone;
        undone.refused.extend(batch.refused);
        let Some(last) = batch.last else { break };
        after = Some(last);
    }
    if !undone.refused.is_empty() {
        // They would be applied a second time to an account that stays.
        return Ok(undone);
    }
    undone.events_kept = client.query_one("select legacy_import.undo_events()", &[]).await?.try_get(0)?;
    if undone.is_whole() {
        client.batch_execute("drop schema legacy_import cascade").await?;
    }
    Ok(undone)
}

/// What stays of our schema: that there was an import, so that there is no second one.
const FINISH: &str = "drop schema legacy_import cascade;
    create schema legacy_import;
    revoke all on schema legacy_import from public, anon, authenticated, service_role;
    create table legacy_import.finished (finished_at timestamptz not null default now());
    revoke all on legacy_import.finished from public, anon, authenticated, service_role;
    insert into legacy_import.finished default values;";

/// Forgets where everything came from. From then on nothing can be undone, and nothing is imported again.
pub async fn finish(client: &Client) -> Result<()> {
    if !report::has_begun(client).await? {
        bail!("there is nothing to finish: no import has begun in this database, or it was finished already");
    }
    import::take_turn(client).await?;
    if !report::is_complete(client).await? {
        bail!("the import is not complete: run `cargo xtask legacy import` to its end, or `cargo xtask legacy undo`");
    }
    client.batch_execute(FINISH).await?;
    Ok(())
}

/// Fails unless `name` is this database's: so that nobody undoes the import of another.
pub async fn confirm(client: &Client, name: &str) -> Result<()> {
    let actual: String = client.query_one("select current_database()::text", &[]).await?.try_get(0)?;
    if actual != name {
        bail!("this database is called {actual}, and not {name}: nothing was done");
    }
    Ok(())
}
