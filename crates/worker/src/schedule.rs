//! Cron: every five minutes, care for runs that lost their engine (the local stack also calls it once when it starts); once
//! a day, a look at which models end soon.

use jiff::{SignedDuration, tz::TimeZone};
use oslira_app::{
    features::{
        analysis::{config::STALE_WAKE, recover_stale_runs},
        judging::watch_models,
    },
    shared::{clock::Clock as _, store::StoreError},
};
use wasm_bindgen::{JsCast as _, JsValue, prelude::wasm_bindgen};
use worker::{Delay, Env};

use crate::{
    adapters::{Board, Launcher, PlatformClock},
    compose,
};

/// Sent by the local runner when it starts: every engine has just died, so every active run is woken.
const LOCAL_START: &str = "@start";
/// As in `wrangler.jsonc`.
const DAILY: &str = "0 5 * * *";

/// Runs the job of `cron`.
#[wasm_bindgen]
pub async fn scheduled(cron: String, env: JsValue) -> Result<(), JsValue> {
    let env: Env = env.unchecked_into();
    let (job, done) = match cron.as_str() {
        DAILY => ("watch models", models(&env).await),
        _ => ("care for runs", runs(&cron, &env).await),
    };
    done.map_err(|error| {
        tracing::error!(cron, job, %error, "a scheduled job failed");
        js_sys::Error::new(&format!("{job} failed")).into()
    })
}

async fn runs(cron: &str, env: &Env) -> Result<(), StoreError> {
    let starting = cron == LOCAL_START && compose::isolate(env).config.deployment.environment.is_local();
    let wake_age = if starting { SignedDuration::ZERO } else { STALE_WAKE };
    let (runs, launcher, board) = (compose::admin(env), Launcher::new(env), Board::new(env));
    let grace = async |duration| Delay::from(duration).await;
    let report = recover_stale_runs(runs.as_ref(), &launcher, &board, wake_age, grace).await?;
    tracing::info!(cron, woken = report.woken, swept = report.swept, "care for runs");
    Ok(())
}

async fn models(env: &Env) -> Result<(), StoreError> {
    let isolate = compose::isolate(env);
    let config = &isolate.config;
    let (lists, database) = (compose::model_lists(config), compose::admin(env));
    let today = PlatformClock.now().to_zoned(TimeZone::UTC).date();
    watch_models(&config.models, &lists, &config.models_announced(), database.as_ref(), today).await
}
