//! For database tests: a Postgres database for each test ([`TestDatabase`]), connections that act as a customer or as
//! the backend ([`Session`]), and an audit of all credits ([`audit()`]).
//!
//! [`migrate()`] is the only way in which a local database gets its schema, and [`migrate::migrate_deployment`] that of a deployed one. The
//! developer tool uses them too, so this crate has few dependencies.

pub mod audit;
pub mod database;
pub mod migrate;
pub mod session;
mod template;

pub use audit::{audit, audit_rules, audit_what_is_seen};
pub use database::{Member, TestDatabase};
pub use migrate::migrate;
pub use session::Session;

use std::fmt;

#[derive(thiserror::Error)]
pub enum Error {
    #[error("{variable} is not set: run the tests with `cargo xtask test`, which starts a Postgres for them")]
    NoCluster { variable: &'static str },
    #[error(transparent)]
    Migrate(#[from] migrate::MigrateError),
    /// Postgres refused a statement, or the connection broke.
    #[error(transparent)]
    Postgres(#[from] tokio_postgres::Error),
    /// A database function returned something that the helper does not expect.
    #[error("unexpected answer: {0}")]
    Unexpected(String),
}

/// A test that returns an error prints it with `Debug`, so `Debug` gives a readable message here.
impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postgres(error) => match error.as_db_error() {
                Some(refused) => {
                    write!(formatter, "{} (SQLSTATE {})", refused.message(), refused.code().code())?;
                    refused.detail().map_or(Ok(()), |detail| write!(formatter, "\n{detail}"))?;
                    refused.where_().map_or(Ok(()), |place| write!(formatter, "\n{place}"))
                }
                None => write!(formatter, "{error:?}"),
            },
            other => write!(formatter, "{other}"),
        }
    }
}

pub type TestResult = Result<(), Error>;
