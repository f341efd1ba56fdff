//! What a finished run stores.

use super::{JudgedCall, StoredSnapshot};
use crate::{
    features::{
        analysis::{
            AnalysisRecord, AnalysisResult, Assignment, CallAnswers, CallCost, CitedSource, Cost, JudgedProfile,
            LeadFacts, scored,
        },
        judging::{Judgement, MessageProblem, shown},
        profiles::Snapshot,
    },
    shared::steps::AttemptFailed,
};

/// The lead's facts and the analysis.
///
/// # Errors
/// No call gave a verdict, although every analysis type asks for one: a defect of ours.
pub(super) fn findings(
    assignment: &Assignment,
    snapshot: &Snapshot,
    stored: &StoredSnapshot,
    judged: &[JudgedCall],
    cache_hit: bool,
) -> Result<(LeadFacts, AnalysisRecord), AttemptFailed> {
    let nobody = || AttemptFailed::Terminal("no call gave a verdict".to_owned());
    let verdict = judged.iter().find_map(|judged| Some((judged, judged.reviewed.judgement.verdict()?)));
    let (main, verdict) = verdict.ok_or_else(nobody)?;

    // A cached snapshot may be deeper than this type needs: the facts are of the posts that the models saw.
    let mut snapshot = snapshot.clone();
    snapshot.profile.posts.truncate(assignment.analysis_type.config().posts as usize);
    let judgements: Vec<&Judgement> = judged.iter().map(|judged| &judged.reviewed.judgement).collect();
    let ideal = &assignment.business.ideal_customer;
    let (facts, score) = scored(assignment.analysis_type, ideal, &snapshot, &judgements).ok_or_else(nobody)?;

    let mut problems: Vec<MessageProblem> =
        judged.iter().flat_map(|judged| judged.reviewed.problems.iter().cloned()).collect();
    let mut answers = CallAnswers::of(&judgements);
    if verdict.seems_minor {
        // Nothing about how to win or move a child is kept.
        answers = CallAnswers::default();
        problems.clear();
    } else if verdict.forbids_outreach() {
        answers.outreach = None;
        problems.retain(|problem| ["angle", "offer"].contains(&problem.field.as_str()));
    }
    let shown = shown(&snapshot, assignment.analysis_type.config().profile_budget());
    let record = AnalysisRecord {
        score: score.value,
        provider: main.provider.clone(),
        model: main.model.clone(),
        snapshot_key: stored.key.clone(),
        cost_microusd: stored.cost_microusd + judged.iter().map(|judged| judged.cost_microusd).sum::<u64>(),
        cost: cost(stored, judged),
        result: AnalysisResult {
            score: score.value,
            provider: main.provider.clone(),
            model: main.model.clone(),
            verdict: verdict.clone(),
            sources: CitedSource::of(&answers, verdict, &shown, &snapshot.profile.username),
            left_out: judged.iter().map(|judged| judged.reviewed.dropped).sum(),
            problems,
            answers,
            evidence: score.evidence,
            facts,
            profile: JudgedProfile::from(&snapshot.profile),
            scraped_by: snapshot.source.clone(),
            scraped_at: snapshot.scraped_at,
            cache_hit,
            context_version: assignment.business.context_version,
        },
    };
    Ok((LeadFacts::from(&snapshot), record))
}

fn cost(stored: &StoredSnapshot, judged: &[JudgedCall]) -> Cost {
    let ai_microusd: Option<u64> = judged.iter().map(known_cost).sum();
    Cost {
        total_microusd: ai_microusd.map(|ai| ai + stored.cost_microusd),
        scrape_microusd: stored.cost_microusd,
        ai_microusd,
        calls: judged.iter().map(call_cost).collect(),
    }
}

/// Nothing is said of a cost that is known in part only: it would be taken for the whole.
fn known_cost(judged: &JudgedCall) -> Option<u64> {
    judged.is_cost_known.then_some(judged.cost_microusd)
}

fn call_cost(judged: &JudgedCall) -> CallCost {
    let usage = judged.usage.as_ref();
    CallCost {
        call: judged.call,
        provider: judged.provider.clone(),
        model: judged.model.clone(),
        fell_back: judged.fell_back,
        cost_microusd: known_cost(judged),
        input_tokens: usage.map(|usage| usage.input_tokens),
        cached_tokens: usage.map(|usage| usage.cached_tokens),
        output_tokens: usage.map(|usage| usage.output_tokens),
        duration_ms: usage.map(|usage| usage.duration_ms),
        gateway_hit: usage.and_then(|usage| usage.gateway_hit),
    }
}

#[cfg(test)]
mod tests;
