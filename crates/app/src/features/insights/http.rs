//! `GET /insights/…` for customers and `GET /operator/insights/…` for operators: each is one question to the database.

use std::marker::PhantomData;

use axum::http::Method;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    CacheInsight, CreditDrivers, CreditInsight, ErrorInsight, Insight, InsightDays, InsightPorts, LatencyInsight,
    OperatorInsightPorts, SystemCache, SystemCosts, SystemDrivers, SystemErrors, SystemLatency,
};
use crate::{
    features::auth::{Member, Operator, forbidden},
    http::{ApiError, Endpoint, Example, NoBody, Registry, Reply},
    shared::store::StoreError,
};

pub fn endpoints(registry: &mut impl Registry) {
    registry.add::<OfAccount<LatencyInsight>>();
    registry.add::<OfAccount<CreditInsight>>();
    registry.add::<OfAccount<CacheInsight>>();
    registry.add::<OfAccount<ErrorInsight>>();
    registry.add::<OfAccount<CreditDrivers>>();
    registry.add::<OfAll<SystemLatency>>();
    registry.add::<OfAll<SystemCosts>>();
    registry.add::<OfAll<SystemCache>>();
    registry.add::<OfAll<SystemErrors>>();
    registry.add::<OfAll<SystemDrivers>>();
}

/// What an endpoint answers, and where.
pub trait View: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {
    const WHAT: Insight;
    const PATH: &'static str;
    const SUMMARY: &'static str;

    /// An answer, for the reference.
    fn example() -> Value;
}

/// The database's document as what the endpoint promises.
fn read<V: View>(shown: Value) -> Result<Reply<V>, ApiError> {
    let view = serde_json::from_value(shown)
        .map_err(|error| StoreError::Defect(format!("unexpected insight: {:?}", error.classify())))?;
    Ok(Reply::new(view))
}

/// The endpoint of a customer's view.
pub struct OfAccount<V>(PhantomData<V>);

impl<V: View> Endpoint for OfAccount<V> {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = V::PATH;
    const SUMMARY: &'static str = V::SUMMARY;

    type Ports = InsightPorts;
    type Caller = Member;
    type Parameters = InsightDays;
    type Body = NoBody;
    type Answer = Reply<V>;

    fn example() -> Example {
        Example { data: Some(V::example()), ..Example::default() }
    }

    async fn handle(ports: InsightPorts, member: Member, days: InsightDays, _: NoBody) -> Result<Reply<V>, ApiError> {
        read(ports.store.insight(member, V::WHAT, days).await?.ok_or_else(forbidden)?)
    }
}

/// The endpoint of an operators' view.
pub struct OfAll<V>(PhantomData<V>);

impl<V: View> Endpoint for OfAll<V> {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = V::PATH;
    const SUMMARY: &'static str = V::SUMMARY;

    type Ports = OperatorInsightPorts;
    type Caller = Operator;
    type Parameters = InsightDays;
    type Body = NoBody;
    type Answer = Reply<V>;

    fn example() -> Example {
        Example { data: Some(V::example()), ..Example::default() }
    }

    async fn handle(
        ports: OperatorInsightPorts,
        operator: Operator,
        days: InsightDays,
        _: NoBody,
    ) -> Result<Reply<V>, ApiError> {
        read(ports.store.insight(&operator, V::WHAT, days).await?)
    }
}

/// The days of the examples, with what an answer has besides.
fn example(rest: Value) -> Value {
    let mut whole = json!({ "first_day": "2026-10-29", "last_day": "2026-11-27" });
    if let (Value::Object(whole), Value::Object(rest)) = (&mut whole, rest) {
        whole.extend(rest);
    }
    whole
}

fn latencies() -> Value {
    json!([{
        "analysis_type": "DEEP", "cached": false, "runs": 212,
        "total": { "p50_ms": 11_620, "p95_ms": 15_870, "p99_ms": 19_040 },
        "waiting": { "p50_ms": 19, "p95_ms": 41, "p99_ms": 90 },
        "reading": { "p50_ms": 6_310, "p95_ms": 9_120, "p99_ms": 11_000 },
        "judging": { "p50_ms": 4_790, "p95_ms": 7_650, "p99_ms": 8_820 },
    }])
}

fn hits() -> Value {
    json!({
        "complete": 300, "cached": 120, "share": 0.4,
        "by_type": [{ "analysis_type": "DEEP", "complete": 300, "cached": 120, "share": 0.4 }],
        "by_day": [{ "day": "2026-11-27", "complete": 12, "cached": 3, "share": 0.25 }],
    })
}

fn outcomes() -> Value {
    json!({
        "complete": 300, "failed": 5, "failed_by_us": 1, "cancelled": 2, "success_rate": 0.9967,
        "by_code": [
            { "code": "profile_not_found", "runs": 4, "is_ours": false },
            { "code": "scrape_failed", "runs": 1, "is_ours": true },
        ],
        "by_type": [{
            "analysis_type": "DEEP", "complete": 300, "failed": 5, "failed_by_us": 1, "cancelled": 2,
            "success_rate": 0.9967,
        }],
        "by_day": [{
            "day": "2026-11-27", "complete": 12, "failed": 0, "failed_by_us": 0, "cancelled": 0, "success_rate": 1.0,
        }],
    })
}

/// The example with one field more.
fn with(mut document: Value, field: &str, value: Value) -> Value {
    if let Value::Object(fields) = &mut document {
        fields.insert(field.to_owned(), value);
    }
    document
}

impl View for LatencyInsight {
    const WHAT: Insight = Insight::Latency;
    const PATH: &'static str = "/insights/latency";
    const SUMMARY: &'static str = "How long the account's analyses took, by type, cold and cached, and by phase.";

