//! What code makes of the models' answers about a profile.

use crate::{
    features::{
        business::IdealCustomer,
        judging::Judgement,
        profiles::Snapshot,
        scoring::{Facts, Score, blend, match_ideal_customer},
    },
    shared::analysis_type::AnalysisType,
};

/// The facts of a snapshot and its score. The snapshot must have no more posts than the type reads, so that the facts are of the
/// posts that the models saw. `None` if no answer has a verdict.
#[must_use]
pub fn scored(
    analysis_type: AnalysisType,
    ideal: &IdealCustomer,
    snapshot: &Snapshot,
    answers: &[&Judgement],
) -> Option<(Facts, Score)> {
    let verdict = answers.iter().find_map(|answer| answer.verdict())?;
    let facts = Facts::of(snapshot);
    let criteria = match_ideal_customer(ideal, &snapshot.profile, &facts, verdict);
    let score = blend(analysis_type.config().weights, answers, &criteria, &facts);
    Some((facts, score))
}
