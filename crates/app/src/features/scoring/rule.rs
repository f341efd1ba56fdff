//! The rules that give points.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A rule of the score. Stored results name it, so it is never renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The model's judgement of fit.
    AiFit,
    /// The model's judgement of how open the person is to the offer.
    AiReceptiveness,
    /// Followers, against the ideal customer's.
    IcpFollowers,
    /// Engagement, against the ideal customer's.
    IcpEngagement,
    /// The content's themes, against the ideal customer's.
    IcpThemes,
    /// Places, against the ideal customer's.
    IcpGeography,
    /// The audience's engagement.
    Engagement,
    /// Recent activity.
    Activity,
    /// Signs of a real audience.
    Authenticity,
    /// Stands in for facts that the profile does not show.
    UnknownFacts,
    /// A limit: the judgement knows little.
    LowConfidence,
    /// A limit: the judged fit is far below the score.
    MisfitCap,
    /// A limit: openness to the offer is missing.
    ReceptivenessCap,
    /// A limit: a competitor.
    CompetitorCap,
    /// A limit: somebody who seems to be under eighteen.
    MinorCap,
}

impl Rule {
    /// What the rule looks at, in words for the customer.
    pub(super) const fn fact(self) -> &'static str {
        match self {
            Self::AiFit => "fit with the business, judged by the model",
            Self::AiReceptiveness => "openness to the offer, judged by the model",
            Self::IcpFollowers | Self::IcpEngagement | Self::IcpThemes | Self::IcpGeography => "ideal customer",
            Self::Engagement => "engagement rate",
            Self::Activity => "days since the last post",
            Self::Authenticity => "signs of a real audience",
            Self::UnknownFacts => "what the profile does not show",
            Self::LowConfidence => "how much the profile lets anybody know",
            Self::MisfitCap => "fit with the business, as a limit",
            Self::ReceptivenessCap => "openness to the offer, as a limit",
            Self::CompetitorCap | Self::MinorCap => "who must not be a lead",
        }
    }
}
