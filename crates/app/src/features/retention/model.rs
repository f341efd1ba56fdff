//! The kinds of rows that end, and when.

use jiff::SignedDuration;
use serde::Serialize;

/// How long what was deleted stays, so that an operator can bring it back.
const DELETED_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How long logs stay.
const LOGGED_FOR: SignedDuration = SignedDuration::from_hours(90 * 24);
/// How long the repeat of a request is known as one.
const REPEATED_FOR: SignedDuration = SignedDuration::from_hours(24);
/// How long a deletion of a user has to end by itself what it ends.
const DELETING_FOR: SignedDuration = SignedDuration::from_hours(1);

/// A kind of rows that end, in the order in which they are worked off: what points at others first, people before logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Remains {
    /// Memberships of users who are deleted, and accounts that nobody belongs to: what a deletion could not end.
    Ghosts,
    /// Deleted analyses, with the marks of how their leads turned out.
    Analyses,
    /// Deleted leads.
    Leads,
    /// Deleted business profiles that nothing needs any more.
    BusinessProfiles,
    /// The texts of those that have to stay, for leads that live.
    BusinessProfileTexts,
    /// Everything that says whose a closed account was, and of whom it bought analyses.
    Accounts,
    /// Invitations that are over, with the addresses of people who may never have come.
    Invitations,
    /// That leads belong to people who have left the account. Most forget it at once.
    LeftOwners,
    ScrapeLogs,
    AiUsage,
    JobRuns,
    /// The texts of Stripe's events that are done with; what came of them stays.
    WebhookPayloads,
    /// Keys of requests that bought lists, and hashes of what they asked for: a repeat counts for a day.
    BulkKeys,
    /// How operators knew that somebody wanted to be erased, of erasures that are done.
    ErasureProofs,
}

impl Remains {
    pub const ALL: [Self; 14] = [
        Self::Ghosts,
        Self::Analyses,
        Self::Leads,
        Self::BusinessProfiles,
        Self::BusinessProfileTexts,
        Self::Accounts,
        Self::Invitations,
        Self::LeftOwners,
        Self::ScrapeLogs,
        Self::AiUsage,
        Self::JobRuns,
        Self::WebhookPayloads,
        Self::BulkKeys,
        Self::ErasureProofs,
    ];

    /// How long they are kept: since they were deleted, or since they were written.
    #[must_use]
    pub const fn kept_for(self) -> SignedDuration {
        match self {
            Self::Ghosts => DELETING_FOR,
            Self::Analyses
            | Self::Leads
            | Self::BusinessProfiles
            | Self::BusinessProfileTexts
            | Self::Accounts
            | Self::Invitations => DELETED_FOR,
            Self::LeftOwners => SignedDuration::ZERO,
            Self::BulkKeys => REPEATED_FOR,
            Self::ScrapeLogs | Self::AiUsage | Self::JobRuns | Self::WebhookPayloads | Self::ErasureProofs => {
                LOGGED_FOR
            }
        }
    }
}
