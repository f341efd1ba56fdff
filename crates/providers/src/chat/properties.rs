//! Property tests: any answer is either a fault or read as exactly what it says.

use http::{HeaderName, HeaderValue, Response};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::Value;
use serde_json::json;

use super::{
    tests::{ask, completion},
    *,
};
use crate::property::{config, damaged, no_count, strange};

/// What the adapter reads from a response.
fn answered(status: u16, header: Option<(&'static str, &str)>, body: impl Into<Bytes>) -> Answer {
    let mut response = Response::builder().status(status).body(body.into()).unwrap();
    if let Some((name, value)) = header {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(ask(Ok(response)))
}

fn good() -> impl Strategy<Value = Value> {
    select(vec![
        completion("stop", json!("{\"score\":7}"), Value::Null),
        completion("stop", Value::Null, json!("I can't help with that.")),
        completion("length", json!("{\"score\""), Value::Null),
    ])
}

/// Asserts that content and usage say what the body says.
fn assert_sound(answer: &Answer, body: &Value) {
    if let Ok(content) = &answer.content {
        let choice = &body["choices"][0];
        assert_eq!(
            (choice["finish_reason"].as_str(), choice["message"]["content"].as_str()),
            (Some("stop"), Some(&**content))
        );
        assert!(choice["message"]["refusal"].as_str().is_none_or(str::is_empty));
        assert!(serde_json::from_str::<Value>(content).is_ok());
    }
    if let Some(usage) = &answer.usage {
        assert_eq!(Some(usage.input_tokens), body["usage"]["prompt_tokens"].as_u64());
        assert_eq!(Some(usage.output_tokens), body["usage"]["completion_tokens"].as_u64());
        assert_eq!((Some(&*usage.response_id), Some(&*usage.model)), (body["id"].as_str(), body["model"].as_str()));
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_bytes_are_an_answer_or_a_fault(status in 100..=599_u16, body in vec(any::<u8>(), 0..300)) {
        let answer = answered(status, None, body);
        prop_assert!(answer.content.is_err() && answer.usage.is_none());
    }

    #[test]
    fn any_json_is_an_answer_or_a_fault(status in select(vec![200, 400, 429, 500]), body in strange()) {
        let answer = answered(status, None, body.to_string());
        prop_assert!(status == 200 || answer.content.is_err());
        assert_sound(&answer, &body);
    }

    #[test]
    fn a_damaged_completion_is_a_fault_or_says_what_it_says(body in good().prop_flat_map(damaged)) {
        assert_sound(&answered(200, None, body.to_string()), &body);
    }

    #[test]
    fn tokens_that_are_no_count_are_never_billed(
        body in good(),
        name in select(vec!["prompt_tokens", "completion_tokens"]),
        garbage in prop::option::of(no_count().prop_filter("is a whole number", |value| !value.is_u64())),
    ) {
        let mut body = body;
        match garbage {
            Some(garbage) => body["usage"][name] = garbage,
            None => drop(body["usage"].as_object_mut().unwrap().remove(name)),
        }
        prop_assert_eq!(answered(200, None, body.to_string()).usage, None);
    }

    #[test]
    fn any_error_object_is_a_fault(status in 400..=599_u16, error in strange()) {
        let answer = answered(status, None, json!({"error": error}).to_string());
        prop_assert!(answer.content.is_err() && answer.usage.is_none());
    }

    #[test]
    fn any_wish_for_a_pause_is_read_or_passed_over(
        status in select(vec![429, 503]),
        name in select(vec!["retry-after", "retry-after-ms", "x-ratelimit-reset-requests"]),
        value in prop_oneof![
            "[ -~]{0,30}",
            "-?[0-9]{1,25}(\\.[0-9]{1,20})?(e-?[0-9]{1,3})?",
            "([0-9]{1,22}(h|m|s|ms|us|d|w|y))+",
            "Thu, [0-9]{2} Jan [0-9]{4,6} 00:00:[0-9]{2} GMT",
        ],
    ) {
        let answer = answered(status, Some((name, &value)), "{}");
        let is_unavailable = matches!(answer.content, Err(AiFault::Unavailable { .. }));
        prop_assert!(is_unavailable);
    }
}
