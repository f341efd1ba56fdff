//! Stored answers: a line each, in one file for each model.
//!
//! Promises: a line is written whole before the next question counts as answered, so a recording that is broken off goes on where
//! it stopped; a line that was cut by a crash is dropped.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs::{self, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    sync::Mutex,
};

use anyhow::{Context, Result};
use jiff::Timestamp;
use oslira_app::features::judging::CallKind;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::question::Case;

/// Who answered that is no model.
pub const SANDBOX: &str = "sandbox";

/// A provider's answer to one request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredAnswer {
    /// The hash of the whole request.
    pub request: String,
    /// What was asked, for people who read the file.
    pub profile: String,
    pub business: String,
    pub call: CallKind,
    pub model: String,
    /// `openai`, `anthropic` or `sandbox`.
    pub source: String,
    pub recorded_at: Timestamp,
    pub duration_ms: Option<u64>,
    /// The response's body.
    pub body: Value,
}

impl StoredAnswer {
    pub(super) fn of(request: &str, case: &Case<'_>, source: &str, duration_ms: Option<u64>, body: Value) -> Self {
        Self {
            request: request.to_owned(),
            profile: case.profile.key.clone(),
            business: case.business.key.clone(),
            call: case.call,
            model: case.question.model.to_string(),
            source: source.to_owned(),
            recorded_at: Timestamp::now(),
            duration_ms,
            body,
        }
    }
}

/// The stored answers of a directory.
pub struct Store {
    dir: PathBuf,
    known: Mutex<HashMap<String, StoredAnswer>>,
}

impl Store {
    /// Reads every `*.jsonl` of the directory, which need not exist.
    ///
    /// # Errors
    /// A file cannot be read, or has a line in its middle that is no answer.
    pub fn open(dir: &Path) -> Result<Self> {
        let mut known = HashMap::new();
        let files =
            fs::read_dir(dir).map(|entries| entries.filter_map(Result::ok).collect()).unwrap_or_else(|_| vec![]);
        for path in
            files.iter().map(fs::DirEntry::path).filter(|path| path.extension().is_some_and(|end| end == "jsonl"))
        {
            let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
                match serde_json::from_str::<StoredAnswer>(line) {
                    Ok(answer) => drop(known.insert(answer.request.clone(), answer)),
                    // The last line may be cut by a crash, or be under way: the answer is asked again.
                    Err(_) if text.lines().count() == number + 1 && !text.ends_with('\n') => {}
                    Err(error) => {
                        let place = format!("{} line {}: no stored answer", path.display(), number + 1);
                        return Err(error).context(place);
                    }
                }
            }
        }
        Ok(Self { dir: dir.to_owned(), known: Mutex::new(known) })
    }

    /// The answer to a request.
    #[must_use]
    pub fn get(&self, request: &str) -> Option<StoredAnswer> {
        self.known.lock().ok()?.get(request).cloned()
    }

    /// The models that answers are stored of.
    #[must_use]
    pub fn models(&self) -> BTreeSet<String> {
        self.known.lock().map(|known| known.values().map(|answer| answer.model.clone()).collect()).unwrap_or_default()
    }

    /// Keeps an answer. One that cannot be written is told and counts all the same: it has been paid for.
    pub(super) fn add(&self, answer: StoredAnswer) {
        let Ok(mut known) = self.known.lock() else { return };
        if let Err(error) = self.write(&answer) {
            eprintln!("  an answer was not stored: {error:#}");
        }
        known.insert(answer.request.clone(), answer);
    }

    fn write(&self, answer: &StoredAnswer) -> Result<()> {
        fs::create_dir_all(&self.dir)?;
        let path = self.dir.join(format!("{}.jsonl", answer.model.replace('/', ".")));
        // A line that was cut goes, or this one would grow together with it; a whole one only wants its end.
        let text = fs::read_to_string(&path).unwrap_or_default();
        let last = text.lines().next_back().filter(|_| !text.ends_with('\n')).unwrap_or_default();
        if !last.is_empty() {
            let is_whole = serde_json::from_str::<StoredAnswer>(last).is_ok();
            let kept = if is_whole { format!("{text}\n") } else { text.strip_suffix(last).unwrap_or(&text).to_owned() };
            fs::write(&path, kept)?;
        }
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(file.write_all(format!("{}\n", serde_json::to_string(answer)?).as_bytes())?)
    }

    /// How many real answers of each model are to questions that are not asked any more.
    #[must_use]
    pub fn stale(&self, asked: &BTreeSet<String>) -> BTreeMap<String, usize> {
        let mut stale = BTreeMap::new();
        let Ok(known) = self.known.lock() else { return stale };
        for answer in known.values().filter(|answer| answer.source != SANDBOX && !asked.contains(&answer.request)) {
            *stale.entry(answer.model.clone()).or_insert(0) += 1;
        }
        stale
    }

    /// Drops every answer to a question that is not asked any more; returns how many.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn prune(&self, asked: &BTreeSet<String>) -> Result<usize> {
        let Ok(mut known) = self.known.lock() else { return Ok(0) };
        let before = known.len();
        known.retain(|request, _| asked.contains(request));
        let mut files: BTreeMap<String, Vec<&StoredAnswer>> = BTreeMap::new();
        for answer in known.values() {
            files.entry(format!("{}.jsonl", answer.model.replace('/', "."))).or_default().push(answer);
        }
        for entry in fs::read_dir(&self.dir).into_iter().flatten().filter_map(Result::ok) {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".jsonl") && !files.contains_key(&name) {
                fs::remove_file(entry.path())?;
            }
        }
        for (name, mut answers) in files {
            answers.sort_by(|a, b| (a.recorded_at, &a.request).cmp(&(b.recorded_at, &b.request)));
            let lines = answers.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
            // Beside it first: a crash leaves the old file or the new one.
            let (path, new) = (self.dir.join(&name), self.dir.join(format!("{name}.new")));
            fs::write(&new, lines.join("\n") + "\n")?;
            fs::rename(new, path)?;
        }
        Ok(before - known.len())
    }
}
