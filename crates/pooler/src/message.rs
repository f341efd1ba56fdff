//! What a client says after its startup message, parsed only as far as checks and refusals need it.

use std::fmt;

use bytes::{Buf, BytesMut};

/// How much of a name or of SQL a refusal shows: SQL can hold secrets, which do not belong in a log.
const SHOWN_CHARS_MAX: usize = 60;

pub(crate) const TERMINATE_TAG: u8 = b'X';

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    /// At least one value is.
    Binary,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Statement,
    Portal,
}

/// The beginning of a text, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Excerpt(pub(crate) String);

/// A message of the extended or the simple protocol. Names are cut like SQL: only whether they are empty matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FrontMessage {
    Query { sql: Excerpt },
    Parse { statement: Excerpt, sql: Excerpt },
    Bind { portal: Excerpt, statement: Excerpt, parameters: Format, results: Format },
    Describe { target: Target, name: Excerpt },
    Close { target: Target, name: Excerpt },
    Execute { portal: Excerpt, rows_max: u32 },
    Sync,
    Flush,
    Terminate,
    Other(u8),
}

/// A query in the one shape, as its client sent it.
pub(crate) struct Query {
    /// From Parse to Sync.
    pub(crate) messages: BytesMut,
    pub(crate) sql: Excerpt,
}

impl FrontMessage {
    /// `None` when the body is not what its tag promises.
    pub(crate) fn parse(tag: u8, mut body: &[u8]) -> Option<Self> {
        let body = &mut body;
        let message = match tag {
            b'Q' => Self::Query { sql: excerpt(body)? },
            b'P' => parse(body)?,
            b'B' => bind(body)?,
            b'D' => Self::Describe { target: target(body)?, name: excerpt(body)? },
            b'C' => Self::Close { target: target(body)?, name: excerpt(body)? },
            b'E' => Self::Execute { portal: excerpt(body)?, rows_max: body.try_get_u32().ok()? },
            b'S' => Self::Sync,
            b'H' => Self::Flush,
            TERMINATE_TAG => Self::Terminate,
            other => {
                *body = &[];
                Self::Other(other)
            }
        };
        body.is_empty().then_some(message)
    }
}

fn parse(body: &mut &[u8]) -> Option<FrontMessage> {
    let message = FrontMessage::Parse { statement: excerpt(body)?, sql: excerpt(body)? };
    for _ in 0..body.try_get_u16().ok()? {
        let _type_of_parameter = body.try_get_u32().ok()?;
    }
    Some(message)
}

fn bind(body: &mut &[u8]) -> Option<FrontMessage> {
    let (portal, statement, parameters) = (excerpt(body)?, excerpt(body)?, format(body)?);
    for _ in 0..body.try_get_u16().ok()? {
        // A negative length is null, which has no bytes.
        let bytes = usize::try_from(body.try_get_i32().ok()?).unwrap_or(0);
        *body = body.get(bytes..)?;
    }
    Some(FrontMessage::Bind { portal, statement, parameters, results: format(body)? })
}

fn target(body: &mut &[u8]) -> Option<Target> {
    match body.try_get_u8().ok()? {
        b'S' => Some(Target::Statement),
        b'P' => Some(Target::Portal),
        _ => None,
    }
}

/// A list of formats: none at all means text, a single one is for every value.
fn format(body: &mut &[u8]) -> Option<Format> {
    let mut format = Format::Text;
    for _ in 0..body.try_get_u16().ok()? {
        if body.try_get_u16().ok()? != 0 {
            format = Format::Binary;
        }
    }
    Some(format)
}

/// The text up to the next zero byte.
fn excerpt(body: &mut &[u8]) -> Option<Excerpt> {
    let end = body.iter().position(|byte| *byte == 0)?;
    let text = body.get(..end)?;
    // No character has more than four bytes: the rest of a long text need not be looked at.
    let start = text.get(..4 * SHOWN_CHARS_MAX).unwrap_or(text);
    let shown = String::from_utf8_lossy(start).chars().take(SHOWN_CHARS_MAX).collect();
    body.advance(end + 1);
    Some(Excerpt(shown))
}

impl Excerpt {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The protocol's own name for a client's message.
pub(crate) fn name_of(tag: u8) -> String {
    let name = match tag {
        b'Q' => "Query",
        b'P' => "Parse",
        b'B' => "Bind",
        b'D' => "Describe",
        b'C' => "Close",
        b'E' => "Execute",
        b'S' => "Sync",
        b'H' => "Flush",
        TERMINATE_TAG => "Terminate",
        b'F' => "FunctionCall",
        b'd' => "CopyData",
        b'c' => "CopyDone",
        b'f' => "CopyFail",
        b'p' => "PasswordMessage",
        other => return format!("a message with the tag '{}'", other.escape_ascii()),
    };
    name.to_owned()
}

/// Quoted and escaped, so that it stays one line.
impl fmt::Display for Excerpt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.0)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Text => "text",
            Self::Binary => "binary",
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Statement => "statement",
            Self::Portal => "portal",
        })
    }
}

impl fmt::Display for FrontMessage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Query { sql } => write!(formatter, "Query({sql})"),
            Self::Parse { statement, sql } => write!(formatter, "Parse(statement {statement}, {sql})"),
            Self::Bind { portal, statement, parameters, results } => write!(
                formatter,
                "Bind(portal {portal}, statement {statement}, parameters {parameters}, results {results})"
            ),
            Self::Describe { target, name } => write!(formatter, "Describe({target} {name})"),
            Self::Close { target, name } => write!(formatter, "Close({target} {name})"),
            Self::Execute { portal, rows_max } => write!(formatter, "Execute(portal {portal}, rows {rows_max})"),
            Self::Sync => formatter.write_str("Sync"),
            Self::Flush => formatter.write_str("Flush"),
            Self::Terminate => formatter.write_str("Terminate"),
            Self::Other(tag) => formatter.write_str(&name_of(*tag)),
        }
    }
}
