//! The statements of this crate, read from its source: each is a literal that begins like one. What is put together from several texts
//! is recorded as it is sent (`composed`), and a literal that is neither fails here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::releases::composed::composed;
use crate::releases::snapshot::{Role, Statement};

/// Where statements are sent, by the folder's name, and as whom.
const FOLDERS: [(&str, Role); 3] =
    [("tenant", Role::Authenticated), ("admin", Role::Backend), ("operator", Role::Operator)];

/// Every statement that the Worker sends.
pub async fn statements() -> Vec<Statement> {
    let mut statements = login_statements();
    statements.extend(composed().await);
    let pieces: Vec<String> = statements.iter().map(|statement| statement.sql.clone()).collect();
    let shared = literals("run_state", &read(&source().join("run_state.rs")));
    let mut found: Vec<(Role, Literal)> = Vec::new();
    for (folder, role) in FOLDERS {
        found.extend(shared.iter().filter(|_| role != Role::Operator).map(|literal| (role, literal.clone())));
        for file in files(&source().join(folder)) {
            let place = format!("{folder}/{}", file.file_stem().unwrap().to_str().unwrap());
            found.extend(literals(&place, &read(&file)).into_iter().map(|literal| (role, literal)));
        }
    }
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for (role, Literal { name, text, is_composed }) in found {
        if pieces.iter().any(|sent| sent.contains(&text)) {
            continue;
        }
        assert!(!is_composed, "{name} is put together: have `composed` send it, so that releases know it");
        let name = if role == Role::Backend && name.starts_with("run_state") { format!("admin {name}") } else { name };
        let count = counts.entry(name.clone()).or_default();
        *count += 1;
        let name = if *count == 1 { name } else { format!("{name} {count}") };
        statements.push(Statement::of(name, role, text));
    }
    statements.sort_by(|left, right| left.name.cmp(&right.name));
    statements
}

/// What a driver sends for every call; its parameters are not only texts.
fn login_statements() -> Vec<Statement> {
    let text = |types: &[&str]| types.iter().map(ToString::to_string).collect();
    let statement = |name: &str, types: &[&str], sql: &str| Statement {
        name: name.to_owned(),
        role: Role::Login,
        types: text(types),
        sql: sql.to_owned(),
    };
    vec![
        statement("session.RUN_AS", &["text", "text", "text", "text[]"], oslira_postgres::RUN_AS),
        statement("session.CLOCK", &[], oslira_postgres::CLOCK),
    ]
}

/// Functions that send something although no statement is known of them, so that a release would not know it either.
pub fn unknown_senders() -> Vec<String> {
    let shared = "RUN_STATE";
    let mut unknown = Vec::new();
    for (folder, _) in FOLDERS {
        for file in files(&source().join(folder)).into_iter().filter(|file| !file.ends_with("db.rs")) {
            let place = format!("{folder}/{}", file.file_stem().unwrap().to_str().unwrap());
            let text = read(&file);
            let owners: BTreeSet<String> = literals(&place, &text).into_iter().map(|literal| literal.name).collect();
            let is_known = |name: &str| name == shared || owners.contains(&format!("{place}.{name}"));
            for (name, mentioned) in senders(&text) {
                if !is_known(&name) && !mentioned.iter().any(|name| is_known(name)) {
                    unknown.push(format!("{place}.{name}"));
                }
            }
        }
    }
    unknown
}

/// Each function that calls the session, with all that its body mentions.
fn senders(text: &str) -> Vec<(String, BTreeSet<String>)> {
    let tokens = tokens(text);
    let mut functions: Vec<(String, BTreeSet<String>)> = Vec::new();
    for pair in tokens.windows(2) {
        match (&pair[0], &pair[1]) {
            (Token::Word(word), Token::Word(name)) if word == "fn" => functions.push((name.clone(), BTreeSet::new())),
            (Token::Word(word), _) => {
                if let Some((_, mentioned)) = functions.last_mut() {
                    mentioned.insert(word.clone());
                }
            }
            _ => {}
        }
    }
    let sends = |mentioned: &BTreeSet<String>| {
        ["value", "values", "value_for_nobody", "call"].iter().any(|method| mentioned.contains(*method))
            && ["self", "db"].iter().any(|receiver| mentioned.contains(*receiver))
    };
    functions.into_iter().filter(|(_, mentioned)| sends(mentioned)).collect()
}

/// A literal that begins like a statement.
#[derive(Debug, Clone)]
struct Literal {
    /// Its file, and the function or constant that has it.
    name: String,
    /// Up to the first place where something is put in.
    text: String,
    is_composed: bool,
}

