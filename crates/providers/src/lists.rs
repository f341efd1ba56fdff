//! The providers' own lists of models: which models they offer us, and when each is shut down.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use oslira_app::features::judging::{LifecycleStatus, ListedModel, ModelLists};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    chat::ANTHROPIC_VERSION,
    families::base_name,
    send::{Endpoint, HttpSend},
};

/// OpenAI's list of about a hundred models takes 15 KiB.
const BODY_BYTES_MAX: usize = 1024 * 1024;
const TIMEOUT: Duration = Duration::from_secs(20);
/// Anthropic's list is paginated. A page of 1,000, the largest allowed, holds far more models than there are.
const PAGE: &str = "/v1/models?limit=1000";

/// The lists of the providers that have a key. They are read from the provider itself, because a gateway need not pass
/// them on.
pub struct ProviderLists {
    send: Arc<dyn HttpSend>,
    openai: Endpoint,
    anthropic: Option<Endpoint>,
}

impl ProviderLists {
    /// As for questions, OpenAI's base URL ends with `/v1` and Anthropic's is without it.
    #[must_use]
    pub fn new(send: Arc<dyn HttpSend>, openai: Endpoint, anthropic: Option<Endpoint>) -> Self {
        Self { send, openai, anthropic }
    }

    async fn read<T: DeserializeOwned>(&self, endpoint: &Endpoint, path: &str) -> Result<T, String> {
        let mut request = endpoint.request(Method::GET, path, Bytes::new()).map_err(|why| why.to_string())?;
        // Anthropic requires it; OpenAI ignores it.
        let version = HeaderValue::from_static(ANTHROPIC_VERSION);
        request.headers_mut().insert(HeaderName::from_static("anthropic-version"), version);
        let response = self.send.send(request, TIMEOUT, BODY_BYTES_MAX).await.map_err(|why| why.to_string())?;
        if !response.status().is_success() {
            return Err(format!("it answered {}", response.status().as_u16()));
        }
        serde_json::from_slice(response.body()).map_err(|_| "the answer is not a list of models".to_owned())
    }
}

#[derive(Deserialize)]
struct Page<T> {
    data: Vec<T>,
    // OpenAI does not paginate its list and has no such field.
    #[serde(default)]
    has_more: bool,
}

/// `shutdown_date` is missing on servers that only speak the same protocol.
#[derive(Deserialize)]
struct OpenAiModel {
    id: String,
    shutdown_date: Option<Date>,
}

#[derive(Deserialize)]
struct AnthropicModel {
    id: String,
    lifecycle: Option<String>,
    retires_at: Option<Timestamp>,
}

impl From<OpenAiModel> for ListedModel {
    fn from(model: OpenAiModel) -> Self {
        Self {
            alias: base_name(&model.id).map(str::to_owned),
            name: model.id,
            // OpenAI states no status: a model that is gone is not in the list.
            status: LifecycleStatus::Active,
            retires_on: model.shutdown_date,
        }
    }
}

impl From<AnthropicModel> for ListedModel {
    fn from(model: AnthropicModel) -> Self {
        Self {
            alias: base_name(&model.id).map(str::to_owned),
            name: model.id,
            // Only `lifecycle` says that a model has ended; `retires_at` may still move.
            status: match model.lifecycle.as_deref() {
                Some("deprecated") => LifecycleStatus::Deprecated,
                Some("retired") => LifecycleStatus::Retired,
                _ => LifecycleStatus::Active,
            },
            retires_on: model.retires_at.map(|at| at.to_zoned(TimeZone::UTC).date()),
        }
    }
}

