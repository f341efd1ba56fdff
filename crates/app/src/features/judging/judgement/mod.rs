//! What models are asked to answer, as types. The strict schema that providers enforce is generated from them, and every
//! answer is checked again here: a provider's promise is not a validation.

mod answers;
mod contacts;
mod criteria;
mod evidence;
mod grade;
mod languages;
mod messages;
mod quotations;
mod review;
mod schema;

pub use answers::{
    Approach, Authority, BuyingStage, Channel, Deal, Insight, LightJudgement, Money, Motives, Needs, Openness,
    Outreach, Personality, Role, Strength, Theme, Trait, Verdict,
};
pub use grade::Grade;
pub use messages::{MessageProblem, MessageRule};
pub use review::{Review, Reviewed};
pub use schema::strict_schema;

use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{AiFault, prompt::cleaned};

const LIST_ITEMS_MAX: usize = 10;
/// Of posts that an entry names, and of themes: no analysis shows more posts, and no business wants more themes.
const NAMES_MAX: usize = 50;
const TEXT_CHARS_MAX: usize = 1_200;

/// One question to a model, or a section of one: the slowest answer decides how long an analysis takes, so what need not be
/// written one after the other is asked side by side. Each is a durable step of its own, so that a failure repeats and pays for
/// that one only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallKind {
    /// Fit, reasons and a first line, in one.
    Light,
    /// Fit and reasons.
    Verdict,
    /// What they need, and what makes it pressing.
    Needs,
    /// How to win them.
    Approach,
    /// Messages ready to be sent.
    Outreach,
    /// How to talk to them.
    Personality,
    /// What moves them.
    Motives,
    /// How open they are to the offer.
    Openness,
    /// What they earn money with, and what could go wrong.
    Money,
    /// What the business would gain, and how.
    Deal,
}

/// Writes what holds for every call alike: its name, its answer's type.
macro_rules! calls {
    ($(($kind:ident, $name:literal, $answer:ty)),+ $(,)?) => {
        impl CallKind {
            /// All of them.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$kind),+];

            /// Its name in logs, bills, results and step names.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $name),+
                }
            }

            /// The strict schema of its answer; generated once.
            #[must_use]
            pub fn schema(self) -> Value {
                match self {
                    $(Self::$kind => {
                        static SCHEMA: LazyLock<Value> = LazyLock::new(strict_schema::<$answer>);
                        SCHEMA.clone()
                    }),+
                }
            }

            /// Reads an answer of this form.
            fn read(self, content: &str) -> Result<Judgement, AiFault> {
                Ok(match self {
                    $(Self::$kind => Judgement::$kind(read(content)?)),+
                })
            }
        }

        /// The answer to one call.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Judgement {
            $(
                #[doc = concat!("To [`CallKind::", stringify!($kind), "`].")]
                $kind($answer)
            ),+
        }
    };
}

calls![
    (Light, "light", LightJudgement),
    (Verdict, "verdict", Verdict),
    (Needs, "needs", Needs),
    (Approach, "approach", Approach),
    (Outreach, "outreach", Outreach),
    (Personality, "personality", Personality),
    (Motives, "motives", Motives),
    (Openness, "openness", Openness),
    (Money, "money", Money),
    (Deal, "deal", Deal),
];

impl CallKind {
    /// The setting that names its models: `MODELS_LIGHT` and so on.
    #[must_use]
    pub fn models_setting(self) -> String {
        format!("MODELS_{}", self.as_str().to_ascii_uppercase())
    }

    /// Whether its answer has the verdict, which each analysis needs once.
    #[must_use]
    pub const fn gives_verdict(self) -> bool {
        matches!(self, Self::Light | Self::Verdict)
    }
}

impl Judgement {
    /// The verdict, of the calls that give one.
    #[must_use]
    pub const fn verdict(&self) -> Option<&Verdict> {
        match self {
            Self::Light(light) => Some(&light.verdict),
            Self::Verdict(verdict) => Some(verdict),
            _ => None,
        }
    }
}

/// serde's message can quote the answer, which quotes the profile: only the kind of error is kept.
fn read<T: DeserializeOwned>(content: &str) -> Result<T, AiFault> {
    let invalid = |error: serde_json::Error| AiFault::Invalid(format!("{:?} error", error.classify()));
    let mut answer: Value = serde_json::from_str(content).map_err(invalid)?;
    // A model that writes `caf\u0000e9` for "café" has lost a letter: without the NUL a customer would read "cafe9".
    if has_nul(&answer) {
        return Err(AiFault::Invalid("a text has a NUL".to_owned()));
    }
    tidy(&mut answer, LIST_ITEMS_MAX);
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
fn tidy(answer: &mut Value, items_max: usize) {
    match answer {
        Value::String(text) => *text = cleaned(text, TEXT_CHARS_MAX),
        Value::Array(items) => {
            items.iter_mut().for_each(|item| tidy(item, LIST_ITEMS_MAX));
            items.retain(|item| item.as_str().is_none_or(|text| !text.trim().is_empty()));
            items.truncate(items_max);
        }
        Value::Object(fields) => fields.iter_mut().for_each(|(name, field)| {
            // As many as there can be: a count would not be that of the posts any more.
            let items_max = if ["posts", "themes"].contains(&name.as_str()) { NAMES_MAX } else { LIST_ITEMS_MAX };
            tidy(field, items_max);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(any(test, feature = "examples"))]
pub mod examples;
#[cfg(test)]
mod tests;
