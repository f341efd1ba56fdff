//! The final score: a weighted blend of the models' judgement and of facts that we computed, with its evidence.
//!
//! Promises: 0-100; weights sum to 1; facts weigh at least 40 %; raising the fit, the openness, a criterion or a fact
//! never lowers the score; it never exceeds what its judgement allows (`limits`); every part and limit says which rule gave
//! or took how much. A part that cannot be known is left out and its weight shared by the others, up to the point where
//! facts would weigh less than 40 %.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Criterion, Facts, Rule,
    facts::POSTS_TELLING,
    limits::{Limit, limits},
    weights::Weights,
};
use crate::features::judging::Judgement;

/// Facts never weigh less, so that a bio alone cannot talk the model into a high score: what is missing counts as
/// neutral.
const WEIGHT_FACTS_MIN: f64 = 0.40;
const NEUTRAL: f64 = 50.0;

/// Engagement that earns full points, as a multiple of what is usual for the audience's size: about where the calculator that the
/// usual rates are from begins to call them high (2 to 2.6 times the average).
const ENGAGEMENT_FULL_TIMES: f64 = 2.5;
/// A last post within this many days earns full points, one after [`ACTIVITY_NONE_DAYS`] none.
const ACTIVITY_FULL_DAYS: f64 = 7.0;
const ACTIVITY_NONE_DAYS: f64 = 90.0;

/// One part of the score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// The rule that gave it.
    pub rule: Rule,
    /// What it looks at.
    pub fact: String,
    /// The rule's grade, 0-100; of a limit, the score that it left.
    pub value: f64,
    /// Its share of the score, 0-1; all shares sum to 1. A limit has none.
    pub weight: f64,
    /// What it gave: value times weight; of a limit, what it took away or, drawing a low score to the middle, gave.
    pub points: f64,
    /// Why.
    pub explanation: String,
}

/// The blended score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// 0-100.
    pub value: u8,
    /// Its parts, heaviest first, then the limits that applied, in their order.
    pub evidence: Vec<Evidence>,
}

struct Part {
    rule: Rule,
    value: f64,
    weight: f64,
    explanation: String,
}

/// Blends judgements, criteria and facts.
#[must_use]
pub fn blend(weights: Weights, judgements: &[&Judgement], criteria: &[Criterion], facts: &Facts) -> Score {
    let mut parts: Vec<Part> = judgements.iter().filter_map(|judgement| judged(weights, judgement)).collect();
    let judged: f64 = parts.iter().map(|part| part.weight).sum();
    parts.extend(criteria.iter().map(|criterion| Part {
        rule: criterion.rule,
        value: criterion.points,
        // Shared by the criteria that are known, however many the customer has set.
        weight: weights.ideal_customer / criteria.len() as f64,
        explanation: criterion.explanation.clone(),
    }));
    parts.extend(facts.engagement_rate_percent.map(|rate| Part {
        rule: Rule::Engagement,
        value: 100.0 * rate / (ENGAGEMENT_FULL_TIMES * facts.audience.usual_engagement_percent()),
        weight: weights.engagement,
        explanation: format!(
            "{rate:.2} % over {} posts; {} % is usual for {}",
            facts.engagement_posts,
            facts.audience.usual_engagement_percent(),
            facts.audience.followers()
        ),
    }));
    parts.extend(facts.days_since_last_post.map(|days| Part {
        rule: Rule::Activity,
        value: 100.0 * (ACTIVITY_NONE_DAYS - days as f64) / (ACTIVITY_NONE_DAYS - ACTIVITY_FULL_DAYS),
        weight: weights.activity,
        explanation: format!("last post {days} days before the scrape"),
    }));
    parts.extend(facts.authenticity.map(|grade| Part {
        rule: Rule::Authenticity,
        value: grade,
        weight: weights.authenticity,
        explanation: signs(facts),
    }));
    let known: f64 = parts.iter().map(|part| part.weight).sum::<f64>() - judged;
    // What facts must weigh beside the judgement to be 40 % once all weights are scaled to 1.
    let wanted = judged * WEIGHT_FACTS_MIN / (1.0 - WEIGHT_FACTS_MIN);
    if known < wanted {
        parts.push(Part {
            rule: Rule::UnknownFacts,
            value: NEUTRAL,
            weight: wanted - known,
            explanation: "too little is known to check the judgement against facts".to_owned(),
        });
    }
    let mut evidence = weigh(parts);
    let blended = sum(&evidence);
    let verdict = judgements.iter().find_map(|judgement| judgement.verdict());
    let receptiveness = judgements.iter().find_map(|judgement| match judgement {
        Judgement::Openness(person) => Some(f64::from(person.receptiveness.value())),
        _ => None,
    });
    let applied = verdict.map(|verdict| limits(blended, verdict, receptiveness)).unwrap_or_default();
    let mut before = blended;
    evidence.extend(applied.into_iter().map(|Limit { rule, score, explanation }| {
        let points = score - std::mem::replace(&mut before, score);
        Evidence {
            rule,
            fact: rule.fact().to_owned(),
            value: tidy(score, 10.0),
            weight: 0.0,
            points: tidy(points, 100.0),
            explanation,
        }
    }));
    // Of the rounded points, so that the evidence that a customer sees adds up to the score.
    Score { value: sum(&evidence).round().clamp(0.0, 100.0) as u8, evidence }
}

fn sum(evidence: &[Evidence]) -> f64 {
    evidence.iter().map(|part| part.points).sum()
}

/// The part of a judgement that has a grade in it.
fn judged(weights: Weights, judgement: &Judgement) -> Option<Part> {
    if let Judgement::Openness(person) = judgement {
        // What speaks for it, else what speaks against it.
        let reason = person.triggers.first().or(person.objections.first());
        return Some(Part {
            rule: Rule::AiReceptiveness,
            value: f64::from(person.receptiveness.value()),
            weight: weights.receptiveness,
            explanation: reason.map(|reason| reason.insight.clone()).unwrap_or_default(),
        });
    }
    judgement.verdict().map(|verdict| Part {
        rule: Rule::AiFit,
        value: f64::from(verdict.fit_score.value()),
        weight: weights.fit,
        explanation: verdict.summary.clone(),
    })
}

fn signs(facts: &Facts) -> String {
    let known = [
        facts.following_per_follower.map(|n| format!("follows {n:.2} accounts for each follower")),
        facts.comments_per_hundred_likes.map(|n| format!("{n:.1} comments for a hundred likes")),
        facts.engagement_spread.map(|n| format!("interactions vary by {:.0} %", 100.0 * n)),
        facts
            .engagement_rate_percent
            .filter(|_| facts.engagement_posts as usize >= POSTS_TELLING)
            .map(|n| format!("{n:.2} % engagement")),
    ];
    known.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn weigh(parts: Vec<Part>) -> Vec<Evidence> {
    // Below 1 when parts are unknown: dividing by it shares their weight among the others.
    let total: f64 = parts.iter().map(|part| part.weight).sum();
    let mut evidence: Vec<Evidence> = parts
        .into_iter()
        .map(|part| {
            let (value, weight) = (part.value.clamp(0.0, 100.0), part.weight / total);
            Evidence {
                rule: part.rule,
                fact: part.rule.fact().to_owned(),
                value: tidy(value, 10.0),
                weight: tidy(weight, 10_000.0),
                points: tidy(value * weight, 100.0),
                explanation: part.explanation,
            }
        })
        .collect();
    evidence.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    evidence
}

/// To the nearest multiple of 1 / `steps`.
fn tidy(value: f64, steps: f64) -> f64 {
    (value * steps).round() / steps
}

#[cfg(test)]
mod tests;
