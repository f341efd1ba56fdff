//! Billing in the database, as the calling user.

use async_trait::async_trait;
use uuid::Uuid;

use crate::{
    features::{
        auth::Member,
        billing::{
            BillingCustomer, Catalogue, CreditAlerts, CreditAlertsOutcome, LinkOutcome, PurchaseOutcome, Subscription,
        },
    },
    shared::{idempotency::IdempotencyKey, store::StoreError},
};

/// Billing in the database, as the calling user. The database MUST let only owners change anything.
#[async_trait]
pub trait Billing: Send + Sync {
    /// The account's subscriptions, the newest first, ended ones included; at most 20.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn subscriptions(&self, member: Member) -> Result<Vec<Subscription>, StoreError>;

    /// What is sold.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn catalogue(&self, member: Member) -> Result<Catalogue, StoreError>;

    /// Who pays for the account.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn customer(&self, member: Member) -> Result<BillingCustomer, StoreError>;

    /// Links a customer, once.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn link_customer(&self, member: Member, customer_id: &str) -> Result<LinkOutcome, StoreError>;

    /// Writes down that a pack is about to be bought, under this id. A repeat with the same key MUST answer the first id.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn begin_purchase(
        &self,
        member: Member,
        id: Uuid,
        pack: &str,
        key: Option<&IdempotencyKey>,
    ) -> Result<PurchaseOutcome, StoreError>;

    /// The thresholds; `None` when the caller's membership has ended.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn alerts(&self, member: Member) -> Result<Option<CreditAlerts>, StoreError>;

    /// Sets the thresholds.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    async fn set_alerts(&self, member: Member, alerts: &CreditAlerts) -> Result<CreditAlertsOutcome, StoreError>;
}
