//! One attempt to deliver one event.

use std::time::Duration;

use reqwest::{Client, header::CONTENT_TYPE};

/// An endpoint that is slower than this has failed.
pub(super) const TIMEOUT: Duration = Duration::from_secs(20);

/// An event, ready to be sent.
pub(in crate::providers::stripe) struct Parcel {
    pub(super) delivery: String,
    pub(super) url: String,
    pub(super) body: String,
    pub(super) signature: String,
}

/// What has become of it.
pub(in crate::providers::stripe) struct Sent {
    pub(super) delivery: String,
    pub(super) status: Option<u16>,
    pub(super) error: Option<String>,
}

pub(super) async fn send(client: Client, parcel: Parcel) -> Sent {
    let answer = client
        .post(&parcel.url)
        .header(CONTENT_TYPE, "application/json; charset=utf-8")
        .header("user-agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
        .header("stripe-signature", parcel.signature)
        .body(parcel.body)
        .send()
        .await;
    match answer {
        Ok(answer) => {
            let status = Some(answer.status().as_u16());
            // Read to its end, so that the connection can be used again.
            let _ = answer.bytes().await;
            Sent { delivery: parcel.delivery, status, error: None }
        }
        Err(error) => Sent { delivery: parcel.delivery, status: None, error: Some(error.to_string()) },
    }
}
