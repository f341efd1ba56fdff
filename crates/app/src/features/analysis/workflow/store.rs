//! What was read becomes a snapshot in the profile cache.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    Body, EarlyEnd, WorkflowPorts,
    failure::SUBJECT_ERASED,
    scrape::{PartContent, ScrapedPart},
};
use crate::{
    features::{
        analysis::{Assignment, Phase, ProgressUpdate, config},
        profiles::{DETAILS_POSTS, EarlierPosts, SNAPSHOT_LIFETIME, Snapshot, SnapshotKey, changed_significantly},
    },
    shared::{
        ids::RunId,
        steps::{AttemptFailed, Steps},
    },
};

/// A stored snapshot and what it cost.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct StoredSnapshot {
    pub(super) key: SnapshotKey,
    pub(super) cost_microusd: u64,
    /// Nothing was stored, because the profile was erased. Runs that began before there were erasures do not say it.
    #[serde(default)]
    is_erased: bool,
}

impl StoredSnapshot {
    pub(super) const fn new(key: SnapshotKey, cost_microusd: u64) -> Self {
        Self { key, cost_microusd, is_erased: false }
    }
}

impl<S: Steps> Body<'_, S> {
    /// Saves the snapshot, and marks analyses of an older and very different one as stale.
    pub(super) async fn store(
        &self,
        assignment: &Assignment,
        details: ScrapedPart,
        posts: Option<ScrapedPart>,
        earlier: Option<EarlierPosts>,
    ) -> Result<StoredSnapshot, EarlyEnd> {
        let (ports, run, wanted) = (self.ports.clone(), self.run, assignment.clone());
        let earlier = Arc::new(earlier);
        let stored = self
            .steps
            .run("store", move || {
                let (ports, wanted, details, posts) = (ports.clone(), wanted.clone(), details.clone(), posts.clone());
                let earlier = earlier.clone();
                async move {
                    ports.progress.tell(run, ProgressUpdate::Reached(Phase::Storing)).await;
                    // The same for every attempt, so that a repeated save writes the same object; and this run's own, because
                    // others share its scrape and may make another snapshot of it.
                    let hint = format!("{}-{run}", details.provider_run_id);
                    let cost_microusd = details.cost_microusd + posts.as_ref().map_or(0, |posts| posts.cost_microusd);
                    let snapshot = merge(&wanted, details, posts, earlier.as_ref().clone())?;
                    if ports.runs.refuse_erased(&snapshot.profile).await? {
                        let key = SnapshotKey(String::new());
                        return Ok(StoredSnapshot { key, cost_microusd, is_erased: true });
                    }
                    mark_stale(&ports, run, &snapshot).await?;
                    let key = ports.snapshots.save(&snapshot, &hint).await?;
                    Ok(StoredSnapshot::new(key, cost_microusd))
                }
            })
            .await?;
        if stored.is_erased { Err(EarlyEnd::Failed(SUBJECT_ERASED)) } else { Ok(stored) }
    }
}

/// Makes one snapshot of what was read, and of earlier posts if it goes on from them.
fn merge(
    wanted: &Assignment,
    details: ScrapedPart,
    posts: Option<ScrapedPart>,
    earlier: Option<EarlierPosts>,
) -> Result<Snapshot, AttemptFailed> {
    let mixed_up = || AttemptFailed::Terminal("a scrape read something else than it was asked for".to_owned());
    let content = |part: &ScrapedPart| serde_json::from_str(&part.content).map_err(|_| mixed_up());
    let PartContent::Details(mut profile) = content(&details)? else { return Err(mixed_up()) };
    let new = match posts.as_ref().map(content).transpose()? {
        None => vec![],
        Some(PartContent::Posts(posts)) => posts,
        Some(PartContent::Details(_)) => return Err(mixed_up()),
    };
    let posts_wanted = wanted.analysis_type.config().posts;
    let posts_read_at = earlier.as_ref().map(|earlier| earlier.read_at);
    match earlier {
        Some(earlier) => earlier.continue_with(&mut profile, new, posts_wanted),
        None if posts.is_some() => profile.take_posts(new),
        None => {}
    }
    let shown = u32::try_from(profile.posts.len()).unwrap_or(u32::MAX);
    let depth = match profile.posts_count <= u64::from(DETAILS_POSTS) {
        // The profile itself shows all there are, so every analysis is served.
        true => config::posts_max(),
        // If the scraper showed no more than the profile itself does, the snapshot must not serve deep analyses from the
        // cache.
        false if shown <= DETAILS_POSTS => DETAILS_POSTS,
        false => posts_wanted,
    };
    Ok(Snapshot { profile: *profile, scraped_at: details.read_at, depth, posts_read_at, source: details.source })
}

