//! What changed in a lead from one analysis to the next.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Analysis, HistoryEntry};
use crate::shared::ids::AnalysisId;

/// How many analyses a history shows.
pub const HISTORY_MAX: usize = 50;

/// The facts that are compared.
const FIELDS: [&str; 10] = [
    "username",
    "display_name",
    "biography",
    "followers",
    "following",
    "posts",
    "category",
    "external_url",
    "is_verified",
    "is_business",
];

/// The difference between an analysis and the one before it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Changes {
    /// The analysis before.
    pub since: AnalysisId,
    /// Points won or lost.
    pub score_delta: i16,
    /// The facts that differ, by name. A fact that one of the two did not keep is not compared.
    pub profile: BTreeMap<&'static str, FieldChange>,
}

/// A fact before and after.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct FieldChange {
    /// As the analysis before saw it.
    pub from: Value,
    /// As this analysis saw it.
    pub to: Value,
}

/// Pairs each analysis with the one before it. `analyses` come newest first and may hold one more than is shown, which
/// then only serves as the one before the last.
#[must_use]
pub fn history(analyses: Vec<Analysis>) -> Vec<HistoryEntry> {
    let before = analyses.iter().skip(1).map(Some).chain([None]);
    let changes: Vec<_> = analyses.iter().zip(before).map(|(now, before)| Some(changes(before?, now))).collect();
    let entries = analyses.into_iter().zip(changes).map(|(analysis, changes)| HistoryEntry { analysis, changes });
    entries.take(HISTORY_MAX).collect()
}

fn changes(before: &Analysis, now: &Analysis) -> Changes {
    Changes {
        since: before.id,
        score_delta: i16::from(now.score) - i16::from(before.score),
        profile: match (&before.profile, &now.profile) {
            (Some(before), Some(now)) => differing(before, now),
            (None, _) | (_, None) => BTreeMap::new(),
        },
    }
}

fn differing(before: &Map<String, Value>, now: &Map<String, Value>) -> BTreeMap<&'static str, FieldChange> {
    let change = |field: &'static str| {
        let (from, to) = (before.get(field)?, now.get(field)?);
        (from != to).then(|| (field, FieldChange { from: from.clone(), to: to.clone() }))
    };
    FIELDS.into_iter().filter_map(change).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::shared::ids::RunId;

    fn analysis(number: u128, score: u8, profile: Option<Value>) -> Analysis {
        Analysis {
            id: AnalysisId::new(Uuid::from_u128(number)),
            run_id: RunId::new(Uuid::from_u128(number)),
            analysis_type: "LIGHT".to_owned(),
            score,
            model: "openai/gpt-4o-mini".to_owned(),
            provider: "sandbox".to_owned(),
            is_stale: false,
            summary: None,
            scraped_at: "2026-11-20T12:00:00Z".parse().unwrap(),
            created_at: "2026-11-20T12:00:00Z".parse().unwrap(),
            profile: profile.map(|profile| profile.as_object().unwrap().clone()),
        }
    }

    #[test]
    fn each_analysis_is_held_against_the_one_before_it() {
        let entries = history(vec![
            analysis(3, 60, Some(json!({ "followers": 300, "category": null, "is_verified": true }))),
            analysis(2, 72, Some(json!({ "followers": 200, "category": "Baker", "is_verified": true }))),
            analysis(1, 70, Some(json!({ "followers": 200, "category": "Baker", "is_verified": true }))),
        ]);
        let changes: Vec<_> = entries.iter().map(|entry| serde_json::to_value(&entry.changes).unwrap()).collect();
        assert_eq!(
            changes,
            [
                json!({ "since": Uuid::from_u128(2), "score_delta": -12, "profile": {
                    "followers": { "from": 200, "to": 300 }, "category": { "from": "Baker", "to": null } } }),
                json!({ "since": Uuid::from_u128(1), "score_delta": 2, "profile": {} }),
                json!(null),
            ]
        );
    }

    #[test]
    fn what_one_of_the_two_did_not_keep_is_not_compared() {
        let old = analysis(1, 50, None);
        let narrow = analysis(2, 51, Some(json!({ "followers": 1 })));
        let wide = analysis(3, 51, Some(json!({ "followers": 2, "posts": 7, "something_else": 1 })));
        let entries = history(vec![wide, narrow, old]);
        let fields: Vec<Vec<&str>> = entries
            .iter()
            .filter_map(|entry| entry.changes.as_ref())
            .map(|changes| changes.profile.keys().copied().collect())
            .collect();
        assert_eq!(fields, [vec!["followers"], vec![]]);
    }

    #[test]
    fn the_one_too_many_is_compared_with_but_not_shown() {
        let entries = history((1..=51).rev().map(|n| analysis(n, 50, None)).collect());
        assert_eq!(entries.len(), HISTORY_MAX);
        assert!(entries.iter().all(|entry| entry.changes.is_some()));
    }

    #[test]
    fn the_kept_profile_is_not_shown() {
        let entries = history(vec![analysis(1, 50, Some(json!({ "followers": 1 })))]);
        assert!(serde_json::to_value(&entries).unwrap()[0].get("profile").is_none());
    }
}
