//! What an actor run costs us, whatever it gave.

use super::*;

/// A run of an actor that charges by event, with these charges; `None` while Apify has not counted them.
fn charged(counts: Option<Value>, memory_mb: u64) -> Sent {
    let mut run = json!({
        "id": "r", "status": "SUCCEEDED", "defaultDatasetId": "d", "options": {"memoryMbytes": memory_mb},
        "pricingInfo": {"pricingModel": "PAY_PER_EVENT"}, "usageTotalUsd": null,
    });
    if let Some(counts) = counts {
        run["chargedEventCounts"] = counts;
    }
    answer(200, &json!({"data": run}))
}

#[tokio::test]
async fn a_run_costs_what_its_events_cost() {
    let counted = json!({"apify-actor-start": 2, "apify-default-dataset-item": 3});
    for (counts, memory_mb, results, cost) in [
        (Some(counted), 2_048, 3, 3 * 2_600 + 2 * 50),
        (None, 512, 1, 2_600 + 50),
        (None, 4_096, 1, 2_600 + 4 * 50),
        (Some(json!({"apify-actor-start": 1})), 1_024, 1, 2_600 + 50),
    ] {
        let collected = collect([charged(counts, memory_mb), items()]).await;
        let Ok(Collected::Finished { usage, .. }) = collected else { panic!("{collected:?}") };
        assert_eq!((usage.results, usage.cost_microusd), (results, cost), "{memory_mb} MB");
    }
    let script = Arc::new(Script::of([charged(None, 1_024), items()]));
    let posts = look(&real(&script), &ticket(), ScrapePart::newest(50)).await;
    let Ok(Collected::Finished { usage, .. }) = posts else { panic!("{posts:?}") };
    assert_eq!(usage.cost_microusd, 2_700 + 50);
}

/// What a run with this `pricingInfo`, one start and ten items costs, in millionths of a dollar.
async fn cost_by(pricing_info: Value, settings: ScraperSettings) -> u64 {
    let data = json!({
        "id": "r", "status": "SUCCEEDED", "defaultDatasetId": "d", "pricingInfo": pricing_info,
        "chargedEventCounts": {"apify-actor-start": 1, "apify-default-dataset-item": 10},
    });
    let script = Arc::new(Script::of([answer(200, &json!({ "data": data })), items()]));
    let collected = look(&real(&script).with_settings(settings), &ticket(), ScrapePart::Details).await;
    let Ok(Collected::Finished { usage, .. }) = collected else { panic!("{collected:?}") };
    usage.cost_microusd
}

#[tokio::test]
async fn what_a_run_tells_of_its_prices_counts_by_our_tier_and_a_setting_where_it_tells_nothing() {
    let by_event = |item: Value| {
        json!({"pricingModel": "PAY_PER_EVENT", "pricingPerEvent": {"actorChargeEvents": {
            "apify-actor-start": {"eventPriceUsd": 0.001}, "apify-default-dataset-item": item,
        }}})
    };
    let tiers = json!({"eventTieredPricingUsd": {
        "FREE": {"tieredEventPriceUsd": 0.0026}, "BRONZE": {"tieredEventPriceUsd": 0.0023},
        "GOLD": {"tieredEventPriceUsd": 0.0015},
    }});
    let per_item = |more: Value| {
        let mut info = json!({"pricingModel": "PRICE_PER_DATASET_ITEM", "pricePerUnitUsd": 0.0027});
        info.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        info
    };
    let unit_tiers = json!({"tieredPricing": {"SILVER": {"tieredPricePerUnitUsd": 0.002}}});
    for (pricing_info, tier, price, cost) in [
        (by_event(tiers.clone()), Tier::Free, Some(9_000), 26_000 + 1_000),
        (by_event(tiers.clone()), Tier::Bronze, None, 23_000 + 1_000),
        // A tier that is not listed pays no more than the next one with less discount.
        (by_event(tiers.clone()), Tier::Silver, None, 23_000 + 1_000),
        (by_event(tiers), Tier::Gold, None, 15_000 + 1_000),
        (by_event(json!({"eventPriceUsd": 0.004})), Tier::Gold, Some(9_000), 40_000 + 1_000),
        (by_event(json!({"eventTitle": "Result"})), Tier::Free, Some(9_000), 90_000 + 1_000),
        (by_event(json!({"eventPriceUsd": "cheap"})), Tier::Free, None, 26_000 + 1_000),
        (per_item(json!({})), Tier::Gold, Some(9_000), 27_000),
        (per_item(unit_tiers.clone()), Tier::Gold, None, 20_000),
        (per_item(unit_tiers), Tier::Bronze, None, 27_000),
        (Value::Null, Tier::Free, Some(9_000), 90_000 + 50),
        (json!("a new form"), Tier::Free, None, 26_000 + 50),
    ] {
        assert_eq!(cost_by(pricing_info.clone(), priced(price, tier)).await, cost, "{pricing_info} {tier:?}");
    }
}

#[tokio::test]
async fn a_dataset_that_lacks_the_items_of_the_bill_is_read_again_before_it_is_believed() {
    let counts = |items: u64| Some(json!({"apify-actor-start": 1, "apify-default-dataset-item": items}));
    let missing = collect([charged(counts(1), 1_024), text(200, "[]")]).await;
    let Ok(Collected::ItemsMissing { usage }) = missing else { panic!("{missing:?}") };
    assert_eq!((usage.results, usage.cost_microusd), (1, 2_650), "it is billed");
    let none = collect([charged(counts(0), 1_024), text(200, "[]")]).await;
    assert!(matches!(none, Ok(Collected::Finished { found: Found::Unusable(_), .. })), "{none:?}");
}

#[tokio::test]
async fn a_finished_run_without_a_usable_item_is_billed_all_the_same() {
    let nothing = collect([run("SUCCEEDED"), text(200, "[]")]).await;
    let Ok(Collected::Finished { found, .. }) = nothing else { panic!("{nothing:?}") };
    assert_eq!(found, Found::Unusable("apify items: no items".into()));
}

#[tokio::test]
async fn results_that_are_too_large_are_billed_in_full_and_not_asked_for_again() {
    let script = Arc::new(Script::of([run("SUCCEEDED"), Err(SendError::TooLarge)]));
    let collected = look(&real(&script), &ticket(), ScrapePart::newest(50)).await;
    let Ok(Collected::Finished { found, usage, .. }) = collected else { panic!("{collected:?}") };
    assert_eq!(found, Found::Unusable("apify items: answer too large".into()));
    assert_eq!((usage.results, usage.cost_microusd), (50, 135_000));
    let lost = collect([run("SUCCEEDED"), Err(SendError::Broken("answer too large".into()))]).await;
    assert_eq!(lost, Err(ScrapeFault::Unanswered("apify items: broken: answer too large".into())));
}
