//! Steps 7 and 8: from a username to a stored snapshot.

use futures_util::future::join;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Body, IfActive, Stop, WorkflowPorts, advance,
    failure::{NOT_FOUND, PRIVATE, RESTRICTED, SCRAPE_FAILED, SCRAPER_UNAVAILABLE},
};
use crate::{
    features::{
        analysis::{Assignment, Outage, Phase, ProgressUpdate, UsageKind, config},
        profiles::{
            Collected, DETAILS_POSTS, Found, Post, Profile, ScrapeFault, ScrapePart, ScrapeTicket, ScrapeUsage,
            Snapshot, SnapshotKey, changed_significantly,
        },
    },
    shared::{
        ids::RunId,
        steps::{AttemptFailed, Steps},
    },
};

/// What outages of the scraper are recorded as.
const PROVIDER: &str = crate::features::analysis::required_services::SCRAPER;

/// What one scrape read. Large, but bounded by the decoder to less than what a step may remember.
#[derive(Clone, Serialize, Deserialize)]
struct Piece {
    /// A [`PieceFound`] as one text: an engine takes a value apart into thousands of objects.
    found: String,
    /// When the scrape was over: what the snapshot is dated by, however late it is stored.
    read_at: Timestamp,
    source: String,
    provider_run_id: String,
    cost_microusd: u64,
}

#[derive(Clone, Serialize, Deserialize)]
enum PieceFound {
    Details(Box<Profile>),
    Posts(Vec<Post>),
}

#[derive(Serialize, Deserialize)]
enum Scraped {
    Running,
    Read(Piece),
    NotFound,
    Private,
    Restricted,
    /// Billed all the same.
    Unusable {
        cost_microusd: u64,
    },
}

/// What one look at a scrape gave.
#[derive(Serialize, Deserialize)]
struct Heard {
    scraped: Result<Scraped, ScrapeFault>,
    /// The bill, if the database did not take it.
    unrecorded: Option<Value>,
}

/// A stored snapshot and what it cost.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Stored {
    pub(super) key: SnapshotKey,
    pub(super) cost_microusd: u64,
}

/// Step names and logs.
const fn name(part: ScrapePart) -> &'static str {
    match part {
        ScrapePart::Details => "details",
        ScrapePart::Posts(_) => "posts",
    }
}

