//! What changed in a lead from one analysis to the next.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Analysis, HistoryEntry};
use crate::{
    features::{analysis::JudgedProfile, profiles::InstagramHandle},
    shared::ids::AnalysisId,
};

/// How many analyses a history shows.
pub const HISTORY_MAX: usize = 50;

/// The difference between an analysis and the one before it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Changes {
    /// The analysis before.
    pub since: AnalysisId,
    /// Points won or lost.
    pub score_delta: i16,
    /// What differs in the profile; empty if one of the two analyses did not store it.
    pub profile: ProfileChanges,
}

/// What differs between two judged profiles; what is equal is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ProfileChanges {
    /// The profile's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub biography: Option<Change<String>>,
    /// Instagram's category.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<Change<Option<String>>>,
    /// The name shown on the profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<Change<String>>,
    /// The profile's link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_url: Option<Change<Option<String>>>,
    /// How many follow it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub followers: Option<Change<u64>>,
    /// How many it follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub following: Option<Change<u64>>,
    /// Whether it is a business account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_business: Option<Change<bool>>,
    /// Whether Instagram has verified it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_verified: Option<Change<bool>>,
    /// How many posts it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub posts: Option<Change<u64>>,
    /// The Instagram username.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Change<String>>")]
    pub username: Option<Change<InstagramHandle>>,
}

/// A fact before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Change<T> {
    /// As the analysis before saw it.
    pub from: T,
    /// As this analysis saw it.
    pub to: T,
}

impl<T: Clone + PartialEq> Change<T> {
    fn between(from: &T, to: &T) -> Option<Self> {
        (from != to).then(|| Self { from: from.clone(), to: to.clone() })
    }
}

impl ProfileChanges {
    fn between(from: &JudgedProfile, to: &JudgedProfile) -> Self {
        // Destructured, so that a new field does not compile until it is compared here.
        let JudgedProfile {
            username,
            display_name,
            biography,
            followers,
            following,
            posts,
            category,
            external_url,
            is_verified,
            is_business,
        } = from;
        Self {
            biography: Change::between(biography, &to.biography),
            category: Change::between(category, &to.category),
            display_name: Change::between(display_name, &to.display_name),
            external_url: Change::between(external_url, &to.external_url),
            followers: Change::between(followers, &to.followers),
            following: Change::between(following, &to.following),
            is_business: Change::between(is_business, &to.is_business),
            is_verified: Change::between(is_verified, &to.is_verified),
            posts: Change::between(posts, &to.posts),
            username: Change::between(username, &to.username),
        }
    }
}

/// Pairs each analysis with the one before it. `analyses` come newest first and may hold one more than is shown: the
/// last one shown is compared with it.
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
            (Some(before), Some(now)) => ProfileChanges::between(before, now),
            (None, _) | (_, None) => ProfileChanges::default(),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;
    use crate::features::profiles::testing::snapshot;

    /// An analysis as the database returns it; `profile` is what the analysis stored.
    fn stored(number: u128, score: u8, profile: &Value) -> Analysis {
        let at = "2026-11-20T12:00:00Z";
        let row = json!({
            "id": Uuid::from_u128(number), "run_id": Uuid::from_u128(number), "analysis_type": "LIGHT", "score": score,
            "model": "gpt-6-luna", "provider": "sandbox", "is_stale": false, "summary": null, "scraped_at": at,
            "created_at": at, "profile": profile,
        });
        serde_json::from_value(row).unwrap()
    }

    fn kept(followers: u64, category: Option<&str>) -> Value {
        let mut profile = JudgedProfile::from(&snapshot(followers, vec![]).profile);
        profile.category = category.map(str::to_owned);
        json!(profile)
    }

    #[test]
    fn each_analysis_is_held_against_the_one_before_it() {
        let entries = history(vec![
            stored(3, 60, &kept(300, None)),
            stored(2, 72, &kept(200, Some("Baker"))),
            stored(1, 70, &kept(200, Some("Baker"))),
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
    fn every_fact_is_compared() {
        let before = kept(1, None);
        let mut now = before.clone();
        for (name, fact) in now.as_object_mut().unwrap() {
            *fact = match fact {
                Value::Bool(flag) => json!(!*flag),
                Value::Number(_) => json!(77),
                _ => json!(format!("other.{name}")),
            };
        }
        let entries = history(vec![stored(2, 50, &now), stored(1, 50, &before)]);
        let changes = serde_json::to_value(&entries[0].changes).unwrap()["profile"].clone();
        let expected: serde_json::Map<String, Value> = before
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, from)| (name.clone(), json!({ "from": from, "to": now[name] })))
            .collect();
        assert_eq!(changes, Value::Object(expected));
    }

    #[test]
    fn an_analysis_that_did_not_keep_the_whole_profile_is_shown_and_not_compared() {
        let entries = history(vec![
            stored(4, 53, &kept(300, None)),
            stored(3, 52, &json!({ "followers": 200 })),
            stored(2, 51, &json!(null)),
            stored(1, 50, &kept(100, None)),
        ]);
        let changes: Vec<_> = entries.iter().filter_map(|entry| entry.changes.as_ref()).collect();
        assert_eq!(changes.len(), 3);
        assert!(changes.iter().all(|changes| changes.score_delta == 1), "{changes:?}");
        assert!(changes.iter().all(|changes| changes.profile == ProfileChanges::default()), "{changes:?}");
    }

    #[test]
    fn the_one_too_many_is_compared_with_but_not_shown() {
        let entries = history((1..=51).rev().map(|n| stored(n, 50, &json!(null))).collect());
        assert_eq!(entries.len(), HISTORY_MAX);
        assert!(entries.iter().all(|entry| entry.changes.is_some()));
    }

    #[test]
    fn the_kept_profile_is_not_shown() {
        let entries = history(vec![stored(1, 50, &kept(1, None))]);
        assert!(entries[0].analysis.profile.is_some());
        assert!(serde_json::to_value(&entries).unwrap()[0].get("profile").is_none());
    }
}
