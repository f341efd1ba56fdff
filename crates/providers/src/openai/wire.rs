//! OpenAI's Chat Completions as they are on the wire: what is sent, what of the answer is read.

use oslira_app::features::analysis::Question;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The body of a call.
#[derive(Debug, Serialize)]
pub struct Request<'a> {
    model: &'a str,
    messages: [Message<'a>; 2],
    response_format: ResponseFormat<'a>,
    max_completion_tokens: u32,
    /// Customers' prospects are persons: nothing is kept at OpenAI.
    store: bool,
    prompt_cache_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
}

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
        let model = question.model.model();
        Self {
            model,
            messages: [
                Message { role: "system", content: &question.system },
                Message { role: "user", content: &question.user },
            ],
            response_format: ResponseFormat {
                kind: "json_schema",
                json_schema: JsonSchema { name: question.schema_name, strict: true, schema: &question.schema },
            },
            max_completion_tokens: question.output_tokens_max,
            store: false,
            prompt_cache_key: &question.cache_key,
            // Each family refuses the other's parameter with a 400.
            temperature: model.starts_with("gpt-4o").then_some(0),
            reasoning_effort: (model.starts_with("gpt-5") && !model.contains("-chat")).then_some("low"),
        }
    }
}

/// The part of an answer that is read.
#[derive(Debug, Deserialize)]
pub struct Response {
    pub id: String,
    pub model: String,
    pub system_fingerprint: Option<String>,
    #[serde(default)]
    pub choices: Vec<Choice>,
    pub usage: Option<Usage>,
}

#[derive(Debug, Deserialize)]
pub struct Choice {
    pub finish_reason: Option<String>,
    pub message: Reply,
}

#[derive(Debug, Deserialize)]
pub struct Reply {
    pub content: Option<String>,
    pub refusal: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct Usage {
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
    pub prompt_tokens_details: Option<PromptDetails>,
    pub completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Debug, Deserialize)]
pub struct PromptDetails {
    pub cached_tokens: Option<u64>,
    pub cache_write_tokens: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub struct CompletionDetails {
    pub reasoning_tokens: Option<u64>,
}

/// The body of a refused call; its message may repeat what was sent and is not read.
#[derive(Debug, Deserialize)]
pub struct Failure {
    pub error: FailureBody,
}

#[derive(Debug, Deserialize)]
pub struct FailureBody {
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Mostly text; some gateways give a number.
    pub code: Option<Value>,
}
