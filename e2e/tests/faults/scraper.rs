//! A failing scraper, with one scrape or with two side by side.

use futures_util::future::join_all;
use oslira_e2e::{Stack, User, handle};
use serde_json::{Value, json};

use crate::{Fault, alone, assert_complete, assert_failed, beside_others};

/// One run under a permanent fault: fails with `code` after so many starts of actor runs.
async fn fail_under(target: &str, (kind, more): Fault, code: &str, starts: usize) {
    let case = format!("{target} {kind} {more}");
    let stack = Stack::load();
    let user = User::new(&stack, 5).await;
    let username = handle("coffee");
    let fault = stack.plant(target, kind, &username, more).await;
    let run = user.analysed_despite_outages(&username, "LIGHT").await;
    assert_failed(&user, &case, &run, code).await;
    assert!(stack.release(fault).await > 0, "{case}");
    assert_eq!(stack.received("apify.start", &username).await.len(), starts, "{case}: starts");
    user.settles_at(5).await;

    let again = user.analysed_despite_outages(&username, "LIGHT").await;
    assert_eq!(again["status"], "complete", "{case}: when the fault is gone, the same request succeeds: {again}");
    user.settles_at(4).await;
}

/// The same for many faults, all at once, because most of the time is spent in pauses.
async fn fail_under_each(target: &str, faults: Vec<Fault>, code: &str, starts: usize) {
    join_all(faults.into_iter().map(|fault| fail_under(target, fault, code, starts))).await;
}

/// One run under a fault that occurs once; returns the username.
async fn survive((target, kind, mut more): (&str, &str, Value)) -> String {
    let case = format!("{target} {kind} {more}");
    let stack = Stack::load();
    let user = User::new(&stack, 5).await;
    let username = handle("coffee");
    more["times"] = json!(1);
    let fault = stack.plant(target, kind, &username, more).await;
    let run = user.analysed_despite_outages(&username, "LIGHT").await;
    assert_complete(&user, &case, &run).await;
    assert_eq!(stack.release(fault).await, 1, "{case}");
    user.settles_at(4).await;
    username
}

#[tokio::test]
async fn profiles_that_cannot_be_judged_fail_with_their_reason() {
    let (_turn, stack) = beside_others().await;
    let user = User::new(&stack, 20).await;
    let cases =
        [("notfound", "profile_not_found"), ("private", "profile_private"), ("restricted", "profile_restricted")];
    for (prefix, code) in cases {
        for (analysis_type, scrapes) in [("LIGHT", 1), ("DEEP", 2)] {
            let (username, case) = (handle(prefix), format!("{prefix} {analysis_type}"));
            let run = user.analysed_despite_outages(&username, analysis_type).await;
            assert_failed(&user, &case, &run, code).await;
            let id = run["id"].as_str().unwrap();
            assert_eq!(stack.received("apify.run", &username).await.len(), scrapes, "{case}: again cannot help");
            assert!(stack.received("gateway", id).await.is_empty(), "{case}: nothing to judge");
            let bills = user.bills("scrape_logs", id).await;
            let outcomes: Vec<&Value> = bills.iter().map(|bill| &bill["outcome"]).collect();
            assert_eq!(bills.len(), scrapes, "{case}: each is billed: {outcomes:?}");
        }
    }
    user.settles_at(20).await;
}

#[tokio::test]
async fn a_scraper_that_keeps_failing_is_given_up_after_four_attempts() {
    let _turn = beside_others().await;
    let starts = vec![("status", json!({ "status": 500 })), ("drop", json!({}))];
    let runs = ["FAILED", "TIMED-OUT", "ABORTED"].map(|text| ("status", json!({ "status_text": text }))).to_vec();
    futures_util::future::join3(
        fail_under_each("apify.start", starts, "scrape_failed", 4),
        // A scraper without room is asked three times more before an attempt has failed.
        fail_under("apify.start", ("rate_limit", json!({})), "scrape_failed", 16),
        fail_under_each("apify.run", runs, "scrape_failed", 4),
    )
    .await;
}

#[tokio::test]
async fn a_scrape_that_never_tells_its_result_is_asked_again_and_given_up() {
    let _turn = beside_others().await;
    let items = vec![("status", json!({ "status": 503 })), ("truncate", json!({})), ("malformed", json!({}))];
    futures_util::future::join(
        fail_under("apify.poll", ("drop", json!({})), "scrape_failed", 4),
        fail_under_each("apify.items", items, "scrape_failed", 4),
    )
    .await;
}

#[tokio::test]
async fn a_scraper_that_refuses_us_is_not_asked_again() {
    let _turn = beside_others().await;
    let faults = vec![("status", json!({ "status": 401 })), ("insufficient_quota", json!({}))];
    fail_under_each("apify.start", faults, "scraper_unavailable", 1).await;
}

#[tokio::test]
async fn one_fault_of_the_scraper_is_lived_through() {
    let _turn = beside_others().await;
    let faults = [
        ("apify.start", "status", json!({ "status": 502 })),
        ("apify.start", "rate_limit", json!({ "retry_after_s": 1 })),
        ("apify.run", "status", json!({ "status_text": "FAILED" })),
    ];
    join_all(faults.map(survive)).await;
}

