//! What tests need to be about behaviour: a real Postgres database of their own in a moment ([`TestDatabase`]), logged
//! in as whoever the test is about ([`Session`]), and an audit of every credit that ever moved ([`audit()`]).
//!
//! [`migrate()`] is the one way a local database comes to its schema; the developer tool uses it too, which is why this
//! crate keeps its dependencies few.

pub mod audit;
pub mod database;
pub mod migrate;
pub mod session;
mod template;

pub use audit::audit;
pub use database::{Member, TestDatabase};
pub use migrate::migrate;
pub use session::Session;

use std::fmt;

/// Why a database could not be had, or what it answered.
#[derive(thiserror::Error)]
pub enum Error {
    /// The tests do not know of a Postgres to use.
    #[error("{variable} is not set: run the tests with `cargo xtask test`, which starts a Postgres for them")]
    NoCluster {
        /// The environment variable that would name it.
        variable: &'static str,
    },
    /// A migration, the shim or the local additions failed.
    #[error(transparent)]
    Migrate(#[from] migrate::MigrateError),
    /// Postgres refused, or the connection broke.
    #[error(transparent)]
    Postgres(#[from] tokio_postgres::Error),
    /// A function answered with something the helper did not expect.
    #[error("unexpected answer: {0}")]
    Unexpected(String),
}

/// A failed test shows its error by `Debug`, and whoever reads that wants a sentence.
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

/// What a database test returns.
pub type TestResult = Result<(), Error>;
