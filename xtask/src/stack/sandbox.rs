//! The sandbox as a part of the stack.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};
use rustix::process::Signal;

use crate::http::Http;
use crate::postgres::PgUrl;
use crate::private::write_private;
use crate::stack::part::Part;
use crate::stack::processes::Launch;
use crate::stack::state::State;
use crate::stack::supervise::{Plan, ensure, port};
use crate::stack::{Layout, programs, worker};
use crate::stamp::short_hash;
use crate::step::step;

/// Starts the sandbox, unless the right one runs already, and returns its URL. The users of its Supabase Auth are in the database.
pub fn start(layout: &Layout, state: &mut State, database: &PgUrl) -> Result<String> {
    let port = port(layout, state, Part::Sandbox)?;
    // The Worker starts later; until it does, Stripe's events wait.
    let endpoint = format!("{}/webhooks/stripe", worker::url(layout, state)?);
    let url = format!("http://127.0.0.1:{port}");
    let program = programs::of(layout, Part::Sandbox)?;
    let scale = state.speed.time_scale();
    let version = state.programs.get(&Part::Sandbox).cloned().unwrap_or_default();
    let database = database.to_string();
    let log = layout.log(Part::Sandbox);
    let mut launch = || {
        write_private(&layout.sandbox_database_url(), database.as_bytes())?;
        let mut command = Command::new(&program);
        command.args(["--port", &port.to_string(), "--time-scale", scale]);
        command.arg("--state-dir").arg(layout.sandbox_state()).arg("--jwt-secret-file").arg(layout.jwt_secret());
        command.arg("--control-token-file").arg(layout.sandbox_token());
        command.arg("--stripe-webhook-secret-file").arg(layout.stripe_webhook_secret());
        command.args(["--stripe-endpoint", &endpoint]);
        command.arg("--database-url-file").arg(layout.sandbox_database_url());
        command.current_dir(layout.dir());
        Ok(Launch { command, log: log.clone(), user: None })
    };
    let http = Http::new(Duration::from_secs(2));
    let check = || match http.get(&format!("{url}/health"), None)?.status {
        200 => Ok(()),
        status => bail!("/health answers {status}"),
    };
    let plan = Plan {
        part: Part::Sandbox,
        fingerprint: format!("{version} {port} {scale} {endpoint} {}", short_hash(database.as_bytes())),
        stop: Signal::TERM,
        launch: &mut launch,
        check: &check,
        patience: Duration::from_secs(20),
    };
    step("starting the sandbox", || ensure(layout, state, plan))?;
    Ok(url)
}