impl<S: Steps> Body<'_, S> {
    /// Steps 7 and 8. What needs more posts than the profile actor shows reads them side by side with the profile.
    pub(super) async fn scrape(&self, assignment: &Assignment) -> Result<Stored, Stop> {
        let wanted = assignment.analysis_type.config().posts;
        if wanted <= DETAILS_POSTS {
            let details = self.read(assignment, ScrapePart::Details).await?;
            return self.store(assignment, details, None).await;
        }
        let both = join(self.read(assignment, ScrapePart::Details), self.read(assignment, ScrapePart::Posts(wanted)));
        let (details, posts) = both.await;
        // A profile that is private or not there is what its details say, whatever became of its posts.
        let details = details?;
        self.store(assignment, details, Some(posts?)).await
    }

    /// Up to four attempts, each started in one step and collected in the next, so that a crash between does not pay
    /// twice.
    async fn read(&self, assignment: &Assignment, part: ScrapePart) -> Result<Piece, Stop> {
        let mut spent_microusd = 0;
        let pauses = std::iter::once(None).chain(config::SCRAPE_PAUSES.into_iter().map(Some));
        for (attempt, pause) in pauses.enumerate() {
            let name = format!("scrape-{}-{attempt}", name(part));
            if let Some(pause) = pause {
                self.pause(&format!("{name}-pause"), pause).await?;
            }
            match self.read_once(assignment, part, &name, attempt == config::SCRAPE_PAUSES.len()).await? {
                Ok(Scraped::Read(mut piece)) => {
                    piece.cost_microusd += spent_microusd;
                    return Ok(piece);
                }
                Ok(Scraped::NotFound) => return Err(Stop::Failed(NOT_FOUND)),
                Ok(Scraped::Private) => return Err(Stop::Failed(PRIVATE)),
                Ok(Scraped::Restricted) => return Err(Stop::Failed(RESTRICTED)),
                Ok(Scraped::Running) => tracing::warn!(run_id = %self.run, name, "scrape did not end in time"),
                Err(ScrapeFault::Terminal(cause) | ScrapeFault::Exhausted(cause)) => {
                    tracing::error!(run_id = %self.run, name, cause, "scraper refuses");
                    return Err(Stop::Failed(SCRAPER_UNAVAILABLE));
                }
                Ok(Scraped::Unusable { cost_microusd }) => {
                    tracing::warn!(run_id = %self.run, name, "scrape gave no answer");
                    spent_microusd += cost_microusd;
                }
                Err(ScrapeFault::Retryable(cause) | ScrapeFault::Unanswered(cause) | ScrapeFault::AtCapacity(cause)) => {
                    tracing::warn!(run_id = %self.run, name, cause, "scrape failed");
                }
            }
        }
        Err(Stop::Failed(SCRAPE_FAILED))
    }

    async fn read_once(
        &self,
        assignment: &Assignment,
        part: ScrapePart,
        name: &str,
        is_last: bool,
    ) -> Result<Result<Scraped, ScrapeFault>, Stop> {
        let (ports, run, wanted) = (self.ports.clone(), self.run, assignment.clone());
        let started: IfActive<Result<ScrapeTicket, ScrapeFault>> = self
            .steps
            .run(&format!("{name}-start"), move || {
                let (ports, wanted) = (ports.clone(), wanted.clone());
                async move {
                    if !advance(&ports, run, Phase::Scraping).await? {
                        return Ok(IfActive::Inactive);
                    }
                    let started = ports.profiles.start(&wanted.username, part).await;
                    match &started {
                        Err(ScrapeFault::Exhausted(_)) => ports.report(run, PROVIDER, Outage::Exhausted).await,
                        Err(ScrapeFault::Retryable(_) | ScrapeFault::Unanswered(_)) if is_last => {
                            ports.report(run, PROVIDER, Outage::Down).await;
                        }
                        _ => {}
                    }
                    Ok(IfActive::Active(started))
                }
            })
            .await?;
        let ticket = match started.go_on()? {
            Ok(ticket) => ticket,
            Err(fault) => return Ok(Err(fault)),
        };
        let (mut waits, mut unanswered) = (0, 0);
        while waits < config::SCRAPE_WAITS_MAX && unanswered < config::SCRAPE_ASKS_MAX {
            let name = format!("{name}-collect-{}", waits + unanswered);
            match self.collect(assignment, part, &ticket, &name).await? {
                Ok(Scraped::Running) => waits += 1,
                // The actor run is paid for: it is asked about again rather than started anew.
                Err(ScrapeFault::Unanswered(cause)) => {
                    unanswered += 1;
                    tracing::warn!(run_id = %self.run, name, cause, "asking about the scrape again");
                    self.pause(&format!("{name}-pause"), config::SCRAPE_ASK_PAUSE).await?;
                }
                ended => return Ok(ended),
            }
        }
        Ok(Ok(Scraped::Running))
    }

    async fn collect(
        &self,
        assignment: &Assignment,
        part: ScrapePart,
        ticket: &ScrapeTicket,
        name: &str,
    ) -> Result<Result<Scraped, ScrapeFault>, Stop> {
        let (ports, run, paid) = (self.ports.clone(), self.run, ticket.provider_run_id.clone());
        let (wanted, ticket) = (assignment.clone(), ticket.clone());
        let collected: IfActive<Heard> = self
            .steps
            .run(name, move || {
                let (ports, wanted, ticket) = (ports.clone(), wanted.clone(), ticket.clone());
                async move {
                    if !advance(&ports, run, Phase::Scraping).await? {
                        return Ok(IfActive::Inactive);
                    }
                    let collected = ports.profiles.collect(&ticket, &wanted.username, part, config::SCRAPE_WAIT).await;
                    let mut unrecorded = None;
                    let scraped = match collected {
                        Ok(Collected::Running) => Ok(Scraped::Running),
                        Ok(Collected::Finished { found, usage }) => {
                            unrecorded = bill(&ports, run, &wanted, &ticket, &found, &usage).await;
                            Ok(scraped(run, found, usage, ticket.provider_run_id, ports.clock.now())?)
                        }
                        Err(fault) => Err(fault),
                    };
                    Ok(IfActive::Active(Heard { scraped, unrecorded }))
                }
            })
            .await?;
        let Heard { scraped, unrecorded } = collected.go_on()?;
        if let Some(bill) = unrecorded {
            self.record_late(name, UsageKind::Scrape, paid, bill).await?;
        }
        Ok(scraped)
    }

    /// Keeps the snapshot; what was concluded from a very different older one becomes stale.
    async fn store(&self, assignment: &Assignment, details: Piece, posts: Option<Piece>) -> Result<Stored, Stop> {
        let (ports, run, wanted) = (self.ports.clone(), self.run, assignment.clone());
        let stored = self
            .steps
            .run("store", move || {
                let (ports, wanted, details, posts) = (ports.clone(), wanted.clone(), details.clone(), posts.clone());
                async move {
                    ports.progress.tell(run, ProgressUpdate::Reached(Phase::Storing)).await;
                    let hint = details.provider_run_id.clone();
                    let cost_microusd = details.cost_microusd + posts.as_ref().map_or(0, |posts| posts.cost_microusd);
                    let snapshot = together(&wanted, details, posts)?;
                    mark_stale(&ports, run, &snapshot).await?;
                    let key = ports.snapshots.save(&snapshot, &hint).await?;
                    Ok(Stored { key, cost_microusd })
                }
            })
            .await?;
        Ok(stored)
    }
}

