//! Models that are shut down: a run uses the remaining model, analyses are refused if none remains, and operators are
//! warned before.

use jiff::{SignedDuration, Timestamp};
use oslira_e2e::{Stack, User, handle};
use serde_json::{Value, json};

use crate::{alone, assert_complete, assert_failed};

const LUNA: &str = "openai/gpt-6-luna";
const TERRA: &str = "openai/gpt-6.1-terra";
const HAIKU: &str = "anthropic/claude-haiku-5-5";

/// The date `days` from today, in the form of the providers' lists.
fn in_days(days: i64) -> String {
    let day = Timestamp::now() + SignedDuration::from_hours(24 * days);
    day.to_string().split('T').next().unwrap().to_owned()
}

/// Restores all models and makes the stack forget what it knew of their shutdown.
async fn revive(stack: &Stack) {
    stack.restore_models().await;
    stack.run_daily_job().await;
    stack.close_breaker().await;
}

/// The breaker's state for a model: the kind of outage, and whether it is open for about a day. `None` if it is closed.
async fn outage(stack: &Stack, model: &str) -> Option<(String, bool)> {
    let sql = "select kind, open_until between clock_timestamp() + interval '23 hours' and clock_timestamp() + interval '24 hours'
        from service_outages where service = $1 and open_until > clock_timestamp()";
    stack.sql().await.query_opt(sql, &[&model]).await.unwrap().map(|row| (row.get(0), row.get(1)))
}

#[tokio::test]
async fn a_run_under_way_when_its_model_ends_is_answered_by_the_other_one_and_the_operator_told_once() {
    let (_turn, stack) = alone().await;
    let user = User::new(&stack, 20).await;
    let username = handle("coffee");
    let held = stack.hold("apify.poll", &username).await;
    let run = user.order(&user.analysis_as(&username, "DEEP")).await.data(202)["run_id"].as_str().unwrap().to_owned();
    stack.until_received("apify.poll", &username).await;
    let told = |stack: &Stack| {
        let log = stack.worker_log();
        let is_call = |line: &&str| line.contains("a service is out") && line.contains(LUNA) && line.contains("ERROR");
        log.lines().filter(is_call).count()
    };
    let before = told(&stack);
    stack.change_model(LUNA, json!({ "gone": true })).await;
    stack.release(held).await;

    let run = user.end_of(&run).await;
    assert_complete(&user, "in mid-run", &run).await;
    for call in user.cost_of(&run).await["calls"].as_array().unwrap() {
        assert_eq!((&call["fell_back"], &call["model"]), (&json!(true), &json!("claude-haiku-5-5")), "{call}");
    }
    assert_eq!(outage(&stack, LUNA).await, Some(("gone".to_owned(), true)));
    // Analyses are still accepted: every call has a model left, and OpenAI's other models are not affected.
    assert_eq!(user.analysed(&handle("coffee")).await["status"], "complete");
    let xray = user.analysed_as(&handle("coffee"), "XRAY").await;
    let cost = user.cost_of(&xray).await;
    let by = |name: &str| {
        let calls = cost["calls"].as_array().unwrap();
        calls.iter().find(|call| call["call"] == name).map(|call| call["model"].clone()).unwrap()
    };
    assert_eq!((by("openness"), by("deal")), (json!("gpt-6.1-terra"), json!("claude-haiku-5-5")));
    assert_eq!(told(&stack), before + 1, "three runs met it");
    user.settles_at(8).await;
    revive(&stack).await;
}

#[tokio::test]
async fn when_no_model_of_a_call_is_left_nothing_is_scraped_or_charged_until_one_is_offered_again() {
    let (_turn, stack) = alone().await;
    let user = User::new(&stack, 20).await;
    stack.change_model(LUNA, json!({ "gone": true })).await;
    stack.change_model(HAIKU, json!({ "gone": true })).await;
    let run = user.analysed(&handle("coffee")).await;
    assert_failed(&user, "the one who met it", &run, "ai_unavailable").await;

    for analysis_type in ["LIGHT", "DEEP", "XRAY"] {
        let username = handle("coffee");
        let answer = user.order(&user.analysis_as(&username, analysis_type)).await;
        let details = answer.refused_for(analysis_type, 503, "provider_unavailable");
        assert!(details["retry_after_s"].as_u64().unwrap() > 3_600, "{details}");
        assert_eq!(stack.received("apify.start", &username).await, Vec::<Value>::new(), "{analysis_type}");
    }
    // A list without the models does not reopen the sale, and a list that cannot be read changes nothing.
    stack.run_daily_job().await;
    assert!(user.analyze(&handle("coffee")).await.refused_for("unlisted", 503, "provider_unavailable").is_object());
    stack.restore_models().await;
    let unreadable = stack.plant("openai.other", "status", &Vec::<String>::new(), json!({ "status": 500 })).await;
    let silent = stack.plant("anthropic.other", "status", &Vec::<String>::new(), json!({ "status": 500 })).await;
    stack.run_daily_job().await;
    assert!(user.analyze(&handle("coffee")).await.refused_for("unread", 503, "provider_unavailable").is_object());
    assert_eq!((stack.release(unreadable).await, stack.release(silent).await), (1, 1));

    stack.run_daily_job().await;
    assert_eq!(user.analysed(&handle("coffee")).await["status"], "complete", "offered again, sold again");
    user.settles_at(19).await;
    revive(&stack).await;
}

#[tokio::test]
async fn readiness_and_the_list_of_models_tell_an_end_60_days_before() {
    let (_turn, stack) = alone().await;
    stack.run_daily_job().await;
    assert_eq!(stack.readiness_warnings().await, [""; 0]);
    let (listed, is_fine) = stack.xtask_models().await;
    let of = |listed: &Value, model: &str| {
        let mut rows = listed.as_array().unwrap().iter();
        rows.find(|row| row["model"] == model).unwrap_or_else(|| panic!("{listed}")).clone()
    };
    let luna = of(&listed, LUNA);
    assert_eq!((&luna["status"], &luna["retires_on"], is_fine), (&json!("active"), &Value::Null, true), "{luna}");
    assert_eq!((&luna["cache"]["breakpoint"], &luna["usd_per_million_tokens"]["output"]), (&json!(true), &json!(0.5)));
    assert_eq!(of(&listed, TERRA)["first_for"], json!(["openness"]));

    let (soon, later) = (in_days(59), in_days(61));
    stack.change_model(TERRA, json!({ "retires_on": soon })).await;
    stack.change_model(LUNA, json!({ "retires_on": later })).await;
    stack.run_daily_job().await;
    let warnings = stack.readiness_warnings().await;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    for said in [TERRA, &soon, "MODELS_OPENNESS"] {
        assert!(warnings[0].contains(said), "{warnings:?}");
    }
    let (listed, is_fine) = stack.xtask_models().await;
    assert_eq!((&of(&listed, LUNA)["retires_on"], is_fine), (&json!(later), true));

    stack.change_model(HAIKU, json!({ "gone": true })).await;
    stack.run_daily_job().await;
    let warnings = stack.readiness_warnings().await;
    assert!(warnings.iter().any(|warning| warning.contains(HAIKU) && warning.contains("not in its provider's list")));
    assert!(!stack.xtask_models().await.1, "a model that cannot be asked is no success");
    revive(&stack).await;
    assert_eq!(stack.readiness_warnings().await, [""; 0]);
}
