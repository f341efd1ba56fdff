//! Typed identifiers. Each wraps a UUID, so that a run's id can never be passed where an account's is meant.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

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
    /// A customer's description of a business and its ideal customer.
    BusinessProfileId
);
id!(
    /// A scored Instagram profile of one account and business profile.
    LeadId
);
id!(
    /// One stored judgement of a lead.
    AnalysisId
);

/// Where new identifiers come from (randomness is a port: tests must be repeatable).
pub trait Ids: Send + Sync {
    /// A new run id, UUID v7.
    fn run_id(&self) -> RunId;
    /// A new request id for log lines and answers.
    fn request_id(&self) -> String;
}
