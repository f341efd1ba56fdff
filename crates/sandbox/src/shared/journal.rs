//! What a provider knows, on the disk: a line for each transaction with all that it has written.
//!
//! A line that was not written to its end is the last one, of a transaction that nobody was told of, and is ignored. Only
//! the owner of the files can read them.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};

use crate::shared::{error::SandboxError, private_file};

pub(crate) struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Hands over all that was ever written, the oldest first.
    pub(crate) fn read<T: DeserializeOwned>(path: &Path, mut take: impl FnMut(T)) -> Result<(), SandboxError> {
        if path.is_file() {
            for line in BufReader::new(File::open(path)?).lines() {
                serde_json::from_str::<Vec<T>>(&line?).unwrap_or_default().into_iter().for_each(&mut take);
            }
        }
        Ok(())
    }

    /// Writes a journal anew, without what was overwritten since.
    pub(crate) fn begin<T: Serialize>(path: &Path, all: impl Iterator<Item = T>) -> std::io::Result<Self> {
        let partial = path.with_extension("partial");
        let mut written = BufWriter::new(private_file::create(&partial)?);
        for object in all {
            writeln!(written, "[{}]", serde_json::to_string(&object)?)?;
        }
        written.flush()?;
        std::fs::rename(&partial, path)?;
        Ok(Self { path: path.to_owned(), file: OpenOptions::new().append(true).open(path)? })
    }

    /// The same in place of this one.
    pub(crate) fn begin_again<T: Serialize>(&mut self, all: impl Iterator<Item = T>) -> std::io::Result<()> {
        *self = Self::begin(&self.path, all)?;
        Ok(())
    }

    /// Notes what a transaction has written.
    pub(crate) fn note<T: Serialize>(&mut self, written: &[T]) -> std::io::Result<()> {
        if written.is_empty() {
            return Ok(());
        }
        let mut line = serde_json::to_vec(written)?;
        line.push(b'\n');
        self.file.write_all(&line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &Path) -> Vec<u32> {
        let mut all = vec![];
        Journal::read(path, |number| all.push(number)).unwrap();
        all
    }

    #[test]
    fn what_was_noted_is_read_again_and_half_a_line_is_ignored() {
        let path = std::env::temp_dir().join(format!("oslira-sandbox-journal-{}.jsonl", std::process::id()));
        let mut journal = Journal::begin(&path, [1, 2].iter()).unwrap();
        journal.note(&[3, 4]).unwrap();
        journal.file.write_all(b"[5,").unwrap();
        assert_eq!(read(&path), [1, 2, 3, 4]);
        let mut journal = Journal::begin(&path, [6].iter()).unwrap();
        journal.begin_again([7].iter()).unwrap();
        journal.note(&[8]).unwrap();
        assert_eq!(read(&path), [7, 8]);
        std::fs::remove_file(&path).unwrap();
        assert!(read(&path).is_empty());
    }
}
