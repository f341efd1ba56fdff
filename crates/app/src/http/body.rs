//! JSON bodies: type, size and syntax are checked here, meaning in the feature.

use axum::{
    Json,
    extract::{FromRequest, Request, rejection::JsonRejection},
    http::StatusCode,
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::ApiError;

/// Larger request bodies are refused before they are read to the end.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// A JSON request body.
#[derive(Debug, Clone)]
pub struct JsonBody<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        // Only an object: serde would also take a list, field by field in the order of the struct.
        let Json(fields) = Json::<Map<String, Value>>::from_request(request, state).await.map_err(|r| refuse(&r))?;
        serde_json::from_value(Value::Object(fields)).map(Self).map_err(|error| invalid(&error.to_string()))
    }
}

fn refuse(rejection: &JsonRejection) -> ApiError {
    match rejection {
        JsonRejection::MissingJsonContentType(_) => ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "Send the body as JSON with the header Content-Type: application/json.",
        ),
        JsonRejection::JsonSyntaxError(_) => {
            ApiError::new(StatusCode::BAD_REQUEST, "malformed_json", "The body is not valid JSON.")
        }
        JsonRejection::JsonDataError(_) => invalid("it is not a JSON object"),
        JsonRejection::BytesRejection(error) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            format!("The body may have at most {BODY_BYTES_MAX} bytes."),
        ),
        _ => ApiError::new(
            StatusCode::BAD_REQUEST,
            "unreadable_body",
            "The body could not be read to its end. Send it again.",
        ),
    }
}

fn invalid(reason: &str) -> ApiError {
    ApiError::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "invalid_request",
        format!("The body does not have the expected fields: {reason}."),
    )
}
