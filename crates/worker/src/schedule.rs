//! Scheduled jobs: which one a cron expression starts, and what each needs of this platform.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use oslira_app::{
    features::{
        alarms::check_alarms,
        analysis::{RecoveryReport, Round, SystemBulks as _, config::STALE_WAKE, recover_stale_runs},
        billing::{reconcile, renew_subscriptions, replay_events},
        erasure::erase_subjects,
        insights::sum_up,
        jobs::{JobReport, moment, recorded},
        judging::{WatchReport, watch_models},
        retention::{CleanUpReport, clean_up},
    },
    shared::{
        clock::Clock as _,
        ids::RunId,
        store::StoreError,
        telemetry::{Ending, RunEnd, tell_ended},
    },
    triggers::Job,
};
use wasm_bindgen::{JsCast as _, JsValue, prelude::wasm_bindgen};
use worker::{Delay, Env};

use crate::{
    adapters::{Board, Launcher, PlatformClock, PlatformTelemetry},
    compose,
    isolate::{self, Isolate},
};

/// Runs the job of `cron`, which was scheduled for this time (in milliseconds since 1970); an unknown expression runs nothing.
#[wasm_bindgen]
pub async fn scheduled(cron: String, scheduled_ms: f64, env: JsValue) -> Result<(), JsValue> {
    let env: Env = env.unchecked_into();
    isolate::prepare(&env).await;
    let local = Isolate::of(&env).config.deployment.environment.is_local();
    let Some(job) = Job::at(&cron, local) else {
        tracing::error!(cron, "no job belongs to this cron expression");
        return Err(js_sys::Error::new("no such job").into());
    };
    let scheduled_for =
        scheduled_ms.is_finite().then(|| Timestamp::from_millisecond(scheduled_ms as i64).ok()).flatten();
    let now = moment(scheduled_for, PlatformClock.now(), local);
    let records = compose::admin(&env);
    // `recorded` has logged the cause.
    let work = run(job, &env, now);
    let done = recorded(records.as_ref(), &PlatformTelemetry, &PlatformClock, job, now, work).await;
    done.map(drop).map_err(|_| js_sys::Error::new("a scheduled job failed").into())
}

async fn run(job: Job, env: &Env, now: Timestamp) -> Result<JobReport, StoreError> {
    Ok(match job {
        Job::RecoverRuns => JobReport::of(&recover_runs(env, Round::OfJob, STALE_WAKE).await?),
        Job::RecoverAllRuns => JobReport::of(&recover_runs(env, Round::OfJob, SignedDuration::ZERO).await?),
        Job::CleanUp => JobReport::of(&remove_what_has_ended(env, now).await?),
        Job::EraseSubjects => JobReport::of(&erase_subjects(&compose::erase_job(env), now).await?),
        Job::SumUp => JobReport::of(&sum_up(compose::admin(env).as_ref(), now).await?),
        Job::CheckAlarms => {
            let isolate = Isolate::of(env);
            JobReport::of(&check_alarms(compose::admin(env).as_ref(), &isolate.config.alarms, now).await?)
        }
        Job::WatchModels => JobReport::of(&watch(env, now).await?),
        Job::RenewSubscriptions => JobReport::of(&renew_subscriptions(&compose::billing_jobs(env), now).await?),
        Job::ReplayEvents => JobReport::of(&replay_events(&compose::billing_jobs(env), now).await?),
        Job::ReconcileBilling => JobReport::of(&reconcile(&compose::billing_jobs(env), now).await?),
    })
}

/// Bulks that one job ends; the next one takes the rest.
const BULKS_MAX: u32 = 500;

/// One round: wakes runs without a heartbeat for `wake_age`, then fails those that stay silent, then ends bulks that are over. Lines
/// of a bulk that died before it started them are silent runs too: waking starts them.
pub async fn recover_runs(env: &Env, round: Round, wake_age: SignedDuration) -> Result<RecoveryReport, StoreError> {
    let (runs, launcher, board) = (compose::admin(env), Launcher::new(env), Board::new(env));
    let grace = async |duration| Delay::from(duration).await;
    let swept = |runs: &[RunId]| {
        tell_ended(&PlatformTelemetry, runs, RunEnd::Swept, Ending::default(), PlatformClock.now());
    };
    let recovered = recover_stale_runs(runs.as_ref(), &launcher, &board, round, wake_age, grace, &swept).await;
    // Also after a sweep that failed: the bulks wait for nothing of it.
    let bulks_ended = runs.end_finished(BULKS_MAX).await?;
    Ok(RecoveryReport { bulks_ended, ..recovered? })
}

async fn remove_what_has_ended(env: &Env, now: Timestamp) -> Result<CleanUpReport, StoreError> {
    let (database, pictures) = (compose::admin(env), compose::pictures(env, &Isolate::of(env).config));
    clean_up(database.as_ref(), pictures.as_ref(), database.as_ref(), now).await
}

async fn watch(env: &Env, now: Timestamp) -> Result<WatchReport, StoreError> {
    let isolate = Isolate::of(env);
    let config = &isolate.config;
    let (lists, database) = (compose::model_lists(&isolate), compose::admin(env));
    let today = now.to_zoned(TimeZone::UTC).date();
    watch_models(&config.models, &lists, &config.models_announced(), database.as_ref(), today).await
}
