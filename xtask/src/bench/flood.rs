//! What a flood by one account costs the others: how much slower their requests become.
//!
//! The stack's Worker is set as a deployment's, its limits too. Both sides are open loops: a request leaves at its time, whether or not
//! earlier ones were answered, so that neither side gets slower to spare the other.
//!
//! The flood reads with its user's token and buys with forty keys of the same account, in turn. What the account may buy in an hour, a
//! hundred analyses, it buys in the warm-up, as any flood does in its first seconds. So what refusing costs the others is measured, and
//! not the work on analyses that were sold.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};

use super::customer::Customers;
use super::load::{Latency, OpenLoad, drive_open};
use super::metric::{Metric, Report};
use crate::api::Api;
use crate::http::Http;
use crate::postgres::{PgUrl, database::with_client};
use crate::project::Project;
use crate::stack::processes::processor_ms;
use crate::stack::{Document, Layout, Part, UpOptions, WorkerSettings, up};

pub const NAME: &str = "flood.other_tenant_p95_ratio";

/// So long that the flood buys all that it may: five in a second reach the database.
const WARM_UP: Duration = Duration::from_secs(20);
const ALONE: Duration = Duration::from_secs(20);
/// The flood's first moments, in which nothing is refused yet, are part of it.
const BESIDE: Duration = Duration::from_secs(30);
/// 500 in a second.
const FLOOD_EVERY: Duration = Duration::from_millis(2);
/// A request of the flood waits for its connection only if an answer takes longer than an eighth of a second. An odd number, so that
/// each connection both reads and buys.
const FLOOD_CONNECTIONS: usize = 65;
/// A flood that takes longer than so many times its length is none of 500 in a second.
const FLOOD_LATE_MAX: f64 = 1.05;
/// An account may have fifty.
const KEYS: usize = 40;
/// Twenty in a second by all others together; each stays below its own limit.
const OTHERS_EVERY: Duration = Duration::from_millis(50);
const OTHER_ACCOUNTS: usize = 8;
const PATIENCE: Duration = Duration::from_secs(20);
/// What the flood has bought ends by then.
const IDLE_WITHIN: Duration = Duration::from_secs(120);

/// Measures the others alone, beside the flood and alone again: the machine may have got faster or slower meanwhile, so the smaller one
/// of both counts as alone. `options` are those of a fresh stack.
pub fn measure(project: &Project, layout: &Layout, options: &UpOptions, report: &mut Report) -> Result<()> {
    let stack = up(
        project,
        layout,
        &UpOptions { rate_limit_scale: Some(1), settings: WorkerSettings::Deployed, ..options.clone() },
    )?;
    let customers = Customers::of(&stack)?;
    let others: Vec<Api> = (0..OTHER_ACCOUNTS).map(|_| customers.mint()).collect::<Result<_>>()?;
    let flood = Flood::with_keys(&stack, &customers)?;
    eprintln!("  requests by {OTHER_ACCOUNTS} accounts, alone, beside 500 in a second by another, and alone again …");
    beside(&others, &flood, WARM_UP)?;
    wait_until_idle(&stack)?;
    let before = ask(&others, ALONE)?;
    let used_ms = || stack.pids.get(&Part::Workerd).and_then(|pid| processor_ms(*pid));
    let used_before_ms = used_ms();
    let (during, answers) = beside(&others, &flood, BESIDE)?;
    let used_after_ms = used_ms();
    wait_until_idle(&stack)?;
    let after = ask(&others, ALONE)?;
    for (when, seen) in [("alone", &before), ("beside the flood", &during), ("alone again", &after)] {
        eprintln!("  {when}: median {:.1} ms, p95 {:.1} ms, p99 {:.1} ms", seen.ms(0.5), seen.ms(0.95), seen.ms(0.99));
    }
    let Answers { read, bought, refused, took } = answers;
    eprintln!(
        "  of the flood, {read} read, {bought} bought and {refused} were refused, in {:.1} s",
        took.as_secs_f64(),
    );
    if let (Some(before), Some(after)) = (used_before_ms, used_after_ms) {
        let each = (after - before) / (read + bought + refused) as f64;
        eprintln!("  workerd used {each:.2} ms of a processor for each request of the flood, the others' among them");
    }
    if refused == 0 {
        bail!("nothing of the flood was refused: no limit is enforced");
    }
    if took > BESIDE.mul_f64(FLOOD_LATE_MAX) {
        bail!(
            "the flood took {:.1} s in place of {} s: it was not one of 500 in a second",
            took.as_secs_f64(),
            BESIDE.as_secs(),
        );
    }
    report.add(Metric::ratio(NAME, during.ms(0.95) / before.ms(0.95).min(after.ms(0.95))));
    Ok(())
}

