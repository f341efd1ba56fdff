//! A chat request, checked as OpenAI checks it, with its error messages where they are known.

use axum::http::StatusCode;
use serde_json::Value;

use super::{
    caching::{Caching, caching},
    content::Gathered,
    errors::{Checked, OpenAiError, not_a, quoted, unsupported},
    models::Model,
    schema,
};
use crate::shared::{
    json::{Fields, given},
    judge::{Format, Message},
    prompt_cache::Block,
};

/// Every parameter of the endpoint (openai-openapi 2.3.0).
const PARAMETERS: &str = "\
    audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens \
    max_tokens messages metadata modalities model moderation n parallel_tool_calls prediction \
    presence_penalty prompt_cache_key prompt_cache_options prompt_cache_retention \
    reasoning_effort response_format safety_identifier seed service_tier stop store stream \
    stream_options temperature tool_choice tools top_logprobs top_p user verbosity \
    web_search_options";
/// Parameters that the sandbox does not emulate: refused rather than ignored.
const NOT_PLAYED: [&str; 7] =
    ["tools", "functions", "audio", "prediction", "web_search_options", "logprobs", "top_logprobs"];
const SAFETY_IDENTIFIER_CHARS_MAX: usize = 128;

/// A checked request.
#[derive(Debug)]
pub(super) struct ChatRequest {
    pub(super) model: Model,
    pub(super) messages: Vec<Message>,
    /// Everything the model reads, in the order in which it is cached.
    pub(super) blocks: Vec<Block>,
    pub(super) format: Format,
    /// The reasoning effort; "medium" if none is given.
    pub(super) effort: &'static str,
    pub(super) max_tokens: Option<u64>,
    pub(super) caching: Caching,
}

/// Checks a body; the error is what OpenAI would answer. `has_gone` says whether a model was shut down.
pub(super) fn parse(body: &[u8], has_gone: impl Fn(Model) -> bool) -> Checked<ChatRequest> {
    let unparsable = || {
        let message = "We could not parse the JSON body of your request. (HINT: This likely means you aren't using \
                       your HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not \
                       valid JSON.)";
        OpenAiError::invalid(None, None, message)
    };
    let body: Value = serde_json::from_slice(body).map_err(|_| unparsable())?;
    let fields = body.as_object().ok_or_else(unparsable)?;
    let name = fields.get("model").and_then(Value::as_str).filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| OpenAiError::invalid(None, None, "you must provide a model parameter"))?;
    let model = Model::find(name).ok_or_else(|| {
        let message = format!("The model `{name}` does not exist or you do not have access to it.");
        OpenAiError::new(StatusCode::NOT_FOUND, "invalid_request_error", Some("model_not_found"), message)
    })?;
    if has_gone(model) {
        return Err(OpenAiError::shut_down(name));
    }
    check_parameters(fields)?;
    let effort = effort(fields, model)?;
    check_sampling(fields, model, effort)?;
    let mut gathered = Gathered::default();
    gathered.messages(fields, model)?;
    let format = format(fields, &gathered.messages)?;
    if let Format::Schema(schema) = &format {
        // The format stands before everything else in the prompt, so another format is another cached prefix.
        gathered.schema(schema);
    }
    Ok(ChatRequest {
        max_tokens: token_limit(fields, model)?,
        caching: caching(fields, model, effort, &mut gathered)?,
        messages: gathered.messages,
        blocks: gathered.blocks,
        effort,
        model,
        format,
    })
}

fn check_parameters(fields: &Fields) -> Checked<()> {
    if let Some(unknown) = fields.keys().find(|name| !PARAMETERS.split_whitespace().any(|known| known == *name)) {
        let message = format!("Unrecognized request argument supplied: {unknown}");
        return Err(OpenAiError::invalid(None, None, message));
    }
    if fields.get("stream").and_then(Value::as_bool) == Some(true) {
        return Err(unsupported("stream", "The sandbox does not stream. Send 'stream': false or leave it out."));
    }
    if fields.get("n").and_then(Value::as_u64).is_some_and(|count| count != 1) {
        return Err(unsupported("n", "The sandbox gives one choice. Send 'n': 1 or leave it out."));
    }
    // Null and false ask for nothing.
    let used = |name: &&str| fields.get(*name).is_some_and(|value| !value.is_null() && value != &Value::Bool(false));
    if let Some(name) = NOT_PLAYED.iter().find(|name| used(name)) {
        return Err(unsupported(name, &format!("The sandbox does not play '{name}'.")));
    }
    let identifier = fields.get("safety_identifier").and_then(Value::as_str).unwrap_or_default();
    if identifier.chars().count() > SAFETY_IDENTIFIER_CHARS_MAX {
        let message = format!(
            "Invalid 'safety_identifier': string too long. Expected a string with maximum length \
             {SAFETY_IDENTIFIER_CHARS_MAX}, but got a string with length {} instead.",
            identifier.chars().count()
        );
        return Err(OpenAiError::invalid(Some("safety_identifier"), Some("string_above_max_length"), message));
    }
    Ok(())
}

