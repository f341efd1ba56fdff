//! Every SQL statement of the product.
//!
//! Promises: a statement runs in a transaction of one role, never outside one; [`TenantDb`] can only become
//! `authenticated` with the caller's claims, [`OperatorDb`] only `operator` with theirs, [`AdminDb`] only `service_role`; a call is one statement, one transaction and
//! one round trip; nothing waits for ever. How a call reaches the database is a driver's affair ([`Driver`]): node-postgres in
//! the Worker, [`native`] in tests and tools.

mod admin;
#[cfg(feature = "native")]
pub mod native;
mod operator;
mod run_state;
mod session;
mod tenant;

pub use admin::AdminDb;
pub use operator::OperatorDb;
pub use session::{CLOCK, Call, Driver, Param, RUN_AS, STATEMENT_TIMEOUT, store_error};
pub use tenant::{TenantDb, leads_statement};
