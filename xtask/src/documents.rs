//! What the documents tell people to type: each `cargo xtask` command parses, and the runbook's links lead somewhere.

use std::path::{Path, PathBuf};

use clap::{Parser as _, error::ErrorKind};

use crate::Cli;

/// A command as a document writes it.
#[derive(Debug, PartialEq, Eq)]
struct Written {
    line: String,
    /// In a block, which people copy. A word within a sentence may leave out what is required.
    is_block: bool,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every document that people read.
fn documents() -> Vec<PathBuf> {
    let files = |dir: PathBuf| std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let of_crates = files(root().join("crates")).map(|dir| dir.join("README.md")).filter(|path| path.exists());
    let mut all: Vec<PathBuf> = files(root()).chain(files(root().join("docs"))).chain(of_crates).collect();
    all.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    // It tells of former releases, too.
    all.retain(|path| !path.ends_with("CHANGELOG.md"));
    all
}

fn commands(document: &str) -> Vec<Written> {
    let mut found = vec![];
    let mut prose = String::new();
    let mut is_block = false;
    for line in document.lines() {
        if line.trim_start().starts_with("```") {
            is_block = !is_block;
        } else if is_block {
            found.extend(command(line).map(|line| Written { line, is_block }));
        } else {
            prose.push_str(line);
            prose.push(' ');
        }
    }
    // A span of code may go on in the next line.
    found.extend(prose.split('`').skip(1).step_by(2).filter_map(command).map(|line| Written { line, is_block: false }));
    found
}

/// The command of a line, without what stands around it; none of a line that only shows its form.
fn command(line: &str) -> Option<String> {
    let line = line.trim().trim_start_matches("$ ");
    if !line.starts_with("cargo xtask") || line.contains(['[', '<']) {
        return None;
    }
    let end = [" #", " && ", " | ", "; "].into_iter().filter_map(|mark| line.find(mark)).min().unwrap_or(line.len());
    Some(line[..end].trim().replace("--env NAME", "--env staging"))
}

/// The words of a command, as a shell reads them.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![];
    let (mut word, mut quote, mut is_word) = (String::new(), None, false);
    for letter in line.chars() {
        match (letter, quote) {
            (letter, Some(open)) if letter == open => quote = None,
            ('"' | '\'', None) => (quote, is_word) = (Some(letter), true),
            (' ', None) => {
                if std::mem::take(&mut is_word) {
                    words.push(std::mem::take(&mut word));
                }
            }
            (letter, _) => {
                word.push(letter);
                is_word = true;
            }
        }
    }
    if is_word {
        words.push(word);
    }
    words
}

/// Why a command cannot be typed so; nothing if it can.
fn fault(written: &Written) -> Option<String> {
    let words = words(&written.line);
    let arguments = words.iter().skip(2).map(String::as_str);
    let error = Cli::try_parse_from(std::iter::once("cargo xtask").chain(arguments)).err()?;
    match error.kind() {
        ErrorKind::DisplayHelp => None,
        ErrorKind::MissingRequiredArgument | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
            if !written.is_block =>
        {
            None
        }
        _ => Some(error.to_string()),
    }
}

#[test]
fn every_command_in_the_documents_can_be_typed() {
    let mut faults = vec![];
    for path in documents() {
        for written in commands(&read(&path)) {
            if let Some(fault) = fault(&written) {
                faults.push(format!("{}: `{}`\n{fault}", path.display(), written.line));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_runbooks_links_lead_to_its_headings() {
    let runbook = read(&root().join("docs/runbook.md"));
    let anchor = |heading: &str| -> String {
        let kept = heading.to_lowercase().replace(' ', "-");
        kept.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, '-' | '_')).collect()
    };
    let headings: Vec<String> = runbook
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| anchor(line.trim_start_matches('#').trim()))
        .collect();
    let links: Vec<&str> = runbook.split("](#").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(links.len() > 20, "{links:?}");
    for link in links {
        assert!(headings.iter().any(|heading| heading == link), "no heading is #{link}");
    }
}

#[test]
fn commands_are_found_in_blocks_and_in_sentences() {
    let document = "Use `cargo xtask\nsetup` first.\n```sh\n$ cargo xtask lint   # what CI checks\ncargo xtask build --optimize && npx wrangler\n```\n\
                    `cargo xtask cron JOB [--at TIME]` and `cargo xtask operate end`.";
    let found: Vec<(String, bool)> =
        commands(document).into_iter().map(|written| (written.line, written.is_block)).collect();
    let expected = [
        ("cargo xtask lint", true),
        ("cargo xtask build --optimize", true),
        ("cargo xtask setup", false),
        ("cargo xtask operate end", false),
    ];
    assert_eq!(found, expected.map(|(line, is_block)| (line.to_owned(), is_block)));
}

#[test]
fn a_command_that_does_not_exist_shows() {
    let fault = |line: &str, is_block| fault(&Written { line: line.to_owned(), is_block });
    assert!(fault("cargo xtask deploi --env staging", false).is_some());
    assert!(fault("cargo xtask operate wake", true).is_some(), "a block is complete");
    assert!(fault("cargo xtask operate wake", false).is_none(), "a sentence may name it only");
    assert!(fault("cargo xtask operate wake RUN_ID --reason \"silent for minutes\"", true).is_none());
}
