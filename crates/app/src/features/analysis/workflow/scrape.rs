//! Steps 7 and 8: from a username to a stored snapshot.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Body, Still, Stop, WorkflowPorts, advance,
    failure::{NOT_FOUND, PRIVATE, RESTRICTED, SCRAPE_FAILED, SCRAPER_UNAVAILABLE},
};
use crate::{
    features::analysis::{
        Assignment, Collected, Found, Phase, ProgressUpdate, ScrapeFault, ScrapeTicket, Snapshot, SnapshotKey,
        UsageKind, config,
    },
    shared::{
        ids::RunId,
        steps::{Steps, Transient},
    },
};

#[derive(Serialize, Deserialize)]
enum Scraped {
    Running,
    Stored(SnapshotKey),
    NotFound,
    Private,
    Restricted,
    Unusable,
}

impl<S: Steps> Body<'_, S> {
    /// Steps 7 and 8: up to four attempts, each started in one step and collected in the next, so that a crash between
    /// does not pay twice.
    pub(super) async fn scrape(&self, assignment: &Assignment) -> Result<SnapshotKey, Stop> {
        let pauses = std::iter::once(None).chain(config::SCRAPE_PAUSES.into_iter().map(Some));
        for (attempt, pause) in pauses.enumerate() {
            if let Some(pause) = pause {
                self.pause(&format!("scrape-{attempt}-pause"), pause).await?;
            }
            match self.scrape_once(assignment, attempt).await? {
                Ok(Scraped::Stored(key)) => return Ok(key),
                Ok(Scraped::NotFound) => return Err(Stop::Failed(NOT_FOUND)),
                Ok(Scraped::Private) => return Err(Stop::Failed(PRIVATE)),
                Ok(Scraped::Restricted) => return Err(Stop::Failed(RESTRICTED)),
                Ok(Scraped::Running) => tracing::warn!(run_id = %self.run, attempt, "scrape did not end in time"),
                Err(ScrapeFault::Lasting(cause)) => {
                    tracing::error!(run_id = %self.run, attempt, cause, "scraper refuses");
                    return Err(Stop::Failed(SCRAPER_UNAVAILABLE));
                }
                Ok(Scraped::Unusable) => tracing::warn!(run_id = %self.run, attempt, "scrape gave no answer"),
                Err(ScrapeFault::Passing(cause) | ScrapeFault::Unanswered(cause)) => {
                    tracing::warn!(run_id = %self.run, attempt, cause, "scrape failed");
                }
            }
        }
        Err(Stop::Failed(SCRAPE_FAILED))
    }

    async fn scrape_once(&self, assignment: &Assignment, attempt: usize) -> Result<Result<Scraped, ScrapeFault>, Stop> {
        let (ports, run, wanted) = (self.ports.clone(), self.run, assignment.clone());
        let started: Still<Result<ScrapeTicket, ScrapeFault>> = self
            .steps
            .run(&format!("scrape-{attempt}-start"), move || {
                let (ports, wanted) = (ports.clone(), wanted.clone());
                async move {
                    if !advance(&ports, run, Phase::Scraping).await? {
                        return Ok(Still::Inactive);
                    }
                    let depth = wanted.analysis_type.config().posts;
                    Ok(Still::Active(ports.profiles.start(&wanted.username, depth).await))
                }
            })
            .await?;
        let ticket = match started.go_on()? {
            Ok(ticket) => ticket,
            Err(fault) => return Ok(Err(fault)),
        };
        for wait in 0..config::SCRAPE_WAITS_MAX {
            match self.collect(assignment, &ticket, attempt, wait).await? {
                Ok(Scraped::Running) => {}
                // The actor run is paid for: it is asked about again rather than started anew.
                Err(ScrapeFault::Unanswered(cause)) => {
                    tracing::warn!(run_id = %self.run, attempt, wait, cause, "asking about the scrape again");
                    self.pause(&format!("scrape-{attempt}-collect-{wait}-pause"), config::SCRAPE_ASK_PAUSE).await?;
                }
                ended => return Ok(ended),
            }
        }
        Ok(Ok(Scraped::Running))
    }

    async fn collect(
        &self,
        assignment: &Assignment,
        ticket: &ScrapeTicket,
        attempt: usize,
        wait: u32,
    ) -> Result<Result<Scraped, ScrapeFault>, Stop> {
        let (ports, run) = (self.ports.clone(), self.run);
        let (wanted, ticket) = (assignment.clone(), ticket.clone());
        let collected: Still<Result<Scraped, ScrapeFault>> = self
            .steps
            .run(&format!("scrape-{attempt}-collect-{wait}"), move || {
                let (ports, wanted, ticket) = (ports.clone(), wanted.clone(), ticket.clone());
                async move {
                    if !advance(&ports, run, Phase::Scraping).await? {
                        return Ok(Still::Inactive);
                    }
                    let collected = ports.profiles.collect(&ticket, &wanted.username, config::SCRAPE_WAIT).await;
                    Ok(Still::Active(match collected {
                        Ok(collected) => Ok(store(&ports, run, &wanted, &ticket, collected).await?),
                        Err(fault) => Err(fault),
                    }))
                }
            })
            .await?;
        collected.go_on()
    }
}

/// Keeps the snapshot and records the bill, which is due whatever was found.
async fn store(
    ports: &WorkflowPorts,
    run: RunId,
    wanted: &Assignment,
    ticket: &ScrapeTicket,
    collected: Collected,
) -> Result<Scraped, Transient> {
    let (found, usage) = match collected {
        Collected::Running => return Ok(Scraped::Running),
        Collected::Finished { found, usage } => (found, usage),
    };
    let outcome = match &found {
        Found::Profile(_) => "profile",
        Found::NotFound => "not_found",
        Found::Private => "private",
        Found::Restricted => "restricted",
        Found::Unusable(cause) => {
            tracing::warn!(run_id = %run, cause, "scrape is billed but unusable");
            "unusable"
        }
    };
    let bill = json!({
        "actor": usage.actor, "username": wanted.username, "results": usage.results,
        "cost_microusd": usage.cost_microusd, "duration_ms": usage.duration_ms, "outcome": outcome,
    });
    ports.runs.record_usage(run, UsageKind::Scrape, &ticket.provider_run_id, &bill).await?;
    let profile = match found {
        Found::Profile(profile) => *profile,
        Found::NotFound => return Ok(Scraped::NotFound),
        Found::Private => return Ok(Scraped::Private),
        Found::Restricted => return Ok(Scraped::Restricted),
        Found::Unusable(_) => return Ok(Scraped::Unusable),
    };
    ports.progress.tell(run, ProgressUpdate::Reached(Phase::Storing)).await;
    let snapshot = Snapshot {
        profile,
        scraped_at: ports.clock.now(),
        depth: wanted.analysis_type.config().posts,
        source: usage.source,
    };
    Ok(Scraped::Stored(ports.snapshots.save(&snapshot, &ticket.provider_run_id).await?))
}
