//! A request for a message, checked as Anthropic checks it, with its error messages where they are known.

use serde_json::Value;

use super::{
    access::Version,
    content::Gathered,
    errors::{AnthropicError, Checked, required},
    models::Model,
    schema,
    thinking::{Thinking, thinking},
};
use crate::shared::{
    json::{Fields, given},
    judge::{Format, Message},
    prompt_cache::Block,
};

/// Every parameter of the endpoint in both versions.
const PARAMETERS: &str = "\
    cache_control container diagnostics inference_geo max_tokens messages metadata model output_config service_tier speed \
    stop_sequences stream system thinking tool_choice tools user_profile_id workspace_id";
/// Parameters of the version of 2023 only.
const SAMPLING: [&str; 3] = ["temperature", "top_k", "top_p"];
/// Parameters that the sandbox does not emulate: refused rather than ignored.
const NOT_PLAYED: [&str; 4] = ["container", "diagnostics", "stop_sequences", "stream"];
const TOOL_NAME_CHARS_MAX: usize = 128;

/// A checked request.
#[derive(Debug)]
pub(super) struct MessagesRequest {
    pub(super) model: Model,
    pub(super) messages: Vec<Message>,
    /// Everything the model reads, in the order in which it is cached.
    pub(super) blocks: Vec<Block>,
    pub(super) reply: Reply,
    pub(super) max_tokens: u64,
    pub(super) thinking: Thinking,
    /// The model's default if none is given.
    pub(super) effort: &'static str,
}

/// The form of the answer.
#[derive(Debug)]
pub(super) enum Reply {
    Text(Format),
    Tool { name: String, input: Format },
}

impl Reply {
    pub(super) fn format(&self) -> &Format {
        match self {
            Self::Text(format) | Self::Tool { input: format, .. } => format,
        }
    }
}

/// Checks a body; the error is what Anthropic would answer. `has_gone` says whether a model was retired.
pub(super) fn parse(body: &[u8], version: Version, has_gone: impl Fn(Model) -> bool) -> Checked<MessagesRequest> {
    let body: Value = serde_json::from_slice(body)
        .map_err(|error| AnthropicError::invalid(format!("The request body is not valid JSON: {error}")))?;
    let fields =
        body.as_object().ok_or_else(|| AnthropicError::invalid("The request body is not valid JSON: not an object"))?;
    let name = given(fields, "model").ok_or_else(|| required("model"))?;
    let name = name.as_str().ok_or_else(|| AnthropicError::invalid("model: Input should be a valid string"))?;
    // Anthropic answers the same for a retired model as for one that never existed.
    let model = Model::find(name).filter(|model| !has_gone(*model));
    let model = model.ok_or_else(|| AnthropicError::not_found(format!("model: {name}")))?;
    check_parameters(fields, version)?;
    let max_tokens = max_tokens(fields, model)?;
    let (effort, format) = output_config(fields, model)?;
    let thinking = thinking(fields, model, effort, max_tokens)?;
    check_sampling(fields, model, thinking)?;

    // In the order in which Anthropic caches a prompt: format, tools, system, messages.
    let mut gathered = Gathered::default();
    if let Some(schema) = &format {
        // The format stands before everything else in the prompt, so another format is another cached prefix.
        gathered.plain(schema.to_string());
    }
    let tools = tools(fields, &mut gathered)?;
    if let Some(system) = given(fields, "system") {
        gathered.spoken("system", "system", system)?;
    }
    messages(fields, model, &mut gathered)?;
    gathered.close(fields.get("cache_control"))?;
    let reply = reply(fields, format, tools)?;
    Ok(MessagesRequest {
        model,
        messages: gathered.messages,
        blocks: gathered.blocks,
        reply,
        max_tokens,
        thinking,
        effort,
    })
}

fn check_parameters(fields: &Fields, version: Version) -> Checked<()> {
    let known = |name: &str| {
        let sampling = version == Version::V2023 && SAMPLING.contains(&name);
        sampling || PARAMETERS.split_whitespace().any(|known| known == name)
    };
    if let Some(unknown) = fields.keys().find(|name| !known(name)) {
        return Err(AnthropicError::invalid(format!("{unknown}: Extra inputs are not permitted")));
    }
    let used = |name: &&str| match given(fields, name) {
        None | Some(Value::Bool(false)) => false,
        Some(Value::Array(entries)) => !entries.is_empty(),
        Some(_) => true,
    };
    match NOT_PLAYED.iter().find(|name| used(name)) {
        Some(name) => Err(AnthropicError::invalid(format!("{name}: The sandbox does not play '{name}'."))),
        None => Ok(()),
    }
}

