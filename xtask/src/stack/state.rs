//! What a stack remembers between commands, in the file `state.json` of its directory.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::stack::Speed;
use crate::stack::processes::Identity;

/// The parts of a stack, in the order in which they are started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    Postgres,
    /// Between the Worker and the database server.
    Pooler,
    Sandbox,
    /// The Node process that starts workerd and runs the cron jobs.
    Worker,
    /// The Worker's runtime, a child of that process.
    Workerd,
}

impl Part {
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Pooler => "pooler",
            Self::Sandbox => "sandbox",
            Self::Worker => "worker",
            Self::Workerd => "workerd",
        }
    }
}

/// A started part.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Running {
    #[serde(flatten)]
    pub process: Identity,
    /// Program and settings it was started with; if they differ, it is restarted.
    pub fingerprint: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    pub speed: Speed,
    /// Whether the data may be lost in a power cut.
    #[serde(default)]
    pub throw_away: bool,
    #[serde(default)]
    pub ports: BTreeMap<Part, u16>,
    /// The processes that were started last; they may have ended since.
    #[serde(default)]
    pub processes: BTreeMap<Part, Running>,
    /// Which build of each part this stack has copied.
    #[serde(default)]
    pub programs: BTreeMap<Part, String>,
}

impl State {
    /// The state of an earlier command; `None` if there is none or it is unreadable.
    pub fn load(path: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }

    pub fn save(&self, path: &Path) -> Result<()> {
        write_private(path, &serde_json::to_vec_pretty(self)?)
    }
}

/// Writes a file that only its owner can read. It replaces an older one atomically, so that no reader sees half of it.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let fresh = path.with_extension("new");
    // `create_new` below must make the file, so that its mode is ours and not that of a leftover.
    let _ = std::fs::remove_file(&fresh);
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)
        .with_context(|| format!("cannot write {}", fresh.display()))?;
    file.write_all(bytes)?;
    std::fs::rename(&fresh, path).with_context(|| format!("cannot write {}", path.display()))
}
