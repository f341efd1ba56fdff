//! Coverage by layer against its floor, and the lines that no test ran.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::coverage::layers::Layer;
use crate::coverage::lines::Counts;
use crate::table::table;

/// How much of one layer was run.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Share {
    pub lines: u64,
    pub run: u64,
    /// The lines that no test ran, by file, in their order.
    missed: BTreeMap<PathBuf, Vec<u32>>,
}

impl Share {
    fn add(&mut self, path: PathBuf, counts: &Counts) {
        let missed: Vec<u32> = counts.iter().filter(|(_, count)| **count == 0).map(|(line, _)| *line).collect();
        self.lines += counts.len() as u64;
        self.run += (counts.len() - missed.len()) as u64;
        if !missed.is_empty() {
            self.missed.insert(path, missed);
        }
    }

    /// Whether at least so much was run. A layer without a line was not measured, which no floor allows.
    fn reaches(&self, floor_percent: u64) -> bool {
        self.lines > 0 && self.run * 100 >= self.lines * floor_percent
    }

    /// In percent, rounded down, so that 100.0 is all of it.
    fn percent(&self) -> String {
        let tenths = (self.run * 1_000).checked_div(self.lines).unwrap_or(0);
        format!("{}.{}", tenths / 10, tenths % 10)
    }
}

/// What the tests ran of every layer.
#[derive(Debug)]
pub struct Report {
    layers: BTreeMap<Layer, Share>,
}

impl Report {
    pub fn of(files: BTreeMap<PathBuf, Counts>) -> Self {
        let mut layers: BTreeMap<Layer, Share> = Layer::ALL.map(|layer| (layer, Share::default())).into();
        for (path, counts) in files {
            if let Some(layer) = Layer::of(&path) {
                layers.entry(layer).or_default().add(path, &counts);
            }
        }
        Self { layers }
    }

    /// The layers of which the tests run too little.
    pub fn below_floor(&self) -> Vec<Layer> {
        let is_below = |layer: &Layer, share: &Share| layer.floor_percent().is_some_and(|floor| !share.reaches(floor));
        self.layers.iter().filter(|(layer, share)| is_below(layer, share)).map(|(layer, _)| *layer).collect()
    }

    /// The table of all layers, then the missed lines of those below their floor, or of all.
    pub fn text(&self, with_all_lines: bool) -> String {
        let below = self.below_floor();
        let rows = self.layers.iter().map(|(layer, share)| {
            let verdict = match layer.floor_percent() {
                None => "",
                Some(_) if below.contains(layer) => "BELOW",
                Some(_) => "held",
            };
            vec![
                layer.name().to_owned(),
                share.lines.to_string(),
                (share.lines - share.run).to_string(),
                share.percent(),
                layer.floor_percent().map(|floor| floor.to_string()).unwrap_or_default(),
                verdict.to_owned(),
            ]
        });
        let mut text = table(&["layer", "lines", "missed", "percent", "floor", ""], rows.collect());
        for (layer, share) in self.layers.iter().filter(|(layer, _)| with_all_lines || below.contains(layer)) {
            if !share.missed.is_empty() {
                text += &format!("\nno test runs these lines ({}):\n", layer.name());
            }
            for (path, lines) in &share.missed {
                text += &format!("  {}: {}\n", path.display(), ranges(lines));
            }
        }
        text
    }
}

/// Ascending numbers, with neighbours as one range: `3-5, 9`.
fn ranges(numbers: &[u32]) -> String {
    let together = numbers.chunk_by(|one, next| one + 1 == *next);
    let texts = together.filter_map(|range| match range {
        [] => None,
        [one] => Some(one.to_string()),
        [first, .., last] => Some(format!("{first}-{last}")),
    });
    texts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::coverage::lines::parse;

    fn recorded() -> Report {
        Report::of(parse(include_str!("fixtures/export.lcov"), Path::new("/oslira")).unwrap())
    }

    fn counts(lines: u32, run: u32) -> Counts {
        (1..=lines).map(|line| (line, u64::from(line <= run))).collect()
    }

    fn of(files: &[(&str, Counts)]) -> Report {
        Report::of(files.iter().map(|(path, counts)| (PathBuf::from(path), counts.clone())).collect())
    }

    #[test]
    fn the_recorded_export_fails_where_it_is_below_and_says_which_lines() {
        let report = recorded();
        // 3 of 4 lines of the domain, 9 of 10 of the use cases, 2 of 3 of the SQL, and nothing of the providers.
        assert_eq!(report.below_floor(), [Layer::Domain, Layer::Postgres, Layer::Providers]);
        let text = report.text(false);
        assert!(
            text.contains("no test runs these lines (domain):\n  crates/app/src/features/credits/model.rs: 35\n"),
            "{text}"
        );
        assert!(!text.contains("budget.rs"), "the use cases are at their floor: {text}");
        assert!(report.text(true).contains("crates/app/src/features/credits/budget.rs: 21"));
    }

    #[test]
    fn a_floor_is_reached_exactly_or_not_at_all() {
        let full = || {
            vec![
                ("crates/app/src/features/a/model.rs", counts(1_000, 1_000)),
                ("crates/app/src/features/a/b.rs", counts(1_000, 900)),
                ("crates/postgres/src/a.rs", counts(1_000, 700)),
                ("crates/providers/src/a.rs", counts(1_000, 700)),
            ]
        };
        assert_eq!(of(&full()).below_floor(), []);
        let one_line_less = |place: usize| {
            let mut files = full();
            let (_, counts) = &mut files[place];
            let last = *counts.iter().rfind(|(_, count)| **count > 0).unwrap().0;
            counts.insert(last, 0);
            of(&files).below_floor()
        };
        assert_eq!(one_line_less(0), [Layer::Domain]);
        assert_eq!(one_line_less(1), [Layer::UseCases]);
        assert_eq!(one_line_less(2), [Layer::Postgres]);
        assert_eq!(one_line_less(3), [Layer::Providers]);
    }

    #[test]
    fn one_missed_line_is_never_a_hundred_percent() {
        let report = of(&[("crates/app/src/features/a/model.rs", counts(100_000, 99_999))]);
        assert!(report.text(false).contains("99.9"), "{}", report.text(false));
    }

    #[test]
    fn what_has_no_floor_fails_nothing() {
        let report =
            of(&[("crates/app/src/shared/ids.rs", counts(10, 0)), ("crates/worker/src/lib.rs", counts(10, 0))]);
        assert!(!report.below_floor().contains(&Layer::Boundary));
        assert!(report.text(true).contains("crates/app/src/shared/ids.rs: 1-10"));
        assert!(!report.text(true).contains("worker"));
    }

    #[test]
    fn neighbouring_lines_are_one_range() {
        assert_eq!(ranges(&[3, 4, 5, 9, 11, 12]), "3-5, 9, 11-12");
        assert_eq!(ranges(&[]), "");
    }
}
