//! A request that is sent twice is charged once.

use futures_util::future::join_all;
use oslira_e2e::{Answer, Stack, User, handle};
use serde_json::json;
use uuid::Uuid;

const CLICKS: usize = 16;

#[tokio::test]
async fn of_sixteen_clicks_at_once_one_is_charged() {
    let stack = Stack::load();
    let user = User::new(&stack, 100).await;
    let username = handle("fashion");
    let held = stack.hold("apify.start", &username).await;
    let answers = join_all((0..CLICKS).map(|_| user.analyze(&username))).await;
    let (accepted, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 202);
    assert_eq!(accepted.len(), 1);
    let run = accepted[0].data(202)["run_id"].as_str().unwrap();
    for answer in &refused {
        assert_eq!(answer.refused(409, "analysis_in_progress"), &json!({ "run_id": run }));
    }
    stack.release(held).await;
    assert_eq!(user.end_of(run).await["status"], "complete");
    assert_eq!(stack.received("apify.start", &username).await.len(), 1, "one scrape");
    user.settles_at(99).await;
}

#[tokio::test]
async fn of_sixteen_clicks_with_one_key_all_get_the_same_answer() {
    let stack = Stack::load();
    let user = User::new(&stack, 100).await;
    let (username, key) = (handle("beauty"), Uuid::new_v4().to_string());
    let answers = join_all((0..CLICKS).map(|_| user.analyze_once(&username, &key))).await;
    let first = answers[0].data(202);
    assert!(answers.iter().all(|answer| answer.data(202) == first), "{answers:?}");
    let replayed = answers.iter().filter(|answer| answer.header("idempotency-replayed") == Some("true")).count();
    assert_eq!(replayed, CLICKS - 1);
    let run = first["run_id"].as_str().unwrap().to_owned();
    assert_eq!(user.end_of(&run).await["status"], "complete");

    let late = user.analyze_once(&username, &key).await;
    assert_eq!((late.data(202), late.header("idempotency-replayed")), (first, Some("true")), "also after its end");
    assert_eq!(stack.received("openai.chat", &username).await.len(), 1, "the work was done once");
    user.settles_at(99).await;
}

#[tokio::test]
async fn a_key_belongs_to_one_request_of_one_account() {
    let stack = Stack::load();
    let (user, other) = (User::new(&stack, 10).await, User::new(&stack, 10).await);
    let (username, key) = (handle("art"), Uuid::new_v4().to_string());
    let first = user.analyze_once(&username, &key).await;
    let run = first.data(202)["run_id"].as_str().unwrap();
    user.analyze_once(&handle("art"), &key).await.refused(422, "idempotency_key_reused");

    // The same values in a differently formatted body are the same request.
    let id = user.business_profile_id;
    let text = format!(r#"{{ "business_profile_id":"{id}",  "analysis_type":"LIGHT", "username":"@{username}" }}"#);
    let request = user.request(reqwest::Method::POST, "/v1/analyze").header("content-type", "application/json");
    let again = Answer::read(request.header("idempotency-key", &key).body(text).send().await.unwrap()).await;
    assert_eq!(again.data(202), first.data(202));

    let others = other.analyze_once(&username, &key).await;
    assert_ne!(others.data(202)["run_id"], run, "another account's key is another key");
    user.end_of(run).await;
    other.end_of(others.data(202)["run_id"].as_str().unwrap()).await;
    user.settles_at(9).await;
    other.settles_at(9).await;
}

#[tokio::test]
async fn a_refused_request_does_not_use_up_its_key() {
    let stack = Stack::load();
    let user = User::new(&stack, 0).await;
    let (username, key) = (handle("tech"), Uuid::new_v4().to_string());
    user.analyze_once(&username, &key).await.refused(402, "insufficient_credits");
    let grant = "select system.grant_credits($1, 2, 'promotion', null, null, $2, 'A gift')";
    stack.sql().await.execute(grant, &[&user.account_id, &format!("e2e:{key}")]).await.unwrap();
    let answer = user.analyze_once(&username, &key).await;
    assert_eq!(answer.header("idempotency-replayed"), None);
    user.end_of(answer.data(202)["run_id"].as_str().unwrap()).await;
    user.settles_at(1).await;
}

#[tokio::test]
async fn from_a_balance_of_three_exactly_three_of_sixteen_start() {
    let stack = Stack::load();
    let user = User::new(&stack, 3).await;
    let usernames: Vec<String> = (0..CLICKS).map(|_| handle("science")).collect();
    let answers = join_all(usernames.iter().map(|username| user.analyze(username))).await;
    let (accepted, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 202);
    assert_eq!(accepted.len(), 3);
    for answer in &refused {
        answer.refused(402, "insufficient_credits");
    }
    for answer in &accepted {
        user.end_of(answer.data(202)["run_id"].as_str().unwrap()).await;
    }
    user.settles_at(0).await;
}