#[async_trait]
impl ModelLists for ProviderLists {
    async fn list(&self, provider: &str) -> Result<Vec<ListedModel>, String> {
        match (provider, &self.anthropic) {
            ("openai", _) => {
                let page: Page<OpenAiModel> = self.read(&self.openai, "/models").await?;
                Ok(page.data.into_iter().map(ListedModel::from).collect())
            }
            ("anthropic", Some(endpoint)) => {
                let page: Page<AnthropicModel> = self.read(endpoint, PAGE).await?;
                // Models that are missing from a list are taken for gone, so half a list is worse than none.
                if page.has_more {
                    return Err("the list goes on after a thousand models".to_owned());
                }
                Ok(page.data.into_iter().map(ListedModel::from).collect())
            }
            _ => Err(format!("there is no key for {provider}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use oslira_app::features::judging::LifecycleStatus as Status;
    use serde_json::json;

    use super::*;
    use crate::{
        double::{Script, json as answer, text},
        send::{Secret, SendError},
    };

    async fn list(
        provider: &str,
        sent: Result<http::Response<Bytes>, SendError>,
    ) -> (Result<Vec<ListedModel>, String>, String) {
        let script = Arc::new(Script::of([sent]));
        let openai = Endpoint::new("https://api.openai.com/v1", Secret::new("sk-secret"));
        let anthropic =
            Endpoint::new("https://api.anthropic.com", Secret::new("sk-ant-secret")).with_key_in("x-api-key");
        let listed = ProviderLists::new(script.clone(), openai, Some(anthropic)).list(provider).await;
        let address = script.sent.lock().unwrap()[0].request.uri().to_string();
        (listed, address)
    }

    #[tokio::test]
    async fn openai_says_the_day_of_the_shutdown_or_nothing() {
        let body = json!({"object": "list", "data": [
            {"id": "gpt-5", "object": "model", "created": 1, "owned_by": "openai", "shutdown_date": "2026-12-11"},
            {"id": "gpt-6-luna", "object": "model", "created": 1, "owned_by": "openai", "shutdown_date": null},
            {"id": "gpt-4o-mini-2024-07-18", "object": "model", "created": 1, "owned_by": "openai"},
        ]});
        let (listed, address) = list("openai", answer(200, &body)).await;
        assert_eq!(address, "https://api.openai.com/v1/models");
        let entry = |name: &str, alias: Option<&str>, retires_on| ListedModel {
            name: name.to_owned(),
            alias: alias.map(str::to_owned),
            status: Status::Active,
            retires_on,
        };
        let expected = [
            entry("gpt-5", None, Some(date(2026, 12, 11))),
            entry("gpt-6-luna", None, None),
            entry("gpt-4o-mini-2024-07-18", Some("gpt-4o-mini"), None),
        ];
        assert_eq!(listed.unwrap(), expected);
    }

    #[tokio::test]
    async fn anthropic_says_where_a_model_stands() {
        let body = json!({"has_more": false, "first_id": null, "last_id": null, "data": [
            {"id": "claude-haiku-5-5", "type": "model", "lifecycle": "active", "retires_at": null},
            {"id": "claude-sonnet-4-5-20250929", "lifecycle": "deprecated", "retires_at": "2026-11-30T09:00:00Z"},
            {"id": "claude-3", "lifecycle": "retired", "retires_at": "2026-01-01T00:00:00Z"},
        ]});
        let (listed, address) = list("anthropic", answer(200, &body)).await;
        assert_eq!(address, "https://api.anthropic.com/v1/models?limit=1000");
        let found: Vec<_> =
            listed.unwrap().into_iter().map(|entry| (entry.alias, entry.status, entry.retires_on)).collect();
        let expected = [
            (None, Status::Active, None),
            (Some("claude-sonnet-4-5".to_owned()), Status::Deprecated, Some(date(2026, 11, 30))),
            (None, Status::Retired, Some(date(2026, 1, 1))),
        ];
        assert_eq!(found, expected);
    }

    #[tokio::test]
    async fn a_list_that_cannot_be_read_is_an_error_without_the_key() {
        let bodies = [
            answer(401, &json!({"error": {"message": "Incorrect API key provided: sk-secret"}})),
            text(200, "<html>"),
            answer(200, &json!({"data": [{"id": "x", "shutdown_date": "soon"}]})),
            Err(SendError::Timeout),
        ];
        for sent in bodies {
            let why = list("openai", sent).await.0.unwrap_err();
            assert!(!why.contains("secret"), "{why}");
        }
        let (listed, _) = list("anthropic", answer(200, &json!({"data": [], "has_more": true}))).await;
        assert!(listed.is_err(), "half a list would call living models dead");
    }
}
