//! `POST /billing/checkout`, `POST /billing/portal`.

use axum::http::{Method, StatusCode, Uri};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    features::{
        auth::{Buys, ManageBilling, May, forbidden},
        billing::{
            BillingInterval, BillingPorts, CheckoutItem, HostedPage,
            checkout::{CheckoutError, ReturnUrls, check_out, open_portal},
        },
        health::{NOT_READY, not_ready},
    },
    http::{
        ACCOUNT_BLOCKED, ApiError, Endpoint, ErrorCode, Example, JsonBody, MaybeIdempotencyKey, NoParameters, Reply,
        code::IDEMPOTENCY_KEY_REUSED,
    },
};

const URL_CHARS_MAX: usize = 2_048;

const UNKNOWN_ITEM: ErrorCode = ErrorCode::new(
    StatusCode::UNPROCESSABLE_ENTITY,
    "unknown_item",
    "name either a `pack`, or a `plan` with its `interval`, of `GET /billing/catalogue`",
);
const INVALID_URL: ErrorCode = ErrorCode::new(
    StatusCode::UNPROCESSABLE_ENTITY,
    "invalid_url",
    "an `https://` address of at most 2,048 characters; on a local stack `http://` too",
);
const ALREADY_SUBSCRIBED: ErrorCode = ErrorCode::new(
    StatusCode::CONFLICT,
    "already_subscribed",
    "the account has a subscription; change it in the portal",
);
const NO_CUSTOMER: ErrorCode =
    ErrorCode::new(StatusCode::CONFLICT, "no_customer", "nothing was bought for this account yet; use a checkout");
const TOO_MANY_PURCHASES: ErrorCode =
    ErrorCode::new(StatusCode::TOO_MANY_REQUESTS, "too_many_purchases", "more than 100 checkouts in a day");
const BILLING_UNAVAILABLE: ErrorCode = ErrorCode::new(
    StatusCode::SERVICE_UNAVAILABLE,
    "billing_unavailable",
    "Stripe does not answer; nothing was charged: repeat with the same `Idempotency-Key`",
);

impl From<CheckoutError> for ApiError {
    fn from(error: CheckoutError) -> Self {
        match error {
            CheckoutError::Store(error) => error.into(),
            CheckoutError::Stripe(error) => {
                tracing::error!(%error, "nobody could be sent to Stripe");
                Self::new(
                    BILLING_UNAVAILABLE,
                    "The payment page could not be opened. Nothing was charged; try again soon.",
                )
                .with_retry_after(30)
            }
            CheckoutError::NotReady(faults) => not_ready(&faults),
            CheckoutError::Forbidden => forbidden(),
            CheckoutError::UnknownItem => unknown_item(),
            CheckoutError::AlreadySubscribed => {
                Self::new(ALREADY_SUBSCRIBED, "The account has a subscription. Change it with POST /billing/portal.")
            }
            CheckoutError::NoCustomer => {
                Self::new(NO_CUSTOMER, "Nothing was bought for this account yet. Begin with POST /billing/checkout.")
            }
            CheckoutError::KeyReused => {
                Self::new(IDEMPOTENCY_KEY_REUSED, "This Idempotency-Key was used for another purchase. Send a new one.")
            }
            CheckoutError::TooMany { daily_max } => {
                Self::new(TOO_MANY_PURCHASES, format!("An account may begin {daily_max} purchases in a day."))
                    .with_retry_after(3_600)
            }
        }
    }
}

fn unknown_item() -> ApiError {
    ApiError::new(UNKNOWN_ITEM, "Name either a pack, or a plan with its interval; GET /billing/catalogue lists them.")
}

/// What to buy, and where to come back to.
#[derive(Deserialize, JsonSchema)]
pub struct CheckoutBody {
    /// A pack of the catalogue.
    pack: Option<String>,
    /// A plan of the catalogue.
    plan: Option<String>,
    /// How often the plan is paid.
    interval: Option<BillingInterval>,
    /// Where Stripe sends the customer after the payment.
    success_url: String,
    /// Where Stripe sends the customer who does not pay.
    cancel_url: String,
}

/// A page of Stripe's.
#[derive(Serialize, JsonSchema)]
pub struct Page {
    /// Send the customer here.
    url: String,
    /// Until when it can be used; null where Stripe does not say.
    expires_at: Option<Timestamp>,
}

impl From<HostedPage> for Page {
    fn from(page: HostedPage) -> Self {
        Self { url: page.url, expires_at: page.expires_at }
    }
}

