//! The Models API: what each model can do, and when it retires.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use jiff::civil::Date;
use serde_json::{Value, json};

use super::{
    access::authorise,
    errors::{AnthropicError, mark, request_id},
    models::Model,
    state::Anthropic,
};
use crate::shared::{
    clock::iso,
    lifecycle::{Announced, Provider, Standing},
};

const PAGE_DEFAULT: usize = 20;
const PAGE_MAX: usize = 1_000;
const STAGES: [&str; 3] = ["active", "deprecated", "retired"];

type Parameters = [(String, String)];

/// A model and its state.
struct Entry {
    model: Model,
    standing: Standing,
}

/// A model by its alias or snapshot, and its announced end.
pub(crate) fn announced(name: &str) -> Option<Announced> {
    Model::find(name).map(Model::announced)
}

pub(super) async fn list_models(
    State(anthropic): State<Arc<Anthropic>>,
    headers: HeaderMap,
    Query(parameters): Query<Vec<(String, String)>>,
) -> Result<Response, AnthropicError> {
    authorise(&headers)?;
    let stages = stages(&parameters)?;
    let entries = Model::all().map(|model| Entry::of(&anthropic, model));
    let entries: Vec<Entry> = entries.filter(|entry| stages.contains(&entry.stage())).collect();
    Ok(marked(page(&entries, &parameters)?))
}

pub(super) async fn read_model(
    State(anthropic): State<Arc<Anthropic>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, AnthropicError> {
    authorise(&headers)?;
    let model = Model::find(&id).ok_or_else(|| AnthropicError::not_found(format!("model: {id}")))?;
    Ok(marked(Entry::of(&anthropic, model).to_json()))
}

fn marked(body: Value) -> Response {
    let mut response = Json(body).into_response();
    mark(&mut response, &request_id());
    response
}

fn parameter<'a>(parameters: &'a Parameters, name: &str) -> Option<&'a str> {
    parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// The stages that are asked for. Retired models are listed only when they are asked for.
fn stages(parameters: &Parameters) -> Result<Vec<&'static str>, AnthropicError> {
    // Clients write a list as `lifecycle[]=…&lifecycle[]=…`.
    let asked = parameters.iter().filter(|(name, _)| name.trim_end_matches("[]") == "lifecycle");
    let asked: Vec<&str> = asked.map(|(_, value)| value.as_str()).collect();
    if asked.is_empty() {
        return Ok(vec!["active", "deprecated"]);
    }
    let known = |asked: &str| STAGES.iter().find(|stage| **stage == asked).copied();
    let unknown = || AnthropicError::invalid("lifecycle: Input should be 'active', 'deprecated' or 'retired'");
    asked.into_iter().map(|asked| known(asked).ok_or_else(unknown)).collect()
}

/// One page: the entries after `after_id` or before `before_id`, `limit` of them.
fn page(entries: &[Entry], parameters: &Parameters) -> Result<Value, AnthropicError> {
    let limit = match parameter(parameters, "limit").map(str::parse::<usize>) {
        None => PAGE_DEFAULT,
        Some(Ok(limit)) if (1..=PAGE_MAX).contains(&limit) => limit,
        Some(_) => {
            return Err(AnthropicError::invalid(format!("limit: Input should be between 1 and {PAGE_MAX}")));
        }
    };
    let place = |name: &str| match parameter(parameters, name) {
        None => Ok(None),
        Some(id) => match entries.iter().position(|entry| entry.model.snapshot == id) {
            Some(place) => Ok(Some(place)),
            None => Err(AnthropicError::invalid(format!("{name}: there is no such model"))),
        },
    };
    let (start, end) = match (place("after_id")?, place("before_id")?) {
        (None, None) => (0, limit),
        (Some(after), None) => (after + 1, after + 1 + limit),
        (None, Some(before)) => (before.saturating_sub(limit), before),
        (Some(_), Some(_)) => {
            return Err(AnthropicError::invalid("only one of `after_id` and `before_id` may be given"));
        }
    };
    let shown: Vec<&Entry> = entries.iter().take(end).skip(start).collect();
    // Read backwards, "more" is what lies before this page.
    let is_backwards = parameter(parameters, "before_id").is_some();
    let has_more = if is_backwards { start > 0 } else { end < entries.len() };
    let id = |entry: Option<&&Entry>| entry.map(|entry| entry.model.snapshot);
    Ok(json!({
        "first_id": id(shown.first()), "last_id": id(shown.last()), "has_more": has_more,
        "data": shown.iter().map(|entry| entry.to_json()).collect::<Vec<_>>(),
    }))
}

impl Entry {
    fn of(anthropic: &Anthropic, model: Model) -> Self {
        Self { model, standing: anthropic.lifecycles.standing(Provider::Anthropic, model.announced()) }
    }

    fn stage(&self) -> &'static str {
        match (self.standing.gone, self.standing.retires_on) {
            (true, _) => "retired",
            (false, Some(_)) => "deprecated",
            (false, None) => "active",
        }
    }

    fn to_json(&self) -> Value {
        let Self { model, standing } = self;
        let changed_at = standing.changed_at_ms.map(iso);
        let announced_at = model.deprecation.map(|deprecation| midnight(deprecation.since));
        // A model that a test retired without a date has retired at the moment of that change.
        let went_at = changed_at.clone().filter(|_| standing.gone);
        let line = ["haiku", "sonnet", "opus"].into_iter().find(|line| model.name.contains(line));
        json!({
            "type": "model", "id": model.snapshot, "display_name": model.display_name, "line": line,
            "created_at": "2025-01-01T00:00:00Z",
            "lifecycle": self.stage(),
            "deprecated_at": announced_at.or(changed_at).filter(|_| self.stage() != "active"),
            "retires_at": standing.retires_on.map(midnight).or(went_at),
            "max_input_tokens": model.input_tokens_max,
            "max_tokens": model.output_tokens_max,
            "capabilities": capabilities(*model),
        })
    }
}

fn midnight(day: Date) -> String {
    format!("{day}T00:00:00Z")
}

/// What the real model can do, which is more than the sandbox emulates.
fn capabilities(model: Model) -> Value {
    let supported = |supported: bool| json!({"supported": supported});
    let effort = |word: &str| supported(model.efforts.contains(&word));
    let thinking = |kind: &str| supported(model.takes_thinking(kind));
    json!({
        "batch": supported(true),
        "citations": supported(true),
        "code_execution": supported(true),
        "context_management": {
            "supported": true, "clear_thinking_20251015": supported(true), "clear_tool_uses_20250919": supported(true),
            "compact_20260112": supported(model.efforts.contains(&"max")),
        },
        "effort": {
            "supported": !model.efforts.is_empty(), "low": effort("low"), "medium": effort("medium"),
            "high": effort("high"), "xhigh": effort("xhigh"), "max": effort("max"),
        },
        "image_input": supported(true),
        "pdf_input": supported(true),
        "server_tools": {"supported": true, "code_execution": supported(true), "web_search": supported(true)},
        "structured_outputs": supported(true),
        "thinking": {
            "supported": true,
            "types": {
                "adaptive": thinking("adaptive"), "between_tools": thinking("between_tools"),
                "disabled": thinking("disabled"), "enabled": thinking("enabled"),
            },
        },
    })
}
