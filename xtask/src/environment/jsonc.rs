//! JSON with comments and trailing commas, as `wrangler.jsonc` is written.

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Reads a document.
///
/// # Errors
/// The line at which it is no JSON.
pub fn parse(text: &str) -> Result<Value> {
    let plain = without_trailing_commas(&without_comments(text)?);
    serde_json::from_str(&plain).context("it is no JSON with comments")
}

/// The text with each comment as spaces, so that every error names the line of the file.
fn without_comments(text: &str) -> Result<String> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let length = match next {
            '"' => string_length(rest)?,
            '/' if rest.starts_with("//") => {
                let length = rest.find('\n').unwrap_or(rest.len());
                blank(&mut plain, rest, length);
                rest = rest.get(length..).unwrap_or_default();
                continue;
            }
            '/' if rest.starts_with("/*") => {
                let length = rest.find("*/").context("a comment /* has no end */")? + 2;
                blank(&mut plain, rest, length);
                rest = rest.get(length..).unwrap_or_default();
                continue;
            }
            other => other.len_utf8(),
        };
        plain.push_str(rest.get(..length).unwrap_or_default());
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok(plain)
}

fn blank(plain: &mut String, text: &str, length: usize) {
    plain.extend(text.chars().scan(0, |at, char| {
        *at += char.len_utf8();
        (*at <= length).then_some(if char == '\n' { '\n' } else { ' ' })
    }));
}

/// A comma is passed over if nothing but white space is between it and the end of its list or object.
fn without_trailing_commas(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let length = if next == '"' { string_length(rest).unwrap_or(1) } else { next.len_utf8() };
        let (piece, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        let ends = next == ',' && after.trim_start().starts_with([']', '}']);
        plain.push_str(if ends { " " } else { piece });
        rest = after;
    }
    plain
}

/// The length in bytes of the string that the text begins with, with its quotes.
fn string_length(text: &str) -> Result<usize> {
    let mut is_escaped = false;
    for (at, char) in text.char_indices().skip(1) {
        match char {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return Ok(at + 1),
            _ => {}
        }
    }
    bail!("a string has no end")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn comments_and_trailing_commas_are_passed_over_and_strings_are_not() {
        let text = r#"
            // one
            { "url": "https://x/*y*/", /* two
              lines */ "list": [1, 2,], // ä
              "quote\"//": "a,]", }"#;
        assert_eq!(parse(text).unwrap(), json!({ "url": "https://x/*y*/", "list": [1, 2], "quote\"//": "a,]" }));
    }

    #[test]
    fn an_error_names_the_line_of_the_file() {
        let error = format!("{:#}", parse("/* a\n b */\n{ \"x\": oops }").unwrap_err());
        assert!(error.contains("line 3"), "{error}");
        assert!(parse("{ \"x").is_err() && parse("{ /*").is_err());
    }
}
