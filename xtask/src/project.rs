//! Where things are in a checkout. Every path of the tool is named here once.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// One checkout of the repository.
#[derive(Debug, Clone)]
pub struct Project {
    root: PathBuf,
}

impl Project {
    /// The checkout around the current directory (or, failing that, the one this binary was compiled in).
    pub fn find() -> Result<Self> {
        let here = std::env::current_dir().context("the current directory is not readable")?;
        let compiled = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = here
            .ancestors()
            .chain(compiled.ancestors())
            .find(|dir| dir.join("wrangler.jsonc").is_file() && dir.join("xtask/Cargo.toml").is_file())
            .context("this is not an Oslira checkout: run `cargo xtask` inside one")?;
        Ok(Self { root: root.canonicalize()? })
    }

    /// The directory that holds `Cargo.toml` and `wrangler.jsonc`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Local state, never committed.
    pub fn state_dir(&self) -> PathBuf {
        self.root.join(".oslira")
    }

    /// The built Worker.
    pub fn dist(&self) -> PathBuf {
        self.root.join("dist")
    }

    /// A short name of this checkout, different for every path on the machine.
    pub fn id(&self) -> String {
        crate::stamp::short_hash(self.root.as_os_str().as_encoded_bytes())
    }
}
