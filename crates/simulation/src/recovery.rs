//! The real five-minute job as a task of the simulation.

use std::task::Poll;

use oslira_app::features::analysis::{config, recover_stale_runs};

use crate::{
    Shared,
    instance::Task,
    ports::Ports,
    scheduler::{Schedule, Scheduler},
};

/// One run of the job.
pub(crate) struct Recovery {
    world: Shared,
    task: Task<()>,
    scheduler: Scheduler,
}

impl Recovery {
    pub(crate) fn start(world: &Shared) -> Self {
        let shared = world.clone();
        let task = Box::pin(async move {
            let ports = Ports { world: shared.clone(), owner: None };
            let grace = async |pause| shared.sleep(pause).await;
            // A store that is down is the next job's problem.
            let _report = recover_stale_runs(&ports, &ports, &ports, config::STALE_WAKE, grace).await;
        });
        Self { world: world.clone(), task, scheduler: Scheduler::default() }
    }

    /// When it goes on, in virtual time.
    pub(crate) fn alarm_ms(&self) -> i64 {
        self.scheduler.alarm_ms()
    }

    /// Goes one moment further; true when the job is done.
    pub(crate) fn poll(&mut self) -> bool {
        matches!(self.world.go_on(&mut self.task, &mut self.scheduler, Schedule::InTurn), Poll::Ready(()))
    }
}