    fn example() -> Value {
        example(json!({ "analyses": latencies() }))
    }
}

impl View for CreditInsight {
    const WHAT: Insight = Insight::Costs;
    const PATH: &'static str = "/insights/costs";
    const SUMMARY: &'static str = "What the account's analyses cost in credits, by type and day.";

    fn example() -> Value {
        example(json!({
            "runs": 307, "credits": 1_510, "refunded": 25,
            "by_type": [{
                "analysis_type": "DEEP", "runs": 307, "credits": 1_510, "refunded": 25, "credits_each": 5.0333,
            }],
            "by_day": [{ "day": "2026-11-27", "runs": 12, "credits": 60, "refunded": 0 }],
        }))
    }
}

impl View for CacheInsight {
    const WHAT: Insight = Insight::Cache;
    const PATH: &'static str = "/insights/cache";
    const SUMMARY: &'static str = "How many of the account's analyses found their profile in the cache.";

    fn example() -> Value {
        example(hits())
    }
}

impl View for ErrorInsight {
    const WHAT: Insight = Insight::Errors;
    const PATH: &'static str = "/insights/errors";
    const SUMMARY: &'static str = "How the account's runs ended, why some failed, and the success rate.";

    fn example() -> Value {
        example(outcomes())
    }
}

impl View for CreditDrivers {
    const WHAT: Insight = Insight::Drivers;
    const PATH: &'static str = "/insights/drivers";
    const SUMMARY: &'static str = "What the account's credits went for, and who spent them.";

    fn example() -> Value {
        example(json!({
            "by_type": [{ "analysis_type": "DEEP", "credits": 1_510, "share": 1.0 }],
            "by_spender": [{
                "spender": {
                    "id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "kind": "person", "name": "ann@fuel.example",
                },
                "credits": 1_510, "share": 1.0,
            }],
        }))
    }
}

impl View for SystemLatency {
    const WHAT: Insight = Insight::Latency;
    const PATH: &'static str = "/operator/insights/latency";
    const SUMMARY: &'static str = "How long all analyses took, and the providers' calls for them.";

    fn example() -> Value {
        example(json!({
            "analyses": latencies(),
            "calls": [{
                "kind": "ai", "provider": "openai", "name": "verdict", "model": "openai/gpt-6.1-terra", "calls": 300,
                "took": { "p50_ms": 4_390, "p95_ms": 6_900, "p99_ms": 8_100 },
            }],
        }))
    }
}

impl View for SystemCosts {
    const WHAT: Insight = Insight::Costs;
    const PATH: &'static str = "/operator/insights/costs";
    const SUMMARY: &'static str = "What analyses cost us in dollars, by day and provider, and by type.";

    fn example() -> Value {
        example(json!({
            "usd": 29.19, "ai_usd": 1.29, "scrape_usd": 27.9, "unpriced_calls": 0, "cached_token_share": 0.61,
            "by_type": [{
                "analysis_type": "DEEP", "complete": 300, "ai_usd": 1.29, "scrape_usd": 27.9, "usd_each": 0.0973,
            }],
            "by_day": [{ "day": "2026-11-27", "provider": "apify", "calls": 22, "usd": 1.24 }],
        }))
    }
}

impl View for SystemCache {
    const WHAT: Insight = Insight::Cache;
    const PATH: &'static str = "/operator/insights/cache";
    const SUMMARY: &'static str =
        "How many analyses found their profile in the cache, and how much of the prompts did.";

    fn example() -> Value {
        let models = json!([{
            "model": "openai/gpt-6.1-terra", "calls": 300, "gateway_hits": 0, "input_tokens": 912_000,
            "cached_tokens": 556_000, "cached_token_share": 0.6096,
        }]);
        example(with(hits(), "models", models))
    }
}

impl View for SystemErrors {
    const WHAT: Insight = Insight::Errors;
    const PATH: &'static str = "/operator/insights/errors";
    const SUMMARY: &'static str = "How all runs ended, why some failed, and how the providers' calls ended.";

    fn example() -> Value {
        let calls = json!([{
            "kind": "scrape", "provider": "apify", "name": "apify/instagram-scraper", "outcome": "succeeded", "calls": 290,
        }]);
        example(with(outcomes(), "calls", calls))
    }
}

impl View for SystemDrivers {
    const WHAT: Insight = Insight::Drivers;
    const PATH: &'static str = "/operator/insights/drivers";
    const SUMMARY: &'static str = "What costs us most: accounts, AI calls and actors, in dollars.";

    fn example() -> Value {
        example(json!({
            "accounts": [{
                "account_id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "ai_usd": 1.29, "scrape_usd": 27.9, "usd": 29.19,
                "share": 1.0,
            }],
            "calls": [{
                "kind": "scrape", "provider": "apify", "name": "apify/instagram-scraper", "model": null, "calls": 290,
                "usd": 27.1, "share": 0.9284,
            }],
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_read<V: View>() {
        let again = serde_json::to_value(serde_json::from_value::<V>(V::example()).unwrap()).unwrap();
        assert_eq!(again, V::example(), "{}", V::PATH);
    }

    #[test]
    fn what_the_database_answers_is_passed_on_as_it_is() {
        is_read::<LatencyInsight>();
        is_read::<CreditInsight>();
        is_read::<CacheInsight>();
        is_read::<ErrorInsight>();
        is_read::<CreditDrivers>();
        is_read::<SystemLatency>();
        is_read::<SystemCosts>();
        is_read::<SystemCache>();
        is_read::<SystemErrors>();
        is_read::<SystemDrivers>();
    }

    #[test]
    fn an_answer_that_does_not_fit_is_a_defect_and_not_shown() {
        assert!(read::<CacheInsight>(json!({ "complete": "many" })).is_err());
    }
}
