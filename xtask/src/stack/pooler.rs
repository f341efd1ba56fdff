//! The connection pooler as a part of the stack, if this machine has one.

use std::time::Duration;

use anyhow::Result;
use rustix::process::Signal;

use crate::postgres::{PgUrl, Pooler, Server, database};
use crate::project::Project;
use crate::stack::Layout;
use crate::stack::processes::Launch;
use crate::stack::state::{Part, State};
use crate::stack::supervise::{Plan, STOP_PATIENCE, ensure, port};
use crate::step::step;

/// Starts the pooler and returns the URL for the Worker: the pooler's, or Postgres's own if there is no pooler.
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
    let url = PgUrl::local(port, &postgres.database);
    let log = layout.log(Part::Pooler);
    let mut launch = || {
        let command = pooler.prepare(server.home(), port, postgres.port, &postgres.database)?;
        Ok(Launch { command, log: log.clone(), user: server.process_user() })
    };
    let check = || answers(port, &postgres.database);
    let plan = Plan {
        part: Part::Pooler,
        fingerprint: format!("{port} {} {pooler:?}", postgres.port),
        stop: Signal::TERM,
        launch: &mut launch,
        check: &check,
        patience: Duration::from_secs(15),
    };
    step("starting the connection pooler", || ensure(layout, state, plan))?;
    Ok(url)
}

/// Fails unless the database answers through the pooler.
pub fn answers(port: u16, database: &str) -> Result<()> {
    let [tenant, _] = database::LOGINS;
    database::answers(&PgUrl::local(port, database).with_login(tenant))
}
