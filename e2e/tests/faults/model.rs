//! Failing models, for an analysis with a single AI call: the fallback model answers, or the credits are refunded.

use futures_util::future::join_all;
use oslira_e2e::{Stack, User, handle};
use serde_json::{Value, json};

use crate::{Fault, assert_complete, assert_failed, beside_others};

const FIRST: &str = "openai.chat";
const SECOND: &str = "anthropic.messages";

/// How often each model was asked for the run, and how often it answered.
async fn asked(stack: &Stack, run: &Value) -> [(usize, usize); 2] {
    let id = run["id"].as_str().unwrap();
    let mut asked = [(0, 0); 2];
    for (target, count) in [FIRST, SECOND].into_iter().zip(&mut asked) {
        let calls = stack.received(target, id).await;
        *count = (calls.len(), calls.iter().filter(|call| call["status"] == 200).count());
    }
    asked
}

/// One run with the fault in these targets; also returns how often each model was asked.
async fn run_under(targets: &[&str], case: &str, (kind, more): &Fault) -> (User, Value, [usize; 2]) {
    let stack = Stack::load();
    let user = User::new(&stack, 5).await;
    let username = handle("coffee");
    let mut faults = Vec::new();
    for target in targets {
        faults.push(stack.plant(target, kind, &username, more.clone()).await);
    }
    let run = user.analysed_despite_outages(&username, "LIGHT").await;
    for fault in faults {
        stack.release(fault).await;
    }
    let [first, second] = asked(&stack, &run).await;
    let billed = user.bills("ai_usage_logs", run["id"].as_str().unwrap()).await.len();
    // An answer that breaks off has no usage that could be read, so it cannot be billed.
    let unread = usize::from(*kind == "truncate");
    assert_eq!(billed + unread, first.1 + second.1, "{case}: each answer is billed once");
    (user, run, [first.0, second.0])
}

fn passing() -> Vec<Fault> {
    vec![
        ("status", json!({ "status": 500 })),
        ("status", json!({ "status": 503 })),
        ("rate_limit", json!({ "retry_after_s": 1 })),
        ("overloaded", json!({})),
        ("drop", json!({})),
        ("malformed", json!({})),
        ("schema_violation", json!({})),
        ("length", json!({})),
    ]
}

fn lasting() -> Vec<Fault> {
    vec![
        ("insufficient_quota", json!({})),
        ("status", json!({ "status": 401 })),
        ("status", json!({ "status": 400 })),
        // Longer than `AI_PAUSE_MAX`: the next model is asked at once.
        ("rate_limit", json!({ "retry_after_s": 3600 })),
    ]
}

#[tokio::test]
async fn a_first_model_that_keeps_failing_is_replaced_after_three_attempts_or_at_once() {
    let _turn = beside_others().await;
    let cases = passing().into_iter().map(|fault| (fault, 3)).chain(lasting().into_iter().map(|fault| (fault, 1)));
    join_all(cases.map(|(fault, attempts)| async move {
        let case = format!("{fault:?}");
        let (user, run, asked) = run_under(&[FIRST], &case, &fault).await;
        assert_complete(&user, &case, &run).await;
        assert_eq!(asked, [attempts, 1], "{case}");
        assert_eq!(user.cost_of(&run).await["calls"][0]["fell_back"], true, "{case}: {run}");
        assert!(run["result"]["model"].as_str().unwrap().starts_with("claude-"), "{case}: {run}");
        user.settles_at(4).await;
    }))
    .await;
}

#[tokio::test]
async fn when_both_models_keep_failing_the_credits_come_back() {
    let _turn = beside_others().await;
    let code = |kind: &str| match kind {
        "malformed" | "schema_violation" => "ai_invalid_answer",
        "length" => "ai_truncated",
        "insufficient_quota" => "ai_quota_exhausted",
        _ => "ai_unavailable",
    };
    let cases = passing().into_iter().map(|fault| (fault, 3)).chain(lasting().into_iter().map(|fault| (fault, 1)));
    join_all(cases.map(|(fault, attempts)| async move {
        let case = format!("{fault:?}");
        let (user, run, asked) = run_under(&[FIRST, SECOND], &case, &fault).await;
        assert_failed(&user, &case, &run, code(fault.0)).await;
        assert_eq!(asked, [attempts, attempts], "{case}");
        user.settles_at(5).await;
        let again = user.analysed_despite_outages(run["username"].as_str().unwrap(), "LIGHT").await;
        assert_eq!(again["status"], "complete", "{case}: when the fault is gone, the same request succeeds: {again}");
        user.settles_at(4).await;
    }))
    .await;
}

