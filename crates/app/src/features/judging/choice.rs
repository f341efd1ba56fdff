//! Which models this deployment asks.

use std::collections::BTreeMap;

use super::{CallKind, ModelName};

/// Which models each call asks, in order: the built-in ones unless the environment names others.
#[derive(Debug, Clone, Default)]
pub struct ModelChoice {
    others: BTreeMap<CallKind, Vec<ModelName>>,
    unconfigured: Vec<&'static str>,
}

/// The providers whose models can be asked.
const PROVIDERS: [&str; 2] = ["openai", "anthropic"];

impl ModelChoice {
    /// Reads the settings `MODELS_LIGHT`, `MODELS_CORE_STRATEGY` and so on. Each names the models that its call asks
    /// instead of the built-in ones, separated by commas, the first one asked first. `text` gives a setting's value,
    /// empty if it is not set. The second value says what is wrong with which setting.
    #[must_use]
    pub fn from_settings(text: impl Fn(&str) -> String, has_anthropic: bool) -> (Self, Vec<String>) {
        let (mut choice, mut faults) = (Self::default(), Vec::new());
        // OpenAI's key is a required setting, Anthropic's is not.
        if !has_anthropic {
            choice.without("anthropic");
        }
        for call in CallKind::ALL {
            let name = call.models_setting();
            let list = text(&name);
            if !list.is_empty() {
                match list.split(',').map(|model| ModelName::parse(model.trim())).collect::<Option<Vec<_>>>() {
                    Some(models) if models.iter().all(|model| PROVIDERS.contains(&model.provider())) => {
                        choice.replace(call, models);
                    }
                    Some(_) => faults.push(format!("{name} names a provider other than openai and anthropic")),
                    None => faults.push(format!(
                        "{name} must look like openai/gpt-6-luna,anthropic/claude-haiku-5-5: provider/model, separated by commas"
                    )),
                }
            }
            if choice.of(call).is_empty() {
                faults.push(format!("{name} names only models of providers that have no key"));
            }
        }
        (choice, faults)
    }

    /// Asks these models instead, the first one first.
    pub fn replace(&mut self, call: CallKind, models: Vec<ModelName>) {
        self.others.insert(call, models);
    }

    /// Never asks models of this provider: there is no key for it.
    pub fn without(&mut self, provider: &'static str) {
        self.unconfigured.push(provider);
    }

    /// The models for a call, in the order of asking. Empty if none of them has a key.
    #[must_use]
    pub fn of(&self, call: CallKind) -> Vec<ModelName> {
        let configured = || {
            let config = call.config();
            vec![config.model, config.fallback]
        };
        let mut models = self.others.get(&call).cloned().unwrap_or_else(configured);
        models.retain(|model| !self.unconfigured.contains(&model.provider()));
        models
    }

    /// The models for a call without those of paused providers; with them if nobody else's would be left, because what was sold is done.
    #[must_use]
    pub fn besides(&self, call: CallKind, paused: &[String]) -> Vec<ModelName> {
        let models = self.of(call);
        let is_paused = |model: &ModelName| paused.iter().any(|provider| provider == model.provider());
        if models.iter().all(is_paused) {
            return models;
        }
        models.into_iter().filter(|model| !is_paused(model)).collect()
    }

    /// Every model that some call may ask, with these calls.
    #[must_use]
    pub fn in_use(&self) -> BTreeMap<ModelName, Vec<CallKind>> {
        let mut in_use: BTreeMap<ModelName, Vec<CallKind>> = BTreeMap::new();
        for call in CallKind::ALL {
            for model in self.of(call) {
                let calls = in_use.entry(model).or_default();
                if !calls.contains(&call) {
                    calls.push(call);
                }
            }
        }
        in_use
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_names_other_models_and_those_without_a_key_are_left_out() {
        let setting = |name: &str| match name {
            "MODELS_LIGHT" => "openai/llama , anthropic/claude-haiku-5-5".to_owned(),
            _ => String::new(),
        };
        let (choice, faults) = ModelChoice::from_settings(setting, false);
        assert_eq!(faults, [""; 0]);
        assert_eq!(choice.of(CallKind::Light), [ModelName::fixed("openai/llama")]);
        assert_eq!(choice.of(CallKind::Outreach), [CallKind::Outreach.config().model]);
        let (choice, _) = ModelChoice::from_settings(setting, true);
        assert_eq!(choice.of(CallKind::Light).len(), 2);
    }

    #[test]
    fn models_of_a_paused_provider_are_asked_only_where_there_is_no_other() {
        let mut choice = ModelChoice::default();
        choice.replace(CallKind::Outreach, vec![ModelName::fixed("openai/llama")]);
        let paused = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let light = CallKind::Light.config();
        assert_eq!(
            choice.besides(CallKind::Light, &paused(&["openai", "apify"])),
            std::slice::from_ref(&light.fallback)
        );
        assert_eq!(choice.besides(CallKind::Light, &paused(&["anthropic"])), std::slice::from_ref(&light.model));
        for names in [vec![], vec!["all"], vec!["anthropic", "openai"]] {
            let asked = choice.besides(CallKind::Light, &paused(&names));
            assert_eq!(asked, [light.model.clone(), light.fallback.clone()], "{names:?}");
        }
        assert_eq!(choice.besides(CallKind::Outreach, &paused(&["openai"])), [ModelName::fixed("openai/llama")]);
    }

    #[test]
    fn a_setting_that_names_nobody_is_a_fault() {
        for (value, said) in [
            ("gpt-6-luna", "must look like"),
            ("openai/gpt-6-luna,,", "must look like"),
            ("mistral/large", "a provider other than"),
            ("anthropic/claude-haiku-5-5", "no key"),
        ] {
            let setting = |name: &str| if name == "MODELS_MONEY" { value.to_owned() } else { String::new() };
            let (_, faults) = ModelChoice::from_settings(setting, false);
            assert!(faults.len() == 1 && faults[0].starts_with("MODELS_MONEY"), "{faults:?}");
            assert!(faults[0].contains(said), "{faults:?}");
        }
    }

    #[test]
    fn a_model_is_in_use_for_every_call_that_may_ask_it() {
        let in_use = ModelChoice::default().in_use();
        assert_eq!(in_use.len(), 4);
        assert_eq!(in_use.get(&ModelName::fixed("openai/gpt-6.1-terra")), Some(&vec![CallKind::Openness]));
        assert_eq!(in_use.get(&ModelName::fixed("anthropic/claude-haiku-5-5")).map(Vec::len), Some(9));
    }
}
