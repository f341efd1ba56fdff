//! How leads turned out as a file of JSON lines, for whoever compares judgements with what came of them.

use std::sync::Arc;

use async_trait::async_trait;

use super::{
    JudgedOutcome, OutcomeQuery, OutcomeRepository,
    paged::{Export, Source, written},
};
use crate::{
    features::auth::Member,
    shared::{
        pagination::{Page, PageQuery},
        store::StoreError,
    },
};

/// Fewer than in a sheet of leads: each line repeats its business, whose texts can be long.
const PAGE_ROWS: u32 = 100;

/// Begins a file with the present marks, newest first.
///
/// # Errors
/// [`StoreError`] when the database does not answer for the first page; later the pieces end with it.
pub async fn export_outcomes(
    outcomes: Arc<dyn OutcomeRepository>,
    member: Member,
    query: OutcomeQuery,
) -> Result<Export, StoreError> {
    written(Outcomes { outcomes, member, query }).await
}

/// The present marks as lines of JSON.
struct Outcomes {
    outcomes: Arc<dyn OutcomeRepository>,
    member: Member,
    query: OutcomeQuery,
}

#[async_trait]
impl Source for Outcomes {
    type Row = JudgedOutcome;
    type Place = i64;

    const PAGE_ROWS: u32 = PAGE_ROWS;

    async fn page(&self, page: PageQuery<i64>) -> Result<Page<JudgedOutcome>, StoreError> {
        self.outcomes.outcomes(self.member, self.query.business_profile_id, page).await
    }

    async fn are_more_than(&self, rows: u32) -> Result<bool, StoreError> {
        self.outcomes.are_more_outcomes_than(self.member, self.query.business_profile_id, rows).await
    }

    fn begun(&self, rows: &[JudgedOutcome]) -> Result<Vec<u8>, StoreError> {
        lines(rows)
    }

    fn continued(&self, rows: &[JudgedOutcome]) -> Result<Vec<u8>, StoreError> {
        lines(rows)
    }
}

/// A row a line: JSON itself writes no line break.
fn lines(rows: &[JudgedOutcome]) -> Result<Vec<u8>, StoreError> {
    let mut file = Vec::new();
    for row in rows {
        // Writing to memory does not fail, so an error is a defect.
        serde_json::to_writer(&mut file, row).map_err(|error| StoreError::Defect(format!("json lines: {error}")))?;
        file.push(b'\n');
    }
    Ok(file)
}
