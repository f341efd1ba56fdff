//! The outside services behind the product's ports: Apify (profiles), OpenAI and Anthropic (judgements), Stripe
//! (payments), Resend (mail), Supabase Auth (keys), Sentry (errors), AWS Secrets Manager (our own keys).
//!
//! What it promises:
//! - **No HTTP client of its own.** Every request goes through [`HttpSend`], so the same code runs in a Worker and
//!   natively.
//! - **No retries.** One call, one classified answer; the workflow decides what to retry. Only a request whose key was refused and
//!   is another one by now is repeated, once.
//! - **No invented numbers.** A number that a provider left out is absent or an error, never zero.
//! - **No leaks.** Errors carry a status and the provider's error type, never keys, prompts, profile text or mail.

pub mod apify;
pub mod aws;
pub mod chat;
pub mod families;
pub mod lists;
pub mod models;
#[cfg(feature = "native")]
pub mod native;
pub mod points;
pub mod prices;
pub mod resend;
pub mod send;
pub mod sentry;
pub mod settings;
pub mod stripe;
pub mod supabase;
pub mod vault;

#[cfg(test)]
mod double;
#[cfg(test)]
mod property;

pub use apify::{ActorName, Apify, ScraperSettings, Tier};
pub use aws::{AwsSettings, SecretSource, SecretsManager};
pub use chat::{Anthropic, Gateway, OpenAi};
pub use lists::ProviderLists;
pub use models::Models;
#[cfg(feature = "native")]
pub use native::NativeSend;
pub use points::LocalPoints;
pub use resend::{Resend, ResendAccount};
pub use send::{Endpoint, HttpSend, Secret, SendError};
pub use sentry::{QuotaMemory, Sentry, SentryDsn};
pub use settings::ProviderSettings;
pub use stripe::{STRIPE_API_VERSION, SignedEvents, StripeApi, WebhookSecrets, event_types};
pub use supabase::SupabaseKeys;
pub use vault::{FreshKeys, SECRET_SETTINGS, SecretValues, Vault};
