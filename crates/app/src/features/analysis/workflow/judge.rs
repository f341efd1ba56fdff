//! Step 9: the model's judgement of a snapshot.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Body, Still, Stop, WorkflowPorts, advance,
    failure::{INTERNAL, ai_failure},
};
use crate::{
    features::analysis::{
        AiFault, AnalysisType, Assignment, LightJudgement, Phase, Snapshot, SnapshotKey, UsageKind, config, prompt,
    },
    shared::{ids::RunId, steps::Steps},
};

#[derive(Serialize, Deserialize)]
pub(super) struct Judged {
    pub(super) judgement: LightJudgement,
    pub(super) model: String,
    pub(super) provider: String,
    pub(super) cost_microusd: u64,
}

impl<S: Steps> Body<'_, S> {
    /// Step 9: up to three attempts. The model's pause may lengthen ours.
    pub(super) async fn judge(&self, assignment: &Assignment, key: &SnapshotKey) -> Result<Judged, Stop> {
        let mut pauses = config::AI_PAUSES.into_iter();
        for attempt in 0.. {
            let fault = match self.judge_once(assignment, key, attempt).await? {
                Ok(judged) => return Ok(judged),
                Err(fault) => fault,
            };
            tracing::warn!(run_id = %self.run, attempt, %fault, "AI call failed");
            let (Some(asked), Some(ours)) = (pause_before_repeat(&fault), pauses.next()) else {
                return Err(Stop::Failed(ai_failure(&fault)));
            };
            if asked > config::AI_PAUSE_MAX {
                return Err(Stop::Failed(ai_failure(&fault)));
            }
            self.pause(&format!("judge-{attempt}-pause"), ours.max(asked)).await?;
        }
        Err(Stop::Failed(INTERNAL))
    }

    async fn judge_once(
        &self,
        assignment: &Assignment,
        key: &SnapshotKey,
        attempt: u32,
    ) -> Result<Result<Judged, AiFault>, Stop> {
        let (ports, run) = (self.ports.clone(), self.run);
        let (wanted, key) = (assignment.clone(), key.clone());
        let judged: Still<Result<Judged, AiFault>> = self
            .steps
            .run(&format!("judge-{attempt}"), move || {
                let (ports, wanted, key) = (ports.clone(), wanted.clone(), key.clone());
                async move {
                    let snapshot = ports.snapshots.load(&key).await?;
                    // From here a cancellation keeps the credits, so this stands right before the call.
                    if !advance(&ports, run, Phase::Analyzing).await? {
                        return Ok(Still::Inactive);
                    }
                    Ok(Still::Active(ask(&ports, run, &wanted, &snapshot).await))
                }
            })
            .await?;
        judged.go_on()
    }
}

async fn ask(ports: &WorkflowPorts, run: RunId, wanted: &Assignment, snapshot: &Snapshot) -> Result<Judged, AiFault> {
    let question = match wanted.analysis_type {
        AnalysisType::Light => {
            let posts = wanted.analysis_type.config().posts;
            prompt::light(&ports.light_model, &wanted.business, &snapshot.profile, posts)
        }
    };
    let answer = ports.model.ask(&question).await;
    let usage = answer.usage;
    if let Some(usage) = &usage {
        let bill = json!({
            "call": question.schema_name, "provider": usage.provider, "model": usage.model,
            "input_tokens": usage.input_tokens, "cached_tokens": usage.cached_tokens,
            "output_tokens": usage.output_tokens, "reasoning_tokens": usage.reasoning_tokens,
            "cost_microusd": usage.cost_microusd, "duration_ms": usage.duration_ms,
            "finish_reason": usage.finish_reason,
        });
        // The answer is paid for: losing its bill is better than paying for a second one.
        if let Err(error) = ports.runs.record_usage(run, UsageKind::Ai, &usage.response_id, &bill).await {
            tracing::error!(run_id = %run, %error, response_id = usage.response_id, "AI usage not recorded");
        }
    }
    let judgement = LightJudgement::parse(&answer.content?)?;
    // An answer that came without a bill was still given by the model that was asked.
    let unbilled = || (question.model.model().to_owned(), question.model.provider().to_owned(), 0);
    let (model, provider, cost_microusd) =
        usage.map_or_else(unbilled, |u| (u.model, u.provider, u.cost_microusd.unwrap_or(0)));
    Ok(Judged { judgement, model, provider, cost_microusd })
}

/// The pause that a fault asks for before a repeat, zero for ours; `None` when repeating cannot help.
const fn pause_before_repeat(fault: &AiFault) -> Option<Duration> {
    match fault {
        AiFault::Unavailable { retry_after_ms: Some(ms), .. } => Some(Duration::from_millis(*ms)),
        AiFault::Unavailable { retry_after_ms: None, .. } | AiFault::Truncated | AiFault::Invalid(_) => {
            Some(Duration::ZERO)
        }
        AiFault::QuotaExhausted | AiFault::Refused | AiFault::Rejected(_) => None,
    }
}
