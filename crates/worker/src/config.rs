//! Settings from the environment, read once per isolate.
//!
//! Fails closed: outside `OSLIRA_ENV=local` a missing or sandbox address or key is a fault, and a deployment with faults
//! is not ready and charges nothing.

use oslira_app::{
    features::{
        analysis::{ModelName, config::LIGHT_MODEL},
        auth::TokenRules,
    },
    http::{HttpConfig, setting_fault},
};
use oslira_providers::{Endpoint, Secret};
use worker::Env;

/// Everything that can be set.
pub struct Config {
    pub environment: String,
    pub issuer: String,
    pub rules: TokenRules,
    pub apify: Endpoint,
    pub openai: Endpoint,
    pub http: HttpConfig,
    pub light_model: ModelName,
    /// Factor on pauses between attempts; only a local stack may hurry.
    pub pause_scale: f64,
    faults: Vec<String>,
}

impl Config {
    /// Reads vars and secrets.
    pub fn from_env(env: &Env) -> Self {
        let text = |name: &str| {
            let value = env.var(name).map(|value| value.to_string()).unwrap_or_default();
            if value == "undefined" { String::new() } else { value.trim().to_owned() }
        };
        let environment = text("OSLIRA_ENV");
        let local = environment == "local";
        let issuer = format!("{}/auth/v1", text("SUPABASE_URL").trim_end_matches('/'));
        let mut faults = Vec::new();
        if !matches!(environment.as_str(), "local" | "staging" | "production") {
            faults.push("OSLIRA_ENV must be local, staging or production".to_owned());
        }
        for name in ["SUPABASE_URL", "APIFY_BASE_URL", "APIFY_TOKEN", "OPENAI_BASE_URL", "OPENAI_API_KEY"] {
            faults.extend(setting_fault(name, &text(name), local));
        }
        let light_model = match text("LIGHT_MODEL").as_str() {
            "" => LIGHT_MODEL,
            name => ModelName::parse(name).unwrap_or_else(|| {
                faults.push("LIGHT_MODEL must look like openai/gpt-4o-mini".to_owned());
                LIGHT_MODEL
            }),
        };
        let scale = text("RETRY_TIME_SCALE").parse().ok().filter(|scale: &f64| *scale > 0.0 && *scale <= 1.0);
        let secret = text("SUPABASE_JWT_SECRET");
        Self {
            rules: TokenRules {
                issuer: issuer.clone(),
                legacy_secret: (!secret.is_empty()).then(|| secret.into_bytes()),
            },
            issuer,
            apify: Endpoint::new(&text("APIFY_BASE_URL"), Secret::new(text("APIFY_TOKEN"))),
            openai: Endpoint::new(&text("OPENAI_BASE_URL"), Secret::new(text("OPENAI_API_KEY"))),
            http: HttpConfig {
                cors_origins: text("CORS_ORIGINS")
                    .split(',')
                    .map(str::trim)
                    .filter(|origin| !origin.is_empty())
                    .map(str::to_owned)
                    .collect(),
            },
            light_model,
            pause_scale: scale.filter(|_| local).unwrap_or(1.0),
            environment,
            faults,
        }
    }

    /// What is wrong, by the settings' names.
    pub fn faults(&self) -> &[String] {
        &self.faults
    }

    /// Whether this is a developer's stack.
    pub fn is_local(&self) -> bool {
        self.environment == "local"
    }
}
