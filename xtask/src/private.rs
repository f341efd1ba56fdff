//! Files that only their owner can read.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result};

/// Writes a file that only its owner can read. It replaces an older one atomically, so that no reader sees half of it.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let fresh = path.with_extension("new");
    // `create_new` below must make the file, so that its mode is ours and not that of a leftover.
    let _ = std::fs::remove_file(&fresh);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)
        .with_context(|| format!("cannot write {}", fresh.display()))?;
    file.write_all(bytes)?;
    std::fs::rename(&fresh, path).with_context(|| format!("cannot write {}", path.display()))
}
