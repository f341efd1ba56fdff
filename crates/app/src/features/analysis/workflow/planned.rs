//! What is planned before a scrape, and remembered: a replay must start the same scrapes, although the snapshot that the
//! plan goes by may have ended meanwhile, or a newer one may be there.

use serde::{Deserialize, Serialize};

use super::WorkflowPorts;
use crate::{
    features::{
        analysis::Assignment,
        profiles::{DETAILS_POSTS, EarlierPosts, SNAPSHOT_LIFETIME, ScrapePlan, Snapshot},
    },
    shared::{ids::RunId, store::StoreError},
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
    pub(super) async fn of(ports: &WorkflowPorts, run: RunId, assignment: &Assignment) -> Self {
        let wanted = assignment.analysis_type.config().posts;
        if wanted <= DETAILS_POSTS {
            return Self::default();
        }
        let previous = previous(ports, assignment, wanted).await.unwrap_or_else(|error| {
            tracing::warn!(run_id = %run, %error, "no earlier snapshot to go on from");
            None
        });
        let plan = ScrapePlan::of(previous.as_ref(), wanted, ports.clock.now());
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

    /// The posts to go on from.
    pub(super) fn earlier(&self) -> Option<EarlierPosts> {
        serde_json::from_str(self.earlier.as_deref()?).ok()
    }
}

async fn previous(ports: &WorkflowPorts, assignment: &Assignment, wanted: u32) -> Result<Option<Snapshot>, StoreError> {
    let oldest = ports.clock.now() - SNAPSHOT_LIFETIME;
    match ports.snapshots.find(&assignment.username, oldest, wanted).await? {
        Some(key) => ports.snapshots.load(&key).await.map(Some),
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
