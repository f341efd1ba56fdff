//! How a model answers: by a script, or by chance at the fault rates. Its provider bills every call for which it did
//! work, also when its answer was lost.

use crate::{ports::Ports, world::World};

/// How a model's provider answers one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderBehaviour {
    /// As documented.
    Works,
    /// It is down for a moment and does nothing.
    Unavailable,
    /// Our quota or credit is used up; it does nothing.
    OutOfQuota,
    /// It rejects the request and does nothing.
    Rejected,
    /// It no longer offers the model, and does nothing.
    ModelGone,
    /// It works and bills, and its answer is lost.
    ReplyLost,
    /// It never answers. What was asked is given up when its time is over, and billed all the same.
    Silent,
    /// Its answer cannot be parsed.
    Malformed,
    /// The answer is usable, and much of it does not hold.
    Doubtful,
    /// The model declines.
    Refused,
    /// The answer is cut off.
    Truncated,
    /// It does nothing and sends a `Retry-After` of so many milliseconds.
    Busy(u64),
}

impl ProviderBehaviour {
    // Repeated entries are likelier. `ModelGone` is not drawn: a model that is gone never comes back, so it has a
    // date instead (`World::retiring_model`).
    const TROUBLE: [Self; 16] = [
        Self::Unavailable,
        Self::Unavailable,
        Self::Unavailable,
        Self::OutOfQuota,
        Self::Rejected,
        Self::ReplyLost,
        Self::ReplyLost,
        Self::Silent,
        Self::Silent,
        Self::Malformed,
        Self::Doubtful,
        Self::Doubtful,
        Self::Refused,
        Self::Truncated,
        // One pause below and one above `config::AI_PAUSE_MAX`: the first is waited for, the second falls over.
        Self::Busy(7_000),
        Self::Busy(600_000),
    ];

    /// Whether it does work, and so bills for it.
    pub(crate) const fn bills(self) -> bool {
        !matches!(self, Self::Unavailable | Self::OutOfQuota | Self::Rejected | Self::ModelGone | Self::Busy(_))
    }
}

impl World {
    /// How a model (`provider/model`) behaves towards a call of a step.
    fn behaviour_towards(&mut self, step: &str, model: &str) -> ProviderBehaviour {
        if let Some(behaviour) = self.script.get(step) {
            return *behaviour;
        }
        // Before the random faults: a model that is gone answers nothing, not even something malformed.
        if self.retiring_model.is_some_and(|(gone, shut_down_ms)| gone == model && shut_down_ms <= self.now_ms) {
            return ProviderBehaviour::ModelGone;
        }
        let provider = model.split_once('/').map_or(model, |(provider, _)| provider);
        if self.fault_rates.provider_down == Some(provider) {
            return if self.random.chance(500) {
                ProviderBehaviour::OutOfQuota
            } else {
                ProviderBehaviour::Unavailable
            };
        }
        let trouble = self.fault_rates.provider;
        if self.random.chance(trouble) {
            return self.random.pick(&ProviderBehaviour::TROUBLE).copied().unwrap_or(ProviderBehaviour::Unavailable);
        }
        ProviderBehaviour::Works
    }
}

impl Ports {
    /// Decides how the model behaves towards this call and notes its bill, if it does any work. Returns the bill's id,
    /// which is empty without a bill.
    pub(crate) fn provide(&self, model: &str) -> (ProviderBehaviour, String) {
        let Some((run, step)) = self.caller() else {
            self.world.report_violation("a provider was called outside of a step".to_owned());
            return (ProviderBehaviour::OutOfQuota, String::new());
        };
        let (behaviour, key) = {
            let mut world = self.world.lock();
            let behaviour = world.behaviour_towards(&step, model);
            if !behaviour.bills() {
                return (behaviour, String::new());
            }
            let key = world.bill(run, &step);
            world.invariants.ai_called(run);
            (behaviour, key)
        };
        if let Some((_, journal)) = &self.owner {
            journal.bill();
        }
        (behaviour, key)
    }
}
