//! Leads, read, marked and deleted as the calling user.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{
    Analysis, FilterDeletion, FilterOutcome, JudgedOutcome, Lead, LeadAction, LeadCursor, LeadOutcome, LeadQuery, Mark,
    MarkOutcome, NewFilter, Note, NoteDeletion, NoteOutcome, NoteText, SavedFilter, WorkChanges, WorkOutcome,
};
use crate::{
    features::auth::Member,
    shared::{
        clock::Clock,
        ids::{AccountId, BusinessProfileId, LeadFilterId, LeadId, NoteId},
        in_flight::InFlight,
        pagination::{Page, PageQuery},
        store::StoreError,
    },
};

/// A copied profile picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Told by the first bytes of the file: `image/jpeg`, `image/png` or `image/webp`.
    pub content_type: &'static str,
    pub bytes: Vec<u8>,
}

/// The copies of profile pictures, stored by username and shared by all accounts: the caller MUST have checked that the
/// member has a lead of that username.
#[async_trait]
pub trait Pictures: Send + Sync {
    /// The picture of a username, if one was copied.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn of(&self, username: &str) -> Result<Option<Picture>, StoreError>;
}

/// Works under row-level security; MUST filter by the member's account as well. Every call is one transaction.
#[async_trait]
pub trait LeadRepository: Send + Sync {
    /// Leads that were not deleted. The cursor MUST belong to the query's order.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn list(
        &self,
        member: Member,
        query: &LeadQuery,
        page: PageQuery<LeadCursor>,
    ) -> Result<Page<Lead>, StoreError>;

    /// Whether the member may take data out.
    ///
    /// # Errors
    /// [`StoreError::PermissionMissing`] when not, and others when the database does not answer.
    async fn may_export(&self, member: Member) -> Result<(), StoreError>;

    /// Whether the query finds more leads than that many.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn are_more_than(&self, member: Member, query: &LeadQuery, rows: u32) -> Result<bool, StoreError>;

    /// One lead that was not deleted, with up to `analyses_max` of its analyses, newest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn get(
        &self,
        member: Member,
        id: LeadId,
        analyses_max: usize,
    ) -> Result<Option<(Lead<Mark>, Vec<Analysis>)>, StoreError>;

    /// Deletes a lead with its analyses and returns when it was deleted; a repeat returns the same. `None` if the
    /// account never had it.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn delete(&self, member: Member, id: LeadId) -> Result<Option<Timestamp>, StoreError>;
}

/// How leads turned out. Works under row-level security; MUST filter by the member's account as well. Every call is one
/// transaction.
#[async_trait]
pub trait OutcomeRepository: Send + Sync {
    /// Says how a lead turned out; `None` takes it back. A lead that is marked so already stays as it is.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn mark(&self, member: Member, id: LeadId, outcome: Option<LeadOutcome>) -> Result<MarkOutcome, StoreError>;

    /// The present marks of leads, newest first: of one business, or of all.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn outcomes(
        &self,
        member: Member,
        business: Option<BusinessProfileId>,
        page: PageQuery<i64>,
    ) -> Result<Page<JudgedOutcome>, StoreError>;

    /// Whether there are more of them than that many.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn are_more_outcomes_than(
        &self,
        member: Member,
        business: Option<BusinessProfileId>,
        rows: u32,
    ) -> Result<bool, StoreError>;
}

/// What people do with leads. Every call is one transaction; lists work under row-level security. Every method fails with
/// [`StoreError`] when the database does not answer, and those that change something with `PermissionMissing` when the
/// caller may not do it.
#[async_trait]
pub trait WorkRepository: Send + Sync {
    /// Sets what the changes name. A lead that is so already stays as it is.
    async fn set_work(&self, member: Member, id: LeadId, changes: &WorkChanges) -> Result<WorkOutcome, StoreError>;

    /// Who did what to a lead, newest first; `None` if the account has no such lead.
    async fn actions(
        &self,
        member: Member,
        id: LeadId,
        page: PageQuery<i64>,
    ) -> Result<Option<Page<LeadAction>>, StoreError>;

    /// The notes about a lead, newest first; `None` if the account has no such lead.
    async fn notes(&self, member: Member, id: LeadId, page: PageQuery<i64>) -> Result<Option<Page<Note>>, StoreError>;

    async fn add_note(&self, member: Member, id: LeadId, text: &NoteText) -> Result<NoteOutcome, StoreError>;

    /// Changes a note if it has the version; `None` for any.
    async fn change_note(
        &self,
        member: Member,
        id: LeadId,
        note: NoteId,
        text: &NoteText,
        expected_version: Option<i32>,
    ) -> Result<NoteOutcome, StoreError>;

    /// Deletes a note for good.
    async fn delete_note(&self, member: Member, id: LeadId, note: NoteId) -> Result<NoteDeletion, StoreError>;
}

/// The queries of the leads that an account keeps. Errors as in [`WorkRepository`].
#[async_trait]
pub trait FilterRepository: Send + Sync {
    /// All of them, by name.
    async fn filters(&self, member: Member) -> Result<Vec<SavedFilter>, StoreError>;

    async fn save_filter(&self, member: Member, filter: &NewFilter) -> Result<FilterOutcome, StoreError>;

    /// Changes a filter if it has the version; `None` for any.
    async fn change_filter(
        &self,
        member: Member,
        id: LeadFilterId,
        filter: &NewFilter,
        expected_version: Option<i32>,
    ) -> Result<FilterOutcome, StoreError>;

    /// Deletes a filter for good.
    async fn delete_filter(&self, member: Member, id: LeadFilterId) -> Result<FilterDeletion, StoreError>;
}

/// What the feature's handlers can reach.
#[derive(Clone)]
pub struct LeadPorts {
    /// Leads, as the calling user.
    pub leads: Arc<dyn LeadRepository>,
    /// How they turned out, as the calling user.
    pub outcomes: Arc<dyn OutcomeRepository>,
    /// What people do with them, as the calling user.
    pub work: Arc<dyn WorkRepository>,
    /// Saved queries of them, as the calling user.
    pub filters: Arc<dyn FilterRepository>,
    /// Copies of profile pictures.
    pub pictures: Arc<dyn Pictures>,
    pub clock: Arc<dyn Clock>,
    /// The exports that are under way; one per isolate.
    pub exports: Arc<InFlight<AccountId>>,
}
