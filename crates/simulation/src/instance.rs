//! One workflow instance: the workflow body runs, dies in a crash, and runs again from the top on the same journal.

use std::{future::Future, pin::Pin, sync::Arc, task::Poll};

use oslira_app::{
    features::{
        analysis::{WorkflowPorts, analyse, run_bulk},
        judging::ModelChoice,
    },
    shared::{
        ids::{BulkId, RunId},
        steps::StepFailed,
    },
};

use crate::{
    CrashPoint, Journal, Mutation, Shared,
    bulks::bulk_ports,
    ports::Ports,
    scheduler::{Schedule, Scheduler},
};

pub(crate) type Task<T> = Pin<Box<dyn Future<Output = T>>>;

/// A workflow instance under the simulation's engine.
pub struct Instance {
    run: RunId,
    /// The bulk, if it is the workflow of one. Its run is none, and has the same id.
    bulk: Option<BulkId>,
    world: Shared,
    journal: Journal,
    life: Option<Task<Result<(), StepFailed>>>,
    scheduler: Scheduler,
    schedule: Schedule,
    ended: bool,
}

impl Instance {
    /// Starts the workflow of `run`; the schedule says in which order its branches go on.
    #[must_use]
    pub fn start(world: &Shared, run: RunId, schedule: Schedule) -> Self {
        Self::of(world, run, None, schedule)
    }

    /// Starts the workflow of a bulk.
    #[must_use]
    pub fn start_bulk(world: &Shared, bulk: BulkId, schedule: Schedule) -> Self {
        Self::of(world, RunId::new(bulk.uuid()), Some(bulk), schedule)
    }

    fn of(world: &Shared, run: RunId, bulk: Option<BulkId>, schedule: Schedule) -> Self {
        let (world, journal) = (world.clone(), Journal::new(world.clone(), run));
        let mut instance =
            Self { run, bulk, world, journal, life: None, scheduler: Scheduler::default(), schedule, ended: false };
        instance.wake();
        instance
    }

    #[must_use]
    pub const fn run(&self) -> RunId {
        self.run
    }

    #[must_use]
    pub const fn world(&self) -> &Shared {
        &self.world
    }

    #[must_use]
    pub const fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Whether its body has returned. Then it never runs again.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether a process runs it: it was woken, and has neither crashed nor ended.
    #[must_use]
    pub const fn is_alive(&self) -> bool {
        self.life.is_some()
    }

    /// The earliest moment of virtual time at which one of its branches can go on.
    #[must_use]
    pub fn alarm_ms(&self) -> i64 {
        self.scheduler.alarm_ms()
    }

    /// Runs it again from the top, unless it runs or has ended.
    pub fn wake(&mut self) {
        if self.ended || self.life.is_some() {
            return;
        }
        let (run, journal) = (self.run, self.journal.clone());
        let ports = Ports { world: self.world.clone(), owner: Some((run, journal.clone())) };
        let ports = Arc::new(ports);
        self.scheduler = Scheduler::default();
        if let Some(bulk) = self.bulk {
            self.life = Some(Box::pin(async move { run_bulk(&journal, bulk_ports(ports), bulk).await }));
            return;
        }
        let mut models = ModelChoice::default();
        // Anthropic has the fall-back model of every call.
        if self.world.has(Mutation::FallbackNeverAsked) {
            models.without("anthropic");
        }
        let ports = WorkflowPorts {
            runs: ports.clone(),
            snapshots: ports.clone(),
            profiles: ports.clone(),
            model: ports.clone(),
            pictures: ports.clone(),
            progress: ports.clone(),
            clock: ports.clone(),
            telemetry: ports,
            models,
            // Time is virtual, so pauses can have their full length.
            pause_scale: 1.0,
        };
        self.life = Some(Box::pin(async move { analyse(&journal, ports, run).await }));
    }

    /// Kills its process, wherever its branches are. Returns how many steps were under way.
    pub fn crash(&mut self) -> usize {
        // Dropping the future is the crash. What was parked in the scheduler are branches of that future.
        self.scheduler = Scheduler::default();
        if self.life.take().is_some() { self.journal.crashed() } else { 0 }
    }

    /// A copy whose process dies right now, in a copy of the world, so that the past which both share is played only
    /// once. The copy is always dead, because a future cannot be cloned.
    #[must_use]
    pub fn fork_crashed(&self) -> Self {
        let world = self.world.fork();
        let journal = self.journal.fork(world.clone());
        if self.is_alive() {
            journal.crashed();
        }
        Self {
            run: self.run,
            bulk: self.bulk,
            world,
            journal,
            life: None,
            scheduler: Scheduler::default(),
            schedule: self.schedule,
            ended: self.ended,
        }
    }

    /// Lets one branch run to its next pause, and returns the crash points that branches reached: several where one
    /// branch splits into many.
    pub fn poll(&mut self) -> Vec<CrashPoint> {
        let Some(life) = self.life.as_mut() else { return vec![] };
        // An error means that not even the failure could be recorded. The sweep ends such a run.
        if let Poll::Ready(_failure_is_left_to_the_sweep) = self.world.go_on(life, &mut self.scheduler, self.schedule) {
            self.life = None;
            self.ended = true;
            self.journal.ended();
        }
        self.journal.take_crash_points()
    }
}
