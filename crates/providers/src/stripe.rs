//! Stripe behind billing's ports: its events, checked and read, and its API.
//!
//! What it promises:
//! - **One API version.** Each request names it, and an event of another version is not read, because the same name means
//!   something else there.
//! - **Only what Stripe says.** A field that is missing is no zero and no default; the reading names its path.
//! - **No values in errors.** They hold paths, statuses and Stripe's own words.

mod api;
mod call;
mod charge;
mod envelope;
mod events;
mod invoice;
mod money_back;
mod pages;
mod part;
mod purchase;
mod questions;
mod reading;
mod secrets;
mod selling;
mod signature;
mod subscription;

#[cfg(test)]
mod tests;

pub use api::StripeApi;
pub use events::SignedEvents;
pub use reading::event_types;
pub use secrets::WebhookSecrets;

/// Whose shapes are read here. Stripe's webhook endpoint MUST be set to it.
pub const STRIPE_API_VERSION: &str = "2026-10-28.endive";

/// What is sold is priced in it, so other money grants nothing.
const CURRENCY: &str = "usd";
