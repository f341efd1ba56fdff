//! The offline stand-in for the services Oslira talks to: Apify, OpenAI, Anthropic, the AI Gateway and Supabase Auth's
//! key set.
//!
//! What it promises:
//! - **Wire-compatible.** Paths, status codes, headers, bodies and error objects are the real services'; their
//!   official clients drive it unchanged. Results say that they are not real (`system_fingerprint: "sandbox"`,
//!   `msg_sandbox_…`).
//! - **Stable.** The same handle is the same person all day; the same prompt gets the same answer.
//! - **Honest about time.** A latency model, scaled by one number, stands for the real services' latency.
//! - **Scriptable.** `/control` plants faults, ends models, mints tokens and tells what was received; nothing else is out
//!   of band.
//!
//! It is a developer's tool on 127.0.0.1 and has no other protection.

use std::{path::PathBuf, sync::Arc};

use axum::{Json, Router, extract::DefaultBodyLimit, routing::get};
use serde_json::json;
use tokio::net::TcpListener;
use tower_http::decompression::RequestDecompressionLayer;

mod control;
mod providers;
mod shared;

use providers::{
    anthropic,
    apify::{self, Runs},
    gateway::{self, ResponseCache},
    instagram, openai,
    supabase::{self, tokens::Keys},
};
pub use shared::error::SandboxError;
use shared::{
    connection::{Connection, KillableListener},
    faults::Faults,
    judge::Lexicon,
    latency::Latency,
    lifecycle::Lifecycles,
    profiles::Catalogue,
    prompt_cache::{AutomaticCache, ExplicitCache},
    received::Received,
};

/// The only Apify token the sandbox accepts.
pub const APIFY_TOKEN: &str = "sandbox-apify-token";
/// The only OpenAI key the sandbox accepts.
pub const OPENAI_API_KEY: &str = "sandbox-openai-key";
/// The only Anthropic key the sandbox accepts.
pub const ANTHROPIC_API_KEY: &str = "sandbox-anthropic-key";
/// The only token of the AI Gateway the sandbox accepts.
pub const GATEWAY_TOKEN: &str = "sandbox-gateway-token";

/// What a sandbox is started with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the signing key and the actor runs are kept across restarts.
    pub state_dir: PathBuf,
    /// The address others know the sandbox by, for example `http://127.0.0.1:4010`; the token issuer is below it.
    pub public_url: String,
    /// Multiplies every latency of the model: 1.0 is real speed, 0 answers at once.
    pub time_scale: f64,
    /// The legacy HS256 secret shared with the Worker; without it the tokens it signs can't be minted.
    pub jwt_secret: Option<String>,
}

/// Everything the handlers share.
struct Shared {
    public_url: String,
    latency: Latency,
    keys: Keys,
    faults: Faults,
    lifecycles: Lifecycles,
    received: Arc<Received>,
    catalogue: Catalogue,
    lexicon: Lexicon,
    runs: Runs,
    prompt_cache: AutomaticCache,
    explicit_cache: ExplicitCache,
    response_cache: ResponseCache,
}

/// A sandbox, ready to be served.
pub struct Sandbox {
    shared: Arc<Shared>,
}

impl Sandbox {
    /// Opens the state directory (made when missing) and everything kept in it.
    pub fn open(config: Config) -> Result<Self, SandboxError> {
        std::fs::create_dir_all(&config.state_dir)?;
        let latency = Latency::new(config.time_scale)?;
        let catalogue = Catalogue::load()?;
        let shared = Shared {
            public_url: config.public_url.trim_end_matches('/').to_owned(),
            keys: Keys::open(&config.state_dir, config.jwt_secret)?,
            faults: Faults::default(),
            lifecycles: Lifecycles::default(),
            received: Arc::default(),
            lexicon: Lexicon::of(catalogue.niches()),
            catalogue,
            runs: Runs::open(&config.state_dir, latency)?,
            prompt_cache: AutomaticCache::default(),
            explicit_cache: ExplicitCache::default(),
            response_cache: ResponseCache::default(),
            latency,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The whole surface as one router. The fault kind `drop` needs [`Sandbox::serve`], which owns the connections.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/health", get(|| async { Json(json!({"status": "ok"})) }))
            .nest("/anthropic", anthropic::routes(&self.shared))
            .nest("/apify", apify::routes(&self.shared))
            .nest("/gateway", gateway::routes(&self.shared))
            .nest("/instagram", instagram::routes(&self.shared))
            .nest("/openai", openai::routes(&self.shared))
            .nest("/supabase", supabase::routes(&self.shared))
            .nest("/control", control::routes(&self.shared))
            // The tap has a limit of its own, in each provider's words.
            .layer(DefaultBodyLimit::disable())
            .layer(RequestDecompressionLayer::new())
    }

    /// Serves until the process ends or the future is dropped.
    pub async fn serve(self, listener: TcpListener) -> Result<(), SandboxError> {
        let service = self.router().into_make_service_with_connect_info::<Connection>();
        axum::serve(KillableListener(listener), service).await?;
        Ok(())
    }
}
