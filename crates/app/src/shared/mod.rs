//! What every feature shares: ids, time, durable steps, store errors, pages, idempotency keys, the kinds of analysis.

pub mod analysis_type;
pub mod clock;
pub mod idempotency;
pub mod ids;
pub mod pagination;
pub mod steps;
pub mod store;
