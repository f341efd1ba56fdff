//! Where one stack keeps its files.

use std::fs::{File, TryLockError};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::stack::state::Part;

/// The directory of one stack. It may hold other things too: `.oslira` also holds the stacks of the tests and the demo.
#[derive(Debug, Clone)]
pub struct Layout {
    dir: PathBuf,
}

impl Layout {
    /// Makes the directory where needed.
    pub fn new(dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        Ok(Self { dir: dir.canonicalize()? })
    }

    /// The directory itself; its path is the stack's identity.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What others read: addresses and a token.
    pub fn document(&self) -> PathBuf {
        self.dir.join("stack.json")
    }

    /// What the tool itself remembers.
    pub fn state(&self) -> PathBuf {
        self.dir.join("state.json")
    }

    /// The secret of legacy tokens, known to the Worker and the sandbox.
    pub fn jwt_secret(&self) -> PathBuf {
        self.dir.join("jwt-secret")
    }

    /// The sandbox's own state: its signing key, its actor runs.
    pub fn sandbox_state(&self) -> PathBuf {
        self.dir.join("sandbox")
    }

    /// This stack's copies of the programs it runs.
    pub fn programs(&self) -> PathBuf {
        self.dir.join("programs")
    }

    /// R2 objects, Durable Objects, workflows, queues.
    pub fn worker_state(&self) -> PathBuf {
        self.dir.join("worker")
    }

    /// The configuration of the Worker's runner.
    pub fn worker_config(&self) -> PathBuf {
        self.dir.join("worker.json")
    }

    /// Written by the runner when it serves requests.
    pub fn worker_ready(&self) -> PathBuf {
        self.dir.join("worker.ready.json")
    }

    /// The log of a part.
    pub fn log(&self, part: Part) -> PathBuf {
        self.dir.join("logs").join(format!("{}.log", part.name()))
    }

    /// Deletes what `down` keeps, except the database server's data.
    pub fn delete_state(&self) -> Result<()> {
        let directories = [self.sandbox_state(), self.worker_state(), self.programs(), self.dir.join("logs")];
        let files = [self.document(), self.state(), self.jwt_secret(), self.worker_config(), self.worker_ready()];
        let removed = directories.iter().map(|path| (path, std::fs::remove_dir_all(path)));
        for (path, result) in removed.chain(files.iter().map(|path| (path, std::fs::remove_file(path)))) {
            match result {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("cannot delete {}", path.display()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// One command at a time per stack; a second one waits and says so.
    pub fn lock(&self) -> Result<File> {
        let path = self.dir.join("stack.lock");
        let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {
                eprintln!("  waiting for another `cargo xtask` to finish with this stack …")
            }
            Err(TryLockError::Error(error)) => return Err(error).context("cannot lock the stack"),
        }
        file.lock().context("cannot lock the stack")?;
        Ok(file)
    }
}
