//! Typed identifiers. Each wraps a UUID, so that a run's id can never be passed where an account's is meant.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::{Uuid, Variant};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            #[must_use]
            pub const fn new(id: Uuid) -> Self {
                Self(id)
            }

            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::try_parse(text).map(Self)
            }
        }
    };
}

id!(
    /// A paying customer: owns credits, business profiles, runs and leads.
    AccountId
);
id!(
    /// A person who signed in (Supabase `auth.users.id`, the token's `sub`).
    UserId
);
id!(
    /// One requested analysis; UUID v7, so that ids sort by time. It is also the workflow instance's id.
    RunId
);
id!(
    /// A list of analyses that were bought together; UUID v7, like a run's, and never the same as one.
    BulkId
);
id!(
    /// A customer's description of a business and its ideal customer.
    BusinessProfileId
);
id!(
    /// A scored Instagram profile of one account and business profile.
    LeadId
);
id!(
    /// One actor run that reads profiles, whoever asked for them.
    ScrapeId
);
id!(
    /// One open connection to the events of a run.
    ConnectionId
);
id!(
    /// One stored judgement of a lead.
    AnalysisId
);

id!(
    /// What somebody wrote about a lead.
    NoteId
);
id!(
    /// A saved query of the leads.
    LeadFilterId
);

impl RunId {
    /// Whether it can be one of ours: a UUID v7 that was made since there are such, and not in the future.
    #[must_use]
    pub fn is_plausible(self, now: Timestamp) -> bool {
        /// 2024-05-07, the day of RFC 9562.
        const FIRST_MS: u128 = 1_715_040_000_000;
        /// Clocks of machines differ.
        const SKEW_MS: i64 = 5 * 60 * 1_000;
        // The first 48 bits of a UUID v7 are its time.
        let made_ms = self.0.as_u128() >> 80;
        let last_ms = u128::try_from(now.as_millisecond().saturating_add(SKEW_MS)).unwrap_or(0);
        self.0.get_version_num() == 7
            && self.0.get_variant() == Variant::RFC4122
            && (FIRST_MS..=last_ms).contains(&made_ms)
    }
}

impl RunId {
    /// When it was made, if it is a UUID v7.
    #[must_use]
    pub fn made_at(self) -> Option<Timestamp> {
        if self.0.get_version_num() != 7 {
            return None;
        }
        i64::try_from(self.0.as_u128() >> 80).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok())
    }
}

impl From<RunId> for BulkId {
    /// Routes take the id of a run or of a bulk.
    fn from(id: RunId) -> Self {
        Self(id.0)
    }
}

/// Where new identifiers come from (randomness is a port: tests must be repeatable).
pub trait Ids: Send + Sync {
    /// A new run id, UUID v7.
    fn run_id(&self) -> RunId;
    /// A new request id for log lines and answers.
    fn request_id(&self) -> String;
    /// 64 hexadecimal digits that nobody can guess.
    fn secret(&self) -> String;
}
