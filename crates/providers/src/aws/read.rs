//! Reads the secret: `GetSecretValue`, which answers the version that AWS calls current.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, header};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{AwsSettings, sigv4::sign};
use crate::{
    send::{HttpSend, SendError, error_word},
    vault::SecretValues,
};

/// A customer's request may wait for it, in an isolate that has just begun.
const TIMEOUT: Duration = Duration::from_secs(3);
/// The value may have 64 KiB, and as a text in JSON up to twice that.
const ANSWER_BYTES_MAX: usize = 160 * 1024;

/// Where the values of secret settings come from.
#[async_trait]
pub trait SecretSource: Send + Sync {
    /// The values of now.
    ///
    /// # Errors
    /// Why there are none: a sentence for the log, without secrets.
    async fn read(&self, now: Timestamp) -> Result<SecretValues, String>;
}

/// AWS Secrets Manager. It remembers nothing; the vault does.
pub struct SecretsManager {
    send: Arc<dyn HttpSend>,
    settings: AwsSettings,
}

impl SecretsManager {
    #[must_use]
    pub fn new(send: Arc<dyn HttpSend>, settings: AwsSettings) -> Self {
        Self { send, settings }
    }

    fn request(&self, now: Timestamp) -> Result<Request<Bytes>, SendError> {
        let body = json!({ "SecretId": self.settings.secret_id }).to_string();
        let target = HeaderValue::from_static("secretsmanager.GetSecretValue");
        let mut request = Request::post(format!("{}/", self.settings.url))
            .header(header::CONTENT_TYPE, "application/x-amz-json-1.1")
            .header(HeaderName::from_static("x-amz-target"), target)
            .body(Bytes::from(body))
            .map_err(|why| SendError::Broken(why.to_string()))?;
        sign(&mut request, &self.settings.credentials, &self.settings.region, "secretsmanager", now)?;
        Ok(request)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    /// Absent where the secret is bytes.
    secret_string: Option<String>,
}

#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(rename = "__type")]
    kind: Option<String>,
}

#[async_trait]
impl SecretSource for SecretsManager {
    async fn read(&self, now: Timestamp) -> Result<SecretValues, String> {
        let request = self.request(now).map_err(|why| why.to_string())?;
        let response = self.send.send(request, TIMEOUT, ANSWER_BYTES_MAX).await.map_err(|why| why.to_string())?;
        if !response.status().is_success() {
            let refusal = serde_json::from_slice::<Refusal>(response.body()).unwrap_or_default();
            // With or without a prefix: `com.amazonaws.secretsmanager#ResourceNotFoundException`.
            let kind = refusal.kind.as_deref().and_then(|kind| kind.rsplit('#').next());
            return Err(format!("{} {}", response.status().as_u16(), error_word(kind)));
        }
        // serde's messages may repeat a piece of a value, so they are not told.
        let answer: Answer =
            serde_json::from_slice(response.body()).map_err(|_| "the answer cannot be read".to_owned())?;
        let text = answer.secret_string.ok_or("the secret has no text")?;
        let values: Map<String, Value> =
            serde_json::from_str(&text).map_err(|_| "the secret is no object in JSON".to_owned())?;
        let taken = SecretValues::of(values.iter().map(|(name, value)| (name.as_str(), value.as_str())))?;
        // Another application's secret, or one whose names were lost: it must not take the place of good values.
        if taken.is_empty() { Err("the secret has none of our settings".to_owned()) } else { Ok(taken) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::double::{Script, json as answer, text};

    fn settings() -> AwsSettings {
        let text = |name: &str| match name {
            "SECRETS_SOURCE" => "aws".to_owned(),
            "AWS_REGION" => "eu-central-1".to_owned(),
            "AWS_SECRET_ID" => "oslira/production".to_owned(),
            "AWS_ACCESS_KEY_ID" => "AKIDEXAMPLE".to_owned(),
            "AWS_SECRET_ACCESS_KEY" => "very-secret".to_owned(),
            _ => String::new(),
        };
        AwsSettings::read(text, false).0.unwrap()
    }

    fn now() -> Timestamp {
        "2026-11-30T12:00:00Z".parse().unwrap()
    }

    #[tokio::test]
    async fn the_names_of_secrets_are_read_and_others_are_passed_over() {
        let secret = json!({
            "OPENAI_API_KEY": " sk-new ", "ANTHROPIC_API_KEY": "", "OPENAI_BASE_URL": "https://evil.example", "note": 7,
        });
        let body = json!({ "Name": "oslira/production", "VersionId": "v", "SecretString": secret.to_string() });
        let script = Arc::new(Script::of([answer(200, &body)]));
        let values = SecretsManager::new(script.clone(), settings()).read(now()).await.unwrap();

        assert_eq!(values.get("OPENAI_API_KEY").map(|key| key.expose().as_str()), Some("sk-new"));
        // An address is no secret: whoever may write secrets must not be able to redirect our keys.
        assert_eq!((values.get("ANTHROPIC_API_KEY"), values.get("OPENAI_BASE_URL")), (None, None));
        let sent = script.sent.lock().unwrap();
        assert_eq!(sent[0].request.uri(), "https://secretsmanager.eu-central-1.amazonaws.com/");
        assert_eq!(sent[0].request.headers()["x-amz-target"], "secretsmanager.GetSecretValue");
        assert_eq!(sent[0].json(), json!({ "SecretId": "oslira/production" }));
        assert_eq!((sent[0].timeout, sent[0].body_bytes_max), (TIMEOUT, ANSWER_BYTES_MAX));
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_an_error_without_a_secret() {
        let of = |secret: &str| answer(200, &json!({ "SecretString": secret }));
        for (sent, expected) in [
            (
                answer(400, &json!({ "__type": "a.b#AccessDeniedException", "Message": "very-secret" })),
                "400 AccessDeniedException",
            ),
            (answer(400, &json!({ "__type": "ThrottlingException" })), "400 ThrottlingException"),
            (text(503, "very-secret"), "503 unknown"),
            (Err(SendError::Timeout), "timed out"),
            (text(200, "very-secret"), "the answer cannot be read"),
            (answer(200, &json!({ "SecretBinary": "dmVyeQ==" })), "the secret has no text"),
            (of("very-secret"), "the secret is no object in JSON"),
            (of("{\"OPENAI_API_KEY\": {\"very\": \"secret\"}}"), "OPENAI_API_KEY is no text"),
            (of("{}"), "the secret has none of our settings"),
            (of("{\"openai_api_key\": \"very-secret\"}"), "the secret has none of our settings"),
            (of("{\"OPENAI_API_KEY\": \" \"}"), "the secret has none of our settings"),
        ] {
            let read = SecretsManager::new(Arc::new(Script::of([sent])), settings()).read(now()).await;
            assert_eq!(read, Err(expected.to_owned()));
        }
    }
}
