//! What was read becomes a snapshot in the profile cache.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    Body, EarlyEnd, WorkflowPorts,
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
                    // The same for every attempt, so that a repeated save writes the same object.
                    let hint = details.provider_run_id.clone();
                    let cost_microusd = details.cost_microusd + posts.as_ref().map_or(0, |posts| posts.cost_microusd);
                    let snapshot = merge(&wanted, details, posts, earlier.as_ref().clone())?;
                    mark_stale(&ports, run, &snapshot).await?;
                    let key = ports.snapshots.save(&snapshot, &hint).await?;
                    Ok(StoredSnapshot { key, cost_microusd })
                }
            })
            .await?;
        Ok(stored)
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
