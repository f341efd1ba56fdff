//! The connection pooler as a part of the stack: between the Worker and Postgres, as Hyperdrive is in production.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};
use rustix::process::Signal;

use crate::postgres::{self, PgBouncer, PgUrl, Server, database};
use crate::project::Project;
use crate::stack::part::Part;
use crate::stack::processes::Launch;
use crate::stack::state::State;
use crate::stack::supervise::{Plan, STOP_PATIENCE, ensure, port};
use crate::stack::{Layout, programs};
use crate::step::step;

/// Overrides the pooler of a stack: `strict`, `pgbouncer` or `none`.
const VARIABLE: &str = "OSLIRA_POOLER";

/// Which pooler a stack has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PoolerKind {
    /// Our own (`crates/pooler`), which refuses what any transaction pooler may refuse: what works here works everywhere.
    #[default]
    Strict,
    /// pgbouncer, which is fast and forgiving: for benchmarks.
    PgBouncer,
}

/// A pooler that can be started.
pub enum Pooler {
    Strict,
    PgBouncer(PgBouncer),
}

/// The pooler that was asked for. `None` when there is none to be had, and before a server of the developer's own, which
/// may have its pooler, its passwords and its TLS.
pub fn choose(project: &Project, layout: &Layout, kind: PoolerKind) -> Result<Option<Pooler>> {
    if postgres::external()?.is_some() {
        return Ok(None);
    }
    let kind = match std::env::var(VARIABLE).as_deref() {
        Err(_) | Ok("") => kind,
        Ok("strict") => PoolerKind::Strict,
        Ok("pgbouncer") => PoolerKind::PgBouncer,
        Ok("none") => return Ok(None),
        Ok(_) => bail!("{VARIABLE} takes strict, pgbouncer or none"),
    };
    Ok(match kind {
        PoolerKind::Strict => Some(Pooler::Strict),
        PoolerKind::PgBouncer => {
            PgBouncer::ensure(Server::of_stack(project, layout.dir())?.shared()?).map(Pooler::PgBouncer)
        }
    })
}

/// Where the Worker finds the database: at the pooler, or at Postgres itself where there is none.
pub fn start(
    project: &Project,
    layout: &Layout,
    state: &mut State,
    pooler: Option<&Pooler>,
    postgres: &PgUrl,
) -> Result<PgUrl> {
    let Some(pooler) = pooler else {
        if let Some(running) = state.processes.remove(&Part::Pooler) {
            running.process.stop(Signal::TERM, STOP_PATIENCE)?;
        }
        return Ok(postgres.clone());
    };
    let port = port(layout, state, Part::Pooler)?;
    let server = Server::of_stack(project, layout.dir())?;
    let log = layout.log(Part::Pooler);
    let version = state.programs.get(&Part::Pooler).cloned().unwrap_or_default();
    let mut launch = || {
        let (command, user) = match pooler {
            Pooler::Strict => {
                let mut command = Command::new(programs::of(layout, Part::Pooler)?);
                command.args(["--listen", &port.to_string(), "--server", &format!("127.0.0.1:{}", postgres.port)]);
                command.arg("--password-file").arg(layout.database_password());
                command.current_dir(layout.dir());
                (command, None)
            }
            Pooler::PgBouncer(program) => {
                let command = program.prepare(&server, port, postgres)?;
                (command, server.process_user())
            }
        };
        Ok(Launch { command, log: log.clone(), user })
    };
    let fingerprint = match pooler {
        Pooler::Strict => format!("{port} {} strict {version}", postgres.port),
        Pooler::PgBouncer(program) => format!("{port} {} {program:?}", postgres.port),
    };
    let url = PgUrl { port, ..postgres.clone() };
    let check = || admits(&url);
    let patience = Duration::from_secs(15);
    let plan =
        Plan { part: Part::Pooler, fingerprint, stop: Signal::TERM, launch: &mut launch, check: &check, patience };
    step("starting the connection pooler", || ensure(layout, state, plan))?;
    Ok(url)
}

/// Whether it lets the Worker in.
pub fn admits(url: &PgUrl) -> Result<()> {
    let [tenant, ..] = database::LOGINS;
    database::admits(&url.with_login(tenant))
}
