use std::sync::Mutex;

use async_trait::async_trait;
use uuid::Uuid;

use super::*;
use crate::{
    features::account::{AccountOutcome, CloseOutcome, RestoreOutcome},
    shared::ids::{AccountId, UserId},
};

const PAGE_ROWS: usize = 3;

/// Tables of so many rows, which remembers its pages and fails after `pages_max` of them.
struct Book {
    rows: Vec<(&'static str, usize)>,
    text: &'static str,
    pages: Mutex<Vec<String>>,
    pages_max: usize,
}

impl Book {
    fn of(rows: &[(&'static str, usize)]) -> Self {
        Self { rows: rows.to_vec(), text: "plain", pages: Mutex::default(), pages_max: usize::MAX }
    }

    fn tables(&self) -> Vec<ExportedTable> {
        let columns = || ["id", "text", "list"].map(str::to_owned).to_vec();
        self.rows
            .iter()
            .map(|(name, _)| ExportedTable { name: (*name).to_owned(), columns: columns(), page_rows: PAGE_ROWS })
            .collect()
    }
}

#[async_trait]
impl AccountStore for Book {
    async fn account(&self, _: Member) -> Result<AccountOutcome, StoreError> {
        Ok(AccountOutcome::Forbidden)
    }

    async fn close(&self, _: Member, _: &str) -> Result<CloseOutcome, StoreError> {
        Ok(CloseOutcome::Forbidden)
    }

    async fn restore(&self, _: Member) -> Result<RestoreOutcome, StoreError> {
        Ok(RestoreOutcome::Forbidden)
    }

    async fn exported_tables(&self, _: Member) -> Result<Option<Vec<ExportedTable>>, StoreError> {
        Ok(Some(self.tables()))
    }

    async fn exported_rows(
        &self,
        _: Member,
        table: &str,
        after: Option<&Value>,
    ) -> Result<Vec<ExportedRow>, StoreError> {
        let mut pages = self.pages.lock().unwrap();
        if pages.len() == self.pages_max {
            return Err(StoreError::PermissionMissing);
        }
        pages.push(table.to_owned());
        let rows = self.rows.iter().find(|(name, _)| *name == table).unwrap().1;
        let first = after.map_or(0, |key| usize::try_from(key[0].as_u64().unwrap()).unwrap() + 1);
        let row = |id: usize| {
            let row = json!({ "id": id, "text": self.text, "list": ["=1", -1] }).as_object().unwrap().clone();
            ExportedRow { key: json!([id]), row }
        };
        Ok((first..rows).take(PAGE_ROWS).map(row).collect())
    }
}

fn member() -> Member {
    Member::new(UserId::new(Uuid::nil()), AccountId::new(Uuid::nil()))
}

async fn read(export: Export) -> (Vec<u8>, Option<StoreError>) {
    let (mut file, mut pieces) = (Vec::new(), export.pieces);
    while let Some(piece) = pieces.next().await {
        match piece {
            Ok(piece) => file.extend_from_slice(&piece),
            Err(error) => return (file, Some(error)),
        }
    }
    (file, None)
}

async fn documented(book: &Arc<Book>) -> (Vec<u8>, Option<StoreError>) {
    let export = document(book.clone(), member(), book.tables(), Timestamp::UNIX_EPOCH).await.unwrap();
    read(export).await
}

#[tokio::test]
async fn a_document_is_valid_json_with_every_row_once() {
    for rows in [vec![], vec![("a", 0)], vec![("a", 1), ("b", 0), ("c", 7)], vec![("a", 3), ("b", 6)]] {
        let book = Arc::new(Book::of(&rows));
        let (file, error) = documented(&book).await;
        assert!(error.is_none());
        let document: Value = serde_json::from_slice(&file).unwrap();
        assert_eq!((&document["complete"], &document["exported_at"]), (&json!(true), &json!("1970-01-01T00:00:00Z")));
        for (name, count) in &rows {
            let ids: Vec<u64> =
                document["tables"][name].as_array().unwrap().iter().map(|row| row["id"].as_u64().unwrap()).collect();
            assert_eq!(ids, (0..*count as u64).collect::<Vec<_>>(), "{name}");
        }
    }
}

#[tokio::test]
async fn a_page_is_read_when_the_one_before_it_is_sent() {
    let book = Arc::new(Book::of(&[("a", 7), ("b", 1)]));
    let export = document(book.clone(), member(), book.tables(), Timestamp::UNIX_EPOCH).await.unwrap();
    let mut pieces = export.pieces;
    for read in 1..=4 {
        pieces.try_next().await.unwrap().unwrap();
        assert_eq!(book.pages.lock().unwrap().len(), read);
    }
    let end = pieces.try_next().await.unwrap().unwrap();
    assert!(end.ends_with(b"\"complete\":true}\n"));
    assert_eq!(pieces.try_next().await.unwrap(), None);
    assert_eq!(*book.pages.lock().unwrap(), ["a", "a", "a", "b"]);
}

#[tokio::test]
async fn a_failure_is_an_answer_before_the_first_byte_and_breaks_the_file_off_after_it() {
    let book = |pages_max| Arc::new(Book { pages_max, ..Book::of(&[("a", 7)]) });
    let none = book(0);
    assert!(document(none.clone(), member(), none.tables(), Timestamp::UNIX_EPOCH).await.is_err());
    for pages in 1..3 {
        let (file, error) = documented(&book(pages)).await;
        assert!(matches!(error, Some(StoreError::PermissionMissing)));
        assert!(serde_json::from_slice::<Value>(&file).is_err(), "half a file looks like a whole one");
    }
}

#[tokio::test]
async fn a_sheet_has_its_columns_in_order_and_runs_nothing() {
    let book = Arc::new(Book { text: "=1+1\nand; -2", ..Book::of(&[("a", 4)]) });
    let (file, error) = read(sheet(book.clone(), member(), book.tables()).await.unwrap()).await;
    assert!(error.is_none());
    let text = String::from_utf8(file).unwrap();
    assert!(text.starts_with("\u{feff}id,text,list\r\n0,\"'=1+1\nand;' -2\",\"[\"\"=1\"\",-1]\"\r\n"), "{text}");
    let rows = csv::Reader::from_reader(text.as_bytes()).into_records().map(Result::unwrap).count();
    assert_eq!(rows, 4);

    let empty = Arc::new(Book::of(&[("a", 0)]));
    let (file, _) = read(sheet(empty.clone(), member(), empty.tables()).await.unwrap()).await;
    assert_eq!(String::from_utf8(file).unwrap(), "\u{feff}id,text,list\r\n");
}
