//! Where answers come from: the store, the sandbox, or real providers.

mod sandbox;
mod send;
mod spending;
mod store;

use std::sync::Arc;

use anyhow::Result;
use jiff::Timestamp;
use oslira_app::{
    features::judging::{AiFault, AiUsage, Model as _, Question},
    shared::clock::Clock,
};
use oslira_providers::{Anthropic, Endpoint, HttpSend, Models, OpenAi, Secret};

use self::send::Recorder;
pub use self::{
    sandbox::LocalSandbox,
    spending::Spending,
    store::{SANDBOX, Store, StoredAnswer},
};
use crate::question::Case;

/// The providers' addresses and keys.
#[derive(Debug, Clone)]
pub struct Providers {
    pub openai: Endpoint,
    pub anthropic: Option<Endpoint>,
}

impl Providers {
    /// The real ones, with the keys of the environment.
    ///
    /// # Errors
    /// There is no key at all for OpenAI.
    pub fn from_environment() -> Result<Self> {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let address = |name: &str, usual: &str| set(name).unwrap_or_else(|| usual.to_owned());
        let key = set("OPENAI_API_KEY")
            .ok_or_else(|| anyhow::anyhow!("OPENAI_API_KEY is not set: real models cannot be asked without it"))?;
        let openai = Endpoint::new(&address("OPENAI_BASE_URL", "https://api.openai.com/v1"), Secret::new(key));
        let anthropic = set("ANTHROPIC_API_KEY").map(|key| {
            let url = address("ANTHROPIC_BASE_URL", "https://api.anthropic.com");
            Endpoint::new(&url, Secret::new(key)).with_key_in("x-api-key")
        });
        Ok(Self { openai, anthropic })
    }

    /// Addresses that are never called: what is stored is read as if it had come from there.
    fn nowhere() -> Self {
        let nowhere = |url: &str| Endpoint::new(url, Secret::new("none"));
        Self {
            openai: nowhere("https://api.openai.com/v1"),
            anthropic: Some(nowhere("https://api.anthropic.com").with_key_in("x-api-key")),
        }
    }

    /// Whether the sandbox answers here.
    fn are_sandbox(&self) -> bool {
        self.openai.is_sandbox()
    }

    fn models(&self, recorder: &Arc<Recorder>) -> Models {
        self.models_over(Arc::clone(recorder) as _)
    }

    /// The models behind a client.
    #[must_use]
    pub fn models_over(&self, send: Arc<dyn HttpSend>) -> Models {
        let clock: Arc<dyn Clock> = Arc::new(Wall);
        let models = Models::new().with_openai(OpenAi::new(Arc::clone(&send), self.openai.clone(), Arc::clone(&clock)));
        match &self.anthropic {
            Some(anthropic) => models.with_anthropic(Anthropic::new(send, anthropic.clone(), clock)),
            None => models,
        }
    }
}

struct Wall;

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// Who is asked what the store does not have.
pub enum Upstream {
    Nobody,
    /// The sandbox in this process. Its answers are not stored: it is there whenever it is needed.
    Sandbox(LocalSandbox),
    /// Providers, within a limit.
    Live {
        providers: Providers,
        send: Arc<dyn HttpSend>,
        spending: Spending,
    },
}

/// An answer and where it is from.
#[derive(Debug, Clone)]
pub struct Given {
    /// The hash of the request.
    pub request: String,
    pub content: Result<String, AiFault>,
    pub usage: Option<AiUsage>,
    /// `openai`, `anthropic` or `sandbox`.
    pub source: String,
    pub duration_ms: Option<u64>,
}

/// Why there is no answer of any kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotAsked {
    /// The store has none, and nobody may be asked.
    Unknown,
    /// The next answer could pass the limit of what may be spent.
    LimitReached,
    /// The provider gave no answer: what it would have said is not known.
    Failed(AiFault),
}

/// Asks the store first, then whoever is upstream.
pub struct Answers {
    pub store: Store,
    pub upstream: Upstream,
}

impl Answers {
    /// The hash under which the answer to a question is stored.
    pub async fn request_of(&self, question: &Question) -> String {
        let recorder = Arc::new(Recorder::silent());
        // Nothing is sent, so nothing can come back: only the request is of interest.
        let _ = Providers::nowhere().models(&recorder).ask(question).await;
        recorder.request()
    }

    /// The answer to a case.
    ///
    /// # Errors
    /// [`NotAsked`] if there is none and nobody was asked; whatever a provider did is an answer.
    pub async fn of(&self, case: &Case<'_>) -> Result<Given, NotAsked> {
        let request = self.request_of(&case.question).await;
        // Whoever asks real models does not want the sandbox's answers.
        let counts = |stored: &StoredAnswer| {
            stored.source != SANDBOX
                || !matches!(&self.upstream, Upstream::Live { providers, .. } if !providers.are_sandbox())
        };
        if let Some(stored) = self.store.get(&request).filter(counts) {
            return Ok(self.replayed(&case.question, &stored).await);
        }
        match &self.upstream {
            Upstream::Nobody => Err(NotAsked::Unknown),
            Upstream::Sandbox(sandbox) => {
                let recorder = Arc::new(Recorder::through(Arc::clone(&sandbox.send)));
                let answer = sandbox.providers().models(&recorder).ask(&case.question).await;
                Ok(Given {
                    request,
                    content: answer.content,
                    usage: answer.usage,
                    source: SANDBOX.to_owned(),
                    duration_ms: None,
                })
            }
            Upstream::Live { providers, send, spending } => {
                let reserved = spending.reserve(&case.question).ok_or(NotAsked::LimitReached)?;
                let recorder = Arc::new(Recorder::through(Arc::clone(send)));
                let answer = providers.models(&recorder).ask(&case.question).await;
                let is_free = matches!(
                    &answer.content,
                    Err(AiFault::KeyRefused(_) | AiFault::QuotaExhausted | AiFault::ModelGone | AiFault::Rejected(_))
                );
                let cost_microusd = answer.usage.as_ref().and_then(|usage| usage.cost_microusd);
                reserved.settle(if is_free { Some(0) } else { cost_microusd });
                if let Err(fault @ AiFault::Unavailable { .. }) = &answer.content {
                    return Err(NotAsked::Failed(fault.clone()));
                }
                if is_free && let Err(fault) = &answer.content {
                    return Err(NotAsked::Failed(fault.clone()));
                }
                let source = answer
                    .usage
                    .as_ref()
                    .map_or_else(|| case.question.model.provider().to_owned(), |usage| usage.provider.clone());
                let duration_ms = answer.usage.as_ref().map(|usage| usage.duration_ms);
                if let Some(response) = recorder.answered() {
                    self.store.add(StoredAnswer::of(&request, case, &source, duration_ms, response));
                }
                Ok(Given { request, content: answer.content, usage: answer.usage, source, duration_ms })
            }
        }
    }

    async fn replayed(&self, question: &Question, stored: &StoredAnswer) -> Given {
        let recorder = Arc::new(Recorder::replaying(stored));
        let mut answer = Providers::nowhere().models(&recorder).ask(question).await;
        if let Some(usage) = &mut answer.usage {
            usage.provider.clone_from(&stored.source);
        }
        Given {
            request: stored.request.clone(),
            content: answer.content,
            usage: answer.usage,
            source: stored.source.clone(),
            duration_ms: stored.duration_ms,
        }
    }
}