fn max_tokens(fields: &Fields, model: Model) -> Checked<u64> {
    let value = given(fields, "max_tokens").ok_or_else(|| required("max_tokens"))?;
    let limit = value.as_i64().ok_or_else(|| AnthropicError::invalid("max_tokens: Input should be a valid integer"))?;
    let limit = u64::try_from(limit).ok().filter(|limit| *limit > 0);
    let limit = limit.ok_or_else(|| AnthropicError::invalid("max_tokens: must be greater than or equal to 1"))?;
    if limit > model.output_tokens_max {
        return Err(AnthropicError::invalid(format!(
            "max_tokens: {limit} > {}, which is the maximum allowed number of output tokens for {}",
            model.output_tokens_max, model.snapshot
        )));
    }
    Ok(limit)
}

fn check_sampling(fields: &Fields, model: Model, thinking: Thinking) -> Checked<()> {
    // `top_k` has no default value: any is a change.
    let is_default = |name: &str, value: &Value| name != "top_k" && value.as_f64() == Some(1.0);
    let changed = |name: &&str| given(fields, name).is_some_and(|value| !is_default(name, value));
    if let Some(name) = SAMPLING.iter().find(|name| changed(name)).filter(|_| !model.takes_sampling_and_prefill) {
        return Err(AnthropicError::invalid(format!("`{name}` is deprecated for this model.")));
    }
    for name in ["temperature", "top_p"] {
        let Some(value) = given(fields, name) else { continue };
        let number = value.as_f64();
        if !number.is_some_and(|number| (0.0..=1.0).contains(&number)) {
            return Err(AnthropicError::invalid(format!("{name}: range: 0..1")));
        }
        if thinking != Thinking::Off && name == "temperature" && number != Some(1.0) {
            return Err(AnthropicError::invalid("`temperature` may only be set to 1 when thinking is enabled."));
        }
    }
    if given(fields, "temperature").is_some() && given(fields, "top_p").is_some() {
        let message = "`temperature` and `top_p` cannot both be specified for this model. Please use only one.";
        return Err(AnthropicError::invalid(message));
    }
    Ok(())
}

/// The effort and the schema of the answer.
fn output_config(fields: &Fields, model: Model) -> Checked<(&'static str, Option<Value>)> {
    let Some(config) = given(fields, "output_config") else {
        return Ok((model.default_effort, None));
    };
    let config =
        config.as_object().ok_or_else(|| AnthropicError::invalid("output_config: Input should be an object"))?;
    if let Some(unknown) = config.keys().find(|name| *name != "effort" && *name != "format") {
        return Err(AnthropicError::invalid(format!("output_config.{unknown}: Extra inputs are not permitted")));
    }
    let effort = match given(config, "effort").map(|effort| effort.as_str().unwrap_or_default()) {
        None => model.default_effort,
        Some(_) if model.efforts.is_empty() => {
            return Err(AnthropicError::invalid("This model does not support the effort parameter."));
        }
        Some(word) => model.efforts.iter().find(|known| **known == word).copied().ok_or_else(|| {
            let known = model.efforts.join("', '");
            AnthropicError::invalid(format!("output_config.effort: Input should be one of '{known}'"))
        })?,
    };
    let Some(format) = given(config, "format") else {
        return Ok((effort, None));
    };
    if format.get("type").and_then(Value::as_str) != Some("json_schema") {
        return Err(AnthropicError::invalid("output_config.format.type: Input should be 'json_schema'"));
    }
    let schema = format.get("schema").ok_or_else(|| required("output_config.format.schema"))?;
    schema::check(schema).map_err(|why| AnthropicError::invalid(format!("output_config.format.schema: {why}")))?;
    Ok((effort, Some(schema.clone())))
}

