//! What answers are worth: figures over the pairs of the golden set, whoever answered.

pub mod bootstrap;
pub mod calibration;
mod figures;
pub mod preference;
pub mod ranking;

use std::collections::BTreeMap;

use oslira_app::{
    features::{
        analysis::scored,
        judging::{AiFault, AiUsage, CallKind, Judgement, Reviewed, Verdict},
    },
    shared::analysis_type::AnalysisType,
};

pub use self::figures::{Group, figures, groups};
use crate::{answers::Given, question::Case};

/// An answer after the product's own checks.
pub struct Judged<'a> {
    pub case: &'a Case<'a>,
    pub reviewed: Result<Reviewed, AiFault>,
    pub usage: Option<AiUsage>,
    /// `openai`, `anthropic` or `sandbox`.
    pub source: String,
    pub duration_ms: Option<u64>,
}

impl<'a> Judged<'a> {
    #[must_use]
    pub fn of(case: &'a Case<'a>, given: Given) -> Self {
        let reviewed = given.content.and_then(|content| case.review().read(case.call, &content));
        Self { case, reviewed, usage: given.usage, source: given.source, duration_ms: given.duration_ms }
    }

    /// Its verdict, if it is one and can be used.
    #[must_use]
    pub fn verdict(&self) -> Option<&Verdict> {
        self.reviewed.as_ref().ok()?.judgement.verdict()
    }
}

/// The final score of a pair by its LIGHT answer.
#[must_use]
pub fn light_score(judged: &Judged<'_>) -> Option<u8> {
    score(judged.case, AnalysisType::Light, &[&judged.reviewed.as_ref().ok()?.judgement])
}

fn score(case: &Case<'_>, analysis_type: AnalysisType, answers: &[&Judgement]) -> Option<u8> {
    let ideal = &case.business.context.ideal_customer;
    scored(analysis_type, ideal, &case.profile.snapshot, answers).map(|(_, score)| score.value)
}

/// The final scores of all pairs, by analysis type: those whose every answer can be used.
#[must_use]
pub fn scores<'a>(judged: &'a [Judged<'a>]) -> BTreeMap<&'static str, Vec<(&'a Case<'a>, u8)>> {
    let mut by_pair: BTreeMap<(&str, &str), Vec<&Judged<'_>>> = BTreeMap::new();
    for one in judged {
        by_pair.entry((&one.case.profile.key, &one.case.business.key)).or_default().push(one);
    }
    let mut scores: BTreeMap<&'static str, Vec<(&Case<'_>, u8)>> = BTreeMap::new();
    for answers in by_pair.values() {
        for analysis_type in AnalysisType::ALL {
            let calls: &[CallKind] = analysis_type.config().calls;
            let found: Option<Vec<(&Case<'_>, &Judgement)>> = calls
                .iter()
                .map(|call| {
                    let one = answers.iter().find(|one| one.case.call == *call)?;
                    Some((one.case, &one.reviewed.as_ref().ok()?.judgement))
                })
                .collect();
            let Some(found) = found else { continue };
            let judgements: Vec<&Judgement> = found.iter().map(|(_, judgement)| *judgement).collect();
            if let Some((case, _)) = found.first()
                && let Some(score) = score(case, analysis_type, &judgements)
            {
                scores.entry(analysis_type.as_str()).or_default().push((case, score));
            }
        }
    }
    scores
}
