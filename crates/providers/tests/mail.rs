//! Mail through the sandbox's Resend, over a real socket.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests stand outside test functions")]
#![expect(clippy::disallowed_methods, reason = "the test is the HTTP client behind the port")]

mod stand;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, header};
use oslira_app::shared::mail::{Mail, MailError, Mailer as _};
use oslira_providers::{Endpoint, HttpSend, NativeSend, Resend, ResendAccount, Secret, SendError};
use oslira_sandbox::RESEND_API_KEY;
use serde_json::{Value, json};
use stand::Stand;

impl Stand {
    fn mailer(&self, wire: Arc<dyn HttpSend>, key: &str) -> Resend {
        let endpoint = Endpoint::new(&format!("{}/resend", self.base), Secret::new(key));
        Resend::new(wire, Some(ResendAccount { endpoint, from: "Oslira <mail@oslira.test>".parse().unwrap() }))
    }

    async fn send(&self, mail: &Mail, idempotency_key: &str) -> Result<(), MailError> {
        self.mailer(self.wire(), RESEND_API_KEY).send(mail, idempotency_key).await
    }

    async fn outbox(&self) -> Vec<Value> {
        let sent = self.client.get(format!("{}/control/mail", self.base)).send().await.unwrap();
        sent.json::<Value>().await.unwrap()["mails"].as_array().unwrap().clone()
    }
}

fn mail(subject: &str) -> Mail {
    Mail {
        to: "Ann <ann@example.com>".to_owned(),
        subject: subject.to_owned(),
        text: "Hello Änn".to_owned(),
        html: "<p>Hello Änn</p>".to_owned(),
    }
}

#[tokio::test]
async fn a_mail_arrives_once_however_often_it_is_sent() {
    let stand = Stand::start().await;
    for _ in 0..3 {
        stand.send(&mail("Come in"), "invite-1").await.unwrap();
    }
    let outbox = stand.outbox().await;
    assert_eq!(outbox.len(), 1);
    for (field, value) in [
        ("from", json!("Oslira <mail@oslira.test>")),
        ("to", json!(["Ann <ann@example.com>"])),
        ("subject", json!("Come in")),
        ("text", json!("Hello Änn")),
        ("html", json!("<p>Hello Änn</p>")),
    ] {
        assert_eq!(outbox[0][field], value);
    }
    stand.send(&mail("Come in"), "invite-2").await.unwrap();
    assert_eq!(stand.outbox().await.len(), 2);
}

#[tokio::test]
async fn a_fault_that_may_pass_is_unavailable_and_a_repeat_sends_the_mail_once() {
    let stand = Stand::start().await;
    for (number, (fault, why)) in [
        (json!({"kind": "status", "status": 500}), "500 application_error"),
        (json!({"kind": "status", "status": 409}), "409 concurrent_idempotent_requests"),
        (json!({"kind": "rate_limit"}), "429 rate_limit_exceeded"),
        (json!({"kind": "drop"}), "unreachable"),
        (json!({"kind": "malformed"}), "its answer cannot be read"),
        (json!({"kind": "truncate"}), "unreachable"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut planted = fault.clone();
        planted["target"] = json!("resend.emails");
        planted["times"] = json!(1);
        stand.fault(planted).await;
        let key = format!("invite-{number}");
        let sent = stand.send(&mail("Come in"), &key).await;
        let Err(MailError::Unavailable(error)) = &sent else { panic!("{fault}: {sent:?}") };
        assert!(error.starts_with(why), "{fault}: {error}");
        assert!(!error.contains("ann@") && !error.contains("invite"), "{error}");
        stand.send(&mail("Come in"), &key).await.unwrap();
        assert_eq!(stand.outbox().await.len(), number + 1, "{fault}");
    }
}

#[tokio::test]
async fn what_can_never_be_sent_is_refused() {
    let stand = Stand::start().await;
    stand.send(&mail("Come in"), "invite-1").await.unwrap();
    let refused = |why: &str| Err(MailError::Refused(why.to_owned()));
    let nobody = Mail { to: "ann".to_owned(), ..mail("Come in") };
    assert_eq!(stand.send(&nobody, "invite-2").await, refused("422 validation_error"));
    assert_eq!(stand.send(&mail("Go away"), "invite-1").await, refused("409 invalid_idempotent_request"));
    let wrong_key = stand.mailer(stand.wire(), "sandbox-wrong").send(&mail("Come in"), "invite-3").await;
    assert_eq!(wrong_key, refused("401 validation_error"));
    assert_eq!(stand.outbox().await.len(), 1);
}

/// Loses the name of the program on the way, as a Worker's `fetch` would that is not given one.
struct Nameless(Arc<NativeSend>);

#[async_trait]
impl HttpSend for Nameless {
    async fn send(
        &self,
        mut request: Request<Bytes>,
        timeout: Duration,
        body_bytes_max: usize,
    ) -> Result<Response<Bytes>, SendError> {
        request.headers_mut().remove(header::USER_AGENT).unwrap();
        self.0.send(request, timeout, body_bytes_max).await
    }
}

#[tokio::test]
async fn resend_insists_on_the_name_that_every_request_carries() {
    let stand = Stand::start().await;
    let nameless = stand.mailer(Arc::new(Nameless(stand.wire())), RESEND_API_KEY);
    let refused = Err(MailError::Refused("403 unknown".to_owned()));
    assert_eq!(nameless.send(&mail("Come in"), "invite-1").await, refused);
    stand.send(&mail("Come in"), "invite-1").await.unwrap();
}
