//! Which providers an analysis cannot do without: what the circuit breaker is asked before a charge.

use serde::Serialize;

use super::{AnalysisType, CallKind, config::ModelChoice};

/// The provider of profiles.
pub(super) const SCRAPER: &str = "apify";

/// Every inner list are alternatives: one of them must be there. Serialises as the database takes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Needs(Vec<Vec<String>>);

impl Needs {
    /// The scraper, and for each call of this type the providers of its models.
    ///
    /// # Errors
    /// The call that no model with a key answers: nobody can do this analysis.
    pub fn of(analysis_type: AnalysisType, models: &ModelChoice) -> Result<Self, CallKind> {
        let mut needs = vec![vec![SCRAPER.to_owned()]];
        for call in analysis_type.config().calls {
            let mut alternatives: Vec<String> = Vec::new();
            for model in models.of(*call) {
                if !alternatives.iter().any(|known| known == model.provider()) {
                    alternatives.push(model.provider().to_owned());
                }
            }
            if alternatives.is_empty() {
                return Err(*call);
            }
            if !needs.contains(&alternatives) {
                needs.push(alternatives);
            }
        }
        Ok(Self(needs))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::features::analysis::ModelName;

    fn needs(analysis_type: AnalysisType, models: &ModelChoice) -> serde_json::Value {
        serde_json::to_value(Needs::of(analysis_type, models).unwrap()).unwrap()
    }

    #[test]
    fn every_type_needs_the_scraper_and_one_of_each_calls_providers() {
        for analysis_type in AnalysisType::ALL {
            let expected = json!([["apify"], ["openai", "anthropic"]]);
            assert_eq!(needs(analysis_type, &ModelChoice::default()), expected, "{analysis_type:?}");
        }
    }

    #[test]
    fn calls_with_other_models_are_needs_of_their_own() {
        let mut models = ModelChoice::default();
        let local = ModelName::fixed("openai/llama");
        models.replace(CallKind::Outreach, vec![local.clone(), local]);
        assert_eq!(needs(AnalysisType::Deep, &models), json!([["apify"], ["openai", "anthropic"], ["openai"]]));
        assert_eq!(needs(AnalysisType::Light, &models), json!([["apify"], ["openai", "anthropic"]]));
    }

    #[test]
    fn a_provider_without_a_key_is_no_alternative_and_a_call_without_any_is_named() {
        let mut models = ModelChoice::default();
        models.without("anthropic");
        assert_eq!(needs(AnalysisType::Xray, &models), json!([["apify"], ["openai"]]));
        models.without("openai");
        assert_eq!(Needs::of(AnalysisType::Light, &models), Err(CallKind::Light));
    }
}
