//! Lists are paginated, newest first.

use oslira_e2e::{Stack, User, handle};
use serde_json::Value;

/// Reads a list page by page.
async fn pages(user: &User, path: &str, limit: usize) -> Vec<Vec<Value>> {
    let mut pages = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = user.get(&format!("{path}?limit={limit}{cursor}")).await;
        let page = page.data(200);
        pages.push(page["items"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return pages,
        }
        assert!(pages.len() < 50, "the list does not end");
    }
}

fn ids(pages: &[Vec<Value>]) -> Vec<String> {
    pages.iter().flatten().map(|item| item["id"].to_string()).collect()
}

#[tokio::test]
async fn runs_come_newest_first_and_each_once() {
    let stack = Stack::load();
    let user = User::new(&stack, 10).await;
    let mut started = Vec::new();
    for _ in 0..5 {
        started.push(format!("\"{}\"", user.start(&handle("photography")).await));
    }
    started.reverse();
    let listed = pages(&user, "/runs", 2).await;
    assert_eq!(listed.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
    assert_eq!(ids(&listed), started);
    assert_eq!(ids(&pages(&user, "/runs", 5).await), started, "a last page that is full has no cursor");
    assert!(listed.iter().flatten().all(|run| run.get("result").is_none()), "results are in the detail view");

    let first = user.get("/runs?limit=2").await;
    let cursor = first.data(200)["next_cursor"].as_str().unwrap().to_owned();
    let newest = user.start(&handle("photography")).await;
    let second = user.get(&format!("/runs?limit=2&cursor={cursor}")).await;
    assert_eq!(second.data(200)["items"][0]["id"].to_string(), started[2], "what is new does not shift a page");
    for id in started.iter().map(|id| id.trim_matches('"')).chain([newest.as_str()]) {
        user.end_of(id).await;
    }
    user.settles_at(4).await;
}

#[tokio::test]
async fn transactions_tell_the_whole_story_of_the_balance() {
    let stack = Stack::load();
    let user = User::new(&stack, 20).await;
    user.analysed(&handle("interior")).await;
    let refunded = user.analysed(&handle("notfound")).await;
    let listed = pages(&user, "/credits/transactions", 2).await;
    let mut story: Vec<&Value> = listed.iter().flatten().collect();
    assert!(ids(&listed).len() >= 4);
    let newest = story[0];
    assert_eq!((&newest["kind"], &newest["run_id"]), (&"refund".into(), &refunded["id"]), "{newest}");
    story.reverse();
    let mut balance = 0;
    for entry in &story {
        balance += entry["amount"].as_i64().unwrap();
        assert_eq!(entry["balance_after"].as_i64(), Some(balance), "{entry}");
        assert!(entry["description"].as_str().is_some_and(|text| !text.is_empty()), "{entry}");
    }
    assert_eq!(balance, user.balance().await);
    user.settles_at(19).await;
}
