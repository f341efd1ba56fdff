//! What an actor run costs.

use oslira_app::features::profiles::ScrapePart;
use serde::Deserialize;

use super::Run;

/// What the actors charge for an item, on Apify's smallest plan: larger plans pay less. A run's `usageTotalUsd` is no
/// substitute: it may be missing, or lack what the actor's owner charges.
const PRICE_PER_PROFILE_MICROUSD: u64 = 2_600;
const PRICE_PER_POST_MICROUSD: u64 = 2_700;

/// What Apify charges for a start, for each gigabyte of the run's memory.
const PRICE_PER_START_MICROUSD: u64 = 50;
const MEMORY_MB_PER_START: u64 = 1_024;

/// The names of the two in a run's `chargedEventCounts`.
const START_EVENT: &str = "apify-actor-start";
const ITEM_EVENT: &str = "apify-default-dataset-item";

/// How actors charged before they charged by event: for items only.
const PER_ITEM_MODEL: &str = "PRICE_PER_DATASET_ITEM";

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Options {
    memory_mbytes: u64,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PricingInfo {
    pricing_model: Option<String>,
}

/// The billed results and the cost in millionths of a dollar, by the run's own counts of charged events. They are
/// missing while Apify has not counted yet: then by `items`.
pub(super) fn of(run: &Run, part: ScrapePart, price_per_result_microusd: Option<u64>, items: usize) -> (u64, u64) {
    let charged = |event: &str| run.charged_event_counts.as_ref().and_then(|counts| counts.get(event)).copied();
    let results = charged(ITEM_EVENT).unwrap_or(items as u64);
    let starts = match run.pricing_info.pricing_model.as_deref() {
        Some(PER_ITEM_MODEL) => 0,
        _ => charged(START_EVENT).unwrap_or_else(|| run.options.memory_mbytes.div_ceil(MEMORY_MB_PER_START).max(1)),
    };
    let usual = match part {
        ScrapePart::Details => PRICE_PER_PROFILE_MICROUSD,
        ScrapePart::Posts(_) => PRICE_PER_POST_MICROUSD,
    };
    let price = price_per_result_microusd.unwrap_or(usual);
    let cost = price.saturating_mul(results).saturating_add(PRICE_PER_START_MICROUSD.saturating_mul(starts));
    (results, cost)
}
