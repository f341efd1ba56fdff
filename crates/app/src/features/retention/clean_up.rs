//! The daily job that ends the lives of data that nobody needs any more. Any number of it may run at once, and one that dies
//! leaves the rest to the next.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::{Remains, RemainsStore};
use crate::{
    features::profiles::{FORGET_CALLS_MAX, ForgetReport, PictureStore, ProfileRecords, forget_profiles},
    shared::store::StoreError,
};

/// Rows of one transaction.
const BATCH: u32 = 1_000;
/// Calls of one job: the platform gives it a thousand, of which some are for its record.
const CALLS_MAX: usize = 980;
const _: () = assert!(FORGET_CALLS_MAX < CALLS_MAX, "pictures leave calls to the rest");

/// What a job ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CleanUpReport {
    pub profiles: ForgetReport,
    /// Rows that were removed, or erased.
    pub rows: BTreeMap<Remains, u64>,
    /// Whether some are left, because one job cannot make so many calls.
    pub is_cut_short: bool,
}

/// Deletes abandoned pictures, then the rows of everything that was deleted long ago, then old logs. One that fails does not
/// keep the others from being removed.
///
/// # Errors
/// The first [`StoreError`]; the next day's job does again what failed.
pub async fn clean_up(
    records: &dyn ProfileRecords,
    pictures: &dyn PictureStore,
    remains: &dyn RemainsStore,
    now: Timestamp,
) -> Result<CleanUpReport, StoreError> {
    let mut faults = Vec::new();
    let mut report = CleanUpReport::default();
    let forgotten = forget_profiles(records, pictures, now, now - Remains::Accounts.kept_for()).await;
    // The pictures of an account are found by its leads: both must not be gone before they are.
    let may_erase_accounts = forgotten.as_ref().is_ok_and(|forgotten| !forgotten.is_cut_short);
    let mut calls_left = CALLS_MAX - forgotten.as_ref().map_or(FORGET_CALLS_MAX, |forgotten| forgotten.calls);
    match forgotten {
        Ok(forgotten) => report.profiles = forgotten,
        Err(error) => faults.push(error),
    }
    for what in Remains::ALL {
        if what == Remains::Accounts && !may_erase_accounts {
            continue;
        }
        let removed = remove_all(remains, what, now, &mut calls_left).await;
        report.rows.insert(what, removed.rows);
        report.is_cut_short |= removed.is_cut_short;
        faults.extend(removed.fault);
    }
    report.is_cut_short |= report.profiles.is_cut_short;
    if report.is_cut_short {
        tracing::error!(?report, "there is more to clean up than one job can do; the rest is left to the next");
    }
    for error in &faults {
        tracing::error!(%error, ?report, "a part of the clean-up failed");
    }
    faults.into_iter().next().map_or(Ok(report), Err)
}

#[derive(Default)]
struct Removed {
    rows: u64,
    is_cut_short: bool,
    fault: Option<StoreError>,
}

async fn remove_all(remains: &dyn RemainsStore, what: Remains, now: Timestamp, calls_left: &mut usize) -> Removed {
    let mut removed = Removed::default();
    while *calls_left > 0 {
        *calls_left -= 1;
        match remains.remove(what, now - what.kept_for(), BATCH).await {
            Ok(rows) => {
                removed.rows += u64::from(rows);
                if rows < BATCH {
                    return removed;
                }
            }
            Err(error) => return Removed { fault: Some(error), ..removed },
        }
    }
    Removed { is_cut_short: true, ..removed }
}

#[cfg(test)]
mod tests;
