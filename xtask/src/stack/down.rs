//! `stack down`: stops the parts in reverse order, cleanly; a part that does not stop in time is killed.

use anyhow::Result;
use rustix::process::Signal;

use crate::stack::Layout;
use crate::stack::part::Part;
use crate::stack::processes::concerned_with;
use crate::stack::state::State;
use crate::stack::supervise::STOP_PATIENCE;
use crate::step::step;

/// Stops the stack; a second call finds nothing to do.
pub fn down(layout: &Layout) -> Result<()> {
    let _alone = layout.lock()?;
    let Some(mut state) = State::load(layout)? else {
        return Ok(());
    };
    stop_all(layout, &mut state)
}

/// The same, for callers that hold the stack's lock already.
pub fn stop_all(layout: &Layout, state: &mut State) -> Result<()> {
    // The runner stops its workerd itself; workerd follows in case the runner could not. For Postgres, INT is a "fast"
    // shutdown: TERM would wait until every client has disconnected.
    let order = [
        (Part::Worker, Signal::TERM),
        (Part::Workerd, Signal::KILL),
        (Part::Sandbox, Signal::TERM),
        (Part::Pooler, Signal::TERM),
        (Part::Postgres, Signal::INT),
    ];
    step("stopping the stack", || {
        for (part, signal) in order {
            if let Some(running) = state.processes.get(&part) {
                running.process.stop(signal, STOP_PATIENCE)?;
                state.processes.remove(&part);
            }
        }
        Ok::<_, anyhow::Error>(())
    })?;
    // Nobody should read addresses and a token that are not valid any more.
    let _ = std::fs::remove_file(layout.document());
    let _ = std::fs::remove_file(layout.worker_ready());
    state.save(layout)
}

/// Stops the processes of a stack whose `state.json` was deleted. They are found by the files in their arguments.
pub fn stop_forgotten(layout: &Layout) -> Result<()> {
    let left = [layout.worker_config(), layout.sandbox_state(), layout.programs().join(Part::Pooler.name())]
        .into_iter()
        .flat_map(|file| concerned_with(&file));
    left.into_iter().try_for_each(|process| process.stop(Signal::TERM, STOP_PATIENCE))
}
