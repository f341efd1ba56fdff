//! The emulated services, each with a state of its own. None of them knows another.

pub(crate) mod analytics;
pub(crate) mod anthropic;
pub(crate) mod apify;
pub(crate) mod aws;
pub(crate) mod gateway;
pub(crate) mod instagram;
pub(crate) mod openai;
pub(crate) mod resend;
pub(crate) mod sentry;
pub(crate) mod stripe;
pub(crate) mod supabase;
