//! A call while it is asked: its attempts, what they cost, and the best answer so far.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::features::{
    analysis::AiBill,
    judging::{AiFault, AiUsage, CallKind, ModelName, Reviewed},
};

/// A call's answer and what it took.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in super::super) struct JudgedCall {
    pub(in super::super) call: CallKind,
    pub(in super::super) reviewed: Reviewed,
    pub(in super::super) provider: String,
    pub(in super::super) model: String,
    /// Whether another model than the first one answered.
    pub(in super::super) fell_back: bool,
    /// All of this call's attempts whose bill is known.
    pub(in super::super) cost_microusd: u64,
    /// Whether that is all of them.
    pub(in super::super) is_cost_known: bool,
    pub(in super::super) usage: Option<AiUsage>,
}

/// What one attempt gave.
#[derive(Serialize, Deserialize)]
pub(super) struct CallAttempt {
    pub(super) answer: Result<Reviewed, AiFault>,
    pub(super) usage: Option<AiUsage>,
    pub(super) asked_at: Timestamp,
    pub(super) ended_at: Timestamp,
    /// The bill, if the database did not take it.
    pub(super) unrecorded: Option<AiBill>,
}

/// A call while it is asked: what its attempts cost, and the best answer so far.
pub(super) struct Asking {
    call: CallKind,
    /// Counted over all models: each attempt is a step, and a step's name is unique.
    attempts: usize,
    spent_microusd: u64,
    is_cost_known: bool,
    /// An answer that was doubted, and what is wrong with it.
    doubted: Option<(JudgedCall, String)>,
}

/// What follows from an attempt.
pub(super) enum Outcome {
    Settled(Box<JudgedCall>),
    /// The model is asked once more, and told why.
    Doubted,
    Failed(AiFault),
}

impl Asking {
    pub(super) const fn new(call: CallKind) -> Self {
        Self { call, attempts: 0, spent_microusd: 0, is_cost_known: true, doubted: None }
    }

    pub(super) fn next_step(&mut self) -> String {
        let name = format!("judge-{}-{}", self.call.as_str(), self.attempts);
        self.attempts += 1;
        name
    }

    pub(super) fn correction(&self) -> Option<String> {
        self.doubted.as_ref().map(|(_, correction)| correction.clone())
    }

    pub(super) fn take(&mut self, attempt: CallAttempt, model: &ModelName, fell_back: bool) -> Outcome {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::judging::UnavailableCause;

    #[test]
    fn an_answer_without_a_known_bill_costs_an_unknown_amount() {
        let timed_out =
            AiFault::Unavailable { cause: UnavailableCause::TimedOut, reason: String::new(), retry_after_ms: None };
        let cases = [
            (AiFault::Invalid("not a completion".to_owned()), None),
            (AiFault::Refused, None),
            (timed_out, Some(0)),
            (AiFault::QuotaExhausted, Some(0)),
        ];
        for (fault, expected) in cases {
            assert_eq!(cost_of::<()>(&Err(fault.clone()), None), expected, "{fault:?}");
        }
    }
}
