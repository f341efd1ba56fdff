//! After the storm: everything is repaired, customers find out what became of their requests, and the jobs run until nothing is
//! left to do.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use oslira_app::triggers::Job;
use serde_json::{Value, json};

use super::book::Book;
use super::customer::{Customer, PROGRESS, RUN};
use super::facts::{Origin, Outage, Shown, close_breakers, open, rows};
use super::faults::Target;
use super::money::{self, Money};
use super::plan::Plan;
use super::stripe::Stripe;
use crate::cron::encoded;
use crate::http::Http;
use crate::postgres::PgUrl;
use crate::stack::{Layout, Part};

/// The job looks at how long a run has been silent, so it may run more often than on its schedule.
const JOB_EVERY: Duration = Duration::from_secs(20);
/// The five-minute job itself waits ten seconds between waking and failing.
const JOB_MAX: Duration = Duration::from_secs(120);
/// The jobs of money have little to do, and each may bring something that the next goes on with.
const MONEY_JOBS_EVERY: Duration = Duration::from_secs(5);
/// A run that nobody works on is failed after five minutes; on a slow machine everything takes longer.
const SETTLED_WITHIN: Duration = Duration::from_secs(15 * 60);
/// A progress object that missed the end compares itself with the row every 30 s.
const TOLD_WITHIN: Duration = Duration::from_secs(120);

/// Ends all faults. What is too slow to answer is restarted, so this is an outage too.
pub fn repair(target: &Target<'_>, database: &PgUrl, book: &Book) -> Result<Outage> {
    let from = book.now();
    target.release_all()?;
    target.repair()?;
    target.disturb(&Value::Null)?;
    close_breakers(database)?;
    Ok(Outage { kind: "the repair at the end".to_owned(), from, to: book.now(), origin: Origin::Own })
}

/// Waits until every run and bulk has ended, or too long. Answers how many seconds that took.
pub fn settle(target: &Target<'_>, database: &PgUrl, customers: &mut [Customer<'_>]) -> Result<f64> {
    let began = Instant::now();
    std::thread::scope(|scope| {
        for customer in customers.iter_mut() {
            scope.spawn(|| customer.settle());
        }
    });
    eprintln!("  quiet: waiting until every run and bulk has ended …");
    loop {
        run_job(target, Job::RecoverRuns)?;
        give_up_what_waits(database, customers)?;
        let turn = Instant::now();
        while turn.elapsed() < JOB_EVERY {
            if open(database)? == (0, 0) {
                return Ok(began.elapsed().as_secs_f64());
            }
            std::thread::sleep(Duration::from_millis(500));
        }
        let (runs, bulks) = open(database)?;
        eprintln!("  {:>6.1} s  {runs} runs and {bulks} bulks have not ended", began.elapsed().as_secs_f64());
        if began.elapsed() > SETTLED_WITHIN {
            // The audit tells which.
            return Ok(began.elapsed().as_secs_f64());
        }
    }
}

/// What waits behind a pilot would wait for a day: its customer cancels it.
fn give_up_what_waits(database: &PgUrl, customers: &[Customer<'_>]) -> Result<()> {
    let (_, bulks) = rows(database)?;
    for bulk in bulks.iter().filter(|bulk| bulk.status == "processing") {
        if let Some(customer) = customers.iter().find(|customer| customer.account_id == bulk.account_id) {
            customer.give_up_if_it_waits(&bulk.id);
        }
    }
    Ok(())
}

fn run_job(target: &Target<'_>, job: Job) -> Result<()> {
    let url = format!("{}?cron={}", target.stack.scheduled_url, encoded(job.cron()));
    let answer =
        Http::new(JOB_MAX).post(&url, None, &Value::Null).with_context(|| format!("{} did not run", job.name()))?;
    if answer.status != 200 {
        eprintln!("  {} answered {}", job.name(), answer.status);
    }
    Ok(())
}

/// Brings what was paid to its end: first of the storm, then of the month after it, whose events are disturbed too and for which
/// some cards are refused.
pub fn settle_money(target: &Target<'_>, database: &PgUrl, customers: &[Customer<'_>], plan: &Plan) -> Result<Money> {
    let stripe = Stripe::of(target.stack);
    apply_all(target, database, &stripe)?;
    // In a month they will not be listed any more.
    let of_the_storm = money::listed_events(&stripe)?;
    for customer in plan.declining.iter().filter_map(|number| customers.get(*number)?.at_stripe()) {
        stripe.tell("card", &json!({ "customer": customer, "card": "declines" }))?;
    }
    target.disturb(&plan.renewal.0)?;
    stripe.tell("clock", &json!({ "advance": "+1month" }))?.context("Stripe's clock cannot be moved")?;
    std::thread::sleep(MONEY_JOBS_EVERY);
    apply_all(target, database, &stripe)?;
    let mut money = money::read(&stripe, database)?;
    money.at_stripe.events.extend(of_the_storm);
    Ok(money)
}

