//! The contract for human readers: `docs/errors.md` and the page at `/docs`. Both are generated at build time.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{Operation, description::caller_word, operations};
use crate::{
    features::analysis::FAILURES,
    http::{Content, ErrorCode, Place, code::NOWHERE},
};

/// Stands above the table of error codes.
const ERRORS_HEAD: &str = include_str!("errors_head.md");
/// The page up to the list of operations.
const HEAD: &str = include_str!("reference_head.html");
/// Stands below the table of error codes.
const ERRORS_TAIL: &str = include_str!("errors_tail.md");

/// `docs/errors.md`: every code, by status.
#[must_use]
pub fn error_reference() -> String {
    let mut codes: BTreeMap<(u16, &str), ErrorCode> = BTreeMap::new();
    let declared = operations().into_iter().flat_map(|operation| operation.errors);
    for code in declared.chain(NOWHERE.iter().copied()) {
        codes.insert((code.status.as_u16(), code.code), code);
    }
    let mut text = format!("{ERRORS_HEAD}\n| status | code | meaning |\n|---|---|---|\n");
    for ((status, word), code) in codes {
        // Writing to a `String` cannot fail, here and below.
        let _ = writeln!(text, "| {status} | `{word}` | {} |", code.meaning);
    }
    let _ = write!(text, "\n{ERRORS_TAIL}\n| code | meaning | try again? |\n|---|---|---|\n");
    for failure in FAILURES {
        let _ = writeln!(text, "| `{}` | {} | {} |", failure.code, failure.meaning, failure.try_again);
    }
    text
}

/// The page at `/docs`: runs no script and loads nothing from another host.
#[must_use]
pub fn reference_page() -> String {
    let operations = operations();
    let mut page = HEAD.to_owned();
    for operation in &operations {
        let _ =
            writeln!(page, "<li><a href=\"#{}\"><b>{}</b> {}</a>", operation.id(), operation.method, operation.path);
    }
    page.push_str("</ul></nav>\n");
    operations.iter().for_each(|operation| section(&mut page, operation));
    page
}

fn section(page: &mut String, operation: &Operation) {
    let _ = writeln!(
        page,
        "<section id=\"{}\">\n<h2><b>{}</b> {}</h2>\n<p>{}</p>\n<p>Who may call it: {}.</p>",
        operation.id(),
        operation.method,
        operation.path,
        escaped(operation.summary),
        caller_word(operation.caller),
    );
    if !operation.parameters.is_empty() {
        page.push_str("<table><tr><th>parameter<th>in<th>meaning<th>takes\n");
        for parameter in &operation.parameters {
            let place = match parameter.place {
                Place::Path => "path",
                Place::Query => "query",
                Place::Header => "header",
            };
            let schema = escaped(&parameter.schema.to_string());
            let (name, meaning) = (parameter.name, escaped(parameter.description));
            let _ = writeln!(page, "<tr><td><code>{name}</code><td>{place}<td>{meaning}<td><code>{schema}</code>");
        }
        page.push_str("</table>\n");
    }
    if let Some(body) = &operation.example.body {
        example(page, "Body", body);
    }
    match &operation.content {
        Content::Bytes(media) => {
            let _ = writeln!(page, "<p>Answers {} with <code>{media}</code>.</p>", operation.status);
        }
        Content::Document(_) => {
            let _ = writeln!(page, "<p>Answers {} with the document:</p>", operation.status);
            if let Some(data) = &operation.example.data {
                example(page, "document", data);
            }
        }
        Content::Events(_) => {
            let _ = writeln!(page, "<p>Answers {} with <code>text/event-stream</code>:</p>", operation.status);
            if let Some(data) = &operation.example.data {
                example(page, "The data of an event", data);
            }
        }
        Content::Data(_) => {
            let _ = writeln!(page, "<p>Answers {} with <code>data</code>:</p>", operation.status);
            if let Some(data) = &operation.example.data {
                example(page, "data", data);
            }
        }
    }
    for (status, meaning) in operation.other_statuses {
        let _ = writeln!(page, "<p>Answers {status}: {}</p>", escaped(meaning));
    }
    page.push_str("<details><summary>Errors</summary><table><tr><th>status<th>code<th>meaning\n");
    for code in &operation.errors {
        let meaning = escaped(code.meaning);
        let _ = writeln!(page, "<tr><td>{}<td><code>{}</code><td>{meaning}", code.status.as_u16(), code.code);
    }
    page.push_str("</table></details>\n</section>\n");
}

fn example(page: &mut String, name: &str, value: &serde_json::Value) {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    let _ = writeln!(page, "<figure><figcaption>{name}</figcaption><pre>{}</pre></figure>", escaped(&text));
}

/// Enough for text between tags; none of it is put into an attribute, so quotes stay.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
