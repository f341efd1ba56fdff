//! How Apify answers: by a script, or by chance at the fault rates.

use oslira_app::features::profiles::ScrapeFault;

use crate::World;

/// How Apify answers a call, or what becomes of the actor run that the call starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApifyBehaviour {
    /// As documented.
    Works,
    /// It does nothing, and says so.
    Unavailable,
    /// Our plan allows no more runs at once: it does nothing.
    Full,
    /// Our credit is used up: it does nothing.
    OutOfQuota,
    /// It rejects the request and does nothing.
    Rejected,
    /// It does what it is asked, and its answer is lost.
    ReplyLost,
    /// It does what it is asked, and nothing is heard of it until the caller gives up.
    Silent,
    /// The request never reaches it.
    RequestLost,
    /// The run that is started fails.
    Fails,
    /// The run that is started goes on until Apify stops it.
    Hangs,
    /// The run that is started does not show its items at first.
    ItemsLate,
    /// What the run that is started reads is no answer.
    Malformed,
}

impl ApifyBehaviour {
    // Repeated entries are likelier.
    pub(super) const TROUBLE_AT_START: [Self; 14] = [
        Self::Unavailable,
        Self::Full,
        Self::OutOfQuota,
        Self::Rejected,
        Self::ReplyLost,
        Self::ReplyLost,
        Self::Silent,
        Self::RequestLost,
        Self::Fails,
        Self::Fails,
        Self::Hangs,
        Self::Hangs,
        Self::ItemsLate,
        Self::Malformed,
    ];
    pub(super) const TROUBLE_LATER: [Self; 6] =
        [Self::ReplyLost, Self::ReplyLost, Self::Silent, Self::RequestLost, Self::OutOfQuota, Self::Rejected];

    /// What a call about a run is told instead of an answer.
    pub(super) fn fault(self) -> Option<ScrapeFault> {
        let why = || format!("{self:?}");
        match self {
            Self::Unavailable | Self::ReplyLost | Self::RequestLost => Some(ScrapeFault::Unanswered(why())),
            Self::Silent => Some(ScrapeFault::TimedOut(why())),
            Self::OutOfQuota => Some(ScrapeFault::Exhausted(why())),
            Self::Rejected => Some(ScrapeFault::Terminal(why())),
            Self::Works | Self::Full | Self::Fails | Self::Hangs | Self::ItemsLate | Self::Malformed => None,
        }
    }
}

impl World {
    /// How Apify behaves towards a call: as the script says, or by chance.
    pub(super) fn apify_behaves(&mut self, call: &str, trouble: &[ApifyBehaviour]) -> ApifyBehaviour {
        if let Some(behaviour) = self.apify_script.get(call) {
            return *behaviour;
        }
        if self.fault_rates.provider_down == Some("apify") {
            let refuses = self.random.chance(500);
            return if refuses { ApifyBehaviour::OutOfQuota } else { ApifyBehaviour::Unavailable };
        }
        let rate = self.fault_rates.provider;
        let is_troubled = self.random.chance(rate);
        let behaviour = self.random.pick(trouble).copied().filter(|_| is_troubled);
        behaviour.unwrap_or(ApifyBehaviour::Works)
    }
}