#[tokio::test]
async fn a_refusal_is_final_whichever_model_refuses() {
    let (_turn, stack) = beside_others().await;
    let refusal = ("refusal", json!({}));
    let (user, run, asked) = run_under(&[FIRST], "first", &refusal).await;
    assert_failed(&user, "first", &run, "ai_refused").await;
    assert_eq!(asked, [1, 0]);
    user.settles_at(5).await;

    let user = User::new(&stack, 5).await;
    let username = handle("coffee");
    let down = stack.plant(FIRST, "insufficient_quota", &username, json!({})).await;
    let refusing = stack.plant(SECOND, "refusal", &username, json!({})).await;
    let run = user.analysed_despite_outages(&username, "LIGHT").await;
    assert_failed(&user, "second", &run, "ai_refused").await;
    assert_eq!((stack.release(down).await, stack.release(refusing).await), (1, 1));
    user.settles_at(5).await;
}

#[tokio::test]
async fn a_gateway_that_keeps_failing_takes_both_models_away() {
    let _turn = beside_others().await;
    let faults = vec![
        ("status", json!({ "status": 502 })),
        ("rate_limit", json!({})),
        ("drop", json!({})),
        ("truncate", json!({})),
        ("malformed", json!({})),
    ];
    join_all(faults.into_iter().map(|(kind, more)| async move {
        let stack = Stack::load();
        let user = User::new(&stack, 5).await;
        let username = handle("coffee");
        let fault = stack.plant("gateway", kind, &username, more).await;
        let run = user.analysed_despite_outages(&username, "LIGHT").await;
        // What is no completion is an unusable answer, and no outage.
        let code = if kind == "malformed" { "ai_invalid_answer" } else { "ai_unavailable" };
        assert_failed(&user, kind, &run, code).await;
        assert_eq!(stack.release(fault).await, 6, "{kind}: three attempts with each model");
        user.settles_at(5).await;
    }))
    .await;
}

#[tokio::test]
async fn one_fault_of_the_first_model_is_lived_through_without_the_second() {
    let _turn = beside_others().await;
    let mut faults = passing();
    faults.push(("truncate", json!({})));
    faults.push(("delay", json!({ "delay_ms": 1500 })));
    join_all(faults.into_iter().map(|(kind, mut more)| async move {
        more["times"] = json!(1);
        let fault = (kind, more);
        let case = format!("{fault:?}");
        let (user, run, asked) = run_under(&[FIRST], &case, &fault).await;
        assert_complete(&user, &case, &run).await;
        assert_eq!(asked, [if kind == "delay" { 1 } else { 2 }, 0], "{case}");
        assert_eq!(user.cost_of(&run).await["calls"][0]["fell_back"], false, "{case}: {run}");
        user.settles_at(4).await;
    }))
    .await;
}

/// A call is given up after 40 s, at every speed.
#[tokio::test]
async fn a_model_that_never_answers_is_asked_twice_and_then_the_other_one() {
    let _turn = beside_others().await;
    let silent = ("hold", json!({}));
    let first = async {
        let (user, run, asked) = run_under(&[FIRST], "first", &silent).await;
        assert_complete(&user, "first", &run).await;
        assert_eq!((asked, &user.cost_of(&run).await["calls"][0]["fell_back"]), ([2, 1], &json!(true)), "{run}");
        user.settles_at(4).await;
    };
    let both = async {
        let (user, run, asked) = run_under(&[FIRST, SECOND], "both", &silent).await;
        assert_failed(&user, "both", &run, "ai_unavailable").await;
        assert_eq!(asked, [2, 2]);
        user.settles_at(5).await;
    };
    futures_util::future::join(first, both).await;
}
