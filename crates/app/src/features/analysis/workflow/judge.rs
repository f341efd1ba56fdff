//! The models' judgement of a snapshot: all calls at the same time, each with steps of its own, so that one that fails
//! or crashes repeats and pays itself alone. An answer of which much does not hold, or whose message breaks a rule, is asked for
//! once more; the better of the two counts, and says what is wrong with it.

use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Body, EarlyEnd, IfActive, WorkflowPorts, advance,
    failure::{AI_UNCONFIGURED, ai_failure},
    silence::Silence,
};
use crate::{
    features::{
        analysis::{AiBill, Assignment, Outage, Phase, UsageRecord, config},
        judging::{
            AiFault, AiUsage, CallKind, CallTags, ModelName, Question, Review, Reviewed, UnavailableCause, corrected,
            question,
        },
        profiles::SnapshotKey,
    },
    shared::{steps::Steps, turns::Turns},
};

/// A call's answer and what it took.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct JudgedCall {
    pub(super) call: CallKind,
    pub(super) reviewed: Reviewed,
    pub(super) provider: String,
    pub(super) model: String,
    /// Whether another model than the first one answered.
    pub(super) fell_back: bool,
    /// All of this call's attempts whose bill is known.
    pub(super) cost_microusd: u64,
    /// Whether that is all of them.
    pub(super) is_cost_known: bool,
    pub(super) usage: Option<AiUsage>,
}

/// A call and the models it asks, in order. Remembered with the assignment: a deployment with other models while the
/// run is under way must not make a replay take one model's answer for another's.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct CallPlan {
    pub(super) call: CallKind,
    pub(super) models: Vec<ModelName>,
}

/// What one attempt gave.
#[derive(Serialize, Deserialize)]
struct CallAttempt {
    answer: Result<Reviewed, AiFault>,
    usage: Option<AiUsage>,
    asked_at: Timestamp,
    ended_at: Timestamp,
    /// The bill, if the database did not take it.
    unrecorded: Option<AiBill>,
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

/// A call while it is asked: what its attempts cost, and the best answer so far.
struct Asking {
    call: CallKind,
    /// Counted over all models: each attempt is a step, and a step's name is unique.
    attempts: usize,
    spent_microusd: u64,
    is_cost_known: bool,
    /// An answer that was doubted, and what is wrong with it.
    doubted: Option<(JudgedCall, String)>,
}

/// What follows from an attempt.
enum Outcome {
    Settled(Box<JudgedCall>),
    /// The model is asked once more, and told why.
    Doubted,
    Failed(AiFault),
}

impl Asking {
    const fn new(call: CallKind) -> Self {
        Self { call, attempts: 0, spent_microusd: 0, is_cost_known: true, doubted: None }
    }

    fn next_step(&mut self) -> String {
        let name = format!("judge-{}-{}", self.call.as_str(), self.attempts);
        self.attempts += 1;
        name
    }

    fn correction(&self) -> Option<String> {
        self.doubted.as_ref().map(|(_, correction)| correction.clone())
    }

    fn take(&mut self, attempt: CallAttempt, model: &ModelName, fell_back: bool) -> Outcome {
        let CallAttempt { answer, usage, .. } = attempt;
        let cost_microusd = cost_of(&answer, usage.as_ref());
        self.spent_microusd += cost_microusd.unwrap_or(0);
        self.is_cost_known &= cost_microusd.is_some();
        let reviewed = match (answer, self.doubted.take()) {
            (Ok(reviewed), None) => reviewed,
            (Ok(reviewed), Some((before, _))) if reviewed.is_better_than(&before.reviewed) => {
                return self.settled(self.judged(reviewed, usage, model, fell_back));
            }
            // A second answer that is worse, or none: the first one was usable.
            (_, Some((before, _))) => return self.settled(before),
            (Err(fault), None) => return Outcome::Failed(fault),
        };
        let is_doubtful = reviewed.is_doubtful();
        let correction = reviewed.correction();
        let judged = self.judged(reviewed, usage, model, fell_back);
        if !is_doubtful {
            return self.settled(judged);
        }
        self.doubted = Some((judged, correction));
        Outcome::Doubted
    }

    /// With what all attempts cost.
    fn settled(&self, judged: JudgedCall) -> Outcome {
        let (cost_microusd, is_cost_known) = (self.spent_microusd, self.is_cost_known);
        Outcome::Settled(Box::new(JudgedCall { cost_microusd, is_cost_known, ..judged }))
    }

