//! What `wrangler.jsonc` says of the environment, before anything is deployed.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use jiff::fmt::friendly::SpanParser;
use oslira_app::features::health::{DeploymentSettings, setting_fault};
use oslira_app::triggers::{Job, Queue, WorkflowClass};
use oslira_providers::vault::SECRET_SETTINGS;
use serde_json::{Map, Value};

use crate::doctor::finding::{Finding, Verdict};
use crate::environment::{Name, WranglerEnvironment, is_placeholder};

/// What a local stack may be set to and a deployment never.
const LOCAL_ONLY: [&str; 5] =
    ["POINTS_URL", "RATE_LIMIT_SCALE", "RETRY_TIME_SCALE", "SECRETS_LIFETIME_S", "TELEMETRY_OFF"];

/// How long personal data may stay in what a workflow remembers.
const RETENTION_MAX: SignedDuration = SignedDuration::from_hours(72);

/// The environment's part of the file, and the whole of the top level.
pub struct Files<'a> {
    pub name: Name,
    pub settings: &'a WranglerEnvironment,
    /// The keys as wrangler merges them.
    pub merged: &'a Map<String, Value>,
    /// The keys of the top level, which the local stack uses.
    pub top: &'a Map<String, Value>,
    /// What the section of another environment has too.
    pub shared: &'a [String],
    /// A local stack poses as the environment, so ids and addresses of the real one are not needed yet.
    pub is_posed: bool,
}

pub fn examine(files: &Files<'_>) -> Vec<Finding> {
    if files.name == Name::Local {
        let why = "the local stack replaces ids and addresses by its own; name --env staging or production";
        let own = ["files.crons", "files.queues", "files.retention"];
        return all(files)
            .into_iter()
            .map(
                |found| {
                    if own.contains(&found.check) { found } else { Finding::new(found.check, Verdict::unknown(why)) }
                },
            )
            .collect();
    }
    all(files)
}

fn all(files: &Files<'_>) -> Vec<Finding> {
    vec![
        Finding::new("files.placeholders", placeholders(files)),
        Finding::new("files.own", own(files)),
        Finding::new("files.bindings", bindings(files)),
        Finding::new("files.settings", settings(files)),
        Finding::new("files.door", door(files.settings)),
        Finding::new("files.crons", crons(files.settings)),
        Finding::new("files.queues", queues(files.settings)),
        Finding::new("files.retention", retention(files.settings)),
        Finding::new("files.observability", observability(files.settings)),
    ]
}

fn placeholders(files: &Files<'_>) -> Verdict {
    let settings = files.settings;
    let mut unset: Vec<String> =
        settings.unset().into_iter().map(|unset| format!("{} is not set", unset.what)).collect();
    if settings.vars.get("CORS_ORIGINS").is_none_or(String::is_empty) {
        unset.push("CORS_ORIGINS is not set".to_owned());
    }
    let addresses = settings.vars.iter().filter(|(_, value)| value.split(',').any(is_placeholder));
    unset.extend(addresses.map(|(name, _)| format!("{name} is the address that the repository came with")));
    if files.is_posed && !unset.is_empty() {
        return Verdict::unknown(format!("a local stack poses as it; before it is deployed: {}", unset.join("; ")));
    }
    Verdict::of(
        unset,
        format!(
            "put what `npx wrangler hyperdrive create`, `npx wrangler kv namespace create` and Supabase gave into env.{} of wrangler.jsonc \
             (docs/deploying.md)",
            files.name
        ),
    )
}

fn own(files: &Files<'_>) -> Verdict {
    let shared = files.shared.iter().map(|what| format!("{what} is another environment's too"));
    Verdict::of(
        shared.collect(),
        format!(
            "give env.{} of wrangler.jsonc its own (docs/deploying.md): one environment would work on the other's data",
            files.name
        ),
    )
}

