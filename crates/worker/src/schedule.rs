//! Scheduled jobs: which one a cron expression starts, and what each needs of this platform.

use jiff::{SignedDuration, tz::TimeZone};
use oslira_app::{
    features::{
        analysis::{Round, SystemBulks as _, config::STALE_WAKE, recover_stale_runs},
        judging::watch_models,
        profiles::forget_profiles,
    },
    shared::{clock::Clock as _, store::StoreError},
    triggers::Job,
};
use wasm_bindgen::{JsCast as _, JsValue, prelude::wasm_bindgen};
use worker::{Delay, Env};

use crate::{
    adapters::{Board, Launcher, PlatformClock},
    compose,
};

/// Runs the job of `cron`; an unknown expression runs nothing.
#[wasm_bindgen]
pub async fn scheduled(cron: String, env: JsValue) -> Result<(), JsValue> {
    let env: Env = env.unchecked_into();
    let local = compose::isolate(&env).config.deployment.environment.is_local();
    let Some(job) = Job::at(&cron, local) else {
        tracing::error!(cron, "no job belongs to this cron expression");
        return Err(js_sys::Error::new("no such job").into());
    };
    let done = match job {
        Job::RecoverRuns => recover_runs(&env, Round::OfJob, STALE_WAKE).await,
        Job::RecoverAllRuns => recover_runs(&env, Round::OfJob, SignedDuration::ZERO).await,
        Job::ForgetProfiles => forget(&env).await,
        Job::WatchModels => watch(&env).await,
    };
    done.map_err(|error| {
        tracing::error!(cron, ?job, %error, "a scheduled job failed");
        js_sys::Error::new("a scheduled job failed").into()
    })
}

/// Bulks that one job ends; the next one takes the rest.
const BULKS_MAX: u32 = 500;

/// One round: wakes runs without a heartbeat for `wake_age`, then fails those that stay silent, then ends bulks that are over. Lines
/// of a bulk that died before it started them are silent runs too: waking starts them.
pub async fn recover_runs(env: &Env, round: Round, wake_age: SignedDuration) -> Result<(), StoreError> {
    let (runs, launcher, board) = (compose::admin(env), Launcher::new(env), Board::new(env));
    let grace = async |duration| Delay::from(duration).await;
    let recovered = recover_stale_runs(runs.as_ref(), &launcher, &board, round, wake_age, grace).await;
    // Also after a sweep that failed: the bulks wait for nothing of it.
    let ended = runs.end_finished(BULKS_MAX).await?;
    let report = recovered?;
    let is_cut_short = report.is_cut_short;
    tracing::info!(woken = report.woken, swept = report.swept, ended, is_cut_short, "stale runs recovered");
    Ok(())
}

async fn forget(env: &Env) -> Result<(), StoreError> {
    let (records, pictures) = (compose::admin(env), compose::pictures(env, &compose::isolate(env).config));
    let report = forget_profiles(records.as_ref(), pictures.as_ref(), PlatformClock.now()).await?;
    if report.is_cut_short {
        tracing::error!("more pictures are abandoned than one job can delete; the rest is left");
    }
    tracing::info!(pictures = report.pictures, changes = report.changes, "personal data forgotten");
    Ok(())
}

async fn watch(env: &Env) -> Result<(), StoreError> {
    let isolate = compose::isolate(env);
    let config = &isolate.config;
    let (lists, database) = (compose::model_lists(config), compose::admin(env));
    let today = PlatformClock.now().to_zoned(TimeZone::UTC).date();
    watch_models(&config.models, &lists, &config.models_announced(), database.as_ref(), today).await
}
