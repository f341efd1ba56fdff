//! JSON over HTTP: for the parts of the stack on 127.0.0.1, and over TLS for a deployment.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use ureq::Agent;

/// A client that uses no proxy (most servers are local) and returns every status as an answer.
pub struct Http(Agent);

/// A status and its body (`null` when that is not JSON).
pub struct Answer {
    pub status: u16,
    pub body: Value,
    /// After how many seconds to send it again, if the answer says so.
    pub retry_after_s: Option<u64>,
}

impl Http {
    /// `timeout` covers each whole request, body included.
    pub fn new(timeout: Duration) -> Self {
        let config =
            Agent::config_builder().proxy(None).http_status_as_error(false).timeout_global(Some(timeout)).build();
        Self(config.into())
    }

    pub fn get(&self, url: &str, token: Option<&str>) -> Result<Answer> {
        let mut request = self.0.get(url);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        answer(request.call(), url)
    }

    pub fn post(&self, url: &str, token: Option<&str>, body: &Value) -> Result<Answer> {
        self.post_once(url, token, None, body)
    }

    /// The same with an idempotency key. A body of `null` is none.
    pub fn post_once(&self, url: &str, token: Option<&str>, key: Option<&str>, body: &Value) -> Result<Answer> {
        let mut request = self.0.post(url);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        answer(if body.is_null() { request.send_empty() } else { request.send_json(body) }, url)
    }

    /// Posts a body as it is, with a header of its own.
    pub fn post_text(&self, url: &str, (name, value): (&str, &str), body: &str) -> Result<Answer> {
        let request = self.0.post(url).header("content-type", "application/json").header(name, value);
        answer(request.send(body), url)
    }

    pub fn put(&self, url: &str, token: Option<&str>, body: &Value) -> Result<Answer> {
        let mut request = self.0.put(url);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        answer(request.send_json(body), url)
    }

    /// As an operator, who says why: posts a body, or gets without one.
    pub fn operate(&self, url: &str, token: &str, reason: &str, body: Option<&Value>) -> Result<Answer> {
        let (token, header) = (format!("Bearer {token}"), "x-operator-reason");
        answer(
            match body {
                Some(body) => self.0.post(url).header("authorization", token).header(header, reason).send_json(body),
                None => self.0.get(url).header("authorization", token).header(header, reason).call(),
            },
            url,
        )
    }

    /// A text of this kind, which is an error unless the answer is a success.
    pub fn text(&self, url: &str, token: &str, kind: &str) -> Result<String> {
        let request = self.0.get(url).header("authorization", format!("Bearer {token}")).header("accept", kind);
        let mut response = request.call().with_context(|| format!("{url} does not answer"))?;
        ensure!(response.status().is_success(), "{url} answers {}", response.status().as_u16());
        response.body_mut().read_to_string().with_context(|| format!("{url} broke off"))
    }

    pub fn delete(&self, url: &str, token: Option<&str>) -> Result<Answer> {
        let mut request = self.0.delete(url);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        answer(request.call(), url)
    }
}

fn answer(result: Result<ureq::http::Response<ureq::Body>, ureq::Error>, url: &str) -> Result<Answer> {
    let mut response = result.with_context(|| format!("{url} does not answer"))?;
    let status = response.status().as_u16();
    let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
    let retry_after_s = retry_after.and_then(|value| value.parse().ok());
    let text = response.body_mut().read_to_string().with_context(|| format!("{url} broke off"))?;
    Ok(Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::Null), retry_after_s })
}
