//! What Stripe knows, on the disk: a line for each transaction with all that it has written.
//!
//! A line that was not written to its end is the last one, of a transaction that nobody was told of, and is ignored.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, BufWriter, Write},
    path::Path,
};

use serde_json::Value;

use super::{books::Books, object::Fields};
use crate::shared::error::SandboxError;

pub(super) struct Journal(File);

impl Journal {
    /// Reads all that is known, and writes it anew without what was overwritten since.
    pub(super) fn open(state_dir: &Path) -> Result<(Self, Books), SandboxError> {
        let path = state_dir.join("stripe.jsonl");
        let mut books = Books::default();
        if path.is_file() {
            for line in BufReader::new(File::open(&path)?).lines() {
                for object in serde_json::from_str::<Vec<Value>>(&line?).unwrap_or_default() {
                    books.place(object.text("id").to_owned(), object);
                }
            }
        }
        let partial = path.with_extension("partial");
        let mut written = BufWriter::new(File::create(&partial)?);
        for object in books.everything() {
            writeln!(written, "[{object}]")?;
        }
        written.flush()?;
        std::fs::rename(&partial, &path)?;
        Ok((Self(OpenOptions::new().append(true).open(&path)?), books))
    }

    /// Notes what a transaction has written.
    pub(super) fn note(&mut self, written: &[Value]) -> std::io::Result<()> {
        if written.is_empty() {
            return Ok(());
        }
        let mut line = serde_json::to_vec(written)?;
        line.push(b'\n');
        self.0.write_all(&line)
    }
}
