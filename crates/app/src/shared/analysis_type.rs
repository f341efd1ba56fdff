//! The kinds of analysis: the one word that prices, prompts, schedules and results have in common.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kinds of analysis. Each has its numbers in `features::analysis::config`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum AnalysisType {
    /// A quick judgement of fit.
    Light,
    /// A strategy, messages and a personality, from fifty posts.
    Deep,
    /// What moves this person and what they are worth, messages and a personality, from fifty posts.
    Xray,
}

impl AnalysisType {
    pub const ALL: [Self; 3] = [Self::Light, Self::Deep, Self::Xray];

    /// As the API and the database write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Light => "LIGHT",
            Self::Deep => "DEEP",
            Self::Xray => "XRAY",
        }
    }
}

impl FromStr for AnalysisType {
    type Err = UnknownAnalysisType;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "LIGHT" => Ok(Self::Light),
            "DEEP" => Ok(Self::Deep),
            "XRAY" => Ok(Self::Xray),
            _ => Err(UnknownAnalysisType),
        }
    }
}

/// The word names no kind of analysis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a known analysis type")]
pub struct UnknownAnalysisType;
