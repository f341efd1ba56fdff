//! The tests in `supabase/tests`, which `supabase test db` runs too: SQL that asserts with pgTAP. Each file has a database of its
//! own. pgTAP is SQL itself; it comes from an npm package that carries it, because a plain Postgres has no such extension.

use std::path::{Path, PathBuf};
use std::process::Command;

use futures_util::TryStreamExt as _;
use futures_util::pin_mut;
use oslira_testkit::{Error, TestDatabase, TestResult};
use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::error::ErrorPosition;

const FILES: &str = "../../supabase/tests";
const PACKAGE: &str = "../../node_modules/@electric-sql/pglite-pgtap/dist/pgtap.tar.gz";
const SCRIPT: &str = "share/postgresql/extension/pgtap--1.3.5.sql";

/// What pgTAP's `create extension` would run.
fn pgtap() -> String {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join(PACKAGE);
    assert!(package.exists(), "{} is missing: `cargo xtask setup` installs it", package.display());
    let unpacked = Command::new("tar").arg("-xzOf").arg(&package).arg(SCRIPT).output().unwrap();
    assert!(unpacked.status.success(), "{}", String::from_utf8_lossy(&unpacked.stderr));
    String::from_utf8(unpacked.stdout).unwrap()
}

fn files() -> Vec<PathBuf> {
    let folder = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(FILES)).unwrap();
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "sql"));
    files.sort();
    files
}

/// Runs a file in a new database and returns what it printed, and the error that ended it, if one did.
async fn run(sql: &str) -> Result<(Vec<String>, Option<String>), Error> {
    let database = TestDatabase::create().await?;
    let client = database.superuser().await?;
    // As Supabase has it: extensions in their own schema, which is searched last.
    client.batch_execute("set client_min_messages = error; set search_path = extensions").await?;
    client.batch_execute(&pgtap()).await?;
    client.batch_execute("set search_path = public, extensions").await?;

    let mut printed = Vec::new();
    let messages = client.simple_query_raw(sql).await?;
    pin_mut!(messages);
    let failed = loop {
        match messages.try_next().await {
            Ok(Some(SimpleQueryMessage::Row(row))) => {
                printed.extend(row.get(0).unwrap_or_default().lines().map(str::to_owned));
            }
            Ok(Some(_)) => {}
            Ok(None) => break None,
            Err(error) => break Some(explained(sql, &error)),
        }
    };
    Ok((printed, failed))
}

/// The error with the line of the file at which Postgres points, if it does.
fn explained(sql: &str, error: &tokio_postgres::Error) -> String {
    let Some(refused) = error.as_db_error() else { return error.to_string() };
    let line = match refused.position() {
        Some(ErrorPosition::Original(position)) => {
            let before = sql.chars().take(*position as usize).filter(|letter| *letter == '\n').count();
            format!("line {}: ", before + 1)
        }
        _ => String::new(),
    };
    let place = refused.where_().map(|place| format!("\n{place}")).unwrap_or_default();
    format!("{line}{} (SQLSTATE {}){place}", refused.message(), refused.code().code())
}

/// What is wrong with the output of a test, in the Test Anything Protocol: failed assertions with what pgTAP says of them, and
/// a number of assertions that is not the planned one.
fn faults(printed: &[String]) -> Vec<String> {
    let plans: Vec<u32> = printed.iter().filter_map(|line| line.strip_prefix("1..")?.parse().ok()).collect();
    let mut faults = Vec::new();
    let mut numbers = Vec::new();
    let mut is_explaining = false;
    for line in printed {
        let (passed, said) = match (line.strip_prefix("ok "), line.strip_prefix("not ok ")) {
            (Some(said), _) => (true, said),
            (_, Some(said)) => (false, said),
            _ => {
                if is_explaining && line.starts_with('#') {
                    faults.push(line.clone());
                }
                continue;
            }
        };
        is_explaining = !passed;
        numbers.push(said.split_whitespace().next().and_then(|number| number.parse::<u32>().ok()));
        if !passed {
            faults.push(line.clone());
        }
    }
    match plans.as_slice() {
        [planned] => {
            let expected: Vec<Option<u32>> = (1..=*planned).map(Some).collect();
            if numbers != expected {
                faults.push(format!("{planned} assertions were planned, and {} ran", numbers.len()));
            }
        }
        other => faults.push(format!("a test has one plan, not {}", other.len())),
    }
    faults
}

#[tokio::test]
async fn every_file_in_supabase_tests_passes() -> TestResult {
    let files = files();
    assert!(files.len() >= 3, "{files:?}");
    let mut report = String::new();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let (printed, failed) = run(&std::fs::read_to_string(&file).unwrap()).await?;
        let mut faults = faults(&printed);
        faults.extend(failed);
        report.extend(faults.iter().map(|fault| format!("{name}: {fault}\n")));
    }
    assert!(report.is_empty(), "\n{report}");
    Ok(())
}

#[tokio::test]
async fn a_file_fails_with_its_assertion_its_count_or_its_error() -> TestResult {
    let file = |assertions: &str| format!("begin;\nselect plan(2);\n{assertions}\nselect * from finish();\nrollback;");
    let (printed, failed) = run(&file("select ok(true, 'good'); select is(1, 2, 'bad');")).await?;
    assert_eq!(failed, None);
    assert_eq!(faults(&printed)[0], "not ok 2 - bad");
    assert!(faults(&printed).iter().any(|fault| fault.contains("have: 1")), "{printed:?}");

    let (printed, _) = run(&file("select ok(true, 'good');")).await?;
    assert_eq!(faults(&printed), ["2 assertions were planned, and 1 ran"]);

    let (printed, failed) = run(&file("select ok(true, 'good');\nselect nothing();\nselect ok(true);")).await?;
    assert_eq!(faults(&printed), ["2 assertions were planned, and 1 ran"]);
    assert!(
        failed.as_ref().is_some_and(|error| error.starts_with("line 4: ") && error.contains("42883")),
        "{failed:?}"
    );
    Ok(())
}

#[test]
fn output_without_a_plan_or_with_a_gap_is_a_fault() {
    let faults = |text: &str| faults(&text.lines().map(str::to_owned).collect::<Vec<_>>());
    assert_eq!(faults("1..2\nok 1 - a\nok 2 - b"), [""; 0]);
    assert_eq!(faults("ok 1 - a"), ["a test has one plan, not 0"]);
    assert_eq!(faults("1..2\nok 1 - a\nok 3 - b"), ["2 assertions were planned, and 2 ran"]);
    assert_eq!(faults("1..1\nok 1 - a\nok 2 - b"), ["1 assertions were planned, and 2 ran"]);
    assert_eq!(faults("1..1\nnot ok 1 - a\n# Failed\nsomething else"), ["not ok 1 - a", "# Failed"]);
}
