//! The product's own five-minute job, which wakes and sweeps silent runs, as a task of the simulation.

use std::task::Poll;

use oslira_app::features::analysis::{Round, SystemBulks as _, config, recover_stale_runs};

use crate::{
    Shared,
    instance::Task,
    ports::Ports,
    scheduler::{Schedule, Scheduler},
};

/// More bulks than a history has.
const BULKS_MAX: u32 = 100;

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
            // Fails when a store is down; the next run of the job goes on.
            let _report =
                recover_stale_runs(&ports, &ports, &ports, Round::OfJob, config::STALE_WAKE, grace, &|_| {}).await;
            // As `crates/worker/src/schedule.rs` goes on.
            let _ended = ports.end_finished(BULKS_MAX).await;
        });
        Self { world: world.clone(), task, scheduler: Scheduler::default() }
    }

    /// The earliest moment of virtual time at which it can go on.
    pub(crate) fn alarm_ms(&self) -> i64 {
        self.scheduler.alarm_ms()
    }

    /// Goes one moment further; true when the job is done.
    pub(crate) fn poll(&mut self) -> bool {
        // The job has a single branch, for which every schedule is the same.
        matches!(self.world.go_on(&mut self.task, &mut self.scheduler, Schedule::InTurn), Poll::Ready(()))
    }
}
