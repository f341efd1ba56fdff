//! The language models of two providers.

use std::time::Duration;

use async_trait::async_trait;
use oslira_app::features::{
    analysis::config,
    judging::{AiFault, AiUsage, Answer, Model, Question},
};

use crate::{
    Mutation, Story, Turn,
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
            if let Err(accusation) = world.watch.calls.asked(run, question.tags.call, &step, provider) {
                world.accuse(accusation);
            }
        }
        let (turn, key) = self.provide("ai", question.model.as_str());
        self.world.sleep(TAKES).await;
        let is_told = turn.works() && turn != Turn::ReplyLost;
        self.world.lock().watch.calls.answered(run, &step, outcome(turn), is_told);
        if is_told && let Some((_, journal)) = &self.owner {
            journal.told(&key);
        }
        let content = match turn {
            Turn::Refused if self.world.has(Mutation::RefusalFallsOver) => Err(AiFault::QuotaExhausted),
            Turn::Gone if self.world.has(Mutation::GoneIsFinal) => Err(AiFault::Refused),
            turn => content(turn, question),
        };
        Answer { content, usage: is_told.then(|| usage(key, question)) }
    }
}

fn outcome(turn: Turn) -> Outcome {
    match turn {
        Turn::Works => Outcome::Answered,
        Turn::Busy(ms) if Duration::from_millis(ms) > config::AI_PAUSE_MAX => Outcome::Worn,
        Turn::Passing | Turn::ReplyLost | Turn::Malformed | Turn::Truncated | Turn::Busy(_) => Outcome::Useless,
        Turn::Lasting | Turn::Rejected => Outcome::Worn,
        Turn::Gone => Outcome::Gone,
        Turn::Refused => Outcome::Refused,
    }
}

fn content(turn: Turn, question: &Question) -> Result<String, AiFault> {
    let unavailable = |retry_after_ms| AiFault::Unavailable { reason: "the weather".to_owned(), retry_after_ms };
    match turn {
        Turn::Works => Ok(Story::judgement(question.tags.call).to_owned()),
        Turn::Malformed => Ok("{\"verdict\":".to_owned()),
        Turn::Refused => Err(AiFault::Refused),
        Turn::Truncated => Err(AiFault::Truncated),
        Turn::Lasting => Err(AiFault::QuotaExhausted),
        Turn::Rejected => Err(AiFault::Rejected("a wrong key".to_owned())),
        Turn::Gone => Err(AiFault::ModelGone),
        Turn::Busy(ms) => Err(unavailable(Some(ms))),
        Turn::Passing | Turn::ReplyLost => Err(unavailable(None)),
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
