//! A file that is written while it is sent, a page of rows at a time, so that its length costs no memory. What the
//! answer's headers say must be known before: the first page is read and the rows are counted before the answer begins.

use std::str::FromStr;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream, stream::BoxStream};

use crate::shared::{
    pagination::{Cursor, Page, PageQuery},
    store::StoreError,
};

/// The most rows of one file, without a header.
pub const EXPORT_ROWS_MAX: u32 = 10_000;

/// A file that is not written yet.
pub struct Export {
    /// Whether there were more rows than it will hold.
    pub truncated: bool,
    /// Its bytes. After an error nothing follows.
    pub pieces: BoxStream<'static, Result<Bytes, StoreError>>,
}

/// What is exported, and how it is written.
#[async_trait]
pub(super) trait Source: Send + Sync + 'static {
    type Row: Send + Sync;
    /// Where a list goes on.
    type Place: ToString + FromStr + Send;

    /// The rows that are in memory at once.
    const PAGE_ROWS: u32;

    async fn page(&self, page: PageQuery<Self::Place>) -> Result<Page<Self::Row>, StoreError>;

    /// Whether there are more rows than that many.
    async fn are_more_than(&self, rows: u32) -> Result<bool, StoreError>;

    /// The beginning of the file: what stands before its rows, and the first of them.
    fn begun(&self, rows: &[Self::Row]) -> Result<Vec<u8>, StoreError>;

    /// The rows after a piece that was sent.
    fn continued(&self, rows: &[Self::Row]) -> Result<Vec<u8>, StoreError>;
}

/// Begins a file.
///
/// # Errors
/// [`StoreError`] when the database does not answer for the first page; later the pieces end with it.
pub(super) async fn written<S: Source>(source: S) -> Result<Export, StoreError> {
    let mut rows = Rows { source, left: EXPORT_ROWS_MAX, after: Place::Start };
    let first = rows.next().await?;
    // A short list says by itself that it is complete.
    let truncated = match rows.after {
        Place::End => false,
        Place::Start | Place::After(_) => rows.source.are_more_than(EXPORT_ROWS_MAX).await?,
    };
    let begun = rows.source.begun(&first.unwrap_or_default())?;
    let later = stream::try_unfold(rows, |mut rows| async {
        let Some(page) = rows.next().await? else { return Ok(None) };
        Ok(Some((rows.source.continued(&page)?, rows)))
    });
    let pieces = stream::once(async { Ok(begun) }).chain(later).map_ok(Bytes::from).boxed();
    Ok(Export { truncated, pieces })
}

/// Where a list goes on.
enum Place<T> {
    Start,
    After(Cursor<T>),
    End,
}

/// The rows that are still to be written.
struct Rows<S: Source> {
    source: S,
    left: u32,
    after: Place<S::Place>,
}

impl<S: Source> Rows<S> {
    /// The next page; `None` after the last row.
    async fn next(&mut self) -> Result<Option<Vec<S::Row>>, StoreError> {
        let after = match std::mem::replace(&mut self.after, Place::End) {
            Place::Start => None,
            Place::After(cursor) => Some(cursor),
            Place::End => return Ok(None),
        };
        let page = PageQuery { limit: S::PAGE_ROWS.min(self.left), after };
        let page = self.source.page(page).await?;
        self.left = self.left.saturating_sub(u32::try_from(page.items.len()).unwrap_or(u32::MAX));
        if self.left > 0
            && let Some(next) = page.next_cursor.as_deref().and_then(Cursor::decode)
        {
            self.after = Place::After(next);
        }
        Ok(Some(page.items))
    }
}
