//! What operators change, and what came of it.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    features::analysis::{ChargeOutcome, Phase, RunStatus},
    shared::{
        analysis_type::AnalysisType,
        ids::{AccountId, BulkId, RunId},
    },
};

/// Credits that an operator gives, or takes with a negative number: up to 10,000, so that a slip gives no fortune.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreditAdjustment {
    credits: i64,
    key: String,
}

impl CreditAdjustment {
    const CREDITS_MAX: i64 = 10_000;
    const KEY_CHARS_MAX: usize = 100;

    /// Reads what was sent; `None` if it moves nothing, or too much, or if its key is none: 1 to 100 letters, digits, dots, dashes and
    /// underscores, which can be no address. The database checks the same.
    #[must_use]
    pub fn parse(credits: i64, key: &str) -> Option<Self> {
        let is_key = (1..=Self::KEY_CHARS_MAX).contains(&key.len())
            && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        let fits = credits != 0 && (-Self::CREDITS_MAX..=Self::CREDITS_MAX).contains(&credits);
        (is_key && fits).then(|| Self { credits, key: key.to_owned() })
    }

    #[must_use]
    pub const fn credits(&self) -> i64 {
        self.credits
    }

    /// The caller's name for it: a repeat with the same key moves nothing more.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// What became of an adjustment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum AdjustOutcome {
    #[serde(rename = "ok")]
    Done {
        /// The account's credits now.
        balance: i64,
    },
    /// The same was done before with this key.
    Repeated {
        balance: i64,
    },
    /// The key was used for another number of credits.
    KeyReused,
    /// There are fewer credits than are to be taken.
    BalanceTooLow {
        balance: i64,
    },
    /// The account cannot be opened again: nobody could use them.
    Erased,
    NotFound,
}

/// A run as operators see it: how it stands and what became of its charge, not whom it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "RunForOperators")]
pub struct RunView {
    pub id: RunId,
    pub account_id: AccountId,
    /// The bulk that it was bought in.
    pub bulk_id: Option<BulkId>,
    pub analysis_type: AnalysisType,
    pub status: RunStatus,
    pub phase: Option<Phase>,
    /// What it cost.
    pub credits: i64,
    /// How the charge ended; null while it runs.
    pub charge_outcome: Option<ChargeOutcome>,
    /// Credits that an operator gave back after it had ended.
    pub given_back: i64,
    /// Why it failed.
    pub error_code: Option<String>,
    pub created_at: Timestamp,
    /// The last sign of life of its workflow.
    pub heartbeat_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
}

/// What became of a command for a run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum RunOutcome {
    /// Done, perhaps by an earlier request.
    #[serde(rename = "ok")]
    Done {
        run: RunView,
    },
    /// It has ended, so it is neither woken nor failed.
    Ended {
        run: RunView,
    },
    /// It is under way, so there is nothing to give back.
    Active,
    /// Its credits came back when it ended.
    Refunded,
    /// Its account cannot be opened again: nobody could use them.
    Erased,
    NotFound,
}

/// Stripe's id of an event: `evt_…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventId(String);

impl EventId {
    const CHARS_MAX: usize = 255;

    /// Reads what was sent; `None` if no event is called so.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let is_id = text.starts_with("evt_")
            && text.len() <= Self::CHARS_MAX
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        is_id.then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How far an event of Stripe's is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventState {
    /// It is about to be applied, or was put off.
    Received,
    Applied,
    /// It concerns no credits, was given up, or dropped by an operator.
    Ignored,
    /// It names something that is not known yet.
    Waiting,
    /// No Worker of this version reads it.
    Unreadable,
}

/// An event of Stripe's as operators see it, without what it tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "EventForOperators")]
pub struct EventView {
    /// Stripe's.
    pub id: String,
    /// Stripe's word.
    #[serde(rename = "type")]
    pub kind: String,
    pub outcome: EventState,
    /// What came of it, or why nothing did.
    pub note: Option<String>,
    /// Whom it was applied to.
    pub account_id: Option<AccountId>,
    /// How often it was tried.
    pub attempts: u32,
    pub received_at: Timestamp,
    pub processed_at: Option<Timestamp>,
}

/// What became of a command for an event.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum EventOutcome {
    #[serde(rename = "ok")]
    Changed {
        event: EventView,
    },
    /// It is done with: to be replayed it must not be applied, to be dropped it must be neither applied nor given up.
    Done {
        event: EventView,
    },
    /// What it told has been removed, long after it was given up.
    Forgotten,
    NotFound,
}

/// What can be paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PausedService {
    /// Every analysis.
    All,
    Apify,
    Openai,
    Anthropic,
}

impl PausedService {
    /// As the database writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Apify => "apify",
            Self::Openai => "openai",
            Self::Anthropic => "anthropic",
        }
    }
}

/// A pause: no analysis is sold that needs the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServicePause {
    pub service: PausedService,
    pub paused_at: Timestamp,
    /// Null until it is resumed by hand.
    pub ends_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_adjustment_moves_some_credits_and_its_key_is_no_address() {
        let good = CreditAdjustment::parse(-10_000, "ticket-123_b.2").unwrap();
        assert_eq!((good.credits(), good.key()), (-10_000, "ticket-123_b.2"));
        assert!(CreditAdjustment::parse(1, &"k".repeat(100)).is_some());
        for credits in [0, 10_001, -10_001, i64::MIN, i64::MAX] {
            assert_eq!(CreditAdjustment::parse(credits, "key"), None, "{credits}");
        }
        for key in ["", "a key", "ann@example.com", "a:b", "ü", &"k".repeat(101)] {
            assert_eq!(CreditAdjustment::parse(1, key), None, "{key:?}");
        }
    }

    #[test]
    fn an_events_id_is_stripes() {
        assert_eq!(EventId::parse(" evt_1Ab_2 ").unwrap().to_string(), "evt_1Ab_2");
        for bad in ["", "1Ab", "evt_ann@example.com", "evt_a b", &format!("evt_{}", "x".repeat(252))] {
            assert_eq!(EventId::parse(bad), None, "{bad:?}");
        }
    }
}