fn open_loop(every: Duration, length: Duration) -> Result<OpenLoad> {
    let requests = usize::try_from(length.as_micros() / every.as_micros())?;
    Ok(OpenLoad { warm_up: 0, requests, every })
}

/// Each account reads its balance in turn; a refusal ends the measuring.
fn ask(others: &[Api], length: Duration) -> Result<Latency> {
    let load = open_loop(OTHERS_EVERY, length)?;
    drive_open(others.iter().collect(), load, |api: &&Api, _| api.balance().map(drop))
}

/// The same while the flood goes on.
fn beside(others: &[Api], flood: &Flood<'_>, length: Duration) -> Result<(Latency, Answers)> {
    std::thread::scope(|scope| {
        let flooding = scope.spawn(|| flood.run(length));
        let seen = ask(others, length);
        let answers = flooding.join().map_err(|_| anyhow!("the flood panicked"))??;
        Ok((seen?, answers))
    })
}

/// The stack's first user, who does nothing else.
struct Flood<'a> {
    stack: &'a Document,
    customers: &'a Customers<'a>,
    keys: Vec<String>,
    /// How many purchases were tried, so that each is of a profile of its own.
    tried: AtomicUsize,
}

/// What became of a flood's requests.
struct Answers {
    read: usize,
    bought: usize,
    refused: usize,
    took: Duration,
}

impl<'a> Flood<'a> {
    fn with_keys(stack: &'a Document, customers: &'a Customers<'a>) -> Result<Self> {
        let http = Http::new(PATIENCE);
        let keys = (1..=KEYS).map(|number| key(stack, &http, number)).collect::<Result<_>>()?;
        Ok(Self { stack, customers, keys, tried: AtomicUsize::new(0) })
    }

    fn run(&self, length: Duration) -> Result<Answers> {
        let (read, bought, refused) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        let connections = (0..FLOOD_CONNECTIONS).map(|_| Http::new(PATIENCE)).collect::<Vec<Http>>();
        let began = Instant::now();
        drive_open(connections, open_loop(FLOOD_EVERY, length)?, |http, number| {
            let status = if number.is_multiple_of(2) { self.read(http)? } else { self.buy(http)? };
            let count = match status {
                200 => &read,
                202 => &bought,
                // Its credits are as many as it may buy in an hour, so either can end first.
                402 | 429 => &refused,
                _ => bail!("a request of the flood was answered with {status}"),
            };
            count.fetch_add(1, Ordering::Relaxed);
            Ok(())
        })?;
        let took = began.elapsed();
        Ok(Answers { read: read.into_inner(), bought: bought.into_inner(), refused: refused.into_inner(), took })
    }

    fn read(&self, http: &Http) -> Result<u16> {
        Ok(http.get(&format!("{}/credits/balance", self.stack.api_url), Some(&self.stack.token))?.status)
    }

    fn buy(&self, http: &Http) -> Result<u16> {
        let number = self.tried.fetch_add(1, Ordering::Relaxed);
        let key = self.keys.get(number % KEYS).context("no keys")?;
        let body = json!({
            "username": self.customers.username("f", number)?,
            "analysis_type": "LIGHT",
            "business_profile_id": self.stack.business_profile_id,
        });
        Ok(http.post(&format!("{}/v1/analyze", self.stack.api_url), Some(key), &body)?.status)
    }
}

/// A new key that may buy, made when the user may make one. It is used once: whoever is not known yet is counted by their address, and
/// all here have the same one.
fn key(stack: &Document, http: &Http, number: usize) -> Result<String> {
    let url = format!("{}/api-keys", stack.api_url);
    let body = json!({ "name": format!("Flood {number}"), "scopes": ["analyse"] });
    let mut made = http.post(&url, Some(&stack.token), &body)?;
    let began = Instant::now();
    while made.status == 429 && began.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_secs(1));
        made = http.post(&url, Some(&stack.token), &body)?;
    }
    let secret = made.body.pointer("/data/secret").and_then(Value::as_str);
    let secret = secret.with_context(|| format!("{url} answered {} {}", made.status, made.body))?;
    let url = format!("{}/credits/balance", stack.api_url);
    match http.get(&url, Some(secret))?.status {
        200 => Ok(secret.to_owned()),
        status => bail!("{url} answered {status} to a new key"),
    }
}

/// Waits for the end of what the flood has bought: the others would share the machine with it.
fn wait_until_idle(stack: &Document) -> Result<()> {
    let began = Instant::now();
    let sql = "select count(*) from runs where status in ('pending', 'processing')";
    loop {
        let open: i64 = with_client(&PgUrl::parse(&stack.database_url)?, async |client| {
            Ok(client.query_one(sql, &[]).await?.try_get(0)?)
        })?;
        if open == 0 {
            return Ok(());
        }
        if began.elapsed() > IDLE_WITHIN {
            bail!("{open} analyses of the flood have not ended after {} s", IDLE_WITHIN.as_secs());
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}
