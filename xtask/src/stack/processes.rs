//! Processes that go on after the command that starts them, and finding them again without mistaking another for one.
//!
//! A process is identified by its id *and* its start time, because the system reuses ids. A zombie counts as dead: in a
//! container without an init process it may never be reaped.

use std::fs::{File, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use crate::process::{answer, own_binary};

/// When a process starts, a log larger than this is deleted first.
const LOG_BYTES_MAX: u64 = 16 << 20;

/// One process of this machine, past or present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub pid: i32,
    /// When it started, in the system's own notation.
    pub started: String,
}

impl Identity {
    /// The identity of a running process; `None` if there is none.
    pub fn of(pid: i32) -> Option<Self> {
        start_time(pid).map(|started| Self { pid, started })
    }

    /// Whether this process, and not another one with its id, still runs.
    pub fn is_alive(&self) -> bool {
        start_time(self.pid).as_deref() == Some(&self.started)
    }

    /// Sends a signal if it is alive.
    pub fn signal(&self, signal: Signal) {
        if let (true, Some(pid)) = (self.is_alive(), Pid::from_raw(self.pid)) {
            // An error means that it ended in the meantime, which is what the signal is for.
            let _ = kill_process(pid, signal);
        }
    }

    /// Stops the process with `polite`, after `patience` with SIGKILL, and returns when it is gone.
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
        // The second field, the program's name in parentheses, may itself contain parentheses and spaces. After it come
        // the state (field 3) and, 19 fields later, the start time (field 22).
        let (_, fields) = stat.rsplit_once(") ")?;
        let mut fields = fields.split(' ');
        let state = fields.next()?;
        return (state != "Z" && state != "X").then(|| fields.nth(18).map(str::to_owned))?;
    }
    let line = answer("ps", &["-o", "stat=,lstart=", "-p", &pid.to_string()])?;
    let (state, started) = line.split_once(' ')?;
    (!state.starts_with('Z')).then(|| started.trim().to_owned())
}

/// How much time of a processor a live process has used so far, in milliseconds; `None` where the system does not tell in `/proc`.
pub fn processor_ms(pid: i32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Fields 14 and 15, in user mode and in the kernel's: see `start_time`.
    let (_, fields) = stat.rsplit_once(") ")?;
    let ticks: Vec<f64> = fields.split(' ').skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    Some(ticks.iter().sum::<f64>() * 1_000.0 / rustix::param::clock_ticks_per_second() as f64)
}

/// What to start, and as which user.
pub struct Launch {
    pub command: Command,
    /// The file for its output.
    pub log: PathBuf,
    /// The user and group to switch to; `None` for the present ones.
    pub user: Option<(u32, u32)>,
}

/// Starts a process in a session of its own, so that it goes on after this command and its terminal have ended. It
/// starts through the hidden command `detach`, because `setsid` must run in the child and the standard library can only
/// do that with unsafe code.
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
    // A thread reaps the child while this command runs: otherwise a child that died early would stay a zombie.
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

/// Starts a new session, switches to another user if asked, and replaces this process with the given program.
pub fn detach(args: &DetachArgs) -> Result<()> {
    rustix::process::setsid().context("cannot start a session")?;
    let (program, rest) = args.command.split_first().context("nothing to start")?;
    let mut command = Command::new(program);
    command.args(rest);
    // exec keeps the process id, so that the caller's record of it stays right.
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

/// Live processes whose working directory is `dir`, or that have it as an argument. Both are needed to find the
/// processes of a Postgres server: all of them work in the data directory, but in some containers even root cannot read
/// that; the first one also has it as an argument. Empty on systems without /proc.
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
