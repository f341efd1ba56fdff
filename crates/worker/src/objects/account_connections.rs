//! The Durable Object of one account's open connections: the shell round [`OpenConnections`].

use std::time::Duration;

use oslira_app::{
    features::analysis::{
        ConnectionsChange, ConnectionsEffect, ConnectionsRecord, OpenConnections, STREAMS_OF_ACCOUNT_MAX,
    },
    shared::clock::Clock as _,
};
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object, wasm_bindgen};

use crate::{adapters::PlatformClock, isolate::Isolate};

const KEY: &str = "record";
/// After an alarm that failed because of the platform.
const AGAIN_AFTER: Duration = Duration::from_secs(60);

#[durable_object]
pub struct AccountConnections {
    state: State,
}

impl DurableObject for AccountConnections {
    fn new(state: State, env: Env) -> Self {
        // Starts logging: an object may be the first thing that runs in its isolate.
        Isolate::of(&env);
        Self { state }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let change: ConnectionsChange = request.json().await?;
        let (has_room, effects) = self.read().await?.apply(&change, PlatformClock.now());
        self.carry_out(effects).await?;
        Response::from_json(&has_room)
    }

    /// Catches failures and sets the alarm again: the platform drops an alarm that has thrown in six retries.
    async fn alarm(&self) -> Result<Response> {
        let looked_after = async {
            let effects = self.read().await?.alarm(PlatformClock.now());
            self.carry_out(effects).await
        };
        if let Err(error) = looked_after.await {
            tracing::warn!(%error, "an account's connections were not looked after; trying again");
            self.state.storage().set_alarm(AGAIN_AFTER).await?;
        }
        Response::empty()
    }
}

impl AccountConnections {
    /// Reads the record for each event; the runtime has it in memory, and holds other events back until it is read.
    async fn read(&self) -> Result<OpenConnections> {
        let record = self.state.storage().get::<ConnectionsRecord>(KEY).await?;
        Ok(OpenConnections::new(STREAMS_OF_ACCOUNT_MAX, record))
    }

    async fn carry_out(&self, effects: Vec<ConnectionsEffect>) -> Result<()> {
        let storage = self.state.storage();
        for effect in effects {
            match effect {
                ConnectionsEffect::Store(record) => storage.put(KEY, &record).await?,
                ConnectionsEffect::SetAlarm(after) => storage.set_alarm(after).await?,
                ConnectionsEffect::Delete => storage.delete_all().await?,
            }
        }
        Ok(())
    }
}
