//! A hundred customers' analyses at once, and bulks of the largest size and the longest types. Apart from the other tests, which would
//! wait for this load.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "all of this crate is tests, its helpers too: a panic is how a test fails"
)]

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::join_all;
use oslira_e2e::{Answer, Stack, User, eventually_within, handle};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::Mutex;

/// More would be refused, or cost the other customers of the plan.
const ACTOR_RUNS_MAX: u64 = 10;
/// How many profiles, and posts of how many, one actor run reads.
const PROFILES_MAX: usize = 10;
const POSTS_OF_MAX: usize = 3;
const LINES: usize = 100;
/// Longer than a hundred of the longest runs take at test speed on a busy machine.
const BULK_MAX: Duration = Duration::from_secs(600);

/// Each of these tests is all that the stack can do: two at once would wait for each other, and for answers in vain.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// The most actor runs that were under way at the same moment, of all that the sandbox has seen.
async fn peak_of_actor_runs(stack: &Stack) -> u64 {
    let request = stack.control(Method::GET, "received").query(&[("target", "apify.run")]);
    let report: Value = request.send().await.unwrap().json().await.unwrap();
    report["peak_concurrency"].as_u64().unwrap_or_else(|| panic!("{report}"))
}

/// The usernames of each actor run that read one of these, of the profile actor or of the posts actor.
async fn actor_runs_about(stack: &Stack, usernames: &[String], field: &str) -> Vec<Vec<String>> {
    let names = |run: &Value| -> Vec<String> { serde_json::from_value(run["usernames"].clone()).unwrap() };
    let runs = stack.received("apify.run", "").await;
    let of_actor = runs.iter().filter(|run| run["body"][field].is_array());
    of_actor.map(names).filter(|names| names.iter().any(|name| usernames.contains(name))).collect()
}

fn times_read(actor_runs: &[Vec<String>], usernames: &[String]) -> usize {
    actor_runs.iter().flatten().filter(|name| usernames.contains(name)).count()
}

#[tokio::test]
async fn a_hundred_analyses_at_once_share_ten_actor_runs() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let stack = Stack::load();
    let users = join_all((0..20).map(|_| User::new(&stack, 5))).await;
    let wanted: Vec<(&User, String)> =
        users.iter().flat_map(|user| (0..5).map(move |_| (user, handle("yoga")))).collect();
    let runs = join_all(wanted.iter().map(|(user, username)| user.analysed(username))).await;
    for run in &runs {
        assert_eq!((&run["status"], &run["charge_outcome"]), (&json!("complete"), &json!("result")), "{run}");
    }
    for user in &users {
        user.settles_at(0).await;
    }
    let usernames: Vec<String> = wanted.into_iter().map(|(_, username)| username).collect();
    let actor_runs = actor_runs_about(&stack, &usernames, "usernames").await;
    assert_eq!(times_read(&actor_runs, &usernames), 100, "each is read once");
    assert!(actor_runs.len() < 100 && actor_runs.iter().all(|names| names.len() <= PROFILES_MAX), "{actor_runs:?}");
    let peak = peak_of_actor_runs(&stack).await;
    assert!(peak <= ACTOR_RUNS_MAX, "{peak} actor runs at once");
}

/// Buys a bulk of new profiles and follows every line and every credit to the end.
async fn a_whole_bulk_ends_well(analysis_type: &str, price: i64) {
    let _alone = ONE_AT_A_TIME.lock().await;
    let stack = Stack::load();
    let cost = price * i64::try_from(LINES).unwrap();
    let user = User::new(&stack, i32::try_from(cost + 7).unwrap()).await;
    let names: Vec<String> = (0..LINES).map(|_| handle("coffee")).collect();
    let list = json!({
        "usernames": names, "business_profile_id": user.business_profile_id, "analysis_type": analysis_type,
    });
    let sent = user.request(Method::POST, "/v1/bulk-analyze").json(&list).send().await.unwrap();
    let bought = Answer::read(sent).await.data(202).clone();
    assert_eq!((&bought["credits_charged"], &bought["balance"]), (&json!(cost), &json!(7)));

    let bulk = bought["bulk_id"].as_str().unwrap();
    let ended = eventually_within(BULK_MAX, &format!("the end of a bulk of {analysis_type}"), async || {
        let found = user.run(bulk).await;
        (found["status"] == "complete").then_some(found)
    })
    .await;

    let items = ended["items"].as_array().unwrap();
    let is_whole = |item: &Value| item["status"] == "complete" && item["charge_outcome"] == "result";
    let broken: Vec<&Value> = items.iter().filter(|item| !is_whole(item)).collect();
    assert!(broken.is_empty(), "{broken:?}");
    let in_order: Vec<&Value> = items.iter().map(|item| &item["username"]).collect();
    assert_eq!(in_order, names.iter().collect::<Vec<_>>());
    let progress = user.get(&format!("/runs/{bulk}/progress")).await;
    assert_eq!((&progress.data(200)["status"], &progress.body["data"]["percent"]), (&json!("complete"), &json!(100)));
    let leads: BTreeSet<&str> = items.iter().map(|item| item["lead_id"].as_str().unwrap()).collect();
    assert_eq!(
        (&ended["analysis_type"], &ended["credits_spent"], leads.len()),
        (&json!(analysis_type), &json!(cost), LINES)
    );
    let ledger = "select kind, amount, count(*), count(distinct run_id) from credit_transactions
        where run_id in (select id from runs where bulk_id = $1::text::uuid) group by kind, amount";
    let movements: Vec<(String, i64, i64, i64)> = stack
        .sql()
        .await
        .query(ledger, &[&bulk])
        .await
        .unwrap()
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2), row.get(3)))
        .collect();
    assert_eq!(movements, [("charge".to_owned(), -price, 100, 100)], "each line is charged once and keeps its charge");
    user.settles_at(7).await;

    // The profile and its posts are read by an actor each.
    let actors = [("usernames", PROFILES_MAX), ("directUrls", POSTS_OF_MAX)];
    for (field, most) in actors.into_iter().take(if analysis_type == "LIGHT" { 1 } else { 2 }) {
        let actor_runs = actor_runs_about(&stack, &names, field).await;
        assert_eq!(times_read(&actor_runs, &names), LINES, "each is read once by {field}");
        assert!(actor_runs.iter().all(|names| names.len() <= most), "{actor_runs:?}");
    }
    let peak = peak_of_actor_runs(&stack).await;
    assert!(peak <= ACTOR_RUNS_MAX, "{peak} actor runs at once");

    // A hundred in a bulk are none of the hourly hundred of single analyses.
    user.analysed(&handle("coffee")).await;
    user.settles_at(6).await;
}

#[tokio::test]
async fn a_bulk_of_a_hundred_light_analyses_is_delivered_and_paid_once() {
    a_whole_bulk_ends_well("LIGHT", 1).await;
}

#[tokio::test]
async fn a_bulk_of_a_hundred_deep_analyses_is_delivered_and_paid_once() {
    a_whole_bulk_ends_well("DEEP", 5).await;
}

#[tokio::test]
async fn a_bulk_of_a_hundred_xray_analyses_is_delivered_and_paid_once() {
    a_whole_bulk_ends_well("XRAY", 6).await;
}
