//! The outside services failing: a failed run has a code and a sentence, and gives its credits back once; what passes
//! by itself is lived through.

use futures_util::future::join_all;
use oslira_e2e::{Stack, User, handle};
use serde_json::{Value, json};

async fn assert_failed(user: &User, case: &str, run: &Value, code: &str) {
    assert_eq!((&run["status"], &run["error"]["code"]), (&json!("failed"), &json!(code)), "{case}: {run}");
    assert_eq!(run["charge_outcome"], "refunded", "{case}: {run}");
    let sentence = run["error"]["message"].as_str().unwrap();
    assert!(sentence.contains("credits were returned"), "{case}: {sentence}");
    let id = run["id"].as_str().unwrap();
    assert_eq!(user.movements(id, "refund").await, 1, "{case}");
    let progress = user.get(&format!("/runs/{id}/progress")).await;
    let progress = progress.data(200);
    assert_eq!((&progress["status"], &progress["message"]), (&json!("failed"), &json!(sentence)), "{case}: {progress}");
}

/// Target, kind and more of a fault, as the sandbox takes it.
type Fault = (&'static str, &'static str, Value);

/// One run under a lasting fault fails with `code` after so many calls of the target; answers the run.
async fn fail_under((target, kind, more): Fault, code: &str, attempts: u64) -> Value {
    let case = format!("{target} {kind} {more}");
    let stack = Stack::load();
    let user = User::new(&stack, 5).await;
    let username = handle("coffee");
    let fault = stack.plant(target, kind, &username, more).await;
    let run = user.analysed(&username).await;
    assert_failed(&user, &case, &run, code).await;
    assert_eq!(stack.release(fault).await, attempts, "{case}: attempts");
    user.settles_at(5).await;

    let again = user.analysed(&username).await;
    assert_eq!(again["status"], "complete", "{case}: when the fault is gone, the same request succeeds: {again}");
    user.settles_at(4).await;
    run
}

/// The same for many faults, at once: most of the time is pauses.
async fn fail_under_each(faults: Vec<Fault>, code: &str, attempts: u64) {
    join_all(faults.into_iter().map(|fault| fail_under(fault, code, attempts))).await;
}

/// One run under a fault that strikes once; answers the username.
async fn survive((target, kind, mut more): Fault) -> String {
    let case = format!("{target} {kind} {more}");
    let stack = Stack::load();
    let user = User::new(&stack, 5).await;
    let username = handle("coffee");
    more["times"] = json!(1);
    let fault = stack.plant(target, kind, &username, more).await;
    let run = user.analysed(&username).await;
    assert_eq!((&run["status"], &run["charge_outcome"]), (&json!("complete"), &json!("result")), "{case}: {run}");
    assert_eq!(stack.release(fault).await, 1, "{case}");
    let id = run["id"].as_str().unwrap();
    assert_eq!(user.movements(id, "charge").await, 1, "{case}: a retry is not charged");
    let calls = stack.received("openai.chat", &username).await;
    let answered = calls.iter().filter(|call| call["status"] == 200).count();
    assert!((1..=answered).contains(&user.bills("ai_usage_logs", id).await.len()), "{case}: {calls:?}");
    user.settles_at(4).await;
    username
}

#[tokio::test]
async fn profiles_that_cannot_be_judged_fail_with_their_reason() {
    let stack = Stack::load();
    let user = User::new(&stack, 5).await;
    let cases =
        [("notfound", "profile_not_found"), ("private", "profile_private"), ("restricted", "profile_restricted")];
    for (prefix, code) in cases {
        let username = handle(prefix);
        let run = user.analysed(&username).await;
        assert_failed(&user, prefix, &run, code).await;
        assert_eq!(stack.received("apify.start", &username).await.len(), 1, "{prefix}: trying again cannot help");
        assert!(stack.received("openai.chat", &username).await.is_empty(), "{prefix}: nothing to judge");
        assert_eq!(user.bills("scrape_logs", run["id"].as_str().unwrap()).await.len(), 1, "{prefix}: billed");
    }
    user.settles_at(5).await;
}

#[tokio::test]
async fn a_scraper_that_keeps_failing_is_given_up_after_four_attempts() {
    let faults = vec![
        ("apify.start", "status", json!({ "status": 500 })),
        ("apify.start", "rate_limit", json!({})),
        ("apify.start", "drop", json!({})),
        ("apify.start", "truncate", json!({})),
        ("apify.run", "status", json!({ "status_text": "FAILED" })),
        ("apify.run", "status", json!({ "status_text": "TIMED-OUT" })),
        ("apify.run", "status", json!({ "status_text": "ABORTED" })),
    ];
    fail_under_each(faults, "scrape_failed", 4).await;
}

