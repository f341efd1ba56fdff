//! The completion: content, finish reason and usage, as the model would have spent it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    cache::tokens,
    judge::{self, Judgement},
    prompt::Prompt,
    prose::Prose,
    request::{ChatRequest, Format},
    walker,
};
use crate::{Shared, faults::Kind, latency::now_ms, random::Seeded};

/// What a chat request costs beyond its text.
const FRAME_TOKENS: u64 = 3;
const REFUSAL: &str = "I'm sorry, I can't assist with that request.";
const NOT_JSON: &str = "Sure! Here is the analysis you asked for:\n\n- The account posts often and";

/// An answer and how long the model takes for it.
pub(super) struct Answer {
    pub(super) body: Value,
    pub(super) takes: Duration,
    pub(super) total_tokens: u64,
    /// The prompt as the model reads it, for the cache.
    pub(super) prompt: String,
}

struct Draft {
    content: Option<String>,
    refusal: Option<&'static str>,
    finish_reason: &'static str,
    content_tokens: u64,
    reasoning_tokens: u64,
}

/// Answers a checked request, under a fault of the answer itself if there is one.
pub(super) fn answer(shared: &Shared, request: &ChatRequest, fault: Option<Kind>) -> Answer {
    let prompt = Prompt::of(&request.messages);
    let judgement = judge::judge(&prompt, &shared.lexicon);
    let content = content(&request.format, &judgement);
    let draft = limited(faulty(draft(request, content), fault), request.max_tokens);
    let sent = serialised(request);
    let prompt_tokens = tokens(&sent) + FRAME_TOKENS;
    let cached = shared.prompt_cache.read(request.model.name, &request.cache_key, &sent, Instant::now());
    let completion_tokens = draft.content_tokens + draft.reasoning_tokens;
    let total_tokens = prompt_tokens + completion_tokens;
    let body = json!({
        "id": format!("chatcmpl-{}", Seeded::fresh().alphanumeric(29)),
        "object": "chat.completion",
        "created": now_ms() / 1_000,
        "model": request.model.snapshot,
        "choices": [{
            "index": 0,
            "message": {
                "role": "assistant", "content": draft.content, "refusal": draft.refusal, "annotations": [],
            },
            "logprobs": null,
            "finish_reason": draft.finish_reason,
        }],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": total_tokens,
            "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": draft.reasoning_tokens, "audio_tokens": 0, "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
        "service_tier": "default",
        "system_fingerprint": "sandbox",
    });
    Answer {
        prompt: sent,
        body,
        takes: shared.latency.completion(request.model.speed, completion_tokens),
        total_tokens,
    }
}

fn content(format: &Format, judgement: &Judgement) -> String {
    let prose = Prose::new(judgement);
    match format {
        Format::Text => format!("{} {}", prose.of_name("summary", 0), prose.of_name("reason", 0)),
        Format::JsonObject => json!({"score": judgement.relevance, "summary": prose.of_name("summary", 0)}).to_string(),
        Format::Schema(schema) => walker::build(schema, judgement).to_string(),
    }
}

fn draft(request: &ChatRequest, content: String) -> Draft {
    Draft {
        content_tokens: tokens(&content),
        reasoning_tokens: reasoning_tokens(request),
        content: Some(content),
        refusal: None,
        finish_reason: "stop",
    }
}

/// By effort, give or take a fifth, in OpenAI's steps of 64.
fn reasoning_tokens(request: &ChatRequest) -> u64 {
    if !request.model.reasons() {
        return 0;
    }
    let typical = match request.effort {
        "none" | "minimal" => return 0,
        "low" => 256.0,
        "medium" => 704.0,
        _ => 1_984.0,
    };
    let texts: Vec<&str> = request.messages.iter().map(|message| message.text.as_str()).collect();
    let thought = typical * Seeded::from_texts(&texts).between(0.8, 1.2);
    (thought / 64.0).round() as u64 * 64
}

fn faulty(draft: Draft, fault: Option<Kind>) -> Draft {
    let replaced = |content: String| Draft { content_tokens: tokens(&content), content: Some(content), ..draft };
    match fault {
        Some(Kind::Refusal) => {
            Draft { content: None, refusal: Some(REFUSAL), content_tokens: tokens(REFUSAL), ..draft }
        }
        Some(Kind::Malformed) => replaced(NOT_JSON.to_owned()),
        Some(Kind::Length) => {
            let half = draft.content.as_deref().map(|content| cut(content, content.len() / 2)).unwrap_or_default();
            Draft { finish_reason: "length", content_tokens: tokens(&half), content: Some(half), ..draft }
        }
        Some(Kind::SchemaViolation) => {
            let violated = draft.content.as_deref().map(violated).unwrap_or_default();
            replaced(violated)
        }
        _ => draft,
    }
}

/// JSON still, but without its first property and with one nobody asked for.
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

/// The token limit includes the reasoning: a low one leaves no content at all.
fn limited(draft: Draft, max_tokens: Option<u64>) -> Draft {
    let Some(limit) = max_tokens.filter(|limit| *limit < draft.content_tokens + draft.reasoning_tokens) else {
        return draft;
    };
    let reasoning_tokens = draft.reasoning_tokens.min(limit);
    let left = limit - reasoning_tokens;
    let bytes = usize::try_from(left * 4).unwrap_or(usize::MAX);
    let content = draft.content.as_deref().map(|content| cut(content, bytes)).unwrap_or_default();
    Draft { finish_reason: "length", content: Some(content), content_tokens: left, reasoning_tokens, refusal: None }
}

/// The first bytes of a text, not through a character.
fn cut(text: &str, bytes: usize) -> String {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default().to_owned()
}

/// The prompt as the model reads it: the schema stands before the messages and is part of the cached prefix.
fn serialised(request: &ChatRequest) -> String {
    let mut text = match &request.format {
        Format::Schema(schema) => schema.to_string(),
        Format::Text | Format::JsonObject => String::new(),
    };
    for message in &request.messages {
        text.push_str(&format!("\n{}\n{}", message.role, message.text));
    }
    text
}