/// The tools by name with the schema of their input.
fn tools(fields: &Fields, gathered: &mut Gathered) -> Checked<Vec<(String, Value)>> {
    let mut tools: Vec<(String, Value)> = vec![];
    for (place, tool) in given(fields, "tools").and_then(Value::as_array).into_iter().flatten().enumerate() {
        let at = format!("tools.{place}");
        let tool =
            tool.as_object().ok_or_else(|| AnthropicError::invalid(format!("{at}: Input should be an object")))?;
        if let Some(kind) = given(tool, "type").and_then(Value::as_str).filter(|kind| *kind != "custom") {
            return Err(AnthropicError::invalid(format!("{at}: The sandbox does not play the tool type '{kind}'.")));
        }
        let name = given(tool, "name").and_then(Value::as_str);
        let name = name.ok_or_else(|| required(&format!("{at}.custom.name")))?;
        let allowed = |character: char| character.is_ascii_alphanumeric() || "_-".contains(character);
        if name.is_empty() || name.len() > TOOL_NAME_CHARS_MAX || !name.chars().all(allowed) {
            let message =
                format!("{at}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,{TOOL_NAME_CHARS_MAX}}}$'");
            return Err(AnthropicError::invalid(message));
        }
        if tools.iter().any(|(known, _)| known == name) {
            return Err(AnthropicError::invalid("tools: Tool names must be unique."));
        }
        let schema = given(tool, "input_schema").ok_or_else(|| required(&format!("{at}.custom.input_schema")))?;
        if schema.get("type").and_then(Value::as_str) != Some("object") {
            let message = format!("{at}.custom.input_schema.type: Input should be 'object'");
            return Err(AnthropicError::invalid(message));
        }
        if given(tool, "strict") == Some(&Value::Bool(true)) {
            schema::check(schema).map_err(|why| AnthropicError::invalid(format!("{at}.custom: {why}")))?;
        }
        gathered.tool(&at, tool)?;
        tools.push((name.to_owned(), schema.clone()));
    }
    Ok(tools)
}

fn messages(fields: &Fields, model: Model, gathered: &mut Gathered) -> Checked<()> {
    let messages = given(fields, "messages").ok_or_else(|| required("messages"))?;
    let messages =
        messages.as_array().ok_or_else(|| AnthropicError::invalid("messages: Input should be a valid list"))?;
    if messages.is_empty() {
        return Err(AnthropicError::invalid("messages: at least one message is required"));
    }
    let begun = messages.last().and_then(|message| message.get("role")).is_some_and(|role| role == "assistant");
    if begun && !model.takes_sampling_and_prefill {
        let message = "This model does not support assistant message prefill. The conversation must end with a user \
                       message.";
        return Err(AnthropicError::invalid(message));
    }
    for (place, message) in messages.iter().enumerate() {
        let role = message.get("role").and_then(Value::as_str).unwrap_or_default();
        match role {
            "user" => {}
            "assistant" | "system" if place > 0 => {}
            "assistant" => {
                return Err(AnthropicError::invalid("messages: first message must use the \"user\" role"));
            }
            _ => {
                return Err(AnthropicError::invalid(format!(
                    "messages: Unexpected role \"{role}\". The Messages API accepts a top-level `system` parameter, not \
                     \"system\" as an input message role."
                )));
            }
        }
        let content = message.get("content").ok_or_else(|| required(&format!("messages.{place}.content")))?;
        let empty = content.as_str().is_some_and(str::is_empty) || content.as_array().is_some_and(Vec::is_empty);
        if empty {
            let message = format!("messages.{place}: {role} messages must have non-empty content");
            return Err(AnthropicError::invalid(message));
        }
        gathered.spoken(role, &format!("messages.{place}.content"), content)?;
    }
    Ok(())
}

fn reply(fields: &Fields, format: Option<Value>, tools: Vec<(String, Value)>) -> Checked<Reply> {
    let text = |format: Option<Value>| Reply::Text(format.map_or(Format::Text, Format::Schema));
    let choice = given(fields, "tool_choice");
    let kind = choice.and_then(|choice| choice.get("type")).and_then(Value::as_str);
    let tool = match (kind, choice.is_some()) {
        (Some("tool"), _) => {
            let name = choice.and_then(|choice| choice.get("name")).and_then(Value::as_str).unwrap_or_default();
            let tool = tools.into_iter().find(|(known, _)| known == name);
            Some(tool.ok_or_else(|| AnthropicError::invalid(format!("Tool '{name}' not found in provided tools")))?)
        }
        (Some("any"), _) => {
            let none = || AnthropicError::invalid("tool_choice.any: no tools were provided");
            Some(tools.into_iter().next().ok_or_else(none)?)
        }
        (Some("none"), _) => None,
        // If the model may choose, the judge answers in the format if there is one, else with the first tool.
        (Some("auto"), _) | (None, false) => tools.into_iter().next().filter(|_| format.is_none()),
        _ => {
            let message = "tool_choice.type: Input should be 'auto', 'any', 'tool' or 'none'";
            return Err(AnthropicError::invalid(message));
        }
    };
    Ok(match tool {
        Some((name, schema)) => Reply::Tool { name, input: Format::Schema(schema) },
        None => text(format),
    })
}

#[cfg(test)]
mod tests;
