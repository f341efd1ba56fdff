//! A chat request, checked as OpenAI checks it, with its words where a refusal has some.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Map, Value};

use super::{errors::OpenAiError, models::Model, schema};
use crate::judge::{Format, Message};

/// Every parameter of the endpoint (openai-openapi 2.3.0).
const PARAMETERS: &str = "\
    audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens \
    max_tokens messages metadata modalities model moderation n parallel_tool_calls prediction \
    presence_penalty prompt_cache_key prompt_cache_options prompt_cache_retention \
    reasoning_effort response_format safety_identifier seed service_tier stop store stream \
    stream_options temperature tool_choice tools top_logprobs top_p user verbosity \
    web_search_options";
/// What the sandbox does not play, and says so instead of pretending.
const NOT_PLAYED: [&str; 7] =
    ["tools", "functions", "audio", "prediction", "web_search_options", "logprobs", "top_logprobs"];
/// `safety_identifier` may not be longer.
const SAFETY_IDENTIFIER_CHARS_MAX: usize = 64;

/// A prompt stays cached for this long after its last use unless the request says otherwise.
const CACHE_KEPT_S: u64 = 600;

/// A request that may be answered.
#[derive(Debug)]
pub(super) struct ChatRequest {
    pub(super) model: Model,
    pub(super) messages: Vec<Message>,
    pub(super) format: Format,
    /// Reasoning effort; "medium" where it is not given.
    pub(super) effort: &'static str,
    pub(super) max_tokens: Option<u64>,
    pub(super) cache_key: String,
    /// How long its prompt stays cached after this use.
    pub(super) cache_kept: Duration,
}

type Checked<T> = Result<T, OpenAiError>;

/// Checks a body; the error is what OpenAI would answer.
pub(super) fn parse(body: &[u8]) -> Checked<ChatRequest> {
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
    check_parameters(fields)?;
    check_sampling(fields, model)?;
    let messages = messages(fields)?;
    let format = format(fields, &messages)?;
    Ok(ChatRequest {
        effort: effort(fields, model)?,
        max_tokens: token_limit(fields, model)?,
        cache_kept: cache_kept(fields)?,
        cache_key: fields.get("prompt_cache_key").and_then(Value::as_str).unwrap_or_default().to_owned(),
        model,
        messages,
        format,
    })
}

fn check_parameters(fields: &Map<String, Value>) -> Checked<()> {
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

fn check_sampling(fields: &Map<String, Value>, model: Model) -> Checked<()> {
    for name in ["temperature", "top_p", "presence_penalty", "frequency_penalty"] {
        let Some(value) = fields.get(name).filter(|value| !value.is_null()) else {
            continue;
        };
        let default = if name.ends_with("penalty") { 0.0 } else { 1.0 };
        if value.as_f64().is_none() {
            let message = format!("Invalid type for '{name}': expected a decimal, but got something else instead.");
            return Err(OpenAiError::invalid(Some(name), Some("invalid_type"), message));
        }
        if model.reasons() && value.as_f64() != Some(default) {
            let message = format!(
                "Unsupported value: '{name}' does not support {value} with this model. Only the default ({default}) \
                 value is supported."
            );
            return Err(OpenAiError::invalid(Some(name), Some("unsupported_value"), message));
        }
    }
    Ok(())
}

fn token_limit(fields: &Map<String, Value>, model: Model) -> Checked<Option<u64>> {
    let given = |name: &str| fields.get(name).filter(|value| !value.is_null());
    if model.reasons() && given("max_tokens").is_some() {
        let message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use \
                       'max_completion_tokens' instead.";
        return Err(OpenAiError::invalid(Some("max_tokens"), Some("unsupported_parameter"), message));
    }
    for name in ["max_completion_tokens", "max_tokens"] {
        let Some(value) = given(name) else { continue };
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

fn effort(fields: &Map<String, Value>, model: Model) -> Checked<&'static str> {
    let Some(value) = fields.get("reasoning_effort").filter(|value| !value.is_null()) else {
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

fn cache_kept(fields: &Map<String, Value>) -> Checked<Duration> {
    let given = |value: Option<&Value>| value.filter(|value| !value.is_null()).cloned();
    let seconds = |param: &str, value: Option<Value>, options: &[(&str, u64)]| {
        let Some(value) = value else { return Ok(None) };
        let named = options.iter().find(|(name, _)| value.as_str() == Some(name));
        named.map(|(_, seconds)| Some(*seconds)).ok_or_else(|| {
            let names: Vec<&str> = options.iter().map(|(name, _)| *name).collect();
            let message = format!("Invalid value: {value}. Supported values are: {}.", quoted(&names));
            OpenAiError::invalid(Some(param), Some("invalid_value"), message)
        })
    };
    let options = fields.get("prompt_cache_options");
    let ttl = given(options.and_then(|options| options.get("ttl")));
    let ttl = seconds("prompt_cache_options.ttl", ttl, &[("30m", 1_800)])?;
    let retention = given(fields.get("prompt_cache_retention"));
    let names = [("in_memory", CACHE_KEPT_S), ("24h", 86_400)];
    let retention = seconds("prompt_cache_retention", retention, &names)?;
    Ok(Duration::from_secs(ttl.or(retention).unwrap_or(CACHE_KEPT_S)))
}

fn messages(fields: &Map<String, Value>) -> Checked<Vec<Message>> {
    let missing = || {
        OpenAiError::invalid(
            Some("messages"),
            Some("missing_required_parameter"),
            "Missing required parameter: 'messages'.",
        )
    };
    let list = fields.get("messages").and_then(Value::as_array).ok_or_else(missing)?;
    if list.is_empty() {
        let message = "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty \
                       array instead.";
        return Err(OpenAiError::invalid(Some("messages"), Some("empty_array"), message));
    }
    list.iter().enumerate().map(|(place, message)| parse_message(place, message)).collect()
}

fn parse_message(place: usize, message: &Value) -> Checked<Message> {
    const ROLES: [&str; 6] = ["system", "assistant", "user", "function", "tool", "developer"];
    let role = message.get("role").and_then(Value::as_str).unwrap_or_default();
    if !ROLES.contains(&role) {
        let text = format!("Invalid value: '{role}'. Supported values are: {}.", quoted(&ROLES));
        return Err(OpenAiError::invalid(Some(&format!("messages[{place}].role")), Some("invalid_value"), text));
    }
    let text = match message.get("content") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let texts = parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str));
            texts.collect::<Vec<_>>().join("\n")
        }
        None | Some(Value::Null) if role == "assistant" => String::new(),
        _ => {
            let text = format!(
                "Invalid type for 'messages[{place}].content': expected one of a string or array of objects, but got \
                 something else instead."
            );
            return Err(OpenAiError::invalid(Some(&format!("messages[{place}].content")), Some("invalid_type"), text));
        }
    };
    Ok(Message { role: role.to_owned(), text })
}

fn format(fields: &Map<String, Value>, messages: &[Message]) -> Checked<Format> {
    let Some(format) = fields.get("response_format").filter(|format| !format.is_null()) else {
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

fn unsupported(param: &str, message: &str) -> OpenAiError {
    OpenAiError::invalid(Some(param), Some("unsupported_parameter"), message)
}

/// `'a', 'b', and 'c'`, as OpenAI lists what it supports.
fn quoted(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{}, and {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

#[cfg(test)]
mod tests;
