//! Every language model behind one port: a model is asked where its provider is.

use async_trait::async_trait;
use oslira_app::features::judging::{AiFault, Answer, Model, Question};

use crate::chat::{Anthropic, OpenAi};

/// The models of all providers that have a key.
#[derive(Default)]
pub struct Models {
    openai: Option<OpenAi>,
    anthropic: Option<Anthropic>,
}

impl Models {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With `openai/…`.
    #[must_use]
    pub fn with_openai(mut self, openai: OpenAi) -> Self {
        self.openai = Some(openai);
        self
    }

    /// With `anthropic/…`.
    #[must_use]
    pub fn with_anthropic(mut self, anthropic: Anthropic) -> Self {
        self.anthropic = Some(anthropic);
        self
    }
}

#[async_trait]
impl Model for Models {
    async fn ask(&self, question: &Question) -> Answer {
        match (question.model.provider(), &self.openai, &self.anthropic) {
            ("openai", Some(openai), _) => openai.ask(question).await,
            ("anthropic", _, Some(anthropic)) => anthropic.ask(question).await,
            _ => {
                let why = format!("no provider for {}", question.model);
                Answer { content: Err(AiFault::Rejected(why)), usage: None }
            }
        }
    }
}
