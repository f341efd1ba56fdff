//! What is planned before a scrape, and remembered: a replay must start the same scrapes, although the snapshot that the
//! plan goes by may have ended meanwhile, or a newer one may be there.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    features::profiles::{
        DETAILS_POSTS, EarlierPosts, InstagramHandle, SNAPSHOT_LIFETIME, ScrapePart, ScrapePlan, Snapshot, SnapshotKey,
        SnapshotStore,
    },
    shared::{analysis_type::AnalysisType, ids::RunId, store::StoreError},
};

/// A step may remember 1 MiB. Fifty posts have about 50 KB; only captions full of emoji come near this.
const EARLIER_BYTES_MAX: usize = 512 * 1_024;

/// How a profile is scraped, with the posts that need not be read again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct PlannedScrape {
    #[serde(default)]
    pub(super) plan: ScrapePlan,
    /// [`EarlierPosts`] as one text: the engine would otherwise copy thousands of small objects.
    #[serde(default)]
    earlier: Option<String>,
}

impl PlannedScrape {
    /// Plans by the newest snapshot that is as deep as is wanted. A store that does not answer, or a snapshot that is
    /// not readable, is none: it costs money, not the run.
    async fn of(snapshots: &dyn SnapshotStore, run: RunId, wanted: &Wanted<'_>) -> Self {
        let posts = wanted.analysis_type.config().posts;
        if posts <= DETAILS_POSTS {
            return Self::default();
        }
        let previous = previous(snapshots, wanted, posts).await.unwrap_or_else(|error| {
            tracing::warn!(run_id = %run, %error, "no earlier snapshot to go on from");
            None
        });
        let plan = ScrapePlan::of(previous.as_ref(), posts, wanted.now);
        match plan {
            ScrapePlan::Everything | ScrapePlan::DetailsUnlessMore => Self { plan, earlier: None },
            ScrapePlan::NewPosts { .. } | ScrapePlan::NewPostsIfMissing { .. } => {
                let earlier = previous.and_then(|previous| serde_json::to_string(&EarlierPosts::of(previous)).ok());
                match earlier.filter(|text| text.len() <= EARLIER_BYTES_MAX) {
                    Some(text) => Self { plan, earlier: Some(text) },
                    None => Self::default(),
                }
            }
        }
    }

    /// What is read first, all at once.
    pub(super) fn at_once(&self, analysis_type: AnalysisType) -> Vec<ScrapePart> {
        let posts = analysis_type.config().posts;
        let beside = if posts > DETAILS_POSTS { self.plan.at_once(posts) } else { None };
        std::iter::once(ScrapePart::Details).chain(beside).collect()
    }

    /// The posts to go on from.
    pub(super) fn earlier(&self) -> Option<EarlierPosts> {
        serde_json::from_str(self.earlier.as_deref()?).ok()
    }
}

/// A profile that somebody wants to have judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) username: &'a InstagramHandle,
    pub(super) analysis_type: AnalysisType,
    pub(super) now: Timestamp,
}

/// The cached snapshot that serves, or how the profile is scraped. A cache that does not answer is a miss: it costs a scrape, not
/// the run.
pub(super) async fn cached_or_planned(
    snapshots: &dyn SnapshotStore,
    run: RunId,
    wanted: &Wanted<'_>,
) -> (Option<SnapshotKey>, PlannedScrape) {
    let config = wanted.analysis_type.config();
    let found = snapshots.find(wanted.username, wanted.now - config.cache_age_max, config.posts).await;
    let cached = found.unwrap_or_else(|error| {
        tracing::warn!(run_id = %run, %error, "cache unavailable");
        None
    });
    let scrape = match &cached {
        Some(_) => PlannedScrape::default(),
        None => PlannedScrape::of(snapshots, run, wanted).await,
    };
    (cached, scrape)
}

async fn previous(
    snapshots: &dyn SnapshotStore,
    wanted: &Wanted<'_>,
    posts: u32,
) -> Result<Option<Snapshot>, StoreError> {
    let oldest = wanted.now - SNAPSHOT_LIFETIME;
    match snapshots.find(wanted.username, oldest, posts).await? {
        Some(key) => snapshots.load(&key).await.map(Some),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{
        super::{TakenUp, testing::assignment},
        *,
    };
    use crate::{features::profiles::testing, shared::analysis_type::AnalysisType};

    #[test]
    fn a_take_up_that_a_deployment_without_plans_remembered_reads_everything() {
        let newer_than = "2026-11-20T12:00:00Z".parse().unwrap();
        let scrape = PlannedScrape { plan: ScrapePlan::NewPosts { newer_than }, earlier: Some("{}".to_owned()) };
        let taken =
            TakenUp { assignment: assignment(AnalysisType::Deep), calls: vec![], cached: None, scrape: scrape.clone() };
        let mut remembered = serde_json::to_value(&taken).unwrap();
        let again: TakenUp = serde_json::from_value(remembered.clone()).unwrap();
        assert_eq!(again.scrape, scrape, "a replay starts the same scrapes");

        assert!(matches!(remembered.as_object_mut().unwrap().remove("scrape"), Some(Value::Object(_))));
        let older: TakenUp = serde_json::from_value(remembered).unwrap();
        assert_eq!((older.scrape.plan, older.scrape.earlier()), (ScrapePlan::Everything, None));
    }

    #[test]
    fn earlier_posts_that_cannot_be_read_are_none() {
        let snapshot = testing::snapshot(10, vec![testing::post("2026-11-20T12:00:00Z", None, None)]);
        let earlier = EarlierPosts::of(snapshot);
        let with = |text: String| PlannedScrape { earlier: Some(text), ..PlannedScrape::default() }.earlier();
        assert_eq!(with(serde_json::to_string(&earlier).unwrap()), Some(earlier));
        assert_eq!(with("{".to_owned()), None);
    }
}
