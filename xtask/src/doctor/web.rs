//! HTTP as the doctor needs it: every status is an answer, nothing is followed, and no answer is waited for or read without end.

use std::io::ErrorKind;
use std::time::Duration;

use serde_json::Value;
use ureq::Agent;

use crate::doctor::finding::shortened;

/// How long one request may take, with its body.
const TIMEOUT: Duration = Duration::from_secs(10);
const BODY_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A client for any address, this machine's too.
pub struct Web {
    /// Through the proxy that the shell names, if there is one.
    outside: Agent,
    /// For addresses of this machine, which no proxy knows.
    here: Agent,
}

/// What was answered.
pub struct Answer {
    pub status: u16,
    /// Names are lower-case.
    headers: Vec<(String, String)>,
    /// `null` if the body is no JSON.
    pub body: Value,
}

/// Why there was no answer.
pub struct Silence {
    /// A sentence without any header.
    pub why: String,
    /// Nobody listens at that port. What a proxy refuses says nothing of it.
    pub is_refused: bool,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A member of the body by its JSON pointer, if it is a text.
    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.body.pointer(pointer).and_then(Value::as_str)
    }

    /// The texts of a list in the body.
    pub fn texts(&self, pointer: &str) -> Vec<String> {
        let list = self.body.pointer(pointer).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).map(shortened).collect()
    }
}

impl Web {
    pub fn new() -> Self {
        // Nothing that we send, such as a token, goes where somebody else points.
        let config =
            || Agent::config_builder().http_status_as_error(false).max_redirects(0).timeout_global(Some(TIMEOUT));
        Self { outside: config().build().into(), here: config().proxy(None).build().into() }
    }

    /// Gets a URL with these headers; an error is a sentence without any of them.
    pub fn get(&self, url: &str, headers: &[(&str, &str)]) -> Result<Answer, String> {
        self.ask(url, headers).map_err(|silence| silence.why)
    }

    /// The same, for whoever asks why there is no answer.
    pub fn ask(&self, url: &str, headers: &[(&str, &str)]) -> Result<Answer, Silence> {
        let agent = if is_here(url) { &self.here } else { &self.outside };
        let request = headers.iter().fold(agent.get(url), |request, (name, value)| request.header(*name, *value));
        let sent = request.call().map_err(|error| Silence {
            why: format!("no answer from {}: {error}", without_query(url)),
            is_refused: agent.config().proxy().is_none() && is_refusal(&error),
        })?;
        let (parts, mut body) = sent.into_parts();
        let bytes = body.with_config().limit(BODY_BYTES_MAX).read_to_vec().map_err(|error| Silence {
            why: format!("{} broke off: {error}", without_query(url)),
            is_refused: false,
        })?;
        let text = |value: &ureq::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        Ok(Answer {
            status: parts.status.as_u16(),
            headers: parts.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect(),
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        })
    }
}

fn is_refusal(error: &ureq::Error) -> bool {
    matches!(error, ureq::Error::Io(error) if error.kind() == ErrorKind::ConnectionRefused)
}

fn without_query(url: &str) -> &str {
    url.split('?').next().unwrap_or(url)
}

/// Whether an address is one of this machine.
pub fn is_here(url: &str) -> bool {
    ["http://127.0.0.1:", "http://localhost:"].iter().any(|here| url.starts_with(here))
}
