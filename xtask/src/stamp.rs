//! Content stamps: a step is skipped if its inputs are the same as at its last success.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// FNV-1a with a final mix. Its values name directories and databases, so they must not depend on the version of Rust,
/// as those of the standard library's hasher do.
#[derive(Clone)]
pub struct Hash(u64);

impl Hash {
    pub fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// Adds one field. Its length is hashed too, so that `ab`, `c` differs from `a`, `bc`.
    pub fn add(mut self, bytes: &[u8]) -> Self {
        for byte in (bytes.len() as u64).to_le_bytes().iter().chain(bytes) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self
    }

    /// Adds a file's content, or the fact that it is missing.
    pub fn add_file(self, path: &Path) -> Self {
        match std::fs::read(path) {
            Ok(bytes) => self.add(&bytes),
            Err(_) => self.add(b"\0absent"),
        }
    }

    /// The hash as a number. The last bytes hardly change FNV's upper bits, so a final mix (of MurmurHash3) spreads
    /// them.
    pub fn value(&self) -> u64 {
        let mixed = (self.0 ^ (self.0 >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        mixed ^ (mixed >> 33)
    }

    pub fn hex(&self) -> String {
        format!("{:016x}", self.value())
    }
}

/// Eight hexadecimal digits, for use in a name.
pub fn short_hash(bytes: &[u8]) -> String {
    Hash::new().add(bytes).hex().chars().take(8).collect()
}

/// A file with the hash of the inputs of the last success.
pub struct Stamp {
    path: PathBuf,
    hash: String,
}

impl Stamp {
    pub fn new(path: PathBuf, hash: &Hash) -> Self {
        Self { path, hash: hash.hex() }
    }

    /// Whether the work was already done for exactly this input.
    pub fn is_current(&self) -> bool {
        std::fs::read_to_string(&self.path).is_ok_and(|kept| kept == self.hash)
    }

    /// Records a success.
    pub fn set(&self) -> Result<()> {
        if let Some(parent) = self.path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(&self.path, &self.hash).with_context(|| format!("cannot write {}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_do_not_run_into_each_other() {
        assert_ne!(Hash::new().add(b"ab").add(b"c").hex(), Hash::new().add(b"a").add(b"bc").hex());
    }

    #[test]
    fn names_stay_what_they_were() {
        // A change here would orphan every existing data directory under /var/tmp.
        assert_eq!(short_hash(b"/home/me/oslira"), short_hash(b"/home/me/oslira"));
        assert_eq!(short_hash(b"").len(), 8);
    }

    #[test]
    fn neighbours_are_far_apart() {
        let (one, two) = (Hash::new().add(b"/a/st2").value(), Hash::new().add(b"/a/st3").value());
        assert!((one ^ two).count_ones() > 16);
    }

    #[test]
    fn a_stamp_is_current_only_for_its_own_input() {
        let path = std::env::temp_dir().join(format!("oslira-stamp-{}", std::process::id()));
        let one = Stamp::new(path.clone(), &Hash::new().add(b"one"));
        let two = Stamp::new(path.clone(), &Hash::new().add(b"two"));
        one.set().unwrap();
        assert!(one.is_current());
        assert!(!two.is_current());
        std::fs::remove_file(path).unwrap();
    }
}
