//! Cells that a spreadsheet opens as they are and does not run (CWE-1236): strangers write profile texts.

use std::borrow::Cow;

/// Begins a file. Without it Excel reads UTF-8 as the system's legacy code page.
pub const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Puts an apostrophe before what a spreadsheet would run as a formula: at the start of the cell, with or without the
/// invisible characters that it may skip, and after a semicolon, tab or line break, where a spreadsheet that splits at
/// semicolons or ignores quotes within a line begins another cell or row.
#[must_use]
pub fn safe(cell: &str) -> Cow<'_, str> {
    let skipped = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '\u{feff}' | '\u{200b}'..='\u{200f}');
    let begins_formula =
        |text: &str| text.trim_start_matches(skipped).starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    let begins = cell.starts_with(['\t', '\r', '\n']) || begins_formula(cell);
    let pieces = || cell.split_inclusive([';', '\t', '\r', '\n']);
    if !begins && !pieces().skip(1).any(begins_formula) {
        return Cow::Borrowed(cell);
    }
    let mark = |(number, piece): (usize, &str)| {
        let guarded = if number == 0 { begins } else { begins_formula(piece) };
        format!("{}{piece}", if guarded { "'" } else { "" })
    };
    Cow::Owned(pieces().enumerate().map(mark).collect())
}
