//! One of several AI calls of a run fails: only this call is repeated or sent to the fallback model. Every other call
//! is sent and billed once, and the run ends with either a result or a refund.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, stream};
use oslira_e2e::{Stack, User, handle};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Fault, assert_complete, assert_failed, beside_others};

const DEEP: (&str, &[&str]) = ("DEEP", &["verdict", "needs", "approach", "outreach", "personality"]);
const XRAY: (&str, &[&str]) = ("XRAY", &["verdict", "motives", "openness", "money", "deal", "outreach", "personality"]);
const OPENAI: &str = "openai.chat";
const ANTHROPIC: &str = "anthropic.messages";
/// The number of runs at the same time.
const SIDE_BY_SIDE: usize = 12;

/// One analysis, with a fault in one of its calls or in all of them.
#[derive(Debug, Clone)]
struct Case {
    analysis_type: &'static str,
    calls: &'static [&'static str],
    /// The call that fails; `None` for all.
    failing: Option<&'static str>,
    fault: Fault,
    /// Whether the other provider fails too.
    both: bool,
    /// How often a model that keeps failing in this way is asked.
    attempts: usize,
    /// The error code, if the run fails.
    code: Option<&'static str>,
}

fn kinds() -> Vec<(Fault, usize, &'static str)> {
    vec![
        (("status", json!({ "status": 503 })), 3, "ai_unavailable"),
        (("rate_limit", json!({ "retry_after_s": 1 })), 3, "ai_unavailable"),
        (("drop", json!({})), 3, "ai_unavailable"),
        (("malformed", json!({})), 3, "ai_invalid_answer"),
        (("schema_violation", json!({})), 3, "ai_invalid_answer"),
        (("length", json!({})), 3, "ai_truncated"),
        (("insufficient_quota", json!({})), 1, "ai_quota_exhausted"),
        (("refusal", json!({})), 1, "ai_refused"),
    ]
}

/// A cached profile that is deep enough for both types, so that these runs need no scrape. It has no posts, because
/// what is tested here does not depend on them.
async fn cached(stack: &Stack) -> String {
    let username = handle("zeroposts");
    let run = User::new(stack, 6).await.analysed_despite_outages(&username, "XRAY").await;
    assert_eq!(run["status"], "complete", "{run}");
    username
}

/// For each call: how often OpenAI and Anthropic were asked, how often either answered, and how often it was billed.
async fn count(stack: &Stack, user: &User, run: &str) -> BTreeMap<String, [usize; 4]> {
    let mut counts: BTreeMap<String, [usize; 4]> = BTreeMap::new();
    for (place, target) in [OPENAI, ANTHROPIC].into_iter().enumerate() {
        for call in stack.received(target, run).await {
            let count = counts.entry(call["metadata"]["call"].as_str().unwrap().to_owned()).or_default();
            count[place] += 1;
            count[2] += usize::from(call["status"] == 200);
        }
    }
    for bill in user.bills("ai_usage_logs", run).await {
        counts.entry(bill["call"].as_str().unwrap().to_owned()).or_default()[3] += 1;
    }
    counts
}

async fn run(stack: &Stack, username: &str, case: Case) {
    let name = format!("{case:?}");
    let user = User::new(stack, 6).await;
    // Every question contains the business, so a unique name restricts the fault to this run's questions.
    let marker = Uuid::new_v4().simple().to_string();
    let business = user.add_business(&marker, "Running shoes.", "Runners who race.", &["running"]).await;
    let mut needles = vec![marker];
    needles.extend(case.failing.map(|call| format!("\"call\":\"{call}\"")));
    let mut planted = vec![stack.plant(OPENAI, case.fault.0, &needles, case.fault.1.clone()).await];
    if case.both {
        planted.push(stack.plant(ANTHROPIC, case.fault.0, &needles, case.fault.1.clone()).await);
    }
    let mut body = user.analysis_as(username, case.analysis_type);
    body["business_profile_id"] = json!(business);
    let ended = user.ordered_despite_outages(&body).await;
    for fault in planted {
        stack.release(fault).await;
    }

    let price = if case.analysis_type == "DEEP" { 5 } else { 6 };
    match case.code {
        Some(code) => {
            assert_failed(&user, &name, &ended, code).await;
            user.settles_at(6).await;
        }
        None => {
            assert_complete(&user, &name, &ended).await;
            let cost = user.cost_of(&ended).await;
            let told = cost["calls"].as_array().unwrap();
            let fell_back: BTreeMap<&str, &Value> =
                told.iter().map(|call| (call["call"].as_str().unwrap(), &call["fell_back"])).collect();
            for call in case.calls {
                assert_eq!(fell_back[call], &json!(Some(*call) == case.failing), "{name}: {call} fell back");
            }
            user.settles_at(6 - price).await;
        }
    }
    let id = ended["id"].as_str().unwrap();
    let counts = count(stack, &user, id).await;
    assert_eq!(counts.len(), case.calls.len(), "{name}: every question is asked: {counts:?}");
    for call in case.calls {
        let [openai, anthropic, answered, billed] = counts[*call];
        let fails = case.failing.is_none_or(|failing| failing == *call);
        let asked_of_other = match (case.both, case.code) {
            (true, Some("ai_refused")) => 0,
            (true, _) => case.attempts,
            (false, code) => usize::from(code.is_none()),
        };
        let wanted = if fails { (case.attempts, asked_of_other) } else { (1, 0) };
        assert_eq!((openai, anthropic), wanted, "{name}: {call} was asked so often of either");
        assert_eq!(answered, billed, "{name}: {call} is billed for each answer");
        assert!(fails || billed == 1, "{name}: {call} is billed once");
    }
}

async fn run_all(cases: Vec<Case>) {
    let (_turn, stack) = beside_others().await;
    let username = cached(&stack).await;
    let runs = cases.into_iter().map(|case| run(&stack, &username, case));
    stream::iter(runs).buffer_unordered(SIDE_BY_SIDE).collect::<Vec<()>>().await;
}

/// Every call of the given types under every kind of fault.
fn each_question(types: &[(&'static str, &'static [&'static str])], both: bool) -> Vec<Case> {
    let mut cases = Vec::new();
    for (analysis_type, calls) in types {
        for failing in *calls {
            for (fault, attempts, code) in kinds() {
                let code = (both || code == "ai_refused").then_some(code);
                cases.push(Case { analysis_type, calls, failing: Some(failing), fault, both, attempts, code });
            }
        }
    }
    cases
}

#[tokio::test]
async fn a_question_that_the_first_model_fails_is_answered_by_the_second_unless_it_is_refused() {
    run_all(each_question(&[DEEP, XRAY], false)).await;
}

#[tokio::test]
async fn a_question_that_nobody_answers_fails_the_run_and_the_others_are_asked_once() {
    let cases = each_question(&[DEEP, XRAY], true);
    // Every fifth case takes a fraction of the time and still contains every call and every kind of fault.
    run_all(cases.into_iter().step_by(5).collect()).await;
}

#[tokio::test]
async fn when_no_question_is_answered_the_credits_come_back_once() {
    let mut cases = Vec::new();
    for ((analysis_type, calls), every) in [(DEEP, 1), (XRAY, 3)] {
        for (fault, attempts, code) in kinds().into_iter().step_by(every) {
            cases.push(Case { analysis_type, calls, failing: None, fault, both: true, attempts, code: Some(code) });
        }
    }
    run_all(cases).await;
}
