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
mod chaos;
mod contract;
mod cron;
mod demo;
mod eval;
mod http;
mod interrupt;
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
    /// Make an operator of the running stack, and act as one
    Operate(operate::OperateArgs),
    /// Run every test, against a throw-away stack in .oslira/test
    ///
    /// Suites run side by side, each ends with one line, and what each printed stays in .oslira/test-logs.
    Test(test::TestArgs),
    /// Attack a throw-away stack in .oslira/attack as docs/security.md tells, and print what was held
    Attack(attack::AttackArgs),
    /// Break a throw-away stack in .oslira/chaos at random while customers use it, then audit everything
    ///
    /// What is asked and what breaks comes from the seed. Exits with 1 if a rule was broken; the stack and its logs are kept then.
    Chaos(chaos::ChaosArgs),
    /// Check the format and run clippy with warnings denied, for both targets
    Lint,
    /// Score three Instagram profiles end to end and show what happens
    Demo(demo::DemoArgs),
    /// Measure the quality of judgements over the golden set (docs/evaluation.md); `eval --help` tells its options
    #[command(disable_help_flag = true)]
    Eval(eval::EvalArgs),
    /// Measure the whole: analyses, routes, workflow steps, sizes (minutes, at the speed of the real services)
    Bench(bench::BenchArgs),
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
        Command::Build(args) => build::run(&project, &args).map(|()| true)?,
        Command::Stack(args) => stack::run(&project, &args)?,
        Command::Token(args) => stack::token(&project, &args).map(|()| true)?,
        Command::Cron(args) => cron::run(&project, &args).map(|()| true)?,
        Command::Models(args) => models::run(&project, &args)?,
        Command::Stripe(args) => stripe::run(&project, &args).map(|()| true)?,
        Command::Mail(args) => mail::run(&project, &args).map(|()| true)?,
        Command::Operate(args) => operate::run(&project, &args).map(|()| true)?,
        Command::Test(args) => test::run(&project, &args)?,
        Command::Attack(args) => attack::run(&project, &args)?,
        Command::Chaos(args) => chaos::run(&project, &args)?,
        Command::Lint => lint::run(&project).map(|()| true)?,
        Command::Demo(args) => demo::run(&project, &args).map(|()| true)?,
        Command::Eval(args) => eval::run(&project, &args)?,
        Command::Bench(args) => bench::run(&project, &args).map(|()| true)?,
        Command::Detach(_) => false,
    };
    Ok(if succeeded { std::process::ExitCode::SUCCESS } else { std::process::ExitCode::FAILURE })
}
