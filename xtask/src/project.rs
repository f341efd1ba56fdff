//! Where the checkout is, and its main directories.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// One checkout of the repository.
#[derive(Debug, Clone)]
pub struct Project {
    root: PathBuf,
}

impl Project {
    /// The checkout around the current directory, else the one in which this binary was compiled.
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

    /// Local state, which git ignores.
    pub fn state_dir(&self) -> PathBuf {
        self.root.join(".oslira")
    }

    /// The built Worker.
    pub fn dist(&self) -> PathBuf {
        self.root.join("dist")
    }

    /// A short name for this checkout, made from its path.
    pub fn id(&self) -> String {
        crate::stamp::short_hash(self.root.as_os_str().as_encoded_bytes())
    }
}
