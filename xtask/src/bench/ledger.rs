//! How many charges the ledger posts in a second, and how that compares with rows that nothing guards.
//!
//! Both sides go through the same eight connections of one thread, each with one prepared statement and one transaction at a time. A
//! charge is `system.deduct_credits_atomic` of one credit from some account: lock, look-up of the key, end of grants, draw, balance,
//! entry. The bare row is as wide as such an entry, in a table that has an index of its primary key and nothing else. They take
//! turns, so that what else the machine does meets both.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use tokio_postgres::{Client, Statement};
use uuid::Uuid;

use super::Bench;
use super::metric::{Metric, Report, median};
use super::timed::connect;
use crate::postgres::PgUrl;

const POSTINGS: &str = "ledger.postings_per_s";
const RATIO: &str = "ledger.ratio_to_bare_insert";

pub const NAMES: [&str; 2] = [POSTINGS, RATIO];

const CONNECTIONS: usize = 8;
/// So many that two connections seldom want the same one.
const ACCOUNTS: usize = 1_000;
/// More than can be charged meanwhile.
const CREDITS: i32 = 1_000_000;
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);
const WARM_UP: Duration = Duration::from_secs(1);

const SCRATCH: &str = "create schema bench;
    create table bench.rows (
      id bigint generated always as identity primary key, account_id uuid not null, kind text not null, amount bigint not null,
      balance_after bigint not null, description text not null, idempotency_key text not null, grants jsonb not null,
      created_at timestamptz not null default clock_timestamp()
    )";

const CHARGE: &str = "select system.deduct_credits_atomic($1, 1, null, $2, 'A charge of the benchmark')";
const INSERT: &str =
    "insert into bench.rows (account_id, kind, amount, balance_after, description, idempotency_key, grants)
    values ($1, 'charge', -1, 999999, 'A charge of the benchmark', $2, $3)";

pub fn measure(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    eprintln!("  charges by {CONNECTIONS} connections, and bare rows, {ROUNDS} times in turn …");
    let users = bench.customers.mint_many(ACCOUNTS, CREDITS)?;
    let accounts: Vec<Uuid> = users.iter().map(|user| Ok(user.account_id.parse()?)).collect::<Result<_>>()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (charges, rows) =
        runtime.block_on(take_turns(&PgUrl::parse(&bench.stack.database_url)?, bench.customers.tag(), &accounts))?;
    let (charges, rows) = (median(&charges).unwrap_or_default(), median(&rows).unwrap_or_default());
    eprintln!("  bare rows: {rows:.0} per s");
    report.add(Metric::per_s(POSTINGS, charges));
    report.add(Metric::ratio(RATIO, charges / rows));
    Ok(())
}

/// Charges and rows per second, of every round.
async fn take_turns(url: &PgUrl, tag: &str, accounts: &[Uuid]) -> Result<(Vec<f64>, Vec<f64>)> {
    let owner = connect(url).await?;
    owner.batch_execute(SCRATCH).await?;
    let lanes: Vec<Lane> = try_join_all((0..CONNECTIONS).map(|number| Lane::open(url, tag, number))).await?;
    charge_all(&lanes, accounts, WARM_UP, 0).await?;
    insert_all(&lanes, accounts, WARM_UP, 0).await?;
    let (mut charged, mut inserted) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        charged.push(charge_all(&lanes, accounts, ROUND, round).await?);
        inserted.push(insert_all(&lanes, accounts, ROUND, round).await?);
    }
    owner.batch_execute("drop schema bench cascade").await?;
    Ok((charged, inserted))
}

/// One connection with both statements.
struct Lane {
    client: Client,
    charge: Statement,
    insert: Statement,
    name: String,
    number: usize,
}

impl Lane {
    async fn open(url: &PgUrl, tag: &str, number: usize) -> Result<Self> {
        let client = connect(url).await?;
        let (charge, insert) = (client.prepare(CHARGE).await?, client.prepare(INSERT).await?);
        Ok(Self { client, charge, insert, name: format!("bench {tag} {number}"), number })
    }

    /// Each lane begins elsewhere and goes through all accounts.
    fn account(&self, accounts: &[Uuid], count: usize) -> Result<Uuid> {
        let place = self.number * accounts.len() / CONNECTIONS + count;
        accounts.get(place % accounts.len()).copied().context("no accounts")
    }

    async fn charge(&self, account: Uuid, key: &str) -> Result<()> {
        let answer: Value = self.client.query_one(&self.charge, &[&account, &key]).await?.try_get(0)?;
        if answer.get("outcome") != Some(&json!("ok")) {
            bail!("a charge came to {answer}");
        }
        Ok(())
    }
}

async fn charge_all(lanes: &[Lane], accounts: &[Uuid], time: Duration, round: usize) -> Result<f64> {
    per_s(lanes, time, async |lane, count| {
        lane.charge(lane.account(accounts, count)?, &format!("{} {round} {count}", lane.name)).await
    })
    .await
}

async fn insert_all(lanes: &[Lane], accounts: &[Uuid], time: Duration, round: usize) -> Result<f64> {
    let grants = json!({ "1234567": -1 });
    per_s(lanes, time, async |lane, count| {
        let (account, key) = (lane.account(accounts, count)?, format!("{} {round} {count}", lane.name));
        lane.client.execute(&lane.insert, &[&account, &key, &grants]).await?;
        Ok(())
    })
    .await
}

/// How much of the work all lanes together do in a second, each one piece after the other.
async fn per_s(lanes: &[Lane], time: Duration, work: impl AsyncFn(&Lane, usize) -> Result<()>) -> Result<f64> {
    let work = &work;
    let started = Instant::now();
    let counts = try_join_all(lanes.iter().map(|lane| async move {
        let mut count = 0;
        while started.elapsed() < time {
            work(lane, count).await?;
            count += 1;
        }
        Ok::<_, anyhow::Error>(count)
    }))
    .await?;
    Ok(counts.iter().sum::<usize>() as f64 / started.elapsed().as_secs_f64())
}
