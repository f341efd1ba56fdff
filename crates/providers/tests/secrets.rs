//! Secrets at the sandbox's AWS, over a real socket: a key is rotated while it is in use.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests stand outside test functions")]
#![expect(clippy::disallowed_methods, reason = "the test is the HTTP client behind the port, and has the real clock")]

mod stand;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use oslira_app::{
    features::{auth::Pause, judging::ModelLists as _},
    shared::clock::Clock,
};
use oslira_providers::{
    AwsSettings, Endpoint, FreshKeys, ProviderLists, Secret, SecretSource as _, SecretsManager, Vault,
};
use oslira_sandbox::{AWS_ACCESS_KEY_ID, AWS_REGION, AWS_SECRET_ACCESS_KEY, AWS_SECRET_ID, OPENAI_API_KEY};
use serde_json::{Value, json};
use stand::Stand;

struct Real;

impl Clock for Real {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

#[async_trait]
impl Pause for Real {
    async fn pause(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

impl Stand {
    fn secrets(&self, key_id: &str, secret_key: &str, token: &str) -> SecretsManager {
        let url = format!("{}/aws", self.base);
        let text = |name: &str| {
            let value = match name {
                "SECRETS_SOURCE" => "aws",
                "AWS_SECRETS_URL" => url.as_str(),
                "AWS_REGION" => AWS_REGION,
                "AWS_SECRET_ID" => AWS_SECRET_ID,
                "AWS_ACCESS_KEY_ID" => key_id,
                "AWS_SECRET_ACCESS_KEY" => secret_key,
                "AWS_SESSION_TOKEN" => token,
                _ => "",
            };
            value.to_owned()
        };
        SecretsManager::new(self.wire(), AwsSettings::read(text, true).0.unwrap())
    }

    fn first(&self) -> SecretsManager {
        self.secrets(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, "")
    }

    async fn control(&self, path: &str, body: Value) {
        let sent = self.client.post(format!("{}/control/{path}", self.base)).json(&body).send().await.unwrap();
        assert!(sent.status().is_success(), "{path} {body}");
    }

    async fn openai_key(&self, manager: &SecretsManager) -> Result<String, String> {
        let values = manager.read(Timestamp::now()).await?;
        Ok(values.get("OPENAI_API_KEY").unwrap().expose().clone())
    }
}

#[tokio::test]
async fn the_secret_is_read_with_lasting_and_with_temporary_credentials() {
    let stand = Stand::start().await;
    assert_eq!(stand.openai_key(&stand.first()).await, Ok(OPENAI_API_KEY.to_owned()));
    let temporary = json!({
        "access_key_id": "ASIASANDBOX1", "secret_access_key": "sandbox-x", "session_token": "sandbox/token+==",
        "expires_in_s": 60,
    });
    stand.control("secrets/credentials", temporary).await;
    let manager = stand.secrets("ASIASANDBOX1", "sandbox-x", "sandbox/token+==");
    assert_eq!(stand.openai_key(&manager).await, Ok(OPENAI_API_KEY.to_owned()));
    for (id, key, token, kind) in [
        ("ASIASANDBOX1", "sandbox-x", "", "400 UnrecognizedClientException"),
        ("ASIASANDBOX1", "sandbox-y", "sandbox/token+==", "400 InvalidSignatureException"),
        ("AKIAOTHER", "sandbox-x", "", "400 UnrecognizedClientException"),
    ] {
        assert_eq!(stand.openai_key(&stand.secrets(id, key, token)).await, Err(kind.to_owned()));
    }
}

#[tokio::test]
async fn a_clock_that_is_wrong_and_every_fault_of_awss_is_an_error_of_a_word() {
    let stand = Stand::start().await;
    let manager = stand.first();
    let read = manager.read(Timestamp::now() - jiff::SignedDuration::from_mins(6)).await;
    assert_eq!(read, Err("400 InvalidSignatureException".to_owned()));
    for (fault, expected) in [
        (json!({ "kind": "rate_limit" }), Some("400 ThrottlingException")),
        (json!({ "kind": "status", "status": 500 }), Some("500 InternalServiceError")),
        (json!({ "kind": "malformed" }), Some("the answer cannot be read")),
        (json!({ "kind": "truncate" }), None),
        (json!({ "kind": "drop" }), None),
    ] {
        let mut planted = fault.clone();
        planted["target"] = json!("secrets.get");
        planted["times"] = json!(1);
        stand.fault(planted).await;
        let error = manager.read(Timestamp::now()).await.unwrap_err();
        assert!(expected.is_none_or(|expected| error == expected), "{fault}: {error}");
    }
    assert!(manager.read(Timestamp::now()).await.is_ok());
}

#[tokio::test]
async fn a_key_that_is_taken_away_is_read_anew_and_the_request_answered() {
    let stand = Stand::start().await;
    let vault = Arc::new(Vault::new(Arc::new(stand.first()), Arc::new(Real), Arc::new(Real)));
    vault.prepare().await;
    // Made when the first key was good, and used when it is not any more.
    let openai = Endpoint::new(&format!("{}/openai/v1", stand.base), Secret::new(OPENAI_API_KEY));
    let lists = ProviderLists::new(Arc::new(FreshKeys::new(stand.wire(), vault.clone())), openai, None);
    assert!(lists.list("openai").await.is_ok());

    stand.control("secrets", json!({ "values": { "OPENAI_API_KEY": "sandbox-2" } })).await;
    stand.control("keys", json!({ "key": OPENAI_API_KEY, "accepted": ["sandbox-2"] })).await;
    // A vault that has just read does not read again at once.
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    assert!(lists.list("openai").await.is_ok());
    assert!(lists.list("openai").await.is_ok());
    let received = stand.client.get(format!("{}/control/received?target=openai.other", stand.base));
    let received: Value = received.send().await.unwrap().json().await.unwrap();
    let statuses: Vec<&Value> = received["calls"].as_array().unwrap().iter().map(|call| &call["status"]).collect();
    assert_eq!(statuses, [&json!(200), &json!(401), &json!(200), &json!(200)]);
}
