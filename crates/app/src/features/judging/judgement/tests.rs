use serde_json::{Value, json};

use super::*;

#[test]
fn an_example_of_every_call_is_read_and_survives_a_step() {
    for call in CallKind::ALL {
        let reviewed = examples::reviewed(call);
        let remembered = serde_json::to_string(&reviewed).unwrap();
        assert_eq!(serde_json::from_str::<Reviewed>(&remembered).unwrap(), reviewed);
    }
}

#[test]
fn an_answer_outside_the_promise_is_refused_without_quoting_it() {
    for (at, value) in [
        ("/fit_score", json!(101)),
        ("/fit_score", json!(-1)),
        ("/fit_score", json!(55.5)),
        ("/reasons", json!(["secret"])),
        ("/reasons/0/posts", json!("secret")),
        ("/reasons/0/secret", json!(1)),
        ("/role", json!("secret")),
        ("/role", Value::Null),
        ("/seems_minor", Value::Null),
        ("/extra", json!("secret")),
    ] {
        let mut bad = examples::text(CallKind::Verdict);
        let (parent, field) = at.rsplit_once('/').unwrap();
        bad.pointer_mut(parent).unwrap().as_object_mut().unwrap().insert(field.to_owned(), value);
        let refusal = CallKind::Verdict.read(&bad.to_string()).unwrap_err().to_string();
        assert!(!refusal.contains("secret"), "{at}: {refusal}");
    }
}

#[test]
fn an_answer_must_say_who_it_is_about() {
    for field in ["role", "seems_minor", "themes"] {
        let mut silent = examples::text(CallKind::Verdict);
        silent.as_object_mut().unwrap().shift_remove(field);
        assert!(CallKind::Verdict.read(&silent.to_string()).is_err(), "without {field}");
    }
}

#[test]
fn long_and_unprintable_texts_are_tamed() {
    let mut wild = examples::text(CallKind::Verdict);
    wild["summary"] = format!("\u{7}\u{1b}[31m{}", "x".repeat(5_000)).into();
    wild["concerns"] = vec![Value::from("c"); 50].into();
    let Judgement::Verdict(verdict) = CallKind::Verdict.read(&wild.to_string()).unwrap() else {
        panic!("another call")
    };
    assert!(verdict.summary.chars().count() <= TEXT_CHARS_MAX + 1);
    assert!(!verdict.summary.contains(['\u{7}', '\u{1b}']));
    assert_eq!(verdict.concerns.len(), LIST_ITEMS_MAX);
}

#[test]
fn a_text_that_lost_a_letter_to_a_nul_is_unusable() {
    for field in ["/verdict/summary", "/verdict/reasons/0/insight", "/outreach_opener"] {
        let mut broken = examples::text(CallKind::Light);
        *broken.pointer_mut(field).unwrap() = "O vosso caf\u{0}e9 parece \u{0}f3timo.".into();
        assert!(CallKind::Light.read(&broken.to_string()).is_err(), "{field}");
    }
}

#[test]
fn blank_entries_are_none() {
    let mut answer = examples::text(CallKind::Verdict);
    answer["concerns"] = json!(["", "Sells beans", " ", "\u{200b}"]);
    let Judgement::Verdict(verdict) = CallKind::Verdict.read(&answer.to_string()).unwrap() else {
        panic!("another call")
    };
    assert_eq!(verdict.concerns, ["Sells beans"]);
}
