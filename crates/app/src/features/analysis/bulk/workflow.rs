//! The durable body of a bulk: it starts the ordinary workflow of each line, waits until all have ended, and ends the
//! bulk.
//!
//! Promises: a line that is no longer pending is not started; lines that wait for their start have a heartbeat; what a
//! line's own workflow retries is not retried here. If this body dies, nothing is lost: the five-minute job starts lines
//! without a heartbeat, and ends the bulk.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;

use super::{SystemBulks, Tended};
use crate::{
    features::analysis::{ProgressBoard, RunLauncher},
    shared::{
        ids::{AccountId, BulkId, RunId},
        steps::{AttemptFailed, StepFailed, Steps},
    },
};

/// How many lines one step starts.
const GROUP: usize = 25;
/// A look costs one query, a short list ends in a minute, and most of a long one does.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LATER_PAUSE: Duration = Duration::from_secs(30);
const FIRST_LOOKS: u32 = 24;
/// About six hours. No run lasts that long, so something is wrong, and the five-minute job ends the bulk.
const LOOKS_MAX: u32 = 720;

/// What the workflow of a bulk can reach. Cheap to clone: each step takes its own.
#[derive(Clone)]
pub struct BulkPorts {
    pub bulks: Arc<dyn SystemBulks>,
    /// Starts the workflows of the lines.
    pub launcher: Arc<dyn RunLauncher>,
    pub progress: Arc<dyn ProgressBoard>,
    /// Factor on every pause; 1 except on a local stack that runs faster than real time.
    pub pause_scale: f64,
}

/// Runs one leg of a bulk to its end.
///
/// # Errors
/// [`StepFailed`] when the database was down for longer than the retries last; the five-minute job then goes on.
pub async fn run_bulk<S: Steps>(steps: &S, ports: BulkPorts, bulk: BulkId) -> Result<(), StepFailed> {
    let begun = look(steps, &ports, bulk, "begin").await?;
    let Some(account) = begun.account_id else {
        return Ok(());
    };
    let mut waiting = begun.pending.as_slice();
    for number in 1_u32.. {
        let Some((group, _)) =
            waiting.split_at_checked(GROUP.min(waiting.len())).filter(|(group, _)| !group.is_empty())
        else {
            break;
        };
        // A group that cannot be started keeps no other from its start: the job starts it, or refunds it.
        if let Err(error) = start(steps, &ports, account, bulk, number, waiting, group.len()).await {
            tracing::error!(bulk_id = %bulk, %error, "lines of a bulk could not be started");
        }
        waiting = waiting.get(group.len()..).unwrap_or_default();
    }
    for number in 1..=LOOKS_MAX {
        if look(steps, &ports, bulk, &format!("look-{number}")).await?.active == 0 {
            return Ok(());
        }
        let pause = if number <= FIRST_LOOKS { FIRST_PAUSE } else { LATER_PAUSE };
        steps.sleep(&format!("pause-{number}"), pause.mul_f64(ports.pause_scale)).await?;
    }
    tracing::error!(bulk_id = %bulk, "a bulk has not ended; it is left to the five-minute job");
    Ok(())
}

async fn look<S: Steps>(steps: &S, ports: &BulkPorts, bulk: BulkId, name: &str) -> Result<Tended, StepFailed> {
    let bulks = ports.bulks.clone();
    steps
        .run_as(name, move || {
            let bulks = bulks.clone();
            async move { Ok(bulks.tend(bulk).await?) }
        })
        .await
}

/// Starts the first `count` of the lines that wait, those of them that still do, and beats for all.
async fn start<S: Steps>(
    steps: &S,
    ports: &BulkPorts,
    account: AccountId,
    bulk: BulkId,
    number: u32,
    waiting: &[RunId],
    count: usize,
) -> Result<(), StepFailed> {
    let (ports, waiting): (_, Arc<[RunId]>) = (ports.clone(), waiting.into());
    steps
        .run(&format!("start-{number}"), move || {
            let (ports, waiting) = (ports.clone(), waiting.clone());
            async move {
                let pending = ports.bulks.beat_unstarted(bulk, &waiting).await?;
                let group: Vec<RunId> =
                    waiting.iter().take(count).filter(|run| pending.contains(run)).copied().collect();
                join_all(group.iter().map(|run| ports.progress.create(*run, account))).await;
                launch(&ports, &group).await
            }
        })
        .await
}

async fn launch(ports: &BulkPorts, group: &[RunId]) -> Result<(), AttemptFailed> {
    let Err(cause) = ports.launcher.start_many(group).await else {
        return Ok(());
    };
    tracing::warn!(cause, "lines of a bulk not started together; each goes to the queue");
    for run in group {
        ports.launcher.enqueue(*run).await.map_err(AttemptFailed::Retryable)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
