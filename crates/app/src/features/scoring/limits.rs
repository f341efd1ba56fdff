//! What a score may not say, whatever its parts add up to: facts and a busy profile must not outweigh a judgement that sees no
//! lead in it.
//!
//! Promises: each limit that changes the score says so and why; a better fit or more openness never gives a lower score.

use super::Rule;
use crate::features::judging::{Role, Verdict};

/// A score is at most so much above the judged fit: what is computed may support a judgement, not replace it.
const ABOVE_FIT_MAX: f64 = 20.0;
/// Below this confidence the judgement knows little, and the score is drawn towards the middle: by half where it knows nothing.
const CONFIDENCE_FULL: f64 = 50.0;
const MIDDLE: f64 = 50.0;
/// The most for somebody who sells the same.
const COMPETITOR_MAX: f64 = 20.0;
/// The most for somebody who seems to be under eighteen; the instructions ask for grades below 15.
const MINOR_MAX: f64 = 14.0;
/// Openness to the offer below this keeps a score below [`HOT`].
const OPEN_MIN: f64 = 40.0;
/// A lead from here on is one to write to first.
const HOT: f64 = 70.0;

/// Points are told to the hundredth: less is no change.
const VISIBLE: f64 = 0.005;

/// A limit that changed the score.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Limit {
    pub(super) rule: Rule,
    /// The score with it.
    pub(super) score: f64,
    pub(super) explanation: String,
}

/// The limits that apply to a score, in their order; the last one's score is the final one.
pub(super) fn limits(score: f64, verdict: &Verdict, receptiveness: Option<f64>) -> Vec<Limit> {
    let (fit, confidence) = (f64::from(verdict.fit_score.value()), f64::from(verdict.confidence.value()));
    let mut present = score;
    let mut applied = Vec::new();
    let mut apply = |rule, score: f64, explanation: String| {
        if (score - present).abs() >= VISIBLE {
            present = score;
            applied.push(Limit { rule, score, explanation });
        }
        present
    };
    let trust = 0.5 + 0.5 * (confidence / CONFIDENCE_FULL).min(1.0);
    let drawn = MIDDLE + (score - MIDDLE) * trust;
    let score =
        apply(Rule::LowConfidence, drawn, format!("the profile shows little: confidence {confidence:.0} of 100"));
    let capped = score.min(fit + ABOVE_FIT_MAX);
    let score = apply(Rule::MisfitCap, capped, format!("at most {ABOVE_FIT_MAX:.0} above the judged fit of {fit:.0}"));
    let score = match receptiveness.filter(|open| *open < OPEN_MIN) {
        Some(open) => {
            let why = format!("openness to the offer is {open:.0} of 100: no lead to write to first");
            apply(Rule::ReceptivenessCap, score.min(HOT - 1.0), why)
        }
        None => score,
    };
    let score = match verdict.role {
        Role::Competitor => {
            apply(Rule::CompetitorCap, score.min(COMPETITOR_MAX), "sells the same as the business".to_owned())
        }
        Role::Buyer | Role::Partner | Role::Reseller | Role::Reference | Role::Nobody => score,
    };
    if verdict.seems_minor {
        apply(Rule::MinorCap, score.min(MINOR_MAX), "seems to be somebody under eighteen".to_owned());
    }
    applied
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::judging::{CallKind, examples};

    fn verdict(fit: u8, confidence: u8) -> Verdict {
        let mut verdict = examples::judgement(CallKind::Light).verdict().unwrap().clone();
        (verdict.fit_score, verdict.confidence) = (fit.try_into().unwrap(), confidence.try_into().unwrap());
        verdict
    }

    fn limited(score: f64, verdict: &Verdict, receptiveness: Option<f64>) -> (Vec<Rule>, f64) {
        let limits = limits(score, verdict, receptiveness);
        let last = limits.last().map_or(score, |limit| limit.score);
        (limits.iter().map(|limit| limit.rule).collect(), last)
    }

    #[test]
    fn a_score_is_at_most_twenty_above_the_fit() {
        assert_eq!(limited(55.0, &verdict(10, 80), None), (vec![Rule::MisfitCap], 30.0));
        assert_eq!(limited(30.0, &verdict(10, 80), None), (vec![], 30.0));
        assert_eq!(limited(90.0, &verdict(85, 80), None), (vec![], 90.0));
        assert_eq!(limited(17.99, &verdict(10, 80), None), (vec![], 17.99));
    }

    #[test]
    fn what_is_hardly_known_is_drawn_to_the_middle() {
        assert_eq!(limited(90.0, &verdict(95, 0), None), (vec![Rule::LowConfidence], 70.0));
        assert_eq!(limited(90.0, &verdict(95, 25), None), (vec![Rule::LowConfidence], 80.0));
        assert_eq!(limited(90.0, &verdict(95, 50), None), (vec![], 90.0));
        assert_eq!(limited(20.0, &verdict(40, 0), None), (vec![Rule::LowConfidence], 35.0));
        // Not past what the fit allows.
        assert_eq!(limited(10.0, &verdict(2, 0), None), (vec![Rule::LowConfidence, Rule::MisfitCap], 22.0));
    }

    #[test]
    fn competitors_and_minors_are_no_leads() {
        let of = |role, seems_minor| Verdict { role, seems_minor, ..verdict(90, 90) };
        assert_eq!(limited(88.0, &of(Role::Competitor, false), None), (vec![Rule::CompetitorCap], 20.0));
        assert_eq!(limited(88.0, &of(Role::Buyer, true), None), (vec![Rule::MinorCap], 14.0));
        assert_eq!(limited(88.0, &of(Role::Competitor, true), None).1, 14.0);
        for role in [Role::Buyer, Role::Partner, Role::Reseller, Role::Reference, Role::Nobody] {
            assert_eq!(limited(88.0, &of(role, false), None), (vec![], 88.0));
        }
    }

    #[test]
    fn who_is_closed_to_the_offer_is_no_hot_lead() {
        assert_eq!(limited(88.0, &verdict(90, 90), Some(39.0)), (vec![Rule::ReceptivenessCap], 69.0));
        assert_eq!(limited(88.0, &verdict(90, 90), Some(40.0)), (vec![], 88.0));
        assert_eq!(limited(60.0, &verdict(90, 90), Some(0.0)), (vec![], 60.0));
    }
}
