//! Breaking a running stack on purpose, as its tests under chaos do. `stack up` repairs it.

use std::fs::OpenOptions;
use std::io::Write as _;

use anyhow::{Context, Result};
use rustix::process::Signal;

use crate::stack::part::Part;
use crate::stack::state::State;
use crate::stack::supervise::STOP_PATIENCE;
use crate::stack::{Layout, worker};

/// Sends a signal that ends processes to all of these at the same moment, and returns when none of them is left.
pub fn end(layout: &Layout, parts: &[Part], signal: Signal) -> Result<()> {
    let state = running(layout)?;
    let struck: Vec<_> = parts.iter().filter_map(|part| state.processes.get(part)).collect();
    struck.iter().for_each(|running| running.process.signal(signal));
    struck.iter().try_for_each(|running| running.process.stop(signal, STOP_PATIENCE))
}

/// Throws every Durable Object out of the memory of workerd, which goes on (see `xtask/runtime/serve.mjs`).
pub fn reset_objects(layout: &Layout) -> Result<()> {
    if let Some(runner) = running(layout)?.processes.get(&Part::Worker) {
        runner.process.signal(Signal::USR2);
    }
    Ok(())
}

/// Gives the stack a Worker that does the same and is another version. The next `up` puts it in the place of the one that runs.
pub fn make_new_version(layout: &Layout) -> Result<()> {
    let _alone = layout.lock()?;
    let mut state = running(layout)?;
    let before = state.programs.get(&Part::Worker).cloned().context("this stack has no Worker yet")?;
    let entry = worker::dist(layout).join(worker::ENTRY);
    let mut entry = OpenOptions::new().append(true).open(&entry).context("the Worker has no entry.js")?;
    writeln!(entry, "// A new version after {before}.")?;
    state.programs.insert(Part::Worker, crate::stamp::Hash::new().add(before.as_bytes()).hex());
    state.save(layout)
}

fn running(layout: &Layout) -> Result<State> {
    State::load(layout)?.context("the stack is not running: start it with `cargo xtask stack up`")
}
