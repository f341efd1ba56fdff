//! Step 9: the models' judgement of a snapshot, every call side by side and on its own.

use std::time::Duration;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Body, IfActive, Stop, WorkflowPorts, advance,
    failure::{AI_UNCONFIGURED, ai_failure},
};
use crate::{
    features::{
        analysis::{Assignment, Outage, Phase, UsageKind, config},
        judging::{AiFault, AiUsage, CallKind, CallTags, Judgement, ModelName, Question, UnavailableCause, question},
        profiles::SnapshotKey,
    },
    shared::{ids::RunId, steps::Steps},
};

/// A call's answer and what it took.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Judged {
    pub(super) call: CallKind,
    pub(super) judgement: Judgement,
    pub(super) provider: String,
    pub(super) model: String,
    /// Whether another model than the first one answered.
    pub(super) fell_back: bool,
    /// All of this call's attempts.
    pub(super) cost_microusd: u64,
    pub(super) usage: Option<AiUsage>,
}

/// A call and whom it asks, in order. Remembered with the assignment: a deployment in mid-run must not make a replay take one
/// model's answer for another's.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) call: CallKind,
    pub(super) models: Vec<ModelName>,
}

/// What one attempt gave.
#[derive(Serialize, Deserialize)]
struct Attempt {
    answer: Result<Judgement, AiFault>,
    usage: Option<AiUsage>,
    /// The bill, if the database did not take it.
    unrecorded: Option<Value>,
}

/// What to do about a fault.
#[derive(Debug, PartialEq, Eq)]
enum RetryDecision {
    /// Ask the same model again after this pause, or after ours if that is longer.
    Again(Duration),
    /// Ask the next model.
    NextModel,
    /// Nobody will answer this.
    GiveUp,
}

impl<S: Steps> Body<'_, S> {
    /// Step 9. Waits for every call, also when one has failed: their steps are under way and their bills are due.
    pub(super) async fn judge(
        &self,
        assignment: &Assignment,
        calls: &[Asked],
        key: &SnapshotKey,
    ) -> Result<Vec<Judged>, Stop> {
        join_all(calls.iter().map(|asked| self.call(asked, assignment, key))).await.into_iter().collect()
    }

    /// Up to three attempts with each model.
    async fn call(&self, asked: &Asked, assignment: &Assignment, key: &SnapshotKey) -> Result<Judged, Stop> {
        let Asked { call, models } = asked;
        let call = *call;
        let mut failure = AI_UNCONFIGURED;
        let mut attempt = 0;
        let mut spent_microusd = 0;
        for (index, model) in models.iter().enumerate() {
            let mut pauses = config::AI_PAUSES.into_iter();
            loop {
                let name = format!("judge-{}-{attempt}", call.as_str());
                let pause = pauses.next();
                let Attempt { answer, usage, .. } =
                    self.ask(&name, call, model, assignment, key, pause.is_none()).await?;
                attempt += 1;
                spent_microusd += usage.as_ref().and_then(|usage| usage.cost_microusd).unwrap_or(0);
                let fault = match answer {
                    Ok(judgement) => {
                        // An answer that came without a bill was still given by the model that was asked.
                        let (provider, model) = usage.as_ref().map_or_else(
                            || (model.provider().to_owned(), model.model().to_owned()),
                            |usage| (usage.provider.clone(), usage.model.clone()),
                        );
                        let (fell_back, cost_microusd) = (index > 0, spent_microusd);
                        return Ok(Judged { call, judgement, provider, model, fell_back, cost_microusd, usage });
                    }
                    Err(fault) => fault,
                };
                tracing::warn!(run_id = %self.run, name, model = %model, %fault, "AI call failed");
                failure = ai_failure(&fault);
                match (course(&fault), pause) {
                    (RetryDecision::GiveUp, _) => return Err(Stop::Failed(failure)),
                    (RetryDecision::NextModel, _) | (RetryDecision::Again(_), None) => break,
                    (RetryDecision::Again(asked), Some(ours)) => {
                        self.pause(&format!("{name}-pause"), ours.max(asked)).await?;
                    }
                }
            }
        }
        Err(Stop::Failed(failure))
    }

    async fn ask(
        &self,
        name: &str,
        call: CallKind,
        model: &ModelName,
        assignment: &Assignment,
        key: &SnapshotKey,
        is_last: bool,
    ) -> Result<Attempt, Stop> {
        let (ports, run) = (self.ports.clone(), self.run);
        let (model, wanted, key) = (model.clone(), assignment.clone(), key.clone());
        let attempt: IfActive<Attempt> = self
            .steps
            .run(name, move || {
                let (ports, model, wanted, key) = (ports.clone(), model.clone(), wanted.clone(), key.clone());
                async move {
                    let snapshot = ports.snapshots.load(&key).await?;
                    // From here a cancellation keeps the credits, so this stands right before the call.
                    if !advance(&ports, run, Phase::Analyzing).await? {
                        return Ok(IfActive::Inactive);
                    }
                    let budget = wanted.analysis_type.config().profile_budget();
                    let tags = CallTags { run, analysis_type: wanted.analysis_type, call };
                    let question = question(tags, &model, &wanted.business, &snapshot.profile, budget);
                    Ok(IfActive::Active(ask(&ports, &question, is_last).await))
                }
            })
            .await?;
        let mut attempt = attempt.go_on()?;
        if let (Some(bill), Some(usage)) = (attempt.unrecorded.take(), &attempt.usage) {
            self.record_late(name, UsageKind::Ai, usage.response_id.clone(), bill).await?;
        }
        Ok(attempt)
    }

    /// The answer is remembered and paid for; only its bill is still missing.
    pub(super) async fn record_late(&self, name: &str, kind: UsageKind, key: String, bill: Value) -> Result<(), Stop> {
        let (ports, run) = (self.ports.clone(), self.run);
        self.steps
            .run(&format!("{name}-bill"), move || {
                let (ports, key, bill) = (ports.clone(), key.clone(), bill.clone());
                async move { Ok(ports.runs.record_usage(run, kind, &key, &bill).await?) }
            })
            .await?;
        Ok(())
    }
}

