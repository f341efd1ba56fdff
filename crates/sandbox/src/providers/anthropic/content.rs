//! Reads a prompt twice: as blocks in the order in which they are cached, and as messages for the judge.

use serde_json::{Map, Value};

use super::errors::{AnthropicError, Checked, required};
use crate::shared::{
    judge::Message,
    prompt_cache::{Block, Ttl, look_back},
};

const BREAKPOINTS_MAX: usize = 4;
/// How many blocks are searched for an entry, from a breakpoint backwards.
const LOOKBACK_BLOCKS: usize = 20;

/// The prompt as far as it was read: tools, then system, then messages.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) blocks: Vec<Block>,
    pub(super) messages: Vec<Message>,
}

impl Gathered {
    /// Adds a part that can have no breakpoint.
    pub(super) fn plain(&mut self, text: String) {
        self.blocks.push(Block::plain(text));
    }

    /// Adds a tool. All of it counts but its `cache_control`.
    pub(super) fn tool(&mut self, at: &str, tool: &Map<String, Value>) -> Checked<()> {
        let breakpoint = breakpoint(at, tool.get("cache_control"))?;
        let said: Map<String, Value> = tool
            .iter()
            .filter(|(name, _)| *name != "cache_control")
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        self.blocks.push(Block { breakpoint, ..Block::plain(Value::Object(said).to_string()) });
        Ok(())
    }

    /// Adds the text or the blocks of one message.
    pub(super) fn spoken(&mut self, role: &str, at: &str, content: &Value) -> Checked<()> {
        let mut text = String::new();
        match content {
            Value::String(whole) => {
                self.plain(format!("\n{role}\n{whole}"));
                text.push_str(whole);
            }
            Value::Array(parts) => {
                for (place, part) in parts.iter().enumerate() {
                    let said = self.part(role, &format!("{at}.{place}"), part)?;
                    if !text.is_empty() && !said.is_empty() {
                        text.push('\n');
                    }
                    text.push_str(&said);
                }
            }
            _ => return Err(AnthropicError::invalid(format!("{at}: Input should be a valid string or list"))),
        }
        self.messages.push(Message { role: role.to_owned(), text });
        Ok(())
    }

    fn part(&mut self, role: &str, at: &str, part: &Value) -> Checked<String> {
        let field = |name: &str| required(&format!("{at}.{name}"));
        let fields =
            part.as_object().ok_or_else(|| AnthropicError::invalid(format!("{at}: Input should be an object")))?;
        let kind = fields.get("type").and_then(Value::as_str).ok_or_else(|| field("type"))?;
        let breakpoint = breakpoint(at, fields.get("cache_control"))?;
        let said = match kind {
            "text" => {
                let text = fields.get("text").and_then(Value::as_str).ok_or_else(|| field("text"))?;
                if text.is_empty() {
                    let what = if breakpoint.is_some() {
                        format!("{at}: cache_control cannot be set for empty text blocks")
                    } else {
                        "messages: text content blocks must be non-empty".to_owned()
                    };
                    return Err(AnthropicError::invalid(what));
                }
                text.to_owned()
            }
            // The judge does not read these; they still count as tokens below.
            "tool_use" | "tool_result" | "thinking" | "redacted_thinking" => String::new(),
            _ => return Err(AnthropicError::invalid(format!("{at}: The sandbox does not play '{kind}' blocks."))),
        };
        let counted = if said.is_empty() { part.to_string() } else { said.clone() };
        self.blocks.push(Block { breakpoint, ..Block::plain(format!("\n{role}\n{counted}")) });
        Ok(said)
    }

    /// Sets the breakpoint of the whole request, which is on its last block, and checks the rules for all breakpoints.
    pub(super) fn close(&mut self, whole: Option<&Value>) -> Checked<()> {
        let automatic = breakpoint("cache_control", whole)?;
        if let (Some(ttl), Some(last)) = (automatic, self.blocks.last_mut()) {
            last.breakpoint = last.breakpoint.or(Some(ttl));
        }
        let breakpoints: Vec<Ttl> = self.blocks.iter().filter_map(|block| block.breakpoint).collect();
        if breakpoints.len() > BREAKPOINTS_MAX {
            let message = format!(
                "A maximum of {BREAKPOINTS_MAX} blocks with cache_control may be provided. Found {}.",
                breakpoints.len()
            );
            return Err(AnthropicError::invalid(message));
        }
        let short = breakpoints.iter().position(|ttl| *ttl == Ttl::FiveMinutes);
        let long = breakpoints.iter().rposition(|ttl| *ttl == Ttl::OneHour);
        if short.zip(long).is_some_and(|(short, long)| short < long) {
            let message = "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that \
                           blocks are processed in the following order: `tools`, `system`, `messages`.";
            return Err(AnthropicError::invalid(message));
        }
        look_back(&mut self.blocks, LOOKBACK_BLOCKS);
        Ok(())
    }
}

fn breakpoint(at: &str, control: Option<&Value>) -> Checked<Option<Ttl>> {
    let Some(control) = control.filter(|control| !control.is_null()) else {
        return Ok(None);
    };
    let at = if at == "cache_control" { at.to_owned() } else { format!("{at}.cache_control") };
    if control.get("type").and_then(Value::as_str) != Some("ephemeral") {
        return Err(AnthropicError::invalid(format!("{at}.type: Input should be 'ephemeral'")));
    }
    match control.get("ttl").map(|ttl| ttl.as_str()) {
        None | Some(Some("5m")) => Ok(Some(Ttl::FiveMinutes)),
        Some(Some("1h")) => Ok(Some(Ttl::OneHour)),
        _ => Err(AnthropicError::invalid(format!("{at}.ttl: Input should be '5m' or '1h'"))),
    }
}