/// A model that reasons takes sampling parameters only at their default; at effort `none` it takes `temperature` and
/// `top_p`.
fn check_sampling(fields: &Fields, model: Model, effort: &str) -> Checked<()> {
    for name in ["temperature", "top_p", "presence_penalty", "frequency_penalty"] {
        let Some(value) = given(fields, name) else {
            continue;
        };
        let is_penalty = name.ends_with("penalty");
        let default = if is_penalty { 0.0 } else { 1.0 };
        if value.as_f64().is_none() {
            return Err(not_a("a decimal", name));
        }
        let is_fixed = model.reasons() && (effort != "none" || is_penalty);
        if is_fixed && value.as_f64() != Some(default) {
            let message = format!(
                "Unsupported value: '{name}' does not support {value} with this model. Only the default ({default}) \
                 value is supported."
            );
            return Err(OpenAiError::invalid(Some(name), Some("unsupported_value"), message));
        }
    }
    Ok(())
}

fn token_limit(fields: &Fields, model: Model) -> Checked<Option<u64>> {
    if model.reasons() && given(fields, "max_tokens").is_some() {
        let message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use \
                       'max_completion_tokens' instead.";
        return Err(OpenAiError::invalid(Some("max_tokens"), Some("unsupported_parameter"), message));
    }
    for name in ["max_completion_tokens", "max_tokens"] {
        let Some(value) = given(fields, name) else { continue };
        return match value.as_u64() {
            Some(limit) if limit > 0 => Ok(Some(limit)),
            _ => {
                let message = format!(
                    "Invalid '{name}': integer below minimum value. Expected a value >= 1, but got {value} instead."
                );
                Err(OpenAiError::invalid(Some(name), Some("integer_below_min_value"), message))
            }
        };
    }
    Ok(None)
}

fn effort(fields: &Fields, model: Model) -> Checked<&'static str> {
    let Some(value) = given(fields, "reasoning_effort") else {
        return Ok("medium");
    };
    if !model.reasons() {
        return Err(OpenAiError::invalid(None, None, "Unrecognized request argument supplied: reasoning_effort"));
    }
    let word = value.as_str().unwrap_or_default();
    model.efforts.iter().find(|known| **known == word).copied().ok_or_else(|| {
        let message = format!(
            "Unsupported value: 'reasoning_effort' does not support '{word}' with this model. Supported values are: {}.",
            quoted(model.efforts)
        );
        OpenAiError::invalid(Some("reasoning_effort"), Some("unsupported_value"), message)
    })
}

fn format(fields: &Fields, messages: &[Message]) -> Checked<Format> {
    let Some(format) = given(fields, "response_format") else {
        return Ok(Format::Text);
    };
    match format.get("type").and_then(Value::as_str) {
        Some("text") => Ok(Format::Text),
        Some("json_object") => {
            if messages.iter().any(|message| message.text.to_lowercase().contains("json")) {
                return Ok(Format::JsonObject);
            }
            let message = "'messages' must contain the word 'json' in some form, to use 'response_format' of type \
                           'json_object'.";
            Err(OpenAiError::invalid(Some("messages"), None, message))
        }
        Some("json_schema") => schema::of_format(format).map(Format::Schema),
        other => {
            let message = format!(
                "Invalid value: '{}'. Supported values are: 'json_object', 'json_schema', and 'text'.",
                other.unwrap_or_default()
            );
            Err(OpenAiError::invalid(Some("response_format.type"), Some("invalid_value"), message))
        }
    }
}

#[cfg(test)]
mod tests;
