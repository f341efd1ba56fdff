//! `expand[]=latest_invoice`: an object in place of its identifier.

use serde_json::Value;

use super::{
    books::Books,
    errors::StripeError,
    object::{Fields, shown},
};

/// Stripe's own limit.
const DEPTH_MAX: usize = 4;

/// Expands each of these paths in an answer.
pub(super) fn expand(books: &Books, answer: &mut Value, paths: &[String]) -> Result<(), StripeError> {
    for path in paths {
        let parts: Vec<&str> = path.split('.').collect();
        if parts.len() > DEPTH_MAX {
            let message = format!("You cannot expand more than {DEPTH_MAX} levels of a property: {path}");
            return Err(StripeError::invalid(message).param("expand"));
        }
        into(books, answer, &parts);
    }
    Ok(())
}

fn into(books: &Books, value: &mut Value, parts: &[&str]) {
    if let Value::String(id) = value
        && let Some(object) = books.get(id)
    {
        *value = shown(object);
    }
    match (value, parts.split_first()) {
        (Value::Array(items), _) => items.iter_mut().for_each(|item| into(books, item, parts)),
        (Value::Object(fields), Some((name, rest))) => {
            // Some lists are shown only when they are asked for.
            let hidden = fields.get("id").and_then(Value::as_str).and_then(|id| books.get(id));
            let hidden = hidden.map(|object| object.at(&format!("_{name}")).clone());
            let hidden = hidden.filter(|list| list.text("object") == "list");
            if let Some(mut list) = hidden {
                if let Some(data) = list.get_mut("data") {
                    into(books, data, &[]);
                }
                fields.insert((*name).to_owned(), list);
            }
            if let Some(field) = fields.get_mut(*name) {
                into(books, field, rest);
            }
        }
        _ => {}
    }
}
