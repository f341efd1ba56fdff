//! What is asked: the product's own questions about the pairs of the golden set.

use oslira_app::{
    features::judging::{CallKind, CallTags, ModelName, Question, Review, Shown, question},
    shared::{analysis_type::AnalysisType, ids::RunId},
};
use uuid::Uuid;

use crate::golden::{Business, Expectation, GoldenProfile, GoldenSet};

/// One call about one pair.
pub struct Case<'a> {
    pub profile: &'a GoldenProfile,
    pub business: &'a Business,
    pub expected: &'a Expectation,
    pub call: CallKind,
    pub question: Question,
    /// What the answer may quote.
    pub shown: Shown,
}

impl Case<'_> {
    /// What the answer is checked against.
    #[must_use]
    pub fn review(&self) -> Review<'_> {
        Review {
            shown: &self.shown,
            business: &self.business.context,
            recipient: &self.profile.snapshot.profile.username,
        }
    }
}

/// How much is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// LIGHT for every pair.
    Light,
    /// LIGHT for every pair, and the calls of DEEP and XRAY for each profile and the business that it fits best.
    All,
}

/// Every question, in an order that never changes. `model` says which model a call asks.
#[must_use]
pub fn cases(set: &GoldenSet, scope: Scope, model: impl Fn(CallKind) -> ModelName) -> Vec<Case<'_>> {
    let mut cases = vec![];
    for profile in &set.profiles {
        let best = profile.best_business();
        for business in &set.businesses {
            let Some(expected) = profile.expected.get(&business.key) else { continue };
            let is_deep = scope == Scope::All && best == Some(business.key.as_str());
            for call in CallKind::ALL.into_iter().filter(|call| *call == CallKind::Light || is_deep) {
                cases.push(case(profile, business, expected, call, &model(call)));
            }
        }
    }
    cases
}

fn case<'a>(
    profile: &'a GoldenProfile,
    business: &'a Business,
    expected: &'a Expectation,
    call: CallKind,
    model: &ModelName,
) -> Case<'a> {
    let analysis_type = if call == CallKind::Light { AnalysisType::Light } else { AnalysisType::Xray };
    // The run is told to gateways only: it is no part of the request's body.
    let tags = CallTags { run: RunId::new(Uuid::nil()), analysis_type, call };
    let budget = analysis_type.config().profile_budget();
    let (question, shown) = question(tags, model, &business.context, &profile.snapshot, budget);
    Case { profile, business, expected, call, question, shown }
}
