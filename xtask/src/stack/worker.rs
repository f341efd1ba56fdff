//! The Worker as a part of the stack: a Node process with Miniflare, and workerd as its child.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::http::Http;
use crate::postgres::PgUrl;
use crate::private::write_private;
use crate::project::Project;
use crate::stack::part::Part;
use crate::stack::processes::{Identity, Launch};
use crate::stack::state::{Running, State};
use crate::stack::supervise::{Plan, ensure, port};
use crate::stack::versions::{self, Version};
use crate::stack::{Layout, WorkerSettings};
use crate::stamp::Hash;
use crate::step::step;

/// Where the Worker's code begins, in `dist/`.
pub const ENTRY: &str = "entry.js";

/// Gives the stack its own copy of `dist/`, unless it has this version already.
pub fn copy(project: &Project, layout: &Layout, state: &mut State) -> Result<()> {
    let source = project.dist();
    let version = hash(&source).context("dist/ is not readable: run `cargo xtask build`")?;
    let copy = dist(layout);
    if state.programs.get(&Part::Worker) == Some(&version) && copy.is_dir() {
        return Ok(());
    }
    copy_files(&source, &copy)?;
    state.programs.insert(Part::Worker, version);
    Ok(())
}

/// Of all files below a directory: their names, and what they hold.
pub fn hash(dir: &Path) -> Result<String> {
    let mut hash = Hash::new();
    for file in files_below(dir)? {
        hash = hash.add(file.strip_prefix(dir)?.as_os_str().as_encoded_bytes()).add_file(&file);
    }
    Ok(hash.hex())
}

/// Puts copies of all files below a directory into the place of another directory.
pub fn copy_files(source: &Path, copy: &Path) -> Result<()> {
    let _ = std::fs::remove_dir_all(copy);
    for file in files_below(source)? {
        let target = copy.join(file.strip_prefix(source)?);
        std::fs::create_dir_all(target.parent().unwrap_or(copy))?;
        std::fs::copy(&file, &target).with_context(|| format!("cannot write {}", target.display()))?;
    }
    Ok(())
}

/// All files below a directory in a fixed order. wasm-bindgen puts JavaScript of dependencies into subdirectories.
fn files_below(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// What the Worker needs to know of the other parts.
pub struct Surroundings<'a> {
    pub node: &'a Path,
    /// Through the pooler, if there is one.
    pub database: &'a PgUrl,
    pub sandbox_url: &'a str,
    /// The secret of legacy (HS256) tokens.
    pub jwt_secret: &'a str,
    /// What signs the events of Stripe.
    pub stripe_webhook_secret: &'a str,
    pub settings: WorkerSettings,
}

/// Where the Worker is, or will be. The workerd of a runner that was killed is ended first: it would keep the port, and the Worker
/// would move to another.
pub fn url(layout: &Layout, state: &mut State) -> Result<String> {
    let workerd = state.processes.get(&Part::Workerd).map(|running| running.process.clone());
    let runner_lives = state.processes.get(&Part::Worker).is_some_and(|running| running.process.is_alive());
    if !runner_lives {
        end_orphan(workerd.as_ref())?;
    }
    Ok(format!("http://127.0.0.1:{}", port(layout, state, Part::Workerd)?))
}

/// Where scheduled jobs are run, at the runner's own port: the Worker's is its own alone, as in a deployment.
pub fn scheduled_url(layout: &Layout, state: &mut State) -> Result<String> {
    Ok(format!("http://127.0.0.1:{}/cdn-cgi/local/scheduled", port(layout, state, Part::Worker)?))
}

