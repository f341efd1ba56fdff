//! Leads as a CSV file (RFC 4180) that a spreadsheet opens as it is and that cannot make one compute: profile texts are
//! written by strangers, and a cell that begins like a formula would run as one (CWE-1236).

use std::sync::Arc;

use async_trait::async_trait;
use csv::{Terminator, Writer, WriterBuilder};

use super::{
    Lead, LeadCursor, LeadQuery, LeadRepository, Tag,
    paged::{Export, Source, written},
};
use crate::{
    features::auth::Member,
    shared::{
        pagination::{Page, PageQuery},
        spreadsheet::{BYTE_ORDER_MARK, safe},
        store::StoreError,
    },
};

const PAGE_ROWS: u32 = 500;

const HEADER: [&str; 23] = [
    "username",
    "profile_url",
    "display_name",
    "score",
    "summary",
    "followers",
    "following",
    "posts",
    "biography",
    "category",
    "external_url",
    "is_verified",
    "is_business",
    "analysis_type",
    "is_stale",
    "scraped_at",
    "created_at",
    "updated_at",
    "business_profile_id",
    "id",
    "status",
    "owner_id",
    "tags",
];

/// Begins a file with the leads of a query, in its order.
///
/// # Errors
/// [`StoreError`] when the database does not answer for the first page; later the pieces end with it.
pub async fn export(leads: Arc<dyn LeadRepository>, member: Member, query: LeadQuery) -> Result<Export, StoreError> {
    written(Leads { leads, member, query }).await
}

/// The leads of a query as rows of a sheet.
struct Leads {
    leads: Arc<dyn LeadRepository>,
    member: Member,
    query: LeadQuery,
}

#[async_trait]
impl Source for Leads {
    type Row = Lead;
    type Place = LeadCursor;

    const PAGE_ROWS: u32 = PAGE_ROWS;

    async fn page(&self, page: PageQuery<LeadCursor>) -> Result<Page<Lead>, StoreError> {
        self.leads.list(self.member, &self.query, page).await
    }

    async fn are_more_than(&self, rows: u32) -> Result<bool, StoreError> {
        self.leads.are_more_than(self.member, &self.query, rows).await
    }

    fn begun(&self, rows: &[Lead]) -> Result<Vec<u8>, StoreError> {
        Sheet::new()?.with(rows)
    }

    fn continued(&self, rows: &[Lead]) -> Result<Vec<u8>, StoreError> {
        Sheet::continued().with(rows)
    }
}

struct Sheet(Writer<Vec<u8>>);

impl Sheet {
    fn new() -> Result<Self, StoreError> {
        let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(BYTE_ORDER_MARK.to_vec());
        writer.write_record(HEADER).map_err(|error| defect(&error))?;
        Ok(Self(writer))
    }

    /// The rows after a piece that was sent.
    fn continued() -> Self {
        Self(WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new()))
    }

    fn add(&mut self, lead: &Lead) -> Result<(), StoreError> {
        let cells = cells(lead);
        self.0.write_record(cells.iter().map(|cell| safe(cell).into_owned())).map_err(|error| defect(&error))
    }

    fn with(mut self, leads: &[Lead]) -> Result<Vec<u8>, StoreError> {
        leads.iter().try_for_each(|lead| self.add(lead))?;
        self.finish()
    }

    fn finish(self) -> Result<Vec<u8>, StoreError> {
        self.0.into_inner().map_err(|error| defect(error.error()))
    }
}

/// Writing to memory does not fail, so an error is a defect.
fn defect(error: &dyn std::error::Error) -> StoreError {
    StoreError::Defect(format!("csv: {error}"))
}

