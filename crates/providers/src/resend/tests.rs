//! Resend's API behind a double.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use oslira_app::shared::mail::{Mail, MailError, Mailer as _};
use serde_json::{Value, json};

use super::{Resend, ResendAccount};
use crate::{
    Endpoint, Secret, SendError,
    double::{Script, json as answer, text},
};

fn resend(key: &str, answers: impl IntoIterator<Item = Result<Response<Bytes>, SendError>>) -> (Resend, Arc<Script>) {
    let script = Arc::new(Script::of(answers));
    let endpoint = Endpoint::new("https://api.resend.com/", Secret::new(key));
    let from = "Oslira <mail@example.com>".parse().unwrap();
    (Resend::new(script.clone(), Some(ResendAccount { endpoint, from })), script)
}

fn mail() -> Mail {
    Mail {
        to: "ann@example.com".to_owned(),
        subject: "Come in".to_owned(),
        text: "Hello Ann".to_owned(),
        html: "<p>Hello Ann</p>".to_owned(),
    }
}

/// Why the mail was not sent. Whatever was answered, the error shows nothing of the mail or its keys.
async fn fault(sent: Result<Response<Bytes>, SendError>) -> MailError {
    let error = resend("re_secret", [sent]).0.send(&mail(), "invite-1").await.unwrap_err();
    for hidden in ["ann@", "Come in", "Hello", "re_secret", "invite-1", "mail@example"] {
        assert!(!format!("{error} {error:?}").contains(hidden), "{error}");
    }
    error
}

/// An error as Resend words it, in a sentence that must not be repeated.
fn error(name: &str) -> Value {
    json!({"statusCode": 0, "name": name, "message": "re_secret may not send `Come in` to ann@example.com (invite-1)"})
}

#[tokio::test]
async fn a_mail_is_one_request_with_a_name_and_an_idempotency_key() {
    let (resend, script) = resend("re_secret", [answer(200, &json!({"id": "49a3999c"}))]);

    resend.send(&mail(), "invite-1").await.unwrap();

    let sent = script.sent.lock().unwrap();
    assert_eq!(sent.len(), 1);
    let request = &sent[0].request;
    assert_eq!(
        (request.method().as_str(), request.uri().to_string().as_str()),
        ("POST", "https://api.resend.com/emails")
    );
    for (name, value) in [
        ("authorization", "Bearer re_secret"),
        ("content-type", "application/json"),
        ("idempotency-key", "invite-1"),
        ("user-agent", "oslira"),
    ] {
        assert_eq!(request.headers()[name], value);
    }
    let body = json!({
        "from": "Oslira <mail@example.com>", "to": ["ann@example.com"], "subject": "Come in", "text": "Hello Ann",
        "html": "<p>Hello Ann</p>",
    });
    assert_eq!(sent[0].json(), body);
    assert_eq!((sent[0].timeout.as_secs(), sent[0].body_bytes_max), (10, 65_536));
}

#[tokio::test]
async fn what_may_pass_is_unavailable() {
    for (sent, why) in [
        (Err(SendError::Timeout), "timed out"),
        (Err(SendError::Unreachable("connection refused".to_owned())), "unreachable: connection refused"),
        (Err(SendError::Broken("it ended early".to_owned())), "broken: it ended early"),
        (Err(SendError::TooLarge), "answer too large"),
        (answer(408, &json!({})), "408 unknown"),
        (answer(409, &error("concurrent_idempotent_requests")), "409 concurrent_idempotent_requests"),
        (answer(429, &error("rate_limit_exceeded")), "429 rate_limit_exceeded"),
        (answer(429, &error("daily_quota_exceeded")), "429 daily_quota_exceeded"),
        (answer(500, &error("application_error")), "500 application_error"),
        (text(503, "<html>ann@example.com</html>"), "503 unknown"),
        (text(302, ""), "302 unknown"),
        (text(200, "<html>ann@example.com"), "its answer cannot be read"),
        (text(200, "{}"), "its answer cannot be read"),
        (answer(200, &json!({"id": ""})), "its answer cannot be read"),
        (answer(200, &json!({"id": 7})), "its answer cannot be read"),
    ] {
        assert_eq!(fault(sent).await, MailError::Unavailable(why.to_owned()));
    }
}

#[tokio::test]
async fn what_lasts_is_refused_in_a_word() {
    for (sent, why) in [
        (answer(400, &error("invalid_idempotency_key")), "400 invalid_idempotency_key"),
        (answer(401, &error("validation_error")), "401 validation_error"),
        (text(403, "error code: 1010\n"), "403 unknown"),
        (answer(409, &error("invalid_idempotent_request")), "409 invalid_idempotent_request"),
        (answer(409, &json!({})), "409 unknown"),
        (answer(422, &error("no address: ann@example.com")), "422 unknown"),
        (answer(422, &json!({"name": 7})), "422 unknown"),
    ] {
        assert_eq!(fault(sent).await, MailError::Refused(why.to_owned()));
    }
}

#[tokio::test]
async fn without_an_account_nothing_is_sent() {
    let script = Arc::new(Script::default());
    let sent = Resend::new(script.clone(), None).send(&mail(), "invite-1").await;
    assert_eq!(sent, Err(MailError::Unavailable("mail is not set up".to_owned())));
    assert!(script.sent.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_key_that_no_header_takes_is_never_sent_and_never_shown() {
    let long = "k".repeat(256);
    for key in ["", "invite 1", "invite\n1", "é", &long] {
        let (resend, script) = resend("re_secret", []);
        let sent = resend.send(&mail(), key).await;
        assert_eq!(sent, Err(MailError::Refused("not an idempotency key".to_owned())));
        assert!(script.sent.lock().unwrap().is_empty());
    }
    // The deployment's own key can be put right, and then the mail can be sent.
    let sent = resend("re_\nsecret", []).0.send(&mail(), "invite-1").await;
    assert_eq!(sent, Err(MailError::Unavailable("broken: the key does not fit into a header".to_owned())));
}