/// Starts the Worker, unless the right one runs already, and returns its URL.
pub fn start(project: &Project, layout: &Layout, state: &mut State, around: &Surroundings<'_>) -> Result<String> {
    let dist = dist(layout);
    if !dist.is_dir() {
        bail!("this stack has no Worker yet: run `cargo xtask stack up` without --no-build");
    }
    let workerd = state.processes.get(&Part::Workerd).map(|running| running.process.clone());
    let url = url(layout, state)?;
    let ports = Ports { api: port(layout, state, Part::Workerd)?, runner: port(layout, state, Part::Worker)? };
    let script = project.root().join("xtask/runtime/serve.mjs");
    let versions = versions::prepare(layout, state)?;
    let config = config(project, layout, state, around, &ports, &versions);
    let version = state.programs.get(&Part::Worker).cloned().unwrap_or_default();
    let fingerprint = versions
        .iter()
        .fold(Hash::new(), |hash, version| hash.add(version.hash.as_bytes()))
        .add(version.as_bytes())
        .add(config.to_string().as_bytes())
        .add_file(&script)
        .add_file(&script.with_file_name("versions.mjs"))
        .add_file(&project.root().join("wrangler.jsonc"))
        // Another version of workerd or Miniflare restarts the Worker too.
        .add_file(&project.root().join("package-lock.json"))
        .hex();
    let log = layout.log(Part::Worker);
    let mut launch = || {
        end_orphan(workerd.as_ref())?;
        let _ = std::fs::remove_file(layout.worker_ready());
        write_private(&layout.worker_config(), &serde_json::to_vec_pretty(&config)?)?;
        let mut command = Command::new(around.node);
        command.arg(&script).arg(layout.worker_config()).current_dir(project.root());
        command.env("WRANGLER_SEND_METRICS", "false").env("CLOUDFLARE_CF_FETCH_ENABLED", "false");
        // The developer's own environment must not change what the runner does or how it logs.
        command.env("NO_COLOR", "1").env_remove("FORCE_COLOR").env_remove("CLOUDFLARE_ENV").env_remove("NODE_OPTIONS");
        Ok(Launch { command, log: log.clone(), user: None })
    };
    let http = Http::new(Duration::from_secs(5));
    let check = || healthy(layout, &http, &url);
    let plan = Plan {
        part: Part::Worker,
        fingerprint: fingerprint.clone(),
        stop: Signal::TERM,
        launch: &mut launch,
        check: &check,
        patience: Duration::from_secs(40),
    };
    step("starting the Worker", || ensure(layout, state, plan))?;
    remember_workerd(layout, state, fingerprint)?;
    Ok(url)
}

/// Where workerd listens.
struct Ports {
    api: u16,
    /// For the runner, which starts scheduled jobs there.
    runner: u16,
}

#[derive(Deserialize)]
struct Ready {
    workerd_pid: i32,
    /// The number of the version that serves, if the stack has several.
    version: Option<u32>,
}

fn ready(layout: &Layout) -> Result<Ready> {
    let text = std::fs::read(layout.worker_ready()).context("its runner is not ready yet")?;
    serde_json::from_slice(&text).context("its runner wrote an unexpected ready file")
}

/// The number of the version that serves, if the stack has several.
pub fn serving(layout: &Layout) -> Result<Option<u32>> {
    ready(layout).map(|ready| ready.version)
}

fn healthy(layout: &Layout, http: &Http, url: &str) -> Result<()> {
    ready(layout)?;
    let answer = http.get(&format!("{url}/health/ready"), None)?;
    match answer.status {
        200 => Ok(()),
        status => bail!("GET /health/ready answers {status} {}", answer.body),
    }
}

fn remember_workerd(layout: &Layout, state: &mut State, fingerprint: String) -> Result<()> {
    let pid = ready(layout)?.workerd_pid;
    let process = Identity::of(pid).context("workerd ended as soon as it was healthy: see the Worker's log")?;
    state.processes.insert(Part::Workerd, Running { process, fingerprint });
    Ok(())
}

/// Kills a workerd whose runner was killed: it would go on and keep the port.
fn end_orphan(workerd: Option<&Identity>) -> Result<()> {
    workerd.map_or(Ok(()), |workerd| workerd.stop(Signal::KILL, Duration::from_secs(5)))
}