#[tokio::test]
async fn a_scrape_that_never_tells_its_result_is_asked_again_and_given_up() {
    let faults = vec![
        ("apify.poll", "drop", json!({})),
        ("apify.items", "status", json!({ "status": 503 })),
        ("apify.items", "truncate", json!({})),
        ("apify.items", "malformed", json!({})),
    ];
    // Each of the four scrapes is asked six times.
    fail_under_each(faults, "scrape_failed", 24).await;
}

#[tokio::test]
async fn a_scraper_that_refuses_us_is_not_asked_again() {
    let faults =
        vec![("apify.start", "status", json!({ "status": 401 })), ("apify.start", "insufficient_quota", json!({}))];
    fail_under_each(faults, "scraper_unavailable", 1).await;
}

#[tokio::test]
async fn an_ai_that_keeps_failing_is_given_up_after_three_attempts() {
    let faults = vec![
        ("openai.chat", "status", json!({ "status": 500 })),
        ("openai.chat", "status", json!({ "status": 503 })),
        ("openai.chat", "rate_limit", json!({ "retry_after_s": 1 })),
        ("openai.chat", "drop", json!({})),
        ("openai.chat", "truncate", json!({})),
    ];
    fail_under_each(faults, "ai_unavailable", 3).await;
}

#[tokio::test]
async fn an_ai_answer_that_is_unusable_each_time_is_billed_and_refunded() {
    let faults =
        [("malformed", "ai_invalid_answer"), ("schema_violation", "ai_invalid_answer"), ("length", "ai_truncated")];
    join_all(faults.map(|(kind, code)| async move {
        let run = fail_under(("openai.chat", kind, json!({})), code, 3).await;
        let count = "select count(*) from ai_usage_logs where run_id::text = $1";
        let sql = Stack::load().sql().await;
        let billed: i64 = sql.query_one(count, &[&run["id"].as_str().unwrap()]).await.unwrap().get(0);
        assert_eq!(billed, 3, "{kind}: each answer was paid for");
    }))
    .await;
}

#[tokio::test]
async fn what_a_repeat_cannot_mend_is_not_repeated() {
    fail_under(("openai.chat", "refusal", json!({})), "ai_refused", 1).await;
    fail_under(("openai.chat", "insufficient_quota", json!({})), "ai_quota_exhausted", 1).await;
    let faults = vec![
        ("openai.chat", "status", json!({ "status": 401 })),
        ("openai.chat", "status", json!({ "status": 400 })),
        ("openai.chat", "rate_limit", json!({ "retry_after_s": 3600 })),
    ];
    fail_under_each(faults, "ai_unavailable", 1).await;
}

#[tokio::test]
async fn one_fault_of_the_scraper_is_lived_through() {
    let faults = [
        ("apify.start", "status", json!({ "status": 502 })),
        ("apify.start", "rate_limit", json!({ "retry_after_s": 1 })),
        ("apify.start", "truncate", json!({})),
        ("apify.run", "status", json!({ "status_text": "FAILED" })),
    ];
    join_all(faults.map(survive)).await;
}

#[tokio::test]
async fn a_scrape_whose_result_is_late_or_lost_is_not_bought_twice() {
    let faults = [
        ("apify.poll", "status", json!({ "status": 500 })),
        ("apify.poll", "truncate", json!({})),
        ("apify.items", "drop", json!({})),
        ("apify.items", "malformed", json!({})),
        ("apify.run", "delay", json!({ "delay_ms": 1500 })),
    ];
    for username in join_all(faults.map(survive)).await {
        assert_eq!(Stack::load().received("apify.start", &username).await.len(), 1, "{username}");
    }
}

#[tokio::test]
async fn one_fault_of_the_ai_is_lived_through() {
    let faults = [
        ("openai.chat", "status", json!({ "status": 500 })),
        ("openai.chat", "rate_limit", json!({ "retry_after_s": 1 })),
        ("openai.chat", "drop", json!({})),
        ("openai.chat", "truncate", json!({})),
        ("openai.chat", "malformed", json!({})),
        ("openai.chat", "schema_violation", json!({})),
        ("openai.chat", "length", json!({})),
        ("openai.chat", "delay", json!({ "delay_ms": 1500 })),
    ];
    join_all(faults.map(survive)).await;
}
