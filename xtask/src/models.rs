//! `cargo xtask models`: the configured models, their prices and cache rules, and when their providers shut them down.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use oslira_app::features::judging::{
    CallKind, LifecycleStatus, ModelChoice, ModelLifecycle, ModelName, look_up_models, warnings,
};
use oslira_providers::families::{CacheRule, Family, PRICES_AS_OF, Price, announced};
use oslira_providers::{Endpoint, HttpSend, ProviderLists, Secret, SendError};
use serde_json::{Value, json};
use ureq::Agent;

use crate::{
    project::Project,
    stack::{Document, Place},
    table::table,
};

/// Arguments of `cargo xtask models`.
#[derive(clap::Args)]
pub struct ModelsArgs {
    /// Print one JSON object for each model
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// A model with its entry in the table of families and what its provider's list says.
struct Row {
    model: ModelName,
    first_for: Vec<CallKind>,
    fallback_for: Vec<CallKind>,
    family: Family,
    lifecycle: ModelLifecycle,
}

/// Where the lists are read; `name` is for the heading of the output.
pub struct Source {
    pub name: String,
    pub openai: Endpoint,
    pub anthropic: Option<Endpoint>,
}

/// What the settings configure, and what the providers' lists say of it.
pub struct Looked {
    pub choice: ModelChoice,
    pub found: Vec<ModelLifecycle>,
}

/// Prints the models; `false` if a provider does not offer one of them, or a list could not be read.
pub fn run(project: &Project, args: &ModelsArgs) -> Result<bool> {
    let source = source(setting, || Document::load(&args.place.layout(project)?))?;
    let name = source.name.clone();
    let Looked { choice, found } = look_up(source, setting)?;
    let rows: Vec<Row> = found.iter().map(|lifecycle| row(&choice, lifecycle)).collect();
    if args.json {
        println!("{}", serde_json::to_string_pretty(&rows.iter().map(as_json).collect::<Vec<_>>())?);
    } else {
        println!("Lists read at {}; dollars for a million tokens, as of {PRICES_AS_OF}.\n", name);
        println!(
            "{}",
            table(&["call", "asked first", "then"], CallKind::ALL.map(|call| order(&choice, call)).to_vec())
        );
        let columns = ["model", "input", "cached", "write", "output", "cache", "status", "ends"];
        print!("{}", table(&columns, rows.iter().map(cells).collect()));
    }
    for warning in warned(&choice, &found) {
        eprintln!("warning: {warning}");
    }
    let is_offered = |lifecycle: &ModelLifecycle| match lifecycle.status {
        LifecycleStatus::Active | LifecycleStatus::Deprecated => true,
        LifecycleStatus::Retired | LifecycleStatus::Unlisted | LifecycleStatus::Unknown => false,
    };
    Ok(found.iter().all(is_offered))
}

/// What somebody should know of the models today, a sentence for each.
pub fn warned(choice: &ModelChoice, found: &[ModelLifecycle]) -> Vec<String> {
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    warnings(choice, found, &announced(choice), today)
}

/// Looks the models of these settings up.
///
/// # Errors
/// The settings name no models, as sentences. A list that cannot be read is none: its models are unknown.
pub fn look_up(source: Source, setting: impl Fn(&str) -> String) -> Result<Looked> {
    let (choice, faults) = ModelChoice::from_settings(setting, source.anthropic.is_some());
    if !faults.is_empty() {
        bail!("{}", faults.join("; "));
    }
    let lists = ProviderLists::new(Arc::new(Web::new()), source.openai, source.anthropic);
    let runtime = tokio::runtime::Builder::new_current_thread().build().context("no runtime")?;
    let found = runtime.block_on(look_up_models(&choice, &lists));
    Ok(Looked { choice, found })
}

fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_default().trim().to_owned()
}

/// The real providers, if the settings have keys (the same as the Worker's); else the running stack's sandbox.
pub fn source(setting: impl Fn(&str) -> String, stack: impl FnOnce() -> Result<Document>) -> Result<Source> {
    let given = |name: &str| Some(setting(name)).filter(|value| !value.is_empty());
    let anthropic = |url: &str, key: String| Endpoint::new(url, Secret::new(key)).with_key_in("x-api-key");
    if let Some(key) = given("OPENAI_API_KEY") {
        let url = given("OPENAI_BASE_URL").unwrap_or_else(|| "https://api.openai.com/v1".to_owned());
        let anthropic_url = given("ANTHROPIC_BASE_URL").unwrap_or_else(|| "https://api.anthropic.com".to_owned());
        return Ok(Source {
            openai: Endpoint::new(&url, Secret::new(key)),
            anthropic: given("ANTHROPIC_API_KEY").map(|key| anthropic(&anthropic_url, key)),
            name: format!("{url} and {anthropic_url}"),
        });
    }
    let stack = stack().context(
        "no provider to ask: set OPENAI_API_KEY (and ANTHROPIC_API_KEY), or start a stack to ask its sandbox",
    )?;
    let at = stack.sandbox_url;
    Ok(Source {
        openai: Endpoint::new(&format!("{at}/openai/v1"), Secret::new("sandbox-openai-key")),
        anthropic: Some(anthropic(&format!("{at}/anthropic"), "sandbox-anthropic-key".to_owned())),
        name: format!("the sandbox of the running stack ({at})"),
    })
}

