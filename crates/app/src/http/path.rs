//! Ids in paths. Text that is not a UUID is refused before the feature sees it.

use std::str::FromStr;

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};

use serde_json::json;

use super::{ApiError, ErrorCode, Parameter, Parameters, Place, code::INVALID_ID};

/// An id from the path, which must have this one parameter only.
#[derive(Debug, Clone, Copy)]
pub struct PathId<T>(pub T);

impl<S: Send + Sync, T: FromStr> FromRequestParts<S> for PathId<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let malformed = || ApiError::new(INVALID_ID, "The id in the path is not a UUID.");
        let Path(text) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| malformed())?;
        text.parse().map(Self).map_err(|_| malformed())
    }
}

impl<T: FromStr + Send> Parameters for PathId<T> {
    fn errors() -> Vec<ErrorCode> {
        vec![INVALID_ID]
    }

    fn describe() -> Vec<Parameter> {
        let schema = json!({ "type": "string", "format": "uuid" });
        vec![Parameter { name: "id", place: Place::Path, is_required: true, description: "Its id.", schema }]
    }
}
