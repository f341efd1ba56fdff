//! What customers do in a history: they ask, ask again, cancel; and what their requests do after the charge.

use oslira_app::{
    features::{
        analysis::{BeginOutcome, CancelOutcome, RunStatus, UndoOutcome},
        profiles::ScrapePart,
        scraping::{RequestKey, ScrapeRequest},
    },
    shared::{
        analysis_type::AnalysisType,
        ids::{BulkId, RunId, UserId},
    },
};
use uuid::Uuid;

use super::Driver;
use crate::{Answer, Fixtures, Instance, Op, Schedule, World};

/// Few, so that different requests often use the same idempotency key.
const KEYS: [&str; 3] = ["key-a", "key-b", "key-c"];
/// The number of a run's first attempt at a part.
const FIRST_ATTEMPT: u32 = 1;
/// A bulk has so many lines at most.
const LINES_MAX: u64 = 6;

impl Driver {
    /// A customer asks for an analysis. The answer may be lost, and the launch of the workflow with it.
    pub(super) fn request_analysis(&mut self) {
        let username = self.random.pick(&Fixtures::USERNAMES).copied().unwrap_or("runner");
        let key = if self.random.chance(600) { self.random.pick(&KEYS).map(|key| (*key).to_owned()) } else { None };
        let run = self.new_run();
        let kind = self.random.pick(&Fixtures::KINDS).copied().unwrap_or(AnalysisType::Light);
        let body_hash = format!("hash of {username} as {}", kind.as_str());
        let by = self.somebody();
        let op = Op::Begin { by, run, username: username.to_owned(), kind, key, body_hash };
        self.begun.push(op.clone());
        self.begin(&op);
    }

    /// The same request again, after a second click or a lost answer: with a new run id and the same key.
    pub(super) fn repeat_request(&mut self) {
        let Some(Op::Begin { by, username, kind, key, body_hash, .. }) = self.random.pick(&self.begun).cloned() else {
            return;
        };
        let run = self.new_run();
        // A key of an account's is not one of its member's.
        let by = if self.random.chance(200) { self.somebody() } else { by };
        self.begin(&Op::Begin { by, run, username, kind, key, body_hash });
    }

    /// Mostly the account's owner; whoever has left tries it too.
    pub(super) fn somebody(&mut self) -> UserId {
        let owner = self.world.lock().database.customer.user;
        if self.random.chance(400) { owner } else { self.random.pick(&self.members).copied().unwrap_or(owner) }
    }

    fn new_run(&mut self) -> RunId {
        self.runs += 1;
        // With the seed in it, because the histories that are replayed in one real database must not share run ids.
        RunId::new(Uuid::from_u128((u128::from(self.seed) << 64) | u128::from(self.runs)))
    }

    /// A customer buys a list. The launch of its workflow may be lost; then the five-minute job starts the lines.
    pub(super) fn request_bulk(&mut self) {
        let bulk = BulkId::new(self.new_run().uuid());
        let mut lines: Vec<(String, RunId)> = vec![];
        for _ in 0..=self.random.below(LINES_MAX) {
            let username = self.random.pick(&Fixtures::USERNAMES).copied().unwrap_or("runner");
            if !lines.iter().any(|(name, _)| name == username) {
                lines.push((username.to_owned(), self.new_run()));
            }
        }
        let by = self.somebody();
        let bought = {
            let mut world = self.world.lock();
            if world.store_is_down() {
                return;
            }
            world.apply(&Op::BeginBulk { by, bulk, kind: AnalysisType::Light, lines })
        };
        let Answer::BulkBegun(Some(runs)) = bought else { return };
        runs.into_iter().for_each(|run| self.ask_ahead(run));
        if !self.random.chance(150) {
            self.instances.push(Instance::start_bulk(&self.world, bulk, Schedule::Any));
        }
    }

    pub(super) fn cancel_bulk(&mut self) {
        let bulks: Vec<BulkId> = self.world.lock().database.bulks.keys().copied().collect();
        let Some(bulk) = self.random.pick(&bulks).copied() else { return };
        let by = self.somebody();
        let mut world = self.world.lock();
        if world.store_is_down() {
            return;
        }
        if let Answer::BulkCancelled(Some((runs, ..))) = world.apply(&Op::CancelBulk { by, bulk }) {
            runs.into_iter().for_each(|run| world.was_cancelled(run));
        }
    }

