//! Controls the sandbox: faults of the outside services, texts of generated profiles, models that are shut down.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{Stack, eventually};

/// A fault that the sandbox injects into matching calls until it is released.
#[derive(Debug)]
pub struct Fault {
    id: String,
}

impl Stack {
    /// Injects a fault into the calls of `target` that contain `matching` (a text, or several that must all be there);
    /// `more` adds fields to it (`times`, `status`, …).
    pub async fn plant(
        &self,
        target: &str,
        kind: &str,
        matching: &(impl Serialize + ?Sized + Sync),
        more: Value,
    ) -> Fault {
        let mut fault = json!({ "target": target, "kind": kind, "match": matching });
        for (name, value) in more.as_object().into_iter().flatten() {
            fault[name] = value.clone();
        }
        let response = self.control(Method::POST, "faults").json(&fault).send().await.unwrap();
        let (status, answer) = (response.status(), response.text().await.unwrap());
        assert_eq!(status, StatusCode::CREATED, "{fault}: {answer}");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        Fault { id: answer["id"].as_str().unwrap().to_owned() }
    }

    /// Leaves every call of `target` that contains `matching` without an answer until the fault is released.
    pub async fn hold(&self, target: &str, matching: &(impl Serialize + ?Sized + Sync)) -> Fault {
        self.plant(target, "hold", matching, Value::Null).await
    }

    /// Changes a generated profile from the next scrape on: its texts (`biography`, `captions`), how often it posts
    /// (`cadence_days`), and how long ago scrapes of it take place (`ago_s`). Replaces what was changed before.
    pub async fn rewrite(&self, username: &str, texts: Value) {
        let mut rewrite = texts;
        rewrite["username"] = username.into();
        let response = self.control(Method::POST, "profiles").json(&rewrite).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{rewrite}: {:?}", response.text().await);
    }

    /// Puts these values into the secret at AWS, as a new version: `{"OPENAI_API_KEY": "sandbox-…"}`.
    pub async fn rotate_secrets(&self, values: Value) {
        let rotation = json!({ "values": values });
        let response = self.control(Method::POST, "secrets").json(&rotation).send().await.unwrap();
        assert!(response.status().is_success(), "{rotation}: {:?}", response.text().await);
    }

    /// From now on a provider accepts these keys, and no others, in the place of its first one.
    pub async fn accept_keys(&self, first: &str, accepted: &[&str]) {
        let rotation = json!({ "key": first, "accepted": accepted });
        let response = self.control(Method::POST, "keys").json(&rotation).send().await.unwrap();
        assert!(response.status().is_success(), "{rotation}: {:?}", response.text().await);
    }

    /// From now on Supabase signs legacy tokens with this secret.
    pub async fn sign_tokens_with(&self, secret: &str) {
        let response =
            self.control(Method::POST, "tokens/secret").json(&json!({ "secret": secret })).send().await.unwrap();
        assert!(response.status().is_success(), "{:?}", response.text().await);
    }

    /// From now on Stripe signs its events with each of these secrets.
    pub async fn sign_events_with(&self, secrets: &[&str]) {
        let endpoint = json!({ "secrets": secrets });
        let response = self.control(Method::POST, "stripe/endpoint").json(&endpoint).send().await.unwrap();
        assert!(response.status().is_success(), "{:?}", response.text().await);
    }

    /// AWS takes these credentials no longer.
    pub async fn revoke_aws_credentials(&self, access_key_id: &str) {
        let path = format!("secrets/credentials/{access_key_id}");
        let response = self.control(Method::DELETE, &path).send().await.unwrap();
        assert!(response.status().is_success(), "{:?}", response.text().await);
    }

    /// Waits until the Worker has read its secrets once more.
    pub async fn until_secrets_are_read(&self) {
        let readings = async || {
            let calls = self.received("secrets.get", "").await;
            calls.iter().filter(|call| call["status"] == 200).count()
        };
        let before = readings().await;
        eventually("the secrets to be read anew", async || {
            // Behind the answer to a request they are read, if they will soon be old.
            self.http().get(format!("{}/health", self.api_url)).send().await.unwrap();
            (readings().await > before).then_some(())
        })
        .await;
        // What was answered is known a moment later.
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    /// Undoes every rotation: at AWS, at the providers and of what signs. The Worker learns of it by itself.
    pub async fn restore_secrets(&self) {
        for path in ["keys", "secrets", "tokens/secret"] {
            let response = self.control(Method::DELETE, path).send().await.unwrap();
            assert!(response.status().is_success(), "{path}: {:?}", response.text().await);
        }
        let first = self.secret_in("stripe-webhook-secret");
        self.sign_events_with(&[first.as_str()]).await;
    }

    /// The secret in a file of this stack, as it is at first.
    #[must_use]
    pub fn secret_in(&self, file: &str) -> String {
        let text = std::fs::read_to_string(self.dir().join(file)).unwrap();
        text.trim().to_owned()
    }

    /// Shuts a provider's model down (`{"gone": true}`) or announces it (`{"retires_on": "2027-01-31"}`).
    pub async fn change_model(&self, model: &str, change: Value) {
        let (provider, name) = model.split_once('/').unwrap();
        let mut change = change;
        (change["provider"], change["model"]) = (provider.into(), name.into());
        let response = self.control(Method::POST, "models").json(&change).send().await.unwrap();
        assert!(response.status().is_success(), "{change}: {:?}", response.text().await);
    }

    /// Undoes every [`Self::change_model`].
    pub async fn restore_models(&self) {
        let response = self.control(Method::DELETE, "models").send().await.unwrap();
        assert!(response.status().is_success(), "{:?}", response.text().await);
    }

    /// Removes a fault and returns how many calls it affected; held calls continue.
    pub async fn release(&self, fault: Fault) -> u64 {
        let planted: Value = self.control(Method::GET, "faults").send().await.unwrap().json().await.unwrap();
        let planted = planted["faults"].as_array().unwrap().iter().find(|planted| planted["id"] == fault.id);
        let struck = planted.and_then(|planted| planted["struck"].as_u64());
        let response = self.control(Method::DELETE, &format!("faults/{}", fault.id)).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "fault {} was not there any more", fault.id);
        struck.unwrap_or_else(|| panic!("fault {} was not listed", fault.id))
    }
}
