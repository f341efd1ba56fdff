//! Whether the configured models live.

use anyhow::Result;
use oslira_app::features::judging::{LifecycleStatus, ModelLifecycle};

use crate::doctor::catalog::of_source;
use crate::doctor::finding::{Finding, Verdict};
use crate::models::{Looked, Source, look_up, warned};

const CURE: &str = "name another model in the setting (`cargo xtask models` lists those that are offered, `cargo xtask eval` judges one), and \
                    deploy";

/// Asks the providers for what these settings configure.
pub fn examine(source: Result<Source>, setting: impl Fn(&str) -> String) -> Vec<Finding> {
    match source.and_then(|source| look_up(source, setting)) {
        Ok(looked) => {
            vec![Finding::new("models.offered", offered(&looked)), Finding::new("models.ending", ending(&looked))]
        }
        Err(error) => {
            let why = format!("{error:#}");
            of_source("models").map(|check| Finding::new(check, Verdict::unknown(&why))).collect()
        }
    }
}

fn offered(looked: &Looked) -> Verdict {
    let gone: Vec<String> = looked
        .found
        .iter()
        .filter(|model| is_gone(model))
        .map(|model| format!("{} is not offered", model.model))
        .collect();
    let unread = looked.found.iter().find(|model| model.status == LifecycleStatus::Unknown);
    match unread {
        Some(model) if gone.is_empty() => {
            Verdict::unknown(format!("the list that has {} could not be read: look at its key", model.model))
        }
        _ => Verdict::of(gone, CURE),
    }
}

/// Of those that are offered: the others are the other check's.
fn ending(looked: &Looked) -> Verdict {
    let offered: Vec<ModelLifecycle> = looked.found.iter().filter(|model| !is_gone(model)).cloned().collect();
    if offered.iter().all(|model| model.status == LifecycleStatus::Unknown) {
        return Verdict::unknown("no list could be read");
    }
    Verdict::of(warned(&looked.choice, &offered), CURE)
}

const fn is_gone(model: &ModelLifecycle) -> bool {
    matches!(model.status, LifecycleStatus::Retired | LifecycleStatus::Unlisted)
}
