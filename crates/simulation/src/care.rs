//! The real five-minute job as a task of the simulation.

use std::task::{Context, Poll, Waker};

use oslira_app::features::analysis::{care_for_runs, config};

use crate::{Shared, instance::Task, ports::Ports};

/// One run of the job.
pub(crate) struct Care {
    world: Shared,
    task: Task<()>,
    pub(crate) alarm_ms: i64,
}

impl Care {
    pub(crate) fn start(world: &Shared) -> Self {
        let shared = world.clone();
        let task = Box::pin(async move {
            let ports = Ports { world: shared.clone(), owner: None };
            let grace = async |pause| shared.sleep(pause).await;
            // A store that is down is the next job's problem.
            let _report = care_for_runs(&ports, &ports, &ports, config::STALE_WAKE, grace).await;
        });
        Self { world: world.clone(), task, alarm_ms: 0 }
    }

    /// Goes one moment further; true when the job is done.
    pub(crate) fn poll(&mut self) -> bool {
        let polled = self.task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        self.alarm_ms = self.world.take_alarm().unwrap_or(0);
        matches!(polled, Poll::Ready(()))
    }
}
