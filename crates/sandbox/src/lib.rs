//! The offline stand-in for the services Oslira talks to: Apify, OpenAI, Anthropic, the AI Gateway, Stripe, Resend,
//! Supabase Auth, Sentry, Workers Analytics Engine and AWS Secrets Manager.
//!
//! What it promises:
//! - **Wire-compatible.** Paths, status codes, headers, bodies and error objects are the real services'; their
//!   official clients drive it unchanged. Results say that they are not real (`system_fingerprint: "sandbox"`,
//!   `msg_sandbox_…`).
//! - **Stable.** The same handle is the same person all day; the same prompt gets the same answer.
//! - **Honest about time.** A latency model, scaled by one number, stands for the real services' latency.
//! - **Scriptable.** `/control` plants faults, ends models, mints tokens, rotates keys, reports what was received and shows the mail; no
//!   other path differs from the real services.
//!
//! It is a developer's tool on 127.0.0.1. Any user of the machine, and any page in a browser on it, can reach the port: so
//! `/control`, which mints tokens, answers only to its own host name and a token.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use axum::{Json, Router, extract::DefaultBodyLimit, middleware::from_fn_with_state, routing::get};
use serde_json::json;
use tokio::net::TcpListener;
use tower_http::decompression::RequestDecompressionLayer;

mod control;
mod providers;
mod shared;

pub use providers::{
    analytics::ANALYTICS_TOKEN,
    anthropic::ANTHROPIC_API_KEY,
    apify::APIFY_TOKEN,
    aws::{AWS_ACCESS_KEY_ID, AWS_REGION, AWS_SECRET_ACCESS_KEY, AWS_SECRET_ID},
    gateway::GATEWAY_TOKEN,
    openai::OPENAI_API_KEY,
    resend::RESEND_API_KEY,
    sentry::SENTRY_PUBLIC_KEY,
    stripe::STRIPE_SECRET_KEY,
    supabase::SUPABASE_PUBLISHABLE_KEY,
};
pub use shared::error::SandboxError;

use control::{Control, Guard};
use providers::{
    analytics::{self, Analytics},
    anthropic::{self, Anthropic},
    apify::{self, Apify, Runs},
    aws::{self, SecretsManager},
    gateway::{self, Gateway},
    instagram,
    openai::{self, OpenAi},
    resend::{self, Resend},
    sentry::{self, Sentry},
    stripe::{self, Endpoint, Stripe},
    supabase::{self, Database, Keys, Supabase},
};
use shared::{
    connection::{Connection, KillableListener},
    judge::Lexicon,
    keyring::{self, Keyring},
    latency::Latency,
    lifecycle::{Lifecycles, Provider},
    outbox::Outbox,
    profiles::Catalogue,
    tap::Tap,
};

/// The settings of a sandbox.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the signing key, the actor runs, the mail, and what Stripe and Supabase Auth know are kept across restarts.
    pub state_dir: PathBuf,
    /// The address at which others reach the sandbox, for example `http://127.0.0.1:4010`; the token issuer is below
    /// it.
    pub public_url: String,
    /// Multiplies every latency of the model: 1.0 is real speed, 0 answers at once.
    pub time_scale: f64,
    /// What the latencies that vary are drawn from.
    pub seed: u64,
    /// The legacy HS256 secret shared with the Worker; without it, tokens that are signed with it can't be minted.
    pub jwt_secret: Option<String>,
    /// Where Stripe sends its events; without one it sends none.
    pub stripe_endpoint: Option<String>,
    /// What signs Stripe's events: one secret, or two while one takes the other's place.
    pub stripe_webhook_secrets: Vec<String>,
    /// What `/control` demands as a bearer token; without one it demands none.
    pub control_token: Option<String>,
}

/// A sandbox, ready to be served.
pub struct Sandbox {
    router: Router,
    stripe: Arc<Stripe>,
}

impl Sandbox {
    /// Opens the state directory (made when missing) and everything kept in it.
    pub fn open(config: Config) -> Result<Self, SandboxError> {
        Self::open_with_users_in(config, None)
    }

