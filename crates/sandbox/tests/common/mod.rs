//! A sandbox in the test's own process, on a port of its own.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests; each test file uses some of them"
)]

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use oslira_sandbox::{Config, Sandbox};
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

pub mod visitor;

static DIRECTORIES: AtomicU32 = AtomicU32::new(0);

/// A running sandbox and a client for it.
pub struct Stand {
    pub base: String,
    pub client: Client,
    pub state_dir: PathBuf,
    server: JoinHandle<()>,
    /// Whether another sandbox will use the state directory, so that it must not be deleted.
    is_left: bool,
}

impl Stand {
    /// A fresh sandbox at this time scale.
    pub async fn start(time_scale: f64) -> Self {
        Self::start_in(&Self::fresh_state_dir(), time_scale).await
    }

    /// A directory that no other sandbox uses.
    pub fn fresh_state_dir() -> PathBuf {
        let number = DIRECTORIES.fetch_add(1, Ordering::Relaxed);
        let name = format!("oslira-sandbox-test-{}-{number}", std::process::id());
        let state_dir = std::env::temp_dir().join(name);
        // Process ids are reused, so an earlier test may have left a directory with this name.
        let _ = std::fs::remove_dir_all(&state_dir);
        state_dir
    }

    /// A sandbox on a state directory that may hold the state of an earlier one.
    pub async fn start_in(state_dir: &Path, time_scale: f64) -> Self {
        Self::start_with_users_in(state_dir, time_scale, None).await
    }

    /// A sandbox whose Supabase Auth has its users in this database.
    pub async fn start_with_users_in(state_dir: &Path, time_scale: f64, database_url: Option<&str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let config = Config {
            state_dir: state_dir.to_owned(),
            public_url: base.clone(),
            time_scale,
            seed: 0,
            jwt_secret: Some("legacy-secret".into()),
            stripe_endpoint: None,
            stripe_webhook_secrets: vec!["whsec_sandbox_first".into()],
            control_token: None,
        };
        let sandbox = Sandbox::open_with_users_in(config, database_url).unwrap();
        let server = tokio::spawn(async move { sandbox.serve(listener).await.unwrap() });
        // A proxy in the developer's environment must not get calls to this machine.
        let client = Client::builder().no_proxy().build().unwrap();
        Self { base, client, state_dir: state_dir.to_owned(), server, is_left: false }
    }

    /// Ends it without any clean-up, as a kill would.
    pub async fn kill(mut self) -> PathBuf {
        self.server.abort();
        let _ = (&mut self.server).await;
        self.is_left = true;
        self.state_dir.clone()
    }

    pub async fn control(&self, method: Method, path: &str, body: Value) -> Value {
        let request = self.client.request(method, format!("{}/control{path}", self.base));
        let request = if body.is_null() { request } else { request.json(&body) };
        request.send().await.unwrap().json().await.unwrap()
    }

    pub async fn fault(&self, fault: Value) -> String {
        let answer = self.control(Method::POST, "/faults", fault).await;
        assert!(answer["id"].is_string(), "{answer}");
        answer["id"].as_str().unwrap().to_owned()
    }

    pub async fn received(&self, query: &str) -> Value {
        self.control(Method::GET, &format!("/received{query}"), Value::Null).await
    }

    pub fn apify(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}/apify/v2{path}", self.base)).bearer_auth("sandbox-apify-token")
    }

    /// Starts the profile actor and waits for it.
    pub async fn scrape(&self, usernames: &[&str]) -> Value {
        let path = "/acts/apify~instagram-profile-scraper/runs?waitForFinish=60";
        let answer = self.apify(Method::POST, path).json(&json!({"usernames": usernames})).send().await.unwrap();
        assert_eq!(answer.status(), 201);
        answer.json::<Value>().await.unwrap()["data"].take()
    }

    pub async fn chat(&self, body: Value) -> reqwest::Result<Response> {
        let url = format!("{}/openai/v1/chat/completions", self.base);
        self.client.post(url).bearer_auth("sandbox-openai-key").json(&body).send().await
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        self.server.abort();
        if !self.is_left {
            let _ = std::fs::remove_dir_all(&self.state_dir);
        }
    }
}

/// A small strict request about a coffee roaster.
pub fn lead_request(model: &str, text: &str) -> Value {
    let profile = json!({"username": "bean.there", "biography": format!("Specialty coffee roaster {text}"), "followersCount": 9_000});
    json!({
        "model": model,
        "messages": [
            {"role": "system", "content": "Judge the lead. <business>We sell grinders to coffee roasters.</business>"},
            {"role": "user", "content": format!("<profile>{profile}</profile>")},
        ],
        "response_format": {"type": "json_schema", "json_schema": {"name": "lead", "strict": true, "schema": {
            "type": "object", "additionalProperties": false, "required": ["score", "summary"],
            "properties": {"score": {"type": "integer", "minimum": 0, "maximum": 100}, "summary": {"type": "string"}},
        }}},
    })
}
