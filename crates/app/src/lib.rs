//! The product, free of any platform: no Worker, no SQL, no HTTP client lives here.
//!
//! `features` holds one folder per capability. A feature's `model.rs` has types that cannot hold an invalid value,
//! `ports.rs` the traits it needs from outside, `<verb>.rs` one use case each and `http.rs` its endpoints. A feature
//! imports another only through that feature's `mod.rs`.
//!
//! The layers, each of which may use only those before it: `shared` (what every feature shares), `http` (what all
//! handlers share), `features`, `api` (the router, and the contract that is declared for it). Beside them `triggers`
//! names what starts work without a request.

pub mod api;
pub mod features;
pub mod http;
pub mod shared;
pub mod triggers;

#[cfg(test)]
mod property;