/// Compares the names of everything that is bound with those of the top level, from which the local stack and its tests run.
fn bindings(files: &Files<'_>) -> Verdict {
    let (wanted, found) = (bound(files.top), bound(files.merged));
    let missing = wanted.difference(&found).map(|name| format!("{name} is missing"));
    Verdict::of(
        missing.collect(),
        format!(
            "repeat it in env.{} of wrangler.jsonc: wrangler gives an environment none of the top level's",
            files.name
        ),
    )
}

/// Every binding and variable as `kind NAME`.
fn bound(keys: &Map<String, Value>) -> BTreeSet<String> {
    let lists = [
        ("hyperdrive", "", "binding"),
        ("kv_namespaces", "", "binding"),
        ("r2_buckets", "", "binding"),
        ("analytics_engine_datasets", "", "binding"),
        ("ratelimits", "", "name"),
        ("durable_objects", "/bindings", "name"),
        ("workflows", "", "binding"),
        ("queues", "/producers", "binding"),
    ];
    let mut names = BTreeSet::new();
    for (kind, inside, key) in lists {
        let list = keys.get(kind).and_then(|value| value.pointer(inside)).and_then(Value::as_array);
        let of_list = list.into_iter().flatten().filter_map(|entry| entry.get(key)?.as_str());
        names.extend(of_list.map(|name| format!("{kind} {name}")));
    }
    let vars = keys.get("vars").and_then(Value::as_object).into_iter().flatten();
    names.extend(vars.map(|(name, _)| format!("vars {name}")));
    names
}

fn settings(files: &Files<'_>) -> Verdict {
    let text = |name: &str| files.settings.vars.get(name).cloned().unwrap_or_default();
    let mut faults = Vec::new();
    if text("OSLIRA_ENV") != files.name.as_str() {
        faults.push(format!("OSLIRA_ENV is not {}", files.name));
    }
    let is_set = |name: &&str| !text(name).is_empty();
    faults.extend(LOCAL_ONLY.into_iter().filter(is_set).map(|name| format!("{name} is for local stacks only")));
    // Wrangler refuses a secret of the name of a variable; and this file is in the repository.
    let secrets = SECRET_SETTINGS.into_iter().filter(is_set);
    faults.extend(secrets.map(|name| format!("{name} is a secret and stands in the file")));
    if text("CORS_ORIGINS").split(',').any(|origin| origin.trim() == "*") {
        faults.push("CORS_ORIGINS allows every origin".to_owned());
    }
    // What is not set yet is a placeholder's finding.
    let (_, all) = DeploymentSettings::read(|name| if name == "RESEND_API_KEY" { String::new() } else { text(name) });
    faults.extend(all.into_iter().filter(|fault| !fault.ends_with("is not set") && !fault.starts_with("OSLIRA_ENV")));
    let addresses = files.settings.vars.iter().filter(|(name, value)| name.ends_with("_URL") && !value.is_empty());
    let read = ["SUPABASE_URL", "APP_URL"];
    let others = addresses.filter(|(name, _)| !read.contains(&name.as_str()));
    faults.extend(others.filter_map(|(name, value)| setting_fault(name, value, false)));
    Verdict::of(
        faults,
        format!(
            "mend it in vars of env.{} in wrangler.jsonc (docs/deploying.md has the table of settings)",
            files.name
        ),
    )
}

/// At workers.dev the zone's firewall does not stand before the Worker.
fn door(settings: &WranglerEnvironment) -> Verdict {
    let mut faults = Vec::new();
    if settings.workers_dev != Some(false) {
        faults.push("workers_dev is not false".to_owned());
    }
    if settings.preview_urls != Some(false) {
        faults.push("preview_urls is not false".to_owned());
    }
    Verdict::of(faults, "in wrangler.jsonc: \"workers_dev\": false, \"preview_urls\": false; then deploy")
}

