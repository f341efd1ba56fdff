//! The language models of two providers, and what each behaviour of a provider looks like to the product.

use std::time::Duration;

use async_trait::async_trait;
use oslira_app::features::{
    analysis::config,
    judging::{AiFault, AiUsage, Answer, Model, Question, UnavailableCause, examples},
};

use crate::{
    Fixtures, Mutation, ProviderBehaviour,
    calls::{COST_MICROUSD, Outcome},
    ports::Ports,
    silence::MODEL_PATIENCE,
};

/// In virtual time. Meanwhile other branches go on, and crashes happen.
const TAKES: Duration = Duration::from_secs(2);

#[async_trait]
impl Model for Ports {
    async fn ask(&self, question: &Question) -> Answer {
        self.world.pause().await;
        let Some((run, step)) = self.caller() else {
            self.world.report_violation("a model was asked outside of a step".to_owned());
            // Ends the call soon; the reported violation already fails the history.
            return Answer { content: Err(AiFault::QuotaExhausted), usage: None };
        };
        {
            let mut world = self.world.lock();
            let provider = question.model.provider();
            if let Err(violation) = world.invariants.calls.asked(run, question.tags.call, &step, provider) {
                world.report_violation(violation);
            }
        }
        // Billed before the sleep: a crash during it loses the answer, not the bill.
        let (behaviour, key) = self.provide(question.model.as_str());
        if behaviour == ProviderBehaviour::Silent {
            self.world.sleep(MODEL_PATIENCE).await;
            self.unheard(MODEL_PATIENCE);
            if question.timeout != MODEL_PATIENCE {
                self.world.report_violation(format!("a model is given {:?}", question.timeout));
            }
        } else {
            self.world.sleep(TAKES).await;
            self.heard();
        }
        let is_received =
            behaviour.bills() && !matches!(behaviour, ProviderBehaviour::ReplyLost | ProviderBehaviour::Silent);
        self.world.lock().invariants.calls.answered(run, &step, outcome(behaviour), is_received);
        if is_received && let Some((_, journal)) = &self.owner {
            journal.receive_bill(&key);
        }
        let content = match behaviour {
            ProviderBehaviour::Refused if self.world.has(Mutation::RefusalFallsOver) => Err(AiFault::QuotaExhausted),
            ProviderBehaviour::ModelGone if self.world.has(Mutation::GoneIsFinal) => Err(AiFault::Refused),
            ProviderBehaviour::Silent if self.world.has(Mutation::TimeoutIsAnError) => {
                content(ProviderBehaviour::Unavailable, question)
            }
            behaviour => content(behaviour, question),
        };
        Answer { content, usage: is_received.then(|| usage(key, question)) }
    }
}

// What must follow by the guarantees, told by the behaviour alone. The fault that the product sees can be another one:
// some mutations change it.
fn outcome(behaviour: ProviderBehaviour) -> Outcome {
    match behaviour {
        ProviderBehaviour::Works => Outcome::Answered,
        ProviderBehaviour::Doubtful => Outcome::Doubted,
        ProviderBehaviour::Busy(ms) if Duration::from_millis(ms) > config::AI_PAUSE_MAX => Outcome::Exhausted,
        ProviderBehaviour::Unavailable
        | ProviderBehaviour::ReplyLost
        | ProviderBehaviour::Malformed
        | ProviderBehaviour::Truncated
        | ProviderBehaviour::Busy(_) => Outcome::Unusable,
        ProviderBehaviour::OutOfQuota | ProviderBehaviour::Rejected => Outcome::Exhausted,
        ProviderBehaviour::ModelGone => Outcome::ModelGone,
        ProviderBehaviour::Refused => Outcome::Refused,
        ProviderBehaviour::Silent => Outcome::Silent,
    }
}

fn content(behaviour: ProviderBehaviour, question: &Question) -> Result<String, AiFault> {
    let unavailable = |retry_after_ms| AiFault::Unavailable {
        cause: UnavailableCause::Overloaded,
        reason: "an injected fault".to_owned(),
        retry_after_ms,
    };
    match behaviour {
        ProviderBehaviour::Works => Ok(Fixtures::judgement(question.tags.call).to_owned()),
        ProviderBehaviour::Doubtful => Ok(examples::doubtful(question.tags.call).to_string()),
        ProviderBehaviour::Malformed => Ok("{\"verdict\":".to_owned()),
        ProviderBehaviour::Refused => Err(AiFault::Refused),
        ProviderBehaviour::Truncated => Err(AiFault::Truncated),
        ProviderBehaviour::OutOfQuota => Err(AiFault::QuotaExhausted),
        ProviderBehaviour::Rejected => Err(AiFault::KeyRefused("a wrong key".to_owned())),
        ProviderBehaviour::ModelGone => Err(AiFault::ModelGone),
        ProviderBehaviour::Busy(ms) => Err(unavailable(Some(ms))),
        ProviderBehaviour::Silent => Err(AiFault::Unavailable {
            cause: UnavailableCause::TimedOut,
            reason: "no answer".to_owned(),
            retry_after_ms: None,
        }),
        // The product cannot tell a lost answer from no answer.
        ProviderBehaviour::Unavailable | ProviderBehaviour::ReplyLost => Err(unavailable(None)),
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
