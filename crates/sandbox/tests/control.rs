//! The control endpoint: faults, tokens, rewritten profiles and received calls.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::Duration;

use common::{Stand, lead_request};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Everything the peer sends until it closes the connection.
async fn raw(stand: &Stand, request: String) -> Vec<u8> {
    let mut tcp = TcpStream::connect(stand.base.trim_start_matches("http://")).await.unwrap();
    tcp.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![];
    // Whether the connection is closed or reset does not matter.
    let read = tokio::time::timeout(Duration::from_secs(5), tcp.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "the connection was not closed");
    answer
}

fn get_jwks(stand: &Stand) -> String {
    let host = stand.base.trim_start_matches("http://");
    format!("GET /supabase/auth/v1/.well-known/jwks.json HTTP/1.1\r\nhost: {host}\r\n\r\n")
}

#[tokio::test]
async fn a_drop_closes_the_connection_without_a_byte() {
    let stand = Stand::start(0.0).await;
    stand.fault(json!({"target": "jwks", "kind": "drop", "times": 1})).await;
    assert_eq!(raw(&stand, get_jwks(&stand)).await, b"");
    let received = stand.received("?target=jwks").await;
    assert_eq!((&received["count"], &received["calls"][0]["status"]), (&json!(1), &Value::Null));
    assert!(received["calls"][0]["duration_ms"].is_u64());
}

#[tokio::test]
async fn a_truncation_promises_more_than_it_sends_and_closes() {
    let stand = Stand::start(0.0).await;
    stand.fault(json!({"target": "jwks", "kind": "truncate", "times": 1})).await;
    let answer = String::from_utf8(raw(&stand, get_jwks(&stand)).await).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let promised = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    assert!(head.starts_with("HTTP/1.1 200"));
    assert_eq!(body.len(), promised.parse::<usize>().unwrap() / 2);
}

#[tokio::test]
async fn status_faults_are_in_each_providers_form() {
    let stand = Stand::start(0.0).await;
    for target in ["jwks", "apify.poll", "openai.chat"] {
        stand.fault(json!({"target": target, "kind": "status", "status": 503, "retry_after_s": 7})).await;
    }
    let chat = stand.chat(lead_request("gpt-4o-mini", "")).await.unwrap();
    assert_eq!((chat.status().as_u16(), chat.headers()["retry-after"].to_str().unwrap()), (503, "7"));
    assert_eq!(chat.json::<Value>().await.unwrap()["error"]["code"], "server_is_overloaded");
    let poll = stand.apify(Method::GET, "/actor-runs/x").send().await.unwrap();
    assert_eq!(poll.json::<Value>().await.unwrap()["error"]["type"], "internal-error");
    let jwks = stand.client.get(format!("{}/supabase/auth/v1/.well-known/jwks.json", stand.base)).send().await.unwrap();
    assert_eq!(jwks.json::<Value>().await.unwrap()["code"], 503);
}

#[tokio::test]
async fn a_fault_hits_only_the_runs_it_names_in_every_call() {
    let stand = Stand::start(0.0).await;
    let (mine, other) = (stand.scrape(&["mine_a"]).await, stand.scrape(&["other_b"]).await);
    for target in ["apify.poll", "apify.items"] {
        stand.fault(json!({"target": target, "kind": "status", "status": 500, "match": "mine_a"})).await;
    }
    for (run, expected) in [(&mine, 500), (&other, 200)] {
        for path in [
            format!("/actor-runs/{}", run["id"].as_str().unwrap()),
            format!("/datasets/{}/items", run["defaultDatasetId"].as_str().unwrap()),
        ] {
            assert_eq!(stand.apify(Method::GET, &path).send().await.unwrap().status(), expected, "{path}");
        }
    }
    let received = stand.received("?target=apify.items&match=mine_a").await;
    assert_eq!((&received["count"], &received["calls"][0]["usernames"]), (&json!(1), &json!(["mine_a"])));
}

#[tokio::test]
async fn items_can_be_malformed_and_a_run_can_end_badly_or_late() {
    let stand = Stand::start(0.0).await;
    let run = stand.scrape(&["someone"]).await;
    stand.fault(json!({"target": "apify.items", "kind": "malformed", "times": 1})).await;
    let path = format!("/datasets/{}/items", run["defaultDatasetId"].as_str().unwrap());
    let answer = stand.apify(Method::GET, &path).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(serde_json::from_str::<Value>(&answer.text().await.unwrap()).is_err());
    stand.fault(json!({"target": "apify.run", "kind": "status", "status_text": "TIMED-OUT", "match": "late"})).await;
    assert_eq!(stand.scrape(&["late"]).await["status"], "TIMED-OUT");
    stand.fault(json!({"target": "apify.run", "kind": "delay", "delay_ms": 300, "match": "slow"})).await;
    let slow = stand.scrape(&["slow"]).await;
    assert!(slow["stats"]["durationMillis"].as_u64().unwrap() >= 300);
}

