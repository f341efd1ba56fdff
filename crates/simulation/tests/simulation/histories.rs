//! Random histories keep every guarantee. `OSLIRA_SIM_SEED=<seed>` replays one; `OSLIRA_SIM_HISTORIES=<n>` sets how
//! many.

use std::sync::atomic::{AtomicU64, Ordering};

use oslira_simulation::{Plan, Report, history};

use crate::number;

const HISTORIES: u64 = 100_000;

#[test]
fn a_hundred_thousand_random_histories_keep_every_guarantee() {
    if let Some(seed) = number("OSLIRA_SIM_SEED") {
        let report = history(Plan::of(seed));
        assert_eq!(report.violation, None, "seed {seed}");
        return;
    }
    let histories = number("OSLIRA_SIM_HISTORIES").unwrap_or(HISTORIES);
    let next = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let totals: Vec<[u64; COUNTED.len()]> = std::thread::scope(|scope| {
        let work = || {
            let mut totals = [0; COUNTED.len()];
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= histories {
                    return totals;
                }
                let report = history(Plan::of(seed));
                if let Some(violation) = report.violation {
                    panic!("seed {seed}: {violation}\nreplay with OSLIRA_SIM_SEED={seed}");
                }
                let counts = counts(&report);
                for (total, count) in totals.iter_mut().zip(counts) {
                    *total += u64::from(count);
                }
            }
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().expect("a history violated an invariant")).collect()
    });
    for (at, what) in COUNTED.iter().enumerate() {
        let count: u64 = totals.iter().map(|totals| totals[at]).sum();
        println!("{histories} histories: {count} {what}");
        // A change of the fault rates or of the workflow could make the histories harmless without failing one of them.
        assert!(count > histories / 100, "too few {what} for a proof: {count}");
    }
}

/// The events that must have happened in the histories, in the order of [`counts`].
const COUNTED: [&str; 22] = [
    "crashes",
    "crashes of several steps at once",
    "results",
    "refunds",
    "charges kept",
    "results of several calls",
    "second models asked",
    "runs completed after a model was shut down",
    "bills recorded late",
    "analyses made stale",
    "snapshots that go on from an earlier one",
    "lines of bulks cancelled",
    "charges that draw on several grants",
    "grants ended",
    "requests that a limit refused",
    "requests without the permission",
    "changes to members and keys",
    "changes of version",
    "deaths of the gate or of a scrape",
    "waits for a lease",
    "actor runs that read several profiles",
    "lost starts found in the list",
];

fn counts(report: &Report) -> [u32; COUNTED.len()] {
    let [results, refunds, kept] = report.ends;
    let [limited, refused, changed] = report.members;
    [
        report.crashes,
        report.crashes_in_parallel,
        results,
        refunds,
        kept,
        report.deep_results,
        report.fallbacks,
        report.completed_after_model_end,
        report.late_bills,
        report.stale,
        report.continued,
        report.cancelled_lines,
        report.split_charges,
        report.ended_grants,
        limited,
        refused,
        changed,
        report.deployments,
        report.evictions,
        report.waits,
        report.shared_runs,
        report.found_runs,
    ]
}

#[test]
fn a_seed_is_the_whole_history() {
    let once = history(Plan { record: true, ..Plan::of(7) });
    let again = history(Plan { record: true, ..Plan::of(7) });
    let ops = |report: &Report| report.log.iter().map(|r| (r.op.clone(), r.now_s)).collect::<Vec<_>>();
    assert!(!once.log.is_empty());
    assert_eq!(ops(&once), ops(&again));
}
