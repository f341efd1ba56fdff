//! Dataset items as the API returns them: paged, without hidden fields, with chosen fields.

use axum::{
    Json,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::Value;

use super::{errors::ApifyError, parameters::Parameters};
use crate::shared::headers;

/// What the API reports as the limit when there is none.
const NO_LIMIT: u64 = 999_999_999_999;

/// The items the parameters ask for, with Apify's pagination headers.
pub(super) fn answer(
    status: StatusCode,
    mut items: Vec<Value>,
    parameters: &Parameters,
) -> Result<Response, ApifyError> {
    let format = parameters.text("format").unwrap_or("json");
    if !matches!(format, "json" | "jsonl") {
        let message = format!("The sandbox has no items in the format \"{format}\", only json and jsonl");
        return Err(ApifyError::new(StatusCode::BAD_REQUEST, "invalid-value", message));
    }
    let total = items.len() as u64;
    let offset = parameters.number("offset")?.unwrap_or(0);
    let limit = parameters.number("limit")?.unwrap_or(NO_LIMIT);
    let descending = parameters.flag("desc");
    if descending {
        items.reverse();
    }
    let skip = usize::try_from(offset).unwrap_or(usize::MAX);
    let take = usize::try_from(limit).unwrap_or(usize::MAX);
    let clean = parameters.flag("clean");
    let shaped = items
        .into_iter()
        .skip(skip)
        .take(take)
        .map(|item| shape(item, clean || parameters.flag("skipHidden"), parameters))
        .filter(|item| !(clean || parameters.flag("skipEmpty")) || !is_empty(item));
    let shaped: Vec<Value> = shaped.collect();
    let mut paging = HeaderMap::new();
    for (name, value) in [
        ("x-apify-pagination-total", total.to_string()),
        ("x-apify-pagination-offset", offset.to_string()),
        ("x-apify-pagination-limit", limit.to_string()),
        ("x-apify-pagination-count", shaped.len().to_string()),
        ("x-apify-pagination-desc", descending.to_string()),
    ] {
        headers::set(&mut paging, name, &value);
    }
    if format == "jsonl" {
        let lines: Vec<String> = shaped.iter().map(Value::to_string).collect();
        let kind = [("content-type", "application/jsonl; charset=utf-8")];
        return Ok((status, paging, kind, lines.join("\n")).into_response());
    }
    Ok((status, paging, Json(shaped)).into_response())
}

fn shape(item: Value, without_hidden: bool, parameters: &Parameters) -> Value {
    let Value::Object(mut fields) = item else {
        return item;
    };
    if without_hidden {
        // Apify hides fields by this first character, for example `#debug`.
        fields.retain(|name, _| !name.starts_with('#'));
    }
    if let Some(wanted) = parameters.text("fields") {
        fields.retain(|name, _| wanted.split(',').any(|field| field.trim() == name));
    }
    if let Some(unwanted) = parameters.text("omit") {
        fields.retain(|name, _| !unwanted.split(',').any(|field| field.trim() == name));
    }
    Value::Object(fields)
}

fn is_empty(item: &Value) -> bool {
    item.as_object().is_some_and(serde_json::Map::is_empty)
}
