//! What the audit looks at, gathered from the database, from the API as its customers see it, and from the sandbox.

use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

use super::book::Exchange;
use super::money::Money;
use crate::postgres::{PgUrl, database::with_client};

/// A run's row.
#[derive(Debug, Clone, Deserialize)]
pub struct RunRow {
    pub id: String,
    pub account_id: String,
    pub business_profile_id: Option<String>,
    pub username: String,
    pub analysis_type: String,
    pub status: String,
    pub charge_outcome: Option<String>,
    pub error_code: Option<String>,
    /// Taken away when a run is cancelled before a workflow took it up: then the key is free again.
    pub idempotency_key: Option<String>,
    pub bulk_id: Option<String>,
}

/// A bulk's row.
#[derive(Debug, Clone, Deserialize)]
pub struct BulkRow {
    pub id: String,
    pub account_id: String,
    pub status: String,
    pub idempotency_key: Option<String>,
}

/// What a customer is shown of a run or bulk, by its row and by its progress.
#[derive(Debug, Clone)]
pub struct Shown {
    pub id: String,
    pub row_status: String,
    pub progress_status: String,
    pub percent: u64,
}

impl Shown {
    /// Whether both tell the same end.
    pub fn agrees(&self) -> bool {
        self.row_status == self.progress_status && self.percent == 100
    }
}

/// A time in which something was broken.
#[derive(Debug, Clone)]
pub struct Outage {
    pub kind: String,
    pub from: Duration,
    /// When it was repaired.
    pub to: Duration,
    pub origin: Origin,
}

/// Whose fault an outage is: it decides which answers it excuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// One of the stack's own processes.
    Own,
    /// Whoever publishes the keys of the tokens.
    Keys,
    Stripe,
    /// Another outside service.
    Outside,
}

/// Everything, after the stack has been repaired and left alone.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Of each customer, in their order.
    pub accounts: Vec<String>,
    pub exchanges: Vec<Exchange>,
    pub runs: Vec<RunRow>,
    pub bulks: Vec<BulkRow>,
    pub shown: Vec<Shown>,
    pub outages: Vec<Outage>,
    /// What the audit of all credits, analyses and leads says.
    pub books: Vec<String>,
    /// Entries after which a balance was below zero.
    pub negative: Vec<String>,
    /// The most actor runs that the sandbox saw at one moment.
    pub peak_of_actor_runs: u64,
    /// How many actor runs went on side by side when everything was over and ten new profiles were asked for.
    pub actor_runs_at_the_end: u64,
    /// Lines of the Worker's log that tell of a trap.
    pub traps: Vec<String>,
    /// What was paid and what it became.
    pub money: Money,
}

/// The rows of all runs and bulks.
pub fn rows(database: &PgUrl) -> Result<(Vec<RunRow>, Vec<BulkRow>)> {
    let of = |table: &str| format!("select to_jsonb(t) from {table} t order by t.id");
    let (runs, bulks) = (of("runs"), of("bulk_runs"));
    with_client(database, async |client| {
        let runs: Vec<Value> =
            client.query(&runs, &[]).await?.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        let bulks: Vec<Value> =
            client.query(&bulks, &[]).await?.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        Ok((serde_json::from_value(runs.into())?, serde_json::from_value(bulks.into())?))
    })
    .context("the runs cannot be read")
}

/// What the audit of all credits, analyses and leads says, and every time that a balance was below zero.
pub fn books(database: &PgUrl) -> Result<(Vec<String>, Vec<String>)> {
    let negative = "select account_id || ': ' || balance_after || ' after entry ' || id from credit_transactions
         where balance_after < 0
        union all select account_id || ': ' || balance || ' now' from credit_balances where balance < 0";
    with_client(database, async |client| {
        let findings = oslira_testkit::audit(client).await?;
        let rows = client.query(negative, &[]).await?;
        let below: Vec<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        Ok((findings, below))
    })
    .context("the books cannot be read")
}

/// How many runs and bulks have not ended.
pub fn open(database: &PgUrl) -> Result<(i64, i64)> {
    let open = "select (select count(*) from runs where status in ('pending', 'processing')),
        (select count(*) from bulk_runs where status = 'processing')";
    with_client(database, async |client| {
        let row = client.query_one(open, &[]).await?;
        Ok((row.try_get(0)?, row.try_get(1)?))
    })
}

/// Closes the circuit breakers, as operators do who know that the outage is over.
pub fn close_breakers(database: &PgUrl) -> Result<()> {
    with_client(database, async |client| {
        client.execute("delete from service_outages", &[]).await?;
        Ok(())
    })
}
