//! How a language model is named.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};

/// A model as `provider/model`, for example `openai/gpt-6-luna`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ModelName(Cow<'static, str>);

impl ModelName {
    /// A name written in the code.
    #[must_use]
    pub const fn fixed(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// A name from the environment; `None` unless it has a provider and a model.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (provider, model) = text.split_once('/')?;
        (!provider.is_empty() && !model.is_empty()).then(|| Self(Cow::Owned(text.to_owned())))
    }

    /// All of it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part after the slash, as the provider knows it.
    #[must_use]
    pub fn model(&self) -> &str {
        self.0.split_once('/').map_or(&self.0, |(_, model)| model)
    }

    /// The part before the slash.
    #[must_use]
    pub fn provider(&self) -> &str {
        self.0.split_once('/').map_or("unknown", |(provider, _)| provider)
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
