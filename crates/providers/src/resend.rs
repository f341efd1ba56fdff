//! Resend behind the product's port for mail.
//!
//! What it promises:
//! - **A mail is sent once** for its idempotency key, which Resend remembers for a day.
//! - **No leaks.** An error has a status and Resend's word for it; Resend's sentences, which may repeat an address, are not read.

mod account;

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use oslira_app::shared::{
    idempotency::IdempotencyKey,
    mail::{Mail, MailError, Mailer},
};
use serde::{Deserialize, Serialize};

pub use account::{ResendAccount, Sender};

use crate::send::{HttpSend, SendError, error_word};

/// Resend answers within a second; a queue or a person waits for it.
const TIMEOUT: Duration = Duration::from_secs(10);

/// An answer is one id.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Resend refuses a request without a name, and a Worker's `fetch` sends none by itself.
const USER_AGENT: HeaderValue = HeaderValue::from_static("oslira");

/// Resend's API, or nothing on a deployment that has no account there.
pub struct Resend {
    send: Arc<dyn HttpSend>,
    account: Option<ResendAccount>,
}

impl Resend {
    /// Without an account no mail is sent, and each is [`MailError::Unavailable`].
    #[must_use]
    pub fn new(send: Arc<dyn HttpSend>, account: Option<ResendAccount>) -> Self {
        Self { send, account }
    }
}

#[derive(Serialize)]
struct Letter<'a> {
    from: &'a str,
    to: [&'a str; 1],
    subject: &'a str,
    text: &'a str,
    html: &'a str,
}

#[derive(Deserialize)]
struct Accepted {
    id: String,
}

#[derive(Default, Deserialize)]
struct Refusal {
    name: Option<String>,
}

#[async_trait]
impl Mailer for Resend {
    async fn send(&self, mail: &Mail, idempotency_key: &str) -> Result<(), MailError> {
        let Some(account) = &self.account else {
            return Err(MailError::Unavailable("mail is not set up".to_owned()));
        };
        let request = request(account, mail, idempotency_key)?;
        let sent = self.send.send(request, TIMEOUT, ANSWER_BYTES_MAX).await;
        outcome(&sent.map_err(|why| MailError::Unavailable(why.to_string()))?)
    }
}

fn request(account: &ResendAccount, mail: &Mail, idempotency_key: &str) -> Result<Request<Bytes>, MailError> {
    let no_key = || MailError::Refused("not an idempotency key".to_owned());
    let key = IdempotencyKey::parse(idempotency_key).ok_or_else(no_key)?;
    let key = HeaderValue::try_from(key.as_str()).map_err(|_| no_key())?;
    let letter = Letter {
        from: account.from.as_str(),
        to: [&mail.to],
        subject: &mail.subject,
        text: &mail.text,
        html: &mail.html,
    };
    let unwritable = |_| MailError::Refused("the mail cannot be written as JSON".to_owned());
    let body = serde_json::to_vec(&letter).map_err(unwritable)?;
    // A wrong setting of ours: once it is put right, the mail can be sent.
    let unset = |why: SendError| MailError::Unavailable(why.to_string());
    let mut request = account.endpoint.request(Method::POST, "/emails", body.into()).map_err(unset)?;
    request.headers_mut().insert(HeaderName::from_static("idempotency-key"), key);
    request.headers_mut().insert(header::USER_AGENT, USER_AGENT);
    Ok(request)
}

fn outcome(answer: &Response<Bytes>) -> Result<(), MailError> {
    let status = answer.status();
    if status.is_success() {
        let accepted = serde_json::from_slice::<Accepted>(answer.body()).is_ok_and(|accepted| !accepted.id.is_empty());
        return match accepted {
            true => Ok(()),
            false => Err(MailError::Unavailable("its answer cannot be read".to_owned())),
        };
    }
    let refusal = serde_json::from_slice::<Refusal>(answer.body()).unwrap_or_default();
    let word = error_word(refusal.name.as_deref());
    let why = format!("{} {word}", status.as_u16());
    match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Err(MailError::Unavailable(why)),
        // Another request with this key has not ended. The other 409 is a key that was used for another mail.
        StatusCode::CONFLICT if word == "concurrent_idempotent_requests" => Err(MailError::Unavailable(why)),
        status if status.is_client_error() => Err(MailError::Refused(why)),
        _ => Err(MailError::Unavailable(why)),
    }
}
