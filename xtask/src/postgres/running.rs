//! A server that runs as long as a command needs it.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

use crate::postgres::{PgUrl, Server, database};
use crate::private::secret;
use crate::project::Project;
use crate::stack::ports;

const START_MAX: Duration = Duration::from_secs(30);

/// The running server; dropping the value stops it.
pub struct Running {
    child: Child,
    /// The superuser's, with the database `postgres`.
    pub url: PgUrl,
}

impl Running {
    /// Starts the server whose data is below `dir`, made if there is none, with these settings of Postgres. It stops when the command is
    /// interrupted too, so a command starts one at most.
    pub fn start(project: &Project, dir: &Path, settings: &[&str]) -> Result<Self> {
        std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        let server = Server::of_stack(project, dir)?;
        let port = ports::choose(dir, &[])?;
        let password = secret(&dir.join("database-password"))?;
        let mut command = server.prepare(project, port, &password, true)?;
        for setting in settings {
            command.args(["-c", setting]);
        }
        if let Some((uid, gid)) = server.process_user() {
            command.uid(uid).gid(gid);
        }
        let log = std::fs::File::create(dir.join("postgres.log"))?;
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
        let mut running = Self { child, url: PgUrl::local(port, &password, "postgres") };
        let pid = running.pid();
        ctrlc::set_handler(move || {
            // An exit drops nothing.
            let _ = pid.map(|pid| kill_process(pid, Signal::INT));
            std::process::exit(130);
        })
        .context("cannot handle interruptions")?;
        let started = Instant::now();
        while let Err(error) = database::answers(&running.url) {
            if started.elapsed() > START_MAX || running.child.try_wait()?.is_some() {
                return Err(error).with_context(|| format!("see {}", dir.join("postgres.log").display()));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(running)
    }

    fn pid(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.pid().map(|pid| kill_process(pid, Signal::INT));
        let _ = self.child.wait();
    }
}
