//! Which services an analysis cannot do without: what the circuit breaker is asked before a charge.

use serde::Serialize;

use crate::{
    features::judging::{CallKind, ModelChoice},
    shared::analysis_type::AnalysisType,
};

/// The scraper's name in the circuit breaker.
pub(in crate::features::analysis) const SCRAPER: &str = "apify";

/// Each inner list holds alternatives, of which one must be available. A model is available when neither it nor its
/// provider is out. Serialises to what `begin_analysis` takes as `p_services`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct RequiredServices(Vec<Vec<String>>);

impl RequiredServices {
    /// The scraper, and for each call of this type its models.
    ///
    /// # Errors
    /// The call for which no model has a key: this analysis cannot be done.
    pub fn of(analysis_type: AnalysisType, models: &ModelChoice) -> Result<Self, CallKind> {
        let mut needs = vec![vec![SCRAPER.to_owned()]];
        for call in analysis_type.config().calls {
            let mut alternatives: Vec<String> = Vec::new();
            for model in models.of(*call) {
                // A setting may name a model twice.
                if !alternatives.iter().any(|known| known == model.as_str()) {
                    alternatives.push(model.as_str().to_owned());
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
    use crate::features::judging::ModelName;

    fn needs(analysis_type: AnalysisType, models: &ModelChoice) -> serde_json::Value {
        serde_json::to_value(RequiredServices::of(analysis_type, models).unwrap()).unwrap()
    }

    const LUNA_OR_HAIKU: [&str; 2] = ["openai/gpt-6-luna", "anthropic/claude-haiku-5-5"];

    #[test]
    fn every_type_needs_the_scraper_and_one_of_each_calls_models() {
        for analysis_type in [AnalysisType::Light, AnalysisType::Deep] {
            let expected = json!([["apify"], LUNA_OR_HAIKU]);
            assert_eq!(needs(analysis_type, &ModelChoice::default()), expected, "{analysis_type:?}");
        }
        let strongest = ["openai/gpt-6.1-terra", "anthropic/claude-sonnet-5-5"];
        let expected = json!([["apify"], strongest, LUNA_OR_HAIKU]);
        assert_eq!(needs(AnalysisType::Xray, &ModelChoice::default()), expected);
    }

    #[test]
    fn calls_with_other_models_are_needs_of_their_own() {
        let mut models = ModelChoice::default();
        let local = ModelName::fixed("openai/llama");
        models.replace(CallKind::Outreach, vec![local.clone(), local]);
        assert_eq!(needs(AnalysisType::Deep, &models), json!([["apify"], LUNA_OR_HAIKU, ["openai/llama"]]));
        assert_eq!(needs(AnalysisType::Light, &models), json!([["apify"], LUNA_OR_HAIKU]));
    }

    #[test]
    fn a_model_without_a_key_is_no_alternative_and_a_call_without_any_is_named() {
        let mut models = ModelChoice::default();
        models.without("anthropic");
        assert_eq!(needs(AnalysisType::Light, &models), json!([["apify"], ["openai/gpt-6-luna"]]));
        models.without("openai");
        assert_eq!(RequiredServices::of(AnalysisType::Light, &models), Err(CallKind::Light));
    }
}
