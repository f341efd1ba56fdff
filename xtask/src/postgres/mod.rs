//! The database server of a stack: an external one (`DATABASE_URL`), or one of our own from installed or npm programs.

mod binaries;
pub mod database;
mod os_user;
mod pgbouncer;
mod running;
mod server;
pub mod tls;
mod url;

pub use pgbouncer::PgBouncer;
pub use running::Running;
pub use server::Server;
pub use url::PgUrl;

use anyhow::{Context, Result};

/// The server that the developer provides in `DATABASE_URL` instead of a local one.
pub fn external() -> Result<Option<PgUrl>> {
    match std::env::var("DATABASE_URL") {
        Ok(text) if !text.is_empty() => {
            PgUrl::parse(&text).map(Some).context("DATABASE_URL is set, but cannot be used")
        }
        _ => Ok(None),
    }
}
