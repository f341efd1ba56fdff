//! A Postgres server of our own: its data directory, how it is started, and cleaning up after a killed one.
//!
//! It listens on 127.0.0.1 only, and every login needs the stack's password: any user of the machine can reach the port, and
//! what the stack holds (signing keys, customers' data that a developer loaded) is not theirs. For root
//! it runs as another user; its data and the npm binaries are then under /var/tmp, because that user may have no access
//! to a checkout in root's home.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::postgres::binaries::{as_user, find};
use crate::postgres::os_user::{OsUser, unprivileged};
use crate::private::write_private;
use crate::process::run_quiet;
use crate::project::Project;
use crate::stack::processes::concerned_with;
use crate::stamp::short_hash;
use crate::step::step;

/// Well above the default of 100: each database test opens connections of its own.
const CONNECTIONS_MAX: u32 = 300;

/// The name of pgbouncer's settings file. It is an argument of every running one, which is how one is found.
pub const POOLER_SETTINGS: &str = "pgbouncer.ini";

/// SCRAM costs 5 ms of hashing for each connection, which protects a password that somebody could guess. This one is random,
/// and never leaves the machine.
const PASSWORDS: &str = "password_encryption=md5";

/// Where a server's files are, whether or not they exist yet.
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

    /// The directory of its data and of the pooler's settings, readable for the user it runs as.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The directory of unpacked programs, shared by all stacks of this checkout.
    pub fn shared(&self) -> Result<&Path> {
        if self.user.is_some() {
            make_owned_by_us(&self.shared)?;
        }
        Ok(&self.shared)
    }

    /// The user and group that its process must run as; `None` for the present ones.
    pub fn process_user(&self) -> Option<(u32, u32)> {
        self.user.as_ref().map(|user| (user.uid, user.gid))
    }

    /// The command that runs the server on `port`. Creates its data directory if there is none.
    pub fn prepare(&self, project: &Project, port: u16, password: &str, throw_away: bool) -> Result<Command> {
        if self.user.is_some() {
            make_owned_by_us(&self.shared)?;
            make_owned_by_us(&self.home)?;
        }
        let data = self.data();
        let made_by = std::fs::read_to_string(data.join("PG_VERSION")).ok();
        let wanted = made_by.and_then(|version| version.trim().parse().ok());
        let bin = find(project, self.user.as_ref(), &self.shared, wanted)?;
        if wanted.is_none() {
            step("creating the database cluster", || self.create(&bin, password))?;
        }
        self.clear_traces()?;
        let mut command = Command::new(bin.join("postgres"));
        command.current_dir("/").arg("-D").arg(&data);
        for setting in [
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={port}"),
            // Nothing here uses a Unix socket, and its default directory may be missing or not writable.
            "unix_socket_directories=".to_owned(),
            format!("max_connections={CONNECTIONS_MAX}"),
            "timezone=UTC".to_owned(),
            PASSWORDS.to_owned(),
        ] {
            command.args(["-c", &setting]);
        }
        if throw_away {
            // Much faster. The data survives a killed server, but not a power cut.
            command.args(["-c", "fsync=off", "-c", "full_page_writes=off"]);
        }
        Ok(command)
    }

    pub fn has_data(&self) -> bool {
        self.data().exists()
    }

    /// Deletes all data, after stopping every process that uses it.
    pub fn delete(&self) -> Result<()> {
        // Poolers first: their settings are in this directory, and they would keep connecting to the server.
        let poolers = concerned_with(&self.home.join(POOLER_SETTINGS));
        poolers.iter().try_for_each(|pooler| pooler.stop(Signal::TERM, Duration::from_secs(5)))?;
        self.end_processes(Signal::QUIT)?;
        match std::fs::remove_dir_all(&self.home) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot delete {}", self.home.display()))
            }
            _ => Ok(()),
        }
    }

    /// Writes a file that only the user can read as whom the server runs.
    pub fn write_private(&self, path: &Path, text: &str) -> Result<()> {
        write_private(path, text.as_bytes())?;
        self.user.as_ref().map_or(Ok(()), |user| Ok(chown(path, Some(user.uid), Some(user.gid))?))
    }

    fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    /// Creates the data directory. It is renamed into place when complete, so that an interrupted initdb leaves nothing
    /// that looks like a cluster.
    fn create(&self, bin: &Path, password: &str) -> Result<()> {
        let fresh = self.home.join("data.new");
        let _ = std::fs::remove_dir_all(&fresh);
        std::fs::create_dir_all(&fresh).with_context(|| format!("cannot create {}", fresh.display()))?;
        std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o700))?;
        if let Some(user) = &self.user {
            chown(&fresh, Some(user.uid), Some(user.gid))?;
        }
        // The same sort order on every machine, whatever its locale; macOS has no C.UTF-8.
        let locale = if cfg!(target_os = "linux") { "C.UTF-8" } else { "C" };
        let password_file = self.home.join("password");
        self.write_private(&password_file, password)?;
        let mut initdb = as_user(bin.join("initdb"), self.user.as_ref());
        initdb.arg("--pwfile").arg(&password_file);
        initdb.args(["--auth=md5", "--username=postgres", "--encoding=UTF8", "--no-sync", "--no-instructions"]);
        initdb.arg(format!("--locale={locale}")).arg("-D").arg(&fresh);
        let made = run_quiet(&mut initdb);
        std::fs::remove_file(&password_file)?;
        made?;
        let data = self.data();
        let _ = std::fs::remove_dir_all(&data);
        std::fs::rename(&fresh, &data).with_context(|| format!("cannot put {} in place", data.display()))
    }

    /// Cleans up after a killed server. Its worker processes need a moment to end. And the process id in its lock file
    /// may be in use again (in a container by a zombie, after a restart of the machine by any program): a new server
    /// would take that for a running one, so the lock file is removed. If no process has the id, the file stays,
    /// because Postgres removes it itself after checks of its own.
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

    /// Waits until no process uses the data directory: the first 2 s without a signal, then with `signal`, after 6 s
    /// with SIGKILL.
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

/// Makes a directory of root's under /var/tmp. Everybody can write there, so one that another user made is refused.
fn make_owned_by_us(dir: &Path) -> Result<()> {
    match std::fs::create_dir(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(error).with_context(|| format!("cannot create {}", dir.display()));
        }
        _ => {}
    }
    let meta = dir.symlink_metadata()?;
    if !meta.is_dir() || meta.uid() != 0 {
        bail!("{} exists and is not a directory of root's: remove it", dir.display());
    }
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755))?;
    Ok(())
}
