//! The files of one stack.

use std::fs::{File, TryLockError};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::stack::part::Part;

/// The directory of one stack. It may hold other things too: `.oslira` also holds the stacks of the tests and the demo.
#[derive(Debug, Clone)]
pub struct Layout {
    dir: PathBuf,
}

impl Layout {
    /// Creates the directory if it does not exist.
    pub fn new(dir: &Path) -> Result<Self> {
        std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        let layout = Self { dir: dir.canonicalize()? };
        layout.make_directories()?;
        Ok(layout)
    }

    /// Files of many programs are in these directories, which keep them private: keys, logs, customers' data.
    fn directories(&self) -> [PathBuf; 4] {
        [self.logs(), self.sandbox_state(), self.programs(), self.worker_state()]
    }

    fn make_directories(&self) -> Result<()> {
        self.directories().iter().try_for_each(|private| {
            std::fs::create_dir_all(private)
                .and_then(|()| std::fs::set_permissions(private, std::fs::Permissions::from_mode(0o700)))
                .with_context(|| format!("cannot create {}", private.display()))
        })
    }

    /// The directory. Its path identifies the stack: ports and names of databases depend on it.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Addresses and a token, for tests and tools.
    pub fn document(&self) -> PathBuf {
        self.dir.join("stack.json")
    }

    /// What the tool itself remembers between commands.
    pub fn state(&self) -> PathBuf {
        self.dir.join("state.json")
    }

    /// The secret of legacy (HS256) tokens, for the Worker and the sandbox.
    pub fn jwt_secret(&self) -> PathBuf {
        self.dir.join("jwt-secret")
    }

    /// What the sandbox's `/control` demands.
    pub fn sandbox_token(&self) -> PathBuf {
        self.dir.join("sandbox-token")
    }

    /// Where the sandbox's Supabase Auth has its users, with the superuser's password.
    pub fn sandbox_database_url(&self) -> PathBuf {
        self.dir.join("sandbox-database-url")
    }

    /// What signs the events of the sandbox's Stripe.
    pub fn stripe_webhook_secret(&self) -> PathBuf {
        self.dir.join("stripe-webhook-secret")
    }

    /// The sandbox's state: its signing key, its actor runs, its mail, what its Stripe and its Supabase Auth know.
    pub fn sandbox_state(&self) -> PathBuf {
        self.dir.join("sandbox")
    }

    /// Copies of the programs that the stack runs, so that a build does not change a running stack.
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

    /// The password of every login of the stack's own database server.
    pub fn database_password(&self) -> PathBuf {
        self.dir.join("database-password")
    }

    /// Written by the runner when it serves requests.
    pub fn worker_ready(&self) -> PathBuf {
        self.dir.join("worker.ready.json")
    }

    /// The number of the Worker's version that serves, if the stack has several.
    pub fn worker_version(&self) -> PathBuf {
        self.dir.join("worker.version")
    }

    fn logs(&self) -> PathBuf {
        self.dir.join("logs")
    }

    pub fn log(&self, part: Part) -> PathBuf {
        self.logs().join(format!("{}.log", part.name()))
    }

    /// Deletes all that `down` keeps, except the database server's data.
    pub fn delete_state(&self) -> Result<()> {
        let files = [
            self.sandbox_database_url(),
            self.document(),
            self.state(),
            self.jwt_secret(),
            self.sandbox_token(),
            self.stripe_webhook_secret(),
            self.database_password(),
            self.worker_config(),
            self.worker_ready(),
            self.worker_version(),
        ];
        let directories = self.directories();
        let removed = directories.iter().map(|path| (path, std::fs::remove_dir_all(path)));
        for (path, result) in removed.chain(files.iter().map(|path| (path, std::fs::remove_file(path)))) {
            match result {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("cannot delete {}", path.display()));
                }
                _ => {}
            }
        }
        // Whoever needs one next would make it as readable as any other directory.
        self.make_directories()
    }

    /// Locks the stack until the value is dropped: one command at a time. A second command waits and says so.
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