/// Ends all disturbances, and runs the jobs until nothing is left to do, or for too long: then the audit tells what is left.
fn apply_all(target: &Target<'_>, database: &PgUrl, stripe: &Stripe) -> Result<()> {
    target.disturb(&Value::Null)?;
    let began = Instant::now();
    loop {
        money::hasten(database)?;
        run_job(target, Job::ReplayEvents)?;
        run_job(target, Job::ReconcileBilling)?;
        let open = money::open(stripe, database)?;
        if open.is_empty() || began.elapsed() > SETTLED_WITHIN {
            return Ok(());
        }
        eprintln!("  {:>6.1} s  {}", began.elapsed().as_secs_f64(), open.join(", "));
        std::thread::sleep(MONEY_JOBS_EVERY);
    }
}

/// What their customers are shown of all runs and bulks, as soon as both sources agree, or after a while.
pub fn shown(database: &PgUrl, customers: &[Customer<'_>]) -> Result<Vec<Shown>> {
    let (runs, bulks) = rows(database)?;
    let ids = runs.into_iter().map(|run| (run.account_id, run.id));
    let ids: Vec<(String, String)> = ids.chain(bulks.into_iter().map(|bulk| (bulk.account_id, bulk.id))).collect();
    let deadline = Instant::now() + TOLD_WITHIN;
    std::thread::scope(|scope| {
        let looking: Vec<_> = customers
            .iter()
            .map(|customer| {
                let own = ids.iter().filter(|(account, _)| *account == customer.account_id);
                let own: Vec<&str> = own.map(|(_, id)| id.as_str()).collect();
                scope.spawn(move || own.into_iter().map(|id| look(customer, id, deadline)).collect::<Vec<_>>())
            })
            .collect();
        let seen: Vec<Vec<Shown>> = looking
            .into_iter()
            .map(|thread| thread.join().map_err(|_| anyhow!("a thread of the audit died")))
            .collect::<Result<_>>()?;
        Ok(seen.into_iter().flatten().collect())
    })
}

fn look(customer: &Customer<'_>, id: &str, deadline: Instant) -> Shown {
    loop {
        let (progress, row) = (customer.get(PROGRESS, Some(id)), customer.get(RUN, Some(id)));
        let shown = Shown {
            id: id.to_owned(),
            row_status: row.datum("status").unwrap_or_default().to_owned(),
            progress_status: progress.datum("status").unwrap_or_default().to_owned(),
            percent: progress.data().and_then(|data| data.get("percent")?.as_u64()).unwrap_or_default(),
        };
        if shown.agrees() || Instant::now() > deadline {
            return shown;
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// Lines of the Worker's log that tell of a trap of the WebAssembly module.
pub fn traps(layout: &Layout) -> Vec<String> {
    let log = std::fs::read(layout.log(Part::Worker)).unwrap_or_default();
    let log = String::from_utf8_lossy(&log);
    log.lines().filter(|line| line.contains("module trapped") || line.contains("panicked")).map(str::to_owned).collect()
}
