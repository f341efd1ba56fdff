//! `cargo xtask chaos`: customers buy, repeat, cancel and pay at random while the stack and the outside services break at random; then
//! everything is repaired, and the audit says whether all that docs/reliability.md promises still holds.
//!
//! Promises: the seed decides what is asked and what breaks, and when; the stack is one of its own; a stack on which a rule was
//! broken is stopped and kept, with its logs, and any other is deleted.

mod acts;
mod audit;
mod book;
mod customer;
mod deals;
pub mod deploys;
mod facts;
mod faults;
mod money;
mod plan;
mod probe;
mod quiet;
mod report;
mod storm;
mod stripe;

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::interrupt::stop_stack_on_interrupt;
use crate::postgres::PgUrl;
use crate::process::own_binary;
use crate::project::Project;
use crate::stack::{Document, Layout, UpOptions, delete, down, up};
use crate::test::of_tests;
use crate::test::plan::Suite;

use self::book::Book;
use self::customer::Customer;
use self::facts::{Facts, Outage};
use self::faults::Target;
use self::plan::Plan;
use self::report::Report;

/// Arguments of `cargo xtask chaos`.
#[derive(clap::Args)]
pub struct ChaosArgs {
    /// Decides what is asked, what breaks, and when
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How long customers ask and things break; settling and the audit take some minutes more
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=60))]
    minutes: u64,
    /// Print the plan, and do nothing
    #[arg(long)]
    list: bool,
    /// Print one JSON document instead of the report
    #[arg(long)]
    json: bool,
    /// Leave the stack in .oslira/chaos running afterwards
    #[arg(long)]
    keep: bool,
}

/// Plays the plan of a seed; `false` unless every rule held.
pub fn run(project: &Project, args: &ChaosArgs) -> Result<bool> {
    let plan = Plan::of(args.seed, Duration::from_secs(60 * args.minutes));
    if args.list {
        print!("{}", plan.lines());
        return Ok(true);
    }
    let layout = Layout::new(&project.state_dir().join("chaos"))?;
    stop_stack_on_interrupt(&layout)?;
    // The Worker as it is deployed.
    let options = UpOptions { optimize: true, ..of_tests() };
    let played = up(project, &layout, &options).and_then(|stack| {
        eprint!("{}", plan.lines());
        play(project, &layout, &stack, args, &plan)
    });
    let has_held = played.as_ref().is_ok_and(Report::has_held);
    let ended = if args.keep {
        eprintln!("  the stack is still running: `cargo xtask stack down --dir {}`", layout.dir().display());
        Ok(())
    } else if has_held {
        delete(project, &layout)
    } else {
        eprintln!(
            "  the stack is kept: `cargo xtask stack up --no-build --dir {0}`; logs in {0}/logs",
            layout.dir().display()
        );
        down(&layout)
    };
    // If both failed, the error of the play is the cause.
    let report = played?;
    ended?;
    if args.json {
        println!("{:#}", serde_json::to_value(&report)?)
    } else {
        print!("{}", report.text())
    }
    Ok(has_held)
}

/// A minute of it, as a suite of `cargo xtask test`.
pub fn suite(project: &Project) -> Result<Suite> {
    Ok(Suite {
        name: "a minute of chaos".to_owned(),
        program: own_binary()?,
        arguments: ["chaos", "--seed", "1", "--minutes", "1"].map(str::to_owned).to_vec(),
        dir: project.root().to_path_buf(),
    })
}

fn play(project: &Project, layout: &Layout, stack: &Document, args: &ChaosArgs, plan: &Plan) -> Result<Report> {
    let target = Target { project, layout, stack };
    let database = PgUrl::parse(&stack.database_url)?;
    let book = Book::begin();
    let mut customers = plan
        .customers
        .iter()
        .enumerate()
        .map(|(number, customer)| {
            Customer::mint(stack, &book, number, &format!("chaos {} {number}", args.seed), customer.credits)
        })
        .collect::<Result<Vec<_>>>()?;
    let mut outages = storm::rage(&target, &database, &book, plan, &mut customers)?;
    outages.push(quiet::repair(&target, &database, &book)?);
    let began = Instant::now();
    let settled_s = quiet::settle(&target, &database, &mut customers)?;
    let facts = facts_of(&target, &database, &book, plan, &customers, outages)?;
    let audit_s = began.elapsed().as_secs_f64() - settled_s;
    Ok(Report::of(args.seed, args.minutes, &facts, settled_s, audit_s))
}

/// Brings the money to its end, and gathers all that the audit looks at.
fn facts_of(
    target: &Target<'_>,
    database: &PgUrl,
    book: &Book,
    plan: &Plan,
    customers: &[Customer<'_>],
    outages: Vec<Outage>,
) -> Result<Facts> {
    let money = quiet::settle_money(target, database, customers, plan)?;
    let actor_runs_at_the_end = probe::side_by_side(target, database, book, customers.len())?;
    let shown = quiet::shown(database, customers)?;
    let (runs, bulks) = facts::rows(database)?;
    let (books, negative) = facts::books(database)?;
    Ok(Facts {
        accounts: customers.iter().map(|customer| customer.account_id.clone()).collect(),
        exchanges: book.all(),
        runs,
        bulks,
        shown,
        outages,
        books,
        negative,
        peak_of_actor_runs: probe::peak(target, "")?,
        actor_runs_at_the_end,
        traps: quiet::traps(target.layout),
        money,
    })
}