    fn judged(&self, reviewed: Reviewed, usage: Option<AiUsage>, model: &ModelName, fell_back: bool) -> JudgedCall {
        // An answer that came without a bill was still given by the model that was asked.
        let (provider, model) = usage.as_ref().map_or_else(
            || (model.provider().to_owned(), model.model().to_owned()),
            |usage| (usage.provider.clone(), usage.model.clone()),
        );
        let (call, cost_microusd, is_cost_known) = (self.call, self.spent_microusd, self.is_cost_known);
        JudgedCall { call, reviewed, provider, model, fell_back, cost_microusd, is_cost_known, usage }
    }
}

/// What to do about a fault.
#[derive(Debug, PartialEq, Eq)]
enum RetryDecision {
    /// Ask the same model again after this pause, or after ours if that is longer.
    SameModel(Duration),
    /// Ask the next model.
    NextModel,
    /// No model will answer this.
    GiveUp,
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
                    question.timeout = config::patience(question.timeout, ports.pause_scale);
                    if let Some(correction) = &asked.correction {
                        question = corrected(question, correction);
                    }
                    let review = Review { shown: &shown, business: &wanted.business, recipient: &wanted.username };
                    Ok(IfActive::Active(ask_model(&ports, &question, review, asked.last).await))
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
                async move { Ok(ports.runs.record_usage(run, &key, &bill).await?) }
            })
            .await?;
        Ok(())
    }
}

/// One call. Once the model was asked it must not fail as an attempt: the engine would repeat the step and pay again.
async fn ask_model(ports: &WorkflowPorts, question: &Question, review: Review<'_>, last: LastIf) -> CallAttempt {
    let run = question.tags.run;
    let asked_at = ports.clock.now();
    let answer = ports.model.ask(question).await;
    let unrecorded = match &answer.usage {
        Some(usage) => record(ports, question, usage).await,
        None => None,
    };
    let reviewed = answer.content.and_then(|content| review.read(question.tags.call, &content));
    let ended_at = ports.clock.now();
    if let Some(fault) = reviewed.as_ref().err() {
        let is_last = last.any_fault || (last.timed_out && is_timeout(fault));
        if let Some((service, outage)) = outage(&question.model, fault, is_last) {
            ports.report(run, service, outage).await;
        }
    }
    CallAttempt { answer: reviewed, usage: answer.usage, asked_at, ended_at, unrecorded }
}

const fn is_timeout(fault: &AiFault) -> bool {
    matches!(fault, AiFault::Unavailable { cause: UnavailableCause::TimedOut, .. })
}

/// What an attempt cost; `None` if the model answered and its bill is not known. A provider that failed or refused bills
/// nothing.
fn cost_of<T>(answer: &Result<T, AiFault>, usage: Option<&AiUsage>) -> Option<u64> {
    match (usage, answer) {
        (Some(usage), _) => usage.cost_microusd,
        (None, Ok(_) | Err(AiFault::Refused | AiFault::Truncated | AiFault::Invalid(_))) => None,
        (
            None,
            Err(
                AiFault::Unavailable { .. }
                | AiFault::QuotaExhausted
                | AiFault::ModelGone
                | AiFault::Rejected(_)
                | AiFault::KeyRefused(_),
            ),
        ) => Some(0),
    }
}

/// Records the bill. Returns it if the database did not take it.
async fn record(ports: &WorkflowPorts, question: &Question, usage: &AiUsage) -> Option<AiBill> {
    let (run, bill) = (question.tags.run, AiBill::of(question.tags.call, usage));
    let recorded = ports.runs.record_usage(run, &usage.response_id, &UsageRecord::Ai(bill.clone())).await;
    let error = recorded.err()?;
    tracing::warn!(run_id = %run, %error, "AI usage not recorded yet");
    Some(bill)
}

