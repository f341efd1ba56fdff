//! A point as Workers Analytics Engine takes it, within its limits.

use serde::{Deserialize, Serialize};

use super::columns::Columns;

/// Limits of the platform, which drops a point that breaks one without a word.
pub const INDEX_BYTES_MAX: usize = 96;
pub const BLOBS_MAX: usize = 20;
pub const DOUBLES_MAX: usize = 20;
/// Of all blobs of a point together.
pub const BLOB_BYTES_MAX: usize = 16_000;

/// Twenty of these are far below [`BLOB_BYTES_MAX`].
const TEXT_BYTES_MAX: usize = 200;

/// One row: the index, by which the platform samples, then texts and numbers, each with a fixed place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    pub index: String,
    pub blobs: Vec<String>,
    pub doubles: Vec<f64>,
}

impl Point {
    pub(super) fn of(columns: &Columns<'_>) -> Self {
        debug_assert!(columns.texts.len() <= BLOBS_MAX && columns.numbers.len() <= DOUBLES_MAX, "{columns:?}");
        Self {
            index: cut(&columns.index.1, INDEX_BYTES_MAX).to_owned(),
            blobs: columns.texts.iter().take(BLOBS_MAX).map(|(_, text)| cut(text, TEXT_BYTES_MAX).to_owned()).collect(),
            // JSON and SQL know no NaN.
            doubles: columns.numbers.iter().take(DOUBLES_MAX).map(|(_, number)| finite(*number)).collect(),
        }
    }
}

fn finite(number: f64) -> f64 {
    if number.is_finite() { number } else { 0.0 }
}

/// The beginning of a text, of whole characters.
pub(super) fn cut(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_stays_within_the_platforms_limits_whatever_it_is_made_of() {
        let long = "ä".repeat(20_000);
        let columns = Columns {
            index: ("route", long.as_str().into()),
            texts: vec![("text", long.as_str().into()); BLOBS_MAX],
            numbers: vec![("number", f64::NAN); DOUBLES_MAX],
        };
        let point = Point::of(&columns);
        assert_eq!(point.index.len(), INDEX_BYTES_MAX);
        assert_eq!(point.blobs.len(), BLOBS_MAX);
        assert!(point.blobs.iter().map(String::len).sum::<usize>() <= BLOB_BYTES_MAX);
        assert_eq!(point.doubles, [0.0; DOUBLES_MAX]);
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        for (text, bytes, left) in [("", 3, ""), ("abc", 3, "abc"), ("abcd", 3, "abc"), ("aäb", 2, "a"), ("ä", 1, "")]
        {
            assert_eq!(cut(text, bytes), left, "{text}");
        }
    }
}
