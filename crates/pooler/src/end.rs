//! Why a client's connection ends, and what the client hears of it.

use std::fmt;

use bytes::{BufMut, BytesMut};

use crate::{
    message::{TERMINATE_TAG, name_of},
    wire::WireError,
};

/// SQLSTATE `protocol_violation`: the strict pooler refuses.
const PROTOCOL_VIOLATION: &str = "08P01";
/// SQLSTATE `connection_failure`: the server is not there, or went away.
pub(crate) const CONNECTION_FAILURE: &str = "08006";
/// SQLSTATE `too_many_connections`: something is full.
pub(crate) const TOO_MANY_CONNECTIONS: &str = "53300";
/// SQLSTATE `invalid_authorization_specification`: a login that the server does not trust.
pub(crate) const INVALID_AUTHORIZATION: &str = "28000";
/// SQLSTATE `invalid_password`.
pub(crate) const INVALID_PASSWORD: &str = "28P01";

/// What came that a transaction pooler may refuse, and what was expected: one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal(pub(crate) String);

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The end of a client's connection.
#[derive(Debug)]
pub(crate) enum End {
    /// The client went away.
    Left,
    Refused(Refusal),
    Failed {
        sqlstate: &'static str,
        message: String,
    },
    /// The server's own last words, unchanged; nothing when the client has them already.
    Passed(BytesMut),
}

impl End {
    pub(crate) fn failed(sqlstate: &'static str, message: impl Into<String>) -> Self {
        Self::Failed { sqlstate, message: message.into() }
    }

    /// The end when a client could not be read.
    pub(crate) fn of_client(error: WireError) -> Self {
        match error {
            WireError::Length { .. } => Self::Refused(Refusal(error.to_string())),
            WireError::Closed | WireError::Broken(_) => Self::Left,
        }
    }

    /// The end of a client that sends something, or goes, while it should wait for an answer. Terminate is allowed: the
    /// client gives its answer up.
    pub(crate) fn of_impatient_client(tag: Result<u8, WireError>) -> Self {
        match tag {
            Ok(TERMINATE_TAG) => Self::Left,
            Ok(tag) => {
                Self::Refused(Refusal(format!("{} before the answer to the last query (pipelining)", name_of(tag))))
            }
            Err(error) => Self::of_client(error),
        }
    }

    /// What the client is sent before its connection closes.
    pub(crate) fn last_words(&self) -> BytesMut {
        match self {
            Self::Left => BytesMut::new(),
            Self::Refused(refusal) => fatal(PROTOCOL_VIOLATION, &format!("the strict pooler refuses: {refusal}")),
            Self::Failed { sqlstate, message } => fatal(sqlstate, message),
            Self::Passed(words) => words.clone(),
        }
    }
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// An ErrorResponse. `postgres-protocol` writes the messages of clients only.
fn fatal(sqlstate: &str, message: &str) -> BytesMut {
    let mut body = BytesMut::new();
    // S is the severity for people, in their language; V the one for programs.
    for (field, value) in [(b'S', "FATAL"), (b'V', "FATAL"), (b'C', sqlstate), (b'M', message)] {
        body.put_u8(field);
        body.put_slice(value.as_bytes());
        body.put_u8(0);
    }
    body.put_u8(0);
    let mut response = BytesMut::from(&b"E"[..]);
    response.put_u32(u32::try_from(body.len() + 4).unwrap_or(u32::MAX));
    response.unsplit(body);
    response
}
