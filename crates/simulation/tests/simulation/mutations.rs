//! A simulation that finds nothing proves something only if it would have found it.

use oslira_simulation::{Mutation, Plan, history};

const HISTORIES_MAX: u64 = 5_000;

#[test]
fn every_deliberate_defect_is_caught() {
    for mutation in Mutation::ALL {
        let caught = (0..HISTORIES_MAX).find_map(|seed| {
            let report = history(Plan { mutation: Some(mutation), ..Plan::of(seed) });
            report.accusation.map(|accusation| (seed, accusation))
        });
        let (seed, accusation) = caught.unwrap_or_else(|| panic!("{mutation:?} went unnoticed"));
        println!("{mutation:?}: seed {seed}: {accusation}");
    }
}