/// An address that a customer's browser may be sent to.
fn return_url(field: &'static str, url: String, is_local: bool) -> Result<String, ApiError> {
    let parsed: Option<Uri> = url.parse().ok();
    let is_fine = url.len() <= URL_CHARS_MAX
        && parsed.is_some_and(|uri| {
            uri.host().is_some_and(|host| !host.is_empty())
                && (uri.scheme_str() == Some("https") || (is_local && uri.scheme_str() == Some("http")))
        });
    if is_fine {
        return Ok(url);
    }
    let message = format!("{field} takes an https:// address of at most 2,048 characters.");
    Err(ApiError::new(INVALID_URL, message).with_details(json!({ "field": field })))
}

pub struct CheckOut;

impl Endpoint for CheckOut {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/billing/checkout";
    const SUMMARY: &'static str = "Opens a page of Stripe's where a pack or a plan is paid.";
    const STATUS: StatusCode = StatusCode::CREATED;
    const ERRORS: &'static [ErrorCode] = &[
        UNKNOWN_ITEM,
        INVALID_URL,
        ALREADY_SUBSCRIBED,
        TOO_MANY_PURCHASES,
        IDEMPOTENCY_KEY_REUSED,
        BILLING_UNAVAILABLE,
        NOT_READY,
    ];

    type Ports = BillingPorts;
    type Caller = Buys<ManageBilling>;
    type Parameters = MaybeIdempotencyKey;
    type Body = JsonBody<CheckoutBody>;
    type Answer = Reply<Page>;

    fn example() -> Example {
        Example {
            body: Some(json!({
                "pack": "pack_100", "success_url": "https://app.example.com/thanks", "cancel_url": "https://app.example.com/credits",
            })),
            data: Some(json!({
                "url": "https://checkout.stripe.com/c/pay/cs_live_a1b2", "expires_at": "2026-11-26T09:30:00Z",
            })),
        }
    }

    async fn handle(
        ports: BillingPorts,
        buyer: Buys<ManageBilling>,
        MaybeIdempotencyKey(key): MaybeIdempotencyKey,
        JsonBody(body): JsonBody<CheckoutBody>,
    ) -> Result<Reply<Page>, ApiError> {
        let item = match (body.pack, body.plan, body.interval) {
            (Some(pack), None, None) => CheckoutItem::Pack(pack),
            (None, Some(plan), Some(interval)) => CheckoutItem::Plan { plan, interval },
            _ => return Err(unknown_item()),
        };
        let is_local = ports.readiness.environment() == "local";
        let urls = ReturnUrls {
            success: return_url("success_url", body.success_url, is_local)?,
            cancel: return_url("cancel_url", body.cancel_url, is_local)?,
        };
        let page = buyer.heed(check_out(&ports, buyer.member, item, urls, key.as_ref()).await).await?;
        Ok(Reply::new(page.into()))
    }
}

/// Where to come back to.
#[derive(Deserialize, JsonSchema)]
pub struct PortalBody {
    /// Where Stripe's link back leads.
    return_url: String,
}

pub struct OpenPortal;

impl Endpoint for OpenPortal {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/billing/portal";
    const SUMMARY: &'static str = "Opens a page of Stripe's where plan, cards and invoices are managed; for a blocked account, one where its subscription is cancelled.";
    const STATUS: StatusCode = StatusCode::CREATED;
    const ERRORS: &'static [ErrorCode] = &[INVALID_URL, NO_CUSTOMER, ACCOUNT_BLOCKED, BILLING_UNAVAILABLE, NOT_READY];

    type Ports = BillingPorts;
    type Caller = May<ManageBilling>;
    type Parameters = NoParameters;
    type Body = JsonBody<PortalBody>;
    type Answer = Reply<Page>;

    fn example() -> Example {
        Example {
            body: Some(json!({ "return_url": "https://app.example.com/credits" })),
            data: Some(json!({ "url": "https://billing.stripe.com/p/session/live_a1b2", "expires_at": null })),
        }
    }

    async fn handle(
        ports: BillingPorts,
        May { member, .. }: May<ManageBilling>,
        _: NoParameters,
        JsonBody(body): JsonBody<PortalBody>,
    ) -> Result<Reply<Page>, ApiError> {
        let is_local = ports.readiness.environment() == "local";
        let url = return_url("return_url", body.return_url, is_local)?;
        Ok(Reply::new(open_portal(&ports, member, &url).await?.into()))
    }
}
