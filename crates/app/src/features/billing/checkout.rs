//! Sending a customer to Stripe: to pay for a pack or a plan, or to manage what they pay for.

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{
    BillingCustomer, BillingPorts, CheckoutItem, CheckoutOrder, HostedPage, LinkOutcome, PurchaseOutcome, StripeError,
};
use crate::{
    features::auth::Member,
    shared::{idempotency::IdempotencyKey, store::StoreError},
};

/// Why nobody is sent to Stripe.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CheckoutError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Stripe(#[from] StripeError),
    /// These faults of the configuration keep this deployment from taking money.
    #[error("not ready")]
    NotReady(Vec<String>),
    #[error("not a member")]
    Forbidden,
    /// There is no such plan or pack.
    #[error("unknown item")]
    UnknownItem,
    /// The account has a subscription already; it is changed in the portal.
    #[error("already subscribed")]
    AlreadySubscribed,
    /// Nobody has bought anything for this account yet.
    #[error("no customer")]
    NoCustomer,
    /// The key was used for another purchase.
    #[error("idempotency key reused")]
    KeyReused,
    /// More purchases than an account may begin in a day.
    #[error("too many purchases")]
    TooMany { daily_max: i64 },
}

/// Where Stripe sends the customer afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnUrls {
    pub success: String,
    pub cancel: String,
}

/// Begins a purchase and makes the page where it is paid. The same key gives the same page.
///
/// # Errors
/// [`CheckoutError`]; nothing is charged here.
pub async fn check_out(
    ports: &BillingPorts,
    member: Member,
    item: CheckoutItem,
    urls: ReturnUrls,
    key: Option<&IdempotencyKey>,
) -> Result<HostedPage, CheckoutError> {
    let known = customer(ports, member).await?;
    if known.is_blocked {
        return Err(StoreError::AccountBlocked.into());
    }
    let catalogue = ports.billing.catalogue(member).await?;
    if !catalogue.sells(&item) {
        return Err(CheckoutError::UnknownItem);
    }
    if matches!(item, CheckoutItem::Plan { .. }) && known.is_subscribed {
        return Err(CheckoutError::AlreadySubscribed);
    }
    let customer_id = match known.id {
        Some(id) => id,
        None => link(ports, member, known.email.as_deref()).await?,
    };
    let fresh = ports.ids.run_id().uuid();
    let id = match &item {
        // It has no row of ours before it is paid.
        CheckoutItem::Plan { .. } => key.map_or(fresh, |key| order_id(member, key)),
        CheckoutItem::Pack(pack) => match ports.billing.begin_purchase(member, fresh, pack, key).await? {
            PurchaseOutcome::Begun { purchase_id } => purchase_id,
            PurchaseOutcome::UnknownPack => return Err(CheckoutError::UnknownItem),
            PurchaseOutcome::IdempotencyKeyReused => return Err(CheckoutError::KeyReused),
            PurchaseOutcome::Limit { daily_max } => return Err(CheckoutError::TooMany { daily_max }),
            PurchaseOutcome::Forbidden => return Err(CheckoutError::Forbidden),
        },
    };
    let price_id = ports.stripe.price_by_lookup_key(&item.lookup_key()).await?;
    let order = CheckoutOrder {
        id,
        account_id: member.account(),
        customer_id,
        price_id,
        item,
        success_url: urls.success,
        cancel_url: urls.cancel,
    };
    match ports.stripe.create_checkout(&order).await {
        Err(StripeError::KeyReused) => Err(CheckoutError::KeyReused),
        created => Ok(created?),
    }
}

/// Makes the page where the customer manages subscription, cards and invoices. A blocked account can only cancel its subscription there:
/// a dearer plan would be bought.
///
/// # Errors
/// [`CheckoutError`].
pub async fn open_portal(ports: &BillingPorts, member: Member, return_url: &str) -> Result<HostedPage, CheckoutError> {
    let known = customer(ports, member).await?;
    let id = known.id.ok_or(CheckoutError::NoCustomer)?;
    let to_cancel =
        if known.is_blocked { Some(known.subscription_id.ok_or(StoreError::AccountBlocked)?) } else { None };
    Ok(ports.stripe.create_portal(&id, return_url, to_cancel.as_deref()).await?)
}

struct Known {
    id: Option<String>,
    email: Option<String>,
    is_subscribed: bool,
    is_blocked: bool,
    subscription_id: Option<String>,
}

/// Who pays for the account, for an owner of it on a deployment that may take money.
async fn customer(ports: &BillingPorts, member: Member) -> Result<Known, CheckoutError> {
    let faults = ports.readiness.config_faults();
    if !faults.is_empty() {
        return Err(CheckoutError::NotReady(faults));
    }
    match ports.billing.customer(member).await? {
        BillingCustomer::Known { customer_id, email, is_subscribed, is_blocked, subscription_id } => {
            Ok(Known { id: customer_id, email, is_subscribed, is_blocked, subscription_id })
        }
        BillingCustomer::Forbidden => Err(CheckoutError::Forbidden),
    }
}

/// Creates the account's customer. Of two at once the first that is linked stays; Stripe's idempotency key makes them one.
async fn link(ports: &BillingPorts, member: Member, email: Option<&str>) -> Result<String, CheckoutError> {
    let created = ports.stripe.create_customer(member.account(), email).await?;
    match ports.billing.link_customer(member, &created).await? {
        LinkOutcome::Linked { customer_id } => Ok(customer_id),
        LinkOutcome::Forbidden => Err(CheckoutError::Forbidden),
    }
}

/// The id that a key stands for within an account: a UUID v8, whose bits are free, out of their hash.
fn order_id(member: Member, key: &IdempotencyKey) -> Uuid {
    let digest = Sha256::digest(format!("{} {}", member.account(), key.as_str()));
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest).for_each(|(byte, hashed)| *byte = hashed);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests;
