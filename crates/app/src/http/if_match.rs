//! `If-Match`: the versions that a change is meant for, as an answer's `ETag` says them.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
};
use serde_json::json;

use super::{ApiError, ErrorCode, Parameter, Parameters, Place};

const INVALID_IF_MATCH: ErrorCode =
    ErrorCode::new(StatusCode::BAD_REQUEST, "invalid_if_match", "send the `ETag` of what is to change");

/// Nobody has more versions of a thing in hand.
const VERSIONS_MAX: usize = 16;

/// The versions that a change is meant for; any, if there are none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExpectedVersions(pub Vec<i32>);

/// A version as an `ETag`.
#[must_use]
pub fn etag(version: i32) -> HeaderValue {
    // Cannot fail: digits in quotes are a valid header value.
    HeaderValue::from_str(&format!("\"{version}\"")).unwrap_or_else(|_| HeaderValue::from_static("\"0\""))
}

impl ExpectedVersions {
    /// Makes a change that compares and changes in one statement, so that no change of somebody else's is ever overwritten.
    /// Of several versions the database compares one; `other_version` is the one that its answer says it should have been.
    ///
    /// # Errors
    /// What `change` fails with.
    pub async fn apply<T, E, F>(
        &self,
        change: impl Fn(Option<i32>) -> F,
        other_version: impl Fn(&T) -> Option<i32>,
    ) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        let outcome = change(self.0.first().copied()).await?;
        match other_version(&outcome).filter(|version| self.0.contains(version)) {
            Some(version) => change(Some(version)).await,
            None => Ok(outcome),
        }
    }

    fn read(headers: &HeaderMap) -> Option<Self> {
        let mut tags = Vec::new();
        for value in headers.get_all(header::IF_MATCH) {
            // None of our tags holds a comma, and a list may have empty elements (RFC 9110 §5.6.1).
            tags.extend(value.to_str().ok()?.split(',').map(str::trim).filter(|tag| !tag.is_empty()));
        }
        match tags[..] {
            // `*` matches any version (RFC 9110 §13.1.1), as if the header were absent.
            [] if !headers.contains_key(header::IF_MATCH) => Some(Self::default()),
            ["*"] => Some(Self::default()),
            [_, ..] if tags.len() <= VERSIONS_MAX => tags.into_iter().map(version).collect::<Option<_>>().map(Self),
            _ => None,
        }
    }
}

/// The version of one tag. A weak one counts as strong: Cloudflare weakens the tag of every answer that it compresses,
/// and a version says all that can change.
fn version(tag: &str) -> Option<i32> {
    let (is_weak, tag) = tag.strip_prefix("W/").map_or((false, tag), |tag| (true, tag));
    match tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')) {
        Some(version) => version.parse().ok(),
        None if is_weak => None,
        None => tag.parse().ok(),
    }
}

impl FromRequestParts<()> for ExpectedVersions {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, (): &()) -> Result<Self, Self::Rejection> {
        Self::read(&parts.headers).ok_or_else(|| {
            ApiError::new(
                INVALID_IF_MATCH,
                "If-Match takes the ETag as it was answered, several with commas between, or *.",
            )
        })
    }
}

impl Parameters for ExpectedVersions {
    fn errors() -> Vec<ErrorCode> {
        vec![INVALID_IF_MATCH]
    }

    fn describe() -> Vec<Parameter> {
        const TAG: &str = "(W/\"-?[0-9]{1,9}\"|\"?-?[0-9]{1,9}\"?)";
        let pattern = format!("^(\\*|{TAG}( *, *{TAG}){{0,15}})$");
        let schema = json!({ "type": "string", "pattern": pattern });
        let description =
            "The version that the change is meant for, as its `ETag` says it; several with commas between.";
        vec![Parameter { name: "If-Match", place: Place::Header, is_required: false, description, schema }]
    }
}
