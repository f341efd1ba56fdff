//! Which deliveries are accepted. The signatures were made by `webhooks.generateTestHeaderString` of npm stripe 23.1.0.

use jiff::{SignedDuration, Timestamp};
use oslira_app::features::billing::{EventEnvelope, StripeEvents as _, WebhookRefusal};

use super::super::{STRIPE_API_VERSION, SignedEvents, WebhookSecrets};

const BODY: &str = r#"{"id":"evt_1Vector","object":"event","api_version":"2026-10-28.endive","created":1793000000,"type":"ping","data":{"object":{"name":"Zoë’s café"}}}"#;
const SIGNED_AT: i64 = 1_793_000_010;

const OURS: &str = "whsec_Y29uc3RydWN0ZWQgZm9yIHRlc3RzIG9ubHk";
const BY_OURS: &str = "0ff507f42dc01028f471da00100edb2206306b37a91b8daf1c9efc8f9b6b8475";
const OTHER: &str = "whsec_YW5vdGhlciBvbmUgZm9yIHRlc3RzIG9ubHk";
const BY_OTHER: &str = "57095f415c25561e679471f835ab6b7d8e4a7d3bb81da278d4b4aafd47cb0885";

fn verify_at(seconds: i64, secrets: &str, header: &str, body: &str) -> Result<EventEnvelope, WebhookRefusal> {
    let secrets = WebhookSecrets::read(secrets, false).unwrap();
    let now = Timestamp::from_second(SIGNED_AT).unwrap() + SignedDuration::from_secs(seconds);
    SignedEvents::new(secrets).verify(Some(header), body.as_bytes(), now)
}

fn verify(secrets: &str, header: &str, body: &str) -> Result<EventEnvelope, WebhookRefusal> {
    verify_at(0, secrets, header, body)
}

fn by_ours() -> String {
    format!("t={SIGNED_AT},v1={BY_OURS}")
}

#[test]
fn what_stripe_signed_is_an_event() {
    let expected = EventEnvelope {
        id: "evt_1Vector".to_owned(),
        kind: "ping".to_owned(),
        api_version: Some(STRIPE_API_VERSION.to_owned()),
        taken_at: None,
    };
    assert_eq!(verify(OURS, &by_ours(), BODY), Ok(expected));
}

#[test]
fn while_a_secret_is_replaced_either_signs_and_either_is_known() {
    let both = format!("t={SIGNED_AT},v1={BY_OTHER},v1={BY_OURS}");
    let beside_noise = format!("t={SIGNED_AT},v1=zz,v1=,v1={BY_OURS}ff,v0={BY_OTHER},v2=x,,=,y,v1={BY_OURS}");
    for (secrets, header) in [
        (OURS.to_owned(), both.clone()),
        (OTHER.to_owned(), both),
        (OURS.to_owned(), beside_noise),
        (format!("{OTHER}, {OURS}"), by_ours()),
        (format!("{OURS},{OTHER}"), by_ours()),
    ] {
        assert!(verify(&secrets, &header, BODY).is_ok(), "{secrets} {header}");
    }
}

#[test]
fn what_nobody_with_our_secret_signed_is_refused() {
    let changed = BODY.replace("ping", "pong");
    for (secrets, header, body) in [
        (OTHER, by_ours(), BODY),
        (OURS, by_ours(), changed.as_str()),
        (OURS, by_ours(), &BODY[1..]),
        (OURS, format!("t={},v1={BY_OURS}", SIGNED_AT + 1), BODY),
        (OURS, format!("t={SIGNED_AT}"), BODY),
        (OURS, format!("t={SIGNED_AT},v0={BY_OURS}"), BODY),
        (OURS, format!("t={SIGNED_AT},V1={BY_OURS}"), BODY),
        (OURS, format!("t={SIGNED_AT},v1={}", &BY_OURS[..62]), BODY),
        (OURS, format!("t={SIGNED_AT},v1=+{}", &BY_OURS[1..]), BODY),
        (OURS, format!("t={SIGNED_AT},v1={}é", &BY_OURS[..62]), BODY),
        (OURS, format!("v1={BY_OURS}"), BODY),
        (OURS, format!("t=,v1={BY_OURS}"), BODY),
        (OURS, format!("t=-{SIGNED_AT},v1={BY_OURS}"), BODY),
        (OURS, format!("t=+{SIGNED_AT},v1={BY_OURS}"), BODY),
        (OURS, format!("t={SIGNED_AT}.0,v1={BY_OURS}"), BODY),
        (OURS, format!("t=99999999999999999999,v1={BY_OURS}"), BODY),
        (OURS, format!("t={SIGNED_AT},t={SIGNED_AT},v1={BY_OURS}"), BODY),
        (OURS, format!("{},{}", by_ours(), "v1=x,".repeat(1000)), BODY),
        (OURS, String::new(), BODY),
        (OURS, "\u{0}=,,=\u{fffd}".to_owned(), BODY),
    ] {
        assert_eq!(verify(secrets, &header, body), Err(WebhookRefusal::Signature), "{header}");
    }
    let events = SignedEvents::new(WebhookSecrets::read(OURS, false).unwrap());
    let now = Timestamp::from_second(SIGNED_AT).unwrap();
    assert_eq!(events.verify(None, BODY.as_bytes(), now), Err(WebhookRefusal::Signature));
}

