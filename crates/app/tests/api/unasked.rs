//! Ports that no test of these routes may reach.

use async_trait::async_trait;
use jiff::Timestamp;
use oslira_app::{
    features::{
        account::{AccountOutcome, AccountStore, CloseOutcome, ExportedRow, ExportedTable, RestoreOutcome},
        auth::{ApiKeys, KeyAccess, KeySecret, Member, Role, SecretHash, SpendingLimit},
        billing::{
            Billing, BillingCustomer, Catalogue, ChargeOutcome, CheckoutOrder, CreditAlerts, CreditAlertsOutcome,
            EventPage, HostedPage, LinkOutcome, PaidFor, PaidLine, PurchaseOutcome, Stripe, StripeError, StripePrice,
            Subscription, SubscriptionPage, SubscriptionState, TopUp,
        },
        business::{
            BusinessProfile, BusinessProfileChanges, BusinessProfileCursor, BusinessProfileRepository, CreateOutcome,
            NewBusinessProfile, UpdateOutcome,
        },
        insights::{Insight, InsightDays, InsightStore},
        leads::{
            Analysis, FilterDeletion, FilterOutcome, FilterRepository, JudgedOutcome, Lead, LeadAction, LeadCursor,
            LeadOutcome, LeadQuery, LeadRepository, Mark, MarkOutcome, NewFilter, Note, NoteDeletion, NoteOutcome,
            NoteText, OutcomeRepository, Picture, Pictures, SavedFilter, WorkChanges, WorkOutcome, WorkRepository,
        },
        members::{
            AcceptOutcome, ApiKey, Invitation, InviteOutcome, KeyOutcome, MemberAction, MemberOutcome, MemberStore,
            MemberView, NewApiKey, NewInvitation, RemoveOutcome, RevokeOutcome,
        },
    },
    shared::{
        idempotency::IdempotencyKey,
        ids::{AccountId, BusinessProfileId, LeadFilterId, LeadId, NoteId, UserId},
        mail::{Mail, MailError, Mailer},
        pagination::{Page, PageQuery},
        store::StoreError,
    },
};
use serde_json::Value;
use uuid::Uuid;

/// Answers every call with a defect.
pub struct Unasked;

pub fn refuse<T>() -> Result<T, StoreError> {
    Err(StoreError::Defect("this test asks nothing of the kind".to_owned()))
}

#[async_trait]
impl InsightStore for Unasked {
    async fn insight(&self, _: Member, _: Insight, _: InsightDays) -> Result<Option<Value>, StoreError> {
        refuse()
    }
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
    async fn may_export(&self, _: Member) -> Result<(), StoreError> {
        Ok(())
    }

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
impl WorkRepository for Unasked {
    async fn set_work(&self, _: Member, _: LeadId, _: &WorkChanges) -> Result<WorkOutcome, StoreError> {
        refuse()
    }

    async fn actions(&self, _: Member, _: LeadId, _: PageQuery<i64>) -> Result<Option<Page<LeadAction>>, StoreError> {
        refuse()
    }

    async fn notes(&self, _: Member, _: LeadId, _: PageQuery<i64>) -> Result<Option<Page<Note>>, StoreError> {
        refuse()
    }

    async fn add_note(&self, _: Member, _: LeadId, _: &NoteText) -> Result<NoteOutcome, StoreError> {
        refuse()
    }

    async fn change_note(
        &self,
        _: Member,
        _: LeadId,
        _: NoteId,
        _: &NoteText,
        _: Option<i32>,
    ) -> Result<NoteOutcome, StoreError> {
        refuse()
    }

    async fn delete_note(&self, _: Member, _: LeadId, _: NoteId) -> Result<NoteDeletion, StoreError> {
        refuse()
    }
}

#[async_trait]
impl FilterRepository for Unasked {
    async fn filters(&self, _: Member) -> Result<Vec<SavedFilter>, StoreError> {
        refuse()
    }

    async fn save_filter(&self, _: Member, _: &NewFilter) -> Result<FilterOutcome, StoreError> {
        refuse()
    }

    async fn change_filter(
        &self,
        _: Member,
        _: LeadFilterId,
        _: &NewFilter,
        _: Option<i32>,
    ) -> Result<FilterOutcome, StoreError> {
        refuse()
    }

    async fn delete_filter(&self, _: Member, _: LeadFilterId) -> Result<FilterDeletion, StoreError> {
        refuse()
    }
}

#[async_trait]
impl Pictures for Unasked {
    async fn of(&self, _: &str) -> Result<Option<Picture>, StoreError> {
        refuse()
    }
}

#[async_trait]
impl Billing for Unasked {
    async fn subscriptions(&self, _: Member) -> Result<Vec<Subscription>, StoreError> {
        refuse()
    }

    async fn catalogue(&self, _: Member) -> Result<Catalogue, StoreError> {
        refuse()
    }

    async fn customer(&self, _: Member) -> Result<BillingCustomer, StoreError> {
        refuse()
    }

    async fn link_customer(&self, _: Member, _: &str) -> Result<LinkOutcome, StoreError> {
        refuse()
    }

