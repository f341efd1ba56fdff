//! One workflow instance: a body that runs, dies, and runs again from the top on the same journal.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use oslira_app::{
    features::analysis::{WorkflowPorts, analyse, config},
    shared::{ids::RunId, steps::StepFailed},
};

use crate::{Journal, Place, Shared, ports::Ports};

pub(crate) type Task<T> = Pin<Box<dyn Future<Output = T>>>;

/// A workflow instance under the simulation's engine.
pub struct Instance {
    run: RunId,
    world: Shared,
    journal: Journal,
    life: Option<Task<Result<(), StepFailed>>>,
    ended: bool,
    alarm_ms: i64,
}

impl Instance {
    /// Starts the workflow of `run`.
    #[must_use]
    pub fn start(world: &Shared, run: RunId) -> Self {
        let journal = Journal::new(world.clone());
        let mut instance = Self { run, world: world.clone(), journal, life: None, ended: false, alarm_ms: 0 };
        instance.wake();
        instance
    }

    /// Which run it works on.
    #[must_use]
    pub const fn run(&self) -> RunId {
        self.run
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

    /// Whether a process works on it.
    #[must_use]
    pub const fn is_alive(&self) -> bool {
        self.life.is_some()
    }

    /// When it goes on, in virtual time.
    #[must_use]
    pub const fn alarm_ms(&self) -> i64 {
        self.alarm_ms
    }

    /// Runs it again from the top, unless it runs or has ended.
    pub fn wake(&mut self) {
        if self.ended || self.life.is_some() {
            return;
        }
        let (run, journal) = (self.run, self.journal.clone());
        let ports = Ports { world: self.world.clone(), owner: Some((run, journal.clone())) };
        let ports = Arc::new(ports);
        let ports = WorkflowPorts {
            runs: ports.clone(),
            snapshots: ports.clone(),
            profiles: ports.clone(),
            model: ports.clone(),
            progress: ports.clone(),
            clock: ports,
            light_model: config::LIGHT_MODEL,
            pause_scale: 1.0,
        };
        self.alarm_ms = 0;
        self.life = Some(Box::pin(async move { analyse(&journal, ports, run).await }));
    }

    /// Kills its process, wherever it is.
    pub fn crash(&mut self) {
        if self.life.take().is_some() {
            self.journal.crashed();
            self.world.lock().crashed(self.run);
        }
    }

    /// Lets it run to the next moment at which anything else could happen, and answers where it stands.
    pub fn poll(&mut self) -> Place {
        let Some(life) = self.life.as_mut() else { return Place::Elsewhere };
        let polled = life.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        self.alarm_ms = self.world.take_alarm().unwrap_or(0);
        if let Poll::Ready(_failure_is_left_to_the_sweep) = polled {
            self.life = None;
            self.ended = true;
        }
        self.journal.place()
    }
}