/// One call. It must not fail once the model was asked: a repeat would pay again.
async fn ask(ports: &WorkflowPorts, question: &Question, is_last: bool) -> Attempt {
    let run = question.tags.run;
    let answer = ports.model.ask(question).await;
    let mut unrecorded = None;
    if let Some(usage) = &answer.usage {
        let bill = bill(question, usage);
        if let Err(error) = ports.runs.record_usage(run, UsageKind::Ai, &usage.response_id, &bill).await {
            tracing::warn!(run_id = %run, %error, "AI usage not recorded yet");
            unrecorded = Some(bill);
        }
    }
    let judgement = answer.content.and_then(|content| question.tags.call.parse(&content));
    report(ports, run, &question.model, judgement.as_ref().err(), is_last).await;
    Attempt { answer: judgement, usage: answer.usage, unrecorded }
}

/// Tells the circuit breaker what concerns everybody's analyses.
async fn report(ports: &WorkflowPorts, run: RunId, model: &ModelName, fault: Option<&AiFault>, is_last: bool) {
    let provider = model.provider();
    match fault {
        // The provider's other models go on.
        Some(AiFault::ModelGone) => ports.report(run, model.as_str(), Outage::Gone).await,
        Some(AiFault::QuotaExhausted) => ports.report(run, provider, Outage::Exhausted).await,
        // Asking too much at once is no outage: a single customer could make it one for everybody.
        Some(AiFault::Unavailable { cause: UnavailableCause::RateLimited, .. }) => {}
        Some(fault @ AiFault::Unavailable { .. }) if is_last || course(fault) == RetryDecision::NextModel => {
            ports.report(run, provider, Outage::Down).await;
        }
        _ => {}
    }
}

fn bill(question: &Question, usage: &AiUsage) -> Value {
    json!({
        "call": question.tags.call.as_str(), "provider": usage.provider, "model": usage.model,
        "input_tokens": usage.input_tokens, "cached_tokens": usage.cached_tokens,
        "cache_write_tokens": usage.cache_write_tokens, "output_tokens": usage.output_tokens,
        "reasoning_tokens": usage.reasoning_tokens, "cost_microusd": usage.cost_microusd,
        "duration_ms": usage.duration_ms, "finish_reason": usage.finish_reason, "gateway_hit": usage.gateway_hit,
    })
}

fn course(fault: &AiFault) -> RetryDecision {
    match fault {
        AiFault::Unavailable { retry_after_ms, .. } => {
            let asked = Duration::from_millis(retry_after_ms.unwrap_or(0));
            if asked > config::AI_PAUSE_MAX { RetryDecision::NextModel } else { RetryDecision::Again(asked) }
        }
        AiFault::Truncated | AiFault::Invalid(_) => RetryDecision::Again(Duration::ZERO),
        AiFault::QuotaExhausted | AiFault::ModelGone | AiFault::Rejected(_) => RetryDecision::NextModel,
        AiFault::Refused => RetryDecision::GiveUp,
    }
}
