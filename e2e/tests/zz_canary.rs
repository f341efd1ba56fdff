//! `cargo xtask canary` and `cargo xtask watch`, as an operator runs them: against this stack as staging. Apart from the other tests,
//! whose analyses, events and outages the watch would count.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "all of this crate is tests, its helpers too: a panic is how a test fails"
)]

use std::process::{Output, Stdio};

use oslira_e2e::{Stack, User, eventually, handle};
use reqwest::Method;
use serde_json::json;
use tokio::sync::Mutex;

/// A watch counts what the other tests do.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

const TRIPS: &str = "/operator/diagnostics/database-round-trips";

fn printed(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The jobs that must run every half hour: nobody starts them here, and the tests before took their time.
async fn run_frequent_jobs(stack: &Stack) {
    for job in ["recover-runs", "check-alarms", "erase-subjects"] {
        stack.xtask_cron(job, None).await.unwrap();
    }
}

async fn bought(stack: &Stack, name: &str) -> i64 {
    let sql = "select count(*) from runs where username = $1";
    stack.sql().await.query_one(sql, &[&name]).await.unwrap().get(0)
}

async fn noted(stack: &Stack, action: &str) -> i64 {
    let sql = "select count(*) from operator_actions where action = $1";
    stack.sql().await.query_one(sql, &[&action]).await.unwrap().get(0)
}

/// Waits until a watch has looked twice since it had been looked so often: its first poll asks for the database's time before.
async fn until_looked_at(stack: &Stack, before: i64) {
    let looked = async || (noted(stack, "health_summary").await >= before + 2).then_some(());
    eventually("a watch to look", looked).await;
}

#[tokio::test]
async fn a_canary_prints_where_the_time_went_and_its_repeat_buys_nothing() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let stack = Stack::load();
    let (light, xray) = (handle("coffee"), handle("yoga"));
    let before = noted(&stack, "measure_round_trips").await;
    let key = handle("canary");
    let canary = async || {
        let arguments = ["canary", "--light", &light, "--xray", &xray, "--round-trips", "250", "--key", &key];
        let output = stack.xtask_about_it(&arguments).output().await.unwrap();
        assert!(output.status.success(), "{}", printed(&output));
        printed(&output)
    };
    let text = canary().await;
    for part in [
        &*format!("LIGHT of @{light}: complete in"),
        &format!("XRAY of @{xray}: complete in"),
        "engine start",
        "analyzing",
        "CACHED",
        "WRITTEN",
        "REASONING",
        "until the result was stored",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let trips = text.lines().find(|line| line.contains("to the database and back")).unwrap();
    assert_eq!(trips.split_whitespace().nth(5), Some("250"), "{trips}");
    // Once for a hundred.
    assert_eq!(noted(&stack, "measure_round_trips").await, before + 3);

    let again = canary().await;
    assert!(again.contains(&format!("LIGHT of @{light}: complete in")), "{again}");
    assert_eq!((bought(&stack, &light).await, bought(&stack, &xray).await), (1, 1));
    stack.assert_books_are_whole().await;
}

#[tokio::test]
async fn an_analysis_that_fails_fails_the_canary_and_the_others_go_on() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let stack = Stack::load();
    let (missing, good) = (handle("notfound"), handle("coffee"));
    let names = format!("{missing},{good}");
    let output = stack
        .xtask_about_it(&["canary", "--light", &names, "--xray", "", "--round-trips", "5"])
        .output()
        .await
        .unwrap();
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains(&format!("LIGHT of @{missing}: FAILED, failed: profile_not_found")), "{text}");
    assert!(text.contains(&format!("LIGHT of @{good}: complete in")), "{text}");
}

#[tokio::test]
async fn a_canary_says_what_is_missing_before_anything_is_bought() {
    // It measures round trips too, which another test counts.
    let _alone = ONE_AT_A_TIME.lock().await;
    let stack = Stack::load();
    let (operator, poor) = (User::new(&stack, 0).await, User::new(&stack, 3).await);
    let name = handle("coffee");
    let canary = async |variables: &[(&str, &str)]| {
        let arguments = ["canary", "--light", &name, "--xray", &name, "--round-trips", "5"];
        let output = stack.xtask_about_an_address(&arguments, variables).await.output().await.unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", printed(&output));
        printed(&output)
    };
    let token = operator.token.as_str();
    let text = canary(&[]).await;
    assert!(text.contains("set OSLIRA_OPERATOR_TOKEN"), "{text}");
    let text = canary(&[("OSLIRA_OPERATOR_TOKEN", token)]).await;
    assert!(text.contains("set OSLIRA_CANARY_TOKEN"), "{text}");
    let both = [("OSLIRA_OPERATOR_TOKEN", token), ("OSLIRA_CANARY_TOKEN", poor.token.as_str())];
    let text = canary(&both).await;
    assert!(text.contains("operator_required") && text.contains("docs/operators.md"), "{text}");
    operator.appoint().await;
    let text = canary(&both).await;
    assert!(text.contains("has 3 credits") && text.contains("operate adjust"), "{text}");
    assert!(!text.contains(token) && !text.contains(&poor.token));
    assert_eq!((bought(&stack, &name).await, poor.balance().await), (0, 3));
}