/// Records the bill, which is due whatever was found. Answers it if the database did not take it: a repeat of the step might
/// not hear of it again, because the run has ended or the scraper refuses.
async fn bill(
    ports: &WorkflowPorts,
    run: RunId,
    wanted: &Assignment,
    ticket: &ScrapeTicket,
    found: &Found,
    usage: &ScrapeUsage,
) -> Option<Value> {
    let outcome = match found {
        Found::Profile(_) => "profile",
        Found::Posts(_) => "posts",
        Found::NotFound => "not_found",
        Found::Private => "private",
        Found::Restricted => "restricted",
        Found::Unusable(_) => "unusable",
    };
    let bill = json!({
        "actor": usage.actor, "username": wanted.username, "results": usage.results,
        "cost_microusd": usage.cost_microusd, "duration_ms": usage.duration_ms, "outcome": outcome,
    });
    let recorded = ports.runs.record_usage(run, UsageKind::Scrape, &ticket.provider_run_id, &bill).await;
    let error = recorded.err()?;
    tracing::warn!(run_id = %run, %error, "scrape usage not recorded yet");
    Some(bill)
}

fn scraped(
    run: RunId,
    found: Found,
    usage: ScrapeUsage,
    provider_run_id: String,
    read_at: Timestamp,
) -> Result<Scraped, AttemptFailed> {
    let found = match found {
        Found::Profile(profile) => PieceFound::Details(profile),
        Found::Posts(posts) => PieceFound::Posts(posts),
        Found::NotFound => return Ok(Scraped::NotFound),
        Found::Private => return Ok(Scraped::Private),
        Found::Restricted => return Ok(Scraped::Restricted),
        Found::Unusable(cause) => {
            tracing::warn!(run_id = %run, cause, "scrape is billed but unusable");
            return Ok(Scraped::Unusable { cost_microusd: usage.cost_microusd });
        }
    };
    let found = serde_json::to_string(&found).map_err(|error| AttemptFailed::Terminal(error.to_string()))?;
    let cost_microusd = usage.cost_microusd;
    let piece = Piece { found, read_at, source: usage.source, provider_run_id, cost_microusd };
    Ok(Scraped::Read(piece))
}

/// One snapshot of what was read.
fn together(wanted: &Assignment, details: Piece, posts: Option<Piece>) -> Result<Snapshot, AttemptFailed> {
    let mixed_up = || AttemptFailed::Terminal("a scrape read something else than it was asked for".to_owned());
    let found = |piece: &Piece| serde_json::from_str(&piece.found).map_err(|_| mixed_up());
    let PieceFound::Details(mut profile) = found(&details)? else { return Err(mixed_up()) };
    let mut depth = wanted.analysis_type.config().posts;
    match posts.as_ref().map(found).transpose()? {
        None => {}
        Some(PieceFound::Posts(posts)) => {
            profile.take_posts(posts);
            // A scraper that showed no more than the profile itself must not serve deep analyses from the cache.
            let shown = u32::try_from(profile.posts.len()).unwrap_or(u32::MAX);
            if shown <= DETAILS_POSTS && profile.posts_count > u64::from(DETAILS_POSTS) {
                depth = DETAILS_POSTS;
            }
        }
        Some(PieceFound::Details(_)) => return Err(mixed_up()),
    }
    Ok(Snapshot { profile: *profile, scraped_at: details.read_at, depth, source: details.source })
}

/// Compares with the snapshot before. It is done before the new one is kept: a repeat would find nothing to compare.
async fn mark_stale(ports: &WorkflowPorts, run: RunId, new: &Snapshot) -> Result<(), AttemptFailed> {
    let username = &new.profile.username;
    let Some(key) = ports.snapshots.find(username, Timestamp::MIN, 0).await? else {
        return Ok(());
    };
    let old = ports.snapshots.load(&key).await?;
    if changed_significantly(&old.profile, &new.profile) {
        let marked = ports.runs.mark_stale(username, new.scraped_at).await?;
        tracing::info!(run_id = %run, marked, "the profile changed; older analyses of it are stale");
    }
    Ok(())
}
