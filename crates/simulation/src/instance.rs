//! One workflow instance: a body that runs, dies, and runs again from the top on the same journal.

use std::{future::Future, pin::Pin, sync::Arc, task::Poll};

use oslira_app::{
    features::{
        analysis::{WorkflowPorts, analyse},
        judging::ModelChoice,
    },
    shared::{ids::RunId, steps::StepFailed},
};

use crate::{
    CrashPoint, Journal, Mutation, Shared,
    ports::Ports,
    scheduler::{Schedule, Scheduler},
};

pub(crate) type Task<T> = Pin<Box<dyn Future<Output = T>>>;

/// A workflow instance under the simulation's engine.
pub struct Instance {
    run: RunId,
    world: Shared,
    journal: Journal,
    life: Option<Task<Result<(), StepFailed>>>,
    scheduler: Scheduler,
    schedule: Schedule,
    ended: bool,
}

impl Instance {
    /// Starts the workflow of `run`; its branches go on as the schedule says.
    #[must_use]
    pub fn start(world: &Shared, run: RunId, schedule: Schedule) -> Self {
        let (world, journal) = (world.clone(), Journal::new(world.clone(), run));
        let mut instance =
            Self { run, world, journal, life: None, scheduler: Scheduler::default(), schedule, ended: false };
        instance.wake();
        instance
    }

    /// Which run it works on.
    #[must_use]
    pub const fn run(&self) -> RunId {
        self.run
    }

    /// The world around it.
    #[must_use]
    pub const fn world(&self) -> &Shared {
        &self.world
    }

    /// Its memory.
    #[must_use]
    pub const fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Whether its body has returned; it never runs again.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether a process runs it.
    #[must_use]
    pub const fn is_alive(&self) -> bool {
        self.life.is_some()
    }

    /// When it goes on, in virtual time: the earliest moment at which one of its branches can.
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
        let mut models = ModelChoice::default();
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
            clock: ports,
            models,
            pause_scale: 1.0,
        };
        self.scheduler = Scheduler::default();
        self.life = Some(Box::pin(async move { analyse(&journal, ports, run).await }));
    }

    /// Kills its process, wherever its branches are. Answers how many steps were under way.
    pub fn crash(&mut self) -> usize {
        self.scheduler = Scheduler::default();
        if self.life.take().is_some() { self.journal.crashed() } else { 0 }
    }

    /// A copy whose process dies right now, in a world of its own: the past that both share is played once. Only a dead
    /// process can be copied, because a future cannot.
    #[must_use]
    pub fn fork_crashed(&self) -> Self {
        let world = self.world.fork();
        let journal = self.journal.fork(world.clone());
        if self.is_alive() {
            journal.crashed();
        }
        Self {
            run: self.run,
            world,
            journal,
            life: None,
            scheduler: Scheduler::default(),
            schedule: self.schedule,
            ended: self.ended,
        }
    }

    /// Lets one branch run to the next moment at which anything else could happen, and answers the points that branches
    /// reached: several where they part.
    pub fn poll(&mut self) -> Vec<CrashPoint> {
        let Some(life) = self.life.as_mut() else { return vec![] };
        if let Poll::Ready(_failure_is_left_to_the_sweep) = self.world.go_on(life, &mut self.scheduler, self.schedule) {
            self.life = None;
            self.ended = true;
            self.journal.ended();
        }
        self.journal.take_crash_points()
    }
}
