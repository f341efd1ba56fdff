//! The queries that the documents for operators tell: each works on this schema, as the database's owner, and changes nothing.

use std::path::Path;

use oslira_testkit::TestResult;

use crate::support::Stage;

const DOCUMENTS: [&str; 2] = ["docs/runbook.md", "docs/capacity.md"];

/// The statements of a document's blocks of SQL.
fn statements(document: &str) -> Vec<String> {
    let mut blocks = vec![];
    let mut block: Option<String> = None;
    for line in document.lines() {
        match (line.trim(), &mut block) {
            ("```sql", _) => block = Some(String::new()),
            ("```", Some(_)) => blocks.extend(block.take()),
            (_, Some(text)) => {
                text.push_str(line);
                text.push('\n');
            }
            (_, None) => {}
        }
    }
    let statements = blocks.iter().flat_map(|block| block.split(';')).map(str::trim);
    statements.filter(|statement| !statement.is_empty()).map(str::to_owned).collect()
}

#[tokio::test]
async fn every_query_of_the_runbook_works_and_changes_nothing() -> TestResult {
    let stage = Stage::with_credits(10).await?;
    stage.begun_and("nasa", "analyzing").await?;
    stage.superuser.batch_execute("set default_transaction_read_only = on").await?;
    for document in DOCUMENTS {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(document)).unwrap();
        let statements = statements(&text);
        assert!(!statements.is_empty(), "{document} has no SQL");
        for statement in statements {
            if let Err(error) = stage.superuser.query(&statement, &[]).await {
                panic!("{document}: {error:?}\n{statement}");
            }
        }
    }
    Ok(())
}

#[test]
fn statements_are_those_between_fences() {
    let document = "text\n  ```sql\n  select 1;\n\n  select\n    2;\n  ```\n```sh\nls;\n```\n";
    assert_eq!(statements(document), ["select 1", "select\n    2"]);
}
