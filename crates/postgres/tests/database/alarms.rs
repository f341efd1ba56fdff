//! Alarms: each opens once when its limit is crossed, is told until that is noted, and closes when it has been quiet for a while.

use jiff::{SignedDuration, Timestamp};
use oslira_app::{
    features::{
        alarms::{Alarm, AlarmLimits, AlarmStore as _, Crossing, CrossingKind, check_alarms},
        billing::{BillingStore as _, EventEnvelope},
        jobs::{JobRecords as _, JobReport},
        judging::{LifecycleStatus, LifecycleStore as _, ModelLifecycle, ModelName},
        operators::{EventId, OperatorDesk as _},
    },
    triggers::{Job, Queue},
};
use oslira_postgres::AdminDb;
use oslira_testkit::TestResult;
use serde_json::{Value, json};

use crate::support::{Stage, ai_usage, record_usage};

/// The default limits, as a document.
pub fn limits() -> Value {
    serde_json::to_value(AlarmLimits::default()).unwrap()
}

/// What begins and ends, as words: which, of what, and which end.
async fn told(admin: &AdminDb, limits: &AlarmLimits, now: Timestamp) -> Vec<String> {
    let crossings = admin.check(limits, now).await.unwrap();
    admin.note_told(&crossings).await.unwrap();
    let word = |crossing: &Crossing| {
        let end = match crossing.crossing {
            CrossingKind::Opened => "opened",
            CrossingKind::Closed => "closed",
        };
        format!("{} {} {end}", crossing.alarm, crossing.subject)
    };
    crossings.iter().map(word).collect()
}

/// Runs of a minute ago: complete ones that took so long, from the cache or not, and failed ones.
async fn ended(stage: &Stage, kind: &str, seconds: f64, cold: i32, cached: i32, failed: i32) -> TestResult {
    let account = stage.member.account_id;
    let sql = format!(
        "set session_replication_role = replica;
         insert into runs (id, account_id, username, analysis_type, status, phase, credits, charge_outcome, ai_started_at,
                           error_code, error_message, cache_hit, created_at, started_at, finished_at)
           select gen_random_uuid(), '{account}', 'n' || n, '{kind}', case when n <= {failed} then 'failed' else 'complete' end,
                  'saving', 1, case when n <= {failed} then 'refunded' else 'result' end, t.at,
                  case when n <= {failed} then 'stalled' end, case when n <= {failed} then 'x' end,
                  case when n > {failed} then n > {failed} + {cold} end, t.at - make_interval(secs => {seconds}), t.at, t.at
             from generate_series(1, {failed} + {cold} + {cached}) n, (select clock_timestamp() - interval '1 minute') as t (at);
         reset session_replication_role;"
    );
    Ok(stage.superuser.batch_execute(&sql).await?)
}

/// Lets every job have done its work, also until two hours from now.
async fn all_jobs_work(stage: &Stage) -> TestResult {
    for job in Job::ALL {
        let ran = "insert into job_runs (job, scheduled_for, finished_at, outcome, report)
                   values ($1, now(), now() + interval '2 hours', 'ok', '{}')";
        stage.execute(ran, &[&job.name()]).await?;
    }
    Ok(())
}

#[tokio::test]
async fn with_nothing_wrong_or_too_little_to_tell_no_alarm_begins() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let admin = stage.admin();
    assert_eq!(told(&admin, &AlarmLimits::default(), Timestamp::now()).await, [""; 0]);
    ended(&stage, "LIGHT", 60.0, 5, 0, 4).await?;
    assert_eq!(told(&admin, &AlarmLimits::default(), Timestamp::now()).await, [""; 0], "nine runs are too few");
    // Five failures are not: a night on which every run fails must not be silent.
    ended(&stage, "LIGHT", 60.0, 0, 0, 1).await?;
    assert_eq!(told(&admin, &AlarmLimits::default(), Timestamp::now()).await, ["success  opened"]);
    Ok(())
}