/// Compares with the previous snapshot. It is done before the new one is saved: a repeat of the step would otherwise
/// compare the new one with itself.
async fn mark_stale(ports: &WorkflowPorts, run: RunId, new: &Snapshot) -> Result<(), AttemptFailed> {
    let username = &new.profile.username;
    let oldest = new.scraped_at - SNAPSHOT_LIFETIME;
    let changed_at = match ports.snapshots.find(username, oldest, 0).await? {
        Some(key) => {
            let old = ports.snapshots.load(&key).await?;
            if !changed_significantly(&old.profile, &new.profile) {
                return Ok(());
            }
            new.scraped_at
        }
        // Nothing is left to compare with: nobody can say that an analysis from before still holds.
        None => oldest,
    };
    let marked = ports.runs.mark_stale(username, changed_at).await?;
    tracing::info!(run_id = %run, marked, "older analyses of the profile are stale");
    Ok(())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{super::testing::assignment, *};
    use crate::{
        features::profiles::{Post, Profile, testing},
        shared::analysis_type::AnalysisType,
    };

    fn posts(days: std::ops::RangeInclusive<i8>) -> Vec<Post> {
        days.rev().map(|day| testing::post(&format!("2026-11-{day:02}T09:00:00Z"), None, None)).collect()
    }

    fn part(content: &PartContent) -> ScrapedPart {
        ScrapedPart {
            content: serde_json::to_string(content).unwrap(),
            read_at: "2026-11-25T12:00:00Z".parse().unwrap(),
            source: "sandbox".to_owned(),
            provider_run_id: "run".to_owned(),
            cost_microusd: 1,
            posts: 0,
        }
    }

    /// The snapshot of a profile that says it has so many posts and shows those of these days.
    fn merged(
        kind: AnalysisType,
        (posts_count, shown): (u64, std::ops::RangeInclusive<i8>),
        new: Option<Vec<Post>>,
        earlier: Option<EarlierPosts>,
    ) -> Snapshot {
        let profile = Profile { posts_count, ..testing::snapshot(1_000, posts(shown)).profile };
        let details = part(&PartContent::Details(Box::new(profile)));
        let new = new.map(|posts| part(&PartContent::Posts(posts)));
        merge(&assignment(kind), details, new, earlier).unwrap()
    }

    #[test]
    fn a_snapshot_is_as_deep_as_what_was_read_and_full_where_the_profile_shows_all() {
        use AnalysisType::{Deep, Light};
        for (kind, seen, new, depth) in [
            (Light, (80, 8..=19), None, 12),
            (Light, (12, 8..=19), None, 50),
            (Light, (1, 19..=19), None, 50),
            (Deep, (80, 8..=19), None, 12),
            (Deep, (80, 8..=19), Some(posts(8..=19)), 12),
            (Deep, (80, 8..=19), Some(posts(1..=19)), 50),
            (Deep, (9, 11..=19), None, 50),
        ] {
            let snapshot = merged(kind, seen.clone(), new, None);
            assert_eq!((snapshot.depth, snapshot.posts_read_at), (depth, None), "{kind:?} {seen:?}");
        }
    }

    #[test]
    fn a_snapshot_that_goes_on_from_another_is_as_deep_and_says_since_when() {
        let read_at: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
        let earlier = EarlierPosts::of(testing::snapshot(1_000, posts(1..=19)));
        let snapshot = merged(AnalysisType::Deep, (84, 11..=22), Some(posts(20..=22)), Some(earlier));
        assert_eq!((snapshot.depth, snapshot.posts_read_at), (50, Some(read_at)));
        assert_eq!((snapshot.scraped_at, snapshot.posts_read_at()), ("2026-11-25T12:00:00Z".parse().unwrap(), read_at));
        assert_eq!(snapshot.profile.posts, posts(1..=22));
    }
}
