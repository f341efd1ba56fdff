//! A Postgres server of our own: its data directory, how it is started, and the traces of a killed one.
//!
//! Reachable on 127.0.0.1 only, where it trusts every login: it holds development data. As root it runs as another
//! user, and its data (and the npm binaries) then live under /var/tmp, because that user can't be expected to reach a
//! checkout in root's home.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::postgres::binaries::{as_user, find};
use crate::postgres::os_user::{OsUser, unprivileged};
use crate::postgres::pooler;
use crate::process::run_quiet;
use crate::project::Project;
use crate::stack::processes::concerned_with;
use crate::stamp::short_hash;
use crate::step::step;

/// Tests open a database and a pool each.
const CONNECTIONS_MAX: u32 = 300;

/// The place of a server's files, whether or not it exists yet.
#[derive(Debug)]
pub struct Server {
    home: PathBuf,
    shared: PathBuf,
    user: Option<OsUser>,
}

impl Server {
    /// The server of the stack in `stack_dir`.
    pub fn of_stack(project: &Project, stack_dir: &Path) -> Result<Self> {
        let user = unprivileged()?;
        let (home, shared) = match user {
            None => (stack_dir.join("postgres"), project.state_dir()),
            Some(_) => {
                let id = short_hash(stack_dir.as_os_str().as_encoded_bytes());
                let shared = PathBuf::from("/var/tmp").join(format!("oslira-{}-npm", project.id()));
                (PathBuf::from("/var/tmp").join(format!("oslira-{id}-postgres")), shared)
            }
        };
        Ok(Self { home, shared, user })
    }

    /// Where its settings and its data are: readable for the user it runs as.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Where unpacked programs are kept for every stack of this checkout.
    pub fn shared(&self) -> Result<&Path> {
        if self.user.is_some() {
            make_owned_by_us(&self.shared)?;
        }
        Ok(&self.shared)
    }

    /// Whose process it has to be.
    pub fn process_user(&self) -> Option<(u32, u32)> {
        self.user.as_ref().map(|user| (user.uid, user.gid))
    }

    /// The command that runs the server on `port`, after making its data directory if there is none.
    pub fn prepare(&self, project: &Project, port: u16, throw_away: bool) -> Result<Command> {
        if self.user.is_some() {
            make_owned_by_us(&self.shared)?;
            make_owned_by_us(&self.home)?;
        }
        let data = self.data();
        let made_by = std::fs::read_to_string(data.join("PG_VERSION")).ok();
        let wanted = made_by.and_then(|version| version.trim().parse().ok());
        let bin = find(project, self.user.as_ref(), &self.shared, wanted)?;
        if wanted.is_none() {
            step("creating the database cluster", || self.create(&bin))?;
        }
        self.clear_traces()?;
        let mut command = Command::new(bin.join("postgres"));
        command.current_dir("/").arg("-D").arg(&data);
        for setting in [
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={port}"),
            "unix_socket_directories=".to_owned(),
            format!("max_connections={CONNECTIONS_MAX}"),
            "timezone=UTC".to_owned(),
        ] {
            command.args(["-c", &setting]);
        }
        if throw_away {
            // Survives a killed server, not a power cut.
            command.args(["-c", "fsync=off", "-c", "full_page_writes=off"]);
        }
        Ok(command)
    }

    /// Deletes all data; ends whatever still uses it.
    pub fn delete(&self) -> Result<()> {
        let poolers = concerned_with(&self.home.join(pooler::SETTINGS));
        poolers.iter().try_for_each(|pooler| pooler.stop(Signal::TERM, Duration::from_secs(5)))?;
        self.end_processes(Signal::QUIT)?;
        match std::fs::remove_dir_all(&self.home) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot delete {}", self.home.display()))
            }
            _ => Ok(()),
        }
    }

    fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    /// Renamed into place when complete: an interrupted initdb leaves nothing that looks like a cluster.
    fn create(&self, bin: &Path) -> Result<()> {
        let fresh = self.home.join("data.new");
        let _ = std::fs::remove_dir_all(&fresh);
        std::fs::create_dir_all(&fresh).with_context(|| format!("cannot create {}", fresh.display()))?;
        std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o700))?;
        if let Some(user) = &self.user {
            chown(&fresh, Some(user.uid), Some(user.gid))?;
        }
        let locale = if cfg!(target_os = "linux") { "C.UTF-8" } else { "C" };
        let mut initdb = as_user(bin.join("initdb"), self.user.as_ref());
        initdb.args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync", "--no-instructions"]);
        initdb.arg(format!("--locale={locale}")).arg("-D").arg(&fresh);
        run_quiet(&mut initdb)?;
        let data = self.data();
        let _ = std::fs::remove_dir_all(&data);
        std::fs::rename(&fresh, &data).with_context(|| format!("cannot put {} in place", data.display()))
    }

    /// After a SIGKILL of the server its workers need a moment to notice. And its process id may stay occupied, in a
    /// container by a zombie for ever, after a restart of the machine by anything: a new server takes either for a
    /// running one. A lock file whose process is plainly gone stays: Postgres itself checks more before it removes it.
    fn clear_traces(&self) -> Result<()> {
        let lock = self.data().join("postmaster.pid");
        if !cfg!(target_os = "linux") || !lock.exists() {
            return Ok(());
        }
        self.end_processes(Signal::QUIT)?;
        let text = std::fs::read_to_string(&lock).unwrap_or_default();
        let pid = text.lines().next().unwrap_or_default();
        if !pid.is_empty() && Path::new("/proc").join(pid).exists() {
            std::fs::remove_file(&lock).with_context(|| format!("cannot remove {}", lock.display()))?;
        }
        Ok(())
    }

    /// Returns when no process works in the data directory any more.
    fn end_processes(&self, signal: Signal) -> Result<()> {
        let data = self.data();
        let started = Instant::now();
        loop {
            let left = concerned_with(&data);
            let waited = started.elapsed();
            if left.is_empty() {
                return Ok(());
            }
            if waited > Duration::from_secs(15) {
                bail!("a Postgres server still uses {}: stop it and try again", data.display());
            }
            if waited > Duration::from_secs(2) {
                let firm = if waited > Duration::from_secs(6) { Signal::KILL } else { signal };
                left.iter().for_each(|process| process.signal(firm));
                std::thread::sleep(Duration::from_millis(300));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Root's directory under the world-writable /var/tmp: never one that somebody else made.
fn make_owned_by_us(dir: &Path) -> Result<()> {
    match std::fs::create_dir(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(error).with_context(|| format!("cannot create {}", dir.display()));
        }
        _ => {}
    }
    let meta = dir.symlink_metadata()?;
    if !meta.is_dir() || meta.uid() != 0 {
        bail!("{} is in the way and is not ours: remove it", dir.display());
    }
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755))?;
    Ok(())
}