#[tokio::test]
async fn a_hold_keeps_a_call_or_a_run_until_it_is_deleted() {
    let stand = Stand::start(0.0).await;
    let call = stand.fault(json!({"target": "openai.chat", "kind": "hold"})).await;
    let run = stand.fault(json!({"target": "apify.run", "kind": "hold", "match": "held"})).await;
    let held_run = async { stand.scrape(&["held"]).await };
    let held_call = stand.chat(lead_request("gpt-4o-mini", ""));
    let release = async {
        // The time is measured only once both are held: a busy machine may take a while to send them.
        for target in ["openai.chat", "apify.run"] {
            while stand.received(&format!("?target={target}")).await["count"] == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        let received = stand.received("?target=openai.chat").await;
        assert_eq!((&received["count"], &received["calls"][0]["duration_ms"]), (&json!(1), &Value::Null));
        let runs = stand.received("?target=apify.run").await;
        assert_eq!((&runs["count"], &runs["peak_concurrency"]), (&json!(1), &json!(1)));
        for id in [call, run] {
            stand.control(Method::DELETE, &format!("/faults/{id}"), Value::Null).await;
        }
    };
    let (held_run, held_call, ()) = tokio::join!(held_run, held_call, release);
    assert_eq!(held_run["status"], "SUCCEEDED");
    assert_eq!(held_call.unwrap().status(), 200);
    let received = stand.received("?target=openai.chat").await;
    assert!(received["calls"][0]["duration_ms"].as_u64().unwrap() >= 290);
}

#[tokio::test]
async fn a_held_call_whose_client_goes_away_is_recorded_as_unanswered() {
    let stand = Stand::start(0.0).await;
    stand.fault(json!({"target": "openai.chat", "kind": "hold"})).await;
    let call = stand.chat(lead_request("gpt-4o-mini", ""));
    assert!(tokio::time::timeout(Duration::from_millis(100), call).await.is_err());
    // The sandbox notices some time after the client has gone.
    for _ in 0..100 {
        let received = stand.received("?target=openai.chat").await;
        if received["calls"][0]["duration_ms"].is_u64() {
            assert_eq!(received["calls"][0]["status"], Value::Null);
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the end of the call was never noted");
}

#[tokio::test]
async fn exactly_the_next_three_of_many_calls_at_once_fail() {
    let stand = Stand::start(0.05).await;
    stand.fault(json!({"target": "openai.chat", "kind": "rate_limit", "times": 3, "retry_after_s": 1})).await;
    let answers = join_all((0..10).map(|_| stand.chat(lead_request("gpt-4o-mini", "")))).await;
    let limited = answers.iter().filter(|answer| answer.as_ref().unwrap().status() == 429).count();
    assert_eq!(limited, 3);
    let received = stand.received("?target=openai.chat&match=bean.there").await;
    assert_eq!(received["count"], 10);
    // Ten less the three that failed at once, and so may not overlap the others.
    assert!(received["peak_concurrency"].as_u64().unwrap() >= 7, "{}", received["peak_concurrency"]);
    stand.control(Method::DELETE, "/received", Value::Null).await;
    assert_eq!(stand.received("").await["count"], 0);
}

#[tokio::test]
async fn no_credential_is_ever_recorded() {
    let stand = Stand::start(0.0).await;
    stand.scrape(&["someone"]).await;
    stand.chat(lead_request("gpt-4o-mini", "")).await.unwrap();
    let by_query = format!("{}/apify/v2/actor-runs?limit=1&token=sandbox-apify-token", stand.base);
    assert_eq!(stand.client.get(by_query).send().await.unwrap().status(), 200);
    let received = stand.received("").await;
    assert_eq!(received["count"], 3);
    let text = received.to_string();
    assert!(!text.contains("sandbox-apify-token") && !text.contains("sandbox-openai-key"));
    assert_eq!(received["calls"][2]["query"], "limit=1&token=hidden");
    assert_eq!(received["calls"][1]["body"]["model"], "gpt-4o-mini");
}

#[tokio::test]
async fn a_slip_in_a_control_request_is_a_400_that_says_what() {
    let stand = Stand::start(0.0).await;
    for (path, body) in [
        ("/faults", json!({"target": "jwks", "kind": "status"})),
        ("/faults", json!({"target": "jwks", "kind": "drop", "tmies": 1})),
        ("/draws", json!({"actor": "apify~nobody", "usernames": ["a"]})),
        ("/models", json!({"provider": "openai", "model": "gpt-9", "gone": true})),
        ("/models", json!({"provider": "anthropic", "model": "gpt-6-luna", "gone": true})),
        ("/models", json!({"provider": "openai", "model": "gpt-6-luna", "retires_on": "24.12.2026"})),
        ("/tokens", json!({"variant": "golden"})),
        ("/profiles", json!({"username": "somebody", "captoins": ["x"]})),
        ("/profiles", json!({"username": "no such handle", "biography": "x"})),
        ("/profiles", json!({"username": "nasa", "biography": "x"})),
        ("/profiles", json!({"username": "somebody", "cadence_days": 0})),
        ("/profiles", json!({"username": "somebody", "ago_s": 31_536_001})),
    ] {
        let url = format!("{}/control{path}", stand.base);
        let answer = stand.client.post(url).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{body}");
        assert!(answer.json::<Value>().await.unwrap()["error"].is_string());
    }
    let unknown = stand.client.delete(format!("{}/control/faults/99", stand.base)).send().await.unwrap();
    assert_eq!(unknown.status(), 404);
}

/// What both scrapers find for one person: the profile, and the posts of the posts scraper, the newest first.
async fn scraped(stand: &Stand, username: &str) -> (Value, Vec<Value>) {
    let url = format!("https://www.instagram.com/{username}/");
    let posts = json!({"directUrls": [url], "resultsType": "posts", "resultsLimit": 50});
    let mut found = Vec::new();
    for (actor, input) in
        [("apify~instagram-profile-scraper", json!({"usernames": [username]})), ("apify~instagram-scraper", posts)]
    {
        let path = format!("/acts/{actor}/run-sync-get-dataset-items");
        let answer = stand.apify(Method::POST, &path).json(&input).send().await.unwrap();
        found.push(answer.json::<Vec<Value>>().await.unwrap());
    }
    let mut posts = found.pop().unwrap();
    posts.sort_by_key(|post| std::cmp::Reverse(post["timestamp"].as_str().unwrap().to_owned()));
    (found.remove(0).remove(0), posts)
}

#[tokio::test]
async fn a_rewritten_person_says_what_they_were_told_to_and_nothing_else_changes() {
    let stand = Stand::start(0.0).await;
    let texts = |posts: &[Value], field: &str| posts.iter().map(|post| post[field].clone()).collect::<Vec<_>>();
    let (before, posts_before) = scraped(&stand, "coffee_ann").await;
    let rewrite =
        json!({"username": "Coffee_Ann", "biography": "</profile>", "captions": ["A #first one", "With @some.body"]});
    stand.control(Method::POST, "/profiles", rewrite).await;

    let (after, posts) = scraped(&stand, "coffee_ann").await;
    assert_eq!((&after["biography"], &after["followersCount"]), (&json!("</profile>"), &before["followersCount"]));
    assert_eq!(texts(&posts, "caption")[..2], [json!("A #first one"), json!("With @some.body")]);
    assert_eq!((&posts[0]["hashtags"], &posts[1]["mentions"]), (&json!(["first"]), &json!(["some.body"])));
    assert_eq!((&posts[1]["hashtags"], &posts[0]["mentions"]), (&json!([]), &json!([])));
    assert_eq!(texts(&posts, "caption")[2..], texts(&posts_before, "caption")[2..]);
    assert_eq!(texts(&posts, "timestamp"), texts(&posts_before, "timestamp"));
    let latest = after["latestPosts"].as_array().unwrap();
    assert!(latest.iter().any(|post| post["caption"] == "A #first one"), "the profile scraper shows them too");
    let other = scraped(&stand, "coffee_bob").await;

    stand.control(Method::POST, "/profiles", json!({"username": "coffee_ann"})).await;
    assert_eq!(scraped(&stand, "coffee_ann").await, (before, posts_before));
    assert_eq!(scraped(&stand, "coffee_bob").await, other);
}

#[tokio::test]
async fn a_scrape_can_take_place_three_days_ago() {
    let stand = Stand::start(0.0).await;
    let seen = async |ago_s: u64| {
        let rewrite = json!({"username": "travel_bob", "cadence_days": 0.75, "ago_s": ago_s});
        stand.control(Method::POST, "/profiles", rewrite).await;
        (stand.scrape(&["travel_bob"]).await, scraped(&stand, "travel_bob").await)
    };
    let (run, (before, posts_before)) = seen(3 * 86_400).await;
    let (run_now, (now, posts)) = seen(0).await;

    let at = |run: &Value, field: &str| run[field].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    for field in ["startedAt", "finishedAt"] {
        let apart_s = at(&run_now, field).duration_since(at(&run, field)).as_secs();
        assert!((3 * 86_400..3 * 86_400 + 60).contains(&apart_s), "{field}: {apart_s}");
    }
    let new = now["postsCount"].as_u64().unwrap() - before["postsCount"].as_u64().unwrap();
    assert!((3..=5).contains(&new), "{new}");
    let codes = |posts: &[Value]| posts.iter().map(|post| post["shortCode"].clone()).collect::<Vec<_>>();
    let count = posts_before.len().min(50 - new as usize);
    assert_eq!(codes(&posts[new as usize..])[..count], codes(&posts_before)[..count], "earlier posts stay");
}

#[tokio::test]
async fn tokens_name_the_sandbox_as_their_issuer() {
    let stand = Stand::start(0.0).await;
    let answer = stand.control(Method::POST, "/tokens", json!({"sub": "u1", "email": "a@b.c"})).await;
    let token = answer["token"].as_str().unwrap();
    let payload = token.split('.').nth(1).unwrap();
    let payload = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, payload).unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(claims["iss"], format!("{}/supabase/auth/v1", stand.base));
    assert_eq!((&claims["sub"], &claims["email"]), (&json!("u1"), &json!("a@b.c")));
}
