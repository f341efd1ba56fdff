//! Every actor run, kept in files: after a restart a run is where it would be at the real Apify.

use std::{
    collections::VecDeque,
    io::ErrorKind,
    path::{Path, PathBuf},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{input::Actor, run::Run};
use crate::shared::error::SandboxError;
use crate::shared::{
    clock::now_ms,
    faults::Target,
    latency::{ACTOR_WAVE_SIZE, Latency},
    received::Call,
};

/// Beyond this number the oldest runs are forgotten.
const RUNS_MAX: usize = 5_000;
/// How long Apify takes to stop a container.
const ABORT_S: f64 = 0.5;

/// The actor runs, oldest first.
pub(crate) struct Runs {
    directory: PathBuf,
    latency: Latency,
    state: Mutex<State>,
    /// Notified whenever a call or a test changes a run, so that waiting calls look again.
    changed: Notify,
}

struct State {
    runs: VecDeque<Run>,
    /// Runs that were started before are not reported as calls.
    reported_from_ms: u64,
}

impl Runs {
    /// The runs kept in this state directory.
    pub(crate) fn open(state_dir: &Path, latency: Latency) -> Result<Self, SandboxError> {
        let directory = state_dir.join("apify-runs");
        std::fs::create_dir_all(&directory)?;
        let mut runs: Vec<Run> = vec![];
        for entry in std::fs::read_dir(&directory)? {
            let path = entry?.path();
            // A file that cannot be read as a run, such as one of another version, is left alone.
            if path.extension().is_some_and(|extension| extension == "json")
                && let Ok(run) = serde_json::from_slice(&std::fs::read(&path)?)
            {
                runs.push(run);
            }
        }
        runs.sort_by_key(|run| run.created_ms);
        let state = State { runs: runs.into(), reported_from_ms: 0 };
        Ok(Self { directory, latency, state: Mutex::new(state), changed: Notify::new() })
    }

    pub(super) fn add(&self, run: Run) -> std::io::Result<()> {
        // First, because a run whose id the caller knows must survive a kill.
        self.save(&run)?;
        let mut state = self.state.lock();
        state.runs.push_back(run);
        while state.runs.len() > RUNS_MAX {
            if let Some(forgotten) = state.runs.pop_front() {
                remove(&self.path(&forgotten.id))?;
            }
        }
        Ok(())
    }

    /// The run that has this id, or whose dataset or store has it.
    pub(super) fn find(&self, id: &str) -> Option<Run> {
        // From the newest: these are asked for most.
        self.state.lock().runs.iter().rev().find(|run| run.is(id)).cloned()
    }

    /// The runs that pass the test, oldest first.
    pub(super) fn select(&self, wanted: impl Fn(&Run) -> bool) -> Vec<Run> {
        self.state.lock().runs.iter().filter(|run| wanted(run)).cloned().collect()
    }

    /// Begins to abort a run.
    pub(super) fn abort(&self, id: &str) -> Option<Run> {
        let takes_ms = self.latency.scaled(ABORT_S).as_millis() as u64;
        self.change(id, |run| run.abort(now_ms(), takes_ms))
    }

    pub(super) fn release(&self, id: &str) {
        self.change(id, |run| run.release(now_ms()));
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut Run)) -> Option<Run> {
        let run = {
            let mut state = self.state.lock();
            let run = state.runs.iter_mut().rev().find(|run| run.id == id)?;
            change(run);
            run.clone()
        };
        // A change that can't be saved still holds until the sandbox ends.
        let _ = self.save(&run);
        self.changed.notify_waiters();
        Some(run)
    }

    /// The run once it has ended, or as it is when the time is up.
    pub(super) async fn wait(&self, id: &str, at_most: Duration) -> Option<Run> {
        let deadline = tokio::time::Instant::now() + at_most;
        loop {
            // Listen before looking, so that a change between the two is not missed.
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            let run = self.find(id)?;
            let now = now_ms();
            if run.status(now).is_terminal() || tokio::time::Instant::now() >= deadline {
                return Some(run);
            }
            let next = run.next_change_ms(now).map_or(at_most, |next_ms| Duration::from_millis(next_ms - now));
            let wake = deadline.min(tokio::time::Instant::now() + next);
            tokio::select! {
                () = tokio::time::sleep_until(wake) => {}
                () = changed => {}
            }
        }
    }

    /// The usernames of a run; the id may also be its dataset's or its store's.
    pub(super) fn usernames(&self, id: &str) -> Vec<String> {
        self.find(id).map(|run| run.usernames()).unwrap_or_default()
    }

    /// When each of these usernames would appear in the dataset of a run that reads them in this order, in milliseconds from
    /// its start; the run ends with the last. `None` for an actor that does not exist.
    pub(crate) fn appears_ms(&self, actor: &str, usernames: &[String]) -> Option<Vec<u64>> {
        let asked: Vec<String> = usernames.iter().map(|username| username.to_ascii_lowercase()).collect();
        let ends_ms = self.latency.actor_plan_ms(Actor::find(actor).ok()?.id(), &asked);
        let waves_ms = ends_ms.get(1..)?.iter();
        Some(waves_ms.flat_map(|end_ms| [*end_ms; ACTOR_WAVE_SIZE]).take(asked.len()).collect())
    }

    /// The runs in the form of received calls, so that a test can also read how many ran at once.
    pub(crate) fn as_calls(&self, needle: Option<&str>) -> Vec<Call> {
        let now = now_ms();
        let state = self.state.lock();
        let wanted = |run: &&Run| {
            run.created_ms >= state.reported_from_ms
                && needle.is_none_or(|needle| {
                    run.input.to_string().contains(needle) || run.usernames().iter().any(|name| name.contains(needle))
                })
        };
        let call = |run: &Run| Call {
            target: Target::ApifyRun,
            method: "RUN".into(),
            path: format!("/apify/v2/actor-runs/{}", run.id),
            query: None,
            body: run.input.to_string(),
            usernames: run.usernames(),
            metadata: None,
            status: None,
            started_at_ms: run.created_ms,
            duration_ms: run.finished_ms(now).map(|end| end.saturating_sub(run.created_ms)),
        };
        state.runs.iter().filter(wanted).map(call).collect()
    }

    /// Makes the report of runs as calls begin anew.
    pub(crate) fn forget_as_calls(&self) {
        self.state.lock().reported_from_ms = now_ms();
    }

    fn path(&self, id: &str) -> PathBuf {
        self.directory.join(format!("{id}.json"))
    }

    /// Writes to another file first and renames it, so that a kill leaves no half-written run.
    fn save(&self, run: &Run) -> std::io::Result<()> {
        let path = self.path(&run.id);
        let partial = path.with_extension("partial");
        std::fs::write(&partial, serde_json::to_vec(run)?)?;
        std::fs::rename(partial, path)
    }
}

fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
