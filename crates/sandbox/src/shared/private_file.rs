//! Files that hold secrets.

use std::{
    fs::{File, OpenOptions},
    path::Path,
};

/// An empty file that only its owner can read, in place of what may be there.
pub(crate) fn create(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    // Set at the creation: there is no moment at which others can read the file.
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
