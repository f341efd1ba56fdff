//! Which cell of a row is the name.

use super::rows::{Row, named_delimiter};
use crate::features::profiles::InstagramHandle;

/// Headers, without blanks and signs: of names, of links or of either, of names that may be other names.
const HEADERS: [&[&str]; 3] = [
    &[
        "username",
        "usernames",
        "handle",
        "handles",
        "account",
        "accounts",
        "user",
        "users",
        "accountname",
        "ighandle",
        "igname",
        "igusername",
        "igaccount",
        "instahandle",
        "instagramhandle",
        "instagramname",
        "instagramusername",
        "instagramuser",
        "instagramaccount",
        "benutzername",
        "nutzername",
    ],
    &[
        "instagram",
        "insta",
        "ig",
        "instagramurl",
        "instagramlink",
        "instagramprofile",
        "instagramprofileurl",
        "instagramprofilelink",
        "iglink",
        "igurl",
        "profile",
        "profileurl",
        "profilelink",
        "url",
        "link",
    ],
    &["name"],
];

/// How a table is read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// The lines that name columns, or the delimiter.
    headers: Vec<u32>,
    /// The place of the names.
    pub column: usize,
    /// Whether all names are in one line.
    pub is_one_line: bool,
}

impl Layout {
    pub fn of(rows: &[Row]) -> Self {
        let mut headers = Vec::new();
        let mut filled = rows.iter().filter(|row| !row.is_unclosed && !row.is_blank()).peekable();
        if let Some(first) = filled.next_if(|row| row.line == 1 && named_delimiter(&row.written).is_some()) {
            headers.push(first.line);
        }
        let first = filled.next();
        let rest: Vec<&Row> = filled.collect();
        if let Some(first) = first
            && let Some(column) = header(first, rest.first().copied())
        {
            headers.push(first.line);
            return Self { headers, column, is_one_line: false };
        }
        let all: Vec<&Row> = first.into_iter().chain(rest).collect();
        let is_one_line = matches!(all.as_slice(), [only] if is_list(only));
        Self { headers, column: likely_column(&all), is_one_line }
    }

    pub fn is_header(&self, row: &Row) -> bool {
        self.headers.contains(&row.line)
    }
}

/// The name in a cell: without what spreadsheets and exports put around it to keep it a text.
pub(super) fn name(cell: &str) -> &str {
    let trimmed = trim(cell);
    let within = |start: &str| trimmed.strip_prefix(start).and_then(|rest| rest.strip_suffix('"'));
    let guarded = trimmed.strip_prefix('\'').map(|rest| rest.strip_suffix('\'').unwrap_or(rest));
    trim(within("=\"").or_else(|| within("\"")).or(guarded).unwrap_or(trimmed))
}

fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}' | '\0'))
}

fn word(cell: &str) -> String {
    cell.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The place of the names if this row is a header. Some of these words are usernames too: alone in their line, those of
/// links are a header only if what follows looks like a link or has an `@`.
fn header(row: &Row, next: Option<&Row>) -> Option<usize> {
    let words: Vec<String> = row.cells.iter().map(|cell| word(cell)).collect();
    let is_alone = words.iter().filter(|word| !word.is_empty()).count() == 1;
    // `@user` is the account of this name.
    let is_marked = row.cells.iter().any(|cell| name(cell).contains(['@', '/']));
    if is_marked {
        return None;
    }
    HEADERS.iter().enumerate().find_map(|(rank, headers)| {
        let column = words.iter().position(|word| headers.contains(&word.as_str()))?;
        let follows = next.and_then(|next| next.cells.get(column)).is_some_and(|cell| is_marked_name(cell));
        (rank == 0 || !is_alone || follows).then_some(column)
    })
}

fn is_name(cell: &str) -> bool {
    name(cell).parse::<InstagramHandle>().is_ok()
}

/// A link of a profile, or a name after an `@`: nothing else looks like it.
fn is_marked_name(cell: &str) -> bool {
    is_name(cell) && (name(cell).starts_with('@') || name(cell).contains('/'))
}

/// Three names or more in one line, and nothing else: a list that was written in a line.
fn is_list(row: &Row) -> bool {
    let filled: Vec<&String> = row.cells.iter().filter(|cell| !name(cell).is_empty()).collect();
    let is_number = |cell: &str| name(cell).chars().all(|c| c.is_ascii_digit() || c == '.');
    filled.len() >= 3 && filled.iter().all(|cell| is_name(cell) && !is_number(cell))
}

/// Without a header: the column with the most links and names after an `@`, else with the most names; of several, the
/// first.
fn likely_column(rows: &[&Row]) -> usize {
    /// No sheet of names has more.
    const COLUMNS_MAX: usize = 200;
    let most = |is_one: fn(&str) -> bool| {
        let mut counts = [0_usize; COLUMNS_MAX];
        for row in rows {
            counts.iter_mut().zip(&row.cells).filter(|(_, cell)| is_one(cell)).for_each(|(count, _)| *count += 1);
        }
        let best = counts.iter().enumerate().rev().max_by_key(|(_, count)| **count);
        best.filter(|(_, count)| **count > 0).map(|(column, _)| column)
    };
    most(is_marked_name).or_else(|| most(is_name)).unwrap_or(0)
}
