//! The request that buys analyses also asks for their scrapes: the engine may take seconds to start a workflow, and the scraper can
//! work meanwhile. The workflow asks for the same again, which is the same request to the gate.

use futures_util::{StreamExt as _, stream};

use super::planned::{Wanted, cached_or_planned};
use crate::{
    features::{
        analysis::AnalysisPorts,
        profiles::InstagramHandle,
        scraping::{RequestKey, ScrapeRequest},
    },
    shared::{
        analysis_type::AnalysisType,
        ids::{AccountId, RunId},
    },
};

/// A Worker's invocation may have six connections that wait for an answer, and the start of the workflow needs one.
const LOOKS_AT_ONCE: usize = 4;

/// Gets all of these in line at once for what their workflows will ask for first, unless the cache has it. Whatever fails here only
/// costs time.
pub async fn ask_ahead(
    ports: &AnalysisPorts,
    account_id: AccountId,
    analysis_type: AnalysisType,
    runs: Vec<(RunId, InstagramHandle)>,
) {
    let looks = runs.into_iter().map(|(run, username)| first_requests(ports, account_id, analysis_type, run, username));
    let requests: Vec<_> = stream::iter(looks).buffered(LOOKS_AT_ONCE).collect().await;
    let requests: Vec<ScrapeRequest> = requests.concat();
    if requests.is_empty() {
        return;
    }
    if let Err(error) = ports.profiles.ask(&requests).await {
        tracing::warn!(%error, requests = requests.len(), "scrapes are asked for by the workflows");
    }
}

async fn first_requests(
    ports: &AnalysisPorts,
    account_id: AccountId,
    analysis_type: AnalysisType,
    run_id: RunId,
    username: InstagramHandle,
) -> Vec<ScrapeRequest> {
    let wanted = Wanted { username: &username, analysis_type, now: ports.clock.now() };
    let (cached, scrape) = cached_or_planned(ports.snapshots.as_ref(), run_id, &wanted).await;
    if cached.is_some() {
        return vec![];
    }
    let request = |part| ScrapeRequest {
        key: RequestKey { run_id, part, attempt: RequestKey::FIRST_ATTEMPT },
        account_id,
        username: username.clone(),
    };
    scrape.at_once(analysis_type).into_iter().map(request).collect()
}
