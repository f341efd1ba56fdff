//! What is printed and written: a table, JSON, and a page with every miss.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::{
    figure::{Better, Figure, Findings, Miss},
    quality::Group,
};

/// Everything that an evaluation found.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// `measured` with the models, or `not measured` with the reason.
    pub quality: String,
    /// Figures that need no model.
    pub measured: Vec<Figure>,
    /// Figures of answers; of the sandbox's, they only prove that this program works.
    pub answers: Vec<Figure>,
    pub groups: Vec<Group>,
    /// What a comparison of two models says.
    pub comparisons: Vec<String>,
    pub misses: Vec<Miss>,
}

impl Report {
    #[must_use]
    pub fn new(quality: String, measured: Findings, answers: Findings, groups: Vec<Group>) -> Self {
        let mut misses = measured.misses;
        misses.extend(answers.misses);
        Self { quality, measured: measured.figures, answers: answers.figures, groups, comparisons: vec![], misses }
    }

    /// For a terminal.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = format!("\n  Measured without a model\n{}", table(&self.measured));
        if !self.answers.is_empty() {
            let _ = write!(text, "\n  Answers\n{}", table(&self.answers));
        }
        for by in ["call", "model", "language"] {
            let groups: Vec<&Group> = self.groups.iter().filter(|group| group.by == by).collect();
            if !groups.is_empty() {
                let _ = write!(text, "\n  By {by}\n{}", matrix(by, &groups));
            }
        }
        for comparison in &self.comparisons {
            let _ = writeln!(text, "\n{comparison}");
        }
        let _ = writeln!(text, "\n  quality: {}", self.quality);
        text
    }

    /// A page for a browser: every miss with what was said. Texts of profiles are hostile, so all of it is escaped, and the page may
    /// load and run nothing.
    #[must_use]
    pub fn page(&self) -> String {
        let mut rows = String::new();
        for miss in &self.misses {
            let cells = [
                &miss.figure,
                &miss.profile,
                miss.business.as_ref().unwrap_or(&String::new()),
                &miss.expected,
                &miss.said,
            ]
            .map(|cell| format!("<td>{}</td>", escaped(cell)));
            let _ = writeln!(rows, "<tr>{}</tr>", cells.concat());
        }
        let figures = |figures: &[Figure]| {
            figures.iter().fold(String::new(), |mut rows, figure| {
                let _ = writeln!(
                    rows,
                    "<tr><td>{}</td><td class=n>{}</td><td class=n>{}</td></tr>",
                    escaped(&figure.name),
                    figure.value,
                    figure.of
                );
                rows
            })
        };
        format!(
            "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
             <title>Oslira's evaluation</title>\n<style>{STYLE}</style>\n<h1>Evaluation</h1>\n<p>quality: {}</p>\n\
             <h2>Measured without a model</h2>\n<table>{}</table>\n<h2>Answers</h2>\n<table>{}</table>\n\
             <h2>{} misses</h2>\n<table><tr><th>Figure<th>Profile<th>Business<th>Expected<th>Said</tr>\n{rows}</table>\n</html>\n",
            escaped(&self.quality),
            figures(&self.measured),
            figures(&self.answers),
            self.misses.len(),
        )
    }
}

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem;color:#1c1c1c;\
background:#fff}table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #ddd;padding:.3rem .6rem;text-align:left;\
vertical-align:top;overflow-wrap:anywhere}.n{text-align:right}@media(prefers-color-scheme:dark){body{background:#161616;color:#eee}\
td,th{border-color:#444}}";

fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
        out
    })
}

fn table(figures: &[Figure]) -> String {
    let rows = figures.iter().map(|figure| {
        let better = match figure.better {
            Better::Higher => "higher",
            Better::Lower => "lower",
        };
        vec![figure.name.clone(), figure.value.to_string(), figure.of.to_string(), better.to_owned()]
    });
    lines(&["figure", "value", "of", "better"], rows.collect())
}

/// A row for each group, a column for each figure.
fn matrix(by: &str, groups: &[&Group]) -> String {
    let mut names: Vec<&str> = vec![];
    for figure in groups.iter().flat_map(|group| &group.figures) {
        if !names.contains(&figure.name.as_str()) {
            names.push(&figure.name);
        }
    }
    let row = |group: &&Group| {
        let value = |name: &&str| {
            group.figures.iter().find(|figure| figure.name == *name).map(|figure| figure.value.to_string())
        };
        std::iter::once(group.of.clone()).chain(names.iter().map(|name| value(name).unwrap_or_default())).collect()
    };
    let columns: Vec<&str> =
        std::iter::once(by).chain(names.iter().map(|name| name.rsplit('.').next().unwrap_or(name))).collect();
    lines(&columns, groups.iter().map(row).collect())
}

/// An indented table: numbers are right-aligned.
#[must_use]
pub fn lines(columns: &[&str], rows: Vec<Vec<String>>) -> String {
    let is_numeric = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).all(|cell| cell.is_empty() || cell.parse::<f64>().is_ok())
    };
    let numeric: Vec<bool> = (0..columns.len()).map(is_numeric).collect();
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(columns.iter().map(|name| name.to_uppercase())).add_rows(rows);
    for (column, numeric) in table.column_iter_mut().zip(numeric) {
        column.set_padding((0, 2));
        column.set_cell_alignment(if numeric { CellAlignment::Right } else { CellAlignment::Left });
    }
    table.lines().fold(String::new(), |out, line| out + "    " + line.trim_end() + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_profile_runs_on_the_page() {
        let miss = Miss {
            figure: "verdict.fit".to_owned(),
            profile: "x".to_owned(),
            business: None,
            expected: "a'b\"c&d".to_owned(),
            said: "<script>alert(1)</script>".to_owned(),
        };
        let findings = Findings { figures: vec![], misses: vec![miss] };
        let page = Report::new("not measured".to_owned(), findings, Findings::default(), vec![]).page();
        assert!(page.contains("&lt;script&gt;alert(1)") && !page.contains("<script"));
        assert!(page.contains("a&#39;b&quot;c&amp;d") && page.contains("default-src 'none'"));
    }
}
