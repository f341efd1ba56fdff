//! One call to Stripe, and what its failure means.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode};
use oslira_app::features::billing::StripeError;
use serde::Deserialize;
use serde_json::Value;

use super::{STRIPE_API_VERSION, part::Unread};
use crate::send::{Endpoint, HttpSend, SendError, error_word};

/// Customers wait for some of the answers.
const TIMEOUT: Duration = Duration::from_secs(10);

/// An object of Stripe's takes about 8 KiB.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// A page holds up to a hundred objects. An event's has two states of its object, with up to 50 values of metadata each.
const PAGE_BYTES_MAX: usize = 8 * 1024 * 1024;

const ID_CHARS_MAX: usize = 255;

/// Stripe's API at one address with one key.
pub(super) struct Api {
    send: Arc<dyn HttpSend>,
    endpoint: Endpoint,
}

impl Api {
    pub(super) fn new(send: Arc<dyn HttpSend>, endpoint: Endpoint) -> Self {
        Self { send, endpoint }
    }

    /// One object.
    pub(super) async fn get(&self, path: &str) -> Result<Value, CallError> {
        let request = self.question(path, &[])?;
        parsed(&self.call(request, ANSWER_BYTES_MAX).await?)
    }

    /// A page of a list.
    pub(super) async fn page(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, CallError> {
        parsed(&self.page_text(path, query).await?)
    }

    /// A page of a list as Stripe wrote it.
    pub(super) async fn page_text(&self, path: &str, query: &[(&str, &str)]) -> Result<Bytes, CallError> {
        let request = self.question(path, query)?;
        self.call(request, PAGE_BYTES_MAX).await
    }

    /// Creates something; with the same idempotency key and form it is created once within a day.
    pub(super) async fn post(
        &self,
        path: &str,
        form: &[(&str, &str)],
        idempotency_key: Option<&str>,
    ) -> Result<Value, CallError> {
        let mut request = self.endpoint.form(path, pairs(form)).map_err(CallError::NotSent)?;
        if let Some(key) = idempotency_key {
            let key = HeaderValue::try_from(key).map_err(|_| {
                CallError::NotSent(SendError::Broken("the idempotency key does not fit into a header".to_owned()))
            })?;
            request.headers_mut().insert(HeaderName::from_static("idempotency-key"), key);
        }
        parsed(&self.call(request, ANSWER_BYTES_MAX).await?)
    }

    fn question(&self, path: &str, query: &[(&str, &str)]) -> Result<Request<Bytes>, CallError> {
        let address = match query {
            [] => path.to_owned(),
            query => format!("{path}?{}", pairs(query)),
        };
        self.endpoint.request(Method::GET, &address, Bytes::new()).map_err(CallError::NotSent)
    }

    async fn call(&self, mut request: Request<Bytes>, body_bytes_max: usize) -> Result<Bytes, CallError> {
        let version = HeaderValue::from_static(STRIPE_API_VERSION);
        request.headers_mut().insert(HeaderName::from_static("stripe-version"), version);
        let response = self.send.send(request, TIMEOUT, body_bytes_max).await.map_err(CallError::NoAnswer)?;
        match response.status() {
            status if status.is_success() => Ok(response.into_body()),
            status => Err(CallError::refused(status, response.body())),
        }
    }
}

fn pairs(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn parsed(body: &[u8]) -> Result<Value, CallError> {
    serde_json::from_slice(body).map_err(|_| CallError::Unread(Unread("it is not JSON".to_owned())))
}

/// Why a call gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CallError {
    NotSent(SendError),
    NoAnswer(SendError),
    /// Status and the words of the error, as far as they are words.
    Refused {
        status: StatusCode,
        kind: String,
        code: String,
        decline: Option<String>,
    },
    Unread(Unread),
}

impl From<Unread> for CallError {
    fn from(why: Unread) -> Self {
        Self::Unread(why)
    }
}

#[derive(Default, Deserialize)]
struct Refusal {
    error: Words,
}

#[derive(Default, Deserialize)]
struct Words {
    #[serde(rename = "type")]
    kind: Option<String>,
    code: Option<String>,
    decline_code: Option<String>,
}

impl CallError {
    fn refused(status: StatusCode, body: &[u8]) -> Self {
        let words = serde_json::from_slice::<Refusal>(body).unwrap_or_default().error;
        Self::Refused {
            status,
            kind: error_word(words.kind.as_deref()).to_owned(),
            code: error_word(words.code.as_deref()).to_owned(),
            decline: words.decline_code.map(|word| error_word(Some(&word)).to_owned()),
        }
    }

    /// Whether the idempotency key was used before with another form.
    pub(super) fn is_key_of_another_form(&self) -> bool {
        matches!(self, Self::Refused { kind, .. } if kind == "idempotency_error")
    }
}

impl From<Unread> for StripeError {
    fn from(why: Unread) -> Self {
        Self::Refused(format!("its answer cannot be read: {why}"))
    }
}

impl From<CallError> for StripeError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::NotSent(why) => Self::Refused(why.to_string()),
            // The same question would get the same answer.
            CallError::NoAnswer(SendError::TooLarge) => Self::Refused(SendError::TooLarge.to_string()),
            CallError::NoAnswer(why) => Self::Unavailable(why.to_string()),
            CallError::Refused { status, kind, code, decline } => refusal(status, &kind, code, decline),
            CallError::Unread(why) => why.into(),
        }
    }
}

fn refusal(status: StatusCode, kind: &str, code: String, decline: Option<String>) -> StripeError {
    match status {
        StatusCode::NOT_FOUND => StripeError::NotFound,
        _ if code == "resource_missing" => StripeError::NotFound,
        StatusCode::PAYMENT_REQUIRED if kind == "card_error" => StripeError::Declined(decline.unwrap_or(code)),
        // 409 is another request with the same key that has not ended, or a lock.
        StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
            StripeError::Unavailable(format!("{} {kind}", status.as_u16()))
        }
        _ if kind == "idempotency_error" => StripeError::KeyReused,
        _ if status.is_server_error() => StripeError::Unavailable(format!("{} {kind}", status.as_u16())),
        _ => StripeError::Refused(format!("{} {kind}", status.as_u16())),
    }
}

/// Whether a text can be an id of Stripe's.
pub(super) fn is_id(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=ID_CHARS_MAX).contains(&text.len()) && text.bytes().all(plain)
}

/// Ids go into the paths of requests that carry our key, so nothing else may pass.
pub(super) fn checked_id(id: &str) -> Result<&str, StripeError> {
    match is_id(id) {
        true => Ok(id),
        false => Err(StripeError::Refused("not an id".to_owned())),
    }
}
