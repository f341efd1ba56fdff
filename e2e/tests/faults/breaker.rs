//! The circuit breaker: while a service is out, analyses that need it are refused before anything is charged.

use futures_util::future::join_all;
use oslira_e2e::{Answer, Fault, Stack, User, handle};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{alone, assert_failed};

/// Injects the fault into both model providers, for the calls about `username`.
async fn models_out(stack: &Stack, kind: &str, username: &str) -> [Fault; 2] {
    let more = json!({ "status": if kind == "status" { Some(503) } else { None } });
    [
        stack.plant("openai.chat", kind, username, more.clone()).await,
        stack.plant("anthropic.messages", kind, username, more).await,
    ]
}

async fn mend<const N: usize>(stack: &Stack, faults: [Fault; N]) {
    join_all(faults.map(|fault| stack.release(fault))).await;
}

/// Asserts a refusal because of an outage, with a retry time of at most `longest_s`.
fn assert_refused(case: &str, answer: &Answer, longest_s: u64) {
    let seconds = answer.refused_for(case, 503, "provider_unavailable")["retry_after_s"].as_u64().unwrap();
    assert!((1..=longest_s).contains(&seconds), "{case}: {seconds}");
    assert_eq!(answer.header("retry-after"), Some(seconds.to_string().as_str()), "{case}");
}

/// Lets the breaker's open time end now.
async fn let_the_time_pass(stack: &Stack) {
    let pass =
        "update service_outages set open_until = clock_timestamp() - interval '1 second' where open_until is not null";
    assert!(stack.sql().await.execute(pass, &[]).await.unwrap() > 0, "nothing was out");
}

#[tokio::test]
async fn without_money_at_both_providers_nothing_is_sold_until_the_time_has_passed() {
    let (_turn, stack) = alone().await;
    let (user, other) = (User::new(&stack, 20).await, User::new(&stack, 20).await);
    let (username, key) = (handle("coffee"), Uuid::new_v4().to_string());
    let faults = models_out(&stack, "insufficient_quota", &username).await;
    let accepted = user.analyze_once(&username, &key).await;
    let run = accepted.data(202)["run_id"].as_str().unwrap().to_owned();
    assert_failed(&user, "the one who met it", &user.end_of(&run).await, "ai_quota_exhausted").await;

    for analysis_type in ["LIGHT", "DEEP", "XRAY"] {
        for user in [&user, &other] {
            let answer = user.order(&user.analysis_as(&handle("coffee"), analysis_type)).await;
            assert_refused(analysis_type, &answer, 60);
        }
    }
    assert_eq!(other.get("/runs").await.data(200)["items"], json!([]), "no run came of it");
    let replayed = user.analyze_once(&username, &key).await;
    assert_eq!(replayed.data(202)["run_id"], json!(run), "an accepted request is answered again");
    assert_eq!(replayed.header("idempotency-replayed"), Some("true"));
    let estimate = other.get("/v1/estimate?analysis_type=DEEP").await;
    assert_eq!(estimate.data(200)["affordable"], true, "an estimate is no sale");
    user.settles_at(20).await;
    other.settles_at(20).await;

    mend(&stack, faults).await;
    let_the_time_pass(&stack).await;
    assert_eq!(user.analysed(&username).await["status"], "complete");
    assert_eq!(other.analysed(&username).await["status"], "complete");
    user.settles_at(19).await;
    other.settles_at(19).await;
    stack.close_breaker().await;
}

#[tokio::test]
async fn the_next_outage_after_the_time_has_passed_closes_for_longer() {
    let (_turn, stack) = alone().await;
    let user = User::new(&stack, 20).await;
    // The open time of an exhausted provider doubles with each outage in a row.
    for longest_s in [60, 120, 240] {
        let username = handle("coffee");
        let faults = models_out(&stack, "insufficient_quota", &username).await;
        assert_eq!(user.analysed(&username).await["status"], "failed");
        mend(&stack, faults).await;
        let answer = user.analyze(&handle("coffee")).await;
        assert_refused("after it", &answer, longest_s);
        assert!(answer.body["details"]["retry_after_s"].as_u64().unwrap() > longest_s / 2, "{}", answer.body);
        let_the_time_pass(&stack).await;
    }
    user.settles_at(20).await;
    stack.close_breaker().await;
}

#[tokio::test]
async fn with_money_at_one_provider_everything_is_sold() {
    let (_turn, stack) = alone().await;
    let user = User::new(&stack, 20).await;
    let username = handle("coffee");
    let openai = stack.plant("openai.chat", "insufficient_quota", &username, json!({})).await;
    assert_eq!(user.analysed(&username).await["status"], "complete", "the other one answers");
    mend(&stack, [openai]).await;
    assert_eq!(user.analysed(&handle("coffee")).await["status"], "complete", "OpenAI is out");
    stack.close_breaker().await;

    // Anthropic is asked only if OpenAI gives no answer. A 400 is such a case, but no outage of OpenAI.
    let openai = stack.plant("openai.chat", "status", &username, json!({ "status": 400 })).await;
    let anthropic = stack.plant("anthropic.messages", "insufficient_quota", &username, json!({})).await;
    assert_failed(&user, "both", &user.analysed(&username).await, "ai_quota_exhausted").await;
    mend(&stack, [openai, anthropic]).await;
    assert_eq!(user.analysed(&handle("coffee")).await["status"], "complete", "Anthropic is out");
    user.settles_at(17).await;
    stack.close_breaker().await;
}

