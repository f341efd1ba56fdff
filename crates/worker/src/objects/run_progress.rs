//! The Durable Object of one run's progress: the shell round [`ProgressObject`].

use std::cell::RefCell;

use oslira_app::{
    features::analysis::{
        ProgressAlarm, ProgressCommand, ProgressEffect, ProgressObject, ProgressProofs, ProgressQuestion,
        RECONCILE_EVERY, SystemRuns as _,
    },
    shared::clock::Clock as _,
};
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object, wasm_bindgen};

use crate::{adapters::PlatformClock, compose};

const KEY: &str = "record";

#[durable_object]
pub struct RunProgress {
    state: State,
    env: Env,
    proofs: RefCell<ProgressProofs>,
}

impl DurableObject for RunProgress {
    fn new(state: State, env: Env) -> Self {
        // Starts logging: an object may be the first thing that runs in its isolate.
        compose::isolate(&env);
        Self { state, env, proofs: RefCell::default() }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        match request.path().as_str() {
            "/command" => {
                let command: ProgressCommand = request.json().await?;
                let effects = self.read().await?.apply(command, PlatformClock.now());
                self.carry_out(effects).await?;
                Response::from_json(&true)
            }
            "/look" => {
                let question: ProgressQuestion = request.json().await?;
                let mut object = self.read().await?;
                let (answer, effects) = object.look(&question, &mut self.proofs.borrow_mut(), PlatformClock.now());
                self.carry_out(effects).await?;
                Response::from_json(&answer)
            }
            _ => Response::error("no such operation", 404),
        }
    }

    /// Catches failures and sets the alarm again: the platform drops an alarm that has thrown in six retries.
    async fn alarm(&self) -> Result<Response> {
        if let Err(error) = self.reconcile().await {
            tracing::warn!(%error, "progress not reconciled; trying again");
            self.state.storage().set_alarm(RECONCILE_EVERY).await?;
        }
        Response::empty()
    }
}

impl RunProgress {
    /// Reads the record for each event; the runtime has it in memory, and holds other events back until it is read.
    async fn read(&self) -> Result<ProgressObject> {
        self.state.storage().get(KEY).await.map(ProgressObject::new)
    }

    async fn carry_out(&self, effects: Vec<ProgressEffect>) -> Result<()> {
        let storage = self.state.storage();
        for effect in effects {
            match effect {
                ProgressEffect::Store(record) => storage.put(KEY, record).await?,
                ProgressEffect::SetAlarm(after) => storage.set_alarm(after).await?,
                ProgressEffect::Delete => storage.delete_all().await?,
            }
        }
        Ok(())
    }

    async fn reconcile(&self) -> Result<()> {
        let effects = match self.read().await?.alarm(PlatformClock.now()) {
            ProgressAlarm::Do(effects) => effects,
            ProgressAlarm::ReadRow(run) => {
                let row = compose::admin(&self.env).state(run).await;
                let row = row.map_err(|error| worker::Error::RustError(error.to_string()))?;
                // Other events were let in while the database was asked, so the object is read again.
                self.read().await?.reconcile(row.as_ref(), PlatformClock.now())
            }
        };
        self.carry_out(effects).await
    }
}
