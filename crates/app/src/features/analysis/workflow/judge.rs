//! The models' judgement of a snapshot: all calls at the same time, each with steps of its own, so that one that fails
//! or crashes repeats and pays itself alone. An answer of which much does not hold, or whose message breaks a rule, is asked for
//! once more; the better of the two counts, and says what is wrong with it.

mod asking;
mod faults;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

pub(super) use self::asking::JudgedCall;
use self::{
    asking::{Asking, CallAttempt, Outcome},
    faults::{RetryDecision, is_timeout, outage, retry_decision},
};
use super::{
    Body, EarlyEnd, IfActive, Recorded, WorkflowPorts, advance,
    failure::{AI_UNCONFIGURED, ai_failure},
    silence::Silence,
};
use crate::{
    features::{
        analysis::{AiBill, Assignment, Phase, UsageRecord, config},
        judging::{AiUsage, CallKind, CallTags, ModelName, Question, Review, corrected, question},
        profiles::SnapshotKey,
    },
    shared::{
        ids::AccountId,
        steps::Steps,
        telemetry::{AiCalled, CacheUse, Event, tell},
        turns::Turns,
    },
};

/// A call and the models it asks, in order. Remembered with the assignment: a deployment with other models while the
/// run is under way must not make a replay take one model's answer for another's.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct CallPlan {
    pub(super) call: CallKind,
    pub(super) models: Vec<ModelName>,
}

/// What one attempt asks.
#[derive(Clone)]
struct Asked {
    call: CallKind,
    model: ModelName,
    /// What was wrong with the answer before this one.
    correction: Option<String>,
    last: LastIf,
}

/// Whether this attempt is the last one with its model if it fails.
#[derive(Debug, Clone, Copy)]
struct LastIf {
    any_fault: bool,
    timed_out: bool,
}

impl<S: Steps> Body<'_, S> {
    /// Waits for every call, also when one has failed: their steps are under way and their bills are due.
    pub(super) async fn judge(
        &self,
        assignment: &Assignment,
        calls: &[CallPlan],
        key: &SnapshotKey,
    ) -> Result<Vec<JudgedCall>, EarlyEnd> {
        let turns = Turns::new(config::AI_CALLS_AT_ONCE);
        let asked = calls.iter().map(async |plan| {
            let _turn = turns.take().await;
            self.judge_call(plan, assignment, key).await
        });
        // `collect` takes the first failure in the order of the calls, so a replay fails the run for the same reason.
        join_all(asked).await.into_iter().collect()
    }

    /// Up to three attempts with each model, and one more for an answer that is doubted.
    async fn judge_call(
        &self,
        plan: &CallPlan,
        assignment: &Assignment,
        key: &SnapshotKey,
    ) -> Result<JudgedCall, EarlyEnd> {
        // What remains when there is no model to ask.
        let mut failure = AI_UNCONFIGURED;
        let mut asking = Asking::new(plan.call);
        for (index, model) in plan.models.iter().enumerate() {
            let mut pauses = config::AI_PAUSES.into_iter();
            let mut silence = Silence::default();
            loop {
                let name = asking.next_step();
                // No pause left: the last attempt with this model.
                let pause = pauses.next();
                let last =
                    LastIf { any_fault: pause.is_none(), timed_out: silence.timeouts() == config::UNANSWERED_REPEATS };
                let asked = Asked { call: plan.call, model: model.clone(), correction: asking.correction(), last };
                let attempt = self.attempt_call(&name, asked, assignment, key).await?;
                let (asked_at, ended_at) = (attempt.asked_at, attempt.ended_at);
                let fault = match asking.take(attempt, model, index > 0) {
                    Outcome::Settled(judged) => return Ok(*judged),
                    Outcome::Doubted => {
                        tracing::info!(run_id = %self.run, name, model = %model, correction = asking.correction(), "AI answer doubted");
                        continue;
                    }
                    Outcome::Failed(fault) => fault,
                };
                tracing::warn!(run_id = %self.run, name, model = %model, %fault, "AI call failed");
                failure = ai_failure(&fault);
                match is_timeout(&fault) {
                    true => silence.timed_out(asked_at, ended_at),
                    false => silence.broken(),
                }
                // The next model is another provider's, and may answer.
                if silence.is_repeated() {
                    break;
                }
                match (retry_decision(&fault), pause) {
                    (RetryDecision::GiveUp, _) => return Err(EarlyEnd::Failed(failure)),
                    (RetryDecision::NextModel, _) | (RetryDecision::SameModel(_), None) => break,
                    (RetryDecision::SameModel(asked_for), Some(ours)) => {
                        self.pause(&format!("{name}-pause"), ours.max(asked_for)).await?;
                    }
                }
            }
        }
        Err(EarlyEnd::Failed(failure))
    }

    async fn attempt_call(
        &self,
        name: &str,
        asked: Asked,
        assignment: &Assignment,
        key: &SnapshotKey,
    ) -> Result<CallAttempt, EarlyEnd> {
        let (ports, run) = (self.ports.clone(), self.run);
        let (wanted, key) = (assignment.clone(), key.clone());
        let attempt: IfActive<CallAttempt> = self
            .steps
            .run(name, move || {
                let (ports, asked, wanted, key) = (ports.clone(), asked.clone(), wanted.clone(), key.clone());
                async move {
                    let snapshot = ports.snapshots.load(&key).await?;
                    // From here on a cancellation keeps the credits, so this comes right before the call.
                    if !advance(&ports, run, Phase::Analyzing).await? {
                        return Ok(IfActive::Inactive);
                    }
                    let budget = wanted.analysis_type.config().profile_budget();
                    let tags = CallTags { run, analysis_type: wanted.analysis_type, call: asked.call };
                    let (mut question, shown) = question(tags, &asked.model, &wanted.business, &snapshot, budget);
                    if let Some(correction) = &asked.correction {
                        question = corrected(question, correction);
                    }
                    let review = Review { shown: &shown, business: &wanted.business, recipient: &wanted.username };
                    Ok(IfActive::Active(ask_model(&ports, wanted.account_id, &question, review, asked.last).await))
                }
            })
            .await?;
        let mut attempt = attempt.active()?;
        if let (Some(bill), Some(usage)) = (attempt.unrecorded.take(), &attempt.usage) {
            self.record_late(name, usage.response_id.clone(), UsageRecord::Ai(bill)).await?;
        }
        Ok(attempt)
    }

    /// Records a bill that the database did not take at once, in a step of its own: retries do not repeat the work.
    pub(super) async fn record_late(&self, name: &str, key: String, bill: UsageRecord) -> Result<(), EarlyEnd> {
        let (ports, run) = (self.ports.clone(), self.run);
        self.steps
            .run(&format!("{name}-bill"), move || {
                let (ports, key, bill) = (ports.clone(), key.clone(), bill.clone());
                async move {
                    ports.runs.record_usage(run, &key, &bill).await?;
                    Ok(())
                }
            })
            .await?;
        Ok(())
    }
}

