//! How a test disturbs the delivery of events.

use serde::{Deserialize, Serialize};

/// All that can be set, as a test sets it: what it does not mention is off.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::providers::stripe) struct Knobs {
    /// Nothing is sent at all.
    pub(super) pause: bool,
    /// Nothing of the chosen types is sent.
    hold: bool,
    /// New events of the chosen types are never delivered.
    drop: bool,
    /// How many copies of each new event of the chosen types come beside it.
    duplicate: usize,
    /// How long new events of the chosen types wait, in real milliseconds.
    delay_ms: u64,
    /// Of what is due, any comes next, and not the first.
    pub(super) shuffle: bool,
    /// How many are sent at the same time; 0 is 1.
    at_once: usize,
    /// The chosen types; when none is named, all.
    types: Vec<String>,
}

impl Knobs {
    fn choose(&self, kind: &str) -> bool {
        self.types.is_empty() || self.types.iter().any(|chosen| chosen == kind)
    }

    pub(super) fn holds(&self, kind: &str) -> bool {
        self.pause || self.hold && self.choose(kind)
    }

    pub(super) fn drops(&self, kind: &str) -> bool {
        self.drop && self.choose(kind)
    }

    pub(super) fn copies(&self, kind: &str) -> usize {
        if self.choose(kind) { 1 + self.duplicate } else { 1 }
    }

    pub(super) fn delay_ms(&self, kind: &str) -> u64 {
        if self.choose(kind) { self.delay_ms } else { 0 }
    }

    pub(super) fn at_once(&self) -> usize {
        self.at_once.max(1)
    }
}
