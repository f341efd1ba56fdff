//! What `wrangler.jsonc` says of one deployment, merged as wrangler does it: bindings and variables are each environment's own,
//! everything else is the top level's unless the environment says it too.

#![allow(dead_code, reason = "the form of the file, of which each command reads its part")]

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Name, jsonc};

/// What the database keeps for others than Hyperdrive: Supabase's own services, migrations, a person with a SQL editor.
pub const CONNECTIONS_RESERVED: u32 = 20;
/// What Hyperdrive opens where a configuration does not say how many: Cloudflare's own limit, on the paid plan.
pub const CONNECTIONS_DEFAULT: u32 = 60;

/// The keys that wrangler gives an environment only if its own section has them (`config-schema.json` of the pinned wrangler).
const NOT_INHERITED: [&str; 41] = [
    "agent_memory",
    "ai",
    "ai_search",
    "ai_search_namespaces",
    "analytics",
    "analytics_engine_datasets",
    "artifacts",
    "browser",
    "cloudchamber",
    "connect",
    "containers",
    "d1_databases",
    "define",
    "dispatch_namespaces",
    "durable_objects",
    "flagship",
    "hyperdrive",
    "images",
    "k2",
    "kv_namespaces",
    "media",
    "mtls_certificates",
    "pipelines",
    "queues",
    "r2_buckets",
    "ratelimits",
    "secrets",
    "secrets_store_secrets",
    "send_email",
    "services",
    "stream",
    "streaming_tail_consumers",
    "tail_consumers",
    "unsafe",
    "unsafe_hello_world",
    "vars",
    "vectorize",
    "version_metadata",
    "vpc_networks",
    "vpc_services",
    "workflows",
];

/// What wrangler would deploy as one environment. Lists are in the order of the file.
#[derive(Debug, Clone, Deserialize)]
pub struct WranglerEnvironment {
    /// The Worker's name at Cloudflare.
    pub name: String,
    #[serde(default)]
    pub routes: Vec<Route>,
    /// `None` where the file says nothing: wrangler then decides by whether there are routes.
    pub workers_dev: Option<bool>,
    /// `None` where the file says nothing.
    pub preview_urls: Option<bool>,
    pub placement: Option<Placement>,
    #[serde(default)]
    pub observability: Observability,
    /// The variables that are no secrets.
    #[serde(default)]
    pub vars: BTreeMap<String, String>,
    #[serde(default)]
    pub hyperdrive: Vec<Resource>,
    #[serde(default)]
    pub kv_namespaces: Vec<Resource>,
    #[serde(default)]
    pub r2_buckets: Vec<R2Bucket>,
    #[serde(default)]
    pub queues: Queues,
    #[serde(default)]
    pub triggers: Triggers,
    #[serde(default)]
    pub workflows: Vec<Workflow>,
    #[serde(default)]
    pub ratelimits: Vec<RateLimit>,
    #[serde(default)]
    pub analytics_engine_datasets: Vec<Dataset>,
}

