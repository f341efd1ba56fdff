//! `stack status`: what runs, as a table or as JSON.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use crate::http::Http;
use crate::postgres::{PgUrl, database};
use crate::stack::part::Part;
use crate::stack::state::State;
use crate::stack::up::DATABASE;
use crate::stack::{Document, Layout, pooler};

const CHECK_TIMEOUT: Duration = Duration::from_secs(3);

const PARTS: [Part; 5] = [Part::Postgres, Part::Pooler, Part::Sandbox, Part::Worker, Part::Workerd];

/// Prints the state of every part; `true` if all of them run.
pub fn show(layout: &Layout, json: bool) -> Result<bool> {
    let state = State::load(layout)?.unwrap_or_default();
    let document = Document::load(layout).ok();
    // An external Postgres is not shown, and not every machine has a pooler. Both are recognised by a stack that is up
    // without such a process.
    let is_ours = |part: &Part| {
        !matches!(part, Part::Postgres | Part::Pooler) || document.is_none() || state.processes.contains_key(part)
    };
    let parts: Vec<Line> = PARTS.into_iter().filter(is_ours).map(|part| line(layout, &state, part)).collect();
    let up = document.is_some() && parts.iter().all(|line| line.status == "running");
    if json {
        let parts: serde_json::Map<_, _> = parts
            .iter()
            .map(|line| {
                (line.part.name().to_owned(), json!({"status": line.status, "pid": line.pid, "port": line.port}))
            })
            .collect();
        let report = json!({"up": up, "speed": state.speed, "dir": layout.dir(), "parts": parts, "stack": document});
        println!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(up);
    }
    println!("{:<10} {:<8} {:>8}  {:<22} LOG", "PART", "STATUS", "PID", "ADDRESS");
    for line in &parts {
        let pid = line.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string());
        let address = line.port.map_or_else(|| "-".to_owned(), |port| format!("127.0.0.1:{port}"));
        let log = layout.log(if line.part == Part::Workerd { Part::Worker } else { line.part });
        println!("{:<10} {:<8} {pid:>8}  {address:<22} {}", line.part.name(), line.status, log.display());
    }
    match up {
        true => println!("up at {} speed; token and addresses in {}", state.speed.name(), layout.document().display()),
        false => println!("not up: `cargo xtask stack up` starts or repairs it"),
    }
    Ok(up)
}

struct Line {
    part: Part,
    status: &'static str,
    pid: Option<i32>,
    port: Option<u16>,
}

fn line(layout: &Layout, state: &State, part: Part) -> Line {
    let port = state.ports.get(&part).copied();
    let (status, pid) = match state.processes.get(&part) {
        Some(running) if running.process.is_alive() => {
            let status = if answers(layout, part, port.unwrap_or(0)) { "running" } else { "failing" };
            (status, Some(running.process.pid))
        }
        Some(_) => ("died", None),
        None => ("stopped", None),
    };
    Line { part, status, pid, port }
}

/// Whether a running part also works.
fn answers(layout: &Layout, part: Part, port: u16) -> bool {
    let password = std::fs::read_to_string(layout.database_password()).unwrap_or_default();
    let url = |database| PgUrl::local(port, &password, database);
    let path = match part {
        Part::Postgres => return database::answers(&url("postgres")).is_ok(),
        Part::Pooler => return pooler::admits(&url(DATABASE)).is_ok(),
        Part::Sandbox => "/health",
        Part::Worker | Part::Workerd => "/health/ready",
    };
    let answer = Http::new(CHECK_TIMEOUT).get(&format!("http://127.0.0.1:{port}{path}"), None);
    answer.is_ok_and(|answer| answer.status == 200)
}
