//! Diagnostics: what operators are told of a run and of everything since a moment is what the rows say, and asking is written down.

use jiff::{SignedDuration, Timestamp};
use oslira_app::{
    features::{
        alarms::{AlarmLimits, AlarmStore as _},
        analysis::RunStatus,
        diagnostics::{DiagnosticsStore as _, HealthSummary, RoundTripCount},
        jobs::{JobRecords as _, JobReport},
    },
    shared::{analysis_type::AnalysisType, ids::RunId, store::StoreError},
    triggers::{Job, Queue},
};
use oslira_testkit::TestResult;
use serde_json::json;
use uuid::Uuid;

use crate::{
    operators::acting,
    support::{Stage, ai_usage, complete, fail, record_usage, scrape_usage},
};

async fn with_operator(credits: i32) -> Result<Stage, oslira_testkit::Error> {
    let stage = Stage::with_credits(credits).await?;
    stage.appoint(stage.member.user_id).await?;
    Ok(stage)
}

async fn health(stage: &Stage, since: Option<Timestamp>) -> HealthSummary {
    let operator = acting(stage.member.user_id);
    stage.operators().health(&operator, since, &AlarmLimits::default()).await.unwrap()
}

#[tokio::test]
async fn round_trips_are_written_down_once_for_all_and_only_for_operators() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let (db, ann) = (stage.operators(), acting(stage.member.user_id));
    let count = RoundTripCount::new(100).unwrap();
    assert!(matches!(db.begin_round_trips(&ann, count).await, Err(StoreError::OperatorRequired)));
    stage.appoint(stage.member.user_id).await?;
    db.begin_round_trips(&ann, count).await.unwrap();
    for _ in 0..3 {
        db.round_trip().await.unwrap();
    }
    let rows =
        "operator_actions where action = 'measure_round_trips' and outcome = 'asked' and details = '{\"count\": 100}'";
    assert_eq!((stage.count(rows).await?, stage.count("operator_actions").await?), (1, 1));
    // The database keeps to the limit by itself.
    let session = stage.database.operator(stage.member.user_id).await?;
    for count in ["0", "101", "null"] {
        let call = format!("select operator.measure_round_trips({count}, 'Ticket 123: they asked')");
        assert_eq!(session.refusal(&call).await?.as_deref(), Some("22023"), "{count}");
    }
    Ok(())
}

#[tokio::test]
async fn a_runs_timings_are_its_times_and_its_calls() -> TestResult {
    let stage = with_operator(5).await?;
    let (db, ann) = (stage.operators(), acting(stage.member.user_id));
    let waiting = stage.begun("nasa").await?;
    let found = db.run_timings(&ann, RunId::new(waiting)).await.unwrap().unwrap();
    assert_eq!((found.status, found.waiting_ms, found.total_ms), (RunStatus::Pending, None, None));
    assert_eq!((found.scrapes, found.calls), (vec![], vec![]));

    let run = stage.begun_and("esa", "analyzing").await?;
    record_usage(&stage.backend, run, "scrape", "s1", &scrape_usage()).await?;
    record_usage(&stage.backend, run, "ai", "a1", &ai_usage()).await?;
    let mut unpriced = ai_usage();
    (unpriced["cost_microusd"], unpriced["reasoning_tokens"]) = (json!(0), json!(64));
    record_usage(&stage.backend, run, "ai", "a2", &unpriced).await?;
    complete(&stage.backend, run).await?;
    let times = "update runs set created_at = finished_at - interval '9 seconds' where id = $1";
    stage.execute(times, &[&run]).await?;
    let found = db.run_timings(&ann, RunId::new(run)).await.unwrap().unwrap();
    assert_eq!((found.status, found.analysis_type), (RunStatus::Complete, AnalysisType::Light));
    assert_eq!(found.total_ms, Some(9_000));
    let parts = [found.waiting_ms, found.reading_ms, found.judging_ms].map(Option::unwrap);
    assert!(parts.iter().sum::<u64>().abs_diff(9_000) <= 2, "the parts make the whole: {parts:?}");
    let scrape = &found.scrapes[0];
    assert_eq!((scrape.actor.as_str(), scrape.took_ms, scrape.usd), ("apify/instagram-profile-scraper", 6_500, 0.0026));
    let tokens: Vec<_> = found
        .calls
        .iter()
        .map(|call| (call.input_tokens, call.cached_tokens, call.cache_write_tokens, call.reasoning_tokens, call.usd))
        .collect();
    assert_eq!(tokens, [(1_500, 1_024, 7, 0, Some(0.000_412)), (1_500, 1_024, 7, 64, None)]);
    // Not whom it is about.
    assert!(!serde_json::to_string(&found).unwrap().contains("esa"));

    assert_eq!(db.run_timings(&ann, RunId::new(Uuid::now_v7())).await.unwrap(), None);
    let outcomes = "select array_agg(outcome || ' ' || (subject_id is not null) order by id) from operator_actions";
    let outcomes: Vec<String> = stage.superuser.query_one(outcomes, &[]).await?.get(0);
    assert_eq!(outcomes, ["ok true", "ok true", "not_found true"]);
    Ok(())
}

