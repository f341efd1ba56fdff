//! Bulks from outside: what was charged is what was delivered, line by line.

use std::time::Duration;

use oslira_e2e::{Answer, Stack, User, eventually_within, handle};
use reqwest::Method;
use serde_json::{Value, json};

/// Longer than a hundred runs take at test speed on a busy machine.
const BULK_MAX: Duration = Duration::from_secs(240);

async fn buy(user: &User, more: Value) -> Answer {
    let mut body = json!({ "business_profile_id": user.business_profile_id, "analysis_type": "LIGHT" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Answer::read(user.request(Method::POST, "/v1/bulk-analyze").json(&body).send().await.unwrap()).await
}

/// Buys a list that must be accepted, and returns the bulk's id and the answer.
async fn bought(user: &User, more: Value) -> (String, Value) {
    let answer = buy(user, more).await.data(202).clone();
    (answer["bulk_id"].as_str().unwrap().to_owned(), answer)
}

/// Waits until the bulk has this status.
async fn until(user: &User, bulk: &str, status: &str) -> Value {
    eventually_within(BULK_MAX, &format!("bulk {bulk} to be {status}"), async || {
        let found = user.run(bulk).await;
        (found["status"] == status).then_some(found)
    })
    .await
}

fn handles(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|_| handle(prefix)).collect()
}

fn usernames(lines: &Value) -> Vec<&str> {
    lines.as_array().unwrap().iter().map(|line| line["username"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_dry_run_is_the_charge_that_follows_and_costs_nothing() {
    let stack = Stack::load();
    let user = User::new(&stack, 10).await;
    let held = handle("food");
    user.analysed(&held).await;
    let list =
        |dry: bool| json!({ "usernames": [held, handle("food"), "no name"], "fresh_within_days": 7, "dry_run": dry });
    let names = list(true);
    let dry = buy(&user, names.clone()).await.data(202).clone();
    assert_eq!((&dry["bulk_id"], user.balance().await), (&Value::Null, 9));
    assert_eq!(user.get("/runs").await.data(200)["items"].as_array().unwrap().len(), 1);

    let mut same = names;
    same["dry_run"] = json!(false);
    let (bulk, answer) = bought(&user, same).await;
    for field in ["credits_charged", "balance", "held", "unused", "skipped", "waiting"] {
        assert_eq!(dry[field], answer[field], "{field}");
    }
    assert_eq!(usernames(&answer["held"]), [held.as_str()]);
    until(&user, &bulk, "complete").await;
    user.settles_at(8).await;

    let poor = buy(&user, json!({ "usernames": handles("food", 9), "dry_run": true })).await;
    assert_eq!(poor.data(202)["would_be_refused"]["code"], "insufficient_credits");
    buy(&user, json!({ "usernames": handles("food", 9) })).await.refused(402, "insufficient_credits");
    buy(&user, json!({ "usernames": handles("food", 3), "max_credits": 2 })).await.refused(402, "over_ceiling");
    user.settles_at(8).await;
}

#[tokio::test]
async fn a_file_as_people_have_it_is_read_and_its_results_are_a_file_again() {
    let stack = Stack::load();
    let user = User::new(&stack, 10).await;
    let (first, second, missing) = (handle("gaming"), handle("gaming"), handle("notfound"));
    let file = format!(
        "\u{feff}Company;Instagram;City\r\n\"Acme; Inc.\";https://www.instagram.com/{first}/?hl=en;Köln\r\n\r\nBeta;@{second};Ulm\r\n\
         Again;{};Ulm\r\nNone;;Ulm\r\nPost;https://instagram.com/p/abc/;Ulm\r\nGone;{missing};Ulm\r\n",
        first.to_uppercase()
    );
    let bytes: Vec<u8> = file.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let path = format!("/v1/bulk-analyze?analysis_type=LIGHT&business_profile_id={}", user.business_profile_id);
    let sent = user.request(Method::POST, &path).header("content-type", "text/csv").body(bytes).send().await.unwrap();
    let answer = Answer::read(sent).await.data(202).clone();
    assert_eq!(usernames(&answer["charged"]), [&first, &second, &missing]);
    let unused: Vec<(u64, &str)> = answer["unused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (line["line"].as_u64().unwrap(), line["reason"].as_str().unwrap()))
        .collect();
    assert_eq!(unused, [(1, "header"), (3, "blank"), (5, "duplicate"), (6, "blank"), (7, "post_link")]);

    let bulk = answer["bulk_id"].as_str().unwrap();
    let ended = until(&user, bulk, "complete").await;
    // What fails is refunded by itself, and the others go on.
    assert_eq!(ended["items"][2]["error"]["code"], "profile_not_found", "{ended}");
    user.settles_at(8).await;

    let sheet = user.request(Method::GET, &format!("/runs/{bulk}?format=csv")).send().await.unwrap();
    assert_eq!(sheet.headers()["content-type"], "text/csv; charset=utf-8");
    let sheet = sheet.text().await.unwrap();
    let rows: Vec<&str> = sheet.trim_start_matches('\u{feff}').lines().collect();
    assert_eq!(rows.len(), 4, "{sheet}");
    assert!(rows[1].starts_with(&format!("2,{first},https://www.instagram.com/{first}/,complete,")), "{sheet}");
    assert!(rows[3].starts_with(&format!("8,{missing},https://www.instagram.com/{missing}/,failed,")), "{sheet}");

    // The failed line again.
    let (again, retried) = bought(&user, json!({ "retry_of": bulk })).await;
    assert_eq!(usernames(&retried["charged"]), [&missing]);
    until(&user, &again, "complete").await;
    user.settles_at(8).await;
}

#[tokio::test]
async fn a_cancelled_bulk_gives_back_what_had_not_begun_and_starts_nothing_more() {
    let stack = Stack::load();
    let user = User::new(&stack, 10).await;
    let names = handles("music", 4);
    let held = stack.hold("apify.start", &names[0]).await;
    let (bulk, _) = bought(&user, json!({ "usernames": names })).await;
    stack.until_received("apify.start", &names[0]).await;
    let answer = user.post(&format!("/runs/{bulk}/cancel")).await.data(200).clone();
    let sum = answer["refunded"].as_i64().unwrap() + answer["kept"].as_i64().unwrap();
    stack.release(held).await;

    let ended = user.run(&bulk).await;
    let items = ended["items"].as_array().unwrap();
    let complete = items.iter().filter(|item| item["status"] == "complete").count();
    assert!(items.iter().all(|item| matches!(item["status"].as_str(), Some("complete" | "cancelled"))), "{ended}");
    assert_eq!(
        (items[0]["status"].as_str(), items[0]["charge_outcome"].as_str()),
        (Some("cancelled"), Some("refunded"))
    );
    assert_eq!(sum + i64::try_from(complete).unwrap(), 4, "every charge ended in one way: {ended}");
    assert_eq!(user.post(&format!("/runs/{bulk}/cancel")).await.data(200), &answer, "a repeat");
    let balance = 6 + answer["refunded"].as_i64().unwrap();
    user.settles_at(balance).await;
}

#[tokio::test]
async fn a_pilot_runs_and_the_rest_when_it_is_continued() {
    let stack = Stack::load();
    let user = User::new(&stack, 10).await;
    let names = handles("coffee", 3);
    let (bulk, answer) = bought(&user, json!({ "usernames": names, "pilot": 1 })).await;
    assert_eq!((&answer["credits_charged"], &answer["credits_on_continue"]), (&json!(1), &json!(2)));
    let awaiting = until(&user, &bulk, "awaiting_continue").await;
    assert_eq!((usernames(&awaiting["waiting"]), user.balance().await), (vec![&*names[1], &*names[2]], 9));

    let path = format!("/runs/{bulk}/continue");
    let continued = user.post(&path).await.data(202).clone();
    assert_eq!(usernames(&continued["charged"]), names[1..]);
    assert_eq!(user.post(&path).await.data(202), &continued, "a repeat");
    let ended = until(&user, &bulk, "complete").await;
    assert_eq!(usernames(&ended["items"]), names);
    user.settles_at(7).await;
}

#[tokio::test]
async fn a_repeated_request_is_bought_once() {
    let stack = Stack::load();
    let user = User::new(&stack, 10).await;
    let body = json!({
        "usernames": handles("gaming", 2), "business_profile_id": user.business_profile_id, "analysis_type": "LIGHT",
    });
    let send = async || {
        let request = user.request(Method::POST, "/v1/bulk-analyze").header("idempotency-key", "list-1").json(&body);
        Answer::read(request.send().await.unwrap()).await
    };
    let (first, again) = (send().await, send().await);
    assert_eq!(first.data(202), again.data(202));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    until(&user, first.data(202)["bulk_id"].as_str().unwrap(), "complete").await;
    user.settles_at(8).await;
}

#[tokio::test]
async fn another_accounts_bulk_does_not_exist() {
    let stack = Stack::load();
    let (user, other) = (User::new(&stack, 10).await, User::new(&stack, 10).await);
    let (bulk, _) = bought(&user, json!({ "usernames": handles("gaming", 2) })).await;
    for path in ["", "/progress", "?format=csv"] {
        other.get(&format!("/runs/{bulk}{path}")).await.refused(404, "run_not_found");
    }
    for verb in ["cancel", "continue"] {
        other.post(&format!("/runs/{bulk}/{verb}")).await.refused(404, "run_not_found");
    }
    buy(&other, json!({ "retry_of": bulk })).await.refused(404, "run_not_found");
    user.post(&format!("/runs/{bulk}/continue")).await.refused(409, "nothing_to_continue");
    until(&user, &bulk, "complete").await;
    user.settles_at(8).await;
    other.settles_at(10).await;
}
