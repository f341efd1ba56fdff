//! An account's data as a file that is written while it is sent: one page of rows is in memory at a time, whatever the account
//! owns. A document ends with `"complete": true` and its last brace, so a reader who has those has all of it; whatever breaks off,
//! breaks the answer off.

use std::sync::Arc;

use bytes::Bytes;
use csv::{Terminator, WriterBuilder};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{AccountStore, ExportedRow, ExportedTable};
use crate::{
    features::{auth::Member, leads::Export},
    shared::{
        spreadsheet::{BYTE_ORDER_MARK, safe},
        store::StoreError,
    },
};

/// How rows are written.
trait Writer: Send + 'static {
    /// What stands before everything.
    fn begin(&mut self) -> Result<Vec<u8>, StoreError>;
    fn begin_table(&mut self, table: &ExportedTable, out: &mut Vec<u8>) -> Result<(), StoreError>;
    fn row(&mut self, table: &ExportedTable, row: &ExportedRow, out: &mut Vec<u8>) -> Result<(), StoreError>;
    fn end_table(&mut self, out: &mut Vec<u8>);
    /// What stands after everything.
    fn end(&mut self, out: &mut Vec<u8>);
}

/// Begins one JSON document with these tables.
///
/// # Errors
/// [`StoreError`] when the database does not answer for the first page; later the pieces end with it.
pub(super) async fn document(
    store: Arc<dyn AccountStore>,
    member: Member,
    tables: Vec<ExportedTable>,
    now: Timestamp,
) -> Result<Export, StoreError> {
    written(store, member, tables, Document { account: json!(member.account()), now, is_first_table: true, rows: 0 })
        .await
}

/// Begins a sheet of one table.
///
/// # Errors
/// As [`document`].
pub(super) async fn sheet(
    store: Arc<dyn AccountStore>,
    member: Member,
    tables: Vec<ExportedTable>,
) -> Result<Export, StoreError> {
    written(store, member, tables, Sheet).await
}

async fn written<W: Writer>(
    store: Arc<dyn AccountStore>,
    member: Member,
    tables: Vec<ExportedTable>,
    mut writer: W,
) -> Result<Export, StoreError> {
    let mut first = writer.begin()?;
    let mut pages = Pages { store, member, tables: tables.into_iter(), open: None, writer, is_over: false };
    pages.write(&mut first).await?;
    let later = stream::try_unfold(pages, |mut pages| async {
        if pages.is_over {
            return Ok(None);
        }
        let mut piece = Vec::new();
        pages.write(&mut piece).await?;
        Ok(Some((piece, pages)))
    });
    let pieces = stream::once(async { Ok(first) }).chain(later).map_ok(Bytes::from).boxed();
    Ok(Export { truncated: false, pieces })
}

/// What is still to be written.
struct Pages<W> {
    store: Arc<dyn AccountStore>,
    member: Member,
    tables: std::vec::IntoIter<ExportedTable>,
    /// The table that has been begun, and the key of the last row that was written.
    open: Option<(ExportedTable, Option<Value>)>,
    writer: W,
    is_over: bool,
}

impl<W: Writer> Pages<W> {
    /// Writes the next page, and what stands around it.
    async fn write(&mut self, out: &mut Vec<u8>) -> Result<(), StoreError> {
        let (table, after) = match self.open.take() {
            Some(open) => open,
            None => {
                let Some(table) = self.tables.next() else {
                    self.writer.end(out);
                    self.is_over = true;
                    return Ok(());
                };
                self.writer.begin_table(&table, out)?;
                (table, None)
            }
        };
        let rows = self.store.exported_rows(self.member, &table.name, after.as_ref()).await?;
        for row in &rows {
            self.writer.row(&table, row, out)?;
        }
        match rows.into_iter().nth(table.page_rows.saturating_sub(1)) {
            Some(last) => self.open = Some((table, Some(last.key))),
            None => self.writer.end_table(out),
        }
        Ok(())
    }
}

/// `{"account_id": …, "exported_at": …, "tables": {"leads": [{…}, …], …}, "complete": true}`.
struct Document {
    account: Value,
    now: Timestamp,
    is_first_table: bool,
    /// Of the present table.
    rows: u64,
}

impl Writer for Document {
    fn begin(&mut self) -> Result<Vec<u8>, StoreError> {
        let begin = format!("{{\"account_id\":{},\"exported_at\":{},\"tables\":{{", self.account, json!(self.now));
        Ok(begin.into_bytes())
    }

    fn begin_table(&mut self, table: &ExportedTable, out: &mut Vec<u8>) -> Result<(), StoreError> {
        let comma = if std::mem::replace(&mut self.is_first_table, false) { "\n" } else { ",\n" };
        out.extend(format!("{comma}{}:[", json!(table.name)).into_bytes());
        self.rows = 0;
        Ok(())
    }

    fn row(&mut self, _: &ExportedTable, row: &ExportedRow, out: &mut Vec<u8>) -> Result<(), StoreError> {
        out.extend_from_slice(if self.rows == 0 { b"\n" } else { b",\n" });
        self.rows += 1;
        serde_json::to_writer(out, &row.row).map_err(|error| defect(&error))
    }

    fn end_table(&mut self, out: &mut Vec<u8>) {
        out.push(b']');
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\n},\"complete\":true}\n");
    }
}

/// A table as a spreadsheet opens it, with lists and objects as JSON.
struct Sheet;

impl Sheet {
    fn record(cells: impl Iterator<Item = String>, out: &mut Vec<u8>) -> Result<(), StoreError> {
        let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(&mut *out);
        writer.write_record(cells).map_err(|error| defect(&error))?;
        writer.flush().map_err(|error| defect(&error))
    }
}

impl Writer for Sheet {
    fn begin(&mut self) -> Result<Vec<u8>, StoreError> {
        Ok(BYTE_ORDER_MARK.to_vec())
    }

    fn begin_table(&mut self, table: &ExportedTable, out: &mut Vec<u8>) -> Result<(), StoreError> {
        Self::record(table.columns.iter().cloned(), out)
    }

    fn row(&mut self, table: &ExportedTable, row: &ExportedRow, out: &mut Vec<u8>) -> Result<(), StoreError> {
        Self::record(table.columns.iter().map(|column| cell(row.row.get(column))), out)
    }

    fn end_table(&mut self, _: &mut Vec<u8>) {}

    fn end(&mut self, _: &mut Vec<u8>) {}
}

/// Numbers are ours and stay numbers; every text, also one within a list or an object, may be a stranger's.
fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => safe(text).into_owned(),
        Some(plain @ (Value::Bool(_) | Value::Number(_))) => plain.to_string(),
        Some(nested @ (Value::Array(_) | Value::Object(_))) => safe(&nested.to_string()).into_owned(),
    }
}

/// Writing to memory does not fail, so an error is a defect.
fn defect(error: &dyn std::error::Error) -> StoreError {
    StoreError::Defect(format!("export: {error}"))
}

#[cfg(test)]
mod tests;
