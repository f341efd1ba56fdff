//! Cancelling: full refund before the AI call, none after, and never both.

use futures_util::future::join_all;
use oslira_e2e::{Stack, User, eventually, handle};
use serde_json::json;

#[tokio::test]
async fn before_the_ai_call_the_credits_come_back() {
    let stack = Stack::load();
    let user = User::new(&stack, 10).await;
    let username = handle("coffee");
    let held = stack.hold("apify.start", &username).await;
    let run = user.start(&username).await;
    stack.until_received("apify.start", &username).await;
    let cancel = format!("/runs/{run}/cancel");
    let answer = user.post(&cancel).await;
    let wanted = json!({ "status": "cancelled", "refunded": 1, "kept": 0, "balance": 10 });
    assert_eq!(answer.data(200), &wanted);
    stack.release(held).await;

    for answer in join_all((0..4).map(|_| user.post(&cancel))).await {
        assert_eq!(answer.data(200), &wanted, "a repeat gives the first answer");
    }
    let ended = user.run(&run).await;
    assert_eq!((&ended["status"], &ended["charge_outcome"]), (&json!("cancelled"), &json!("refunded")), "{ended}");
    let progress = user.get(&format!("/runs/{run}/progress")).await;
    assert_eq!(progress.data(200)["status"], "cancelled");

    // A new analysis of the profile may start at once, and the cancelled run stored nothing.
    let again = user.analysed(&username).await;
    assert_eq!(again["status"], "complete", "{again}");
    assert!(user.bills("ai_usage_logs", &run).await.is_empty(), "no AI call was made for the cancelled run");
    assert_eq!(user.movements(&run, "refund").await, 1);
    user.settles_at(9).await;
}

#[tokio::test]
async fn after_the_ai_call_began_the_credits_are_kept() {
    let stack = Stack::load();
    let user = User::new(&stack, 10).await;
    let username = handle("gaming");
    let held = stack.hold("openai.chat", &username).await;
    let run = user.start(&username).await;
    stack.until_received("openai.chat", &username).await;
    let cancel = format!("/runs/{run}/cancel");
    let wanted = json!({ "status": "cancelled", "refunded": 0, "kept": 1, "balance": 9 });
    assert_eq!(user.post(&cancel).await.data(200), &wanted);
    stack.release(held).await;
    assert_eq!(user.post(&cancel).await.data(200), &wanted);

    // The provider charges for the late answer, so its cost is recorded; but no lead is stored.
    eventually("the bill of the late answer", async || {
        (user.bills("ai_usage_logs", &run).await.len() == 1).then_some(())
    })
    .await;
    let ended = user.end_of(&run).await;
    assert_eq!((&ended["status"], &ended["charge_outcome"]), (&json!("cancelled"), &json!("kept")), "{ended}");
    assert_eq!(ended["lead_id"], json!(null));
    assert_eq!(user.movements(&run, "refund").await, 0);
    user.settles_at(9).await;
}

#[tokio::test]
async fn a_scrape_that_began_before_the_workflow_counts() {
    let stack = Stack::load();
    let user = User::new(&stack, 10).await;
    let username = handle("gaming");
    let held = stack.hold("apify.poll", &username).await;
    let run = user.start(&username).await;
    stack.until_received("apify.poll", &username).await;
    // The row as it was before the workflow took it up, which no transition allows.
    let sql = stack.sql().await;
    sql.batch_execute("set session_replication_role = replica").await.unwrap();
    let before = "update runs set status = 'pending', phase = null, started_at = null where id = $1::text::uuid";
    assert_eq!(sql.execute(before, &[&run]).await.unwrap(), 1);

    let cancelled = user.post(&format!("/runs/{run}/cancel")).await;
    assert_eq!(cancelled.data(200)["refunded"], 1);
    stack.release(held).await;
    // Of such a run it is among the refunded cancels of the day.
    let ended = user.end_of(&run).await;
    assert_eq!((&ended["status"], &ended["phase"]), (&json!("cancelled"), &json!("scraping")), "{ended}");
    user.settles_at(10).await;
}

#[tokio::test]
async fn a_finished_run_cannot_be_cancelled() {
    let stack = Stack::load();
    let user = User::new(&stack, 10).await;
    for (prefix, status) in [("coffee", "complete"), ("private", "failed")] {
        let run = user.analysed(&handle(prefix)).await;
        assert_eq!(run["status"], status, "{run}");
        let answer = user.post(&format!("/runs/{}/cancel", run["id"].as_str().unwrap())).await;
        assert_eq!(answer.refused(409, "run_finished"), &json!({ "status": status }));
    }
    user.settles_at(9).await;
}

#[tokio::test]
async fn of_many_cancels_at_once_one_refunds() {
    let stack = Stack::load();
    let user = User::new(&stack, 10).await;
    let username = handle("food");
    let held = stack.hold("apify.poll", &username).await;
    let run = user.start(&username).await;
    stack.until_received("apify.poll", &username).await;
    let cancel = format!("/runs/{run}/cancel");
    let answers = join_all((0..16).map(|_| user.post(&cancel))).await;
    assert!(answers.iter().all(|answer| answer.data(200)["refunded"] == 1), "{answers:?}");
    stack.release(held).await;
    assert_eq!(user.movements(&run, "refund").await, 1);
    user.settles_at(10).await;
}

#[tokio::test]
async fn a_cancel_that_races_the_end_loses_or_wins_but_never_both() {
    let stack = Stack::load();
    let user = User::new(&stack, 10).await;
    for _ in 0..4 {
        let username = handle("music");
        let held = stack.hold("openai.chat", &username).await;
        let run = user.start(&username).await;
        stack.until_received("openai.chat", &username).await;
        let cancel = format!("/runs/{run}/cancel");
        let (answer, _) = futures_util::future::join(user.post(&cancel), stack.release(held)).await;
        let ended = user.end_of(&run).await;
        let wanted = if answer.status == 200 { "cancelled" } else { "complete" };
        assert_eq!(ended["status"], wanted, "{} {ended}", answer.body);
    }
    user.settles_at(6).await;
}
