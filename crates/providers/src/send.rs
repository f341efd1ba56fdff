//! The port through which every request leaves, and the address and key of a provider.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, header};

/// Sends one request. Implementations MUST NOT retry, because a scrape that is started twice is paid twice, and MUST
/// NOT follow redirects, because the key would be sent to another server. The one exception is a request whose key was
/// refused, which did nothing: [`FreshKeys`](crate::FreshKeys) repeats it once with the key of now.
#[async_trait]
pub trait HttpSend: Send + Sync {
    /// Sends the request and reads the whole body; `timeout` covers both, `body_bytes_max` limits the body.
    ///
    /// # Errors
    /// [`SendError`] when there is no whole response; a response with any status is `Ok`.
    async fn send(
        &self,
        request: Request<Bytes>,
        timeout: Duration,
        body_bytes_max: usize,
    ) -> Result<Response<Bytes>, SendError>;
}

/// Why there is no response. The messages are logged, so they MUST NOT contain headers or bodies.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// No whole response within the given time: whether the server did what was asked is not known.
    #[error("timed out")]
    Timeout,
    #[error("unreachable: {0}")]
    Unreachable(String),
    #[error("answer too large")]
    TooLarge,
    /// The request could not be built, or the response ended early.
    #[error("broken: {0}")]
    Broken(String),
}

/// A key. Only the header of a request contains it.
pub type Secret = oslira_app::shared::secret::Secret<String>;

pub(crate) fn bearer(key: &Secret) -> Result<HeaderValue, SendError> {
    header_value(&format!("Bearer {}", key.expose()))
}

pub(crate) fn header_value(secret: &str) -> Result<HeaderValue, SendError> {
    let mut value = HeaderValue::try_from(secret)
        .map_err(|_| SendError::Broken("the key does not fit into a header".to_owned()))?;
    // Makes the `Debug` output of a request show `Sensitive` in its place.
    value.set_sensitive(true);
    Ok(value)
}

/// A provider's base URL and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    base_url: String,
    key: Secret,
    key_header: Option<&'static str>,
}

impl Endpoint {
    /// Slashes at the end of the base URL are ignored.
    #[must_use]
    pub fn new(base_url: &str, key: Secret) -> Self {
        Self { base_url: base_url.trim().trim_end_matches('/').to_owned(), key, key_header: None }
    }

    /// Sends the key in this header instead of as a bearer token.
    #[must_use]
    pub const fn with_key_in(mut self, header: &'static str) -> Self {
        self.key_header = Some(header);
        self
    }

    /// Whether answers from here MUST be recorded as the sandbox's: the key is the sandbox's, or the base URL is not
    /// https, which every real provider is.
    #[must_use]
    pub fn is_sandbox(&self) -> bool {
        self.key.expose().starts_with("sandbox-") || !self.base_url.to_ascii_lowercase().starts_with("https://")
    }

    /// A request that carries the key; `path` starts with a slash.
    pub(crate) fn request(&self, method: Method, path: &str, body: Bytes) -> Result<Request<Bytes>, SendError> {
        let (header, key) = match self.key_header {
            Some(name) => (HeaderName::from_static(name), header_value(self.key.expose())?),
            None => (header::AUTHORIZATION, bearer(&self.key)?),
        };
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base_url))
            .header(header::ACCEPT, "application/json")
            .header(header, key);
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        request.body(body).map_err(|why| SendError::Broken(why.to_string()))
    }

    /// A request that carries the key and sends a form, already encoded.
    pub(crate) fn form(&self, path: &str, form: String) -> Result<Request<Bytes>, SendError> {
        let mut request = self.request(Method::POST, path, form.into())?;
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(header::CONTENT_TYPE, kind);
        Ok(request)
    }
}

/// A provider's error type or code if it looks like one, else `unknown`. Nothing else of an error body is logged: the
/// message may repeat a prompt or a key.
pub(crate) fn error_word(word: Option<&str>) -> &str {
    const CHARS_MAX: usize = 64;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '.';
    word.filter(|word| (1..=CHARS_MAX).contains(&word.len()) && word.chars().all(plain)).unwrap_or("unknown")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_never_printed() {
        let endpoint = Endpoint::new("https://api.example.com/", Secret::new("sk-very-secret"));
        let request = endpoint.request(Method::POST, "/x", Bytes::from_static(b"{}")).unwrap();

        assert_eq!(request.uri(), "https://api.example.com/x");
        assert_eq!(request.headers()["authorization"], "Bearer sk-very-secret");
        assert!(!format!("{endpoint:?} {request:?}").contains("very-secret"));
    }

    #[test]
    fn a_key_that_would_break_the_header_is_refused_without_being_named() {
        let endpoint = Endpoint::new("https://api.example.com", Secret::new("a\nb-secret"));
        let error = endpoint.request(Method::GET, "/x", Bytes::new()).unwrap_err();
        assert!(!error.to_string().contains("b-secret"), "{error}");
    }

    #[test]
    fn a_sandbox_key_or_a_plain_address_makes_a_sandbox() {
        let sandbox = |url: &str, key: &str| Endpoint::new(url, Secret::new(key)).is_sandbox();
        assert!(sandbox("http://127.0.0.1:4010/apify", "sandbox-apify-token"));
        assert!(sandbox("https://api.apify.com", "sandbox-apify-token"));
        assert!(sandbox("http://api.apify.com", "apify_api_x"));
        assert!(!sandbox("HTTPS://api.apify.com", "apify_api_x"));
    }

    #[test]
    fn only_a_word_of_an_error_body_is_repeated() {
        assert_eq!(error_word(Some("rate-limit-exceeded")), "rate-limit-exceeded");
        for strange in [None, Some(""), Some("a sentence with a name"), Some("x\ny")] {
            assert_eq!(error_word(strange), "unknown");
        }
    }
}
