//! Texts that people write, checked and in one form. Lengths are in characters, as Postgres counts them.

use super::characters::is_blank;

/// Trims; `None` unless it is one line of visible text of acceptable length.
#[must_use]
pub fn line(text: &str, chars_max: usize) -> Option<String> {
    let text = text.trim();
    (fits(text, chars_max) && !text.contains(char::is_control)).then(|| text.to_owned())
}

/// Trims and makes every line break a line feed; `None` unless it is visible text of acceptable length.
#[must_use]
pub fn paragraphs(text: &str, chars_max: usize) -> Option<String> {
    let text = text.trim().replace("\r\n", "\n");
    let valid = fits(&text, chars_max) && !text.contains(|c: char| c.is_control() && c != '\n' && c != '\t');
    valid.then_some(text)
}

/// Whether it is visible text of acceptable length.
#[must_use]
pub fn fits(text: &str, chars_max: usize) -> bool {
    !is_blank(text) && text.chars().count() <= chars_max
}
