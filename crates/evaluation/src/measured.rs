//! What needs no model: facts, score, limits, checks of answers, prompts. Always measured, and held against the stored figures.

mod facts;
mod languages;
mod messages;
mod prompts;
mod quotes;
mod scores;
pub mod stored;

use anyhow::Result;

use crate::{figure::Findings, golden::GoldenSet};

/// Every figure that needs no model.
///
/// # Errors
/// A file of the golden set is broken.
pub fn measure(set: &GoldenSet) -> Result<Findings> {
    let mut findings = facts::measure(set);
    findings.extend(scores::measure(set)?);
    findings.extend(quotes::measure(set)?);
    findings.extend(languages::measure(set)?);
    findings.extend(messages::measure(set)?);
    findings.extend(prompts::measure(set)?);
    Ok(findings)
}

/// The example of an answer, as the product's tests use it, with these fields changed.
fn example(call: oslira_app::features::judging::CallKind, changes: &[(&str, serde_json::Value)]) -> serde_json::Value {
    let mut answer = oslira_app::features::judging::examples::text(call);
    for (place, value) in changes {
        if let Some(field) = answer.pointer_mut(place) {
            *field = value.clone();
        }
    }
    answer
}
