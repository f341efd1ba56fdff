//! A sandbox on a port of its own.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use oslira_providers::NativeSend;
use oslira_sandbox::{Config, Sandbox};
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};

/// A sandbox of the test's own.
pub struct Stand {
    pub base: String,
    pub client: reqwest::Client,
    state_dir: PathBuf,
    server: JoinHandle<()>,
}

impl Stand {
    pub async fn start() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("oslira-providers-test-{}-{number}", std::process::id());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let state_dir = std::env::temp_dir().join(name);
        // Simulated provider delays take a hundredth of their time, so that the tests are quick.
        let config = Config {
            state_dir: state_dir.clone(),
            public_url: base.clone(),
            time_scale: 0.01,
            seed: 0,
            jwt_secret: None,
            control_token: None,
            stripe_endpoint: None,
            stripe_webhook_secrets: Vec::new(),
        };
        let sandbox = Sandbox::open(config).unwrap();
        let server = tokio::spawn(async move { sandbox.serve(listener).await.unwrap() });
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { base, client, state_dir, server }
    }

    pub async fn fault(&self, fault: Value) {
        let sent = self.client.post(format!("{}/control/faults", self.base)).json(&fault).send().await.unwrap();
        assert_eq!(sent.status(), 201);
    }

    pub fn wire(&self) -> Arc<NativeSend> {
        Arc::new(NativeSend::new().unwrap())
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        self.server.abort();
        let _ = std::fs::remove_dir_all(&self.state_dir);
    }
}
