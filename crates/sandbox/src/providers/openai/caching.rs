//! How a prompt is cached: automatically up to gpt-5.5, up to its breakpoints from gpt-5.6 on.
//!
//! The newer models have one implicit breakpoint, at the end of the latest user message. So instructions before another
//! profile are written every time and never read, unless they end with a breakpoint of their own. A prefix is looked
//! for only at breakpoints, not wherever an earlier call wrote one.

use std::time::Duration;

use serde_json::Value;

use super::{
    breakpoints::{checked, word},
    content::Gathered,
    errors::{Checked, OpenAiError},
    models::Model,
};
use crate::shared::json::{Fields, given};
use crate::shared::prompt_cache::{Rules, Tokenizer, Ttl};

/// The same for all models with breakpoints.
pub(super) const RULES: Rules = Rules { floor: 1_024, tokenizer: Tokenizer::PLAIN };
/// How many prefixes one request can write, the implicit one included.
const WRITES_MAX: usize = 4;
/// How long the automatic cache keeps a prompt after its last use, unless the request says otherwise.
const KEPT_S: u64 = 600;
const DAY_S: u64 = 86_400;

/// How the prompt of a request is cached.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Caching {
    /// Automatically, under the request's `prompt_cache_key`.
    Automatic { key: String, kept: Duration },
    /// Up to its breakpoints; prompts with another scope share nothing.
    Breakpoints { scope: String },
}

/// Checks the request's cache options, and sets the implicit breakpoint.
pub(super) fn caching(fields: &Fields, model: Model, effort: &str, gathered: &mut Gathered) -> Checked<Caching> {
    let key = given(fields, "prompt_cache_key").and_then(Value::as_str).unwrap_or_default();
    let is_implicit = match given(fields, "prompt_cache_options") {
        Some(options) => {
            let at = "prompt_cache_options";
            let options = checked(at, options, model)?;
            word(at, options, "ttl", &["30m"])?;
            word(at, options, "mode", &["implicit", "explicit"])? != Some("explicit")
        }
        None => true,
    };
    let retention = retention(fields, model)?;
    if !model.has_breakpoints {
        let kept = Duration::from_secs(if retention == Some("24h") { DAY_S } else { KEPT_S });
        return Ok(Caching::Automatic { key: key.to_owned(), kept });
    }
    let given_breakpoints = gathered.blocks.iter().filter(|block| block.breakpoint.is_some()).count();
    if given_breakpoints > WRITES_MAX {
        // Stricter than the real service, which silently writes only the latest.
        let message = format!(
            "Invalid 'prompt_cache_breakpoint': at most {WRITES_MAX} breakpoints can be written, but got \
             {given_breakpoints} instead."
        );
        return Err(OpenAiError::invalid(Some("messages"), Some("invalid_value"), message));
    }
    if is_implicit {
        set_implicit(gathered);
    }
    // Effort and verbosity change what the model reads before the first message.
    let verbosity = given(fields, "verbosity").and_then(Value::as_str).unwrap_or("medium");
    Ok(Caching::Breakpoints { scope: [model.name, effort, verbosity, key].join("\u{0}") })
}

/// Sets the implicit breakpoint, at the end of the latest user message. The ends of earlier user messages are searched,
/// because earlier calls of the same conversation had their implicit breakpoint there.
fn set_implicit(gathered: &mut Gathered) {
    let Some((latest, earlier)) = gathered.user_ends.split_last() else { return };
    for end in earlier {
        if let Some(block) = gathered.blocks.get_mut(*end) {
            block.searched = true;
        }
    }
    if let Some(block) = gathered.blocks.get_mut(*latest) {
        block.breakpoint = Some(Ttl::ThirtyMinutes);
    }
    let set = gathered.blocks.iter().filter(|block| block.breakpoint.is_some()).count();
    let first = gathered.blocks.iter_mut().find(|block| block.breakpoint.is_some());
    // With four breakpoints of its own the request would write five: the first one is then only searched.
    if let Some(first) = first.filter(|_| set > WRITES_MAX) {
        (first.breakpoint, first.searched) = (None, true);
    }
}

/// The deprecated `prompt_cache_retention`: the longest time to keep a prompt.
fn retention(fields: &Fields, model: Model) -> Checked<Option<&'static str>> {
    let known: &[&str] = if model.has_breakpoints { &["24h"] } else { &["in_memory", "24h"] };
    word("", fields, "prompt_cache_retention", known)
}

#[cfg(test)]
mod tests;
