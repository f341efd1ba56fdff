//! Ports that no test of these routes may reach.

use async_trait::async_trait;
use jiff::Timestamp;
use oslira_app::{
    features::{
        auth::Member,
        business::{
            BusinessProfile, BusinessProfileChanges, BusinessProfileCursor, BusinessProfileRepository, CreateOutcome,
            NewBusinessProfile, UpdateOutcome,
        },
        leads::{
            Analysis, JudgedOutcome, Lead, LeadCursor, LeadOutcome, LeadQuery, LeadRepository, Mark, MarkOutcome,
            OutcomeRepository, Picture, Pictures,
        },
    },
    shared::{
        idempotency::IdempotencyKey,
        ids::{BusinessProfileId, LeadId},
        pagination::{Page, PageQuery},
        store::StoreError,
    },
};

/// Answers every call with a defect.
pub struct Unasked;

fn refuse<T>() -> Result<T, StoreError> {
    Err(StoreError::Defect("this test asks nothing of the kind".to_owned()))
}

#[async_trait]
impl BusinessProfileRepository for Unasked {
    async fn create(
        &self,
        _: Member,
        _: &NewBusinessProfile,
        _: Option<&IdempotencyKey>,
        _: &str,
    ) -> Result<CreateOutcome, StoreError> {
        refuse()
    }

    async fn list(&self, _: Member, _: PageQuery<BusinessProfileCursor>) -> Result<Page<BusinessProfile>, StoreError> {
        refuse()
    }

    async fn get(&self, _: Member, _: BusinessProfileId) -> Result<Option<BusinessProfile>, StoreError> {
        refuse()
    }

    async fn update(
        &self,
        _: Member,
        _: BusinessProfileId,
        _: &BusinessProfileChanges,
        _: Option<i32>,
    ) -> Result<UpdateOutcome, StoreError> {
        refuse()
    }

    async fn delete(&self, _: Member, _: BusinessProfileId) -> Result<Option<Timestamp>, StoreError> {
        refuse()
    }
}

#[async_trait]
impl LeadRepository for Unasked {
    async fn list(&self, _: Member, _: &LeadQuery, _: PageQuery<LeadCursor>) -> Result<Page<Lead>, StoreError> {
        refuse()
    }

    async fn are_more_than(&self, _: Member, _: &LeadQuery, _: u32) -> Result<bool, StoreError> {
        refuse()
    }

    async fn get(&self, _: Member, _: LeadId, _: usize) -> Result<Option<(Lead<Mark>, Vec<Analysis>)>, StoreError> {
        refuse()
    }

    async fn delete(&self, _: Member, _: LeadId) -> Result<Option<Timestamp>, StoreError> {
        refuse()
    }
}

#[async_trait]
impl OutcomeRepository for Unasked {
    async fn mark(&self, _: Member, _: LeadId, _: Option<LeadOutcome>) -> Result<MarkOutcome, StoreError> {
        refuse()
    }

    async fn outcomes(
        &self,
        _: Member,
        _: Option<BusinessProfileId>,
        _: PageQuery<i64>,
    ) -> Result<Page<JudgedOutcome>, StoreError> {
        refuse()
    }

    async fn are_more_outcomes_than(
        &self,
        _: Member,
        _: Option<BusinessProfileId>,
        _: u32,
    ) -> Result<bool, StoreError> {
        refuse()
    }
}

#[async_trait]
impl Pictures for Unasked {
    async fn of(&self, _: &str) -> Result<Option<Picture>, StoreError> {
        refuse()
    }
}