#[tokio::test]
async fn each_limit_of_runs_is_an_alarm_of_its_own() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let (admin, limits) = (stage.admin(), AlarmLimits::default());
    ended(&stage, "LIGHT", 10.0, 70, 30, 1).await?;
    ended(&stage, "DEEP", 24.0, 70, 30, 1).await?;
    assert_eq!(told(&admin, &limits, Timestamp::now()).await, [""; 0], "just within every limit");
    ended(&stage, "LIGHT", 12.0, 60, 0, 0).await?;
    ended(&stage, "XRAY", 26.0, 20, 0, 9).await?;
    let mut found = told(&admin, &limits, Timestamp::now()).await;
    found.sort();
    assert_eq!(found, ["cache_hits  opened", "latency LIGHT opened", "latency XRAY opened", "success  opened"]);
    assert_eq!(told(&admin, &limits, Timestamp::now()).await, [""; 0], "once");
    // Lines of bulks wait for each other, and do not count as slow.
    stage.superuser.batch_execute("set session_replication_role = replica").await?;
    stage.execute("update runs set bulk_id = gen_random_uuid(), bulk_line = 1", &[]).await?;
    stage.superuser.batch_execute("reset session_replication_role").await?;
    all_jobs_work(&stage).await?;
    let later = Timestamp::now() + SignedDuration::from_mins(31);
    let mut over = told(&admin, &limits, later).await;
    over.sort();
    assert_eq!(over, ["latency LIGHT closed", "latency XRAY closed"]);
    Ok(())
}

#[tokio::test]
async fn the_budget_is_compared_with_what_the_month_will_have_cost() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let run = stage.begun("nasa").await?;
    // Two dollars today, and two on each of the three days before.
    let mut bill = ai_usage();
    bill["cost_microusd"] = json!(2_000_000);
    for days in 0..4 {
        record_usage(&stage.backend, run, "ai", &days.to_string(), &bill).await?;
        let age =
            "update ai_usage_logs set created_at = created_at - make_interval(days => $2) where provider_key = $1";
        stage.execute(age, &[&days.to_string(), &days]).await?;
    }
    // Of the month's elapsed part and of its rest, by hand.
    let expected = "select (
             (select coalesce(sum(cost_microusd), 0) from ai_usage_logs
               where created_at at time zone 'UTC' >= date_trunc('month', n.now at time zone 'UTC'))
             + 2e6 * extract(epoch from date_trunc('month', n.now at time zone 'UTC') + interval '1 month'
                                          - n.now at time zone 'UTC') / 86400
           )::float8 / 1e6
      from (select $1::text::timestamptz) as n (now)";
    let now = Timestamp::now();
    let expected: f64 = stage.superuser.query_one(expected, &[&now.to_string()]).await?.get(0);
    let admin = stage.admin();
    let at = |dollars: f64| AlarmLimits { ai_budget_usd: dollars, ..AlarmLimits::default() };
    assert_eq!(told(&admin, &at(expected + 0.01), now).await, [""; 0]);
    let crossings = admin.check(&at(expected - 0.01), now).await.unwrap();
    assert_eq!(crossings[0].alarm, Alarm::AiBudget);
    assert!((crossings[0].value - expected).abs() < 0.001, "{crossings:?}");
    Ok(())
}

