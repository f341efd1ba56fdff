//! How a provider answers: by script or by the fault_rates. Providers bill whatever they did, whether or not anybody heard of
//! it.

use crate::{ports::Ports, world::World};

/// How a provider answers one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderBehaviour {
    /// As documented.
    Works,
    /// It refuses for now and does nothing.
    Passing,
    /// It refuses for good and does nothing: no plan, no money.
    Lasting,
    /// It rejects the request and does nothing.
    Rejected,
    /// It does not offer the model any more, and does nothing.
    Gone,
    /// It works, bills, and its answer is lost.
    ReplyLost,
    /// It answers what nobody can read.
    Malformed,
    /// The model declines.
    Refused,
    /// The answer is cut off.
    Truncated,
    /// It asks for a pause, in milliseconds.
    Busy(u64),
}

impl ProviderBehaviour {
    const TROUBLE: [Self; 12] = [
        Self::Passing,
        Self::Passing,
        Self::Passing,
        Self::Lasting,
        Self::Rejected,
        Self::ReplyLost,
        Self::ReplyLost,
        Self::Malformed,
        Self::Refused,
        Self::Truncated,
        Self::Busy(7_000),
        Self::Busy(600_000),
    ];

    /// Whether it does, and bills, something.
    pub(crate) const fn works(self) -> bool {
        !matches!(self, Self::Passing | Self::Lasting | Self::Rejected | Self::Gone | Self::Busy(_))
    }
}

impl World {
    /// The fate of a call that a step makes to a provider, or to one of its models.
    pub(crate) fn turn(&mut self, step: &str, service: &str) -> ProviderBehaviour {
        if let Some(turn) = self.script.get(step) {
            return *turn;
        }
        if self.dying.is_some_and(|(model, dies_ms)| model == service && dies_ms <= self.now_ms) {
            return ProviderBehaviour::Gone;
        }
        let provider = service.split_once('/').map_or(service, |(provider, _)| provider);
        if self.fault_rates.dark == Some(provider) {
            return if self.random.chance(500) { ProviderBehaviour::Lasting } else { ProviderBehaviour::Passing };
        }
        let trouble = self.fault_rates.provider;
        if self.random.chance(trouble) {
            return self.random.pick(&ProviderBehaviour::TROUBLE).copied().unwrap_or(ProviderBehaviour::Passing);
        }
        ProviderBehaviour::Works
    }
}

impl Ports {
    /// Draws the fate of this call and bills it, if the provider does anything. Answers the provider's own id.
    pub(crate) fn provide(&self, kind: &str, service: &str) -> (ProviderBehaviour, String) {
        let Some((run, step)) = self.caller() else {
            self.world.accuse("a provider was called outside of a step".to_owned());
            return (ProviderBehaviour::Lasting, String::new());
        };
        let (turn, key) = {
            let mut world = self.world.lock();
            let turn = world.turn(&step, service);
            if !turn.works() {
                return (turn, String::new());
            }
            let key = world.bill(run, &step, kind);
            if kind == "ai" {
                world.invariants.ai_called(run);
            }
            (turn, key)
        };
        if let Some((_, journal)) = &self.owner {
            journal.bill();
        }
        (turn, key)
    }
}