#[tokio::test]
async fn where_another_environment_answers_nothing_is_bought_or_watched() {
    let stack = Stack::load();
    let (operator, user) = (User::new(&stack, 0).await, User::new(&stack, 20).await);
    operator.appoint().await;
    let variables = [("OSLIRA_OPERATOR_TOKEN", &*operator.token), ("OSLIRA_CANARY_TOKEN", &*user.token)];
    for arguments in [["canary", "--round-trips", "5"], ["watch", "--hours", "1"]] {
        let mut command = stack.xtask_about_an_address(&arguments, &variables).await;
        let output = command.env("OSLIRA_API_URL", &stack.api_url).output().await.unwrap();
        let text = printed(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains("is not staging: it says that it is local"), "{text}");
    }
    assert_eq!(user.balance().await, 20);
}

#[tokio::test]
async fn a_watch_tells_what_changes_and_that_every_target_held() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let stack = Stack::load();
    run_frequent_jobs(&stack).await;
    let user = User::new(&stack, 5).await;
    let before = noted(&stack, "health_summary").await;
    let mut watch = stack.xtask_about_it(&["watch", "--hours", "0.008", "--every", "1"]);
    let watch = watch.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until_looked_at(&stack, before).await;
    user.analysed(&handle("coffee")).await;
    let output = watch.wait_with_output().await.unwrap();
    let text = printed(&output);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("LIGHT 1 begun, 1 complete, p95"), "{text}");
    assert!(text.contains("held        99 of 100 analyses succeed: 1 of 1"), "{text}");
    assert!(text.contains("not judged  95 of 100 XRAY within 25 s: none to judge by"), "{text}");
    assert!(text.ends_with("every target held\n"), "{text}");
}

#[tokio::test]
async fn a_watch_is_not_held_by_failures_and_ends_with_its_verdict_when_interrupted() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let stack = Stack::load();
    run_frequent_jobs(&stack).await;
    let before = noted(&stack, "health_summary").await;
    let mut watch = stack.xtask_about_it(&["watch", "--hours", "1", "--every", "1"]);
    let watch = watch.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until_looked_at(&stack, before).await;
    let sql = stack.sql().await;
    let dead = "insert into dead_letters (queue, messages, last_at) values ('canary-dead', 1, clock_timestamp())";
    sql.execute(dead, &[]).await.unwrap();
    // One look may be under way; the one after it sees the row.
    until_looked_at(&stack, noted(&stack, "health_summary").await).await;
    let pid = watch.id().unwrap();
    let kill = tokio::process::Command::new("sh").args(["-c", &format!("kill -INT {pid}")]).status().await.unwrap();
    assert!(kill.success());
    let output = watch.wait_with_output().await.unwrap();
    sql.execute("delete from dead_letters where queue = 'canary-dead'", &[]).await.unwrap();
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for part in [
        "no analyses; 1 dead letters",
        "not judged  99 of 100 analyses succeed: none has ended",
        "MISSED      no dead letter: 1 in canary-dead",
        "not all of it was watched: it was interrupted",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert!(text.ends_with("NOT every target held\n"), "{text}");
}

#[tokio::test]
async fn a_watch_says_at_once_what_to_do_about_a_token_that_is_not_good() {
    let stack = Stack::load();
    let user = User::new(&stack, 0).await;
    let since =
        (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(1)).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let watch = async |token: &str| {
        let arguments = ["watch", "--hours", "24", "--since", &since];
        let variables = [("OSLIRA_OPERATOR_TOKEN", token)];
        let output = stack.xtask_about_an_address(&arguments, &variables).await.output().await.unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", printed(&output));
        printed(&output)
    };
    let expired = stack.token(&json!({ "variant": "expired" })).await;
    let text = watch(&expired).await;
    assert!(text.contains("token_expired") && text.contains(&format!("--since {since}")), "{text}");
    assert!(!text.contains(&expired));
    let text = watch(&user.token).await;
    assert!(text.contains("operator_required") && text.contains("docs/operators.md"), "{text}");
}

#[tokio::test]
async fn an_operator_reads_what_the_commands_read_and_nobody_else_does() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let stack = Stack::load();
    let (operator, user) = (User::new(&stack, 0).await, User::new(&stack, 5).await);
    let run = user.analysed(&handle("coffee")).await;
    let timings = format!("/operator/runs/{}/timings", run["id"].as_str().unwrap());
    let count = json!({ "count": 3 });
    operator.operate(Method::GET, &timings, None).await.refused(403, "operator_required");
    operator.operate(Method::GET, "/operator/health/summary", None).await.refused(403, "operator_required");
    operator.operate(Method::POST, TRIPS, Some(&count)).await.refused(403, "operator_required");
    operator.appoint().await;
    let found = operator.operate(Method::GET, &timings, None).await;
    let found = found.data(200);
    let parts: u64 = ["waiting_ms", "reading_ms", "judging_ms"].iter().map(|part| found[part].as_u64().unwrap()).sum();
    assert!(parts.abs_diff(found["total_ms"].as_u64().unwrap()) <= 3, "{found}");
    let bills = user.bills("ai_usage_logs", run["id"].as_str().unwrap()).await;
    assert_eq!(found["calls"].as_array().unwrap().len(), bills.len());
    for (call, bill) in found["calls"].as_array().unwrap().iter().zip(&bills) {
        for tokens in ["input_tokens", "cached_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens"] {
            assert_eq!(call[tokens], bill[tokens], "{tokens}");
        }
    }
    let trips = operator.operate(Method::POST, TRIPS, Some(&count)).await;
    assert_eq!(trips.data(200)["milliseconds"].as_array().unwrap().len(), 3);
}
