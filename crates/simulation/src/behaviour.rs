//! How a provider answers: by a script, or by chance at the fault rates. A provider bills every call for which it did
//! work, also when its answer was lost.

use crate::{ports::Ports, world::World};

/// How a provider answers one call.
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
    /// It never answers. What was asked is given up when its time is over; a model bills it all the same.
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
    /// How a service (`apify`, or a model as `provider/model`) behaves towards a call of a step.
    pub(crate) fn behaviour_towards(&mut self, step: &str, service: &str) -> ProviderBehaviour {
        if let Some(behaviour) = self.script.get(step) {
            return *behaviour;
        }
        // Before the random faults: a model that is gone answers nothing, not even something malformed.
        if self.retiring_model.is_some_and(|(model, shut_down_ms)| model == service && shut_down_ms <= self.now_ms) {
            return ProviderBehaviour::ModelGone;
        }
        let provider = service.split_once('/').map_or(service, |(provider, _)| provider);
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
    /// Decides how the provider behaves towards this call and notes its bill, if it does any work. Returns the bill's
    /// id, which is empty without a bill.
    pub(crate) fn provide(&self, kind: &str, service: &str) -> (ProviderBehaviour, String) {
        let Some((run, step)) = self.caller() else {
            self.world.report_violation("a provider was called outside of a step".to_owned());
            return (ProviderBehaviour::OutOfQuota, String::new());
        };
        let (behaviour, key) = {
            let mut world = self.world.lock();
            // A scrape begins in the first step that asks for it; scenarios name its start apart from the polls.
            let begun =
                step.split_once("-collect-").filter(|_| kind == "scrape").map(|(scrape, _)| format!("{scrape}-ask"));
            let behaviour = world.behaviour_towards(begun.as_deref().unwrap_or(&step), service);
            if !behaviour.bills() {
                return (behaviour, String::new());
            }
            let key = world.bill(run, &step, kind);
            if kind == "ai" {
                world.invariants.ai_called(run);
            }
            (behaviour, key)
        };
        // A request that the gate has taken is known to it, so a step that asks again pays nothing.
        let is_known = kind == "scrape" && behaviour == ProviderBehaviour::Works;
        if let Some((_, journal)) = self.owner.as_ref().filter(|_| !is_known) {
            journal.bill();
        }
        (behaviour, key)
    }
}
