//! Ensures that one part runs: keeps it if it is the right one and healthy, else stops it and starts it again.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use rustix::process::Signal;

use crate::process::tail;
use crate::stack::part::Part;
use crate::stack::processes::{Identity, Launch, launch};
use crate::stack::state::{Running, State};
use crate::stack::{Layout, ports};

/// Lines from the end of a part's log that an error shows.
const LOG_TAIL_LINES: usize = 25;

/// How to start, check and stop a part.
pub struct Plan<'a> {
    pub part: Part,
    /// Program and settings; a running part with another fingerprint is restarted.
    pub fingerprint: String,
    /// The signal that stops it cleanly.
    pub stop: Signal,
    pub launch: &'a mut dyn FnMut() -> Result<Launch>,
    /// Whether it works; the error says what is wrong.
    pub check: &'a dyn Fn() -> Result<()>,
    /// How long a start may take.
    pub patience: Duration,
}

/// How long a part may take to stop cleanly.
pub const STOP_PATIENCE: Duration = Duration::from_secs(15);

/// Returns when the part is healthy; `true` if it had to be started.
pub fn ensure(layout: &Layout, state: &mut State, plan: Plan<'_>) -> Result<bool> {
    if let Some(running) = state.processes.get(&plan.part).cloned() {
        let is_right = running.fingerprint == plan.fingerprint;
        if is_right && running.process.is_alive() && checked_twice(plan.check) {
            return Ok(false);
        }
        // A part with the right fingerprint is here because it does not work, so waiting longer for it has no use.
        running.process.stop(plan.stop, if is_right { Duration::from_secs(3) } else { STOP_PATIENCE })?;
    }
    let log = layout.log(plan.part);
    let log_begins = log.metadata().map_or(0, |meta| meta.len());
    let process = launch((plan.launch)()?)?;
    // Saved before the waiting, so that the next command finds the process even if this one is interrupted.
    state.processes.insert(plan.part, Running { process: process.clone(), fingerprint: plan.fingerprint });
    state.save(layout)?;
    wait(plan.part, &process, plan.check, plan.patience, &log, log_begins)?;
    Ok(true)
}

/// A single failed check may only mean slowness, such as after the machine was asleep.
fn checked_twice(check: &dyn Fn() -> Result<()>) -> bool {
    check().is_ok() || check().is_ok()
}

fn wait(
    part: Part,
    process: &Identity,
    check: &dyn Fn() -> Result<()>,
    patience: Duration,
    log: &Path,
    log_begins: u64,
) -> Result<()> {
    let deadline = Instant::now() + patience;
    loop {
        let Err(why) = check() else { return Ok(()) };
        let name = part.name();
        if !process.is_alive() {
            bail!("{name} ended while it was starting.\n{}", end_of_log(log, log_begins));
        }
        if Instant::now() >= deadline {
            bail!("{name} is not healthy after {} s: {why:#}\n{}", patience.as_secs(), end_of_log(log, log_begins));
        }
        std::thread::sleep(Duration::from_millis(40));
    }
}

fn end_of_log(log: &Path, begins: u64) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    // A log that was deleted at the start is shorter than before: then all of it is new.
    let begins = usize::try_from(begins).ok().filter(|begins| *begins <= text.len()).unwrap_or(0);
    let text = String::from_utf8_lossy(text.get(begins..).unwrap_or_default()).into_owned();
    format!("The end of {}:\n{}", log.display(), tail(&text, LOG_TAIL_LINES))
}

/// The remembered port of a part; a new one if none was chosen yet or another program uses it.
pub fn port(layout: &Layout, state: &mut State, part: Part) -> Result<u16> {
    let is_ours = state.processes.get(&part).is_some_and(|running| running.process.is_alive());
    if let Some(port) = state.ports.get(&part).copied()
        && (is_ours || becomes_free(port))
    {
        return Ok(port);
    }
    let taken: Vec<u16> = state.ports.values().copied().collect();
    let port = ports::choose(layout.dir(), &taken)?;
    state.ports.insert(part, port);
    Ok(port)
}

/// Waits a moment for the port: the children of a killed process may still hold it.
fn becomes_free(port: u16) -> bool {
    let deadline = Instant::now() + Duration::from_secs(3);
    while !ports::is_free(port) {
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    true
}
