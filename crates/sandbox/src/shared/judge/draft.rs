//! The draft of an answer: its text, how it ended and its tokens, before a provider puts it into its own form.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{judgement::Judgement, prompt::Message, prose::Prose, walker};
use crate::shared::{faults::Kind, prompt_cache::Tokenizer, random::Seeded};

const NOT_JSON: &str = "Sure! Here is the analysis you asked for:\n\n- The account posts often and";

/// The number of thinking tokens varies by this share.
const THOUGHT_SPREAD: f64 = 0.2;

#[derive(Debug)]
pub(crate) enum Format {
    Text,
    JsonObject,
    Schema(Value),
}

/// Why the model stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The answer is complete.
    Stop,
    /// It ran out of tokens.
    Length,
    Refusal,
}

#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) content: String,
    pub(crate) end: End,
    pub(crate) content_tokens: u64,
    pub(crate) reasoning_tokens: u64,
    tokenizer: Tokenizer,
}

impl Draft {
    /// The answer when nothing goes wrong, counted in the model's tokens.
    pub(crate) fn of(format: &Format, judgement: &Judgement, reasoning_tokens: u64, tokenizer: Tokenizer) -> Self {
        let prose = Prose::new(judgement);
        let content = match format {
            Format::Text => format!("{} {}", prose.of_name("summary", 0), prose.of_name("reason", 0)),
            Format::JsonObject => {
                json!({"score": judgement.relevance, "summary": prose.of_name("summary", 0)}).to_string()
            }
            Format::Schema(schema) => walker::build(schema, judgement).to_string(),
        };
        Self { content_tokens: tokenizer.count(&content), content, end: End::Stop, reasoning_tokens, tokenizer }
    }

    /// The same answer under a fault; `refusal` is the provider's text for a refusal.
    pub(crate) fn under(self, fault: Option<Kind>, refusal: &str) -> Self {
        let (content, end) = match fault {
            Some(Kind::Refusal) => (refusal.to_owned(), End::Refusal),
            Some(Kind::Malformed) => (NOT_JSON.to_owned(), End::Stop),
            Some(Kind::Length) => (cut(&self.content, self.content.len() / 2), End::Length),
            Some(Kind::SchemaViolation) => (violated(&self.content), End::Stop),
            _ => return self,
        };
        Self { content_tokens: self.tokenizer.count(&content), content, end, ..self }
    }

    /// The same answer within a token limit. Reasoning counts too and comes first, so a low limit leaves no content at
    /// all.
    pub(crate) fn limited(self, max_tokens: Option<u64>) -> Self {
        let Some(limit) = max_tokens.filter(|limit| *limit < self.output_tokens()) else {
            return self;
        };
        let reasoning_tokens = self.reasoning_tokens.min(limit);
        let left = limit - reasoning_tokens;
        let content = cut(&self.content, self.tokenizer.bytes(left));
        // All that was left is used up, even if the cut text has a few bytes less.
        Self { end: End::Length, content, content_tokens: left, reasoning_tokens, ..self }
    }

    /// All tokens that are billed as output.
    pub(crate) fn output_tokens(&self) -> u64 {
        self.content_tokens + self.reasoning_tokens
    }
}

/// How many tokens a model spends on thinking about these messages, given the typical number; the same messages always
/// cost the same.
pub(crate) fn thought_about(messages: &[Message], typical_tokens: f64) -> f64 {
    let texts: Vec<&str> = messages.iter().map(|message| message.text.as_str()).collect();
    typical_tokens * Seeded::from_texts(&texts).between(1.0 - THOUGHT_SPREAD, 1.0 + THOUGHT_SPREAD)
}

/// Valid JSON that breaks its schema: without the first property, and with one that the schema does not have.
fn violated(content: &str) -> String {
    let mut value: Value = serde_json::from_str(content).unwrap_or(Value::Null);
    if let Value::Object(fields) = &mut value {
        if let Some(first) = fields.keys().next().cloned() {
            fields.remove(&first);
        }
        fields.insert("unexpected".into(), json!(Uuid::nil()));
    }
    value.to_string()
}

/// At most the first `bytes` bytes of a text, cut between two characters.
fn cut(text: &str, bytes: usize) -> String {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default().to_owned()
}
