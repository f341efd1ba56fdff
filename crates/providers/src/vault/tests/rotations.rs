//! Requests while keys are rotated.

use bytes::Bytes;
use http::{Method, StatusCode};

use super::*;
use crate::{
    Endpoint, HttpSend,
    double::{Script, text},
};

/// A request with a key that was good when the work began.
fn request(key: &str) -> http::Request<Bytes> {
    let endpoint = Endpoint::new("https://api.example.com", Secret::new(key));
    endpoint.request(Method::POST, "/x", Bytes::from_static(b"{}")).unwrap()
}

async fn send(vault: &Arc<Vault>, script: &Arc<Script>, request: http::Request<Bytes>) -> StatusCode {
    let wire = FreshKeys::new(script.clone(), vault.clone());
    wire.send(request, Duration::from_secs(1), 10).await.unwrap().status()
}

fn keys_sent(script: &Script) -> Vec<String> {
    let sent = script.sent.lock().unwrap();
    sent.iter().map(|sent| sent.request.headers()["authorization"].to_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_key_that_is_refused_after_its_rotation_is_read_anew_and_the_request_repeated_once() {
    for refusal in [401, 403] {
        let (world, vault) = World::vault([key("old"), key("new")]);
        vault.prepare().await;
        world.later(MINUTE);
        let script = Arc::new(Script::of([text(refusal, ""), text(200, ""), text(200, "")]));
        assert_eq!(send(&vault, &script, request("old")).await, StatusCode::OK);
        assert_eq!(world.reads(), 2);
        // What holds the old key needs no refusal any more.
        assert_eq!(send(&vault, &script, request("old")).await, StatusCode::OK);
        assert_eq!(keys_sent(&script), ["Bearer old", "Bearer new", "Bearer new"]);
        assert_eq!(script.sent.lock().unwrap()[1].request.body().as_ref(), b"{}");
        assert_eq!(world.reads(), 2);
    }
}

#[tokio::test]
async fn a_key_that_is_refused_and_has_no_successor_is_not_tried_again() {
    let (world, vault) = World::vault([key("wrong")]);
    vault.prepare().await;
    world.later(MINUTE);
    let script = Arc::new(Script::of([text(401, ""), text(403, "")]));
    assert_eq!(send(&vault, &script, request("wrong")).await, StatusCode::UNAUTHORIZED);
    assert_eq!(send(&vault, &script, request("wrong")).await, StatusCode::FORBIDDEN);
    assert_eq!(world.reads(), 2, "a flood of refusals is no flood of readings");
}

#[tokio::test]
async fn a_rotation_that_is_taken_back_leaves_the_first_key_alone() {
    let (world, vault) = World::vault([key("one"), key("two"), key("one")]);
    for _ in 0..3 {
        vault.prepare().await;
        world.later(5 * MINUTE);
    }
    let script = Arc::new(Script::of([text(200, ""), text(200, "")]));
    send(&vault, &script, request("one")).await;
    send(&vault, &script, request("two")).await;
    assert_eq!(keys_sent(&script), ["Bearer one", "Bearer one"]);
}

/// Which key is sent in the place of each of these, after all readings.
async fn sent_after(rounds: Vec<SecretValues>, held: &[&str]) -> Vec<String> {
    let count = rounds.len();
    let (world, vault) = World::vault(rounds.into_iter().map(Ok));
    for _ in 0..count {
        vault.prepare().await;
        world.later(5 * MINUTE);
    }
    let script = Arc::new(Script::of(held.iter().map(|_| text(200, "")).collect::<Vec<_>>()));
    for key in held {
        send(&vault, &script, request(key)).await;
    }
    keys_sent(&script)
}

#[tokio::test]
async fn a_key_that_was_pasted_under_the_wrong_name_first_is_not_replaced_by_that_names_key() {
    let rounds = vec![
        values(&[(NAME, "open-1"), (OTHER, "anth-1")]),
        values(&[(NAME, "open-1"), (OTHER, "open-2")]),
        values(&[(NAME, "open-2"), (OTHER, "anth-1")]),
    ];
    let sent = sent_after(rounds, &["open-1", "open-2", "anth-1"]).await;
    assert_eq!(sent, ["Bearer open-2", "Bearer open-2", "Bearer anth-1"]);
}

#[tokio::test]
async fn two_keys_that_were_swapped_and_swapped_back_stay_where_they_are() {
    let (right, wrong) = ([(NAME, "open"), (OTHER, "anth")], [(NAME, "anth"), (OTHER, "open")]);
    for rounds in [vec![values(&right), values(&wrong)], vec![values(&right), values(&wrong), values(&right)]] {
        assert_eq!(sent_after(rounds, &["open", "anth"]).await, ["Bearer open", "Bearer anth"]);
    }
}

#[tokio::test]
async fn a_spare_has_a_successor_as_soon_as_there_are_values() {
    let (world, vault) = World::vault([down(), key("new")]);
    let vault = Arc::new(Arc::into_inner(vault).unwrap().with_spares(values(&[(NAME, "spare"), (OTHER, "kept")])));
    vault.prepare().await;
    assert_eq!(vault.current(), None, "a spare is no value that was read");
    let script = Arc::new(Script::of([text(200, ""), text(200, ""), text(200, "")]));
    send(&vault, &script, request("spare")).await;
    world.later(2);
    vault.prepare().await;
    send(&vault, &script, request("spare")).await;
    // Of this one AWS knows nothing, so it goes on to be used.
    send(&vault, &script, request("kept")).await;
    assert_eq!(keys_sent(&script), ["Bearer spare", "Bearer new", "Bearer kept"]);
}

#[tokio::test]
async fn in_an_outage_a_refusal_is_told_as_it_is() {
    let (world, vault) = World::vault([key("old"), down()]);
    vault.prepare().await;
    world.later(MINUTE);
    let script = Arc::new(Script::of([text(401, "")]));
    assert_eq!(send(&vault, &script, request("old")).await, StatusCode::UNAUTHORIZED);
    assert_eq!(current(&vault), is("old"));
}
