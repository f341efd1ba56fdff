//! Settings from the Worker's vars and secrets, and from AWS Secrets Manager where `SECRETS_SOURCE` says so: read when an isolate
//! begins, and again when a secret has changed. What they mean and when they are wrong is decided by the product and the providers.

use std::sync::Arc;

use oslira_app::{
    api::HttpConfig,
    features::{
        alarms::AlarmLimits,
        health::DeploymentSettings,
        judging::{ModelChoice, ModelLifecycle},
    },
};
use oslira_providers::{AwsSettings, ProviderSettings, SecretValues, families::announced, vault::SECRET_SETTINGS};
use worker::Env;

/// Everything that can be set.
pub struct Config {
    pub deployment: DeploymentSettings,
    pub providers: ProviderSettings,
    pub models: Arc<ModelChoice>,
    pub http: HttpConfig,
    pub alarms: AlarmLimits,
    /// Where secrets come from; `None` for Worker secrets.
    pub aws: Option<AwsSettings>,
    /// The Worker secrets that are used in place of those of AWS until they are read.
    pub spares: SecretValues,
    /// Whether nothing could be read yet: a spare may be an old one, and one that has no spare may be missing.
    pub awaits_secrets: bool,
    /// The same, and not every secret has a spare.
    pub lacks_secrets: bool,
    /// Which version this is, for error reports.
    pub release: String,
    faults: Vec<String>,
}

impl Config {
    /// Reads vars and secrets. What AWS Secrets Manager has given is used in place of a Worker secret of the same name, which so is
    /// the spare of an isolate that begins while AWS does not answer.
    pub fn read(env: &Env, secrets: Option<&SecretValues>) -> Self {
        let bound = |name: &str| {
            let value = env.var(name).map(|value| value.to_string()).unwrap_or_default();
            // A binding that is not text is read as this word.
            if value == "undefined" { String::new() } else { value.trim().to_owned() }
        };
        let text = |name: &str| match secrets.and_then(|secrets| secrets.get(name)) {
            Some(secret) => secret.expose().clone(),
            None => bound(name),
        };
        let (mut deployment, deployment_faults) = DeploymentSettings::read(text);
        let (providers, provider_faults) = ProviderSettings::read(text, deployment.environment.is_local());
        let (models, model_faults) = ModelChoice::from_settings(text, providers.anthropic.is_some());
        let (alarms, alarm_faults) = AlarmLimits::from_settings(text);
        let (aws, mut aws_faults) = AwsSettings::read(bound, deployment.environment.is_local());
        let mut faults = [deployment_faults, provider_faults, model_faults, alarm_faults].concat();
        let spares = SECRET_SETTINGS.map(|name| (name, bound(name)));
        let spares = SecretValues::of(spares.iter().map(|(name, spare)| (*name, Some(spare.as_str()))));
        let spares = spares.unwrap_or_default();
        let awaits_secrets = aws.is_some() && secrets.is_none();
        deployment.tokens.awaits_secrets = awaits_secrets;
        // Without an optional one nothing else looks wrong, but a model, the mail or the gateway would be left out unnoticed.
        let lacks_secrets = awaits_secrets && !spares.is_complete();
        if lacks_secrets {
            aws_faults.push("AWS Secrets Manager has not answered".to_owned());
        }
        faults.append(&mut aws_faults);
        let revision = Some(text("OSLIRA_RELEASE")).filter(|revision| !revision.is_empty());
        Self {
            release: format!("oslira@{}", revision.as_deref().unwrap_or(env!("CARGO_PKG_VERSION"))),
            http: HttpConfig { cors_origins: deployment.cors_origins.clone() },
            deployment,
            providers,
            models: Arc::new(models),
            alarms,
            aws,
            spares,
            awaits_secrets,
            lacks_secrets,
            faults,
        }
    }

    /// What was known about the models in use when this version was built.
    pub fn models_announced(&self) -> Vec<ModelLifecycle> {
        announced(&self.models)
    }

    /// What is wrong with the settings; names them, never their values.
    pub fn faults(&self) -> &[String] {
        &self.faults
    }
}
