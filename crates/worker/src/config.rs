//! Settings from the environment, read once per isolate.
//!
//! Fails closed: outside `OSLIRA_ENV=local` a missing or sandbox address or key is a fault, and a deployment with faults
//! is not ready and charges nothing.

use std::sync::Arc;

use oslira_app::{
    api::HttpConfig,
    features::{
        auth::TokenRules,
        health::setting_fault,
        judging::{ModelChoice, ModelLifecycle},
    },
};
use oslira_providers::{Endpoint, Gateway, Secret, families::announced};
use worker::Env;

/// Everything that can be set.
pub struct Config {
    pub environment: String,
    pub issuer: String,
    pub rules: TokenRules,
    pub apify: Endpoint,
    pub openai: Endpoint,
    /// `None` without a key: then only OpenAI's models are asked.
    pub anthropic: Option<Endpoint>,
    /// Where the lists of models are read: at the providers themselves, which a gateway need not pass on.
    pub openai_list: Endpoint,
    pub anthropic_list: Option<Endpoint>,
    pub gateway: Option<Gateway>,
    pub http: HttpConfig,
    pub models: Arc<ModelChoice>,
    /// Where a local stack's pictures are, as `host:port`.
    pub local_picture_host: Option<String>,
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
        for name in ["ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY", "AI_GATEWAY_URL", "AI_GATEWAY_TOKEN"] {
            let value = text(name);
            faults.extend((!value.is_empty()).then(|| setting_fault(name, &value, local)).flatten());
        }
        if !text("ANTHROPIC_API_KEY").is_empty() && text("AI_GATEWAY_URL").is_empty() {
            faults.extend(setting_fault("ANTHROPIC_BASE_URL", &text("ANTHROPIC_BASE_URL"), local));
        }
        let cache_ttl_s = gateway_cache_ttl_s(&text("AI_GATEWAY_CACHE_TTL_S"), &mut faults);
        let gateway_url = text("AI_GATEWAY_URL").trim_end_matches('/').to_owned();
        // A gateway has each provider below its own address; without one each is asked directly.
        let address = |name: &str, provider: &str| match gateway_url.as_str() {
            "" => text(name),
            gateway => format!("{gateway}/{provider}"),
        };
        let secret = |name: &str| Some(text(name)).filter(|value| !value.is_empty()).map(Secret::new);
        let anthropic_at =
            |url: &str| secret("ANTHROPIC_API_KEY").map(|key| Endpoint::new(url, key).with_key_in("x-api-key"));
        let anthropic = anthropic_at(&address("ANTHROPIC_BASE_URL", "anthropic"));
        let anthropic_direct = Some(text("ANTHROPIC_BASE_URL")).filter(|url| !url.is_empty());
        let anthropic_list = anthropic_direct.map_or_else(|| anthropic.clone(), |url| anthropic_at(&url));
        let gateway = (!gateway_url.is_empty()).then(|| Gateway::new(secret("AI_GATEWAY_TOKEN"), cache_ttl_s));
        let (models, model_faults) = ModelChoice::from_settings(text, anthropic.is_some());
        faults.extend(model_faults);
        let scale = text("RETRY_TIME_SCALE").parse().ok().filter(|scale: &f64| *scale > 0.0 && *scale <= 1.0);
        let secret = text("SUPABASE_JWT_SECRET");
        Self {
            rules: TokenRules {
                issuer: issuer.clone(),
                legacy_secret: (!secret.is_empty()).then(|| secret.into_bytes()),
            },
            issuer,
            apify: Endpoint::new(&text("APIFY_BASE_URL"), Secret::new(text("APIFY_TOKEN"))),
            openai: Endpoint::new(&address("OPENAI_BASE_URL", "openai"), Secret::new(text("OPENAI_API_KEY"))),
            openai_list: Endpoint::new(&text("OPENAI_BASE_URL"), Secret::new(text("OPENAI_API_KEY"))),
            anthropic,
            anthropic_list,
            gateway,
            http: HttpConfig {
                cors_origins: text("CORS_ORIGINS")
                    .split(',')
                    .map(str::trim)
                    .filter(|origin| !origin.is_empty())
                    .map(str::to_owned)
                    .collect(),
            },
            models: Arc::new(models),
            local_picture_host: local.then(|| authority(&text("APIFY_BASE_URL"))).flatten(),
            pause_scale: scale.filter(|_| local).unwrap_or(1.0),
            environment,
            faults,
        }
    }

    /// What was known of the models in use when this was built.
    pub fn models_announced(&self) -> Vec<ModelLifecycle> {
        announced(&self.models)
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

/// The gateway keeps nothing for less than a minute or more than a month.
const GATEWAY_CACHE_S: std::ops::RangeInclusive<u32> = 60..=2_592_000;

fn gateway_cache_ttl_s(text: &str, faults: &mut Vec<String>) -> u32 {
    match text.parse() {
        _ if text.is_empty() => 0,
        Ok(seconds) if seconds == 0 || GATEWAY_CACHE_S.contains(&seconds) => seconds,
        _ => {
            faults.push("AI_GATEWAY_CACHE_TTL_S takes seconds: 0, or 60 to 2592000".to_owned());
            0
        }
    }
}

fn authority(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    rest.split('/').next().map(str::to_owned)
}