fn cells(lead: &Lead) -> [String; HEADER.len()] {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let count = |count: Option<u64>| count.map(|count| count.to_string()).unwrap_or_default();
    let latest = lead.latest_analysis.as_ref();
    [
        lead.username.clone(),
        lead.profile_url.clone(),
        text(&lead.display_name),
        lead.score.to_string(),
        latest.and_then(|analysis| analysis.summary.clone()).unwrap_or_default(),
        count(lead.followers),
        count(lead.following),
        count(lead.posts),
        text(&lead.biography),
        text(&lead.category),
        text(&lead.external_url),
        lead.is_verified.to_string(),
        lead.is_business.to_string(),
        latest.map(|analysis| analysis.analysis_type.as_str().to_owned()).unwrap_or_default(),
        latest.map(|analysis| analysis.is_stale.to_string()).unwrap_or_default(),
        lead.scraped_at.to_string(),
        lead.created_at.to_string(),
        lead.updated_at.to_string(),
        lead.business_profile_id.to_string(),
        lead.id.to_string(),
        lead.status.as_str().to_owned(),
        lead.owner_id.map(|id| id.to_string()).unwrap_or_default(),
        lead.tags.iter().map(Tag::as_str).collect::<Vec<_>>().join(", "),
    ]
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use bytes::Bytes;
    use futures_util::{StreamExt as _, TryStreamExt as _};
    use jiff::Timestamp;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::{
        features::leads::{Analysis, LeadStatus, Mark},
        shared::ids::{AccountId, BusinessProfileId, LeadId, UserId},
    };

    fn lead(number: u128, biography: &str) -> Lead {
        let at: Timestamp = "2026-11-20T12:00:00.123456Z".parse().unwrap();
        Lead {
            id: LeadId::new(Uuid::from_u128(number)),
            account_id: AccountId::new(Uuid::nil()),
            business_profile_id: BusinessProfileId::new(Uuid::nil()),
            username: "nasa".to_owned(),
            renamed_to: None,
            profile_url: "https://www.instagram.com/nasa/".to_owned(),
            display_name: Some("NASA".to_owned()),
            biography: Some(biography.to_owned()),
            followers: Some(7),
            following: None,
            posts: Some(0),
            category: None,
            external_url: None,
            profile_picture: None,
            is_verified: true,
            is_business: false,
            score: 70,
            outcome: None,
            status: LeadStatus::Qualified,
            owner_id: None,
            tags: ["berlin", "vip"].into_iter().filter_map(Tag::parse).collect(),
            latest_analysis: None,
            scraped_at: at,
            created_at: at,
            updated_at: at,
        }
    }

    /// A repository of `leads` leads that remembers the page sizes it was asked for and fails after `pages_max` pages.
    struct Book {
        leads: u32,
        biography: String,
        limits: Mutex<Vec<u32>>,
        pages_max: usize,
    }

    impl Book {
        fn of(leads: u32, biography: &str) -> Self {
            Self { leads, biography: biography.to_owned(), limits: Mutex::new(vec![]), pages_max: usize::MAX }
        }
    }

    #[async_trait]
    impl LeadRepository for Book {
        async fn may_export(&self, _: Member) -> Result<(), StoreError> {
            Ok(())
        }

        async fn list(
            &self,
            _: Member,
            query: &LeadQuery,
            page: PageQuery<LeadCursor>,
        ) -> Result<Page<Lead>, StoreError> {
            let mut limits = self.limits.lock().unwrap();
            if limits.len() == self.pages_max {
                return Err(StoreError::Unavailable("gone".to_owned()));
            }
            limits.push(page.limit);
            let first = page.after.map_or(0, |after| after.0.id.uuid().as_u128() + 1);
            let numbers = (first..u128::from(self.leads)).take(page.limit as usize + 1);
            let leads = numbers.map(|number| lead(number, &self.biography)).collect();
            Ok(Page::cut(leads, page.limit, |last| LeadCursor::of(query.sort, last)))
        }

        async fn are_more_than(&self, _: Member, _: &LeadQuery, rows: u32) -> Result<bool, StoreError> {
            Ok(self.leads > rows)
        }

        async fn get(&self, _: Member, _: LeadId, _: usize) -> Result<Option<(Lead<Mark>, Vec<Analysis>)>, StoreError> {
            Ok(None)
        }

        async fn delete(&self, _: Member, _: LeadId) -> Result<Option<Timestamp>, StoreError> {
            Ok(None)
        }
    }

    fn member() -> Member {
        Member::new(UserId::new(Uuid::nil()), AccountId::new(Uuid::nil()))
    }

    /// Whether the file is cut, and the whole of it.
    async fn exported(book: &Arc<Book>) -> (bool, Vec<u8>) {
        let export = export(book.clone(), member(), LeadQuery::default()).await.unwrap();
        let pieces: Vec<Bytes> = export.pieces.try_collect().await.unwrap();
        (export.truncated, pieces.concat())
    }

    fn rows(csv: &[u8]) -> usize {
        csv::ReaderBuilder::new().from_reader(csv).into_records().map(Result::unwrap).count()
    }

    #[tokio::test]
    async fn a_file_is_what_a_spreadsheet_expects() {
        let (_, file) = exported(&Arc::new(Book::of(1, "=1+1, \"said\" she\nand left"))).await;
        let text = String::from_utf8(file).unwrap();
        let (header, row) = text.strip_prefix('\u{feff}').unwrap().split_once("\r\n").unwrap();
        assert!(header.starts_with("username,profile_url,display_name,score,"), "{header}");
        assert_eq!(
            row,
            "nasa,https://www.instagram.com/nasa/,NASA,70,,7,,0,\"'=1+1, \"\"said\"\" she\nand left\",,,true,false,,,\
             2026-11-20T12:00:00.123456Z,2026-11-20T12:00:00.123456Z,2026-11-20T12:00:00.123456Z,\
             00000000-0000-0000-0000-000000000000,00000000-0000-0000-0000-000000000000,qualified,,\"berlin, vip\"\r\n"
        );
        let (truncated, empty) = exported(&Arc::new(Book::of(0, ""))).await;
        assert_eq!((rows(&empty), truncated), (0, false));
        assert!(empty.ends_with(b"\r\n"), "a header without rows is a file too");
    }

    #[tokio::test]
    async fn every_lead_is_in_it_once_up_to_the_limit() {
        for (leads, written, cut) in
            [(499, 499, false), (1_001, 1_001, false), (10_000, 10_000, false), (10_001, 10_000, true)]
        {
            let book = Arc::new(Book::of(leads, "x"));
            let (truncated, file) = exported(&book).await;
            assert_eq!((rows(&file), truncated), (written, cut), "{leads}");
            assert!(book.limits.lock().unwrap().iter().all(|limit| *limit <= PAGE_ROWS));
        }
    }

    #[tokio::test]
    async fn a_page_is_read_when_the_one_before_it_is_sent() {
        let book = Arc::new(Book::of(10_000, &"🦀".repeat(2_000)));
        let mut pieces = export(book.clone(), member(), LeadQuery::default()).await.unwrap().pieces;
        for read in 1..=20 {
            let piece = pieces.try_next().await.unwrap().unwrap();
            assert_eq!(book.limits.lock().unwrap().len(), read);
            assert!(piece.len() < 8_300 * PAGE_ROWS as usize, "one page at a time: {}", piece.len());
        }
        assert_eq!(pieces.try_next().await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_database_that_fails_is_an_answer_before_the_first_byte_and_an_end_after_it() {
        let book = |pages_max| Arc::new(Book { pages_max, ..Book::of(1_500, "x") });
        assert!(export(book(0), member(), LeadQuery::default()).await.is_err());
        let begun = export(book(2), member(), LeadQuery::default()).await.unwrap();
        let pieces: Vec<_> = begun.pieces.collect().await;
        assert_eq!(pieces.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, false]);
    }

    #[test]
    fn what_begins_like_a_formula_becomes_text() {
        for cell in
            ["=1", "+1", "-1", "@sum", " =1", "\t", "\rx", "\n\t ", "\u{feff}=1", "\u{a0}@x", "＝1", "\u{200b}+"]
        {
            assert_eq!(safe(cell), format!("'{cell}"), "{cell:?}");
        }
        // A spreadsheet may begin another cell at a semicolon, or another row at a line break within the cell.
        for (cell, text) in
            [("a;=1;b", "a;'=1;b"), ("hi\n=1+1", "hi\n'=1+1"), ("=a; @b", "'=a;' @b"), ("\n\t -1", "'\n\t' -1")]
        {
            assert_eq!(safe(cell), text, "{cell:?}");
        }
        for cell in ["", "x", "a=1", "1-1", " plain ", "'=1", "❤️", "7", "a; b\nc"] {
            assert_eq!(safe(cell), cell, "{cell:?}");
        }
    }

    proptest! {
        #![proptest_config(crate::property::config())]

        #[test]
        fn whatever_a_profile_says_comes_back_and_begins_no_formula(biography in r#"[ \t\r\n=+@,"';;a🦀-]{0,12}|\PC{0,20}"#) {
            let mut sheet = Sheet::new().unwrap();
            sheet.add(&lead(0, &biography)).unwrap();
            let file = sheet.finish().unwrap();
            let record = csv::Reader::from_reader(file.as_slice()).into_records().next().unwrap().unwrap();
            let cell = record.get(8).unwrap();
            prop_assert_eq!(record.len(), HEADER.len());
            prop_assert!(!cell.trim_start().starts_with(['=', '+', '-', '@']) && !cell.starts_with(['\t', '\r']));
            let mut pieces = cell.split([';', '\t', '\r', '\n']);
            prop_assert!(!pieces.any(|piece| piece.trim_start().starts_with(['=', '+', '-', '@'])));
            prop_assert_eq!(cell.replace('\'', ""), biography.replace('\'', ""));
        }
    }
}
