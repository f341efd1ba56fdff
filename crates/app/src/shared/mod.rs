//! What every feature shares: ids, time, durable steps, store errors, pages, idempotency keys, the kinds of analysis,
//! the bounded map with expiry, which answers are streamed.

pub mod analysis_type;
pub mod clock;
pub mod expiring;
pub mod idempotency;
pub mod ids;
pub mod pagination;
pub mod steps;
pub mod store;
pub mod streaming;
