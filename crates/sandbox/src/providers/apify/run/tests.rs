use super::*;

fn run(timeout_s: u64) -> Run {
    let options =
        Options { timeout_s, memory_mb: 1_024, max_items: None, max_total_charge_usd: None, user_agent: "test".into() };
    let input = json!({"usernames": ["a1", "a2", "a3", "a4", "a5", "a6"]});
    Run::new(Actor::Profiles, input, options, vec![3_000, 6_000, 9_000], 1_000_000)
}

#[test]
fn a_run_becomes_ready_running_and_done_and_its_items_come_in_waves() {
    let catalogue = Catalogue::load().unwrap();
    let run = run(0);
    let at = |ms: u64| (run.status(1_000_000 + ms), run.items(&catalogue, 1_000_000 + ms).len());
    assert_eq!(at(0), (Status::Ready, 0));
    assert_eq!(at(1_000), (Status::Running, 0));
    assert_eq!(at(6_000), (Status::Running, 5));
    assert_eq!(at(9_000), (Status::Succeeded, 6));
    assert_eq!(run.finished_ms(2_000_000), Some(1_009_000));
    assert_eq!(run.next_change_ms(1_000_000), Some(1_009_000));
}

#[test]
fn a_timeout_an_abort_and_a_failure_keep_only_finished_waves() {
    let catalogue = Catalogue::load().unwrap();
    let timed_out = run(7);
    assert_eq!(timed_out.status(1_007_000), Status::TimingOut);
    assert_eq!(timed_out.next_change_ms(1_007_000), Some(1_007_500));
    assert_eq!(timed_out.status(1_007_500), Status::TimedOut);
    assert_eq!(timed_out.finished_ms(1_100_000), Some(1_007_500));
    assert_eq!(timed_out.items(&catalogue, 1_100_000).len(), 5);
    let mut aborted = run(0);
    aborted.abort(1_004_000, 500);
    assert_eq!(aborted.status(1_004_100), Status::Aborting);
    assert_eq!(aborted.status(1_004_500), Status::Aborted);
    assert_eq!(aborted.items(&catalogue, 1_100_000).len(), 0);
    let mut failed = run(0);
    failed.verdict = Status::Failed;
    assert_eq!(failed.status(1_009_000), Status::Failed);
    assert_eq!(failed.items(&catalogue, 1_100_000).len(), 5);
}

#[test]
fn a_held_run_ends_when_it_is_released_and_an_ended_one_is_not_aborted() {
    let mut run = run(0);
    run.held = true;
    assert_eq!(run.status(5_000_000), Status::Running);
    run.release(5_000_000);
    assert_eq!((run.status(5_000_000), run.finished_ms(5_000_000)), (Status::Succeeded, Some(5_000_000)));
    run.abort(5_000_001, 500);
    assert_eq!(run.status(6_000_000), Status::Succeeded);
}

#[test]
fn a_run_ends_before_it_costs_more_than_it_may() {
    let catalogue = Catalogue::load().unwrap();
    // Six profiles at 0.0026, and a start at 0.00005.
    for (bound_usd, items) in [(0.01565, 6), (0.01564, 5), (0.00265, 1), (0.00264, 0), (0.00001, 0), (9.0, 6)] {
        let mut run = run(0);
        run.options.max_total_charge_usd = Some(bound_usd);
        assert_eq!(run.items(&catalogue, 2_000_000).len(), items, "{bound_usd}");
        let object = run.to_json(&catalogue, 2_000_000);
        assert_eq!(object["status"], "SUCCEEDED");
        assert_eq!(object["options"]["maxTotalChargeUsd"], bound_usd);
        assert_eq!(object["chargedEventCounts"]["apify-default-dataset-item"], items);
    }
}

#[test]
fn the_object_has_every_field_of_the_recorded_one() {
    let recorded: Value =
        serde_json::from_str(include_str!("../../../../fixtures/apify/apify_run_object.succeeded.2025.json")).unwrap();
    let ours = run(0).to_json(&Catalogue::load().unwrap(), 2_000_000);
    assert_eq!(ours["chargedEventCounts"], json!({"apify-actor-start": 1, "apify-default-dataset-item": 6}));
    // Of the price for each item, which actors had before they charged by event.
    let is_old = |field: &str| matches!(field, "unitName" | "pricePerUnitUsd");
    for (field, value) in recorded.as_object().unwrap() {
        let known = ours.get(field).unwrap_or_else(|| panic!("{field} is missing"));
        for inner in value.as_object().into_iter().flatten().map(|(inner, _)| inner) {
            assert!(inner == "maxItems" || is_old(inner) || known.get(inner).is_some(), "{field}.{inner} is missing");
        }
    }
}