    // Follows `features/analysis/start.rs`, which is not simulated.
    fn begin(&mut self, op: &Op) {
        let answer = {
            let mut world = self.world.lock();
            if world.store_is_down() {
                return;
            }
            world.apply(op)
        };
        let is_lost = self.random.chance(150);
        let launched = match answer {
            Answer::Begun(BeginOutcome::Started(receipt)) => Some(receipt.run_id),
            // The process may have died between the charge and the start of the workflow.
            Answer::Begun(BeginOutcome::Replay(receipt)) => {
                let pending = self.status(receipt.run_id) == Some(RunStatus::Pending);
                pending.then_some(receipt.run_id)
            }
            _ => None,
        };
        let Some(run) = launched.filter(|_| !is_lost) else { return };
        self.ask_ahead(run);
        match self.random.below(1_000) {
            // Neither the engine nor the queue accepted the run.
            0..=29 => self.undo(run),
            // The engine did, but its answer was lost.
            30..=59 => {
                self.launch(run);
                self.undos.push(run);
            }
            _ => self.launch(run),
        }
    }

    /// The request also asks for the scrape, if nothing is known of the profile. As `ask_ahead` does, which is not simulated.
    fn ask_ahead(&mut self, run: RunId) {
        let mut world = self.world.lock();
        let Some(username) = world.database.runs.get(&run).map(|row| row.username.clone()) else { return };
        let is_known = world.snapshots.values().any(|snapshot| snapshot.profile.username.as_str() == username);
        let Ok(username) = username.parse() else { return };
        if !is_known {
            let key = RequestKey { run_id: run, part: ScrapePart::Details, attempt: FIRST_ATTEMPT };
            let account_id = world.database.customer.account;
            // Whatever fails here only costs time.
            let _unheard = world.ask_gate(&[ScrapeRequest { key, account_id, username }]);
        }
    }

    pub(super) fn undo(&mut self, run: RunId) {
        let mut world = self.world.lock();
        if world.store_is_down() {
            return;
        }
        // Whoever asked for it: nobody else can.
        let Some(by) = world.database.runs.get(&run).map(|row| row.by) else { return };
        if world.apply(&Op::Undo { by, run }) == Answer::Undone(UndoOutcome::Undone) {
            world.was_cancelled(run);
        }
    }

    fn status(&self, run: RunId) -> Option<RunStatus> {
        self.world.lock().database.runs.get(&run).map(|row| row.status)
    }

    /// Starts a run's instance. Its id is the run's, so a second start finds the same instance.
    pub(super) fn launch(&mut self, run: RunId) {
        match self.instances.iter_mut().find(|instance| instance.run() == run) {
            Some(instance) => instance.wake(),
            None => self.instances.push(Instance::start(&self.world, run, Schedule::Any)),
        }
    }

    pub(super) fn relaunch_any(&mut self) {
        let runs: Vec<RunId> = self.instances.iter().map(Instance::run).collect();
        if let Some(run) = self.random.pick(&runs) {
            self.launch(*run);
        }
    }

    pub(super) fn cancel(&mut self) {
        let runs: Vec<RunId> = self.world.lock().database.runs.keys().copied().collect();
        let Some(run) = self.random.pick(&runs).copied() else { return };
        let by = self.somebody();
        let mut world = self.world.lock();
        if world.store_is_down() {
            return;
        }
        if let Answer::Cancelled(CancelOutcome::Cancelled { .. }) = world.apply(&Op::Cancel { by, run }) {
            world.was_cancelled(run);
        }
    }
}

impl World {
    /// Whoever cancelled a run tells its watchers, and takes it out of the gate's line.
    fn was_cancelled(&mut self, run: RunId) {
        if let Err(violation) = self.invariants.told(run, RunStatus::Cancelled) {
            self.report_violation(violation);
        }
        // It will be, in any case, when it does not ask again.
        let _unheard = self.withdraw_from_gate(&[run]);
    }
}
