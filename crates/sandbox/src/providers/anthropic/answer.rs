//! The message: content, stop reason, and the tokens that the model would have used.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::{
    request::{MessagesRequest, Reply},
    state::Anthropic,
    thinking::Thinking,
};
use crate::shared::{
    faults::Kind,
    judge::{Draft, End, Prompt, judge, thought_about},
    prompt_cache::{CacheUse, Ttl, text_of},
    random::Seeded,
};

/// The tokens that a request has beyond those of its text.
const FRAME_TOKENS: u64 = 8;
const REFUSAL: &str = "This request was declined under the usage policy.";
const THOUGHT: &str = "The business is in the instructions, the profile is data. I compare what both are about, the words \
                       they share and the size of the audience, and then fill in what is asked for.";

/// An answer and how long the model takes for it.
pub(super) struct Answer {
    pub(super) body: Value,
    pub(super) takes: Duration,
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    /// What it leaves in the prompt cache.
    pub(super) cache: CacheUse,
}

/// Answers a checked request, with a fault in the answer if there is one.
pub(super) fn answer(anthropic: &Anthropic, request: &MessagesRequest, fault: Option<Kind>) -> Answer {
    let judgement = judge(&Prompt::of(&request.messages), &anthropic.lexicon);
    let model = request.model;
    let draft = Draft::of(request.reply.format(), &judgement, thinking_tokens(request), model.cache.tokenizer);
    let draft = draft.under(fault, REFUSAL).limited(Some(request.max_tokens));
    let cache = anthropic.cache.read(model.name, model.cache, &request.blocks, Instant::now());
    let prompt = text_of(&request.blocks);
    let prompt_tokens = model.cache.tokenizer.count(&prompt) + FRAME_TOKENS;
    // Unlike OpenAI's prompt tokens these exclude what was read from the cache or written to it.
    let input_tokens = prompt_tokens.saturating_sub(cache.read + cache.written());
    let output_tokens = draft.output_tokens();
    // The input of a tool is always JSON, so a malformed answer comes as text.
    let forced = matches!(request.reply, Reply::Tool { .. }) && fault != Some(Kind::Malformed);
    let (stop_reason, stop_details) = match draft.end {
        End::Stop if forced => ("tool_use", Value::Null),
        End::Stop => ("end_turn", Value::Null),
        End::Length => ("max_tokens", Value::Null),
        End::Refusal => ("refusal", json!({"type": "refusal", "category": null, "explanation": draft.content})),
    };
    let body = json!({
        // The identifier says that no real model wrote this.
        "id": format!("msg_sandbox_{}", Seeded::fresh().alphanumeric(22)),
        "type": "message",
        "role": "assistant",
        "model": model.snapshot,
        "content": content(request, &draft, forced),
        "stop_reason": stop_reason,
        "stop_sequence": null,
        "stop_details": stop_details,
        "container": null,
        "usage": {
            "input_tokens": input_tokens,
            "cache_creation_input_tokens": cache.written(),
            "cache_read_input_tokens": cache.read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": cache.written_for(Ttl::FiveMinutes),
                "ephemeral_1h_input_tokens": cache.written_for(Ttl::OneHour),
            },
            "output_tokens": output_tokens,
            "output_tokens_details": {"thinking_tokens": draft.reasoning_tokens},
            "server_tool_use": null,
            "service_tier": "standard",
            "inference_geo": "not_available",
        },
    });
    let cached_share = cache.read as f64 / prompt_tokens as f64;
    let takes = anthropic.latency.completion(model.speed, cached_share, output_tokens);
    Answer { body, takes, input_tokens, output_tokens, cache }
}

fn content(request: &MessagesRequest, draft: &Draft, forced: bool) -> Vec<Value> {
    let mut content = vec![];
    // A refusal has its text in `stop_details` only.
    if draft.end == End::Refusal {
        return content;
    }
    if draft.reasoning_tokens > 0 {
        let thought = if request.thinking.is_shown() { THOUGHT } else { "" };
        let signature = Seeded::from_texts(&[&draft.content, "signature"]).alphanumeric(64);
        content.push(json!({"type": "thinking", "thinking": thought, "signature": signature}));
    }
    // All tokens went into thinking: there is no text block.
    if draft.content.is_empty() {
        return content;
    }
    content.push(match &request.reply {
        Reply::Tool { name, .. } if forced => {
            let id = format!("toolu_sandbox_{}", Seeded::fresh().alphanumeric(22));
            json!({"type": "tool_use", "id": id, "name": name, "input": input(draft), "caller": {"type": "direct"}})
        }
        _ => json!({"type": "text", "text": draft.content, "citations": null}),
    });
    content
}

/// The input of a tool. It is an object even when the tokens ran out in the middle: then it has only its first
/// properties.
fn input(draft: &Draft) -> Value {
    if let Ok(whole) = serde_json::from_str(&draft.content) {
        return whole;
    }
    let ends = draft.content.match_indices(",\"").map(|(end, _)| end).collect::<Vec<_>>();
    let complete = |end: &usize| serde_json::from_str(&format!("{}}}", draft.content.get(..*end)?)).ok();
    ends.iter().rev().find_map(complete).unwrap_or_else(|| Value::Object(Map::new()))
}

/// The thinking tokens: typical ones for the effort, give or take a fifth, and no more than the budget.
fn thinking_tokens(request: &MessagesRequest) -> u64 {
    let typical = match (&request.thinking, request.effort) {
        (Thinking::Off, _) => return 0,
        (_, "low") => 250.0,
        (_, "medium") => 700.0,
        (_, "high") => 1_400.0,
        _ => 2_800.0,
    };
    let thought = thought_about(&request.messages, typical) as u64;
    match request.thinking {
        Thinking::Budget { tokens, .. } => thought.min(tokens),
        _ => thought,
    }
}
