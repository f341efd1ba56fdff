//! What every feature shares: ids, time, durable steps, store errors, pages, idempotency keys, the kinds of analysis,
//! the bounded map with expiry, a limit on what goes on at once, which answers are streamed, which characters are seen, how texts are checked, cells of
//! spreadsheets, mail as a port, values that are never printed, and what is told of what happens.

pub mod analysis_type;
pub mod characters;
pub mod clock;
pub mod expiring;
pub mod folding;
pub mod idempotency;
pub mod ids;
pub mod in_flight;
pub mod mail;
pub mod pagination;
pub mod places;
pub mod secret;
pub mod spreadsheet;
pub mod steps;
pub mod store;
pub mod streaming;
pub mod telemetry;
pub mod texts;
pub mod turns;
