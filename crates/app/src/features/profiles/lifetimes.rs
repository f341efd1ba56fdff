//! How long what we know of a profile is kept outside the database. Snapshots and pointers end by the bucket's own lifecycle
//! rules (`r2-lifecycle.json`), what the workflow engine remembers by `default_retention` in `wrangler.jsonc`, pictures by the
//! part of the daily clean-up below. docs/security.md has all lifetimes in one table.

use jiff::{SignedDuration, Timestamp};

use serde::Serialize;

use super::{AbandonedWhen, InstagramHandle, PictureStore, ProfileRecords};
use crate::shared::store::StoreError;

/// A snapshot ends after this time. The cache serves it for a day at most; after that a newer scrape is still compared with
/// it, and an analysis that is older than every snapshot counts as one of a changed profile.
pub const SNAPSHOT_LIFETIME: SignedDuration = SignedDuration::from_hours(30 * 24);

/// An abandoned picture is kept for as long as a cached profile may bring it back: a run that finds its profile in the cache
/// copies no picture. That is a day, and an hour for the run.
const PICTURE_GRACE: SignedDuration = SignedDuration::from_hours(25);

/// How far back each job looks for abandoned pictures, so that a week of failed jobs leaves none behind.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(9 * 24);

/// A change of a profile is remembered for longer than any run can still judge an older scrape.
const CHANGE_LIFETIME: SignedDuration = SignedDuration::from_hours(7 * 24);

/// R2 deletes up to a thousand objects in one call.
const PAGE: usize = 1_000;
/// Each page is two calls, and the platform gives a job a thousand. Some are for the rest of the clean-up.
const PAGES_MAX: usize = 400;
/// The calls that a job may make here.
pub const FORGET_CALLS_MAX: usize = 1 + 2 * PAGES_MAX;

/// What a job ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ForgetReport {
    /// Pictures of usernames that nobody has as a lead. Those deleted on earlier days are counted again.
    pub pictures: usize,
    /// Whether some are left, because one job cannot make so many calls.
    pub is_cut_short: bool,
    /// Remembered changes of profiles.
    pub changes: u64,
    /// Calls of the database and the bucket.
    #[serde(skip)]
    pub calls: usize,
}

/// Deletes the pictures that nobody needs any more, and changes of profiles that no run can meet. A closed account needs its
/// pictures until `closed_before`.
///
/// # Errors
/// [`StoreError`] when the database or the bucket does not answer; the next day's job does it again.
pub async fn forget_profiles(
    records: &dyn ProfileRecords,
    pictures: &dyn PictureStore,
    now: Timestamp,
    closed_before: Timestamp,
) -> Result<ForgetReport, StoreError> {
    let changes = records.forget_changes(now - CHANGE_LIFETIME).await?;
    let when = AbandonedWhen { since: now - LOOK_BACK, until: now - PICTURE_GRACE, closed_before };
    let mut report = ForgetReport { changes, is_cut_short: true, calls: 1, pictures: 0 };
    let mut after: Option<InstagramHandle> = None;
    for _ in 0..PAGES_MAX {
        let abandoned = records.abandoned(when, after.as_ref(), PAGE).await?;
        pictures.delete(&abandoned).await?;
        report.calls += 2;
        report.pictures += abandoned.len();
        if abandoned.len() < PAGE {
            report.is_cut_short = false;
            break;
        }
        after = abandoned.last().cloned();
    }
    Ok(report)
}

#[cfg(test)]
mod tests;
