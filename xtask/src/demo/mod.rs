//! `cargo xtask demo`: from a fresh clone to three scored profiles, at the speed of the real services.
//!
//! Promises: a new stack of its own every time; progress on standard error, the result on standard output; exit code 0
//! only if everything went as expected; nothing keeps running, except with `--keep`.

mod live;
mod print;
mod scenario;

use std::io::{ErrorKind, Write};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::interrupt::stop_stack_on_interrupt;
use crate::project::Project;
use crate::stack::{Document, Layout, Speed, UpOptions, down, up};

/// Arguments of `cargo xtask demo`.
#[derive(clap::Args)]
pub struct DemoArgs {
    /// Print one JSON document instead of the report
    #[arg(long)]
    json: bool,
    /// Leave the stack running and say how to call it
    #[arg(long)]
    keep: bool,
}

pub fn run(project: &Project, args: &DemoArgs) -> Result<()> {
    let started = Instant::now();
    let layout = Layout::new(&project.state_dir().join("demo"))?;
    stop_stack_on_interrupt(&layout)?;
    let options = UpOptions { fresh: true, speed: Some(Speed::Real), throw_away: true, ..UpOptions::default() };
    let played = up(project, &layout, &options).and_then(|stack| play(&stack, &layout, args, started));
    let stopped = if args.keep { Ok(()) } else { down(&layout) };
    // If both failed, the error of the demo is the cause.
    played.and(stopped)
}

fn play(stack: &Document, layout: &Layout, args: &DemoArgs, started: Instant) -> Result<()> {
    let report = scenario::play(stack, started)?;
    if args.json {
        write(&(serde_json::to_string_pretty(&report)? + "\n"))?;
    } else {
        write(&print::report(&report))?;
    }
    if args.keep {
        let run_id = report.runs.first().map(|run| run.run_id.as_str()).unwrap_or_default();
        let text = print::how_to_go_on(stack, layout.dir(), run_id);
        // With --json, standard output is for the document alone.
        if args.json {
            eprint!("{text}");
        } else {
            write(&text)?;
        }
    }
    let surprises = scenario::surprises(&report);
    if !surprises.is_empty() {
        bail!(
            "the demo did not go as expected:\n  {}\nThe logs are in {}/logs",
            surprises.join("\n  "),
            layout.dir().display()
        );
    }
    Ok(())
}

/// A reader that closes the pipe early (`| head`) is no error: the demo must still stop its stack.
fn write(text: &str) -> Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("cannot write the report"),
        _ => Ok(()),
    }
}
