//! What a pooler stands in front of, and how it behaves.

/// How many backends a pool opens at most, unless told otherwise.
pub const CONNECTIONS_DEFAULT: u16 = 20;

/// What [`crate::serve`] stands in front of, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// `HOST:PORT` of a Postgres.
    pub server: String,
    /// What every client must send, and what the server is sent if it asks. Without one nobody is asked, and the server has
    /// to trust its logins.
    pub password: Option<String>,
    /// Backends per pool, at least 1. A pool belongs to one set of startup parameters: user, database and the rest.
    pub connections: u16,
    /// A new backend for each query, instead of a reset one.
    pub fresh: bool,
    /// Answers are remembered and given again, as by a Hyperdrive whose cache was left on.
    pub caching: bool,
}

impl Options {
    /// Backends of that server, reset after each query and used again.
    pub fn new(server: impl Into<String>) -> Self {
        Self { server: server.into(), password: None, connections: CONNECTIONS_DEFAULT, fresh: false, caching: false }
    }
}
