//! The product, free of any platform: no Worker, no SQL, no HTTP client lives here.
//!
//! `features` holds one folder per capability. A feature's `model.rs` has types that cannot hold an invalid value,
//! `ports.rs` the traits it needs from outside, `<verb>.rs` one use case each and `http.rs` its handlers. A feature
//! imports another only through that feature's `mod.rs`. `http` is what all handlers share, `shared` what all
//! features share.

pub mod features;
pub mod http;
pub mod shared;

#[cfg(test)]
mod property;
