//! Cloudflare's AI Gateway in front of a provider. Calls use the provider's native path, so body and key stay the same;
//! the gateway's own unified path would drop Anthropic's cache marks.

use http::{HeaderMap, HeaderName, HeaderValue};
use oslira_app::features::judging::CallTags;
use serde_json::json;

use crate::send::{Secret, SendError, bearer};

/// The gateway's settings, sent as headers with every call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    token: Option<Secret>,
    cache_ttl_s: u32,
}

impl Gateway {
    /// `token` is needed only for an authenticated gateway. For `cache_ttl_s` seconds the gateway may answer an
    /// identical question from its cache; 0 turns this off.
    #[must_use]
    pub const fn new(token: Option<Secret>, cache_ttl_s: u32) -> Self {
        Self { token, cache_ttl_s }
    }

    /// Adds the headers: run, type and call for the gateway's logs, but no prompts or answers, because they are about
    /// persons.
    pub(super) fn mark(&self, headers: &mut HeaderMap, tags: CallTags) -> Result<(), SendError> {
        if let Some(token) = &self.token {
            headers.insert(HeaderName::from_static("cf-aig-authorization"), bearer(token)?);
        }
        let metadata = json!({ "run": tags.run, "type": tags.analysis_type, "call": tags.call });
        let metadata = HeaderValue::try_from(metadata.to_string()).map_err(|why| SendError::Broken(why.to_string()))?;
        headers.insert(HeaderName::from_static("cf-aig-metadata"), metadata);
        headers.insert(HeaderName::from_static("cf-aig-collect-log-payload"), HeaderValue::from_static("false"));
        // The workflow counts the attempts: a retry by the gateway would be paid and neither counted nor billed to a run.
        headers.insert(HeaderName::from_static("cf-aig-max-attempts"), HeaderValue::from_static("1"));
        match self.cache_ttl_s {
            0 => headers.insert(HeaderName::from_static("cf-aig-skip-cache"), HeaderValue::from_static("true")),
            ttl_s => headers.insert(HeaderName::from_static("cf-aig-cache-ttl"), HeaderValue::from(ttl_s)),
        };
        Ok(())
    }
}

/// Whether the gateway answered from its own cache; `None` if it does not say.
pub(super) fn hit(headers: &HeaderMap) -> Option<bool> {
    headers.get("cf-aig-cache-status").map(|status| status.as_bytes().eq_ignore_ascii_case(b"HIT"))
}
