//! Lines and cells (RFC 4180, read leniently).

/// A quoted cell that is longer has no closing mark where its writer thought.
const CELL_LINES_MAX: usize = 50;

/// One line of a table; a quoted cell with line breaks makes it several lines of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// The number of its first line.
    pub line: u32,
    pub cells: Vec<String>,
    /// A quotation mark is opened in it and never closed; then it is one line, and has no cells.
    pub is_unclosed: bool,
    /// Its first line as it was written.
    pub written: String,
}

impl Row {
    pub fn shown(&self) -> String {
        self.written.clone()
    }

    pub fn is_blank(&self) -> bool {
        self.cells.iter().all(|cell| super::columns::name(cell).is_empty())
    }
}

/// The lines of a text; what follows its last line break is a line only if it is not empty.
pub(super) fn lines(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (line, after) = rest.split_once(['\n', '\r']).unwrap_or((rest, ""));
        // `\r\n` is one break; a `\r` alone is one too.
        let broke_at_return = rest.get(line.len()..).is_some_and(|from| from.starts_with('\r'));
        rest = if broke_at_return { after.strip_prefix('\n').unwrap_or(after) } else { after };
        lines.push(line);
    }
    lines
}

/// What stands between the cells.
pub(super) fn delimiter(lines: &[&str]) -> char {
    if let Some(named) = lines.first().and_then(|first| named_delimiter(first)) {
        return named;
    }
    // Of two that as many lines have, the rarer character in prose wins: a semicolon file has decimal commas.
    let candidates = ['\t', ';', '|', ','];
    let lines_with = |candidate: char| lines.iter().take(50).filter(|line| outside_quotes(line, candidate)).count();
    let best = candidates.into_iter().rev().max_by_key(|candidate| lines_with(*candidate));
    best.unwrap_or(',')
}

/// The delimiter in Excel's first line `sep=;`.
pub(super) fn named_delimiter(line: &str) -> Option<char> {
    let mut named = line.trim_matches(['"', ' ']).strip_prefix("sep=")?.chars();
    named.next()
}

fn outside_quotes(line: &str, wanted: char) -> bool {
    let mut is_quoted = false;
    line.chars().any(|c| {
        is_quoted ^= c == '"';
        c == wanted && !is_quoted
    })
}

pub(super) fn rows(lines: &[&str]) -> Vec<Row> {
    let delimiter = delimiter(lines);
    let mut rows = Vec::new();
    let mut at = 0;
    while let Some(first) = lines.get(at) {
        let line = u32::try_from(at).unwrap_or(u32::MAX).saturating_add(1);
        let written = (*first).to_owned();
        let rest = lines.get(at..).unwrap_or_default();
        if let Some((cells, taken)) = cells(rest, delimiter) {
            rows.push(Row { line, cells, is_unclosed: false, written });
            at += taken;
        } else {
            rows.push(Row { line, cells: Vec::new(), is_unclosed: true, written });
            at += 1;
        }
    }
    rows
}

/// The cells of the row that begins with the first line, and how many lines it takes; `None` when a quotation mark
/// stays open.
fn cells(lines: &[&str], delimiter: char) -> Option<(Vec<String>, usize)> {
    let mut cells = Vec::new();
    let mut cell = String::new();
    let mut is_quoted = false;
    // Kept beside the cell, because looking through it at every mark takes quadratic time.
    let mut has_text = false;
    for (number, line) in lines.iter().take(CELL_LINES_MAX).enumerate() {
        let mut chars = line.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '"' if is_quoted && chars.peek() == Some(&'"') => {
                    chars.next();
                    cell.push('"');
                    has_text = true;
                }
                '"' if is_quoted => is_quoted = false,
                // Only at the beginning of a cell does a mark open it; elsewhere it is a character.
                '"' if !has_text => {
                    cell.clear();
                    is_quoted = true;
                }
                c if c == delimiter && !is_quoted => {
                    cells.push(std::mem::take(&mut cell));
                    has_text = false;
                }
                c => {
                    has_text |= !c.is_whitespace();
                    cell.push(c);
                }
            }
        }
        if !is_quoted {
            cells.push(cell);
            return Some((cells, number + 1));
        }
        cell.push('\n');
    }
    None
}
