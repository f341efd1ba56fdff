//! The ports of a bulk's workflow, and the invariants of bulks: a cancelled bulk has no active line, and a bulk ends when its lines
//! have ended, not before. That each line is charged and settled by itself, and that a line which has ended calls no
//! provider, is checked as for every run.

use std::sync::Arc;

use async_trait::async_trait;
use oslira_app::{
    features::analysis::{
        BulkPorts, NewTicket, ProgressBoard, ProgressLookup, RunState, SystemBulks, Tended, Transport, WatchQuestion,
        Watched,
    },
    shared::{
        ids::{AccountId, BulkId, RunId, UserId},
        store::StoreError,
    },
};

use crate::{Answer, BulkEnd, Op, ReferenceDatabase, ports::Ports};

/// What the workflow of a bulk can reach.
pub(crate) fn bulk_ports(ports: Arc<Ports>) -> BulkPorts {
    BulkPorts { bulks: ports.clone(), launcher: ports.clone(), progress: ports, pause_scale: 1.0 }
}

/// Bulks as they stand after an operation.
pub(crate) fn bulks_hold(database: &ReferenceDatabase) -> Result<(), String> {
    for (id, row) in &database.bulks {
        let active = row.runs.iter().find(|run| database.runs.get(run).is_some_and(crate::RunRow::is_active));
        match (&row.end, active) {
            (Some(BulkEnd::Cancelled(_)), Some(run)) => {
                return Err(format!("bulk {id} was cancelled, and its line {run} goes on"));
            }
            (Some(BulkEnd::Complete), Some(run)) => {
                return Err(format!("bulk {id} has ended before its line {run}"));
            }
            (_, None) | (None, Some(_)) => {}
        }
    }
    Ok(())
}

/// Every bulk has ended at the end of a history.
pub(crate) fn bulks_have_ended(database: &ReferenceDatabase) -> Result<(), String> {
    match database.bulks.iter().find(|(_, row)| row.end.is_none()) {
        Some((id, row)) => Err(format!("bulk {id} never ends: {row:?}")),
        None => Ok(()),
    }
}

#[async_trait]
impl SystemBulks for Ports {
    async fn tend(&self, bulk: BulkId) -> Result<Tended, StoreError> {
        match self.call(Op::TendBulk(bulk)).await? {
            Answer::Tended(tended) => Ok(tended),
            other => Err(crate::ports::mistaken(&other)),
        }
    }

    async fn beat_unstarted(&self, bulk: BulkId, runs: &[RunId]) -> Result<Vec<RunId>, StoreError> {
        match self.call(Op::BeatUnstarted(bulk, runs.to_vec())).await? {
            Answer::Waiting(runs) => Ok(runs),
            other => Err(crate::ports::mistaken(&other)),
        }
    }

    async fn end_finished(&self, limit: u32) -> Result<u32, StoreError> {
        match self.call(Op::EndFinishedBulks(limit)).await? {
            Answer::BulksEnded(count) => Ok(count),
            other => Err(crate::ports::mistaken(&other)),
        }
    }
}

/// Nobody watches in the simulation.
#[async_trait]
impl ProgressBoard for Ports {
    async fn create(&self, _: RunId, _: AccountId) {
        self.world.pause().await;
    }

    async fn look(&self, _: RunId, _: UserId) -> Result<ProgressLookup, String> {
        Ok(ProgressLookup::Unknown)
    }

    async fn look_with_proof(&self, _: RunId, _: UserId, _: &RunState) -> Result<ProgressLookup, String> {
        Ok(ProgressLookup::Unknown)
    }

    fn object_of(&self, run: RunId) -> Result<String, String> {
        Ok(run.to_string())
    }

    async fn keep_ticket(&self, _: RunId, _: &RunState, _: &NewTicket) -> Result<bool, String> {
        Ok(false)
    }

    async fn watch(&self, _: &WatchQuestion, _: Transport) -> Result<Watched, String> {
        Err("nobody watches here".to_owned())
    }
}
