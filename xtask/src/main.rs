//! `cargo xtask`: the one tool that a developer of Oslira needs besides git, Rust and Node.
//!
//! Promises:
//! - Every command does its own set-up and skips what is up to date.
//! - Results go to standard output; steps that take longer than a second show their progress on standard error.
//! - An error says what to do next.
//! - Nothing is written outside the checkout, the user's caches and `/var/tmp/oslira-*`. (Only installing Debian's
//!   compiler packages, where rustup cannot provide the target, changes the system.)

mod api;
mod attack;
mod bench;
mod build;
mod canary;
mod capacity;
mod chaos;
mod contract;
mod coverage;
mod cron;
mod demo;
mod deploy;
mod deployed;
mod doctor;
#[cfg(test)]
mod documents;
mod environment;
mod eval;
mod http;
mod interrupt;
mod legacy;
mod lint;
mod mail;
mod models;
mod npm;
mod operate;
mod postgres;
mod private;
mod process;
mod project;
mod setup;
mod stack;
mod stamp;
mod step;
mod stripe;
mod table;
mod test;
mod watch;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::project::Project;

/// Everything a developer does with Oslira, from a fresh clone to the tests.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check the prerequisites and install what the project pins (done by the other commands too)
    Setup,
    /// Compute which limit comes next at a load, and what a month of it costs (docs/capacity.md)
    Capacity(capacity::CapacityArgs),
    /// Write the description of the API, its reference page and docs/errors.md from the declared endpoints
    Contract,
    /// Compile the Worker to dist/
    Build(build::Args),
    /// Run everything locally: Postgres, the sandbox, the Worker under workerd
    Stack(stack::StackArgs),
    /// Mint a user of the running stack and print a token
    Token(stack::TokenArgs),
    /// Run one scheduled job of the running stack at once, and print what it did
    Cron(cron::CronArgs),
    /// List the configured models: price, cache rule, and when their providers shut them down
    Models(models::ModelsArgs),
    /// Be the customers, the banks and the clock of the running stack's Stripe, and send its events
    Stripe(stripe::StripeArgs),
    /// Print the mails that the running stack has sent
    Mail(mail::MailArgs),
    /// Make an operator of the running stack, and act as one there or on a deployment
    Operate(operate::OperateArgs),
    /// Deploy to staging or production as docs/deploying.md tells, or go back to the version before
    ///
    /// Does the steps that can be done from here, prints the others, and ends with a smoke test. A repeat does only what is left.
    Deploy(deploy::DeployArgs),
    /// Buy a few real analyses of a deployment and measure its way to the database, with the time of each step
    ///
    /// Two LIGHT and two XRAY unless other profiles are named, as the user of OSLIRA_CANARY_TOKEN; what is looked at afterwards is for
    /// operators (OSLIRA_OPERATOR_TOKEN). Exits with 1 if an analysis failed.
    Canary(canary::CanaryArgs),
    /// Follow a deployment, and say at the end whether every target of the checklist held (docs/deploying.md)
    ///
    /// Prints a line when something has changed. Ctrl-C ends it with the verdict so far. Exits with 1 unless every target held.
    Watch(watch::WatchArgs),
    /// Run every test, against a throw-away stack in .oslira/test
    ///
    /// Suites run side by side, each ends with one line, and what each printed stays in .oslira/test-logs.
    Test(test::TestArgs),
    /// Count which lines the tests run, and fail where a layer is below its floor (compiles everything once more)
    Coverage(coverage::CoverageArgs),
    /// Attack a throw-away stack in .oslira/attack as docs/security.md tells, and print what was held
    Attack(attack::AttackArgs),
    /// Break a throw-away stack in .oslira/chaos at random while customers use it, then audit everything
    ///
    /// What is asked and what breaks comes from the seed. Exits with 1 if a rule was broken; the stack and its logs are kept then.
    Chaos(chaos::ChaosArgs),
    /// Check a deployment from outside, and say what to do about each thing that is not as it must be (docs/doctor.md)
    ///
    /// Changes nothing. Exits with 1 if anything is broken.
    Doctor(doctor::DoctorArgs),
    /// Check the format and run clippy with warnings denied, for both targets
    Lint,
    /// Score three Instagram profiles end to end and show what happens
    Demo(demo::DemoArgs),
    /// Measure the quality of judgements over the golden set (docs/evaluation.md); `eval --help` tells its options
    #[command(disable_help_flag = true)]
    Eval(eval::EvalArgs),
    /// Measure the whole: analyses, routes, workflow steps, sizes (minutes, at the speed of the real services)
    Bench(bench::BenchArgs),
    /// Carry the previous product's data over (docs/migrating.md): rehearse, import, report, undo, finish
    Legacy(legacy::LegacyArgs),
    /// Start a program in a session of its own (used by `stack up`)
    #[command(hide = true)]
    Detach(stack::processes::DetachArgs),
}

fn main() -> std::process::ExitCode {
    let cli = Cli::parse();
    match run(cli.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<std::process::ExitCode> {
    // Replaces this process, so it comes before anything that needs a checkout.
    if let Command::Detach(args) = &command {
        stack::processes::detach(args)?;
    }
    let project = Project::find()?;
    let succeeded = match command {
        Command::Setup => setup::run(&project).map(|_| true)?,
        Command::Contract => contract::run(&project).map(|()| true)?,
        Command::Capacity(args) => capacity::run(&project, &args).map(|()| true)?,
        Command::Build(args) => build::run(&project, &args).map(|()| true)?,
        Command::Stack(args) => stack::run(&project, &args)?,
        Command::Token(args) => stack::token(&project, &args).map(|()| true)?,
        Command::Cron(args) => cron::run(&project, &args).map(|()| true)?,
        Command::Models(args) => models::run(&project, &args)?,
        Command::Stripe(args) => stripe::run(&project, &args).map(|()| true)?,
        Command::Mail(args) => mail::run(&project, &args).map(|()| true)?,
        Command::Operate(args) => operate::run(&project, &args).map(|()| true)?,
        Command::Deploy(args) => deploy::run(&project, &args).map(|()| true)?,
        Command::Canary(args) => canary::run(&project, &args)?,
        Command::Watch(args) => watch::run(&project, &args)?,
        Command::Test(args) => test::run(&project, &args)?,
        Command::Coverage(args) => coverage::run(&project, &args)?,
        Command::Attack(args) => attack::run(&project, &args)?,
        Command::Chaos(args) => chaos::run(&project, &args)?,
        Command::Doctor(args) => doctor::run(&project, &args)?,
        Command::Lint => lint::run(&project).map(|()| true)?,
        Command::Demo(args) => demo::run(&project, &args).map(|()| true)?,
        Command::Eval(args) => eval::run(&project, &args)?,
        Command::Bench(args) => bench::run(&project, &args).map(|()| true)?,
        Command::Legacy(args) => legacy::run(&project, &args)?,
        Command::Detach(_) => false,
    };
    Ok(if succeeded { std::process::ExitCode::SUCCESS } else { std::process::ExitCode::FAILURE })
}
