//! How a prompt is cached: by itself up to gpt-5.5, up to its breakpoints from gpt-5.6 on.
//!
//! The newer models have one implicit breakpoint, at the end of the latest user message, so instructions before another
//! profile are written every time and never read, unless they end with a breakpoint of their own. A prefix is found at
//! breakpoints alone, not at whatever an earlier call wrote.

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

/// What the models with breakpoints cache.
pub(super) const RULES: Rules = Rules { floor: 1_024, tokenizer: Tokenizer::PLAIN };
/// So many prefixes are written for one request, the implicit one included.
const WRITES_MAX: usize = 4;
/// A prompt stays in the automatic cache for this long after its last use unless the request says otherwise.
const KEPT_S: u64 = 600;
const DAY_S: u64 = 86_400;

/// Where the prompt of a request is cached.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Caching {
    /// By itself, under the request's key.
    Automatic { key: String, kept: Duration },
    /// Up to its breakpoints, apart from prompts of another scope.
    Breakpoints { scope: String },
}

/// Checks what the request says of its caching, and sets the breakpoints that follow from it.
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
        // The real service writes the latest of them and says nothing.
        let message = format!(
            "Invalid 'prompt_cache_breakpoint': at most {WRITES_MAX} breakpoints can be written, but got \
             {given_breakpoints} instead."
        );
        return Err(OpenAiError::invalid(Some("messages"), Some("invalid_value"), message));
    }
    if is_implicit {
        set_implicit(gathered);
    }
    // Both change what the model reads before the first message.
    let verbosity = given(fields, "verbosity").and_then(Value::as_str).unwrap_or("medium");
    Ok(Caching::Breakpoints { scope: [model.name, effort, verbosity, key].join("\u{0}") })
}

/// The implicit breakpoint, at the end of the latest user message; where earlier ones stood is searched.
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
    if let Some(first) = first.filter(|_| set > WRITES_MAX) {
        (first.breakpoint, first.searched) = (None, true);
    }
}

/// The deprecated wish for how long a prompt is to be kept at most.
fn retention(fields: &Fields, model: Model) -> Checked<Option<&'static str>> {
    let known: &[&str] = if model.has_breakpoints { &["24h"] } else { &["in_memory", "24h"] };
    word("", fields, "prompt_cache_retention", known)
}

#[cfg(test)]
mod tests;
