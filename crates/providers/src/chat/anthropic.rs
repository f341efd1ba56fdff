//! The wire format of Anthropic's Messages API: what is sent, and which part of an answer is read.

use oslira_app::features::judging::{AiFault, Question};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Protocol, Reply};
use crate::{families::Family, prices::Tokens, send::error_word};

/// The API version that the official clients send since October 2026. It differs from 2023-06-01 only for parameters
/// that we do not send: sampling, documents, citations.
pub const VERSION: &str = "2026-10-21";

pub struct Messages;

#[derive(Debug, Serialize)]
struct Request<'a> {
    model: &'a str,
    max_tokens: u32,
    system: [Block<'a>; 1],
    messages: [Message<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Thinking>,
    output_config: OutputConfig,
}

#[derive(Debug, Serialize)]
struct Thinking {
    #[serde(rename = "type")]
    kind: &'static str,
}

/// A text with the mark that everything up to its end is to be cached.
#[derive(Debug, Serialize)]
struct Block<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    text: &'a str,
    cache_control: CacheControl,
}

#[derive(Debug, Serialize)]
struct CacheControl {
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Debug, Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
}

#[derive(Debug, Serialize)]
struct OutputConfig {
    format: Format,
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct Format {
    #[serde(rename = "type")]
    kind: &'static str,
    schema: Value,
}

#[derive(Debug, Deserialize)]
struct Response {
    id: String,
    model: String,
    #[serde(default)]
    content: Vec<Content>,
    stop_reason: Option<String>,
    usage: Option<Usage>,
}

#[derive(Debug, Deserialize)]
struct Content {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
}

/// `input_tokens` excludes the tokens read from or written to the cache; OpenAI's includes them.
#[derive(Debug, Deserialize)]
struct Usage {
    input_tokens: u64,
    output_tokens: u64,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Debug, Deserialize)]
struct OutputDetails {
    thinking_tokens: Option<u64>,
}

impl Protocol for Messages {
    const PROVIDER: &'static str = "anthropic";
    const PATH: &'static str = "/v1/messages";
    const HEADERS: &'static [(&'static str, &'static str)] = &[("anthropic-version", VERSION)];

    fn family(model: &str) -> Family {
        Family::of_anthropic(model)
    }

    fn body(question: &Question) -> serde_json::Result<Vec<u8>> {
        let model = question.model.model();
        let family = Self::family(model);
        serde_json::to_vec(&Request {
            model,
            max_tokens: family.tokens(question.output_tokens_max),
            // Always marked: for a prefix below the model's floor the mark has no effect and costs nothing.
            system: [Block { kind: "text", text: &question.system, cache_control: CacheControl { kind: "ephemeral" } }],
            messages: [Message { role: "user", content: &question.user }],
            thinking: family.thinking.word(question.effort).map(|kind| Thinking { kind }),
            output_config: OutputConfig {
                format: Format { kind: "json_schema", schema: without_bounds(&question.schema) },
                effort: family.efforts.map(|efforts| efforts.word(question.effort)),
            },
        })
    }

    fn read(body: &[u8]) -> Option<Reply> {
        let response: Response = serde_json::from_slice(body).ok()?;
        let used = response.usage.as_ref().map(|usage| {
            let cached = usage.cache_read_input_tokens.unwrap_or(0);
            let cache_written = usage.cache_creation_input_tokens.unwrap_or(0);
            let input = usage.input_tokens.saturating_add(cached).saturating_add(cache_written);
            Tokens { input, cached, cache_written, output: usage.output_tokens }
        });
        let details = response.usage.as_ref().and_then(|usage| usage.output_tokens_details.as_ref());
        Some(Reply {
            // A Messages answer has no field for it: the sandbox is known by its key and address.
            is_sandbox: false,
            content: content(&response),
            used,
            reasoning_tokens: details.and_then(|details| details.thinking_tokens).unwrap_or(0),
            finish_reason: response.stop_reason,
            id: response.id,
            model: response.model,
        })
    }
}

fn content(response: &Response) -> Result<String, AiFault> {
    match response.stop_reason.as_deref() {
        Some("end_turn" | "stop_sequence") => {}
        Some("max_tokens" | "model_context_window_exceeded") => return Err(AiFault::Truncated),
        Some("refusal") => return Err(AiFault::Refused),
        other => return Err(AiFault::Invalid(format!("stop_reason {}", error_word(other)))),
    }
    // Models that think send their thinking as blocks before the text.
    let texts = response.content.iter().filter(|block| block.kind == "text");
    let text: String = texts.filter_map(|block| block.text.as_deref()).collect();
    if text.is_empty() { Err(AiFault::Invalid("no content".to_owned())) } else { Ok(text) }
}

/// JSON Schema keywords that Anthropic's structured output refuses with a 400.
const BOUNDS: [&str; 6] = ["minimum", "maximum", "minItems", "maxItems", "minLength", "maxLength"];

/// The schema without its bounds. The model reads them in the descriptions, and we check every answer ourselves. A
/// property that happens to have such a name stays: its value is a schema, not a number.
fn without_bounds(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => {
            let is_bound = |name: &str, value: &Value| BOUNDS.contains(&name) && value.is_number();
            let kept = fields.iter().filter(|(name, value)| !is_bound(name, value));
            kept.map(|(name, value)| (name.clone(), without_bounds(value))).collect()
        }
        Value::Array(items) => items.iter().map(without_bounds).collect(),
        other => other.clone(),
    }
}