fn row(choice: &ModelChoice, lifecycle: &ModelLifecycle) -> Row {
    let model = lifecycle.model.clone();
    let place = |call: &CallKind| choice.of(*call).iter().position(|asked| *asked == model);
    Row {
        first_for: CallKind::ALL.into_iter().filter(|call| place(call) == Some(0)).collect(),
        fallback_for: CallKind::ALL.into_iter().filter(|call| place(call).is_some_and(|place| place > 0)).collect(),
        family: Family::of(&model),
        lifecycle: ModelLifecycle {
            retires_on: lifecycle.retires_on.or(Family::of(&model).retires_on),
            ..lifecycle.clone()
        },
        model,
    }
}

fn dollars(picousd_per_token: u64) -> f64 {
    picousd_per_token as f64 / 1e6
}

/// A row: the call, its first model, and its fallbacks.
fn order(choice: &ModelChoice, call: CallKind) -> Vec<String> {
    let models: Vec<String> = choice.of(call).iter().map(ModelName::to_string).collect();
    let (first, then) =
        models.split_first().map_or((String::new(), String::new()), |(first, then)| (first.clone(), then.join(", ")));
    vec![call.as_str().to_owned(), first, then]
}

fn status(lifecycle: &ModelLifecycle) -> String {
    serde_json::to_value(lifecycle.status).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

fn cache_in_words(rule: CacheRule) -> String {
    let CacheRule { breakpoint, floor_tokens, life } = rule;
    let what = if breakpoint { "marked prefix" } else { "any prefix" };
    format!("{what} from {floor_tokens} tokens, {} min", life.as_secs() / 60)
}

fn cells(row: &Row) -> Vec<String> {
    let price =
        |of: fn(Price) -> u64| row.family.price.map_or("unknown".to_owned(), |price| dollars(of(price)).to_string());
    vec![
        row.model.to_string(),
        price(|price| price.input),
        price(|price| price.cached),
        price(|price| price.cache_write),
        price(|price| price.output),
        row.family.cache.map_or("none".to_owned(), cache_in_words),
        status(&row.lifecycle),
        row.lifecycle.retires_on.map_or("not announced".to_owned(), |day| day.to_string()),
    ]
}

fn as_json(row: &Row) -> Value {
    let price = row.family.price.map(|price| {
        json!({
            "input": dollars(price.input), "cached": dollars(price.cached), "cache_write": dollars(price.cache_write),
            "output": dollars(price.output), "as_of": PRICES_AS_OF,
        })
    });
    let cache = row.family.cache.map(|rule| {
        json!({
            "breakpoint": rule.breakpoint, "floor_tokens": rule.floor_tokens, "life_s": rule.life.as_secs(),
        })
    });
    json!({
        "model": row.model, "first_for": row.first_for, "fallback_for": row.fallback_for,
        "usd_per_million_tokens": price, "cache": cache, "status": row.lifecycle.status,
        "retires_on": row.lifecycle.retires_on,
    })
}

/// HTTP for the providers' adapters. It blocks, which is fine in a command that sends one request at a time.
struct Web(Agent);

impl Web {
    fn new() -> Self {
        // As `HttpSend` demands: every status is an answer, and no redirect takes the key elsewhere.
        Self(Agent::config_builder().http_status_as_error(false).max_redirects(0).build().into())
    }
}

#[async_trait]
impl HttpSend for Web {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        timeout: Duration,
        body_bytes_max: usize,
    ) -> Result<http::Response<Bytes>, SendError> {
        // Lists are read by GET, so the empty body is dropped.
        let (parts, _) = request.into_parts();
        let request = http::Request::from_parts(parts, ());
        let request = self.0.configure_request(request).timeout_global(Some(timeout)).build();
        let sent = self.0.run(request).map_err(|error| SendError::Unreachable(error.to_string()))?;
        let (parts, mut body) = sent.into_parts();
        let limit = u64::try_from(body_bytes_max).unwrap_or(u64::MAX);
        let body =
            body.with_config().limit(limit).read_to_vec().map_err(|error| SendError::Broken(error.to_string()))?;
        Ok(http::Response::from_parts(parts, body.into()))
    }
}