#[tokio::test]
async fn a_scrape_whose_result_is_late_or_lost_is_not_bought_twice() {
    let _turn = beside_others().await;
    let faults = [
        ("apify.start", "truncate", json!({})),
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

/// Texts that only one of the two scrapes' inputs contains: the details' and the posts'.
const INPUTS: [&str; 2] = ["\"usernames\"", "\"directUrls\""];

#[tokio::test]
async fn of_two_scrapes_side_by_side_only_the_failing_one_is_repeated() {
    let (_turn, stack) = beside_others().await;
    join_all(INPUTS.map(|input| {
        let stack = &stack;
        async move {
            let user = User::new(stack, 5).await;
            let username = handle("coffee");
            let once = json!({ "status": 500, "times": 1 });
            let fault = stack.plant("apify.start", "status", &[username.as_str(), input], once).await;
            let run = user.analysed_despite_outages(&username, "DEEP").await;
            assert_complete(&user, input, &run).await;
            assert_eq!(stack.release(fault).await, 1, "{input}");
            assert_eq!(stack.received("apify.run", &username).await.len(), 2, "{input}");
            assert_eq!(user.bills("scrape_logs", run["id"].as_str().unwrap()).await.len(), 2, "{input}");
            user.settles_at(0).await;
        }
    }))
    .await;
}

#[tokio::test]
async fn one_of_two_scrapes_that_keeps_failing_fails_the_run() {
    let (_turn, stack) = beside_others().await;
    join_all(INPUTS.map(|input| {
        let stack = &stack;
        async move {
            let user = User::new(stack, 5).await;
            let username = handle("coffee");
            let fault =
                stack.plant("apify.start", "status", &[username.as_str(), input], json!({ "status": 500 })).await;
            let run = user.analysed_despite_outages(&username, "DEEP").await;
            assert_failed(&user, input, &run, "scrape_failed").await;
            assert_eq!(stack.release(fault).await, 4, "{input}");
            assert_eq!(stack.received("apify.run", &username).await.len(), 1, "{input}: the other one");
            assert_eq!(user.bills("scrape_logs", run["id"].as_str().unwrap()).await.len(), 1, "{input}");
            user.settles_at(5).await;
        }
    }))
    .await;
}

/// A call that never answers is repeated once; a question about a run that is paid is no reason for another one. At fast speed each
/// is given up after 8 s, or 9 s for a poll, which also waits for the scrape.
#[tokio::test]
async fn a_scraper_that_never_answers_is_asked_twice_and_given_up() {
    let _turn = beside_others().await;
    let targets = [("apify.start", 2), ("apify.poll", 1), ("apify.items", 1)];
    join_all(targets.map(|(target, starts)| fail_under(target, ("hold", json!({})), "scrape_failed", starts))).await;
}

#[tokio::test]
async fn a_scraper_that_once_does_not_answer_is_lived_through() {
    let _turn = beside_others().await;
    let faults = ["apify.start", "apify.poll", "apify.items"].map(|target| (target, "hold", json!({})));
    join_all(faults.map(survive)).await;
}

#[tokio::test]
async fn a_deep_analysis_whose_posts_stay_empty_fails_and_leaves_the_details_for_a_light_one() {
    let (_turn, stack) = beside_others().await;
    for (analysis_type, price, credits) in [("DEEP", 5, 6), ("XRAY", 6, 7)] {
        let user = User::new(&stack, credits).await;
        let username = handle("noposts");
        let run = user.analysed_despite_outages(&username, analysis_type).await;
        assert_failed(&user, analysis_type, &run, "posts_unreadable").await;
        assert!(run["error"]["message"].as_str().unwrap().contains("LIGHT"), "{run}");
        let id = run["id"].as_str().unwrap();
        assert!(stack.received("gateway", id).await.is_empty(), "{analysis_type}: nothing is judged");
        // One run for the details and four for the posts; each is billed.
        assert_eq!(user.bills("scrape_logs", id).await.len(), 5, "{analysis_type}");
        user.settles_at(price + 1).await;

        let light = user.analysed_despite_outages(&username, "LIGHT").await;
        assert_eq!((&light["status"], &light["cache_hit"]), (&json!("complete"), &json!(true)), "{light}");
        user.settles_at(price).await;
    }
}

#[tokio::test]
async fn a_key_that_is_refused_while_asking_stops_the_sale() {
    let (_turn, stack) = alone().await;
    let user = User::new(&stack, 5).await;
    let username = handle("coffee");
    let fault = stack.plant("apify.poll", "status", &username, json!({ "status": 401 })).await;
    let run = user.analysed(&username).await;
    assert_failed(&user, "401", &run, "scraper_unavailable").await;
    stack.release(fault).await;
    user.analyze(&handle("coffee")).await.refused(503, "provider_unavailable");
    stack.close_breaker().await;
    user.settles_at(5).await;
}
