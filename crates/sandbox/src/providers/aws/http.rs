//! `POST /` with `X-Amz-Target: secretsmanager.GetSecretValue`.

use std::sync::Arc;

use axum::{
    Extension,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::Response,
};
use jiff::Timestamp;
use serde::Deserialize;

use super::{
    AWS_SECRET_ID,
    errors::{AwsError, answer},
    signature::Signed,
    state::{SecretsManager, arn},
};
use crate::shared::{faults::Kind, tap::Asked};

const SECRET_ID_CHARACTERS_MAX: usize = 2048;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Question {
    secret_id: String,
    version_id: Option<String>,
    version_stage: Option<String>,
}

pub(super) async fn get_secret_value(
    State(manager): State<Arc<SecretsManager>>,
    Extension(asked): Extension<Asked>,
    method: Method,
    uri: Uri,
    sent: HeaderMap,
    body: Bytes,
) -> Result<Response, AwsError> {
    let header = |name: &str| sent.get(name).and_then(|value| value.to_str().ok());
    if !header("content-type").is_some_and(|kind| kind.starts_with("application/x-amz-json-1.1")) {
        return Err(AwsError::new("SerializationException", "The body is not JSON 1.1."));
    }
    if header("x-amz-target") != Some("secretsmanager.GetSecretValue") {
        return Err(AwsError::new("UnknownOperationException", "The sandbox knows GetSecretValue only."));
    }
    let signed = Signed { method: &method, uri: &uri, headers: &sent, body: &body };
    signed.check(&manager.credentials(), Timestamp::now().as_second())?;
    let question: Question =
        serde_json::from_slice(&body).map_err(|error| AwsError::new("SerializationException", error.to_string()))?;
    let id = question.secret_id.as_str();
    if id.is_empty() || id.len() > SECRET_ID_CHARACTERS_MAX {
        return Err(AwsError::new("InvalidParameterException", "Invalid name."));
    }
    let missing = |message: &str| AwsError::new("ResourceNotFoundException", message);
    if id != AWS_SECRET_ID && id != arn() {
        return Err(missing("Secrets Manager can't find the specified secret."));
    }
    let is_behind = asked.fault == Some(Kind::OldVersion);
    let found = manager.answer(question.version_id.as_deref(), question.version_stage.as_deref(), is_behind);
    let found = found.ok_or_else(|| missing("Secrets Manager can't find the specified secret value."))?;
    Ok(answer(StatusCode::OK, found))
}
