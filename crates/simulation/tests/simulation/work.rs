//! How much a run without faults takes of everything outside: `work.json`, which `cargo xtask capacity` multiplies.

use std::{collections::BTreeMap, path::Path};

use oslira_app::shared::analysis_type::AnalysisType;
use oslira_simulation::Work;

use crate::{
    crashes::work,
    scenarios::{CacheState, Scenario},
};

/// Set it to write the file anew.
const UPDATE: &str = "OSLIRA_UPDATE";

#[test]
fn a_run_takes_as_much_as_is_written_down() {
    let mut measured: BTreeMap<&str, BTreeMap<&str, Work>> = BTreeMap::new();
    for kind in AnalysisType::ALL {
        for (name, before) in [("cold", CacheState::Nothing), ("cached", CacheState::Cached)] {
            measured.entry(kind.as_str()).or_default().insert(name, work(&Scenario::of(kind, before)));
        }
    }
    let measured = format!("{}\n", serde_json::to_string_pretty(&measured).unwrap());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("work.json");
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, &measured).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        written, measured,
        "work.json is out of date: run this test with {UPDATE}=1, then `cargo xtask capacity --write`"
    );
}
