//! Whether every lease of the gate is free again. Nobody outside can ask the gate; but if a lease were left, ten new profiles could
//! not be read side by side.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::audit::ACTOR_RUNS_MAX;
use super::book::Book;
use super::customer::{ANALYZE, Customer};
use super::facts::{close_breakers, open};
use super::faults::Target;
use crate::postgres::PgUrl;

/// A lease whose actor run cannot be found ends four minutes after it was given at the latest.
const FREE_WITHIN: Duration = Duration::from_secs(8 * 60);
/// One attempt. An actor run that is held longer ends by itself.
const ATTEMPT_MAX: Duration = Duration::from_secs(60);
const ENDED_WITHIN: Duration = Duration::from_secs(180);

/// Asks for ten new profiles, each in an actor run of its own that does not end, until all ten are under way. Answers how many were.
pub fn side_by_side(target: &Target<'_>, database: &PgUrl, book: &Book, number: usize) -> Result<u64> {
    let began = Instant::now();
    let mut attempt = 0;
    loop {
        attempt += 1;
        let under_way = once(target, database, book, number, attempt)?;
        if under_way == ACTOR_RUNS_MAX || began.elapsed() > FREE_WITHIN {
            return Ok(under_way);
        }
        eprintln!("  {under_way} of {ACTOR_RUNS_MAX} new profiles were read side by side; once more");
    }
}

fn once(target: &Target<'_>, database: &PgUrl, book: &Book, number: usize, attempt: u32) -> Result<u64> {
    // What went on after the storm may have met a service that was just coming back.
    close_breakers(database)?;
    let tag = format!("probe{attempt}x");
    // Nobody else's requests: the customer is not one of those whose requests are audited.
    let probing = Book::begin();
    let customer = Customer::mint(target.stack, &probing, number, &format!("chaos {tag} {:?}", book.now()), 100)?;
    let hold = target.plant_spec(&json!({ "target": "apify.run", "kind": "hold", "match": tag }))?;
    let businesses = customer.businesses();
    for name in 0..ACTOR_RUNS_MAX {
        let body = json!({
            "username": format!("coffee_{tag}_{name:02}"),
            "analysis_type": "LIGHT",
            "business_profile_id": businesses.first(),
        });
        customer.post(ANALYZE, None, None, &body);
    }
    let asked = Instant::now();
    let mut under_way = 0;
    while under_way < ACTOR_RUNS_MAX && asked.elapsed() < ATTEMPT_MAX {
        std::thread::sleep(Duration::from_millis(300));
        under_way = peak(target, &tag)?;
    }
    target.release(&hold)?;
    let released = Instant::now();
    while open(database)?.0 > 0 && released.elapsed() < ENDED_WITHIN {
        std::thread::sleep(Duration::from_millis(500));
    }
    Ok(under_way)
}

/// The most actor runs that the sandbox saw at one moment, of those about this name.
pub fn peak(target: &Target<'_>, name: &str) -> Result<u64> {
    let answer = target.received(&format!("target=apify.run&match={name}"))?;
    answer.get("peak_concurrency").and_then(Value::as_u64).context("the sandbox tells no peak")
}
