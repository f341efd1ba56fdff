//! An answer of the API. Reading one checks what must hold for every answer.

use reqwest::{Response, header::HeaderMap};
use serde_json::Value;

/// Status, headers and the envelope.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// The whole envelope.
    pub body: Value,
}

impl Answer {
    /// Reads a response and asserts the form of the envelope.
    pub async fn read(response: Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let url = response.url().to_string();
        let text = response.text().await.unwrap();
        let body: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{url}: {status} is no JSON: {text}"));
        let answer = Self { status, headers, body };
        answer.assert_envelope(&url);
        answer
    }

    fn assert_envelope(&self, url: &str) {
        let (success, status) = (self.body["success"].as_bool(), self.status);
        assert_eq!(success, Some(status < 400), "{url}: {self:?}");
        assert_eq!(self.body.get("data").is_some(), status < 400, "{url}: {self:?}");
        assert_eq!(self.body.get("error").is_some(), status >= 400, "{url}: {self:?}");
        assert_eq!(self.body.get("code").is_some(), status >= 400, "{url}: {self:?}");
        assert!(self.body["requestId"].is_string() && self.body["timestamp"].is_string(), "{url}: {self:?}");
        assert_eq!(self.header("x-request-id"), self.body["requestId"].as_str(), "{url}: {self:?}");
    }

    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The data of a successful answer with this status.
    #[track_caller]
    pub fn data(&self, status: u16) -> &Value {
        assert_eq!(self.status, status, "{}", self.body);
        &self.body["data"]
    }

    /// The details of a refusal with this status and code.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) -> &Value {
        self.refused_for("the request", status, code)
    }

    /// The same for a table of cases; `case` is shown when it fails.
    #[track_caller]
    pub fn refused_for(&self, case: &str, status: u16, code: &str) -> &Value {
        let (came, wanted) = ((self.status, self.body["code"].as_str()), (status, Some(code)));
        assert_eq!(came, wanted, "{case}: {}", self.body);
        let sentence = self.body["error"].as_str().unwrap_or_default();
        assert!(sentence.ends_with('.') && sentence.len() > 10, "{case}: not a sentence: {sentence:?}");
        &self.body["details"]
    }
}
