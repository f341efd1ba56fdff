//! Subscriptions, packs and thresholds as customers see them, and what the database answers about them.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::shared::ids::AccountId;

/// How often a subscription is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BillingInterval {
    /// Credits come with each payment.
    Month,
    /// Credits come each month of the paid year.
    Year,
}

impl BillingInterval {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Month => "month",
            Self::Year => "year",
        }
    }
}

/// A subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Subscription {
    /// The plan's id.
    pub plan: String,
    /// The plan's name.
    pub plan_name: String,
    /// Stripe's word: `active`, `trialing`, `past_due`, `unpaid`, `paused`, `incomplete`, `incomplete_expired` or `canceled`.
    pub status: String,
    /// How often it is paid.
    pub interval: BillingInterval,
    /// Credits that it grants each month.
    pub monthly_credits: i64,
    /// The period that is under way, or was the last.
    pub current_period_starts_at: Timestamp,
    /// When it ends, and, unless it is cancelled, the next one begins.
    pub current_period_ends_at: Timestamp,
    /// When it will end, if that is decided.
    pub cancel_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Whether it is paid through Stripe, where it can be changed; one that we gave cannot.
    pub is_managed_by_stripe: bool,
}

/// A plan that is sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// What a checkout names.
    pub id: String,
    /// For people.
    pub name: String,
    /// Credits that it grants each month.
    pub monthly_credits: i64,
    /// US cents for a month.
    pub month_price_cents: i64,
    /// US cents for a year; null where none is sold.
    pub year_price_cents: Option<i64>,
    /// Single analyses that an account may begin in an hour.
    pub hourly_analyses_max: i64,
    /// What becomes of unspent credits when the next month's come.
    pub rollover: Rollover,
    /// How many of them stay, if that is limited.
    pub rollover_cap: Option<i64>,
}

/// What becomes of a month's unspent credits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rollover {
    /// They end.
    None,
    /// Some stay.
    Capped,
    /// All stay.
    Unlimited,
}

/// Credits that are bought once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pack {
    /// What a checkout names.
    pub id: String,
    /// For people.
    pub name: String,
    /// Credits in it; they never end.
    pub credits: i64,
    /// US cents.
    pub price_cents: i64,
}

/// Below which balances something happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CreditAlerts {
    /// The account is told, once, when a charge takes its balance below this; null for never.
    pub low_balance_at: Option<i64>,
    /// What it buys by itself; null for nothing.
    pub auto_top_up: Option<AutoTopUp>,
}

/// Buys a pack whenever a charge takes the balance below a threshold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AutoTopUp {
    /// Whether it buys.
    pub is_on: bool,
    /// Credits.
    pub threshold: i64,
    /// The pack's id.
    pub pack: String,
    /// What it may spend in a month (UTC) at most, in US cents.
    pub monthly_max_cents: i64,
    /// Why it was turned off, if nobody did: `payment_failed`.
    #[serde(default)]
    pub stopped_because: Option<String>,
}

/// The answer to setting them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum CreditAlertsOutcome {
    #[serde(rename = "ok")]
    Set(CreditAlerts),
    UnknownPack,
    Forbidden,
}

/// Who pays for an account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum BillingCustomer {
    #[serde(rename = "ok")]
    Known {
        /// Stripe's id; none before the first purchase.
        customer_id: Option<String>,
        /// Of the user who asks.
        email: Option<String>,
        /// Whether a subscription of the account goes on.
        is_subscribed: bool,
        /// Whether an operator keeps the account from buying.
        is_blocked: bool,
        /// Stripe's id of a subscription that goes on and is not to end yet.
        #[serde(default)]
        subscription_id: Option<String>,
    },
    Forbidden,
}

/// The answer to linking a customer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum LinkOutcome {
    /// The account's customer: the first one that was linked.
    #[serde(rename = "ok")]
    Linked {
        customer_id: String,
    },
    Forbidden,
}

/// The answer to setting out to buy a pack.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum PurchaseOutcome {
    #[serde(rename = "ok")]
    Begun {
        /// The purchase's id: the one that was proposed, or that of an earlier request with the same key.
        purchase_id: Uuid,
    },
    UnknownPack,
    /// The key was used for another pack.
    IdempotencyKeyReused,
    /// More purchases than an account may begin in a day.
    Limit {
        daily_max: i64,
    },
    Forbidden,
}

/// What a customer is sent to Stripe to pay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckoutOrder {
    /// Ours; of a pack, the purchase's. It is the idempotency key, and is in the metadata.
    pub id: Uuid,
    pub account_id: AccountId,
    pub customer_id: String,
    pub price_id: String,
    pub item: CheckoutItem,
    pub success_url: String,
    pub cancel_url: String,
}

/// What is bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckoutItem {
    Pack(String),
    Plan { plan: String, interval: BillingInterval },
}

impl CheckoutItem {
    /// The lookup key of its price at Stripe.
    #[must_use]
    pub fn lookup_key(&self) -> String {
        match self {
            Self::Pack(pack) => pack.clone(),
            Self::Plan { plan, interval } => format!("{plan}_{}", interval.as_str()),
        }
    }
}

/// What is sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Catalogue {
    /// Plans, the cheapest first.
    pub plans: Vec<Plan>,
    /// Packs, the smallest first.
    pub packs: Vec<Pack>,
}

impl Catalogue {
    /// Whether this can be bought.
    #[must_use]
    pub fn sells(&self, item: &CheckoutItem) -> bool {
        match item {
            CheckoutItem::Pack(pack) => self.packs.iter().any(|sold| sold.id == *pack),
            CheckoutItem::Plan { plan, interval } => self.plans.iter().any(|sold| {
                sold.id == *plan && (*interval == BillingInterval::Month || sold.year_price_cents.is_some())
            }),
        }
    }
}
