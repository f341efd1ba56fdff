//! `GET /billing/subscription`, `GET /billing/catalogue`.

use axum::http::Method;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::{
    features::{
        auth::Member,
        billing::{BillingPorts, Catalogue, Subscription},
    },
    http::{ApiError, Endpoint, Example, NoBody, NoParameters, Reply},
};

/// What the account subscribes to.
#[derive(Serialize, JsonSchema)]
pub struct Subscriptions {
    /// The newest subscription that has not ended; null without one.
    current: Option<Subscription>,
    /// Earlier ones, newest first; at most 20.
    past: Vec<Subscription>,
}

pub struct GetSubscription;

impl Endpoint for GetSubscription {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/billing/subscription";
    const SUMMARY: &'static str = "What the account subscribes to, and until when.";

    type Ports = BillingPorts;
    type Caller = Member;
    type Parameters = NoParameters;
    type Body = NoBody;
    type Answer = Reply<Subscriptions>;

    fn example() -> Example {
        let current = json!({
            "plan": "growth", "plan_name": "Growth", "status": "active", "interval": "month", "monthly_credits": 100,
            "current_period_starts_at": "2026-11-25T09:30:00Z", "current_period_ends_at": "2026-12-25T09:30:00Z",
            "cancel_at": null, "ended_at": null, "is_managed_by_stripe": true,
        });
        Example { data: Some(json!({ "current": current, "past": [] })), ..Example::default() }
    }

    async fn handle(
        ports: BillingPorts,
        member: Member,
        _: NoParameters,
        _: NoBody,
    ) -> Result<Reply<Subscriptions>, ApiError> {
        let (mut live, past): (Vec<_>, Vec<_>) =
            ports.billing.subscriptions(member).await?.into_iter().partition(|one| one.ended_at.is_none());
        let current = if live.is_empty() { None } else { Some(live.remove(0)) };
        Ok(Reply::new(Subscriptions { current, past: [live, past].concat() }))
    }
}

pub struct GetCatalogue;

impl Endpoint for GetCatalogue {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/billing/catalogue";
    const SUMMARY: &'static str = "Plans and packs that can be bought.";

    type Ports = BillingPorts;
    type Caller = Member;
    type Parameters = NoParameters;
    type Body = NoBody;
    type Answer = Reply<Catalogue>;

    fn example() -> Example {
        let data = json!({
            "plans": [{
                "id": "growth", "name": "Growth", "monthly_credits": 100, "month_price_cents": 7900, "year_price_cents": 79000,
                "hourly_analyses_max": 200, "rollover": "capped", "rollover_cap": 100,
            }],
            "packs": [{ "id": "pack_100", "name": "100 credits", "credits": 100, "price_cents": 9500 }],
        });
        Example { data: Some(data), ..Example::default() }
    }

    async fn handle(
        ports: BillingPorts,
        member: Member,
        _: NoParameters,
        _: NoBody,
    ) -> Result<Reply<Catalogue>, ApiError> {
        Ok(Reply::new(ports.billing.catalogue(member).await?))
    }
}
