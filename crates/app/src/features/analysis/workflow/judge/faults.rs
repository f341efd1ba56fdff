//! What follows from a model's fault: for this call, and for everybody's.

use std::time::Duration;

use crate::features::{
    analysis::{Outage, config},
    judging::{AiFault, ModelName, UnavailableCause},
};

/// What to do about a fault.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RetryDecision {
    /// Ask the same model again after this pause, or after ours if that is longer.
    SameModel(Duration),
    /// Ask the next model.
    NextModel,
    /// No model will answer this.
    GiveUp,
}

pub(super) const fn is_timeout(fault: &AiFault) -> bool {
    matches!(fault, AiFault::Unavailable { cause: UnavailableCause::TimedOut, .. })
}

/// What the circuit breaker is told of a fault, because it concerns everybody's analyses: which service is out, and
/// how.
pub(super) fn outage<'a>(model: &'a ModelName, fault: &AiFault, is_last: bool) -> Option<(&'a str, Outage)> {
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

pub(super) fn retry_decision(fault: &AiFault) -> RetryDecision {
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