/// Where requests come from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "RouteForm")]
pub struct Route {
    /// For a custom domain the host name itself.
    pub pattern: String,
    pub custom_domain: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RouteForm {
    Pattern(String),
    Route {
        pattern: String,
        #[serde(default)]
        custom_domain: bool,
    },
}

impl From<RouteForm> for Route {
    fn from(form: RouteForm) -> Self {
        match form {
            RouteForm::Pattern(pattern) => Self { pattern, custom_domain: false },
            RouteForm::Route { pattern, custom_domain } => Self { pattern, custom_domain },
        }
    }
}

/// Where the platform runs the Worker: `mode`, or the `region` of a cloud, such as `aws:eu-central-1`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Placement {
    pub mode: Option<String>,
    pub region: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Observability {
    #[serde(default)]
    pub enabled: bool,
    /// 0 to 1: the share of requests whose lines are kept.
    pub head_sampling_rate: Option<f64>,
    #[serde(default)]
    pub logs: Logs,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Logs {
    /// The platform's own line about each request, with its address. `None` is on.
    pub invocation_logs: Option<bool>,
}

/// A binding to something that Cloudflare knows by an id: a Hyperdrive configuration or a KV namespace.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Resource {
    pub binding: String,
    pub id: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct R2Bucket {
    pub binding: String,
    pub bucket_name: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Queues {
    #[serde(default)]
    pub producers: Vec<Producer>,
    #[serde(default)]
    pub consumers: Vec<Consumer>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Producer {
    pub binding: String,
    pub queue: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Consumer {
    pub queue: String,
    /// Messages.
    pub max_batch_size: Option<u32>,
    /// Seconds.
    pub max_batch_timeout: Option<u32>,
    pub max_retries: Option<u32>,
    /// Seconds.
    pub retry_delay: Option<u32>,
    pub max_concurrency: Option<u32>,
    pub dead_letter_queue: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Triggers {
    #[serde(default)]
    pub crons: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Workflow {
    pub binding: String,
    /// Its name in the account, which no other Worker's workflow has.
    pub name: String,
    pub class_name: String,
    pub default_retention: Option<Retention>,
}

/// How long what an instance remembers is kept after its end, such as `1 day`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Retention {
    pub success_retention: String,
    pub error_retention: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RateLimit {
    pub name: String,
    pub namespace_id: String,
    pub simple: SimpleLimit,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SimpleLimit {
    /// Requests in one period.
    pub limit: u32,
    /// Seconds.
    pub period: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Dataset {
    pub binding: String,
    pub dataset: String,
}

impl WranglerEnvironment {
    /// What the file says of an environment; of the local stack, its top level.
    ///
    /// # Errors
    /// The file cannot be read, or has no section of the environment.
    pub fn read(file: &Path, name: Name) -> Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        Self::parse(&text, name).with_context(|| format!("{} cannot be used", file.display()))
    }

    /// The same of the file's text.
    pub fn parse(text: &str, name: Name) -> Result<Self> {
        serde_json::from_value(Value::Object(merged(text, name)?)).context("a setting has another form than expected")
    }

    /// The addresses under which the Worker is reached, by host name.
    pub fn custom_domains(&self) -> impl Iterator<Item = &str> {
        self.routes.iter().filter(|route| route.custom_domain).map(|route| route.pattern.as_str())
    }

    /// The names of all queues, each once: those that are sent to, and those that are read.
    pub fn queue_names(&self) -> Vec<&str> {
        let sent = self.queues.producers.iter().map(|producer| producer.queue.as_str());
        let read =
            self.queues.consumers.iter().flat_map(|consumer| {
                std::iter::once(consumer.queue.as_str()).chain(consumer.dead_letter_queue.as_deref())
            });
        let mut names: Vec<&str> = Vec::new();
        for name in sent.chain(read) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

/// The keys of an environment as wrangler sees them.
pub fn merged(text: &str, name: Name) -> Result<Map<String, Value>> {
    let Value::Object(mut top) = jsonc::parse(text)? else { anyhow::bail!("it is no object") };
    let environments = top.remove("env");
    let Some(section_name) = name.section() else { return Ok(top) };
    let section = environments.as_ref().and_then(|all| all.get(section_name)).and_then(Value::as_object);
    let section = section.with_context(|| format!("it has no section env.{section_name}"))?;
    let worker = top.get("name").and_then(Value::as_str).unwrap_or_default();
    let default_name = Value::from(format!("{worker}-{section_name}"));
    top.retain(|key, _| !NOT_INHERITED.contains(&key.as_str()));
    top.insert("name".to_owned(), default_name);
    top.extend(section.iter().map(|(key, value)| (key.clone(), value.clone())));
    Ok(top)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"{
        "name": "worker", "compatibility_date": "2026-04-01", "workers_dev": true,
        "vars": { "A": "top" }, "hyperdrive": [{ "binding": "DB", "id": "1" }], "triggers": { "crons": ["* * * * *"] },
        "env": {
            "staging": { "workers_dev": false, "vars": { "B": "own" }, "routes": [{ "pattern": "api.test", "custom_domain": true }, "x/*"],
              "queues": { "producers": [{ "binding": "Q", "queue": "a" }],
                          "consumers": [{ "queue": "a", "dead_letter_queue": "a-dead" }, { "queue": "a-dead" }] } },
            "production": { "name": "another" }
        } }"#;

    #[test]
    fn bindings_and_variables_are_not_inherited_and_everything_else_is() {
        let staging = WranglerEnvironment::parse(FILE, Name::Staging).unwrap();
        assert_eq!(staging.name, "worker-staging");
        assert_eq!((staging.workers_dev, staging.hyperdrive.len()), (Some(false), 0));
        assert_eq!(staging.vars, [("B".to_owned(), "own".to_owned())].into());
        assert_eq!(staging.triggers.crons, ["* * * * *"]);
        assert_eq!(staging.custom_domains().collect::<Vec<_>>(), ["api.test"]);
        assert_eq!(staging.queue_names(), ["a", "a-dead"]);

        let production = WranglerEnvironment::parse(FILE, Name::Production).unwrap();
        assert_eq!((production.name.as_str(), production.workers_dev), ("another", Some(true)));
        let local = WranglerEnvironment::parse(FILE, Name::Local).unwrap();
        assert_eq!((local.name.as_str(), local.vars.get("A").map(String::as_str)), ("worker", Some("top")));
    }

    #[test]
    fn an_environment_without_a_section_is_an_error_that_names_it() {
        let error = WranglerEnvironment::parse("{\"name\": \"x\"}", Name::Staging).unwrap_err().to_string();
        assert!(error.contains("env.staging"), "{error}");
    }
}