#[tokio::test]
async fn what_waits_was_given_up_or_ends_soon_is_an_alarm() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let (admin, limits) = (stage.admin(), AlarmLimits::default());
    let event = "insert into webhook_events (id, type, payload, outcome, received_at)
                 values ($1, 'x', '{}', $2, clock_timestamp() - make_interval(mins => $3))";
    for (id, outcome, minutes) in [("a", "received", 59), ("b", "waiting", 61), ("c", "waiting", 90)] {
        stage.execute(event, &[&id, &outcome, &minutes]).await?;
    }
    admin.note_dead_letters(Queue::AnalysisDead, 3).await.unwrap();
    admin.note_dead_letters(Queue::AnalysisDead, 4).await.unwrap();
    let model = |name, status, retires_on| ModelLifecycle { model: ModelName::fixed(name), status, retires_on };
    let today = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let in_days = |days: i64| Some(today + SignedDuration::from_hours(24 * days));
    let models = [
        model("openai/soon", LifecycleStatus::Deprecated, in_days(59)),
        model("openai/later", LifecycleStatus::Deprecated, in_days(60)),
        model("openai/gone", LifecycleStatus::Unlisted, None),
        model("openai/fine", LifecycleStatus::Active, None),
    ];
    admin.record(&models).await.unwrap();
    let mut found = told(&admin, &limits, Timestamp::now()).await;
    found.sort();
    let expected = [
        "dead_letters analysis-dead opened",
        "model_retiring openai/gone opened",
        "model_retiring openai/soon opened",
        "webhooks waiting opened",
    ];
    assert_eq!(found, expected);
    let value = "select value::float8 from alarms where alarm = 'dead_letters'";
    assert_eq!(stage.superuser.query_one(value, &[]).await?.get::<_, f64>(0), 7.0);
    // A day after the last one it is over; the next is a new alarm.
    stage.execute("update dead_letters set last_at = last_at - interval '25 hours'", &[]).await?;
    stage.execute("update alarms set seen_at = seen_at - interval '1 hour'", &[]).await?;
    assert_eq!(told(&admin, &limits, Timestamp::now()).await, ["dead_letters analysis-dead closed"]);
    admin.note_dead_letters(Queue::AnalysisDead, 1).await.unwrap();
    assert_eq!(told(&admin, &limits, Timestamp::now()).await, ["dead_letters analysis-dead opened"]);
    let counted = "select messages from dead_letters";
    assert_eq!(stage.superuser.query_one(counted, &[]).await?.get::<_, i64>(0), 1);
    Ok(())
}

const EVENT: &str = "insert into webhook_events (id, type, payload, outcome, processed_at, received_at)
                     values ($1, 'x', '{}', $2, case when $2 = 'ignored' then clock_timestamp() end,
                             clock_timestamp() - make_interval(mins => $3))";

#[tokio::test]
async fn one_event_that_is_stuck_does_not_hide_that_many_others_wait() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let (admin, limits) = (stage.admin(), AlarmLimits::default());
    stage.execute(EVENT, &[&"stuck", &"received", &7_200]).await?;
    assert_eq!(told(&admin, &limits, Timestamp::now()).await, ["webhooks received opened"]);
    for number in 2..=10 {
        stage.execute(EVENT, &[&format!("late {number}"), &"received", &61]).await?;
        stage.execute(EVENT, &[&format!("new {number}"), &"received", &59]).await?;
    }
    assert_eq!(told(&admin, &limits, Timestamp::now()).await, [""; 0], "ten that are late are not many");
    stage.execute(EVENT, &[&"late 11", &"received", &61]).await?;
    assert_eq!(told(&admin, &limits, Timestamp::now()).await, ["webhooks received-many opened"]);
    Ok(())
}

#[tokio::test]
async fn an_event_waits_since_the_endpoint_took_it_or_since_an_operator_put_it_back() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let (admin, limits) = (stage.admin(), AlarmLimits::default());
    stage.appoint(stage.member.user_id).await?;
    let operator = crate::operators::acting(stage.member.user_id);
    // Given up two days ago, and put back now.
    stage.execute(EVENT, &[&"evt_old", &"ignored", &2_880]).await?;
    stage.operators().replay_event(&operator, &EventId::parse("evt_old").unwrap()).await.unwrap();
    assert_eq!(told(&admin, &limits, Timestamp::now()).await, [""; 0]);
    stage.execute("update webhook_events set put_back_at = put_back_at - interval '61 minutes'", &[]).await?;
    assert_eq!(told(&admin, &limits, Timestamp::now()).await, ["webhooks received opened"]);
    stage.execute("delete from webhook_events", &[]).await?;
    stage.execute("delete from alarms", &[]).await?;
    // Two hours in the queue.
    let event = EventEnvelope {
        id: "evt_late".to_owned(),
        kind: "x".to_owned(),
        api_version: None,
        taken_at: Some(Timestamp::now() - SignedDuration::from_hours(2)),
    };
    assert!(admin.receive(&event, "{}", true).await.unwrap());
    assert_eq!(told(&admin, &limits, Timestamp::now()).await, ["webhooks received opened"]);
    Ok(())
}

