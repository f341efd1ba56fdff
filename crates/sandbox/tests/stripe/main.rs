//! Stripe over HTTP, and the events that a receiver of the test's own gets.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

#[path = "../common/mod.rs"]
mod common;

mod checkout;
mod delivery;
mod payments;
mod periods;
mod receiver;
mod shop;
mod wire;
