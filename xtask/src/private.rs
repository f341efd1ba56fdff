//! Files that only their owner can read, and the secrets in them.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail};

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

/// The secret in a file, made when it is first needed: random, and worth nothing elsewhere.
pub fn secret(path: &Path) -> Result<String> {
    prefixed_secret(path, "")
}

/// The same for a secret whose beginning tells what it is.
pub fn prefixed_secret(path: &Path, prefix: &str) -> Result<String> {
    if let Ok(secret) = std::fs::read_to_string(path) {
        return Ok(secret);
    }
    let mut bytes = [0_u8; 32];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut bytes))
        .context("no randomness")?;
    let digits = bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    if digits.chars().all(|digit| digit == '0') {
        bail!("/dev/urandom gives nothing but zeros");
    }
    let secret = format!("{prefix}{digits}");
    write_private(path, secret.as_bytes())?;
    Ok(secret)
}