fn literals(place: &str, text: &str) -> Vec<Literal> {
    let tokens = tokens(text);
    let is_word = |token: Option<&Token>, word: &str| matches!(token, Some(Token::Word(found)) if found == word);
    let filled: BTreeSet<&str> = tokens
        .windows(3)
        .filter(|three| three[1] == Token::Sign('.') && is_word(three.get(2), "replace"))
        .filter_map(|three| if let Token::Word(name) = &three[0] { Some(name.as_str()) } else { None })
        .collect();
    let (mut function, mut constant) = (String::new(), String::new());
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Word(name) if at > 0 && is_word(tokens.get(at - 1), "fn") => function.clone_from(name),
            Token::Word(name) if name != "fn" && at > 0 && is_word(tokens.get(at - 1), "const") => {
                constant.clone_from(name);
            }
            Token::Sign(';') => constant.clear(),
            Token::Text(text)
                if ["select ", "with ", "/*"].iter().any(|begin| text.trim_start().starts_with(begin)) =>
            {
                let is_in = |name: &str| at >= 3 && is_word(tokens.get(at - 3), name);
                let holes: &[char] = if is_in("format") {
                    &['{']
                } else if filled.contains(constant.as_str()) {
                    &['%', '@']
                } else {
                    &[]
                };
                let is_composed = is_in("concat") || !holes.is_empty();
                let owner = if constant.is_empty() || constant == "SQL" { &function } else { &constant };
                let fixed = text.find(holes).map_or(text.as_str(), |end| &text[..end]);
                found.push(Literal { name: format!("{place}.{owner}"), text: fixed.to_owned(), is_composed });
            }
            _ => {}
        }
    }
    found
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    /// The value of a literal.
    Text(String),
    Sign(char),
}

/// As much of Rust's grammar as this crate uses.
fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
        } else if rest.starts_with("r\"") || rest.starts_with("r#\"") {
            let end = if rest.starts_with("r#") { "\"#" } else { "\"" };
            let (value, behind) = rest[end.len() + 1..].split_once(end).unwrap();
            found.push(Token::Text(value.to_owned()));
            rest = behind;
        } else if first == '"' {
            let (value, behind) = literal(&rest[1..]);
            found.push(Token::Text(value));
            rest = behind;
        } else if first == '\'' {
            // A character, or a lifetime.
            let body = rest[1..].chars().next().map_or(0, char::len_utf8);
            let is_escaped = rest[1..].starts_with('\\');
            let end = if is_escaped { rest[3..].find('\'').map(|end| end + 4) } else { Some(body + 2) };
            let is_character = is_escaped || rest[1 + body..].starts_with('\'');
            rest = &rest[if is_character { end.unwrap() } else { 1 }..];
        } else if first.is_alphanumeric() || first == '_' {
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
            found.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        } else {
            if !first.is_whitespace() {
                found.push(Token::Sign(first));
            }
            rest = &rest[first.len_utf8()..];
        }
    }
    found
}

/// The value of a literal whose opening quote is gone, and what follows it.
fn literal(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &text[at + 1..]),
            '\\' => match characters.next().unwrap().1 {
                '\n' => {
                    let behind = characters.as_str().trim_start();
                    let skipped = characters.as_str().len() - behind.len();
                    for _ in 0..characters.as_str()[..skipped].chars().count() {
                        characters.next();
                    }
                }
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    panic!("a text has no end: {value}")
}

fn source() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn literals_are_read_as_the_compiler_reads_them() {
    let source = r##"
        // "select 0"
        const SQL: &str = "select 'a', \"b\" \
            from c";
        fn lasts<'a>(sign: char) -> &'a str { if sign == '"' || sign == '\'' { "no statement" } else { r#"with "x" as y"# } }
        const PAGE: &str = "select % from t";
        fn sent() -> String { PAGE.replace('%', "1") }
        fn made(name: &str) -> String { format!("select {name} from t") }
        fn joined() -> &'static str { concat!("select ", "1") }
    "##;
    let found = literals("file", source);
    let found: Vec<_> = found.iter().map(|one| (one.name.as_str(), one.text.as_str(), one.is_composed)).collect();
    assert_eq!(
        found,
        [
            ("file.", "select 'a', \"b\" from c", false),
            ("file.lasts", "with \"x\" as y", false),
            ("file.PAGE", "select ", true),
            ("file.made", "select ", true),
            ("file.joined", "select ", true),
        ]
    );
}