/// The runner's configuration: everything that differs from `wrangler.jsonc` in a local stack.
fn config(
    project: &Project,
    layout: &Layout,
    state: &State,
    around: &Surroundings<'_>,
    ports: &Ports,
    versions: &[Version],
) -> Value {
    let versions: Vec<Value> =
        versions.iter().map(|Version { dist, release, .. }| json!({ "dist": dist, "release": release })).collect();
    json!({
        "root": project.root(),
        "dist": dist(layout),
        "versions": versions,
        "version_file": layout.worker_version(),
        "port": ports.api,
        "runner_port": ports.runner,
        "persist": layout.worker_state(),
        "ready_file": layout.worker_ready(),
        "engine_start_delay_ms": state.engine_start_delay_s * 1_000,
        "rate_limit_scale": state.rate_limit_scale(),
        "hyperdrive": {
            "DB": around.database.with_login("oslira_tenant").to_string(),
            "DB_ADMIN": around.database.with_login("oslira_admin").to_string(),
            "DB_OPERATOR": around.database.with_login("oslira_operator").to_string(),
        },
        "vars": vars(state, around),
    })
}

/// The variables and secrets of a local Worker.
fn vars(state: &State, around: &Surroundings<'_>) -> Value {
    let sandbox = around.sandbox_url;
    json!({
        "OSLIRA_ENV": "local",
        "SUPABASE_URL": format!("{sandbox}/supabase"),
        "SUPABASE_JWT_SECRET": around.jwt_secret,
        "APIFY_BASE_URL": format!("{sandbox}/apify"),
        "APIFY_TOKEN": "sandbox-apify-token",
        "OPENAI_BASE_URL": format!("{sandbox}/openai/v1"),
        "OPENAI_API_KEY": "sandbox-openai-key",
        "ANTHROPIC_BASE_URL": format!("{sandbox}/anthropic"),
        "ANTHROPIC_API_KEY": "sandbox-anthropic-key",
        "AI_GATEWAY_URL": format!("{sandbox}/gateway/v1/oslira/local"),
        "AI_GATEWAY_TOKEN": "sandbox-gateway-token",
        "STRIPE_BASE_URL": format!("{sandbox}/stripe"),
        "STRIPE_SECRET_KEY": "sandbox-stripe-key",
        "STRIPE_WEBHOOK_SECRET": around.stripe_webhook_secret,
        "RESEND_BASE_URL": format!("{sandbox}/resend"),
        "RESEND_API_KEY": "sandbox-resend-key",
        "MAIL_FROM": "Oslira <mail@oslira.test>",
        // 5173 is the default port of Vite's development server.
        "APP_URL": "http://localhost:5173",
        "CORS_ORIGINS": "http://localhost:5173,http://127.0.0.1:5173",
        "SENTRY_DSN": sentry_dsn(sandbox),
        "POINTS_URL": points_url(around.settings, sandbox),
        "TELEMETRY_OFF": if around.settings == WorkerSettings::DeployedAndSilent { "1" } else { "0" },
        // Where they come from AWS, the values above are the spare of an isolate that begins while the sandbox is away.
        "SECRETS_SOURCE": if around.settings == WorkerSettings::Local { "aws" } else { "worker" },
        "AWS_SECRETS_URL": format!("{sandbox}/aws"),
        "AWS_REGION": "eu-central-1",
        "AWS_SECRET_ID": "oslira/local",
        "AWS_ACCESS_KEY_ID": "AKIASANDBOX000000001",
        "AWS_SECRET_ACCESS_KEY": "sandbox-aws-secret-access-key",
        "SECRETS_LIFETIME_S": state.speed.secrets_lifetime_s(),
        "RETRY_TIME_SCALE": state.speed.time_scale(),
        "RATE_LIMIT_SCALE": state.rate_limit_scale().to_string(),
    })
}

/// Where the points go besides the platform's dataset, which keeps none locally; empty for nowhere.
fn points_url(settings: WorkerSettings, sandbox: &str) -> String {
    match settings {
        WorkerSettings::Local => format!("{sandbox}/cloudflare/points"),
        WorkerSettings::Deployed | WorkerSettings::DeployedAndSilent => String::new(),
    }
}

/// The project of the sandbox's Sentry.
fn sentry_dsn(sandbox: &str) -> String {
    format!("{}/sentry/1", sandbox.replacen("://", "://5a9db0c0ffee45a9db0c0ffee45a9db0@", 1))
}

pub fn dist(layout: &Layout) -> PathBuf {
    layout.programs().join("dist")
}
