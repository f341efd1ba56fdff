//! The language models of two providers.

use std::time::Duration;

use async_trait::async_trait;
use oslira_app::features::{
    analysis::config,
    judging::{AiFault, AiUsage, Answer, Model, Question, UnavailableCause},
};

use crate::{
    Fixtures, Mutation, ProviderBehaviour,
    calls::{COST_MICROUSD, Outcome},
    ports::Ports,
};

const TAKES: Duration = Duration::from_secs(2);

#[async_trait]
impl Model for Ports {
    async fn ask(&self, question: &Question) -> Answer {
        self.world.pause().await;
        let Some((run, step)) = self.caller() else {
            self.world.accuse("a model was asked outside of a step".to_owned());
            return Answer { content: Err(AiFault::QuotaExhausted), usage: None };
        };
        {
            let mut world = self.world.lock();
            let provider = question.model.provider();
            if let Err(accusation) = world.invariants.calls.asked(run, question.tags.call, &step, provider) {
                world.accuse(accusation);
            }
        }
        let (turn, key) = self.provide("ai", question.model.as_str());
        self.world.sleep(TAKES).await;
        let is_told = turn.works() && turn != ProviderBehaviour::ReplyLost;
        self.world.lock().invariants.calls.answered(run, &step, outcome(turn), is_told);
        if is_told && let Some((_, journal)) = &self.owner {
            journal.told(&key);
        }
        let content = match turn {
            ProviderBehaviour::Refused if self.world.has(Mutation::RefusalFallsOver) => Err(AiFault::QuotaExhausted),
            ProviderBehaviour::Gone if self.world.has(Mutation::GoneIsFinal) => Err(AiFault::Refused),
            turn => content(turn, question),
        };
        Answer { content, usage: is_told.then(|| usage(key, question)) }
    }
}

fn outcome(turn: ProviderBehaviour) -> Outcome {
    match turn {
        ProviderBehaviour::Works => Outcome::Answered,
        ProviderBehaviour::Busy(ms) if Duration::from_millis(ms) > config::AI_PAUSE_MAX => Outcome::Worn,
        ProviderBehaviour::Passing
        | ProviderBehaviour::ReplyLost
        | ProviderBehaviour::Malformed
        | ProviderBehaviour::Truncated
        | ProviderBehaviour::Busy(_) => Outcome::Useless,
        ProviderBehaviour::Lasting | ProviderBehaviour::Rejected => Outcome::Worn,
        ProviderBehaviour::Gone => Outcome::Gone,
        ProviderBehaviour::Refused => Outcome::Refused,
    }
}

fn content(turn: ProviderBehaviour, question: &Question) -> Result<String, AiFault> {
    let unavailable = |retry_after_ms| AiFault::Unavailable {
        cause: UnavailableCause::Overloaded,
        reason: "the fault rates".to_owned(),
        retry_after_ms,
    };
    match turn {
        ProviderBehaviour::Works => Ok(Fixtures::judgement(question.tags.call).to_owned()),
        ProviderBehaviour::Malformed => Ok("{\"verdict\":".to_owned()),
        ProviderBehaviour::Refused => Err(AiFault::Refused),
        ProviderBehaviour::Truncated => Err(AiFault::Truncated),
        ProviderBehaviour::Lasting => Err(AiFault::QuotaExhausted),
        ProviderBehaviour::Rejected => Err(AiFault::Rejected("a wrong key".to_owned())),
        ProviderBehaviour::Gone => Err(AiFault::ModelGone),
        ProviderBehaviour::Busy(ms) => Err(unavailable(Some(ms))),
        ProviderBehaviour::Passing | ProviderBehaviour::ReplyLost => Err(unavailable(None)),
    }
}

fn usage(response_id: String, question: &Question) -> AiUsage {
    AiUsage {
        response_id,
        provider: question.model.provider().to_owned(),
        model: question.model.model().to_owned(),
        input_tokens: 900,
        cached_tokens: 0,
        cache_write_tokens: 0,
        output_tokens: 200,
        reasoning_tokens: 0,
        cost_microusd: Some(COST_MICROUSD),
        gateway_hit: None,
        duration_ms: 2_000,
        finish_reason: "stop".to_owned(),
    }
}
