//! What models are asked to answer, as types. The strict schema that providers enforce is generated from them, and every
//! answer is checked again here: a provider's promise is not a validation.

mod answers;
mod contacts;
mod grade;
mod schema;

pub use answers::{
    Authority, BuyingStage, Channel, Commercial, CoreStrategy, Insight, LightJudgement, Outreach, Personality,
    Psychographic, Role, Strength, Trait, Verdict,
};
pub use grade::Grade;
pub use schema::strict_schema;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{AiFault, prompt::cleaned};
use crate::features::profiles::InstagramHandle;

const LIST_ITEMS_MAX: usize = 10;
const TEXT_CHARS_MAX: usize = 1_200;

/// One question to a model. Each is a durable step of its own, so that a failure repeats and pays for that one only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallKind {
    /// Fit, reasons and a first line, in one.
    Light,
    /// Fit, needs and how to win them.
    CoreStrategy,
    /// Messages ready to be sent.
    Outreach,
    /// How to talk to them.
    Personality,
    /// What moves them.
    Psychographic,
    /// What they are worth and what it takes.
    Commercial,
}

impl CallKind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Light, Self::CoreStrategy, Self::Outreach, Self::Personality, Self::Psychographic, Self::Commercial];

    /// The setting that names its models: `MODELS_LIGHT` and so on.
    #[must_use]
    pub fn models_setting(self) -> String {
        format!("MODELS_{}", self.as_str().to_ascii_uppercase())
    }

    /// Its name in logs, bills, results and step names.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::CoreStrategy => "core_strategy",
            Self::Outreach => "outreach",
            Self::Personality => "personality",
            Self::Psychographic => "psychographic",
            Self::Commercial => "commercial",
        }
    }

    /// The strict schema of its answer.
    #[must_use]
    pub fn schema(self) -> Value {
        match self {
            Self::Light => strict_schema::<LightJudgement>(),
            Self::CoreStrategy => strict_schema::<CoreStrategy>(),
            Self::Outreach => strict_schema::<Outreach>(),
            Self::Personality => strict_schema::<Personality>(),
            Self::Psychographic => strict_schema::<Psychographic>(),
            Self::Commercial => strict_schema::<Commercial>(),
        }
    }

    /// Reads an answer and checks what the schema cannot promise.
    ///
    /// # Errors
    /// [`AiFault::Invalid`] with what is wrong, without the answer's text.
    pub fn parse(self, content: &str) -> Result<Judgement, AiFault> {
        self.parse_for(content, None)
    }

    /// The same; what is to be sent may name the person that it is for.
    ///
    /// # Errors
    /// As [`CallKind::parse`].
    pub fn parse_for(self, content: &str, recipient: Option<&InstagramHandle>) -> Result<Judgement, AiFault> {
        let mut judgement = match self {
            Self::Light => Judgement::Light(read(content)?),
            Self::CoreStrategy => Judgement::CoreStrategy(read(content)?),
            Self::Outreach => Judgement::Outreach(read(content)?),
            Self::Personality => Judgement::Personality(read(content)?),
            Self::Psychographic => Judgement::Psychographic(read(content)?),
            Self::Commercial => Judgement::Commercial(read(content)?),
        };
        for message in judgement.messages() {
            *message = contacts::defused(message, recipient);
        }
        if let Judgement::Outreach(outreach) = &mut judgement {
            outreach.hooks.retain(|hook| !hook.insight.is_empty());
        }
        if judgement.is_complete() {
            return Ok(judgement);
        }
        Err(AiFault::Invalid("a text or list that must not be empty is".to_owned()))
    }
}

/// The answer to one call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// To [`CallKind::Light`].
    Light(LightJudgement),
    /// To [`CallKind::CoreStrategy`].
    CoreStrategy(CoreStrategy),
    /// To [`CallKind::Outreach`].
    Outreach(Outreach),
    /// To [`CallKind::Personality`].
    Personality(Personality),
    /// To [`CallKind::Psychographic`].
    Psychographic(Psychographic),
    /// To [`CallKind::Commercial`].
    Commercial(Commercial),
}

