//! What the model is asked to answer, as types. The strict schema that providers enforce is generated from them, and
//! every answer is checked again here: a provider's promise is not a validation.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::AiFault;

const REASONS_MAX: usize = 8;
const TEXT_CHARS_MAX: usize = 1_200;

/// The LIGHT judgement of one profile for one business.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LightJudgement {
    /// How well this profile fits the business as a customer, 0 (not at all) to 100 (ideal).
    #[schemars(range(min = 0, max = 100))]
    pub fit_score: u8,
    /// How sure you are, 0 to 100; low when the profile shows little.
    #[schemars(range(min = 0, max = 100))]
    pub confidence: u8,
    /// Who this is and whether they fit, in one or two sentences.
    pub summary: String,
    /// The profile's niche in one to four words.
    pub niche: String,
    /// Two to five reasons for the score, each naming something concrete in the profile.
    pub reasons: Vec<String>,
    /// Zero to three concerns that speak against it.
    pub concerns: Vec<String>,
    /// A first message to this person, at most 300 characters, that refers to their real content and sells nothing yet.
    pub outreach_opener: String,
}

impl LightJudgement {
    /// Reads an answer and checks what the schema cannot promise.
    ///
    /// # Errors
    /// [`AiFault::Invalid`] with what is wrong, without the answer's text.
    pub fn parse(content: &str) -> Result<Self, AiFault> {
        // serde's message can quote the answer, which quotes the profile: only the kind of error is kept.
        let mut judgement: Self =
            serde_json::from_str(content).map_err(|error| AiFault::Invalid(format!("{:?} error", error.classify())))?;
        if judgement.fit_score > 100 || judgement.confidence > 100 {
            return Err(AiFault::Invalid("a score is above 100".to_owned()));
        }
        if judgement.reasons.is_empty() || judgement.summary.trim().is_empty() {
            return Err(AiFault::Invalid("no summary or no reasons".to_owned()));
        }
        judgement.reasons.truncate(REASONS_MAX);
        judgement.concerns.truncate(REASONS_MAX);
        let texts = [&mut judgement.summary, &mut judgement.niche, &mut judgement.outreach_opener];
        for text in texts.into_iter().chain(&mut judgement.reasons).chain(&mut judgement.concerns) {
            clip(text);
        }
        Ok(judgement)
    }

    #[cfg(test)]
    pub(super) fn example() -> Self {
        Self {
            fit_score: 70,
            confidence: 80,
            summary: "A runner who cooks.".to_owned(),
            niche: "running".to_owned(),
            reasons: vec!["posts about meal prep".to_owned()],
            concerns: vec![],
            outreach_opener: "Loved your long-run breakfast.".to_owned(),
        }
    }
}

/// Cuts to size and drops what Postgres refuses (NUL) or a terminal would obey.
fn clip(text: &mut String) {
    text.retain(|c| !c.is_control() || c == '\n');
    if let Some((at, _)) = text.char_indices().nth(TEXT_CHARS_MAX) {
        text.truncate(at);
    }
}

/// The JSON schema of `T` in the dialect of strict structured output: no references, every property required, nothing
/// additional, no keyword that providers reject.
#[must_use]
pub fn strict_schema<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    make_strict(&mut schema);
    schema
}

fn make_strict(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            // Integer formats such as `uint8` are schemars' own; `title` only costs tokens.
            object.remove("format");
            if object.get("title").is_some_and(Value::is_string) {
                object.remove("title");
            }
            let properties = object.get("properties").and_then(Value::as_object);
            if let Some(names) = properties.map(|p| p.keys().cloned().map(Value::String).collect::<Vec<_>>()) {
                object.insert("required".to_owned(), Value::Array(names));
                object.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
            object.values_mut().for_each(make_strict);
        }
        Value::Array(items) => items.iter_mut().for_each(make_strict),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_strict() {
        let schema = strict_schema::<LightJudgement>();
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["required"].as_array().unwrap().len(), schema["properties"].as_object().unwrap().len());
        let text = schema.to_string();
        for keyword in ["$schema", "$ref", "\"format\"", "\"default\""] {
            assert!(!text.contains(keyword), "{keyword} in {text}");
        }
    }

    #[test]
    fn an_answer_outside_the_promise_is_refused_without_quoting_it() {
        let good = serde_json::to_value(LightJudgement::example()).unwrap();
        assert!(LightJudgement::parse(&good.to_string()).is_ok());
        for (field, value) in [
            ("fit_score", Value::from(101)),
            ("fit_score", Value::from(-1)),
            ("fit_score", Value::from(55.5)),
            ("reasons", Value::from(Vec::<String>::new())),
            ("summary", Value::from(" ")),
            ("extra", Value::from("secret")),
        ] {
            let mut bad = good.clone();
            bad[field] = value;
            let refusal = LightJudgement::parse(&bad.to_string()).unwrap_err().to_string();
            assert!(!refusal.contains("secret"), "{refusal}");
        }
    }
}
