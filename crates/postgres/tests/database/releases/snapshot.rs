//! `released.sql`: what the last release sends, and the migrations that it was released with.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const HEADER: &str =
    "-- What the last release sends, and its migrations with the SHA-256 of their texts. Written with the release, by
-- `OSLIRA_CUT_RELEASE=<tag> cargo xtask test -- -p oslira-postgres --test database releases`, and never by hand:
-- docs/upgrading.md says what it is for.";

/// As whom a statement runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// As the login of customers, before any role.
    Login,
    Authenticated,
    Backend,
    Operator,
}

impl Role {
    const ALL: [Self; 4] = [Self::Login, Self::Authenticated, Self::Backend, Self::Operator];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Authenticated => "authenticated",
            Self::Backend => "service_role",
            Self::Operator => "operator",
        }
    }

    pub const fn login(self) -> &'static str {
        match self {
            Self::Login | Self::Authenticated => "oslira_tenant",
            Self::Backend => "oslira_admin",
            Self::Operator => "oslira_operator",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    pub name: String,
    pub role: Role,
    /// Of its parameters.
    pub types: Vec<String>,
    pub sql: String,
}

impl Statement {
    /// A statement as `session.run_as` runs it: all its parameters are texts.
    pub fn of(name: String, role: Role, sql: String) -> Self {
        let count = (1..=20).rev().find(|number| mentions(&sql, *number)).unwrap_or(0);
        Self { name, role, types: vec!["text".to_owned(); count], sql }
    }

    /// The statement that prepares it.
    pub fn prepared(&self) -> String {
        let types = if self.types.is_empty() { String::new() } else { format!(" ({})", self.types.join(", ")) };
        format!("prepare \"{}\"{types} as\n{}", self.name, self.sql)
    }
}

fn mentions(sql: &str, number: usize) -> bool {
    let name = format!("${number}");
    sql.match_indices(&name).any(|(at, _)| !sql[at + name.len()..].starts_with(|next: char| next.is_ascii_digit()))
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Its tag, such as `v0.1.0`.
    pub tag: String,
    /// Each file's name and hash.
    pub migrations: Vec<(String, String)>,
    pub statements: Vec<Statement>,
}

impl Release {
    pub fn path() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/database/released.sql")
    }

    /// The last release; `None` before the first.
    pub fn last() -> Option<Self> {
        let path = Self::path();
        path.exists().then(|| Self::parse(&std::fs::read_to_string(&path).unwrap()))
    }

    pub fn write(&self) -> String {
        let mut text = format!("{HEADER}\n\n-- release {}\n", self.tag);
        for (name, hash) in &self.migrations {
            writeln!(text, "-- migration {name} {hash}").unwrap();
        }
        for statement in &self.statements {
            assert!(!statement.sql.contains("\n\n") && !statement.sql.contains(';'), "{}", statement.name);
            write!(text, "\n-- role {}\n{};\n", statement.role.as_str(), statement.prepared()).unwrap();
        }
        text
    }

    pub fn parse(text: &str) -> Self {
        let mut blocks = text.split("\n\n").skip(1);
        let mut lines = blocks.next().unwrap().lines();
        let tag = lines.next().and_then(|line| line.strip_prefix("-- release ")).unwrap().to_owned();
        let migration = |line: &str| {
            let (name, hash) = line.strip_prefix("-- migration ").and_then(|line| line.split_once(' ')).unwrap();
            (name.to_owned(), hash.to_owned())
        };
        Self { tag, migrations: lines.map(migration).collect(), statements: blocks.map(statement).collect() }
    }

    /// What happened to its migrations since: a file that was applied somewhere is not applied again.
    pub fn changed_migrations(&self, present: &[(String, String)]) -> Vec<String> {
        let change = |(name, hash): &(String, String)| {
            let now = present.iter().find(|(other, _)| other == name);
            match now {
                None => Some(format!("{name} is gone")),
                Some((_, now)) if now != hash => Some(format!("{name} was changed")),
                Some(_) => None,
            }
        };
        self.migrations.iter().filter_map(change).collect()
    }
}

fn statement(block: &str) -> Statement {
    let mut parts = block.splitn(3, '\n');
    let (role, head, sql) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    let role = role.strip_prefix("-- role ").unwrap();
    let (name, types) = head.strip_prefix("prepare \"").and_then(|head| head.split_once('"')).unwrap();
    let types = types.trim().trim_end_matches("as").trim().trim_matches(['(', ')']);
    Statement {
        name: name.to_owned(),
        role: Role::ALL.into_iter().find(|known| known.as_str() == role).unwrap(),
        types: types.split(", ").filter(|kind| !kind.is_empty()).map(str::to_owned).collect(),
        sql: sql.trim_end().trim_end_matches(';').to_owned(),
    }
}

#[test]
fn what_is_written_is_read_again() {
    let statements = vec![
        Statement::of("a.none".to_owned(), Role::Backend, "select to_jsonb(1)".to_owned()),
        Statement::of("b.many 2".to_owned(), Role::Operator, "select\n to_jsonb($1::uuid, $11)".to_owned()),
        Statement {
            types: vec!["text".to_owned(), "text[]".to_owned()],
            ..Statement::of("c".to_owned(), Role::Login, "select $1, $2".to_owned())
        },
    ];
    assert_eq!(statements.iter().map(|statement| statement.types.len()).collect::<Vec<_>>(), [0, 11, 2]);
    let release =
        Release { tag: "v1.2.3".to_owned(), migrations: vec![("1_a.sql".to_owned(), "ab".to_owned())], statements };
    assert_eq!(Release::parse(&release.write()), release);
}

#[test]
fn a_migration_that_was_released_neither_changes_nor_goes() {
    let file = |name: &str, hash: &str| (name.to_owned(), hash.to_owned());
    let release = Release {
        tag: "v1".to_owned(),
        migrations: vec![file("1_a.sql", "a"), file("2_b.sql", "b")],
        statements: vec![],
    };
    let more = [file("1_a.sql", "a"), file("2_b.sql", "b"), file("3_c.sql", "c")];
    assert!(release.changed_migrations(&more).is_empty(), "new ones come");
    let changed = release.changed_migrations(&[file("1_a.sql", "other")]);
    assert_eq!(changed, ["1_a.sql was changed", "2_b.sql is gone"]);
}
