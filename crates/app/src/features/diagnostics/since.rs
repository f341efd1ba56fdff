//! Since when is asked about: `?since=2026-11-27T09:30:00Z`.

use axum::{
    extract::{FromRequestParts, Query},
    http::request::Parts,
};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::json;

use super::DiagnosticsPorts;
use crate::{
    http::{ApiError, ErrorCode, Parameter, Parameters, Place, code::INVALID_QUERY},
    shared::clock::read_time,
};

/// How far back is read: the rows themselves are, so no longer time is asked about. The database keeps to the same.
const BACK_MAX: SignedDuration = SignedDuration::from_hours(8 * 24);

/// A moment, or none for a day ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Since(pub Option<Timestamp>);

#[derive(Deserialize)]
struct RawQuery {
    since: Option<String>,
}

fn refused(message: &str) -> ApiError {
    ApiError::new(INVALID_QUERY, message).with_details(json!({ "field": "since" }))
}

impl Since {
    /// # Errors
    /// For a moment that is too long ago.
    pub fn checked(self, ports: &DiagnosticsPorts) -> Result<Option<Timestamp>, ApiError> {
        match self.0 {
            Some(since) if ports.clock.now().duration_since(since) > BACK_MAX => {
                Err(refused("since lies at most eight days back."))
            }
            since => Ok(since),
        }
    }
}

impl FromRequestParts<()> for Since {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &()) -> Result<Self, Self::Rejection> {
        let Query(raw) = Query::<RawQuery>::from_request_parts(parts, state)
            .await
            .map_err(|_| ApiError::new(INVALID_QUERY, "The query string could not be read."))?;
        match raw.since.as_deref() {
            None => Ok(Self(None)),
            Some(text) => match read_time(text) {
                Some(since) => Ok(Self(Some(since))),
                None => Err(refused("since is a time such as 2026-11-27T09:30:00Z.")),
            },
        }
    }
}

impl Parameters for Since {
    fn errors() -> Vec<ErrorCode> {
        vec![INVALID_QUERY]
    }

    fn describe() -> Vec<Parameter> {
        vec![Parameter {
            name: "since",
            place: Place::Query,
            is_required: false,
            description: "From when on, at most eight days back; without it the last 24 hours.",
            schema: json!({ "type": "string", "format": "date-time" }),
        }]
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn asked(query: &str) -> Result<Since, ApiError> {
        let request = http::Request::builder().uri(format!("/operator/health/summary{query}")).body(()).unwrap();
        let (mut parts, ()) = request.into_parts();
        Since::from_request_parts(&mut parts, &()).now_or_never().unwrap()
    }

    #[test]
    fn a_moment_is_a_time_of_some_zone() {
        assert_eq!(asked("").unwrap(), Since(None));
        let noon = Some("2026-11-27T12:00:00Z".parse().unwrap());
        assert_eq!(asked("?since=2026-11-27T12:00:00Z").unwrap(), Since(noon));
        assert_eq!(asked("?since=2026-11-27T13:00:00%2B01:00").unwrap(), Since(noon));
        for query in ["?since=", "?since=yesterday", "?since=2026-11-27", "?since=1&since=2"] {
            assert_eq!(asked(query).unwrap_err().code(), INVALID_QUERY, "{query}");
        }
    }
}
