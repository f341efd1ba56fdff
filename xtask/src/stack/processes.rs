//! Processes that outlive the command that starts them, and finding them again without mistaking a stranger for one.
//!
//! A process is named by its id *and* its start time: ids are used again. A zombie counts as dead, because in a
//! container nobody may ever collect it.

use std::fs::{File, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use crate::process::{answer, own_binary};

/// A log larger than this is started anew with the process.
const LOG_BYTES_MAX: u64 = 16 << 20;

/// One process of this machine, past or present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The process id.
    pub pid: i32,
    /// When it started, in the system's own notation.
    pub started: String,
}

impl Identity {
    /// The identity of a process that is running now.
    pub fn of(pid: i32) -> Option<Self> {
        start_time(pid).map(|started| Self { pid, started })
    }

    /// Whether this very process still runs.
    pub fn is_alive(&self) -> bool {
        start_time(self.pid).as_deref() == Some(&self.started)
    }

    /// Sends a signal if it is alive.
    pub fn signal(&self, signal: Signal) {
        if let (true, Some(pid)) = (self.is_alive(), Pid::from_raw(self.pid)) {
            // It may end between the look and the signal: that is what the signal is for.
            let _ = kill_process(pid, signal);
        }
    }

    /// Asks it to stop with `polite`, insists with SIGKILL after `patience`, and returns when it is gone.
    pub fn stop(&self, polite: Signal, patience: Duration) -> Result<()> {
        self.signal(polite);
        if self.wait_until_dead(patience) {
            return Ok(());
        }
        self.signal(Signal::KILL);
        if self.wait_until_dead(Duration::from_secs(10)) {
            return Ok(());
        }
        bail!("process {} does not end, not even by SIGKILL", self.pid)
    }

    fn wait_until_dead(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while self.is_alive() {
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        true
    }
}

/// The start time of a live process, `None` for a dead one or a zombie.
fn start_time(pid: i32) -> Option<String> {
    if cfg!(target_os = "linux") {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may contain anything; the fields proper begin after the last one.
        let (_, fields) = stat.rsplit_once(") ")?;
        let mut fields = fields.split(' ');
        let state = fields.next()?;
        return (state != "Z" && state != "X").then(|| fields.nth(18).map(str::to_owned))?;
    }
    let line = answer("ps", &["-o", "stat=,lstart=", "-p", &pid.to_string()])?;
    let (state, started) = line.split_once(' ')?;
    (!state.starts_with('Z')).then(|| started.trim().to_owned())
}

/// What to start, and as whom.
pub struct Launch {
    /// The program with its arguments and environment.
    pub command: Command,
    /// Where its output goes.
    pub log: PathBuf,
    /// The user and group to become, when not the present ones.
    pub user: Option<(u32, u32)>,
}

/// Starts a process in a session of its own, so that it survives this command and its terminal.
pub fn launch(launch: Launch) -> Result<Identity> {
    let log = open_log(&launch.log)?;
    let mut command = Command::new(own_binary()?);
    command.arg("detach");
    if let Some((uid, gid)) = launch.user {
        command.args(["--uid", &uid.to_string(), "--gid", &gid.to_string()]);
    }
    command.arg("--").arg(launch.command.get_program()).args(launch.command.get_args());
    for (key, value) in launch.command.get_envs() {
        match value {
            Some(value) => command.env(key, value),
            None => command.env_remove(key),
        };
    }
    command.current_dir(launch.command.get_current_dir().unwrap_or(Path::new("/")));
    let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
    let pid = i32::try_from(child.id())?;
    // Collected by a thread while this command runs, so that an early death is seen as one.
    std::thread::spawn(move || {
        let mut child = child;
        let _ = child.wait();
    });
    Identity::of(pid).with_context(|| {
        format!("{} ended at once; see {}", launch.command.get_program().to_string_lossy(), launch.log.display())
    })
}

/// Arguments of the hidden command behind [`launch`].
#[derive(clap::Args)]
pub struct DetachArgs {
    #[arg(long)]
    uid: Option<u32>,
    #[arg(long)]
    gid: Option<u32>,
    #[arg(last = true, required = true)]
    command: Vec<std::ffi::OsString>,
}

/// Leaves the session of the caller, gives up its rights where asked, and becomes the given program.
pub fn detach(args: &DetachArgs) -> Result<()> {
    rustix::process::setsid().context("cannot start a session")?;
    let (program, rest) = args.command.split_first().context("nothing to start")?;
    let mut command = Command::new(program);
    command.args(rest);
    if let Some(gid) = args.gid {
        command.gid(gid);
    }
    if let Some(uid) = args.uid {
        command.uid(uid);
    }
    Err(command.exec()).with_context(|| format!("cannot start {}", program.to_string_lossy()))
}

fn open_log(path: &Path) -> Result<File> {
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir)?;
    }
    let too_long = path.metadata().is_ok_and(|meta| meta.len() > LOG_BYTES_MAX);
    if too_long {
        std::fs::remove_file(path)?;
    }
    OpenOptions::new().create(true).append(true).open(path).with_context(|| format!("cannot write {}", path.display()))
}

/// Live processes that work in `dir` or were given it as an argument: how the processes of a Postgres cluster are
/// recognised (all of them work in their data directory; where root may not see that, the first still names it).
/// Empty on systems without /proc.
pub fn concerned_with(dir: &Path) -> Vec<Identity> {
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_path_buf());
    let concerns = |process: &Path| {
        let works_there = std::fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd == dir);
        let arguments = std::fs::read(process.join("cmdline")).unwrap_or_default();
        works_there || arguments.split(|byte| *byte == 0).any(|argument| argument == dir.as_os_str().as_encoded_bytes())
    };
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
        .filter(|(_, path)| concerns(path))
        .filter_map(|(pid, _)| Identity::of(pid))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_start_time_too() {
        let me = Identity::of(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert!(me.is_alive());
        let stranger = Identity { started: "1".to_owned(), ..me };
        assert!(!stranger.is_alive());
    }

    #[test]
    fn a_zombie_is_dead() {
        let mut child = Command::new("true").spawn().unwrap();
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(Identity::of(i32::try_from(child.id()).unwrap()), None);
        child.wait().unwrap();
    }

    #[test]
    fn stopping_is_firm() {
        let mut child = Command::new("sh").args(["-c", "trap '' TERM; while :; do sleep 0.05; done"]).spawn().unwrap();
        let stubborn = Identity::of(i32::try_from(child.id()).unwrap()).unwrap();
        std::thread::sleep(Duration::from_millis(100));
        stubborn.stop(Signal::TERM, Duration::from_millis(200)).unwrap();
        assert!(!stubborn.is_alive());
        child.wait().unwrap();
    }
}