#[tokio::test]
async fn a_scraper_that_refuses_us_stops_the_sale_at_once() {
    let (_turn, stack) = alone().await;
    let user = User::new(&stack, 20).await;
    let username = handle("coffee");
    let fault = stack.plant("apify.start", "status", &username, json!({ "status": 401 })).await;
    assert_failed(&user, "the one who met it", &user.analysed(&username).await, "scraper_unavailable").await;
    assert_refused("after it", &user.analyze(&handle("coffee")).await, 60);
    mend(&stack, [fault]).await;
    user.settles_at(20).await;
    stack.close_breaker().await;
}

/// A run for which every model fails.
async fn fail_at_the_models(stack: &Stack, user: &User, analysis_type: &str) -> Value {
    let username = handle("coffee");
    let faults = models_out(stack, "status", &username).await;
    let run = user.analysed_as(&username, analysis_type).await;
    mend(stack, faults).await;
    run
}

#[tokio::test]
async fn models_that_do_not_answer_several_runs_stop_the_sale_and_one_runs_trouble_does_not() {
    let (_turn, stack) = alone().await;
    let user = User::new(&stack, 20).await;
    // One run with four failed questions: enough failures, but the cause may be the run itself.
    let run = fail_at_the_models(&stack, &user, "XRAY").await;
    assert_failed(&user, "one run", &run, "ai_unavailable").await;
    assert_eq!(user.analysed(&handle("coffee")).await["status"], "complete", "still sold");

    let run = fail_at_the_models(&stack, &user, "LIGHT").await;
    assert_failed(&user, "another run", &run, "ai_unavailable").await;
    assert_refused("after both", &user.analyze(&handle("coffee")).await, 30);
    user.settles_at(19).await;
    stack.close_breaker().await;
}

#[tokio::test]
async fn what_an_operator_pauses_is_not_sold_until_they_resume_it_and_what_was_sold_goes_on() {
    let (_turn, stack) = alone().await;
    let (operator, user) = (User::new(&stack, 0).await, User::new(&stack, 9).await);
    operator.appoint().await;
    for service in ["apify", "all"] {
        let name = handle("coffee");
        // Its models keep it under way.
        let held = stack.hold("openai.chat", &name).await;
        let run = user.start(&name).await;
        stack.until_received("openai.chat", &name).await;
        let body = json!({ "service": service });
        let paused = operator.operate(Method::POST, "/operator/pauses", Some(&body)).await;
        assert_eq!(paused.data(200)["items"][0]["service"], service);
        assert_refused(service, &user.analyze(&handle("coffee")).await, 3_600);
        stack.release(held).await;
        assert_eq!(user.end_of(&run).await["status"], "complete", "{service}");
        let listed = operator.operate(Method::GET, "/operator/pauses", None).await;
        assert_eq!(listed.data(200)["items"].as_array().unwrap().len(), 1);
        let resumed = operator.operate(Method::POST, "/operator/pauses/resume", Some(&body)).await;
        assert_eq!(resumed.data(200)["items"], json!([]));
        assert_eq!(user.analysed(&handle("coffee")).await["status"], "complete", "{service}");
    }
    let over = json!({ "service": "all", "ends_at": "2026-01-01T00:00:00Z" });
    operator.operate(Method::POST, "/operator/pauses", Some(&over)).await.refused(422, "invalid_pause_end");
    user.settles_at(5).await;
}

#[tokio::test]
async fn the_models_of_a_paused_provider_are_not_asked_where_another_can_answer() {
    const TARGETS: [(&str, &str); 2] = [("openai", "openai.chat"), ("anthropic", "anthropic.messages")];
    let (_turn, stack) = alone().await;
    let (operator, user) = (User::new(&stack, 0).await, User::new(&stack, 9).await);
    operator.appoint().await;
    for (service, paused) in TARGETS {
        let body = json!({ "service": service });
        let answer = operator.operate(Method::POST, "/operator/pauses", Some(&body)).await;
        assert_eq!(answer.data(200)["items"][0]["service"], service);
        let name = handle("coffee");
        assert_eq!(user.analysed(&name).await["status"], "complete", "{service}");
        for (_, target) in TARGETS {
            assert_eq!(stack.received(target, &name).await.is_empty(), target == paused, "{target}, {service} paused");
        }
        let resumed = operator.operate(Method::POST, "/operator/pauses/resume", Some(&body)).await;
        assert_eq!(resumed.data(200)["items"], json!([]));
    }
    user.settles_at(7).await;
}