/// One call. Once the model was asked it must not fail as an attempt: the engine would repeat the step and pay again.
async fn ask_model(
    ports: &WorkflowPorts,
    account: AccountId,
    question: &Question,
    review: Review<'_>,
    last: LastIf,
) -> CallAttempt {
    let run = question.tags.run;
    let asked_at = ports.clock.now();
    let answer = ports.model.ask(question).await;
    let (recorded, unrecorded) = match &answer.usage {
        Some(usage) => record(ports, question, usage).await,
        None => (Recorded::Now, None),
    };
    let reviewed = answer.content.and_then(|content| review.read(question.tags.call, &content));
    let ended_at = ports.clock.now();
    if let Some(fault) = reviewed.as_ref().err() {
        let is_last = last.any_fault || (last.timed_out && is_timeout(fault));
        if let Some((service, outage)) = outage(&question.model, fault, is_last) {
            ports.report(run, service, outage).await;
        }
    }
    let attempt = CallAttempt { answer: reviewed, usage: answer.usage, asked_at, ended_at, unrecorded };
    tell(ports.telemetry.as_ref(), &Event::AiCall(called(account, question, &attempt, recorded)));
    attempt
}

fn called<'a>(
    account: AccountId,
    question: &'a Question,
    attempt: &'a CallAttempt,
    recorded: Recorded,
) -> AiCalled<'a> {
    let CallAttempt { answer, usage, asked_at, ended_at, .. } = attempt;
    let usage = usage.as_ref();
    let waited_ms = ended_at.duration_since(*asked_at).as_millis();
    // To an attempt that is repeated after a crash, the gateway may give an answer that was recorded already.
    let is_counted = recorded == Recorded::Before;
    let count = |tokens: fn(&AiUsage) -> u64| usage.filter(|_| !is_counted).map_or(0, tokens);
    AiCalled {
        run_id: question.tags.run,
        account_id: account,
        analysis_type: question.tags.analysis_type,
        outcome: answer.as_ref().err().map_or("ok", |fault| ai_failure(fault).code),
        provider: usage.map_or(question.model.provider(), |usage| usage.provider.as_str()),
        model: usage.map_or(question.model.model(), |usage| usage.model.as_str()),
        call: question.tags.call.as_str(),
        cache: CacheUse::from(usage.and_then(|usage| usage.gateway_hit)),
        duration_ms: usage.map_or(u64::try_from(waited_ms).unwrap_or(0), |usage| usage.duration_ms),
        cost_microusd: if is_counted { Some(0) } else { usage.and_then(|usage| usage.cost_microusd) },
        input_tokens: count(|usage| usage.input_tokens),
        cached_tokens: count(|usage| usage.cached_tokens),
        output_tokens: count(|usage| usage.output_tokens),
        reasoning_tokens: count(|usage| usage.reasoning_tokens),
    }
}

/// Records the bill. Returns it if the database did not take it.
async fn record(ports: &WorkflowPorts, question: &Question, usage: &AiUsage) -> (Recorded, Option<AiBill>) {
    let (run, bill) = (question.tags.run, AiBill::of(question.tags.call, usage));
    let recorded = ports.runs.record_usage(run, &usage.response_id, &UsageRecord::Ai(bill.clone())).await;
    let unrecorded = recorded.as_ref().err().map(|error| {
        tracing::warn!(run_id = %run, %error, "AI usage not recorded yet");
        bill
    });
    (Recorded::of(&recorded), unrecorded)
}
