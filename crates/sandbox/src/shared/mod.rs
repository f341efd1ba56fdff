//! What all providers share. Nothing in here knows more of a provider than its name.

pub(crate) mod broken_body;
pub(crate) mod claims;
pub(crate) mod clock;
pub(crate) mod connection;
pub(crate) mod error;
pub(crate) mod faults;
pub(crate) mod headers;
pub(crate) mod journal;
pub(crate) mod json;
pub(crate) mod judge;
pub(crate) mod keyring;
pub(crate) mod latency;
pub(crate) mod lifecycle;
pub(crate) mod outbox;
pub(crate) mod private_file;
pub(crate) mod profiles;
pub(crate) mod prompt_cache;
pub(crate) mod random;
pub(crate) mod received;
pub(crate) mod tap;
pub(crate) mod texts;