#[test]
fn a_signature_counts_for_five_minutes_by_either_clock() {
    for (seconds, is_ok) in [(-301, false), (-300, true), (0, true), (300, true), (301, false), (86_400, false)] {
        assert_eq!(verify_at(seconds, OURS, &by_ours(), BODY).is_ok(), is_ok, "{seconds}");
    }
}

#[test]
fn without_a_secret_nothing_is_accepted() {
    let now = Timestamp::from_second(SIGNED_AT).unwrap();
    let refused = SignedEvents::new(WebhookSecrets::default()).verify(Some(&by_ours()), BODY.as_bytes(), now);
    assert_eq!(refused, Err(WebhookRefusal::Signature));
}

#[test]
fn a_signature_cannot_be_judged_before_the_secrets_are_known() {
    let now = Timestamp::from_second(SIGNED_AT).unwrap();
    let spare = "whsec_b25lIG9mIHRoZSBXb3JrZXIncyBvd24";
    for secrets in [WebhookSecrets::default(), WebhookSecrets::read(spare, false).unwrap()] {
        let events = SignedEvents::new(secrets).awaiting(true);
        let refused = events.verify(Some(&by_ours()), BODY.as_bytes(), now);
        assert_eq!(refused, Err(WebhookRefusal::SecretsUnavailable));
        assert_eq!(events.verify(None, BODY.as_bytes(), now), Err(WebhookRefusal::Signature), "no secret would help");
    }
    let events = SignedEvents::new(WebhookSecrets::read(OURS, false).unwrap()).awaiting(true);
    assert!(events.verify(Some(&by_ours()), BODY.as_bytes(), now).is_ok());
}

#[test]
fn an_event_is_an_object_with_an_id_a_type_and_a_time() {
    let event = |id: &str, object: &str, kind: &str, rest: &str| {
        let body = format!(r#"{{"id":{id},"object":{object},"type":{kind}{rest}}}"#);
        super::super::envelope::read(body.as_bytes())
    };
    let (id, object, kind, created) = ("\"evt_1\"", "\"event\"", "\"a.b\"", r#","created":1"#);
    assert_eq!(event(id, object, kind, created).unwrap().api_version, None);

    let long_id = format!("\"evt_{}\"", "1".repeat(252));
    let long_kind = format!("\"{}\"", "a".repeat(129));
    for (id, object, kind, rest) in [
        ("\"ch_1\"", object, kind, created),
        ("1", object, kind, created),
        ("\"evt_../x\"", object, kind, created),
        ("\"evt_\\u0000\"", object, kind, created),
        (&long_id, object, kind, created),
        (id, "\"v2.core.event\"", kind, created),
        (id, object, "\"\"", created),
        (id, object, "\"a b\"", created),
        (id, object, &long_kind, created),
        (id, object, kind, ""),
        (id, object, kind, r#","created":"now""#),
        (id, object, kind, r#","created":1,"api_version":"2026\u0000""#),
        (id, object, kind, r#","created":1,"api_version":7"#),
    ] {
        assert_eq!(event(id, object, kind, rest), None, "{id} {object} {kind} {rest}");
    }
    for body in [&b""[..], b"null", b"[\"event\",\"evt_1\",\"a.b\",null,1]", b"{", b"\xff", b"\"event\""] {
        assert_eq!(super::super::envelope::read(body), None, "{body:?}");
    }
}

#[test]
fn what_is_signed_and_no_event_is_malformed() {
    // Made in the same way, of the body `[]`.
    let header = "t=1793000010,v1=ae5afdcce5f1bdc4476875b329fa0e0c229b4dc70dd57aae03f006a9c5b6f40d";
    assert_eq!(verify(OURS, header, "[]"), Err(WebhookRefusal::Malformed));
}

#[test]
fn secrets_are_named_by_their_setting_and_never_shown() {
    let wrong = "STRIPE_WEBHOOK_SECRET takes a secret that begins with whsec_ and has 32 characters or more, or two \
                 separated by a comma";
    for (text, local, fault) in [
        ("", true, "STRIPE_WEBHOOK_SECRET is not set"),
        ("whsec_short", true, wrong),
        ("Y29uc3RydWN0ZWQgZm9yIHRlc3RzIG9ubHktoutprefix", true, wrong),
        (&format!("{OURS},"), true, wrong),
        (&format!("{OURS},{OTHER},{OURS}"), true, wrong),
        (&format!("{OURS} {OTHER}"), true, wrong),
        (&format!("{OURS}é"), true, wrong),
        (&format!("whsec_{}", "x".repeat(256)), true, wrong),
        ("whsec_sandbox_for_the_local_stack_only", false, "STRIPE_WEBHOOK_SECRET is a sandbox value"),
    ] {
        assert_eq!(WebhookSecrets::read(text, local), Err(fault.to_owned()), "{text}");
    }
    assert!(WebhookSecrets::read("whsec_sandbox_for_the_local_stack_only", true).is_ok());
    assert!(!format!("{:?}", WebhookSecrets::read(OURS, false).unwrap()).contains("Y29uc3"));
}