    async fn begin_purchase(
        &self,
        _: Member,
        _: Uuid,
        _: &str,
        _: Option<&IdempotencyKey>,
    ) -> Result<PurchaseOutcome, StoreError> {
        refuse()
    }

    async fn alerts(&self, _: Member) -> Result<Option<CreditAlerts>, StoreError> {
        refuse()
    }

    async fn set_alerts(&self, _: Member, _: &CreditAlerts) -> Result<CreditAlertsOutcome, StoreError> {
        refuse()
    }
}

pub fn refused<T>() -> Result<T, StripeError> {
    Err(StripeError::Refused("this test asks nothing of the kind".to_owned()))
}

#[async_trait]
impl Stripe for Unasked {
    async fn subscription(&self, _: &str) -> Result<SubscriptionState, StripeError> {
        refused()
    }

    async fn price(&self, _: &str) -> Result<StripePrice, StripeError> {
        refused()
    }

    async fn price_by_lookup_key(&self, _: &str) -> Result<String, StripeError> {
        refused()
    }

    async fn paid_for(&self, _: &str) -> Result<PaidFor, StripeError> {
        refused()
    }

    async fn invoice_lines(&self, _: &str) -> Result<Vec<PaidLine>, StripeError> {
        refused()
    }

    async fn create_customer(&self, _: AccountId, _: Option<&str>) -> Result<String, StripeError> {
        refused()
    }

    async fn create_checkout(&self, _: &CheckoutOrder) -> Result<HostedPage, StripeError> {
        refused()
    }

    async fn create_portal(&self, _: &str, _: &str, _: Option<&str>) -> Result<HostedPage, StripeError> {
        refused()
    }

    async fn charge(&self, _: &TopUp) -> Result<ChargeOutcome, StripeError> {
        refused()
    }

    async fn card_fingerprints(&self, _: &str) -> Result<Vec<String>, StripeError> {
        refused()
    }

    async fn events(&self, _: Timestamp, _: Option<&str>) -> Result<EventPage, StripeError> {
        refused()
    }

    async fn subscriptions(&self, _: Option<&str>) -> Result<SubscriptionPage, StripeError> {
        refused()
    }
}

#[async_trait]
impl AccountStore for Unasked {
    async fn account(&self, _: Member) -> Result<AccountOutcome, StoreError> {
        refuse()
    }

    async fn close(&self, _: Member, _: &str) -> Result<CloseOutcome, StoreError> {
        refuse()
    }

    async fn restore(&self, _: Member) -> Result<RestoreOutcome, StoreError> {
        refuse()
    }

    async fn exported_tables(&self, _: Member) -> Result<Option<Vec<ExportedTable>>, StoreError> {
        refuse()
    }

    async fn exported_rows(
        &self,
        _: Member,
        _: &str,
        _: Option<&serde_json::Value>,
    ) -> Result<Vec<ExportedRow>, StoreError> {
        refuse()
    }
}

#[async_trait]
impl MemberStore for Unasked {
    async fn members(&self, _: Member) -> Result<Option<Vec<MemberView>>, StoreError> {
        refuse()
    }

    async fn change_member(
        &self,
        _: Member,
        _: UserId,
        _: Role,
        _: Option<SpendingLimit>,
    ) -> Result<MemberOutcome, StoreError> {
        refuse()
    }

    async fn remove_member(&self, _: Member, _: UserId) -> Result<RemoveOutcome, StoreError> {
        refuse()
    }

    async fn actions(&self, _: Member, _: PageQuery<i64>) -> Result<Option<Page<MemberAction>>, StoreError> {
        refuse()
    }

    async fn invite(&self, _: Member, _: &NewInvitation) -> Result<InviteOutcome, StoreError> {
        refuse()
    }

    async fn invitations(&self, _: Member) -> Result<Option<Vec<Invitation>>, StoreError> {
        refuse()
    }

    async fn revoke_invitation(&self, _: Member, _: Uuid) -> Result<RevokeOutcome, StoreError> {
        refuse()
    }

    async fn accept(&self, _: UserId, _: &SecretHash) -> Result<AcceptOutcome, StoreError> {
        refuse()
    }

    async fn create_key(&self, _: Member, _: &NewApiKey) -> Result<KeyOutcome, StoreError> {
        refuse()
    }

    async fn keys(&self, _: Member) -> Result<Option<Vec<ApiKey>>, StoreError> {
        refuse()
    }

    async fn rotate_key(&self, _: Member, _: Uuid, _: u32, _: &KeySecret) -> Result<KeyOutcome, StoreError> {
        refuse()
    }

    async fn revoke_key(&self, _: Member, _: Uuid) -> Result<KeyOutcome, StoreError> {
        refuse()
    }
}

#[async_trait]
impl Mailer for Unasked {
    async fn send(&self, _: &Mail, _: &str) -> Result<(), MailError> {
        Err(MailError::Unavailable("nobody is written to".to_owned()))
    }
}

#[async_trait]
impl ApiKeys for Unasked {
    async fn resolve(&self, _: &SecretHash) -> Result<Option<KeyAccess>, StoreError> {
        Ok(None)
    }
}
