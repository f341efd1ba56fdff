//! `GET` and `PUT /credits/alerts`.

use axum::http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Value, json};

use crate::{
    features::{
        auth::{ManageBilling, May, Member, forbidden},
        billing::{AutoTopUp, BillingPorts, CreditAlerts, CreditAlertsOutcome},
    },
    http::{ApiError, Endpoint, ErrorCode, Example, JsonBody, NoBody, NoParameters, Reply},
};

const THRESHOLD_MAX: i64 = 1_000_000;
const MONTHLY_MAX_CENTS: i64 = 100_000_000;

const INVALID_ALERT: ErrorCode = ErrorCode::new(
    StatusCode::UNPROCESSABLE_ENTITY,
    "invalid_alert",
    "thresholds are 1 to 1,000,000 credits, the monthly ceiling 1 to 100,000,000 cents, and the pack one of the catalogue: \
     `details.field` names it",
);

fn example() -> Value {
    json!({
        "low_balance_at": 20,
        "auto_top_up": {
            "is_on": true, "threshold": 10, "pack": "pack_100", "monthly_max_cents": 50000, "stopped_because": null,
        },
    })
}

pub struct GetAlerts;

impl Endpoint for GetAlerts {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/credits/alerts";
    const SUMMARY: &'static str = "Below which balance the account is told, and what it buys by itself.";

    type Ports = BillingPorts;
    type Caller = Member;
    type Parameters = NoParameters;
    type Body = NoBody;
    type Answer = Reply<CreditAlerts>;

    fn example() -> Example {
        Example { data: Some(example()), ..Example::default() }
    }

    async fn handle(
        ports: BillingPorts,
        member: Member,
        _: NoParameters,
        _: NoBody,
    ) -> Result<Reply<CreditAlerts>, ApiError> {
        ports.billing.alerts(member).await?.map(Reply::new).ok_or_else(forbidden)
    }
}

/// New thresholds. Both fields have to be there: leaving one out must not turn it off.
#[derive(Deserialize, JsonSchema)]
pub struct AlertsBody {
    /// Tell the account once when a charge takes its balance below so many credits; null for never.
    #[serde(deserialize_with = "present")]
    #[schemars(required, range(min = 1, max = 1_000_000))]
    low_balance_at: Option<i64>,
    /// Buy a pack once when a charge takes the balance below a threshold; null for never.
    #[serde(deserialize_with = "present")]
    #[schemars(required)]
    auto_top_up: Option<AutoTopUpBody>,
}

/// With `deserialize_with` serde demands the field, though it is an `Option`.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer).map_err(D::Error::custom)
}

/// What to buy, when, and how much a month may cost.
#[derive(Deserialize, JsonSchema)]
pub struct AutoTopUpBody {
    /// Whether it buys.
    is_on: bool,
    /// Credits.
    #[schemars(range(min = 1, max = 1_000_000))]
    threshold: i64,
    /// A pack of the catalogue.
    pack: String,
    /// US cents that it may spend in a month (UTC) at most.
    #[schemars(range(min = 1, max = 100_000_000))]
    monthly_max_cents: i64,
}

impl TryFrom<AlertsBody> for CreditAlerts {
    type Error = ApiError;

    fn try_from(body: AlertsBody) -> Result<Self, ApiError> {
        let within = |field: &'static str, value: i64, max: i64| {
            if (1..=max).contains(&value) { Ok(value) } else { Err(invalid(field)) }
        };
        let low_balance_at =
            body.low_balance_at.map(|credits| within("low_balance_at", credits, THRESHOLD_MAX)).transpose()?;
        let auto_top_up = body.auto_top_up.map(|top_up| {
            // No pack is called so, and the database does not take a NUL in a text.
            if top_up.pack.contains(char::is_control) {
                return Err(invalid("auto_top_up.pack"));
            }
            Ok(AutoTopUp {
                is_on: top_up.is_on,
                threshold: within("auto_top_up.threshold", top_up.threshold, THRESHOLD_MAX)?,
                pack: top_up.pack,
                monthly_max_cents: within(
                    "auto_top_up.monthly_max_cents",
                    top_up.monthly_max_cents,
                    MONTHLY_MAX_CENTS,
                )?,
                stopped_because: None,
            })
        });
        Ok(Self { low_balance_at, auto_top_up: auto_top_up.transpose()? })
    }
}

fn invalid(field: &'static str) -> ApiError {
    let message = format!("{field} is out of its range, or names nothing of the catalogue.");
    ApiError::new(INVALID_ALERT, message).with_details(json!({ "field": field }))
}

pub struct SetAlerts;

impl Endpoint for SetAlerts {
    const METHOD: Method = Method::PUT;
    const PATH: &'static str = "/credits/alerts";
    const SUMMARY: &'static str = "Sets below which balance the account is told, and what it buys by itself.";
    const ERRORS: &'static [ErrorCode] = &[INVALID_ALERT];

    type Ports = BillingPorts;
    type Caller = May<ManageBilling>;
    type Parameters = NoParameters;
    type Body = JsonBody<AlertsBody>;
    type Answer = Reply<CreditAlerts>;

    fn example() -> Example {
        let body = json!({
            "low_balance_at": 20,
            "auto_top_up": { "is_on": true, "threshold": 10, "pack": "pack_100", "monthly_max_cents": 50000 },
        });
        Example { body: Some(body), data: Some(example()) }
    }

    async fn handle(
        ports: BillingPorts,
        May { member, .. }: May<ManageBilling>,
        _: NoParameters,
        JsonBody(body): JsonBody<AlertsBody>,
    ) -> Result<Reply<CreditAlerts>, ApiError> {
        let alerts = CreditAlerts::try_from(body)?;
        match ports.billing.set_alerts(member, &alerts).await? {
            CreditAlertsOutcome::Set(alerts) => Ok(Reply::new(alerts)),
            CreditAlertsOutcome::UnknownPack => Err(invalid("auto_top_up.pack")),
            CreditAlertsOutcome::Forbidden => Err(forbidden()),
        }
    }
}
