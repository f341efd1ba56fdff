//! The API of a deployment, asked as one person: what it answers, and why it did not.

use std::fmt;
use std::time::Duration;

use oslira_app::shared::secret::Secret;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::http::{Answer, Http};

/// Longer than the longest request of a command: a hundred round trips may take 20 seconds, and the last one 15 more.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(45);

/// A client with the token of one person. With a reason it asks as an operator.
pub struct Deployed {
    http: Http,
    url: String,
    token: Secret,
    reason: Option<&'static str>,
}

/// Why there is no data.
#[derive(Debug)]
pub enum Fault {
    /// Nothing came, or not all of it: whatever was asked for may have been done.
    Silent(String),
    /// The API refused it.
    Refused(Box<Refusal>),
    /// It is not what this command knows: the deployment has another version.
    Unreadable(String),
}

/// What the API says when it refuses.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    pub status: u16,
    /// Stable (docs/errors.md); empty if something before the API answered.
    pub code: String,
    pub sentence: String,
    pub details: Value,
}

impl Fault {
    /// The stable code, if it was refused with one.
    pub fn code(&self) -> &str {
        match self {
            Self::Refused(refusal) => &refusal.code,
            Self::Silent(_) | Self::Unreadable(_) => "",
        }
    }

    /// Whether nobody is known by the token.
    pub fn is_unauthenticated(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.status == 401)
    }

    /// Whether the same may pass later.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Silent(_) => true,
            Self::Refused(refusal) => matches!(refusal.status, 408 | 429 | 500..=599),
            Self::Unreadable(_) => false,
        }
    }

    /// How long to wait before that, where the API says so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(refusal) => {
                refusal.details.get("retry_after_s").and_then(Value::as_u64).map(Duration::from_secs)
            }
            Self::Silent(_) | Self::Unreadable(_) => None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent(cause) => write!(out, "no answer: {cause}"),
            Self::Refused(refusal) if refusal.code.is_empty() => {
                let status = refusal.status;
                write!(out, "HTTP {status} from something before the API")
            }
            Self::Refused(refusal) => {
                let Refusal { status, code, sentence, .. } = refusal.as_ref();
                write!(out, "{status} {code}: {sentence}")
            }
            Self::Unreadable(cause) => {
                write!(
                    out,
                    "an answer of another version ({cause}): deploy this checkout first, or use the deployed one"
                )
            }
        }
    }
}

impl std::error::Error for Fault {}

impl Deployed {
    /// A customer.
    pub fn customer(url: &str, token: Secret) -> Self {
        Self { http: Http::new(REQUEST_TIMEOUT), url: url.to_owned(), token, reason: None }
    }

    /// An operator; the reason is kept with each thing that they do.
    pub fn operator(url: &str, token: Secret, reason: &'static str) -> Self {
        Self { reason: Some(reason), ..Self::customer(url, token) }
    }

    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Fault> {
        let url = format!("{}{path}", self.url);
        read(match self.reason {
            Some(reason) => self.http.operate(&url, self.token.expose(), reason, None),
            None => self.http.get(&url, Some(self.token.expose())),
        })
    }

    /// `key` makes a repeat the same request; operators' endpoints take none.
    pub fn post<T: DeserializeOwned>(&self, path: &str, key: Option<&str>, body: &Value) -> Result<T, Fault> {
        let url = format!("{}{path}", self.url);
        read(match self.reason {
            Some(reason) => self.http.operate(&url, self.token.expose(), reason, Some(body)),
            None => self.http.post_once(&url, Some(self.token.expose()), key, body),
        })
    }

    /// The events that a run which has ended has had, as a stream of text.
    pub fn events(&self, run: &str) -> Result<String, Fault> {
        let url = format!("{}/runs/{run}/events", self.url);
        let silent = |error: anyhow::Error| Fault::Silent(format!("{error:#}"));
        self.http.text(&url, self.token.expose(), "text/event-stream").map_err(silent)
    }
}

fn read<T: DeserializeOwned>(answer: anyhow::Result<Answer>) -> Result<T, Fault> {
    let Answer { status, mut body, .. } = answer.map_err(|error| Fault::Silent(format!("{error:#}")))?;
    if status >= 300 {
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let details = body.get("details").cloned().unwrap_or(Value::Null);
        return Err(Fault::Refused(Box::new(Refusal { status, code: text("code"), sentence: text("error"), details })));
    }
    let data = body.get_mut("data").map(Value::take).unwrap_or_default();
    // serde's message may quote the value: only the kind of fault is told.
    serde_json::from_value(data).map_err(|error| Fault::Unreadable(format!("{:?}", error.classify())))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answered(status: u16, body: Value) -> Result<Vec<u32>, Fault> {
        read(Ok(Answer { status, body, retry_after_s: None }))
    }

    #[test]
    fn data_is_taken_from_the_envelope_and_what_does_not_fit_is_of_another_version() {
        assert_eq!(answered(200, json!({ "success": true, "data": [1, 2] })).unwrap(), [1, 2]);
        let fault = answered(200, json!({ "data": "a customer's words" })).unwrap_err();
        assert!(!fault.may_pass() && !fault.to_string().contains("customer"), "{fault}");
    }

    #[test]
    fn a_refusal_says_whether_and_when_to_ask_again() {
        let limited = json!({ "code": "rate_limited", "error": "Too many.", "details": { "retry_after_s": 4 } });
        let fault = answered(429, limited).unwrap_err();
        assert_eq!((fault.may_pass(), fault.retry_after()), (true, Some(Duration::from_secs(4))));
        assert_eq!(fault.to_string(), "429 rate_limited: Too many.");
        let fault = answered(401, json!({ "code": "token_expired", "error": "Expired." })).unwrap_err();
        assert_eq!((fault.is_unauthenticated(), fault.may_pass(), fault.code()), (true, false, "token_expired"));
        let fault = answered(502, Value::Null).unwrap_err();
        assert!(fault.may_pass() && fault.to_string().contains("before the API"), "{fault}");
    }

    #[test]
    fn an_answer_that_never_came_may_come_later() {
        assert!(read::<Value>(Err(anyhow::anyhow!("timeout"))).unwrap_err().may_pass());
    }
}
