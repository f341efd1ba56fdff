//! The figures as they were: none may get worse, unless `docs/evaluation.md` says that it was meant to.

use anyhow::{Context, Result};

use crate::figure::Figure;

const STORED: &str = include_str!("../../golden/figures.json");
const DOCUMENT: &str = include_str!("../../../../docs/evaluation.md");

/// The stored figures.
///
/// # Errors
/// The file is broken.
pub fn figures() -> Result<Vec<Figure>> {
    serde_json::from_str(STORED).context("golden/figures.json")
}

/// What is wrong with the present figures: a line for each.
#[must_use]
pub fn worsened(stored: &[Figure], present: &[Figure]) -> Vec<String> {
    let check = |before: &Figure| {
        let Some(now) = present.iter().find(|figure| figure.name == before.name) else {
            return Some(format!("{} is not measured any more", before.name));
        };
        if now.of < before.of {
            return Some(format!("{} is computed from {} cases and was from {}", now.name, now.of, before.of));
        }
        let is_meant = accepted(DOCUMENT, before).is_some_and(|value| !now.is_worse_than(value));
        (now.is_worse_than(before.value) && !is_meant)
            .then(|| format!("{} was {} and is {}", now.name, before.value, now.value))
    };
    stored.iter().filter_map(check).collect()
}

/// The value that the newest entry of the document accepts for a figure in place of this one: a row
/// `| date | figure | from | to | why |` under "Accepted changes". Once another value is stored, the row says nothing any more.
fn accepted(document: &str, before: &Figure) -> Option<f64> {
    let section = document.split("### Accepted changes").nth(1)?.split("\n#").next()?;
    let mut rows = section.lines().rev().filter_map(|line| {
        let mut cells = line.split('|').map(str::trim).skip(2);
        let (figure, from, to) = (cells.next()?, cells.next()?, cells.next()?);
        let is_this =
            figure.trim_matches('`') == before.name && from.parse::<f64>().is_ok_and(|from| from == before.value);
        is_this.then(|| to.parse().ok())?
    });
    rows.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_that_got_worse_is_told_unless_the_document_says_why() {
        let [stored, worse, better] = [0.9, 0.8, 0.95].map(|value| [Figure::higher("facts.accuracy", value, 10)]);
        assert_eq!(worsened(&stored, &worse), ["facts.accuracy was 0.9 and is 0.8"]);
        assert_eq!(worsened(&stored, &better), [""; 0]);
        assert_eq!(worsened(&stored, &[]), ["facts.accuracy is not measured any more"]);
        let row = "| 2026-11-26 | `facts.accuracy` | 0.9 | 0.8 | a label was wrong |";
        let document = format!("### Accepted changes\n{row}\n\n## Other\n");
        assert_eq!(accepted(&document, &stored[0]), Some(0.8));
        // Of another figure, from another value, or in another table.
        assert_eq!(accepted(&document, &Figure::higher("facts.fakes", 0.9, 10)), None);
        assert_eq!(accepted(&document, &better[0]), None);
        assert_eq!(
            accepted(&format!("### Accepted changes\n\n## Can the figures see harm?\n{row}\n"), &stored[0]),
            None
        );
        let fewer = [Figure::higher("facts.accuracy", 0.9, 9)];
        assert_eq!(worsened(&stored, &fewer), ["facts.accuracy is computed from 9 cases and was from 10"]);
        let errors = Figure::lower("calibration", 0.2, 10);
        assert!(errors.is_worse_than(0.1) && !errors.is_worse_than(0.3));
    }
}
