//! Five thousand paid purchases of packs, told in random order: one in ten events comes twice, one in twenty purchases is told by a
//! second event. Once the queue is empty, every purchase must have been granted once, and the ledger must be whole.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use jiff::Timestamp;
use oslira_testkit::audit;
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use tokio_postgres::Client;
use uuid::Uuid;

use super::applied;
use super::endpoint::{Endpoint, connection, filled};
use crate::bench::Bench;
use crate::bench::load::{Load, drive};
use crate::postgres::{PgUrl, database::with_client};

const ACCOUNTS: usize = 500;
const EVENTS: usize = 5_000;
/// Events that tell of a purchase which another one tells of too.
const SECOND_EVENTS: usize = EVENTS / 20;
const PURCHASES: usize = EVENTS - SECOND_EVENTS;
/// Events that are delivered once more.
const REPEATED: usize = EVENTS / 10;
const DELIVERIES: usize = EVENTS + REPEATED;
const CONNECTIONS: usize = 20;
/// As long as they may take on a machine that does much else.
const DRAINED_WITHIN: Duration = Duration::from_secs(180);
/// Longer than the last batch of the queue takes.
const BATCH_MAX: Duration = Duration::from_secs(2);

/// What the fixture's session costs.
const PACK: &str = "pack_20";
const FIXTURE: &str = "crates/providers/fixtures/stripe/checkout.session.completed.payment.json";

const BEGIN: &str = "insert into credit_purchases (id, account_id, pack_id, credits, price_cents, origin)
    select gen_random_uuid(), ($1::uuid[])[1 + n % cardinality($1::uuid[])], p.id, p.credits, p.price_cents, 'checkout'
      from generate_series(1, $2::integer) n cross join credit_packs p where p.id = $3
    returning id, account_id";

/// Purchases that are not paid, or not granted once and in full.
const WRONG: &str = "select count(*) from credit_purchases c
    where c.account_id = any ($1) and (
      c.status <> 'paid'
      or array(select g.amount from credit_grants g where g.payment_id = 'purchase:' || c.id and g.account_id = c.account_id)
         <> array[c.credits::bigint]
      or array(select t.amount from credit_transactions t where t.idempotency_key = 'grant:purchase:' || c.id)
         <> array[c.credits::bigint]
    )";

const BALANCES: &str = "select sum(b.balance)::bigint, (select sum(c.credits)::bigint from credit_purchases c where c.account_id = any ($1))
    from credit_balances b where b.account_id = any ($1)";

/// What was not as it should be: nothing, if every purchase was granted exactly once.
pub fn faults(bench: &Bench<'_>) -> Result<Vec<String>> {
    eprintln!("  {DELIVERIES} deliveries of {EVENTS} events about {PURCHASES} purchases …");
    let users = bench.customers.mint_many(ACCOUNTS, 0)?;
    let accounts: Vec<Uuid> = users.iter().map(|user| Ok(user.account_id.parse()?)).collect::<Result<_>>()?;
    let database = PgUrl::parse(&bench.stack.database_url)?;
    let purchases = with_client(&database, async |client| begin(client, &accounts).await)?;
    let prefix = format!("evt_drain_{}_", bench.customers.tag());
    let events = events(bench, &prefix, &purchases)?;
    let mut faults = Vec::new();

    let began = Instant::now();
    let refused = deliver(bench, &events)?;
    let (delivered_s, delivered_at) = (began.elapsed().as_secs_f64(), Timestamp::now());
    if refused > 0 {
        faults.push(format!("{refused} of {DELIVERIES} deliveries were not acknowledged"));
    }
    match applied(bench, &prefix, EVENTS, DRAINED_WITHIN) {
        Ok(last_s) => eprintln!(
            "  acknowledged in {delivered_s:.1} s; the last was applied {:.1} s later",
            last_s - delivered_at.as_millisecond() as f64 / 1_000.0
        ),
        Err(error) => faults.push(error.to_string()),
    }
    wait_for_repeats(bench, &purchases)?;
    faults.extend(with_client(&database, async |client| looked_through(client, &accounts).await)?);
    Ok(faults)
}

struct Purchase {
    id: Uuid,
    account: Uuid,
}

