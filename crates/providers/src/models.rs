//! All language models behind one port: sends each question to the provider in the model's name.

use async_trait::async_trait;
use oslira_app::features::judging::{AiFault, Answer, Model, Question};

use crate::chat::{Anthropic, OpenAi};

/// The providers that have a key.
#[derive(Default)]
pub struct Models {
    openai: Option<OpenAi>,
    anthropic: Option<Anthropic>,
}

impl Models {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn with_openai(mut self, openai: OpenAi) -> Self {
        self.openai = Some(openai);
        self
    }

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
            // A fault of the settings. `Rejected` is not retried on this model, so that a fallback is asked at once.
            _ => {
                let why = format!("no provider for {}", question.model);
                Answer { content: Err(AiFault::Rejected(why)), usage: None }
            }
        }
    }
}
