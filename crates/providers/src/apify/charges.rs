//! What an actor run costs, and what it may cost at most.

use oslira_app::features::profiles::ScrapePart;
use serde::Deserialize;
use serde_json::Value;

use super::{Run, ScraperSettings, settings::Tier};

/// What the actors charge for an item where neither the run nor a setting tells, on Apify's smallest plan: larger plans
/// pay less. A run's `usageTotalUsd` is no substitute: it may be missing, or lack what the actor's owner charges.
const PRICE_PER_PROFILE_MICROUSD: u64 = 2_600;
const PRICE_PER_POST_MICROUSD: u64 = 2_700;

/// What Apify charges for a start, for each gigabyte of the run's memory.
const PRICE_PER_START_MICROUSD: u64 = 50;
const MEMORY_MB_PER_START: u64 = 1_024;

/// The names of the two in a run's `chargedEventCounts` and `pricingInfo`.
const START_EVENT: &str = "apify-actor-start";
const ITEM_EVENT: &str = "apify-default-dataset-item";

/// How actors charged before they charged by event: for items only.
const PER_ITEM_MODEL: &str = "PRICE_PER_DATASET_ITEM";

/// A run's bound is so many hundredths of what its items cost, because a price may rise.
const BOUND_PERCENT: u64 = 120;
/// With the starts of a run that the actor gives four gigabytes: it decides by itself how many.
const BOUND_STARTS: u64 = 4;
/// Apify refuses a lower bound than the actor's `minimalMaxTotalChargeUsd` (400
/// `max-total-charge-usd-below-minimum`), which is 0.5 in the recorded runs of these actors.
const BOUND_MICROUSD_MIN: u64 = 500_000;

const MICROUSD_PER_USD: u64 = 1_000_000;
/// More than any event costs; above it a price is unreadable.
const TOLD_USD_MAX: f64 = 1_000.0;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Options {
    memory_mbytes: u64,
}

/// A run's `pricingInfo`. It is kept as it came: a form that is new must not make the whole run unreadable.
#[derive(Default, Deserialize)]
#[serde(transparent)]
pub(super) struct PricingInfo(Value);

impl PricingInfo {
    fn is_per_item(&self) -> bool {
        self.0.get("pricingModel").and_then(Value::as_str) == Some(PER_ITEM_MODEL)
    }

    /// What an item costs, as the run tells it.
    fn item_microusd(&self, tier: Tier) -> Option<u64> {
        if !self.is_per_item() {
            return self.event_microusd(ITEM_EVENT, tier);
        }
        tiered(self.0.get("tieredPricing"), tier, "tieredPricePerUnitUsd")
            .or_else(|| microusd(self.0.get("pricePerUnitUsd")))
    }

    fn event_microusd(&self, event: &str, tier: Tier) -> Option<u64> {
        let event = self.0.get("pricingPerEvent")?.get("actorChargeEvents")?.get(event)?;
        tiered(event.get("eventTieredPricingUsd"), tier, "tieredEventPriceUsd")
            .or_else(|| microusd(event.get("eventPriceUsd")))
    }
}

/// Our tier's price. Where it is not listed, that of the next tier with less discount: we never pay more than that.
fn tiered(prices: Option<&Value>, tier: Tier, field: &str) -> Option<u64> {
    let prices = prices?;
    tier.and_dearer().find_map(|tier| microusd(prices.get(tier.as_str())?.get(field)))
}

fn microusd(dollars: Option<&Value>) -> Option<u64> {
    let dollars = dollars?.as_f64().filter(|dollars| (0.0..=TOLD_USD_MAX).contains(dollars))?;
    Some((dollars * MICROUSD_PER_USD as f64).round() as u64)
}

/// The billed results and the cost in millionths of a dollar, by the run's own counts of charged events and its own
/// prices. The counts are missing while Apify has not counted yet: then by `items`.
pub(super) fn of(run: &Run, part: ScrapePart, settings: &ScraperSettings, items: usize) -> (u64, u64) {
    let results = charged(run, ITEM_EVENT).unwrap_or(items as u64);
    (results, item_price(run, part, settings).saturating_mul(results).saturating_add(starts_cost(run, settings)))
}

/// The same of one of several usernames: its own items, and its part of the starts.
pub(super) fn share_of(
    run: &Run,
    part: ScrapePart,
    settings: &ScraperSettings,
    items: usize,
    usernames: usize,
    is_first: bool,
) -> (u64, u64) {
    let (starts, usernames) = (starts_cost(run, settings), (usernames as u64).max(1));
    let start = starts / usernames + if is_first { starts % usernames } else { 0 };
    let results = items as u64;
    (results, item_price(run, part, settings).saturating_mul(results).saturating_add(start))
}

fn charged(run: &Run, event: &str) -> Option<u64> {
    run.charged_event_counts.as_ref().and_then(|counts| counts.get(event)).copied()
}

fn item_price(run: &Run, part: ScrapePart, settings: &ScraperSettings) -> u64 {
    run.pricing_info.item_microusd(settings.tier).unwrap_or_else(|| assumed_microusd(part, settings))
}

fn starts_cost(run: &Run, settings: &ScraperSettings) -> u64 {
    let starts = match run.pricing_info.is_per_item() {
        true => 0,
        false => {
            charged(run, START_EVENT).unwrap_or_else(|| run.options.memory_mbytes.div_ceil(MEMORY_MB_PER_START).max(1))
        }
    };
    let start = run.pricing_info.event_microusd(START_EVENT, settings.tier).unwrap_or(PRICE_PER_START_MICROUSD);
    start.saturating_mul(starts)
}

/// What an item costs where no run has told it.
fn assumed_microusd(part: ScrapePart, settings: &ScraperSettings) -> u64 {
    settings.price_per_result_microusd.unwrap_or(match part {
        ScrapePart::Details => PRICE_PER_PROFILE_MICROUSD,
        ScrapePart::Posts(_) => PRICE_PER_POST_MICROUSD,
    })
}

/// What a run of so many items may cost at most, in dollars, for Apify to hold: somewhat above what they cost.
pub(super) fn bound_usd(part: ScrapePart, settings: &ScraperSettings, items: u32) -> String {
    let items = assumed_microusd(part, settings).saturating_mul(u64::from(items));
    let bound = items.saturating_mul(BOUND_PERCENT) / 100 + BOUND_STARTS * PRICE_PER_START_MICROUSD;
    let bound = bound.max(BOUND_MICROUSD_MIN);
    let dollars = format!("{}.{:06}", bound / MICROUSD_PER_USD, bound % MICROUSD_PER_USD);
    dollars.trim_end_matches('0').trim_end_matches('.').to_owned()
}
