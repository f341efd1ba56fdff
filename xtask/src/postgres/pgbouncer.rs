//! pgbouncer between the Worker and Postgres, in the place of Hyperdrive: a transaction gets an open connection, which
//! other transactions have used before. Without a pooler each transaction waits for a new Postgres backend.
//!
//! An installed pgbouncer is used; else, on Debian and similar systems, the package is unpacked (not installed, and
//! without root) beside the npm Postgres. Elsewhere the Worker connects directly: slower, otherwise the same.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::postgres::PgUrl;
use crate::postgres::database::LOGINS;
use crate::postgres::server::{POOLER_SETTINGS, Server};
use crate::process::{answer, run_quiet, which};
use crate::step::step;

const PACKAGE: &str = "pgbouncer";

/// Connections to Postgres per login. A transaction holds one for a few milliseconds, so few are enough.
const SERVER_CONNECTIONS: u32 = 20;
const CLIENT_CONNECTIONS_MAX: u32 = 2_000;

/// A pgbouncer that starts, and the directory of its unpacked libraries.
#[derive(Debug, Clone)]
pub struct PgBouncer {
    program: PathBuf,
    libraries: Option<PathBuf>,
}

impl PgBouncer {
    /// The program, unpacked into `shared` if necessary; `None` if there is none.
    pub fn ensure(shared: &Path) -> Option<Self> {
        // Debian installs it in /usr/sbin, which is not on the PATH of ordinary users.
        let installed = which(PACKAGE).or_else(|| Some(PathBuf::from("/usr/sbin/pgbouncer")));
        let installed = installed.map(|program| Self { program, libraries: None });
        installed.filter(Self::starts).or_else(|| Self::unpacked(shared))
    }

    fn unpacked(shared: &Path) -> Option<Self> {
        let dir = shared.join(PACKAGE);
        let find = || {
            let libraries = std::fs::read_dir(dir.join("usr/lib")).ok()?.flatten().map(|entry| entry.path());
            let libraries =
                libraries.into_iter().find(|path| path.is_dir() && path.to_string_lossy().contains("linux-gnu"));
            Some(Self { program: dir.join("usr/sbin/pgbouncer"), libraries }).filter(Self::starts)
        };
        if let Some(found) = find() {
            return Some(found);
        }
        which("apt-get").and(which("dpkg"))?;
        match step("unpacking pgbouncer", || unpack(&dir)) {
            Ok(()) => find(),
            Err(error) => {
                eprintln!(
                    "  no pgbouncer, so requests are some milliseconds slower; install it for the speed of production ({error:#})"
                );
                None
            }
        }
    }

    fn starts(&self) -> bool {
        run_quiet(self.command().arg("--version")).is_ok()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir("/");
        if let Some(libraries) = &self.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        command
    }

    /// The command that runs it on `port` in front of a database of `server`, with its settings in the server's directory.
    pub fn prepare(&self, server: &Server, port: u16, postgres: &PgUrl) -> Result<Command> {
        let password = postgres.password.as_deref().unwrap_or_default();
        let users = LOGINS.iter().fold(String::new(), |text, login| text + &format!("\"{login}\" \"{password}\"\n"));
        let userlist = server.home().join("pgbouncer.users");
        server.write_private(&userlist, &users)?;
        let settings = server.home().join(POOLER_SETTINGS);
        let text = format!(
            "[databases]\n{database} = host=127.0.0.1 port={postgres_port} dbname={database}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = md5\nauth_file = {users}\npool_mode = transaction\n\
             default_pool_size = {SERVER_CONNECTIONS}\nmax_client_conn = {CLIENT_CONNECTIONS_MAX}\n\
             ; a database that is down is told soon and found again soon\n\
             server_connect_timeout = 3\nserver_login_retry = 0.2\nquery_wait_timeout = 5\n\
             log_connections = 0\nlog_disconnections = 0\nlog_stats = 0\n",
            users = userlist.display(),
            postgres_port = postgres.port,
            database = postgres.database,
        );
        server.write_private(&settings, &text)?;
        let mut command = self.command();
        command.arg("--quiet").arg(settings);
        Ok(command)
    }
}

/// Unpacks the package and the libraries that it depends on into `dir`, which is renamed into place when complete.
fn unpack(dir: &Path) -> Result<()> {
    let fresh = dir.with_extension("new");
    let _ = std::fs::remove_dir_all(&fresh);
    std::fs::create_dir_all(&fresh).with_context(|| format!("cannot create {}", fresh.display()))?;
    if !knows_package() && rustix::process::geteuid().is_root() {
        run_quiet(Command::new("apt-get").args(["-qq", "update"]))?;
    }
    let depends = answer("apt-cache", &["depends", "--important", PACKAGE]).context("apt knows no pgbouncer")?;
    let libraries = depends
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Depends: "))
        // libc6 must be the machine's own: another one would not match its dynamic loader.
        .filter(|name| name.starts_with("lib") && *name != "libc6");
    run_quiet(Command::new("apt-get").args(["-qq", "download", PACKAGE]).args(libraries).current_dir(&fresh))?;
    for entry in std::fs::read_dir(&fresh)?.flatten() {
        if entry.path().extension().is_some_and(|kind| kind == "deb") {
            run_quiet(Command::new("dpkg").arg("-x").arg(entry.path()).arg(&fresh))?;
            std::fs::remove_file(entry.path())?;
        }
    }
    if !fresh.join("usr/sbin/pgbouncer").is_file() {
        bail!("the package holds no pgbouncer");
    }
    let _ = std::fs::remove_dir_all(dir);
    std::fs::rename(&fresh, dir).with_context(|| format!("cannot put {} in place", dir.display()))
}

fn knows_package() -> bool {
    answer("apt-cache", &["show", PACKAGE]).is_some_and(|text| !text.is_empty())
}
