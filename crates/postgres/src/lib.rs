//! Every SQL statement of the product.
//!
//! Promises: a statement runs in a transaction of one role, never outside one; [`TenantDb`] can only become
//! `authenticated` with the caller's claims, [`AdminDb`] only `service_role`; a transaction is one round trip to the
//! server (begin, role, statement and commit are pipelined); every transaction has a deadline.

mod admin;
mod run_state;
mod session;
mod tenant;

pub use admin::AdminDb;
pub use session::{Connect, STATEMENT_TIMEOUT, connection_error};
pub use tenant::{TenantDb, leads_statement};
