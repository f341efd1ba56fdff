//! Measures six trivial workflow steps through our Rust bindings, in the Worker of `bench/`.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::metric::{Metric, Report, median};
use crate::http::Http;
use crate::project::Project;
use crate::step::step;
use crate::{build, setup};

const WARM_UP: usize = 5;
const INSTANCES: usize = 50;
const START_MAX: Duration = Duration::from_secs(30);

/// Builds that Worker, runs it beside the stack, and measures one workflow instance after the other.
pub fn measure(project: &Project, report: &mut Report) -> Result<()> {
    let place = project.state_dir().join("bench-steps");
    let runner = start(project, &place)?;
    let http = Http::new(Duration::from_secs(20));
    let mut taken = Vec::new();
    for number in 0..WARM_UP + INSTANCES {
        let answer = http.get(&runner.url, None)?;
        let ms = answer.body.get("ms").and_then(Value::as_f64);
        let ms = ms.with_context(|| format!("the six steps ended in {} {}", answer.status, answer.body))?;
        if number >= WARM_UP {
            taken.push(ms);
        }
    }
    report.add(Metric::ms("workflow.six_steps_ms.p50", median(&taken).unwrap_or_default()));
    Ok(())
}

/// The Node process that runs the Worker; dropping the value stops it.
struct Runner {
    child: Child,
    url: String,
}

impl Drop for Runner {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

fn start(project: &Project, place: &Path) -> Result<Runner> {
    let tools = setup::run(project)?;
    let (dist, ready, config) = (place.join("dist"), place.join("ready.json"), place.join("config.json"));
    let _ = std::fs::remove_dir_all(place);
    std::fs::create_dir_all(&dist).with_context(|| format!("cannot create {}", dist.display()))?;
    let wasm = step("compiling the six steps", || build::compile(project, &tools, "oslira-bench"))?;
    build::bind(&wasm, &dist)?;
    std::fs::copy(project.root().join("bench/entry.js"), dist.join("entry.js"))?;
    let text = json!({
        "root": project.root(), "wrangler": project.root().join("bench/wrangler.jsonc"), "dist": dist, "port": 0,
        "persist": place.join("state"), "ready_file": ready, "hyperdrive": {}, "vars": {},
    });
    std::fs::write(&config, text.to_string())?;
    let log = std::fs::File::create(place.join("log"))?;
    let mut command = Command::new(&tools.node);
    command.arg(project.root().join("xtask/runtime/serve.mjs")).arg(&config).current_dir(project.root());
    command.env("WRANGLER_SEND_METRICS", "false").env("CLOUDFLARE_CF_FETCH_ENABLED", "false");
    let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
    let mut runner = Runner { child, url: String::new() };
    let started = Instant::now();
    while !ready.is_file() {
        if started.elapsed() > START_MAX || runner.child.try_wait()?.is_some() {
            bail!("the six steps' Worker did not start: see {}", place.join("log").display());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let told: Value = serde_json::from_slice(&std::fs::read(&ready)?)?;
    runner.url = told.get("url").and_then(Value::as_str).context("the runner's ready file has no url")?.to_owned();
    Ok(runner)
}