#[tokio::test]
async fn a_job_that_did_not_succeed_for_too_long_is_an_alarm_also_if_it_never_ran() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let (admin, limits, now) = (stage.admin(), AlarmLimits::default(), Timestamp::now());
    let run = admin.begin(Job::SumUp, now).await.unwrap();
    admin.end(run, Ok(&JobReport::of(&json!({})))).await.unwrap();
    let failed = admin.begin(Job::ReplayEvents, now).await.unwrap();
    admin.end(failed, Err("no database")).await.unwrap();
    assert_eq!(told(&admin, &limits, now).await, [""; 0], "the deployment has just begun");
    let later = |hours: i64| Timestamp::now() + SignedDuration::from_hours(hours);
    let mut found = told(&admin, &limits, later(2)).await;
    found.sort();
    let often = ["check-alarms", "erase-subjects", "recover-runs"].map(|job| format!("job_silent {job} opened"));
    assert_eq!(found, often);
    let mut found = told(&admin, &limits, later(4)).await;
    found.sort();
    assert_eq!(found, ["replay-events", "sum-up"].map(|job| format!("job_silent {job} opened")));
    assert_eq!(told(&admin, &limits, later(28)).await.len(), 4, "the daily ones");
    // One that a later deployment adds has time until its first run is due.
    let mut newer = limits.clone();
    newer.jobs.insert("new-job", 1_800);
    for (hours, expected) in [(48, vec![]), (49, vec!["job_silent new-job opened"])] {
        let mut found = told(&admin, &newer, later(hours)).await;
        found.retain(|line| line.contains("new-job"));
        assert_eq!(found, expected, "{hours}");
    }
    Ok(())
}

#[tokio::test]
async fn an_alarm_that_comes_and_goes_is_one_and_is_told_until_that_is_noted() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let (admin, limits) = (stage.admin(), AlarmLimits::default());
    all_jobs_work(&stage).await?;
    admin.note_dead_letters(Queue::BillingDead, 1).await.unwrap();
    let start = Timestamp::now();
    let at = |minutes: i64| start + SignedDuration::from_mins(minutes);
    // Whoever was to tell it died. Until their time is over nobody else tells it, and then one of two jobs at once does.
    let first = admin.check(&limits, at(0)).await.unwrap();
    assert_eq!((first.len(), first[0].crossing, first[0].threshold), (1, CrossingKind::Opened, 0.0));
    assert!(admin.check(&limits, at(1)).await.unwrap().is_empty(), "it may be about to be told");
    let time_is_over = "update alarms set telling_until = telling_until - interval '2 minutes'";
    stage.execute(time_is_over, &[]).await?;
    let other = stage.admin();
    let (one, two) = tokio::join!(admin.check(&limits, at(5)), other.check(&limits, at(5)));
    assert_eq!((one.unwrap().len() + two.unwrap().len(), stage.count("alarms").await?), (1, 1));
    stage.execute(time_is_over, &[]).await?;
    assert_eq!(check_alarms(&admin, &limits, at(6)).await.unwrap().opened, 1);
    assert_eq!(check_alarms(&admin, &limits, at(7)).await.unwrap().opened, 0);
    // Quiet, but not for half an hour; then again; then for good.
    stage.execute("update dead_letters set last_at = last_at - interval '25 hours'", &[]).await?;
    assert_eq!(told(&admin, &limits, at(36)).await, [""; 0]);
    stage.execute("update dead_letters set last_at = last_at + interval '25 hours'", &[]).await?;
    assert_eq!(told(&admin, &limits, at(41)).await, [""; 0]);
    stage.execute("delete from dead_letters", &[]).await?;
    assert_eq!(told(&admin, &limits, at(70)).await, [""; 0]);
    assert_eq!(told(&admin, &limits, at(72)).await, ["dead_letters billing-dead closed"]);
    assert_eq!(told(&admin, &limits, at(77)).await, [""; 0]);
    Ok(())
}
