//! What became of leads, as customers marked it: the lines of `GET /leads/outcomes.ndjson`.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::{
    figure::{Figure, Findings, Miss},
    quality::calibration::calibration_error,
};

/// How a lead turned out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// They became a customer.
    Won,
    /// They did not.
    Lost,
    /// They were no lead at all.
    Wrong,
}

/// One marked lead. Fields that are not needed here are left out.
#[derive(Debug, Clone, Deserialize)]
pub struct Marked {
    pub outcome: Mark,
    pub analysis_type: String,
    pub score: u8,
    /// Absent where no verdict was stored.
    #[serde(default)]
    pub confidence: Option<u8>,
    #[serde(default)]
    business: Named,
    #[serde(default)]
    profile: Option<Profile>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Named {
    #[serde(default)]
    name: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Profile {
    #[serde(default)]
    username: String,
}

/// Reads the exported lines.
///
/// # Errors
/// A line is no marked lead; the file has none.
pub fn read(text: &str) -> Result<Vec<Marked>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let marked: Vec<Marked> = lines
        .map(|(number, line)| {
            serde_json::from_str(line).with_context(|| format!("line {}: no marked lead", number + 1))
        })
        .collect::<Result<_>>()?;
    ensure!(
        !marked.is_empty(),
        "the file has no marked leads: mark some with POST /leads/{{id}}/outcome and export again"
    );
    Ok(marked)
}

impl Marked {
    fn username(&self) -> &str {
        self.profile.as_ref().map_or("", |profile| &profile.username)
    }
}

/// So many reversals are told.
const MISSES_MAX: usize = 40;

/// A lead with this score or more is one to write to first; see `docs/judgement.md`.
const HOT: u8 = 70;

/// Whether won leads score above lost ones of the same business, and lost ones above wrong ones; whether hot leads are won; whether
/// confidence is kept.
#[must_use]
pub fn figures(marked: &[Marked]) -> Findings {
    let mut findings = Findings::default();
    let mut groups: BTreeMap<(&str, &str), Vec<&Marked>> = BTreeMap::new();
    for one in marked {
        groups.entry((&one.business.name, &one.analysis_type)).or_default().push(one);
    }
    let (mut right, mut of) = (0.0, 0_usize);
    for group in groups.values() {
        for better in group {
            for worse in group.iter().filter(|worse| place(worse.outcome) < place(better.outcome)) {
                of += 1;
                right += f64::from(u8::from(better.score > worse.score))
                    + 0.5 * f64::from(u8::from(better.score == worse.score));
                if better.score < worse.score && findings.misses.len() < MISSES_MAX {
                    findings.misses.push(Miss {
                        figure: "outcomes.pairwise".to_owned(),
                        profile: better.username().to_owned(),
                        business: Some(better.business.name.clone()),
                        expected: format!("{:?}, above {} ({:?})", better.outcome, worse.username(), worse.outcome),
                        said: format!("{} and {}", better.score, worse.score),
                    });
                }
            }
        }
    }
    if of > 0 {
        findings.figures.push(Figure::higher("outcomes.pairwise", right / of as f64, of));
    }
    let hot: Vec<&Marked> = marked.iter().filter(|one| one.score >= HOT).collect();
    if !hot.is_empty() {
        let won = hot.iter().filter(|one| one.outcome == Mark::Won).count();
        findings.figures.push(Figure::higher("outcomes.hot_won", won as f64 / hot.len() as f64, hot.len()));
    }
    // A judgement was right if it said hot and the lead was won, or the opposite of both.
    let judged: Vec<(f64, bool)> = marked
        .iter()
        .filter_map(|one| Some((f64::from(one.confidence?) / 100.0, (one.score >= HOT) == (one.outcome == Mark::Won))))
        .collect();
    findings.figures.extend(calibration_error("outcomes.calibration_error", &judged));
    findings
}

const fn place(mark: Mark) -> u8 {
    match mark {
        Mark::Won => 2,
        Mark::Lost => 1,
        Mark::Wrong => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(outcome: &str, score: u8) -> String {
        serde_json::json!({
            "outcome": outcome, "analysis_type": "DEEP", "score": score, "confidence": 80, "fit_score": score, "role": "buyer",
            "business": { "name": "Fuel" }, "profile": { "username": format!("u{score}") }, "facts": {},
        })
        .to_string()
    }

    fn value(lines: &[String], name: &str) -> Option<f64> {
        let figures = figures(&read(&lines.join("\n")).unwrap()).figures;
        figures.iter().find(|figure| figure.name == name).map(|figure| figure.value)
    }

    #[test]
    fn won_leads_should_stand_above_lost_and_wrong_ones() {
        let good = [line("won", 90), line("lost", 60), line("wrong", 10)];
        assert_eq!((value(&good, "outcomes.pairwise"), value(&good, "outcomes.hot_won")), (Some(1.0), Some(1.0)));
        let bad = [line("won", 10), line("lost", 60), line("wrong", 90)];
        assert_eq!((value(&bad, "outcomes.pairwise"), value(&bad, "outcomes.hot_won")), (Some(0.0), Some(0.0)));
        assert_eq!(figures(&read(&bad.join("\n")).unwrap()).misses.len(), 3);
        assert_eq!(value(&[line("won", 50)], "outcomes.pairwise"), None);
    }

    #[test]
    fn a_lead_whose_verdict_was_not_stored_counts_by_its_score() {
        let bare = serde_json::json!({
            "outcome": "lost", "analysis_type": "DEEP", "score": 40, "confidence": null, "profile": null,
            "business": { "name": "Fuel" },
        });
        assert_eq!(value(&[line("won", 90), bare.to_string()], "outcomes.pairwise"), Some(1.0));
    }

    #[test]
    fn what_is_no_export_is_refused_with_its_line() {
        assert!(read("").unwrap_err().to_string().contains("no marked leads"));
        assert!(read(&format!("{}\n{{}}", line("won", 1))).unwrap_err().to_string().contains("line 2"));
    }
}