/// What the circuit breaker is told of a fault, because it concerns everybody's analyses: which service is out, and
/// how.
fn outage<'a>(model: &'a ModelName, fault: &AiFault, is_last: bool) -> Option<(&'a str, Outage)> {
    match fault {
        // Of this model alone: the provider's other models still answer.
        AiFault::ModelGone => Some((model.as_str(), Outage::Gone)),
        // Whether the account is empty or the key refused: nobody's question is answered until the operator acts.
        AiFault::QuotaExhausted | AiFault::KeyRefused(_) => Some((model.provider(), Outage::Exhausted)),
        // A rate limit is no outage: a single busy customer could otherwise stop everybody's analyses.
        AiFault::Unavailable { cause: UnavailableCause::RateLimited, .. } => None,
        // The last attempt, or a `Retry-After` too long to wait for: this model is not asked again.
        AiFault::Unavailable { .. } if is_last || retry_decision(fault) == RetryDecision::NextModel => {
            Some((model.provider(), Outage::Down))
        }
        AiFault::Unavailable { .. }
        | AiFault::Refused
        | AiFault::Truncated
        | AiFault::Invalid(_)
        | AiFault::Rejected(_) => None,
    }
}

fn retry_decision(fault: &AiFault) -> RetryDecision {
    match fault {
        AiFault::Unavailable { retry_after_ms, .. } => {
            // Without a `Retry-After`, our own pause is long enough.
            let asked_for = Duration::from_millis(retry_after_ms.unwrap_or(0));
            if asked_for > config::AI_PAUSE_MAX {
                RetryDecision::NextModel
            } else {
                RetryDecision::SameModel(asked_for)
            }
        }
        AiFault::Truncated | AiFault::Invalid(_) => RetryDecision::SameModel(Duration::ZERO),
        // The same model would answer the same again; another provider's may answer.
        AiFault::QuotaExhausted | AiFault::ModelGone | AiFault::Rejected(_) | AiFault::KeyRefused(_) => {
            RetryDecision::NextModel
        }
        AiFault::Refused => RetryDecision::GiveUp,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LUNA: ModelName = ModelName::fixed("openai/gpt-6-luna");

    fn unavailable(cause: UnavailableCause, retry_after_ms: Option<u64>) -> AiFault {
        AiFault::Unavailable { cause, reason: "429".to_owned(), retry_after_ms }
    }

    #[test]
    fn only_what_concerns_everybody_is_an_outage() {
        let (limited, overloaded) = (UnavailableCause::RateLimited, UnavailableCause::Overloaded);
        let cases = [
            (AiFault::ModelGone, false, Some(("openai/gpt-6-luna", Outage::Gone))),
            (AiFault::QuotaExhausted, false, Some(("openai", Outage::Exhausted))),
            (unavailable(overloaded, None), false, None),
            (unavailable(overloaded, None), true, Some(("openai", Outage::Down))),
            (unavailable(overloaded, Some(60_000)), false, Some(("openai", Outage::Down))),
            (unavailable(limited, None), true, None),
            (unavailable(limited, Some(60_000)), false, None),
            (AiFault::Refused, true, None),
            (AiFault::Truncated, true, None),
            (AiFault::Invalid("not JSON".to_owned()), true, None),
            (AiFault::Rejected("400".to_owned()), true, None),
            (AiFault::KeyRefused("401".to_owned()), false, Some(("openai", Outage::Exhausted))),
        ];
        for (fault, is_last, expected) in cases {
            assert_eq!(outage(&LUNA, &fault, is_last), expected, "{fault:?}, the last attempt: {is_last}");
        }
    }

    #[test]
    fn an_answer_without_a_known_bill_costs_an_unknown_amount() {
        let cases = [
            (AiFault::Invalid("not a completion".to_owned()), None),
            (AiFault::Refused, None),
            (unavailable(UnavailableCause::TimedOut, None), Some(0)),
            (AiFault::QuotaExhausted, Some(0)),
        ];
        for (fault, expected) in cases {
            assert_eq!(cost_of::<()>(&Err(fault.clone()), None), expected, "{fault:?}");
        }
    }

    #[test]
    fn a_pause_that_is_asked_for_is_kept_unless_it_is_too_long() {
        let busy = |ms| unavailable(UnavailableCause::Overloaded, ms);
        let cases = [
            (busy(None), RetryDecision::SameModel(Duration::ZERO)),
            (busy(Some(30_000)), RetryDecision::SameModel(Duration::from_secs(30))),
            (busy(Some(30_001)), RetryDecision::NextModel),
            (AiFault::Truncated, RetryDecision::SameModel(Duration::ZERO)),
            (AiFault::ModelGone, RetryDecision::NextModel),
            (AiFault::Refused, RetryDecision::GiveUp),
        ];
        for (fault, expected) in cases {
            assert_eq!(retry_decision(&fault), expected, "{fault:?}");
        }
    }
}
