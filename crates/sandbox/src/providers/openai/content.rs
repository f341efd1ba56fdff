//! Reads a prompt twice: as parts in the order in which they are cached, and as messages for the judge.

use serde_json::Value;

use super::{
    breakpoints::breakpoint,
    errors::{Checked, OpenAiError, missing, not_a, quoted, unknown_parameter},
    models::Model,
};
use crate::shared::{json::Fields, judge::Message, prompt_cache::Block};

const ROLES: [&str; 6] = ["system", "assistant", "user", "function", "tool", "developer"];
/// The fields that each type of part may have.
const TEXT_FIELDS: [&str; 3] = ["type", "text", "prompt_cache_breakpoint"];
const REFUSAL_FIELDS: [&str; 2] = ["type", "refusal"];
const NOT_PLAYED: [&str; 3] = ["image_url", "input_audio", "file"];

/// The prompt as far as it was read: the schema, then the messages.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) blocks: Vec<Block>,
    pub(super) messages: Vec<Message>,
    /// The places of the blocks that end a user message.
    pub(super) user_ends: Vec<usize>,
}

impl Gathered {
    /// Puts the schema before all messages, where the model reads it.
    pub(super) fn schema(&mut self, schema: &Value) {
        // The messages were read first, because a format is checked against them; so their places move by one.
        for end in &mut self.user_ends {
            *end += 1;
        }
        self.blocks.insert(0, Block::plain(schema.to_string()));
    }

    pub(super) fn messages(&mut self, fields: &Fields, model: Model) -> Checked<()> {
        let list = fields.get("messages").and_then(Value::as_array).ok_or_else(|| missing("messages"))?;
        if list.is_empty() {
            let message = "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty \
                           array instead.";
            return Err(OpenAiError::invalid(Some("messages"), Some("empty_array"), message));
        }
        list.iter().enumerate().try_for_each(|(place, message)| self.message(place, message, model))
    }

    fn message(&mut self, place: usize, message: &Value, model: Model) -> Checked<()> {
        let role = message.get("role").and_then(Value::as_str).unwrap_or_default();
        if !ROLES.contains(&role) {
            let text = format!("Invalid value: '{role}'. Supported values are: {}.", quoted(&ROLES));
            return Err(OpenAiError::invalid(Some(&format!("messages[{place}].role")), Some("invalid_value"), text));
        }
        let at = format!("messages[{place}].content");
        let text = match message.get("content") {
            Some(Value::String(text)) => {
                self.blocks.push(Block::plain(format!("\n{role}\n{text}")));
                text.clone()
            }
            Some(Value::Array(parts)) if !parts.is_empty() => self.parts(role, &at, parts, model)?,
            None | Some(Value::Null) if role == "assistant" => {
                self.blocks.push(Block::plain(format!("\n{role}\n")));
                String::new()
            }
            _ => return Err(not_a("one of a string or array of objects", &at)),
        };
        if role == "user" {
            self.user_ends.push(self.blocks.len().saturating_sub(1));
        }
        self.messages.push(Message { role: role.to_owned(), text });
        Ok(())
    }

    fn parts(&mut self, role: &str, at: &str, parts: &[Value], model: Model) -> Checked<String> {
        let mut texts: Vec<String> = vec![];
        for (place, part) in parts.iter().enumerate() {
            let at = format!("{at}[{place}]");
            let fields = part.as_object().ok_or_else(|| not_a("an object", &at))?;
            let text = part_text(&at, fields)?;
            let before = if texts.is_empty() { format!("\n{role}\n") } else { "\n".to_owned() };
            let breakpoint = breakpoint(&at, fields, model)?;
            self.blocks.push(Block { breakpoint, ..Block::plain(format!("{before}{text}")) });
            texts.push(text);
        }
        Ok(texts.join("\n"))
    }
}

/// The text of one part, which may only have the fields of its type.
fn part_text(at: &str, fields: &Fields) -> Checked<String> {
    let kind = fields.get("type").and_then(Value::as_str).unwrap_or_default();
    let (word, known): (&str, &[&str]) = match kind {
        "text" => ("text", &TEXT_FIELDS),
        "refusal" => ("refusal", &REFUSAL_FIELDS),
        _ if NOT_PLAYED.contains(&kind) => {
            let message = format!("The sandbox does not play '{kind}' parts.");
            return Err(OpenAiError::invalid(Some(at), Some("unsupported_parameter"), message));
        }
        _ => {
            let known = quoted(&["text", "image_url", "input_audio", "refusal", "file"]);
            let message = format!("Invalid value: '{kind}'. Supported values are: {known}.");
            return Err(OpenAiError::invalid(Some(&format!("{at}.type")), Some("invalid_value"), message));
        }
    };
    if let Some(unknown) = fields.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(unknown_parameter(&format!("{at}.{unknown}")));
    }
    let text = fields.get(word).and_then(Value::as_str);
    text.map(str::to_owned).ok_or_else(|| missing(&format!("{at}.{word}")))
}
