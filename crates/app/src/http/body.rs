//! JSON request bodies: type, size and syntax are checked here, meaning in the feature.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header},
};
use schemars::{JsonSchema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, error::Category, json};

use super::{
    ApiError, ErrorCode, RequestBody,
    code::{
        BODY_TOO_LARGE, INVALID_REQUEST, JSON_TOO_COMPLEX, MALFORMED_JSON, UNREADABLE_BODY, UNSUPPORTED_MEDIA_TYPE,
    },
    json_shape::check_shape,
};

/// Larger request bodies are refused before they are read to the end.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// A body as it came, for who has to check its bytes before its meaning: JSON of at most `MAX` bytes.
#[derive(Debug, Clone)]
pub struct RawBody<const MAX: usize>(pub Bytes);

impl<const MAX: usize> RequestBody for RawBody<MAX> {
    const ERRORS: &'static [ErrorCode] = &[BODY_TOO_LARGE, UNREADABLE_BODY];
    const BYTES_MAX: usize = MAX;

    fn schema(_: &mut SchemaGenerator) -> Option<Value> {
        Some(json!({ "type": "object" }))
    }
}

impl<const MAX: usize, S: Send + Sync> FromRequest<S> for RawBody<MAX> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        Bytes::from_request(request, state).await.map(Self).map_err(|error| unread(&error, MAX))
    }
}

#[derive(Debug, Clone)]
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned + JsonSchema + Send> RequestBody for JsonBody<T> {
    const ERRORS: &'static [ErrorCode] =
        &[BODY_TOO_LARGE, INVALID_REQUEST, JSON_TOO_COMPLEX, MALFORMED_JSON, UNREADABLE_BODY, UNSUPPORTED_MEDIA_TYPE];

    fn schema(generator: &mut SchemaGenerator) -> Option<Value> {
        Some(generator.subschema_for::<T>().to_value())
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        if !is_json(request.headers()) {
            return Err(ApiError::new(
                UNSUPPORTED_MEDIA_TYPE,
                "Send the body as JSON with the header Content-Type: application/json.",
            ));
        }
        let body = Bytes::from_request(request, state).await.map_err(|error| unread(&error, BODY_BYTES_MAX))?;
        check_shape(&body)?;
        // Only an object: serde would also take a list, field by field in the order of the struct.
        let fields: Map<String, Value> = serde_json::from_slice(&body).map_err(|error| match error.classify() {
            Category::Data => invalid("it is not a JSON object"),
            Category::Syntax | Category::Eof | Category::Io => {
                ApiError::new(MALFORMED_JSON, "The body is not valid JSON.")
            }
        })?;
        serde_json::from_value(Value::Object(fields)).map(Self).map_err(|error| invalid(&error.to_string()))
    }
}

/// `application/json`, or another type that is JSON by its suffix (RFC 6839 §3.1).
fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind.strip_prefix("application/").is_some_and(|subtype| subtype == "json" || subtype.ends_with("+json"))
}

fn unread(rejection: &BytesRejection, max: usize) -> ApiError {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(max),
        _ => unreadable(),
    }
}

fn too_large(max: usize) -> ApiError {
    ApiError::new(BODY_TOO_LARGE, format!("The body may have at most {max} bytes."))
}

fn unreadable() -> ApiError {
    ApiError::new(UNREADABLE_BODY, "The body could not be read to its end. Send it again.")
}

fn invalid(reason: &str) -> ApiError {
    ApiError::new(INVALID_REQUEST, format!("The body does not have the expected fields: {reason}."))
}
