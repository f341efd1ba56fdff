//! Durable Objects: each reads its record, lets a pure state machine of the product decide, and carries out the effects.

mod account_connections;
mod audience;
mod bell;
mod run_connections;
mod run_progress;
pub mod scrape;
pub mod scrape_gate;

use bell::Bell;
pub use run_progress::REFUSED;