#[tokio::test]
async fn health_counts_what_began_and_ended_since_then_and_nothing_else() -> TestResult {
    let stage = with_operator(20).await?;
    let before = stage.begun_and("before", "analyzing").await?;
    complete(&stage.backend, before).await?;
    stage.execute("alter table runs disable trigger all", &[]).await?;
    stage
        .execute("update runs set created_at = now() - interval '2 days', finished_at = now() - interval '1 day'", &[])
        .await?;
    stage.execute("alter table runs enable trigger all", &[]).await?;
    let since = health(&stage, None).await.until;

    let nothing = health(&stage, Some(since)).await;
    assert_eq!((nothing.since, nothing.success_rate), (since, None));
    let kinds: Vec<_> = nothing.runs.iter().map(|run| (run.analysis_type, run.begun, run.complete)).collect();
    assert_eq!(kinds, [(AnalysisType::Deep, 0, 0), (AnalysisType::Light, 0, 0), (AnalysisType::Xray, 0, 0)]);

    for name in ["a", "b", "c"] {
        let run = stage.begun_and(name, "analyzing").await?;
        complete(&stage.backend, run).await?;
    }
    // One that says something of its profile, and one that says something of us.
    let private = stage.begun_and("d", "scraping").await?;
    fail(&stage.backend, private).await?;
    let ours = stage.begun_and("e", "scraping").await?;
    stage.backend.call("select system.fail_run($1, $2, $3)", &[&ours, &"scrape_failed", &"It failed."]).await?;
    stage.begun("f").await?;
    let summary = health(&stage, Some(since)).await;
    let light = summary.runs.iter().find(|run| run.analysis_type == AnalysisType::Light).unwrap();
    assert_eq!((light.begun, light.complete, light.failed, light.failed_by_us, light.refunded), (6, 3, 2, 1, 2));
    assert!(light.p95_ms.is_some_and(|p95| p95 < 60_000), "{light:?}");
    assert_eq!(summary.success_rate, Some(0.75));
    Ok(())
}

#[tokio::test]
async fn health_tells_of_events_queues_jobs_and_alarms() -> TestResult {
    let stage = with_operator(0).await?;
    let admin = stage.admin();
    let event = |id: &str, age: &str, put_back: &str| {
        format!(
            "insert into webhook_events (id, type, payload, received_at, put_back_at)
             values ('{id}', 'x', '{{}}', now() - interval '{age}', {put_back})"
        )
    };
    for sql in [
        event("evt_old", "3 days", "null"),
        event("evt_new", "10 minutes", "null"),
        event("evt_put_back", "3 days", "now() - interval '1 minute'"),
        "insert into webhook_events (id, type, outcome, processed_at) values ('evt_done', 'x', 'applied', now())"
            .to_owned(),
        "insert into dead_letters (queue, messages, last_at) values ('analysis-dead', 9, now() - interval '3 days')"
            .to_owned(),
    ] {
        stage.execute(&sql, &[]).await?;
    }
    admin.note_dead_letters(Queue::BillingDead, 2).await.unwrap();
    let now = Timestamp::now();
    let report = JobReport::of(&json!({}));
    for (job, outcome) in [(Job::SumUp, Ok(&report)), (Job::RecoverRuns, Err("out")), (Job::RecoverRuns, Ok(&report))] {
        let run = admin.begin(job, now).await.unwrap();
        admin.end(run, outcome).await.unwrap();
    }
    let aged =
        "update job_runs set finished_at = now() - interval '31 minutes', started_at = now() - interval '31 minutes'
                 where job = 'recover-runs' and outcome = 'ok'";
    stage.execute(aged, &[]).await?;
    let died =
        "insert into job_runs (job, scheduled_for, started_at) values ('sum-up', now(), now() - interval '16 minutes')";
    stage.execute(died, &[]).await?;
    admin.check(&AlarmLimits::default(), now).await.unwrap();

    let summary = health(&stage, Some(now - SignedDuration::from_hours(1))).await;
    let events = summary.webhooks;
    assert_eq!((events.unapplied, events.unapplied_before), (2, 1));
    assert!((600..660).contains(&events.oldest_wait_s), "{events:?}");
    let dead: Vec<_> = summary.dead_letters.iter().map(|dead| (dead.queue.as_str(), dead.messages)).collect();
    assert_eq!(dead, [(Queue::BillingDead.name(), 2)]);
    assert_eq!(summary.jobs.len(), Job::SCHEDULED.len());
    let job = |job: Job| {
        let found = summary.jobs.iter().find(|found| found.job == job.name()).unwrap();
        (found.ok, found.failed, found.died, found.is_silent)
    };
    assert_eq!(job(Job::RecoverRuns), (1, 1, 0, true), "its last success is too long ago");
    assert_eq!(job(Job::SumUp), (1, 0, 1, false));
    // It never ran, and is known since a moment ago only.
    assert_eq!(job(Job::CheckAlarms), (0, 0, 0, false));
    let alarms: Vec<_> = summary.alarms.iter().map(|alarm| alarm.alarm.as_str()).collect();
    assert!(alarms.contains(&"job_silent") && alarms.contains(&"dead_letters"), "{alarms:?}");

    let later = health(&stage, Some(Timestamp::now() + SignedDuration::from_hours(1))).await;
    assert_eq!(later.since, later.until, "what lies ahead is empty");
    assert_eq!((later.webhooks.unapplied, later.dead_letters.len()), (0, 0));
    let long_ago = health(&stage, Some(now - SignedDuration::from_hours(24 * 30))).await;
    assert_eq!(long_ago.until.duration_since(long_ago.since), SignedDuration::from_hours(24 * 8));
    Ok(())
}

#[tokio::test]
async fn a_job_that_never_ran_is_silent_after_a_while_also_where_no_alarm_was_ever_checked() -> TestResult {
    let stage = with_operator(0).await?;
    let silent = async |minutes: i64| {
        let summary = health(&stage, Some(Timestamp::now() - SignedDuration::from_mins(minutes))).await;
        summary.jobs.iter().filter(|job| job.is_silent).count()
    };
    assert_eq!(silent(29).await, 0);
    assert_eq!(silent(31).await, 3, "those that run every five or ten minutes");
    Ok(())
}
