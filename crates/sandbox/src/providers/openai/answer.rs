//! The completion: content, finish reason, and the tokens that the model would have used.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{
    caching::{self, Caching},
    request::ChatRequest,
    state::OpenAi,
};
use crate::shared::{
    clock::now_ms,
    faults::Kind,
    judge::{Draft, End, Prompt, judge, thought_about},
    prompt_cache::{CacheUse, Tokenizer, text_of},
    random::Seeded,
};

/// The tokens that a chat request has beyond those of its text.
const FRAME_TOKENS: u64 = 3;
const REFUSAL: &str = "I'm sorry, I can't assist with that request.";

/// An answer and how long the model takes for it.
pub(super) struct Answer {
    pub(super) body: Value,
    pub(super) takes: Duration,
    pub(super) total_tokens: u64,
    pub(super) cached: Cached,
}

/// What the cache keeps once the prompt is answered.
pub(super) enum Cached {
    Automatic { key: String, prompt: String, kept: Duration },
    Breakpoints(CacheUse),
}

/// Answers a checked request, with a fault in the answer if there is one.
pub(super) fn answer(openai: &OpenAi, request: &ChatRequest, fault: Option<Kind>) -> Answer {
    let judgement = judge(&Prompt::of(&request.messages), &openai.lexicon);
    let draft = Draft::of(&request.format, &judgement, reasoning_tokens(request), Tokenizer::PLAIN);
    let draft = draft.under(fault, REFUSAL).limited(request.max_tokens);
    let prompt = text_of(&request.blocks);
    let prompt_tokens = Tokenizer::PLAIN.count(&prompt) + FRAME_TOKENS;
    let (read, cached) = cached(openai, request, prompt);
    let mut prompt_details = json!({"cached_tokens": read, "audio_tokens": 0});
    // Only models with breakpoints bill what they write, and so report it.
    if let (Some(details), Cached::Breakpoints(used)) = (prompt_details.as_object_mut(), &cached) {
        details.insert("cache_write_tokens".into(), used.written().into());
    }
    let completion_tokens = draft.output_tokens();
    let total_tokens = prompt_tokens + completion_tokens;
    let (content, refusal, finish_reason) = match draft.end {
        End::Stop => (Some(draft.content), None, "stop"),
        End::Length => (Some(draft.content), None, "length"),
        // OpenAI's form of a refusal: no content, and a finish reason like any other's.
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
    let cached_share = read as f64 / prompt_tokens as f64;
    let takes = openai.latency.completion(request.model.speed, cached_share, completion_tokens);
    Answer { body, takes, total_tokens, cached }
}

/// How many tokens are read from the cache, and what it keeps once the prompt is answered.
fn cached(openai: &OpenAi, request: &ChatRequest, prompt: String) -> (u64, Cached) {
    let now = Instant::now();
    match &request.caching {
        Caching::Automatic { key, kept } => {
            let read = openai.automatic_cache.read(request.model.name, key, &prompt, now);
            (read, Cached::Automatic { key: key.clone(), prompt, kept: *kept })
        }
        Caching::Breakpoints { scope } => {
            let used = openai.explicit_cache.read(scope, caching::RULES, &request.blocks, now);
            (used.read, Cached::Breakpoints(used))
        }
    }
}

/// The reasoning tokens: typical ones for the effort, give or take a fifth, in OpenAI's steps of 64.
fn reasoning_tokens(request: &ChatRequest) -> u64 {
    if !request.model.reasons() {
        return 0;
    }
    let typical = match request.effort {
        "none" | "minimal" => return 0,
        "low" => 256.0,
        "medium" => 704.0,
        "high" => 1_984.0,
        "xhigh" => 3_968.0,
        _ => 5_952.0,
    };
    (thought_about(&request.messages, typical) / 64.0).round() as u64 * 64
}