/// Writes down that the accounts' owners set out to buy.
async fn begin(client: &Client, accounts: &[Uuid]) -> Result<Vec<Purchase>> {
    let rows = client.query(BEGIN, &[&accounts, &i32::try_from(PURCHASES)?, &PACK]).await?;
    rows.iter().map(|row| Ok(Purchase { id: row.try_get(0)?, account: row.try_get(1)? })).collect()
}

/// The events: one for each purchase, and second ones for some.
fn events(bench: &Bench<'_>, prefix: &str, purchases: &[Purchase]) -> Result<Vec<String>> {
    let fixture = fixture(bench)?;
    let told = purchases.iter().chain(purchases.iter().take(SECOND_EVENTS)).enumerate();
    told.map(|(number, purchase)| checkout(&fixture, &format!("{prefix}{number}"), purchase)).collect()
}

fn fixture(bench: &Bench<'_>) -> Result<String> {
    std::fs::read_to_string(bench.project.root().join(FIXTURE)).context(FIXTURE)
}

/// A purchase that was paid. Its session and payment are its own, also in a second event.
fn checkout(fixture: &str, event: &str, Purchase { id, account }: &Purchase) -> Result<String> {
    filled(
        fixture,
        &[
            ("evt_constructed_cs_pay", event),
            ("cs_test_Constructed02", &format!("cs_test_{}", id.simple())),
            ("pi_Constructed02", &format!("pi_{}", id.simple())),
            ("cus_Constructed01", &format!("cus_{}", account.simple())),
            ("00000000-0000-4000-8000-000000000001", &account.to_string()),
            ("\"credits\": \"100\"", &format!("\"purchase_id\": \"{id}\"")),
        ],
    )
}

/// Sends them all, as fast as they are answered; returns how many were not acknowledged.
fn deliver(bench: &Bench<'_>, events: &[String]) -> Result<usize> {
    let repeated = events.iter().step_by(EVENTS / REPEATED);
    let mut deliveries: Vec<&str> = events.iter().chain(repeated).map(String::as_str).collect();
    deliveries.shuffle(&mut ChaCha8Rng::seed_from_u64(0));
    let endpoint = Endpoint::of(bench)?;
    let refused = AtomicUsize::new(0);
    let connections = (0..CONNECTIONS).map(|first| (first, connection())).collect();
    let load = Load { warm_up: 0, requests: DELIVERIES / CONNECTIONS, pause: Duration::ZERO };
    drive(connections, load, |(first, http), number| {
        let event = deliveries.get(first + number * CONNECTIONS).context("an event too many")?;
        if !endpoint.deliver(http, event).is_ok_and(|status| status == 200) {
            refused.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    })?;
    Ok(refused.into_inner())
}

/// A repeated delivery leaves no trace when it is worked on. The local queue hands out in order, so once an event behind them all is
/// applied, they are done with.
fn wait_for_repeats(bench: &Bench<'_>, purchases: &[Purchase]) -> Result<()> {
    let id = format!("evt_last_{}", bench.customers.tag());
    let last = checkout(&fixture(bench)?, &id, purchases.first().context("no purchases")?)?;
    Endpoint::of(bench)?.deliver(&connection(), &last)?;
    applied(bench, &id, 1, DRAINED_WITHIN)?;
    // Those of the same batch are worked on side by side with it.
    std::thread::sleep(BATCH_MAX);
    Ok(())
}

async fn looked_through(client: &Client, accounts: &[Uuid]) -> Result<Vec<String>> {
    // One state of everything.
    client.batch_execute("begin isolation level repeatable read read only").await?;
    let mut faults = Vec::new();
    let wrong: i64 = client.query_one(WRONG, &[&accounts]).await?.try_get(0)?;
    if wrong > 0 {
        faults.push(format!("{wrong} purchases were not granted exactly once"));
    }
    let row = client.query_one(BALANCES, &[&accounts]).await?;
    let (balance, bought): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    if balance != bought {
        faults.push(format!("{balance} credits in all balances, {bought} were bought"));
    }
    faults.extend(audit(client).await?);
    client.batch_execute("commit").await?;
    Ok(faults)
}
