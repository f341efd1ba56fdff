//! The same customers, while nothing breaks and versions of the Worker take over one after the other (`cargo xtask bench --only deploy`).
//! They send again what customers are told to send again, so whatever fails then has failed for a customer.

use std::time::Duration;

use anyhow::Result;

use super::audit::{Check, audit};
use super::book::Book;
use super::customer::{Customer, Request, Retries};
use super::faults::Target;
use super::plan::Plan;
use super::{facts_of, quiet, storm};
use crate::postgres::PgUrl;
use crate::project::Project;
use crate::stack::{Document, Layout};

/// What came of it.
#[derive(Debug)]
pub struct Played {
    /// All that their customers sent, with its attempts, until the last run had ended.
    pub requests: Vec<Request>,
    pub runs: usize,
    /// A line each.
    pub failed_runs: Vec<String>,
    /// Rules that were broken.
    pub broken: Vec<Check>,
}

/// Plays `length` of mixed work on a stack that has enough versions; at each of `changes` the version with that number takes over.
pub fn play(
    project: &Project,
    layout: &Layout,
    stack: &Document,
    length: Duration,
    changes: &[(Duration, u32)],
) -> Result<Played> {
    let plan = Plan::of_deploys(SEED, length, changes);
    let target = Target { project, layout, stack };
    let database = PgUrl::parse(&stack.database_url)?;
    let (book, retries) = (Book::begin(), Retries::default());
    let mint = |(number, customer): (usize, &super::acts::CustomerPlan)| {
        let name = format!("deploys {number}");
        Customer::mint(stack, &book, number, &name, customer.credits).map(|customer| customer.patient(&retries))
    };
    let mut customers = plan.customers.iter().enumerate().map(mint).collect::<Result<Vec<_>>>()?;
    let outages = storm::rage(&target, &database, &book, &plan, &mut customers)?;
    quiet::settle(&target, &database, &mut customers)?;
    let requests = retries.all();
    let facts = facts_of(&target, &database, &book, &plan, &customers, outages)?;
    let failed = facts.runs.iter().filter(|run| run.status == "failed");
    let failed_runs = failed.map(|run| {
        let why = run.error_code.as_deref().unwrap_or("no code");
        format!("run {} of @{}, {}: {why}", run.id, run.username, run.analysis_type)
    });
    Ok(Played {
        requests,
        runs: facts.runs.len(),
        failed_runs: failed_runs.collect(),
        broken: audit(&facts).into_iter().filter(|check| !check.violations.is_empty()).collect(),
    })
}

/// Always the same work.
const SEED: u64 = 18;