impl Judgement {
    /// The verdict, of the calls that give one.
    #[must_use]
    pub const fn verdict(&self) -> Option<&Verdict> {
        match self {
            Self::Light(light) => Some(&light.verdict),
            Self::CoreStrategy(strategy) => Some(&strategy.verdict),
            Self::Commercial(commercial) => Some(&commercial.verdict),
            Self::Outreach(_) | Self::Personality(_) | Self::Psychographic(_) => None,
        }
    }

    /// What is to be sent to the person, or copied into what is sent.
    fn messages(&mut self) -> Vec<&mut String> {
        match self {
            Self::Light(light) => vec![&mut light.outreach_opener],
            Self::Outreach(outreach) => {
                let hooks = outreach.hooks.iter_mut().map(|hook| &mut hook.insight);
                [&mut outreach.opener, &mut outreach.message, &mut outreach.follow_up]
                    .into_iter()
                    .chain(hooks)
                    .collect()
            }
            Self::CoreStrategy(strategy) => vec![&mut strategy.angle, &mut strategy.offer],
            Self::Personality(_) | Self::Psychographic(_) | Self::Commercial(_) => vec![],
        }
    }

    /// Whether everything is there that a customer pays for.
    fn is_complete(&self) -> bool {
        let said = |text: &str| !text.trim().is_empty();
        let verdict = self.verdict().is_none_or(|verdict| said(&verdict.summary) && !verdict.reasons.is_empty());
        verdict
            && match self {
                Self::Light(light) => said(&light.outreach_opener),
                Self::CoreStrategy(strategy) => said(&strategy.angle) && said(&strategy.offer),
                Self::Outreach(outreach) => {
                    said(&outreach.message) && said(&outreach.opener) && said(&outreach.follow_up)
                }
                Self::Personality(personality) => !personality.traits.is_empty(),
                Self::Psychographic(psychographic) => !psychographic.values.is_empty(),
                Self::Commercial(commercial) => said(&commercial.opportunity),
            }
    }
}

/// serde's message can quote the answer, which quotes the profile: only the kind of error is kept.
fn read<T: DeserializeOwned>(content: &str) -> Result<T, AiFault> {
    let invalid = |error: serde_json::Error| AiFault::Invalid(format!("{:?} error", error.classify()));
    let mut answer: Value = serde_json::from_str(content).map_err(invalid)?;
    // Steps from before may lack them, an answer may not: without them a competitor would pass for a buyer.
    let verdict = answer.get("verdict");
    if verdict.is_some_and(|verdict| ["role", "seems_minor"].iter().any(|field| verdict.get(field).is_none())) {
        return Err(AiFault::Invalid("a verdict without a role".to_owned()));
    }
    // A model that writes `caf\u0000e9` for "café" has lost a letter: without the NUL a customer would read "cafe9".
    if has_nul(&answer) {
        return Err(AiFault::Invalid("a text has a NUL".to_owned()));
    }
    tidy(&mut answer);
    serde_json::from_value(answer).map_err(invalid)
}

fn has_nul(answer: &Value) -> bool {
    match answer {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(fields) => fields.values().any(has_nul),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Cuts texts and lists to size and drops what nobody sees: what a terminal would obey, or a profile smuggled through
/// the model. A blank entry of a list is none.
fn tidy(answer: &mut Value) {
    match answer {
        Value::String(text) => *text = cleaned(text, TEXT_CHARS_MAX),
        Value::Array(items) => {
            items.iter_mut().for_each(tidy);
            items.retain(|item| item.as_str().is_none_or(|text| !text.trim().is_empty()));
            items.truncate(LIST_ITEMS_MAX);
        }
        Value::Object(fields) => fields.values_mut().for_each(tidy),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(any(test, feature = "examples"))]
pub mod examples;
#[cfg(test)]
mod tests;
