//! Time, identifiers and readiness.

use std::{cell::RefCell, sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use oslira_app::{
    features::{
        auth::Pause,
        health::{DatabaseState, Readiness, binding_faults},
        judging::ModelLifecycle,
    },
    shared::{
        clock::Clock,
        ids::{Ids, RunId},
        store::StoreError,
    },
};
use oslira_postgres::TenantDb;
use uuid::{NoContext, Uuid};
use worker::{Delay, Env, send::SendFuture};

use super::traffic::limiter;
use crate::config::Config;

/// Readiness needs no token, so the database's answer is kept: a flood of requests must not become a flood of queries.
const ANSWER_KEPT_MS: i64 = 1_000;

thread_local! {
    static ANSWERED: RefCell<Option<(i64, DatabaseState)>> = const { RefCell::new(None) };
}

/// The runtime's clock. It stands still between I/O, as a defence against timing attacks.
pub struct PlatformClock;

impl Clock for PlatformClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock of the port")]
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(js_sys::Date::now() as i64).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

/// A timer of the request that waits: the runtime lets no request go on when another's work ends.
pub struct PlatformPause;

#[async_trait]
impl Pause for PlatformPause {
    async fn pause(&self, time: Duration) {
        SendFuture::new(Delay::from(time)).await;
    }
}

/// Identifiers from the runtime's random source.
pub struct PlatformIds;

impl Ids for PlatformIds {
    #[expect(clippy::disallowed_methods, reason = "this is where new identifiers come from")]
    fn run_id(&self) -> RunId {
        let now = PlatformClock.now();
        let seconds = u64::try_from(now.as_second()).unwrap_or(0);
        let nanoseconds = u32::try_from(now.subsec_nanosecond()).unwrap_or(0);
        RunId::new(Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, seconds, nanoseconds)))
    }

    #[expect(clippy::disallowed_methods, reason = "this is where new identifiers come from")]
    fn request_id(&self) -> String {
        Uuid::new_v4().to_string()
    }

    #[expect(clippy::disallowed_methods, reason = "this is where new identifiers come from")]
    fn secret(&self) -> String {
        // 122 random bits each.
        format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
    }
}

/// Readiness of this deployment.
pub struct PlatformReadiness {
    env: Env,
    tenant: Arc<TenantDb>,
    environment: String,
    release: String,
    faults: Vec<String>,
    announced: Vec<ModelLifecycle>,
}

impl PlatformReadiness {
    pub fn new(env: &Env, tenant: Arc<TenantDb>, config: &Config) -> Self {
        Self {
            env: env.clone(),
            tenant,
            environment: config.deployment.environment.to_string(),
            release: config.release.clone(),
            faults: config.faults().to_vec(),
            announced: config.models_announced(),
        }
    }

    async fn ask(&self) -> Result<DatabaseState, StoreError> {
        if !self.tenant.is_uncached().await? {
            return Ok(DatabaseState::Cached);
        }
        Ok(DatabaseState::Answers { models: self.tenant.model_lifecycles().await? })
    }
}

#[async_trait]
impl Readiness for PlatformReadiness {
    fn config_faults(&self) -> Vec<String> {
        let env = &self.env;
        let missing = binding_faults(|name| limiter(env, name).is_ok(), |name| env.kv(name).is_ok());
        [self.faults.clone(), missing].concat()
    }

    async fn database(&self) -> DatabaseState {
        let now_ms = PlatformClock.now().as_millisecond();
        let kept = ANSWERED.with_borrow(|kept| kept.clone().filter(|(until_ms, _)| *until_ms > now_ms));
        if let Some((_, state)) = kept {
            return state;
        }
        let state = self.ask().await.unwrap_or_else(|error| {
            tracing::error!(%error, "the database does not answer the readiness check");
            DatabaseState::Silent
        });
        // A failure is not kept: whoever asks again wants to know whether it is over.
        if state != DatabaseState::Silent {
            ANSWERED.set(Some((now_ms + ANSWER_KEPT_MS, state.clone())));
        }
        state
    }

    fn models_announced(&self) -> Vec<ModelLifecycle> {
        self.announced.clone()
    }

    fn environment(&self) -> &str {
        &self.environment
    }

    fn release(&self) -> &str {
        &self.release
    }
}
