//! What a stack remembers between commands, in `state.json` of its directory.

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
    /// The database server.
    Postgres,
    /// pgbouncer, between the Worker and the database server.
    Pooler,
    /// The stand-in for the outside services.
    Sandbox,
    /// The Node process that runs the Worker.
    Worker,
    /// The Worker's runtime, a child of the former.
    Workerd,
}

impl Part {
    /// Its name in files and messages.
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
    /// The process.
    #[serde(flatten)]
    pub process: Identity,
    /// What it was started with; a difference means that it has to be started again.
    pub fingerprint: String,
}

/// Everything a stack remembers.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// How fast the outside services pretend to be.
    pub speed: Speed,
    /// Whether the data may be lost in a power cut.
    #[serde(default)]
    pub throw_away: bool,
    /// The port of each part.
    #[serde(default)]
    pub ports: BTreeMap<Part, u16>,
    /// The processes as last seen.
    #[serde(default)]
    pub processes: BTreeMap<Part, Running>,
    /// Which build of each part this stack has copied.
    #[serde(default)]
    pub programs: BTreeMap<Part, String>,
}

impl State {
    /// The remembered state; `None` for a stack that never was (or whose memory is unreadable).
    pub fn load(path: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }

    /// Remembers; the file is replaced whole.
    pub fn save(&self, path: &Path) -> Result<()> {
        write_private(path, &serde_json::to_vec_pretty(self)?)
    }
}

/// Writes a file that only its owner can read, replacing an older one in a single step.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let fresh = path.with_extension("new");
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
