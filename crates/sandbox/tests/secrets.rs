//! Keys of the providers are rotated, and requests to AWS that are not signed are refused. Signed ones are sent by AWS's official client
//! (`clients/secrets-manager.mjs`) and by the product's own (crates/providers/tests/secrets.rs).

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::Stand;
use reqwest::Method;
use serde_json::{Value, json};

async fn ask(stand: &Stand, authorization: Option<&str>) -> (u16, Value) {
    let mut post = stand.client.post(format!("{}/aws/", stand.base));
    post = post.header("content-type", "application/x-amz-json-1.1");
    post = post.header("x-amz-target", "secretsmanager.GetSecretValue").header("x-amz-date", "20261130T120000Z");
    if let Some(authorization) = authorization {
        post = post.header("authorization", authorization);
    }
    let answer = post.body("{\"SecretId\":\"oslira/local\"}").send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/x-amz-json-1.1");
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn what_is_not_signed_is_refused_and_no_secret_is_recorded() {
    let stand = Stand::start(0.0).await;
    let signed_by = |id: &str, names: &str| {
        format!(
            "AWS4-HMAC-SHA256 Credential={id}/20261130/eu-central-1/secretsmanager/aws4_request, \
             SignedHeaders={names}, Signature=00"
        )
    };
    let all = "content-type;host;x-amz-date;x-amz-target";
    for (authorization, kind) in [
        (None, "MissingAuthenticationTokenException"),
        (Some("Bearer sandbox".to_owned()), "IncompleteSignatureException"),
        (Some(signed_by("AKIAOTHER", all)), "UnrecognizedClientException"),
        (Some(signed_by("AKIASANDBOX000000001", "host")), "InvalidSignatureException"),
        (Some(signed_by("AKIASANDBOX000000001", all)), "InvalidSignatureException"),
    ] {
        let (status, body) = ask(&stand, authorization.as_deref()).await;
        assert_eq!((status, &body["__type"]), (400, &json!(kind)), "{authorization:?}");
    }
    let received = stand.received("?target=secrets.get").await;
    assert_eq!(received["count"], 5);
    assert!(!received.to_string().contains("Signature="), "{received}");
}

#[tokio::test]
async fn the_secret_has_versions_that_control_shows_without_their_values() {
    let stand = Stand::start(0.0).await;
    let rotated = stand.control(Method::POST, "/secrets", json!({"values": {"OPENAI_API_KEY": "sandbox-2"}})).await;
    let listed = stand.control(Method::GET, "/secrets", Value::Null).await;
    let versions = listed["versions"].as_array().unwrap();
    assert_eq!(versions.len(), 2);
    assert_eq!((&versions[0]["stages"], &versions[1]["stages"]), (&json!(["AWSPREVIOUS"]), &json!(["AWSCURRENT"])));
    assert_eq!(versions[1]["id"], rotated["version"]);
    assert!(!listed.to_string().contains("sandbox-"), "{listed}");
}

#[tokio::test]
async fn the_legacy_secret_of_tokens_is_replaced_and_restored() {
    let stand = Stand::start(0.0).await;
    let signature = async || {
        let wanted =
            json!({"sub": "u1", "variant": "hs256", "claims": {"iat": 1, "exp": 2, "session_id": "s", "amr": []}});
        let minted = stand.control(Method::POST, "/tokens", wanted).await;
        minted["token"].as_str().unwrap().rsplit_once('.').unwrap().1.to_owned()
    };
    let first = signature().await;
    assert_eq!(signature().await, first, "the same claims, the same signature");
    stand.control(Method::POST, "/tokens/secret", json!({"secret": "another-legacy-secret"})).await;
    assert_ne!(signature().await, first);
    stand.control(Method::DELETE, "/tokens/secret", Value::Null).await;
    assert_eq!(signature().await, first);
}

#[tokio::test]
async fn a_provider_accepts_two_keys_while_one_takes_the_others_place() {
    let stand = Stand::start(0.0).await;
    let models = async |key: &str| {
        let get = stand.client.get(format!("{}/openai/v1/models", stand.base)).bearer_auth(key);
        get.send().await.unwrap().status().as_u16()
    };
    let accept = async |accepted: Value| {
        let rotation = json!({"key": "sandbox-openai-key", "accepted": accepted});
        stand.control(Method::POST, "/keys", rotation).await;
    };
    assert_eq!((models("sandbox-openai-key").await, models("sandbox-2").await), (200, 401));
    accept(json!(["sandbox-openai-key", "sandbox-2"])).await;
    assert_eq!((models("sandbox-openai-key").await, models("sandbox-2").await), (200, 200));
    accept(json!(["sandbox-2"])).await;
    assert_eq!((models("sandbox-openai-key").await, models("sandbox-2").await), (401, 200));
    stand.control(Method::DELETE, "/keys", Value::Null).await;
    assert_eq!((models("sandbox-openai-key").await, models("sandbox-2").await), (200, 401));
}
