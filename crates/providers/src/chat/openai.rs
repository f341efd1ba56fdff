//! The wire format of OpenAI's Chat Completions: what is sent, and which part of an answer is read.

use oslira_app::features::judging::{AiFault, Question};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Protocol, Reply};
use crate::{families::Family, prices::Tokens, send::error_word};

pub struct ChatCompletions;

#[derive(Debug, Serialize)]
struct Request<'a> {
    model: &'a str,
    messages: [Message<'a>; 2],
    response_format: ResponseFormat<'a>,
    max_completion_tokens: u32,
    /// Always false: the prompts are about persons, so OpenAI must not store them.
    store: bool,
    prompt_cache_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_cache_options: Option<ExplicitMode>,
    // Models that reason refuse a temperature, and the others an effort: each is sent only to models that take it.
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Content<'a>,
}

/// A plain text, or a text whose end is marked as the end of the cached prefix.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Content<'a> {
    Text(&'a str),
    Marked([Part<'a>; 1]),
}

#[derive(Debug, Serialize)]
struct Part<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    text: &'a str,
    prompt_cache_breakpoint: ExplicitMode,
}

/// Caches only up to the mark. Without it, models from gpt-5.6 on also write the profile behind it to the cache, which
/// is paid and never read again.
#[derive(Debug, Clone, Copy, Serialize)]
struct ExplicitMode {
    mode: &'static str,
}

const EXPLICIT: ExplicitMode = ExplicitMode { mode: "explicit" };

#[derive(Debug, Serialize)]
struct ResponseFormat<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    json_schema: JsonSchema<'a>,
}

#[derive(Debug, Serialize)]
struct JsonSchema<'a> {
    name: &'static str,
    strict: bool,
    schema: &'a Value,
}

impl<'a> From<&'a Question> for Request<'a> {
    fn from(question: &'a Question) -> Self {
        let family = ChatCompletions::family(question.model.model());
        let is_marked = family.cache.is_some_and(|cache| cache.breakpoint);
        let system = match is_marked {
            true => Content::Marked([Part { kind: "text", text: &question.system, prompt_cache_breakpoint: EXPLICIT }]),
            false => Content::Text(&question.system),
        };
        Self {
            model: question.model.model(),
            messages: [
                Message { role: "system", content: system },
                Message { role: "user", content: Content::Text(&question.user) },
            ],
            response_format: ResponseFormat {
                kind: "json_schema",
                json_schema: JsonSchema { name: question.schema_name, strict: true, schema: &question.schema },
            },
            // Includes reasoning tokens. The older `max_tokens` is refused by models that reason.
            max_completion_tokens: family.tokens(question.output_tokens_max),
            store: false,
            // The kind of call and the business's id: it keeps the cache entries of customers apart.
            prompt_cache_key: &question.cache_key,
            prompt_cache_options: is_marked.then_some(EXPLICIT),
            temperature: family.has_temperature.then_some(0),
            reasoning_effort: family.efforts.map(|efforts| efforts.word(question.effort)),
        }
    }
}

#[derive(Debug, Deserialize)]
struct Response {
    id: String,
    model: String,
    system_fingerprint: Option<String>,
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<Usage>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    finish_reason: Option<String>,
    message: AssistantMessage,
}

#[derive(Debug, Deserialize)]
struct AssistantMessage {
    content: Option<String>,
    refusal: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Debug, Deserialize)]
struct PromptDetails {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct CompletionDetails {
    reasoning_tokens: Option<u64>,
}

impl Protocol for ChatCompletions {
    const PROVIDER: &'static str = "openai";
    const PATH: &'static str = "/chat/completions";
    const HEADERS: &'static [(&'static str, &'static str)] = &[];

    fn family(model: &str) -> Family {
        Family::of_openai(model)
    }

    fn body(question: &Question) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(&Request::from(question))
    }

    fn read(body: &[u8]) -> Option<Reply> {
        let response: Response = serde_json::from_slice(body).ok()?;
        let usage = response.usage.as_ref();
        let prompt = usage.and_then(|usage| usage.prompt_tokens_details.as_ref());
        let used = usage.map(|usage| Tokens {
            input: usage.prompt_tokens,
            cached: prompt.and_then(|details| details.cached_tokens).unwrap_or(0),
            cache_written: prompt.and_then(|details| details.cache_write_tokens).unwrap_or(0),
            output: usage.completion_tokens,
        });
        let completion = usage.and_then(|usage| usage.completion_tokens_details.as_ref());
        // The sandbox marks its answers in this field.
        let fingerprint = response.system_fingerprint.as_deref().unwrap_or_default();
        let choice = response.choices.into_iter().next();
        Some(Reply {
            is_sandbox: fingerprint.starts_with("sandbox"),
            used,
            reasoning_tokens: completion.and_then(|details| details.reasoning_tokens).unwrap_or(0),
            finish_reason: choice.as_ref().and_then(|choice| choice.finish_reason.clone()),
            content: choice.ok_or_else(|| AiFault::Invalid("no choice".to_owned())).and_then(content),
            id: response.id,
            model: response.model,
        })
    }
}

fn content(choice: Choice) -> Result<String, AiFault> {
    // Checked first: a refusal comes with finish_reason "stop" and without content.
    if choice.message.refusal.is_some_and(|refusal| !refusal.is_empty()) {
        return Err(AiFault::Refused);
    }
    match choice.finish_reason.as_deref() {
        Some("stop") => {}
        Some("length") => return Err(AiFault::Truncated),
        Some("content_filter") => return Err(AiFault::Refused),
        other => return Err(AiFault::Invalid(format!("finish_reason {}", error_word(other)))),
    }
    let content = choice.message.content.filter(|content| !content.is_empty());
    content.ok_or_else(|| AiFault::Invalid("no content".to_owned()))
}
