//! A list of profiles as people have it: a JSON list, or a text file that a spreadsheet, an export or a hand made.
//!
//! Promises: whatever the bytes are, each line is either used once or reported with its number and why it is not; names
//! keep their order; nothing is guessed that could buy another profile than the one that was meant.
//!
//! The file is not read with the crate `csv`: it skips blank lines, counts only `\n`, and takes all that follows a
//! forgotten quotation mark for one cell, and so cannot say what became of each line.

mod columns;
mod rows;
mod text;

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::rows::Row;
use crate::features::profiles::{InstagramHandle, InvalidHandle};

/// How many names one bulk takes.
pub const NAMES_MAX: usize = 100;
/// Longer lists are refused whole: a report of each of their lines would help nobody.
pub const LINES_MAX: usize = 2_000;
/// How much of an unused line is repeated in the report.
const SHOWN_CHARS_MAX: usize = 60;

/// A name that is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListEntry {
    /// Its line, or its place in a JSON list; the first is 1.
    pub line: u32,
    pub username: InstagramHandle,
}

/// Why a line is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LineReason {
    /// There is no name in it.
    Blank,
    /// It names the columns.
    Header,
    /// An earlier line has the same name, perhaps in another spelling.
    Duplicate,
    /// It is not an Instagram username.
    NotAUsername,
    /// It has letters beyond a to z, which may only look the same.
    ForeignLetters,
    /// A link to a post, which does not say whose.
    PostLink,
    /// A link to a page of Instagram that is no profile.
    PageLink,
    /// A link to another site.
    OtherSite,
    /// A quotation mark is opened and never closed.
    UnclosedQuote,
    /// A bulk takes a hundred names, and the lines before have them.
    OverLimit,
    /// The profile's owner had it erased: it may not be analysed.
    SubjectErased,
}

impl From<InvalidHandle> for LineReason {
    fn from(why: InvalidHandle) -> Self {
        match why {
            InvalidHandle::Name => Self::NotAUsername,
            InvalidHandle::Letters => Self::ForeignLetters,
            InvalidHandle::Post => Self::PostLink,
            InvalidHandle::Page => Self::PageLink,
            InvalidHandle::Site => Self::OtherSite,
        }
    }
}

/// A line that is not used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnusedLine {
    /// Its number, or its place in a JSON list; the first is 1.
    pub line: u32,
    /// What it says, shortened.
    pub text: String,
    pub reason: LineReason,
    /// Of a duplicate: the line that is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_line: Option<u32>,
}

/// What a list says, line by line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinesUsed {
    /// At most [`NAMES_MAX`], each name once, in the order of the list.
    pub names: Vec<ListEntry>,
    pub unused: Vec<UnusedLine>,
}

/// Why a list is refused whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidList {
    #[error("a list may have at most {LINES_MAX} lines")]
    TooManyLines,
}

/// Reads a JSON list.
///
/// # Errors
/// [`InvalidList`] when it is too long to be reported on.
pub fn names_in_list(names: &[String]) -> Result<LinesUsed, InvalidList> {
    if names.len() > LINES_MAX {
        return Err(InvalidList::TooManyLines);
    }
    let mut reader = Reader::default();
    for (line, name) in (1..).zip(names) {
        reader.take(line, name);
    }
    Ok(reader.used)
}

/// Reads a text file: UTF-8 or UTF-16; cells between commas, semicolons, tabs or bars; with or without a header.
///
/// # Errors
/// [`InvalidList`] when it is too long to be reported on.
pub fn names_in_text(bytes: &[u8]) -> Result<LinesUsed, InvalidList> {
    let text = text::decoded(bytes);
    let lines = rows::lines(&text);
    if lines.len() > LINES_MAX {
        return Err(InvalidList::TooManyLines);
    }
    let rows = rows::rows(&lines);
    let layout = columns::Layout::of(&rows);
    let mut reader = Reader::default();
    for row in &rows {
        reader.take_row(row, &layout);
    }
    Ok(reader.used)
}

#[derive(Default)]
struct Reader {
    used: LinesUsed,
    /// The line of each name that is used.
    first: HashMap<InstagramHandle, u32>,
}

impl Reader {
    fn take_row(&mut self, row: &Row, layout: &columns::Layout) {
        if row.is_unclosed {
            return self.leave(row.line, &row.shown(), LineReason::UnclosedQuote);
        }
        if layout.is_header(row) {
            return self.leave(row.line, &row.shown(), LineReason::Header);
        }
        if layout.is_one_line && !row.is_blank() {
            for cell in row.cells.iter().filter(|cell| !columns::name(cell).is_empty()) {
                self.take(row.line, cell);
            }
            return;
        }
        match row.cells.get(layout.column) {
            Some(cell) if !columns::name(cell).is_empty() => self.take(row.line, cell),
            Some(_) | None => self.leave(row.line, &row.shown(), LineReason::Blank),
        }
    }

    fn take(&mut self, line: u32, text: &str) {
        let name = columns::name(text);
        if name.is_empty() {
            return self.leave(line, text, LineReason::Blank);
        }
        let username: InstagramHandle = match name.parse() {
            Ok(username) => username,
            Err(why) => return self.leave(line, text, LineReason::from(why)),
        };
        if let Some(first) = self.first.get(&username).copied() {
            self.leave(line, text, LineReason::Duplicate);
            if let Some(unused) = self.used.unused.last_mut() {
                unused.first_line = Some(first);
            }
        } else if self.used.names.len() >= NAMES_MAX {
            self.leave(line, text, LineReason::OverLimit);
        } else {
            self.first.insert(username.clone(), line);
            self.used.names.push(ListEntry { line, username });
        }
    }

    fn leave(&mut self, line: u32, text: &str, reason: LineReason) {
        let text = text.trim().chars().filter(|c| !c.is_control()).take(SHOWN_CHARS_MAX).collect();
        self.used.unused.push(UnusedLine { line, text, reason, first_line: None });
    }
}

#[cfg(test)]
mod tests;
