//! Whether a model thinks before it answers, by what the request asks for and by the rules of the model.

use serde_json::Value;

use super::{
    errors::{AnthropicError, Checked, required},
    models::Model,
};
use crate::shared::json::{Fields, given};

const TYPES: [&str; 4] = ["enabled", "disabled", "adaptive", "between_tools"];
const EFFORTS_ABOVE_HIGH: [&str; 2] = ["xhigh", "max"];
const THINKING_TOKENS_MIN: u64 = 1_024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thinking {
    Off,
    Adaptive { shown: bool },
    Budget { tokens: u64, shown: bool },
}

impl Thinking {
    /// Whether the answer contains the text of the thoughts.
    pub(super) fn is_shown(self) -> bool {
        matches!(self, Self::Adaptive { shown: true } | Self::Budget { shown: true, .. })
    }
}

/// What the request asks for, or else what the model does by default.
pub(super) fn thinking(fields: &Fields, model: Model, effort: &str, max_tokens: u64) -> Checked<Thinking> {
    let is_forced = is_forced(fields);
    if is_forced && !model.takes_forced_tools {
        let message = "tool_choice: forcing tool use ('any', 'tool') is not supported for this model.";
        return Err(AnthropicError::invalid(message));
    }
    let Some(asked) = given(fields, "thinking") else {
        // Assumed: a model that is forced to use a tool does so without thinking.
        let thinks = model.thinking.by_default && !is_forced;
        return Ok(if thinks { Thinking::Adaptive { shown: false } } else { Thinking::Off });
    };
    let kind = asked.get("type").and_then(Value::as_str).unwrap_or_default();
    check_type(model, kind, effort)?;
    if is_forced && matches!(kind, "adaptive" | "enabled") {
        return Err(AnthropicError::invalid("Thinking may not be enabled when tool_choice forces tool use."));
    }
    let shown = match asked.get("display").and_then(Value::as_str) {
        Some(display) => display != "omitted",
        None => !model.thinking.by_default,
    };
    match kind {
        "adaptive" => Ok(Thinking::Adaptive { shown }),
        "enabled" => Ok(Thinking::Budget { tokens: budget(asked, max_tokens)?, shown }),
        // `between_tools` allows thinking between two uses of tools; the sandbox never uses a second one.
        _ => Ok(Thinking::Off),
    }
}

/// Whether `tool_choice` forces the model to use a tool.
fn is_forced(fields: &Fields) -> bool {
    let kind = given(fields, "tool_choice").and_then(|choice| choice.get("type")).and_then(Value::as_str);
    matches!(kind, Some("tool" | "any"))
}

fn check_type(model: Model, kind: &str, effort: &str) -> Checked<()> {
    if !TYPES.contains(&kind) {
        return Err(AnthropicError::invalid(format!(
            "thinking: Input tag '{kind}' does not match any of the expected tags: '{}'",
            TYPES.join("', '")
        )));
    }
    if !model.takes_thinking(kind) {
        let known: Vec<String> = model.thinking.types.iter().map(|kind| format!("\"thinking.type.{kind}\"")).collect();
        return Err(AnthropicError::invalid(format!(
            "\"thinking.type.{kind}\" is not supported for this model. Use {} instead.",
            known.join(" or ")
        )));
    }
    let is_off = matches!(kind, "disabled" | "between_tools");
    if is_off && !model.thinking.off_at_any_effort && EFFORTS_ABOVE_HIGH.contains(&effort) {
        return Err(AnthropicError::invalid(format!(
            "\"thinking.type.{kind}\" is not supported with \"output_config.effort\" '{effort}' for this model. Use an \
             effort of 'high' or lower."
        )));
    }
    Ok(())
}

fn budget(asked: &Value, max_tokens: u64) -> Checked<u64> {
    let tokens = asked.get("budget_tokens").and_then(Value::as_u64);
    let tokens = tokens.ok_or_else(|| required("thinking.enabled.budget_tokens"))?;
    if tokens < THINKING_TOKENS_MIN {
        return Err(AnthropicError::invalid(format!(
            "thinking.enabled.budget_tokens: Input should be greater than or equal to {THINKING_TOKENS_MIN}"
        )));
    }
    if tokens >= max_tokens {
        return Err(AnthropicError::invalid("`max_tokens` must be greater than `thinking.budget_tokens`."));
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests;
