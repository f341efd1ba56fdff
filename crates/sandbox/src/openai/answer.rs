//! The completion: content, finish reason and usage, as the model would have spent it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::request::ChatRequest;
use crate::{
    Shared,
    faults::Kind,
    judge::{Draft, End, Format, Prompt, judge},
    latency::now_ms,
    prompt_cache::{AutomaticCache, tokens},
    random::Seeded,
};

/// What a chat request costs beyond its text.
const FRAME_TOKENS: u64 = 3;
const REFUSAL: &str = "I'm sorry, I can't assist with that request.";

/// An answer and how long the model takes for it.
pub(super) struct Answer {
    pub(super) body: Value,
    pub(super) takes: Duration,
    pub(super) total_tokens: u64,
    /// The prompt as the model reads it, for the cache.
    pub(super) prompt: String,
}

/// Answers a checked request, under a fault of the answer itself if there is one.
pub(super) fn answer(shared: &Shared, request: &ChatRequest, fault: Option<Kind>) -> Answer {
    let judgement = judge(&Prompt::of(&request.messages), &shared.lexicon);
    let draft = Draft::of(&request.format, &judgement, reasoning_tokens(request));
    let draft = draft.under(fault, REFUSAL).limited(request.max_tokens);
    let prompt = serialised(request);
    let prompt_tokens = tokens(&prompt) + FRAME_TOKENS;
    let cached = shared.prompt_cache.read(request.model.name, &request.cache_key, &prompt, Instant::now());
    let mut prompt_details = json!({"cached_tokens": cached, "audio_tokens": 0});
    if let Some(details) = prompt_details.as_object_mut().filter(|_| request.model.bills_cache_writes) {
        let written = AutomaticCache::holds(&prompt).saturating_sub(cached);
        details.insert("cache_write_tokens".into(), written.into());
    }
    let completion_tokens = draft.output_tokens();
    let total_tokens = prompt_tokens + completion_tokens;
    let (content, refusal, finish_reason) = match draft.end {
        End::Stop => (Some(draft.content), None, "stop"),
        End::Length => (Some(draft.content), None, "length"),
        End::Refusal => (None, Some(draft.content), "stop"),
    };
    let body = json!({
        "id": format!("chatcmpl-{}", Seeded::fresh().alphanumeric(29)),
        "object": "chat.completion",
        "created": now_ms() / 1_000,
        "model": request.model.snapshot,
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": content, "refusal": refusal, "annotations": []},
            "logprobs": null,
            "finish_reason": finish_reason,
        }],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": total_tokens,
            "prompt_tokens_details": prompt_details,
            "completion_tokens_details": {
                "reasoning_tokens": draft.reasoning_tokens, "audio_tokens": 0, "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
        "service_tier": "default",
        "system_fingerprint": "sandbox",
    });
    let cached_share = cached as f64 / prompt_tokens as f64;
    let takes = shared.latency.completion(request.model.speed, cached_share, completion_tokens);
    Answer { prompt, body, takes, total_tokens }
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
