//! Billing over the real router: what Stripe and the database decide becomes a status, a stable code and a sentence.

mod alerts;
mod buying;
mod provider;
mod till;
mod top_ups;
mod webhook;