fn crons(settings: &WranglerEnvironment) -> Verdict {
    let crons = &settings.triggers.crons;
    let missing = Job::SCHEDULED.into_iter().filter(|job| !crons.iter().any(|cron| cron == job.cron()));
    let mut faults: Vec<String> = missing.map(|job| format!("{} ({}) is missing", job.name(), job.cron())).collect();
    let strange = crons.iter().filter(|cron| Job::at(cron, false).is_none());
    faults.extend(strange.map(|cron| format!("{cron} is no job's")));
    Verdict::of(
        faults,
        "put the cron expressions of crates/app/src/triggers.rs into `triggers` in wrangler.jsonc, and deploy",
    )
}

/// Names begin with the environment's where two environments share an account.
fn queues(settings: &WranglerEnvironment) -> Verdict {
    let mut faults = Vec::new();
    for queue in Queue::ALL {
        let Some(consumer) = settings.queues.consumers.iter().find(|consumer| is_of(&consumer.queue, queue)) else {
            faults.push(format!("{} has no consumer", queue.name()));
            continue;
        };
        let dead = match queue {
            Queue::Analysis => Some(Queue::AnalysisDead),
            Queue::Billing => Some(Queue::BillingDead),
            // Of the dead ones nothing is given up, and the five-minute job makes up for a lost round of recovery.
            Queue::AnalysisDead | Queue::BillingDead | Queue::Recovery => None,
        };
        let Some(dead) = dead else { continue };
        let named = consumer.dead_letter_queue.as_deref().unwrap_or_default();
        if !is_of(named, dead) {
            faults.push(format!(
                "what {} gives up is lost: its dead_letter_queue is not {}",
                queue.name(),
                dead.name()
            ));
        }
    }
    Verdict::of(
        faults,
        "repeat `queues` of the top level of wrangler.jsonc in the environment, with its queues' names; then deploy",
    )
}

/// Whether a name is that of the queue in some environment, such as `staging-analysis-dead`.
fn is_of(name: &str, queue: Queue) -> bool {
    let rest =
        [Name::Staging, Name::Production].iter().find_map(|env| name.strip_prefix(env.as_str())?.strip_prefix('-'));
    rest.unwrap_or(name) == queue.name()
}

fn retention(settings: &WranglerEnvironment) -> Verdict {
    let mut faults = Vec::new();
    for class in WorkflowClass::ALL {
        let found = settings.workflows.iter().find(|workflow| workflow.class_name == class.name());
        let Some(retention) = found.and_then(|workflow| workflow.default_retention.as_ref()) else {
            faults.push(format!("{} keeps whole profiles for as long as the platform does", class.name()));
            continue;
        };
        let kept = [&retention.success_retention, &retention.error_retention];
        if kept.iter().any(|kept| duration(kept).is_none_or(|time| time > RETENTION_MAX)) {
            faults.push(format!("{} keeps whole profiles for more than three days", class.name()));
        }
    }
    Verdict::of(
        faults,
        "give each workflow in wrangler.jsonc \"default_retention\": { \"success_retention\": \"1 day\", \"error_retention\": \"3 days\" }",
    )
}

/// A time as wrangler writes it: `3 days`, `36 hours`.
fn duration(text: &str) -> Option<SignedDuration> {
    let span = SpanParser::new().parse_span(text).ok()?;
    span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok()
}

/// Without its lines nothing of what happens is told; with the platform's own, tickets in addresses are.
fn observability(settings: &WranglerEnvironment) -> Verdict {
    let kept = &settings.observability;
    let mut faults = Vec::new();
    if !kept.enabled {
        faults.push("the log is kept nowhere".to_owned());
    } else if kept.head_sampling_rate.is_some_and(|share| share < 1.0) {
        faults.push("only a part of the log is kept".to_owned());
    }
    if kept.logs.invocation_logs != Some(false) {
        faults.push("the platform writes addresses with their tickets into the log".to_owned());
    }
    Verdict::of(
        faults,
        "in wrangler.jsonc: \"observability\": { \"enabled\": true, \"head_sampling_rate\": 1, \"logs\": { \"invocation_logs\": false } }",
    )
}
