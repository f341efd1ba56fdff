//! The one shape of a query that passes.
//!
//! It is what node-postgres sends for one query with parameters, and needs the least of a pooler: no prepared statement
//! or portal has a name that a later message could use on another backend, all values are text, and one Sync ends it.

use crate::{
    end::Refusal,
    message::{Format, FrontMessage, Target},
};

/// How far a client is in sending its query. Pure: it sees messages and decides, and sends nothing.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    next: Part,
}

#[derive(Clone, Copy, Debug, Default)]
enum Part {
    #[default]
    Parse,
    Bind,
    Describe,
    Execute,
    Sync,
}

/// What a message that passes leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    More,
    /// The query is whole; the next message begins another.
    Complete,
    /// The client wishes to go.
    Left,
}

impl Part {
    /// What is expected in this place, in words.
    fn expected(self) -> &'static str {
        match self {
            Self::Parse => "Parse of the unnamed statement",
            Self::Bind => "Bind of the unnamed statement and portal with text parameters and text results",
            Self::Describe => "Describe of the unnamed portal",
            Self::Execute => "Execute of the unnamed portal for all rows",
            Self::Sync => "Sync",
        }
    }

    fn allows(self, message: &FrontMessage) -> bool {
        match message {
            FrontMessage::Parse { statement, .. } => matches!(self, Self::Parse) && statement.is_empty(),
            FrontMessage::Bind { portal, statement, parameters: Format::Text, results: Format::Text } => {
                matches!(self, Self::Bind) && portal.is_empty() && statement.is_empty()
            }
            FrontMessage::Describe { target: Target::Portal, name } => {
                matches!(self, Self::Describe) && name.is_empty()
            }
            FrontMessage::Execute { portal, rows_max: 0 } => matches!(self, Self::Execute) && portal.is_empty(),
            FrontMessage::Sync => matches!(self, Self::Sync),
            _ => false,
        }
    }

    /// `None` after the last one.
    fn following(self) -> Option<Self> {
        match self {
            Self::Parse => Some(Self::Bind),
            Self::Bind => Some(Self::Describe),
            Self::Describe => Some(Self::Execute),
            Self::Execute => Some(Self::Sync),
            Self::Sync => None,
        }
    }
}

impl Shape {
    /// Takes the client's next message, or says why it is refused.
    pub(crate) fn accept(&mut self, message: &FrontMessage) -> Result<Progress, Refusal> {
        if *message == FrontMessage::Terminate {
            return Ok(Progress::Left);
        }
        if !self.next.allows(message) {
            return Err(Refusal(format!("{message}, where {} is expected", self.next.expected())));
        }
        let following = self.next.following();
        self.next = following.unwrap_or_default();
        Ok(if following.is_some() { Progress::More } else { Progress::Complete })
    }
}

#[cfg(test)]
mod tests {
    use bytes::{BufMut, BytesMut};
    use postgres_protocol::{IsNull, message::frontend};

    use super::*;

    const BIND: &str = "Bind of the unnamed statement and portal with text parameters and text results";

    fn message(write: impl FnOnce(&mut BytesMut)) -> FrontMessage {
        let mut bytes = BytesMut::new();
        write(&mut bytes);
        FrontMessage::parse(bytes[0], &bytes[5..]).unwrap()
    }

    fn bind(portal: &str, statement: &str, parameters: &[i16], results: &[i16]) -> FrontMessage {
        let value = |value: &str, bytes: &mut BytesMut| {
            bytes.put_slice(value.as_bytes());
            Ok(if value.is_empty() { IsNull::Yes } else { IsNull::No })
        };
        message(|bytes| {
            let (parameters, results) = (parameters.iter().copied(), results.iter().copied());
            assert!(frontend::bind(portal, statement, parameters, ["one", ""], value, results, bytes).is_ok());
        })
    }

    fn query() -> Vec<FrontMessage> {
        vec![
            message(|bytes| frontend::parse("", "select $1, $2", [25, 0], bytes).unwrap()),
            bind("", "", &[], &[0]),
            message(|bytes| frontend::describe(b'P', "", bytes).unwrap()),
            message(|bytes| frontend::execute("", 0, bytes).unwrap()),
            message(frontend::sync),
        ]
    }

    /// What becomes of `message` in place of the query's message number `at`.
    fn refusal_at(at: usize, message: &FrontMessage) -> String {
        let mut shape = Shape::default();
        for before in query().iter().take(at) {
            assert_eq!(shape.accept(before), Ok(Progress::More), "{before}");
        }
        shape.accept(message).unwrap_err().0
    }

