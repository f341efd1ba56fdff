use std::sync::Mutex;

use async_trait::async_trait;
use serde_json::{Value, json};

use super::{super::object_keys, *};
use crate::{shared::analysis_type::AnalysisType, triggers::wrangler};

#[test]
fn the_bucket_ends_snapshots_and_pointers_when_the_code_does() {
    let lifecycle: Value = serde_json::from_str(include_str!("../../../../../../r2-lifecycle.json")).unwrap();
    let rules: Vec<(&Value, &Value)> = lifecycle["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| {
            assert_eq!(
                (&rule["enabled"], &rule["deleteObjectsTransition"]["condition"]["type"]),
                (&json!(true), &json!("Age"))
            );
            (&rule["conditions"]["prefix"], &rule["deleteObjectsTransition"]["condition"]["maxAge"])
        })
        .collect();
    let seconds = json!(SNAPSHOT_LIFETIME.as_secs());
    let (snapshots, pointers) = (json!(object_keys::SNAPSHOTS), json!(object_keys::POINTERS));
    assert_eq!(rules, [(&snapshots, &seconds), (&pointers, &seconds)], "pictures end by the daily job");
}

#[test]
fn the_engine_forgets_a_run_soon_after_its_end() {
    for workflow in wrangler()["workflows"].as_array().unwrap() {
        assert_eq!(
            workflow["default_retention"],
            json!({ "success_retention": "1 day", "error_retention": "3 days" }),
            "results of steps hold whole profiles"
        );
    }
}

#[test]
fn no_rule_can_use_what_has_ended() {
    let longest = AnalysisType::ALL.into_iter().map(|kind| kind.config().cache_age_max).max().unwrap();
    assert!(SNAPSHOT_LIFETIME > longest, "the cache serves it");
    assert!(PICTURE_GRACE > longest, "a run with a cached profile copies no picture");
    assert!(CHANGE_LIFETIME > longest, "a run may judge a cached profile");
}

/// Knows which usernames are abandoned; remembers what was deleted and asked.
#[derive(Default)]
struct Double {
    abandoned: Vec<InstagramHandle>,
    deleted: Mutex<Vec<InstagramHandle>>,
    asked: Mutex<Vec<AbandonedWhen>>,
    is_bucket_out: bool,
}

#[async_trait]
impl ProfileRecords for Double {
    async fn abandoned(
        &self,
        when: AbandonedWhen,
        after: Option<&InstagramHandle>,
        limit: usize,
    ) -> Result<Vec<InstagramHandle>, StoreError> {
        self.asked.lock().unwrap().push(when);
        let later = self.abandoned.iter().filter(|name| after.is_none_or(|after| name.as_str() > after.as_str()));
        Ok(later.take(limit).cloned().collect())
    }

    async fn forget_changes(&self, _: Timestamp) -> Result<u64, StoreError> {
        Ok(3)
    }
}

#[async_trait]
impl PictureStore for Double {
    async fn copy(&self, _: &InstagramHandle, _: &str) -> Result<(), String> {
        unreachable!("the job copies nothing")
    }

    async fn delete(&self, usernames: &[InstagramHandle]) -> Result<(), StoreError> {
        if self.is_bucket_out {
            return Err(StoreError::Unavailable("R2".to_owned()));
        }
        self.deleted.lock().unwrap().extend_from_slice(usernames);
        Ok(())
    }
}

fn usernames(count: usize) -> Vec<InstagramHandle> {
    (0..count).map(|number| format!("user.{number:07}").parse().unwrap()).collect()
}

#[tokio::test]
async fn every_abandoned_picture_is_deleted_whatever_their_number() {
    let time = |text: &str| -> Timestamp { text.parse().unwrap() };
    let (now, closed_before) = (time("2026-11-26T02:00:00Z"), time("2026-10-27T02:00:00Z"));
    for count in [0, 1, PAGE, PAGE + 1, 2 * PAGE + 5] {
        let double = Double { abandoned: usernames(count), ..Double::default() };
        let report = forget_profiles(&double, &double, now, closed_before).await.unwrap();
        let calls = 1 + 2 * (count / PAGE + 1);
        assert_eq!(report, ForgetReport { pictures: count, changes: 3, is_cut_short: false, calls });
        assert_eq!(*double.deleted.lock().unwrap(), double.abandoned);
        let (since, until) = (time("2026-11-17T02:00:00Z"), time("2026-11-25T01:00:00Z"));
        let window = AbandonedWhen { since, until, closed_before };
        assert!(double.asked.lock().unwrap().iter().all(|asked| *asked == window));
    }
}

#[tokio::test]
async fn a_job_that_leaves_some_says_so() {
    let double = Double { abandoned: usernames(PAGES_MAX * PAGE + 1), ..Double::default() };
    let report = forget_profiles(&double, &double, Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH).await.unwrap();
    let (pictures, calls) = (PAGES_MAX * PAGE, FORGET_CALLS_MAX);
    assert_eq!(report, ForgetReport { pictures, changes: 3, is_cut_short: true, calls });
}

#[tokio::test]
async fn a_job_that_could_not_delete_fails() {
    let double = Double { abandoned: usernames(1), is_bucket_out: true, ..Double::default() };
    let failed = forget_profiles(&double, &double, Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH).await;
    assert!(matches!(failed, Err(StoreError::Unavailable(_))));
}
