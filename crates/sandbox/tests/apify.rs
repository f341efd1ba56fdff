//! Apify over HTTP, as Oslira's adapter uses it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::{Duration, Instant};

use common::Stand;
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn a_run_is_started_polled_and_its_items_read() {
    // Slow enough that the start is answered before the run's container runs, also on a busy machine.
    let stand = Stand::start(0.1).await;
    let started = stand
        .apify(Method::POST, "/acts/apify~instagram-profile-scraper/runs")
        .json(&json!({"usernames": ["NASA", "coffee.ann"]}))
        .send()
        .await
        .unwrap();
    assert_eq!(started.status(), 201);
    let location = started.headers()["location"].to_str().unwrap().to_owned();
    let run = started.json::<Value>().await.unwrap()["data"].take();
    assert_eq!((&run["status"], &run["finishedAt"], &run["exitCode"]), (&json!("READY"), &Value::Null, &Value::Null));
    assert_eq!(run["id"].as_str().unwrap().len(), 17);
    assert!(location.ends_with(&format!("/v2/actor-runs/{}", run["id"].as_str().unwrap())));

    let path = format!("/actor-runs/{}?waitForFinish=60", run["id"].as_str().unwrap());
    let polled = stand.apify(Method::GET, &path).send().await.unwrap().json::<Value>().await.unwrap();
    assert_eq!((&polled["data"]["status"], &polled["data"]["exitCode"]), (&json!("SUCCEEDED"), &json!(0)));

    let path = format!("/datasets/{}/items?format=json&clean=1", run["defaultDatasetId"].as_str().unwrap());
    let answer = stand.apify(Method::GET, &path).send().await.unwrap();
    assert_eq!(answer.headers()["x-apify-pagination-total"], "2");
    let items: Vec<Value> = answer.json().await.unwrap();
    assert_eq!((&items[0]["username"], &items[1]["username"]), (&json!("nasa"), &json!("coffee.ann")));
    let path = format!("/actor-runs/{}/dataset/items?limit=1&offset=1", run["id"].as_str().unwrap());
    let page: Vec<Value> = stand.apify(Method::GET, &path).send().await.unwrap().json().await.unwrap();
    assert_eq!(page, items[1..]);

    let path = format!("/key-value-stores/{}/records/INPUT", run["defaultKeyValueStoreId"].as_str().unwrap());
    let input: Value = stand.apify(Method::GET, &path).send().await.unwrap().json().await.unwrap();
    assert_eq!(input, json!({"usernames": ["NASA", "coffee.ann"]}));
}

#[tokio::test]
async fn hidden_fields_go_only_when_clean_is_asked_for() {
    let stand = Stand::start(0.0).await;
    let run = stand.scrape(&["avengers"]).await;
    let path = format!("/datasets/{}/items", run["defaultDatasetId"].as_str().unwrap());
    let raw: Vec<Value> = stand.apify(Method::GET, &path).send().await.unwrap().json().await.unwrap();
    assert!(raw[0].get("#debug").is_some());
    let clean: Vec<Value> =
        stand.apify(Method::GET, &format!("{path}?clean=1")).send().await.unwrap().json().await.unwrap();
    assert!(clean[0].get("#debug").is_none());
}

