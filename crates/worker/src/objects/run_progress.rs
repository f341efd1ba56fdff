//! The progress object of one run: a shell round [`Progress`].
//!
//! Promises: an id it was never told to create stores nothing; watchers are shown progress only with a membership proof
//! that is at most 60 s old; an alarm compares with the run's row until the end and deletes everything an hour after it.

use std::{cell::RefCell, collections::HashMap, time::Duration};

use jiff::Timestamp;
use oslira_app::{
    features::analysis::{Progress, ProgressCommand, ProgressLookup, ProgressOutcome, RunState, SystemRuns as _},
    shared::{clock::Clock as _, ids::UserId},
};
use serde::{Deserialize, Serialize};
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object, wasm_bindgen};

use crate::{adapters::PlatformClock, compose};

const KEY: &str = "record";
const RECONCILE_EVERY: Duration = Duration::from_secs(30);
const KEEP_AFTER_END: Duration = Duration::from_secs(3_600);
const PROOF_MS: i64 = 60_000;
const PROOFS_MAX: usize = 256;

/// A watcher's question.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LookRequest {
    /// Who asks.
    pub user: UserId,
    /// The run's row, if the caller has just seen it as this user.
    pub proof: Option<RunState>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Record {
    progress: Progress,
    ended_at: Option<Timestamp>,
}

/// The object.
#[durable_object]
pub struct RunProgress {
    state: State,
    env: Env,
    proofs: RefCell<HashMap<UserId, i64>>,
}

impl DurableObject for RunProgress {
    fn new(state: State, env: Env) -> Self {
        compose::isolate(&env);
        Self { state, env, proofs: RefCell::new(HashMap::new()) }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        match request.path().as_str() {
            "/command" => {
                let command: ProgressCommand = request.json().await?;
                self.obey(command).await?;
                Response::from_json(&true)
            }
            "/look" => {
                let question: LookRequest = request.json().await?;
                Response::from_json(&self.look(question).await?)
            }
            _ => Response::error("no such operation", 404),
        }
    }

    /// Never fails: an alarm that throws is lost after six retries.
    async fn alarm(&self) -> Result<Response> {
        if let Err(error) = self.tend().await {
            tracing::warn!(%error, "progress not reconciled; trying again");
            self.state.storage().set_alarm(RECONCILE_EVERY).await?;
        }
        Response::empty()
    }
}

impl RunProgress {
    async fn record(&self) -> Result<Option<Record>> {
        self.state.storage().get(KEY).await
    }

    async fn store(&self, record: &Record) -> Result<()> {
        self.state.storage().put(KEY, record).await
    }

    async fn obey(&self, command: ProgressCommand) -> Result<()> {
        let known = self.record().await?;
        match (command, known) {
            (ProgressCommand::Create { run_id, account_id }, None) => {
                self.store(&Record { progress: Progress::new(run_id, account_id), ended_at: None }).await?;
                self.state.storage().set_alarm(RECONCILE_EVERY).await
            }
            (ProgressCommand::Tell(update), Some(mut record)) => {
                let outcome = record.progress.apply(&update);
                self.keep(record, outcome).await
            }
            (ProgressCommand::Create { .. }, Some(_)) | (ProgressCommand::Tell(_), None) => Ok(()),
        }
    }

    /// Stores a changed record; the end moves the alarm to the time of deletion.
    async fn keep(&self, mut record: Record, outcome: ProgressOutcome) -> Result<()> {
        if outcome == ProgressOutcome::Unchanged {
            return Ok(());
        }
        if record.progress.view.status.is_terminal() {
            record.ended_at = Some(PlatformClock.now());
            self.state.storage().set_alarm(KEEP_AFTER_END).await?;
        }
        self.store(&record).await
    }

    async fn look(&self, question: LookRequest) -> Result<ProgressLookup> {
        let Some(mut record) = self.record().await? else {
            return Ok(ProgressLookup::Unknown);
        };
        let now_ms = PlatformClock.now().as_millisecond();
        if let Some(row) = question.proof {
            if row.account_id != record.progress.account_id {
                return Ok(ProgressLookup::Unknown);
            }
            let outcome = record.progress.reconcile(&row);
            self.keep(record.clone(), outcome).await?;
            self.remember(question.user, now_ms + PROOF_MS);
        }
        let proven = self.proofs.borrow().get(&question.user).is_some_and(|until| *until > now_ms);
        Ok(if proven { ProgressLookup::Seen(record.progress.view) } else { ProgressLookup::ProofNeeded })
    }

    fn remember(&self, user: UserId, until_ms: i64) {
        let mut proofs = self.proofs.borrow_mut();
        if proofs.len() >= PROOFS_MAX {
            proofs.clear();
        }
        proofs.insert(user, until_ms);
    }

    async fn tend(&self) -> Result<()> {
        let storage = self.state.storage();
        let Some(record) = self.record().await? else {
            return Ok(());
        };
        if let Some(ended_at) = record.ended_at {
            let age = PlatformClock.now().duration_since(ended_at);
            if age.as_secs() >= KEEP_AFTER_END.as_secs() as i64 {
                return storage.delete_all().await;
            }
            return storage.set_alarm(KEEP_AFTER_END).await;
        }
        let row = compose::admin(&self.env).state(record.progress.run_id).await;
        let Some(row) = row.map_err(|error| worker::Error::RustError(error.to_string()))? else {
            return storage.delete_all().await;
        };
        // The database was asked meanwhile, so news may have come in: only the present record is changed.
        let Some(mut record) = self.record().await?.filter(|record| record.ended_at.is_none()) else {
            return Ok(());
        };
        storage.set_alarm(RECONCILE_EVERY).await?;
        let outcome = record.progress.reconcile(&row);
        self.keep(record, outcome).await
    }
}