    /// The same with the users of Supabase Auth in the table `auth.users` of this database.
    pub fn open_with_users_in(config: Config, database_url: Option<&str>) -> Result<Self, SandboxError> {
        let database = database_url.map(Database::parse).transpose()?;
        std::fs::create_dir_all(&config.state_dir)?;
        let public_url = config.public_url.trim_end_matches('/');
        let tap = Tap::default();
        let latency = Latency::new(config.time_scale, config.seed)?;
        let catalogue = Arc::new(Catalogue::load()?);
        let secrets = Arc::new(SecretsManager::new(first_secrets(&config)));
        let keyring = Arc::new(Keyring::default());
        let lexicon = Arc::new(Lexicon::of(catalogue.niches()));
        let lifecycles = Arc::new(Lifecycles::of([
            (Provider::OpenAi, openai::announced),
            (Provider::Anthropic, anthropic::announced),
        ]));
        let runs = Arc::new(Runs::open(&config.state_dir, latency)?);
        let endpoint = Endpoint::new(config.stripe_endpoint, config.stripe_webhook_secrets);
        let stripe = Arc::new(Stripe::open(&config.state_dir, latency, endpoint)?);

        let outbox = Arc::new(Outbox::open(&config.state_dir)?);
        let keys = Keys::open(&config.state_dir, config.jwt_secret)?;
        let supabase = Supabase::open(&config.state_dir, keys, public_url, database, Arc::clone(&outbox))?;
        let supabase = Arc::new(supabase);
        let resend = Arc::new(Resend::new(latency, Arc::clone(&outbox)));

        let (analytics, sentry) = (Arc::new(Analytics::default()), Arc::new(Sentry::default()));

        let guard = Guard::new(public_url, config.control_token);

        let openai = OpenAi::new(latency, Arc::clone(&lexicon), Arc::clone(&lifecycles));
        let anthropic = Anthropic::new(latency, lexicon, Arc::clone(&lifecycles));
        let models = Router::new()
            .nest("/openai", openai::routes(&Arc::new(openai), &tap))
            .nest("/anthropic", anthropic::routes(&Arc::new(anthropic), &tap));
        let apify = Apify::new(public_url, latency, Arc::clone(&catalogue), Arc::clone(&runs), Arc::clone(&tap.faults));
        // The gateway calls the same routes as an outside caller, so that the provider's call is recorded and hit by
        // faults too.
        let gateway = Gateway::new(latency, models.clone());
        let control = Control {
            tap: tap.clone(),
            lifecycles,
            catalogue,
            runs,
            supabase: Arc::clone(&supabase),
            stripe: Arc::clone(&stripe),
            outbox,
            analytics: Arc::clone(&analytics),
            sentry: Arc::clone(&sentry),
            secrets: Arc::clone(&secrets),
            keyring: Arc::clone(&keyring),
        };
        let router = models
            .route("/health", get(|| async { Json(json!({"status": "ok"})) }))
            .nest("/cloudflare", analytics::routes(&analytics))
            .nest("/apify", apify::routes(&Arc::new(apify), &tap))
            .nest("/gateway", gateway::routes(&Arc::new(gateway), &tap))
            .nest("/instagram", instagram::routes(&tap))
            .nest("/resend", resend::routes(&resend, &tap))
            .nest("/sentry", sentry::routes(&sentry, &tap))
            .nest("/stripe", stripe::routes(&stripe, &tap))
            .nest("/supabase", supabase::routes(&supabase, &tap))
            .nest("/control", control::routes(control, guard))
            .merge(aws::routes(&secrets, &tap))
            .layer(from_fn_with_state(keyring, keyring::translate))
            // The tap limits the size of bodies itself, to answer with the provider's own error.
            .layer(DefaultBodyLimit::disable())
            // Apify's official client compresses its requests.
            .layer(RequestDecompressionLayer::new());
        Ok(Self { router, stripe })
    }

    /// The whole surface as one router. The fault kind `drop` and the delivery of Stripe's events need [`Sandbox::serve`].
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Serves until the process ends or the future is dropped.
    pub async fn serve(self, listener: TcpListener) -> Result<(), SandboxError> {
        let service = self.router().into_make_service_with_connect_info::<Connection>();
        tokio::select! {
            served = async { axum::serve(KillableListener(listener), service).await } => served?,
            () = self.stripe.deliver() => {}
        }
        Ok(())
    }
}

/// What the secret at AWS holds at first: the keys that the providers accept at first.
fn first_secrets(config: &Config) -> BTreeMap<String, String> {
    let keys = [
        ("APIFY_TOKEN", APIFY_TOKEN),
        ("OPENAI_API_KEY", OPENAI_API_KEY),
        ("ANTHROPIC_API_KEY", ANTHROPIC_API_KEY),
        ("AI_GATEWAY_TOKEN", GATEWAY_TOKEN),
        ("STRIPE_SECRET_KEY", STRIPE_SECRET_KEY),
        ("RESEND_API_KEY", RESEND_API_KEY),
    ];
    let mut values: BTreeMap<String, String> =
        keys.into_iter().map(|(name, key)| (name.to_owned(), key.to_owned())).collect();
    values.extend(config.jwt_secret.iter().map(|secret| ("SUPABASE_JWT_SECRET".to_owned(), secret.clone())));
    if !config.stripe_webhook_secrets.is_empty() {
        values.insert("STRIPE_WEBHOOK_SECRET".to_owned(), config.stripe_webhook_secrets.join(","));
    }
    values
}
