//! The request that buys an analysis also asks for its scrape: the engine may take seconds to start the workflow, and the scraper can
//! work meanwhile. The workflow asks for the same again, which is the same request to the gate.

use super::planned::{Wanted, cached_or_planned};
use crate::{
    features::{
        analysis::AnalysisRequest,
        profiles::SnapshotStore,
        scraping::{ProfileSource, RequestKey, ScrapeRequest},
    },
    shared::{
        clock::Clock,
        ids::{AccountId, RunId},
    },
};

/// The number of a run's first attempt at a part.
pub(super) const FIRST_ATTEMPT: u32 = 1;

/// Gets in line for what the workflow will ask for first, unless the cache has it. Whatever fails here only costs time.
pub async fn ask_ahead(
    snapshots: &dyn SnapshotStore,
    profiles: &dyn ProfileSource,
    clock: &dyn Clock,
    (run_id, account_id): (RunId, AccountId),
    request: &AnalysisRequest,
) {
    let wanted = Wanted { username: &request.username, analysis_type: request.analysis_type, now: clock.now() };
    let (cached, scrape) = cached_or_planned(snapshots, run_id, &wanted).await;
    if cached.is_some() {
        return;
    }
    let request = |part| ScrapeRequest {
        key: RequestKey { run_id, part, attempt: FIRST_ATTEMPT },
        account_id,
        username: request.username.clone(),
    };
    let requests: Vec<ScrapeRequest> = scrape.at_once(wanted.analysis_type).into_iter().map(request).collect();
    if let Err(error) = profiles.ask(&requests).await {
        tracing::warn!(%run_id, %error, "the scrape is asked for by the workflow");
    }
}
