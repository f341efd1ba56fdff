use serde_json::json;

use super::*;

fn with(change: Value) -> Result<Draft, ResendError> {
    let mut body =
        json!({"from": "Oslira <hello@oslira.test>", "to": "ann@example.com", "subject": "Hi", "text": "Hi"});
    for (name, value) in change.as_object().unwrap() {
        body[name] = value.clone();
    }
    Draft::read(body.to_string().as_bytes())
}

#[test]
fn what_can_be_sent_is_read_whole() {
    let all = json!({"to": ["ann@example.com", "Bob <bob@example.com>"], "cc": "cy@example.com", "html": "<p>Hi</p>",
        "reply_to": ["help@oslira.test"], "headers": {"List-Unsubscribe": "<https://example.com/u>"},
        "tags": [{"name": "kind", "value": "welcome"}]});
    let mail = with(all).unwrap().into_mail("1".into(), None);
    assert_eq!((mail.to.len(), mail.cc.as_slice(), mail.tags.len()), (2, &["cy@example.com".to_owned()][..], 1));
    assert_eq!(mail.headers["List-Unsubscribe"], "<https://example.com/u>");
}

#[test]
fn what_is_missing_is_named_and_what_is_wrong_is_refused() {
    for (change, missing) in [
        (json!({"to": null}), "Missing `to` field."),
        (json!({"to": []}), "Missing `to` field."),
        (json!({"from": ""}), "Missing `from` field."),
        (json!({"subject": null}), "Missing `subject` field."),
        (json!({"text": null}), "Missing `html` or `text` field."),
    ] {
        assert_eq!(with(change).unwrap_err(), ResendError::new(422, "missing_required_field", missing));
    }
    let fifty_one: Vec<String> = (0..51).map(|number| format!("a{number}@example.com")).collect();
    for change in [
        json!({"from": "oslira"}),
        json!({"to": ["ann@example.com", "bob"]}),
        json!({"to": "Ann <ann@example>"}),
        json!({"to": "ann@example.com\r\nBcc: eve@example.com"}),
        json!({"reply_to": "x"}),
        json!({"to": fifty_one}),
        json!({"headers": {"X-One": "a\r\nBcc: eve@example.com"}}),
        json!({"subject": "a\nb"}),
        json!({"tags": [{"name": "kind", "value": "a b"}]}),
        json!({"scheduled_at": "in 1 hour"}),
        json!({"to": 7}),
    ] {
        let error = with(change.clone()).unwrap_err();
        assert!(matches!(error, ResendError::Own { status: 422, name: "validation_error", .. }), "{change}");
    }
    assert!(Draft::read(b"{").is_err());
}