#[tokio::test]
async fn waiting_ends_with_the_run_and_not_with_the_wait() {
    // At this scale the run of one profile, 5.2 to 7.8 s, takes at least 260 ms.
    let stand = Stand::start(0.05).await;
    let begun = Instant::now();
    assert_eq!(stand.scrape(&["one"]).await["status"], "SUCCEEDED");
    assert!((Duration::from_millis(250)..Duration::from_secs(2)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    // Here the run takes a minute: the wait of one second ends first.
    let slow = Stand::start(10.0).await;
    let begun = Instant::now();
    let path = "/actors/apify~instagram-scraper/runs?waitForFinish=1";
    let input = json!({"directUrls": ["https://www.instagram.com/one/"], "resultsType": "posts", "resultsLimit": 50});
    let run = slow.apify(Method::POST, path).json(&input).send().await.unwrap().json::<Value>().await.unwrap();
    assert_eq!(run["data"]["status"], "READY");
    assert!((Duration::from_millis(990)..Duration::from_secs(2)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_run_takes_as_long_as_its_draw_says_wherever_and_whenever_it_is_asked() {
    let six = ["one", "two", "three", "four", "five", "six"];
    let (first, second) = (Stand::start(0.01).await, Stand::start(0.01).await);
    let draw = json!({"actor": "apify~instagram-profile-scraper", "usernames": six});
    let appears_ms = first.control(Method::POST, "/draws", draw.clone()).await["appears_ms"].take();
    assert_eq!(appears_ms, second.control(Method::POST, "/draws", draw).await["appears_ms"]);
    let appears_ms: Vec<u64> = serde_json::from_value(appears_ms).unwrap();
    assert!(appears_ms[..5].iter().all(|ms| *ms == appears_ms[0] && *ms < appears_ms[5]), "{appears_ms:?}");
    for stand in [&first, &first, &second] {
        stand.scrape(&six).await;
    }
    let last = json!(appears_ms[5]);
    for (stand, runs) in [(first, 2), (second, 1)] {
        let received = stand.received("?target=apify.run").await;
        let took: Vec<&Value> = received["calls"].as_array().unwrap().iter().map(|run| &run["duration_ms"]).collect();
        assert_eq!(took, vec![&last; runs]);
    }
}

#[tokio::test]
async fn the_synchronous_form_answers_201_with_bare_items() {
    let stand = Stand::start(0.0).await;
    let path = "/acts/apify~instagram-scraper/run-sync-get-dataset-items";
    let input =
        json!({"directUrls": ["https://www.instagram.com/yoga_kim/"], "resultsType": "posts", "resultsLimit": 50});
    let answer = stand.apify(Method::POST, path).json(&input).send().await.unwrap();
    assert_eq!(answer.status(), 201);
    let posts: Vec<Value> = answer.json().await.unwrap();
    assert!(posts.len() > 12 && posts.iter().all(|post| post["ownerUsername"] == "yoga_kim"));
    stand.fault(json!({"target": "apify.run", "kind": "status", "status_text": "FAILED", "match": "doomed"})).await;
    let input = json!({"directUrls": ["https://www.instagram.com/doomed/"]});
    let answer = stand.apify(Method::POST, path).json(&input).send().await.unwrap();
    assert_eq!(answer.status(), 400);
    assert_eq!(answer.json::<Value>().await.unwrap()["error"]["type"], "run-failed");
}

#[tokio::test]
async fn runs_are_listed_and_aborted() {
    let stand = Stand::start(1.0).await;
    let path = "/acts/apify~instagram-profile-scraper/runs";
    let started = stand.apify(Method::POST, path).json(&json!({"usernames": ["one"]})).send().await.unwrap();
    let id = started.json::<Value>().await.unwrap()["data"]["id"].as_str().unwrap().to_owned();
    let listed: Value =
        stand.apify(Method::GET, &format!("{path}?desc=1&limit=5")).send().await.unwrap().json().await.unwrap();
    assert_eq!((&listed["data"]["total"], &listed["data"]["items"][0]["id"]), (&json!(1), &json!(id)));
    let abort = stand.apify(Method::POST, &format!("/actor-runs/{id}/abort")).send().await.unwrap();
    assert_eq!(abort.json::<Value>().await.unwrap()["data"]["status"], "ABORTING");
    let ended = stand.apify(Method::GET, &format!("/actor-runs/{id}?waitForFinish=60")).send().await.unwrap();
    assert_eq!(ended.json::<Value>().await.unwrap()["data"]["status"], "ABORTED");
    let running: Value =
        stand.apify(Method::GET, "/actor-runs?status=RUNNING").send().await.unwrap().json().await.unwrap();
    assert_eq!(running["data"]["total"], 0);
}

#[tokio::test]
async fn errors_have_apifys_form() {
    let stand = Stand::start(0.0).await;
    let url = format!("{}/apify/v2/acts/apify~instagram-profile-scraper/runs", stand.base);
    let body = json!({"usernames": ["a"]}).to_string();
    let post = |request: reqwest::RequestBuilder| async move {
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json::<Value>().await.unwrap()["error"]["type"].as_str().unwrap_or_default().to_owned())
    };
    let known = |status: u16, kind: &str| (status, kind.to_owned());
    assert_eq!(post(stand.client.post(&url).body(body.clone())).await, known(401, "token-not-provided"));
    assert_eq!(
        post(stand.client.post(&url).bearer_auth("x").body(body.clone())).await,
        known(401, "user-or-token-not-found")
    );
    let by_query = stand.client.post(format!("{url}?token=sandbox-apify-token")).body(body);
    assert_eq!(by_query.send().await.unwrap().status(), 201);
    let path = "/acts/apify~instagram-profile-scraper/runs";
    assert_eq!(post(stand.apify(Method::POST, path).body("{")).await, known(400, "run-input-body-not-valid-json"));
    assert_eq!(post(stand.apify(Method::POST, path).body("{}")).await, known(400, "invalid-input"));
    for (bound, kind) in [
        ("cheap", "invalid-parameter"),
        ("0", "invalid-parameter"),
        ("-1", "invalid-parameter"),
        ("NaN", "invalid-parameter"),
        ("0.49", "max-total-charge-usd-below-minimum"),
    ] {
        let bounded = format!("{path}?maxTotalChargeUsd={bound}");
        assert_eq!(
            post(stand.apify(Method::POST, &bounded).json(&json!({"usernames": ["a"]}))).await,
            known(400, kind)
        );
    }
    assert_eq!(post(stand.apify(Method::POST, "/acts/a~b/runs").body("{}")).await, known(404, "record-not-found"));
    assert_eq!(post(stand.apify(Method::GET, "/actor-runs/nope")).await, known(404, "record-not-found"));
    assert_eq!(post(stand.apify(Method::GET, "/datasets/nope/items")).await, known(404, "record-not-found"));
    assert_eq!(post(stand.apify(Method::GET, "/nowhere")).await, known(404, "page-not-found"));
    assert_eq!(
        post(stand.apify(Method::POST, path).body(" ".repeat(9_000_000))).await,
        known(413, "request-too-large")
    );
}

#[tokio::test]
async fn a_run_goes_on_when_the_sandbox_is_killed_and_started_again() {
    let stand = Stand::start(0.1).await;
    let path = "/acts/apify~instagram-profile-scraper/runs";
    let started = stand.apify(Method::POST, path).json(&json!({"usernames": ["nasa"]})).send().await.unwrap();
    let id = started.json::<Value>().await.unwrap()["data"]["id"].as_str().unwrap().to_owned();
    let token_key =
        stand.client.get(format!("{}/supabase/auth/v1/.well-known/jwks.json", stand.base)).send().await.unwrap();
    let token_key: Value = token_key.json().await.unwrap();
    let state_dir = stand.kill().await;

    let again = Stand::start_in(&state_dir, 0.1).await;
    let ended = again.apify(Method::GET, &format!("/actor-runs/{id}?waitForFinish=60")).send().await.unwrap();
    assert_eq!(ended.json::<Value>().await.unwrap()["data"]["status"], "SUCCEEDED");
    let items = again.apify(Method::GET, &format!("/actor-runs/{id}/dataset/items")).send().await.unwrap();
    assert_eq!(items.json::<Vec<Value>>().await.unwrap()[0]["username"], "nasa");
    let same = again.client.get(format!("{}/supabase/auth/v1/.well-known/jwks.json", again.base)).send().await.unwrap();
    assert_eq!(same.headers()["cache-control"], "public, max-age=600");
    assert_eq!(same.json::<Value>().await.unwrap(), token_key);
}
