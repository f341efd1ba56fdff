//! The rows of the reference database, with the columns that its rules need.

use jiff::Timestamp;
use oslira_app::{
    features::{
        analysis::{Phase, RunStatus},
        auth::{Permission, Role, SpendingLimit},
    },
    shared::{
        analysis_type::AnalysisType,
        ids::{AnalysisId, BulkId, LeadId, RunId, UserId},
    },
};

/// One movement of credits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// `charge`, `refund`, `adjustment` or `expiry`.
    pub kind: &'static str,
    /// Credits, negative for a charge.
    pub amount: i64,
    /// The balance right after it.
    pub balance_after: i64,
    /// `None` for the credits that an account starts with, and for those that have ended.
    pub run: Option<RunId>,
    /// The grants that it moved, by their place, and by how much each.
    pub grants: Vec<(usize, i64)>,
}

/// Where credits came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantSource {
    Promotion,
    Free,
    Plan,
    Pack,
    Adjustment,
}

impl GrantSource {
    pub const ALL: [Self; 5] = [Self::Promotion, Self::Free, Self::Plan, Self::Pack, Self::Adjustment];

    /// As the database calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Promotion => "promotion",
            Self::Free => "free",
            Self::Plan => "plan",
            Self::Pack => "pack",
            Self::Adjustment => "adjustment",
        }
    }

    /// The lowest is drawn first.
    pub(crate) const fn priority(self) -> i64 {
        match self {
            Self::Promotion => 1,
            Self::Free => 2,
            Self::Plan => 3,
            Self::Pack | Self::Adjustment => 4,
        }
    }
}

/// One grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRow {
    pub source: GrantSource,
    pub amount: i64,
    /// What is left of it.
    pub remaining: i64,
    /// From when on it cannot be spent, in seconds of virtual time; `None` for never.
    pub ends_s: Option<i64>,
    /// How often its time was over.
    pub times_ended: u32,
}

impl GrantRow {
    /// A grant of which nothing is spent.
    #[must_use]
    pub const fn new(source: GrantSource, amount: i64, ends_s: Option<i64>) -> Self {
        Self { source, amount, remaining: amount, ends_s, times_ended: 0 }
    }
}

/// Somebody who may act for the account: a person, or a program with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRow {
    pub id: UserId,
    pub role: Role,
    /// Of a key: what it may do.
    pub scopes: Vec<Permission>,
    pub limit: Option<SpendingLimit>,
    /// Of a key: who knows its secret.
    pub maker: Option<UserId>,
}

impl MemberRow {
    /// A person without a limit.
    #[must_use]
    pub const fn person(id: UserId, role: Role) -> Self {
        Self { id, role, scopes: vec![], limit: None, maker: None }
    }

    pub(crate) fn may(&self, needed: Permission) -> bool {
        self.role.permissions().contains(&needed) && (self.role != Role::Key || self.scopes.contains(&needed))
    }
}

/// One run's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// Who began it.
    pub by: UserId,
    pub username: String,
    pub kind: AnalysisType,
    pub status: RunStatus,
    /// The furthest phase reached; `None` until a workflow takes the run up.
    pub phase: Option<Phase>,
    /// The price that was charged.
    pub credits: i64,
    /// How the charge ended: `result`, `refunded` or `kept`; `None` while the run is active.
    pub outcome: Option<&'static str>,
    /// Whether AI work has begun: from then on a cancellation keeps the credits.
    pub ai_started: bool,
    /// When the last heartbeat was, in seconds of virtual time.
    pub heartbeat_s: Option<i64>,
    /// When the five-minute job last claimed it, and when it last tried to wake it, in seconds of virtual time.
    pub claimed_s: Option<i64>,
    pub woken_s: Option<i64>,
    /// When it was begun and charged, in seconds of virtual time.
    pub created_s: i64,
    /// The idempotency key, while the run holds it.
    pub key: Option<String>,
    /// Hash of the request's body: the key belongs to this body only.
    pub body_hash: String,
    /// Why it failed: the stable code, and the sentence for the customer.
    pub error: Option<(String, String)>,
    /// The balance right after its end, which a repeated cancellation answers again.
    pub ended_balance: Option<i64>,
    /// The lead, whether it was new, and the analysis: what a repeated completion answers again.
    pub completed: Option<(LeadId, bool, AnalysisId)>,
    /// The bulk that it is a line of.
    pub bulk: Option<BulkId>,
}

impl RunRow {
    /// A run that was just charged, without an idempotency key.
    pub(crate) fn new(by: UserId, username: &str, kind: AnalysisType, credits: i64, now_s: i64) -> Self {
        Self {
            by,
            username: username.to_owned(),
            kind,
            status: RunStatus::Pending,
            phase: None,
            credits,
            outcome: None,
            ai_started: false,
            heartbeat_s: None,
            claimed_s: None,
            woken_s: None,
            created_s: now_s,
            key: None,
            body_hash: String::new(),
            error: None,
            ended_balance: None,
            completed: None,
            bulk: None,
        }
    }

    /// The last heartbeat, or the start of a run that has none.
    #[must_use]
    pub fn last_sign_s(&self) -> i64 {
        self.heartbeat_s.unwrap_or(self.created_s)
    }

    pub(crate) const fn is_active(&self) -> bool {
        !self.status.is_terminal()
    }
}

/// One stored analysis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnalysisRow {
    pub run: RunId,
    pub username: String,
    /// The date of the scrape that it judges.
    pub scraped_at: Timestamp,
    /// Whether a later scrape found the profile significantly changed.
    pub is_stale: bool,
}

/// One bulk's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkRow {
    /// Its lines, in the order of the list.
    pub runs: Vec<RunId>,
    /// How it ended; `None` while it goes on.
    pub end: Option<BulkEnd>,
}

/// How a bulk ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BulkEnd {
    /// All its lines have ended.
    Complete,
    /// By its customer: the lines that this ended, the credits refunded, and those kept, which a repeat answers again.
    Cancelled((Vec<RunId>, i64, i64)),
}

impl BulkRow {
    /// How many lines were ended by a cancellation of the bulk.
    pub(crate) fn cancelled_lines(&self) -> usize {
        match &self.end {
            Some(BulkEnd::Cancelled((runs, ..))) => runs.len(),
            Some(BulkEnd::Complete) | None => 0,
        }
    }
}
