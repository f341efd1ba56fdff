//! Our side of a checkout.

use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use crate::{
    features::{
        auth::Member,
        billing::{
            Billing, BillingCustomer, Catalogue, CreditAlerts, CreditAlertsOutcome, LinkOutcome, Pack, Plan,
            PurchaseOutcome, Rollover, Subscription, testing::World,
        },
        health::{DatabaseState, Readiness},
        judging::ModelLifecycle,
    },
    shared::{
        idempotency::IdempotencyKey,
        ids::{Ids, RunId},
        store::StoreError,
    },
};

pub const NEW_ID: Uuid = Uuid::from_u128(0x0198_c1f2_7c7e_7aaa_8f1e_3a51_bb3c_9d10);

/// What our side answers. All calls are written down in the world, beside those of Stripe.
pub struct Desk {
    pub world: Arc<World>,
    pub customer: BillingCustomer,
    pub link: LinkOutcome,
    /// By default the purchase has begun under the proposed id.
    pub purchase: Option<PurchaseOutcome>,
    pub faults: Vec<String>,
}

impl Desk {
    /// Of an account that has not bought anything.
    pub fn new() -> Self {
        Self {
            world: Arc::default(),
            customer: known(None, false),
            link: LinkOutcome::Linked { customer_id: "cus_new".to_owned() },
            purchase: None,
            faults: vec![],
        }
    }

    pub fn knowing(customer: BillingCustomer) -> Self {
        Self { customer, ..Self::new() }
    }
}

pub fn known(customer_id: Option<&str>, is_subscribed: bool) -> BillingCustomer {
    let customer_id = customer_id.map(str::to_owned);
    let email = Some("ann@example.com".to_owned());
    BillingCustomer::Known { customer_id, email, is_subscribed, is_blocked: false, subscription_id: None }
}

#[async_trait]
impl Billing for Desk {
    async fn subscriptions(&self, _: Member) -> Result<Vec<Subscription>, StoreError> {
        unreachable!("no checkout asks this")
    }

    async fn catalogue(&self, _: Member) -> Result<Catalogue, StoreError> {
        self.world.hear("catalogue")?;
        let plan = |id: &str, year_price_cents| Plan {
            id: id.to_owned(),
            name: id.to_owned(),
            monthly_credits: 100,
            month_price_cents: 7_900,
            year_price_cents,
            hourly_analyses_max: 200,
            rollover: Rollover::None,
            rollover_cap: None,
        };
        let pack = Pack { id: "pack_100".to_owned(), name: String::new(), credits: 100, price_cents: 9_500 };
        Ok(Catalogue { plans: vec![plan("growth", Some(79_000)), plan("starter", None)], packs: vec![pack] })
    }

    async fn customer(&self, _: Member) -> Result<BillingCustomer, StoreError> {
        self.world.hear("customer")?;
        Ok(self.customer.clone())
    }

    async fn link_customer(&self, _: Member, customer_id: &str) -> Result<LinkOutcome, StoreError> {
        self.world.hear(format!("link {customer_id}"))?;
        Ok(self.link.clone())
    }

    async fn begin_purchase(
        &self,
        _: Member,
        id: Uuid,
        pack: &str,
        key: Option<&IdempotencyKey>,
    ) -> Result<PurchaseOutcome, StoreError> {
        self.world.hear(format!("begin {pack} {id} {}", key.map_or("-", IdempotencyKey::as_str)))?;
        Ok(self.purchase.clone().unwrap_or(PurchaseOutcome::Begun { purchase_id: id }))
    }

    async fn alerts(&self, _: Member) -> Result<Option<CreditAlerts>, StoreError> {
        unreachable!("no checkout asks this")
    }

    async fn set_alerts(&self, _: Member, _: &CreditAlerts) -> Result<CreditAlertsOutcome, StoreError> {
        unreachable!("no checkout asks this")
    }
}

#[async_trait]
impl Readiness for Desk {
    fn config_faults(&self) -> Vec<String> {
        self.faults.clone()
    }

    async fn database(&self) -> DatabaseState {
        DatabaseState::Silent
    }

    fn models_announced(&self) -> Vec<ModelLifecycle> {
        vec![]
    }

    fn environment(&self) -> &str {
        "production"
    }

    fn release(&self) -> &str {
        "oslira@test"
    }
}

impl Ids for Desk {
    fn run_id(&self) -> RunId {
        RunId::new(NEW_ID)
    }

    fn request_id(&self) -> String {
        unreachable!("the HTTP layer asks this")
    }

    fn secret(&self) -> String {
        unreachable!("no checkout asks this")
    }
}
