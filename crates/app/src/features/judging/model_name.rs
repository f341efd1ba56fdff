//! How a language model is named.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};

/// A model as `provider/model`, for example `openai/gpt-6-luna`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ModelName(Cow<'static, str>);

impl ModelName {
    /// A name written in the code, which is not checked.
    #[must_use]
    pub const fn fixed(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// A name from the environment; `None` unless it has a provider (at most 40 of `a-z 0-9 _ -`,
    /// a letter first) and a model (at most 120 of `A-Z a-z 0-9 . _ : / -`). These are the names
    /// that the tables `model_lifecycles` and `service_outages` accept.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // At the first slash: a model's own name may hold more of them.
        let (provider, model) = text.split_once('/')?;
        let provider_fits = provider.len() <= 40
            && provider.starts_with(|first: char| first.is_ascii_lowercase())
            && provider.chars().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || "_-".contains(it));
        let model_fits = (1..=120).contains(&model.len())
            && model.chars().all(|it| it.is_ascii_alphanumeric() || "._:/-".contains(it));
        (provider_fits && model_fits).then(|| Self(Cow::Owned(text.to_owned())))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part after the slash, as the provider knows it.
    #[must_use]
    pub fn model(&self) -> &str {
        self.0.split_once('/').map_or(&self.0, |(_, model)| model)
    }

    #[must_use]
    pub fn provider(&self) -> &str {
        // Only `parse` makes sure of the slash, and a Worker must not panic.
        self.0.split_once('/').map_or("unknown", |(provider, _)| provider)
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::ModelName;

    #[test]
    fn only_names_that_the_tables_accept_are_parsed() {
        let longest = format!("p{}/{}", "r".repeat(39), "m".repeat(120));
        for name in ["openai/gpt-6-luna", "anthropic/claude-fable-5.1:eu/fast", &longest] {
            assert!(ModelName::parse(name).is_some(), "{name}");
        }
        let long_provider = format!("p{}/m", "r".repeat(40));
        let long_model = format!("p/{}", "m".repeat(121));
        for name in
            ["gpt-6-luna", "/m", "p/", "OpenAI/m", "6/m", "p/m@1", "p/m n", "p/m\n", &long_provider, &long_model]
        {
            assert_eq!(ModelName::parse(name), None, "{name}");
        }
    }
}
