//! Bringing one part to life: kept if it is the right one and healthy, else ended and started again.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use rustix::process::Signal;

use crate::process::tail;
use crate::stack::processes::{Identity, Launch, launch};
use crate::stack::state::{Part, Running, State};
use crate::stack::{Layout, ports};

/// Lines of a part's log that an error shows.
const LOG_TAIL_LINES: usize = 25;

/// What a healthy part is, and how to get one.
pub struct Plan<'a> {
    /// Which part.
    pub part: Part,
    /// What it was started with; a part with another fingerprint is restarted.
    pub fingerprint: String,
    /// The signal that stops it cleanly.
    pub stop: Signal,
    /// How to start it.
    pub launch: &'a mut dyn FnMut() -> Result<Launch>,
    /// Whether it does its work; the error says what is wrong.
    pub check: &'a dyn Fn() -> Result<()>,
    /// How long a start may take.
    pub patience: Duration,
}

/// How long a part may take to stop cleanly.
pub const STOP_PATIENCE: Duration = Duration::from_secs(15);

/// Returns with the part healthy; `true` when it had to be started.
pub fn ensure(layout: &Layout, state: &mut State, plan: Plan<'_>) -> Result<bool> {
    if let Some(running) = state.processes.get(&plan.part).cloned() {
        let is_right = running.fingerprint == plan.fingerprint;
        if is_right && running.process.is_alive() && checked_twice(plan.check) {
            return Ok(false);
        }
        running.process.stop(plan.stop, if is_right { Duration::from_secs(3) } else { STOP_PATIENCE })?;
    }
    let log = layout.log(plan.part);
    let log_begins = log.metadata().map_or(0, |meta| meta.len());
    let process = launch((plan.launch)()?)?;
    // Remembered before it is waited for: an interrupted `up` leaves nothing behind that the next one can't find.
    state.processes.insert(plan.part, Running { process: process.clone(), fingerprint: plan.fingerprint });
    state.save(&layout.state())?;
    wait(plan.part, &process, plan.check, plan.patience, &log, log_begins)?;
    Ok(true)
}

/// The first check after a long sleep of the machine may meet a part that is only slow.
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
    // A log that was started anew is shorter than it was.
    let begins = usize::try_from(begins).ok().filter(|begins| *begins <= text.len()).unwrap_or(0);
    let text = String::from_utf8_lossy(text.get(begins..).unwrap_or_default()).into_owned();
    format!("The end of {}:\n{}", log.display(), tail(&text, LOG_TAIL_LINES))
}

/// The remembered port of a part; another one if it was never chosen or a stranger has it now.
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

/// The children of a killed process may hold its port for a moment.
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
