//! What every feature shares: ids, time, durable steps, store errors.

pub mod clock;
pub mod ids;
pub mod steps;
pub mod store;
