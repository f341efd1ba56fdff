//! The shape of a JSON body, measured before it is parsed: what is deep or wide costs many times its bytes in memory.

use super::{ApiError, code::JSON_TOO_COMPLEX};

/// No body of ours is deeper than four.
pub const JSON_DEPTH_MAX: usize = 16;
/// Of one list or object; above the lines of a list of names, which has an error of its own.
pub const JSON_VALUES_MAX: usize = 4_096;

/// Refuses a body that is nested too deeply, or has too many values in one list or object. Whether it is JSON at all is not
/// looked at: of something else it may say anything.
pub(super) fn check_shape(body: &[u8]) -> Result<(), ApiError> {
    // The commas of each list or object that is open.
    let mut open: Vec<usize> = Vec::with_capacity(JSON_DEPTH_MAX);
    let (mut is_text, mut is_escaped) = (false, false);
    for byte in body {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            _ if is_text => {}
            b'[' | b'{' if open.len() >= JSON_DEPTH_MAX => return Err(too_complex()),
            b'[' | b'{' => open.push(0),
            b']' | b'}' => {
                open.pop();
            }
            b',' => {
                if let Some(commas) = open.last_mut() {
                    *commas += 1;
                    if *commas >= JSON_VALUES_MAX {
                        return Err(too_complex());
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn too_complex() -> ApiError {
    ApiError::new(
        JSON_TOO_COMPLEX,
        format!(
            "The body may be nested {JSON_DEPTH_MAX} deep and have {JSON_VALUES_MAX} values in one list or object. Send less at once."
        ),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::property::config;

    fn is_fine(body: &str) -> bool {
        check_shape(body.as_bytes()).is_ok()
    }

    #[test]
    fn depth_and_width_have_a_limit_and_texts_do_not_count() {
        let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(is_fine(&deep(JSON_DEPTH_MAX)) && !is_fine(&deep(JSON_DEPTH_MAX + 1)));
        let wide = |values: usize| format!("[{}]", vec!["1"; values].join(","));
        assert!(is_fine(&wide(JSON_VALUES_MAX)) && !is_fine(&wide(JSON_VALUES_MAX + 1)));
        let object: Vec<String> = (0..=JSON_VALUES_MAX).map(|n| format!("\"{n}\":0")).collect();
        assert!(!is_fine(&format!("{{{}}}", object.join(","))));
        // Lists side by side are counted apart, and what was closed is not deep.
        assert!(is_fine(&format!("[{}]", vec!["[1,2,3]"; JSON_VALUES_MAX].join(","))));
        let text = format!("[\"{}\\\"{}\"]", "[".repeat(99), ",".repeat(9_999));
        assert!(is_fine(&text) && serde_json::from_str::<Value>(&text).is_ok());
        assert!(is_fine("]]]}}}") && is_fine(",,,,"), "it is no JSON, which is told elsewhere");
    }

    fn depth(value: &Value) -> usize {
        match value {
            Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
            Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
            _ => 0,
        }
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn whatever_json_is_sent_it_is_refused_exactly_if_it_is_too_deep(
            text in "[a-z\\[\\]{},:\"\\\\]{0,12}",
            levels in prop::collection::vec(any::<bool>(), 0..24),
        ) {
            let nested = levels.iter().fold(Value::String(text), |inner, is_list| {
                if *is_list { Value::Array(vec![inner]) } else { serde_json::json!({ "field": inner }) }
            });
            prop_assert_eq!(check_shape(nested.to_string().as_bytes()).is_ok(), depth(&nested) <= JSON_DEPTH_MAX);
        }
    }
}
