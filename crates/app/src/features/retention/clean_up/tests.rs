use std::sync::Mutex;

use async_trait::async_trait;
use serde_json::json;

use super::*;
use crate::features::profiles::{AbandonedWhen, InstagramHandle};

/// A database with rows to remove, and a bucket with one abandoned picture.
#[derive(Default)]
struct Double {
    rows: Mutex<BTreeMap<Remains, u32>>,
    asked: Mutex<Vec<(Remains, Timestamp)>>,
    broken: Option<Remains>,
    is_bucket_out: bool,
}

impl Double {
    fn with(rows: &[(Remains, u32)]) -> Self {
        Self { rows: Mutex::new(rows.iter().copied().collect()), ..Self::default() }
    }

    async fn clean_up(&self) -> Result<CleanUpReport, StoreError> {
        clean_up(self, self, self, "2026-11-26T02:00:00Z".parse().unwrap()).await
    }

    fn left(&self, what: Remains) -> u32 {
        self.rows.lock().unwrap().get(&what).copied().unwrap_or_default()
    }

    fn asked(&self) -> Vec<(Remains, String)> {
        self.asked.lock().unwrap().iter().map(|(what, before)| (*what, before.to_string())).collect()
    }
}

#[async_trait]
impl RemainsStore for Double {
    async fn remove(&self, what: Remains, before: Timestamp, limit: u32) -> Result<u32, StoreError> {
        self.asked.lock().unwrap().push((what, before));
        if self.broken == Some(what) {
            return Err(StoreError::Unavailable(format!("{what:?}")));
        }
        let mut rows = self.rows.lock().unwrap();
        let left = rows.entry(what).or_default();
        let taken = limit.min(*left);
        *left -= taken;
        Ok(taken)
    }
}

#[async_trait]
impl ProfileRecords for Double {
    async fn abandoned(
        &self,
        when: AbandonedWhen,
        _: Option<&InstagramHandle>,
        _: usize,
    ) -> Result<Vec<InstagramHandle>, StoreError> {
        assert_eq!(when.closed_before.to_string(), "2026-10-27T02:00:00Z", "as accounts end");
        Ok(vec!["nasa".parse().unwrap()])
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

    async fn delete(&self, _: &[InstagramHandle]) -> Result<(), StoreError> {
        if self.is_bucket_out { Err(StoreError::Unavailable("R2".to_owned())) } else { Ok(()) }
    }
}

#[tokio::test]
async fn what_was_deleted_goes_after_30_days_and_logs_after_90_in_the_order_of_what_points_at_what() {
    let double = Double::default();
    let report = double.clean_up().await.unwrap();
    let (month, quarter) = ("2026-10-27T02:00:00Z", "2026-08-28T02:00:00Z");
    let expected = [
        (Remains::Ghosts, "2026-11-26T01:00:00Z"),
        (Remains::Analyses, month),
        (Remains::Leads, month),
        (Remains::BusinessProfiles, month),
        (Remains::BusinessProfileTexts, month),
        (Remains::Accounts, month),
        (Remains::Invitations, month),
        (Remains::LeftOwners, "2026-11-26T02:00:00Z"),
        (Remains::ScrapeLogs, quarter),
        (Remains::AiUsage, quarter),
        (Remains::JobRuns, quarter),
        (Remains::WebhookPayloads, quarter),
        (Remains::BulkKeys, "2026-11-25T02:00:00Z"),
        (Remains::ErasureProofs, quarter),
    ];
    assert_eq!(double.asked(), expected.map(|(what, before)| (what, before.to_owned())));
    let expected = json!({
        "profiles": { "pictures": 1, "is_cut_short": false, "changes": 3 },
        "rows": {
            "ghosts": 0,
            "analyses": 0, "leads": 0, "business_profiles": 0, "business_profile_texts": 0, "accounts": 0,
            "invitations": 0, "left_owners": 0, "scrape_logs": 0, "ai_usage": 0, "job_runs": 0, "webhook_payloads": 0,
            "bulk_keys": 0, "erasure_proofs": 0,
        },
        "is_cut_short": false,
    });
    assert_eq!(serde_json::to_value(report).unwrap(), expected);
}

#[tokio::test]
async fn batches_go_on_until_one_is_not_full() {
    for (rows, batches) in [(0, 1), (1, 1), (BATCH - 1, 1), (BATCH, 2), (3 * BATCH + 1, 4)] {
        let double = Double::with(&[(Remains::Leads, rows)]);
        let report = double.clean_up().await.unwrap();
        assert_eq!((report.rows[&Remains::Leads], report.is_cut_short), (u64::from(rows), false));
        let asked = double.asked().into_iter().filter(|(what, _)| *what == Remains::Leads);
        assert_eq!(asked.count(), batches, "{rows}");
    }
}

#[tokio::test]
async fn a_job_that_leaves_some_says_so_and_the_next_one_goes_on() {
    let rows = BATCH * CALLS_MAX as u32;
    let double = Double::with(&[(Remains::Leads, 5), (Remains::AiUsage, rows)]);
    let first = double.clean_up().await.unwrap();
    assert!(first.is_cut_short);
    assert_eq!(double.asked().len() + first.profiles.calls, CALLS_MAX, "one job makes no more calls");
    assert_eq!(first.rows[&Remains::Leads], 5);
    assert_eq!(first.rows[&Remains::AiUsage] + u64::from(double.left(Remains::AiUsage)), u64::from(rows));
    assert!(!double.clean_up().await.unwrap().is_cut_short);
    assert_eq!(double.left(Remains::AiUsage), 0);
}

#[tokio::test]
async fn a_part_that_fails_fails_the_job_and_keeps_no_other_from_being_removed() {
    let rows = Remains::ALL.map(|what| (what, 1));
    for broken in Remains::ALL {
        let double = Double { broken: Some(broken), ..Double::with(&rows) };
        assert!(double.clean_up().await.unwrap_err().to_string().ends_with(&format!("{broken:?}")));
        for what in Remains::ALL {
            assert_eq!(double.left(what), u32::from(what == broken), "{what:?}");
        }
    }
}

#[tokio::test]
async fn an_account_keeps_its_leads_until_its_pictures_are_gone() {
    let double = Double { is_bucket_out: true, ..Double::with(&Remains::ALL.map(|what| (what, 1))) };
    assert_eq!(double.clean_up().await.unwrap_err().to_string(), "store unavailable: R2");
    for what in Remains::ALL {
        assert_eq!(double.left(what), u32::from(what == Remains::Accounts), "{what:?}");
    }
}
