//! The sandbox in this process.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context, Result};
use oslira_providers::{Endpoint, HttpSend, NativeSend, Secret};
use oslira_sandbox::{ANTHROPIC_API_KEY, Config, OPENAI_API_KEY, Sandbox};
use tokio::{net::TcpListener, task::JoinHandle};

use super::Providers;

/// A sandbox that answers at once, on a port of its own.
pub struct LocalSandbox {
    base: String,
    state_dir: PathBuf,
    server: JoinHandle<()>,
    pub(super) send: Arc<dyn HttpSend>,
}

impl LocalSandbox {
    /// # Errors
    /// No port or no directory is to be had.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no free port")?;
        let base = format!("http://{}", listener.local_addr()?);
        let state_dir = std::env::temp_dir().join(format!("oslira-eval-{}", uuid::Uuid::new_v4()));
        let config = Config {
            state_dir: state_dir.clone(),
            public_url: base.clone(),
            time_scale: 0.0,
            seed: 0,
            jwt_secret: None,
            control_token: None,
            stripe_endpoint: None,
            stripe_webhook_secrets: Vec::new(),
        };
        let sandbox = Sandbox::open(config).map_err(|why| anyhow::anyhow!("the sandbox does not start: {why}"))?;
        let server = tokio::spawn(async move {
            if let Err(error) = sandbox.serve(listener).await {
                eprintln!("  the sandbox ended: {error}");
            }
        });
        Ok(Self { base, state_dir, server, send: Arc::new(NativeSend::new()?) })
    }

    /// Where it is reached, with its own keys.
    #[must_use]
    pub fn providers(&self) -> Providers {
        let anthropic = Endpoint::new(&format!("{}/anthropic", self.base), Secret::new(ANTHROPIC_API_KEY));
        Providers {
            openai: Endpoint::new(&format!("{}/openai/v1", self.base), Secret::new(OPENAI_API_KEY)),
            anthropic: Some(anthropic.with_key_in("x-api-key")),
        }
    }
}

impl Drop for LocalSandbox {
    fn drop(&mut self) {
        self.server.abort();
        // Nothing of it is needed again; a directory that stays is the machine's to clean.
        let _ = std::fs::remove_dir_all(&self.state_dir);
    }
}
