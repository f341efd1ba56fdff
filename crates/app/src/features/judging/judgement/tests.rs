use serde_json::{Value, json};

use super::*;

#[test]
fn an_example_of_every_call_is_read_and_survives_a_step() {
    for call in CallKind::ALL {
        let judgement = examples::judgement(call);
        let remembered = serde_json::to_string(&judgement).unwrap();
        assert_eq!(serde_json::from_str::<Judgement>(&remembered).unwrap(), judgement);
    }
}

#[test]
fn an_answer_outside_the_promise_is_refused_without_quoting_it() {
    for (field, value) in [
        ("fit_score", json!(101)),
        ("fit_score", json!(-1)),
        ("fit_score", json!(55.5)),
        ("reasons", json!([])),
        ("summary", json!(" ")),
        ("extra", json!("secret")),
    ] {
        let mut bad = examples::text(CallKind::Light);
        bad["verdict"][field] = value;
        let refusal = CallKind::Light.parse(&bad.to_string()).unwrap_err().to_string();
        assert!(!refusal.contains("secret"), "{refusal}");
    }
}

#[test]
fn what_a_customer_pays_for_is_never_empty() {
    for (call, field, empty) in [
        (CallKind::Light, "outreach_opener", json!("")),
        (CallKind::CoreStrategy, "angle", json!(" ")),
        (CallKind::Outreach, "message", json!("")),
        (CallKind::Personality, "traits", json!([])),
        (CallKind::Psychographic, "values", json!([])),
        (CallKind::Commercial, "opportunity", json!("\n")),
    ] {
        let mut bad = examples::text(call);
        bad[field] = empty;
        assert!(call.parse(&bad.to_string()).is_err(), "{call:?} without {field}");
    }
}

#[test]
fn long_and_unprintable_texts_are_tamed() {
    let mut wild = examples::text(CallKind::Light);
    wild["verdict"]["summary"] = format!("\u{7}\u{1b}[31m{}", "x".repeat(5_000)).into();
    wild["verdict"]["concerns"] = vec![Value::from("c"); 50].into();
    let Judgement::Light(light) = CallKind::Light.parse(&wild.to_string()).unwrap() else { panic!("another call") };
    assert!(light.verdict.summary.chars().count() <= TEXT_CHARS_MAX + 1);
    assert!(!light.verdict.summary.contains(['\u{7}', '\u{1b}']));
    assert_eq!(light.verdict.concerns.len(), LIST_ITEMS_MAX);
}

#[test]
fn a_message_leads_nowhere() {
    let mut wild = examples::text(CallKind::Outreach);
    let smuggled =
        "Loved it! See [this](https://evil.example/x?y) or www.evil.example\u{202e} <b>now</b>\u{200b}. What next?";
    for field in ["opener", "message", "follow_up"] {
        wild[field] = smuggled.into();
    }
    let Judgement::Outreach(outreach) = CallKind::Outreach.parse(&wild.to_string()).unwrap() else { panic!() };
    for message in [outreach.opener, outreach.message, outreach.follow_up] {
        assert_eq!(message, "Loved it! See or bnow/b. What next?");
    }
    wild["message"] = "https://evil.example".into();
    assert!(CallKind::Outreach.parse(&wild.to_string()).is_err(), "nothing is left of it");
}

#[test]
fn no_field_that_is_copied_into_a_message_leads_anywhere() {
    let aimed = "Offer it at https://evil.example/x or by +44 20 7946 0958, says @pay.desk";
    for (call, field) in [
        (CallKind::Outreach, "/hooks/0/insight"),
        (CallKind::CoreStrategy, "/angle"),
        (CallKind::CoreStrategy, "/offer"),
    ] {
        let mut wild = examples::text(call);
        *wild.pointer_mut(field).unwrap() = aimed.into();
        let read = serde_json::to_value(call.parse(&wild.to_string()).unwrap()).unwrap();
        let kept = read[call.as_str()].pointer(field).unwrap().as_str().unwrap();
        assert_eq!(kept, "Offer it at or by says", "{call:?}{field}");
    }
    let mut bare = examples::text(CallKind::Outreach);
    bare["hooks"][0]["insight"] = "https://evil.example".into();
    let Judgement::Outreach(outreach) = CallKind::Outreach.parse(&bare.to_string()).unwrap() else { panic!() };
    assert_eq!(outreach.hooks, [], "nothing is left of it");
}

#[test]
fn a_text_that_lost_a_letter_to_a_nul_is_unusable() {
    for field in ["/verdict/summary", "/verdict/reasons/0", "/outreach_opener"] {
        let mut broken = examples::text(CallKind::Light);
        *broken.pointer_mut(field).unwrap() = "O vosso caf\u{0}e9 parece \u{0}f3timo.".into();
        assert!(CallKind::Light.parse(&broken.to_string()).is_err(), "{field}");
    }
}

#[test]
fn an_answer_must_say_who_it_is_about() {
    for call in [CallKind::Light, CallKind::CoreStrategy, CallKind::Commercial] {
        for field in ["role", "seems_minor"] {
            let mut silent = examples::text(call);
            silent["verdict"].as_object_mut().unwrap().shift_remove(field);
            assert!(call.parse(&silent.to_string()).is_err(), "{call:?} without {field}");
        }
    }
}

#[test]
fn blank_entries_are_none() {
    let mut answer = examples::text(CallKind::Light);
    answer["verdict"]["reasons"] = json!(["", "Sells beans", " "]);
    let Judgement::Light(light) = CallKind::Light.parse(&answer.to_string()).unwrap() else { panic!("another call") };
    assert_eq!(light.verdict.reasons, ["Sells beans"]);
    answer["verdict"]["reasons"] = json!(["", " ", "\u{200b}"]);
    assert!(CallKind::Light.parse(&answer.to_string()).is_err(), "no reason is left");
}