    #[test]
    fn the_one_shape_passes_again_and_again() {
        let mut shape = Shape::default();
        for _ in 0..3 {
            let outcomes: Vec<_> = query().iter().map(|message| shape.accept(message)).collect();
            let more = Ok(Progress::More);
            assert_eq!(outcomes, [more.clone(), more.clone(), more.clone(), more, Ok(Progress::Complete)]);
        }
    }

    #[test]
    fn text_is_text_however_it_is_said() {
        for formats in [&[][..], &[0], &[0, 0]] {
            let mut shape = Shape::default();
            assert_eq!(shape.accept(&query()[0]), Ok(Progress::More));
            assert_eq!(shape.accept(&bind("", "", formats, formats)), Ok(Progress::More), "{formats:?}");
        }
    }

    #[test]
    fn a_client_may_leave_anywhere() {
        for at in 0..5 {
            let mut shape = Shape::default();
            query().iter().take(at).for_each(|message| assert_eq!(shape.accept(message), Ok(Progress::More)));
            assert_eq!(shape.accept(&FrontMessage::Terminate), Ok(Progress::Left), "after {at}");
        }
    }

    #[test]
    fn everything_else_is_refused_by_name() {
        let parse = "Parse of the unnamed statement";
        let simple = message(|bytes| frontend::query("select\n1", bytes).unwrap());
        let named = message(|bytes| frontend::parse("s1", "select 1", [], bytes).unwrap());
        let statement = message(|bytes| frontend::describe(b'S', "", bytes).unwrap());
        let portal = message(|bytes| frontend::describe(b'P', "p1", bytes).unwrap());
        let some = message(|bytes| frontend::execute("", 5, bytes).unwrap());
        let close = message(|bytes| frontend::close(b'S', "s1", bytes).unwrap());
        let table = [
            (0, simple, r#"Query("select\n1")"#, parse),
            (0, named, r#"Parse(statement "s1", "select 1")"#, parse),
            (0, message(frontend::sync), "Sync", parse),
            (0, close, r#"Close(statement "s1")"#, parse),
            (0, message(frontend::copy_done), "CopyDone", parse),
            (0, FrontMessage::Other(b'\n'), r"a message with the tag '\n'", parse),
            (1, statement.clone(), r#"Describe(statement "")"#, BIND),
            (2, statement, r#"Describe(statement "")"#, "Describe of the unnamed portal"),
            (2, portal, r#"Describe(portal "p1")"#, "Describe of the unnamed portal"),
            (3, some, r#"Execute(portal "", rows 5)"#, "Execute of the unnamed portal for all rows"),
            (4, message(frontend::flush), "Flush", "Sync"),
        ];
        for (at, message, came, expected) in table {
            assert_eq!(refusal_at(at, &message), format!("{came}, where {expected} is expected"));
        }
    }

    #[test]
    fn names_and_binary_values_are_refused() {
        let table = [
            (bind("", "s1", &[], &[]), r#"portal "", statement "s1", parameters text, results text"#),
            (bind("p1", "", &[], &[]), r#"portal "p1", statement "", parameters text, results text"#),
            (bind("", "", &[0, 1], &[]), r#"portal "", statement "", parameters binary, results text"#),
            (bind("", "", &[], &[1]), r#"portal "", statement "", parameters text, results binary"#),
        ];
        for (message, came) in table {
            assert_eq!(refusal_at(1, &message), format!("Bind({came}), where {BIND} is expected"));
        }
    }

    #[test]
    fn only_the_beginning_of_sql_is_named() {
        let sql = "é".repeat(100);
        let refusal = refusal_at(0, &message(|bytes| frontend::query(&sql, bytes).unwrap()));
        assert!(refusal.starts_with(&format!("Query(\"{}\")", "é".repeat(60))), "{refusal}");
    }

    #[test]
    fn a_body_that_is_too_short_or_too_long_is_no_message() {
        for (tag, body) in
            [(b'P', &b"\0select 1"[..]), (b'B', b"\0\0\0\0\0\x01\0\0\0\x09a\0\0"), (b'D', b"X\0"), (b'S', b"!")]
        {
            assert_eq!(FrontMessage::parse(tag, body), None, "{}", tag.escape_ascii());
        }
    }
}
