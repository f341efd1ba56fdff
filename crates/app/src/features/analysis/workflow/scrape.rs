//! From a username to a stored snapshot.

use futures_util::future::join;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Body, EarlyEnd, IfActive, WorkflowPorts, advance,
    failure::{NOT_FOUND, PRIVATE, RESTRICTED, SCRAPE_FAILED, SCRAPER_UNAVAILABLE},
};
use crate::{
    features::{
        analysis::{
            Assignment, Outage, Phase, ProgressUpdate, ScrapeBill, UsageRecord, config, required_services::SCRAPER,
        },
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

/// What one scrape read. Large, but the decoder bounds it below the 1 MiB that a step may remember.
#[derive(Clone, Serialize, Deserialize)]
struct ScrapedPart {
    /// A [`PartContent`] as one text: the engine would otherwise copy thousands of small objects.
    content: String,
    /// When the scrape was over. The snapshot gets this date, however late it is stored.
    read_at: Timestamp,
    source: String,
    provider_run_id: String,
    cost_microusd: u64,
}

#[derive(Clone, Serialize, Deserialize)]
enum PartContent {
    Details(Box<Profile>),
    Posts(Vec<Post>),
}

#[derive(Serialize, Deserialize)]
enum PollOutcome {
    Running,
    Read(ScrapedPart),
    NotFound,
    Private,
    Restricted,
    /// The scrape is billed all the same.
    Unusable {
        cost_microusd: u64,
    },
}

/// What one poll of a scrape gave.
#[derive(Serialize, Deserialize)]
struct ScrapePoll {
    outcome: Result<PollOutcome, ScrapeFault>,
    /// The bill, if the database did not take it.
    unrecorded: Option<ScrapeBill>,
}

/// A stored snapshot and what it cost.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct StoredSnapshot {
    pub(super) key: SnapshotKey,
    pub(super) cost_microusd: u64,
}

/// For step names and logs.
const fn part_name(part: ScrapePart) -> &'static str {
    match part {
        ScrapePart::Details => "details",
        ScrapePart::Posts(_) => "posts",
    }
}

impl<S: Steps> Body<'_, S> {
    /// Reads the profile and stores it. Posts beyond what the profile actor shows are read side by side with it.
    pub(super) async fn scrape(&self, assignment: &Assignment) -> Result<StoredSnapshot, EarlyEnd> {
        let wanted = assignment.analysis_type.config().posts;
        if wanted <= DETAILS_POSTS {
            let details = self.scrape_part(assignment, ScrapePart::Details).await?;
            return self.store(assignment, details, None).await;
        }
        // `join` and not `try_join`: when one of them fails, the other one's bill is still due.
        let both = join(
            self.scrape_part(assignment, ScrapePart::Details),
            self.scrape_part(assignment, ScrapePart::Posts(wanted)),
        );
        let (details, posts) = both.await;
        // The details decide whether a profile is private or missing, so their error comes before that of the posts.
        let details = details?;
        self.store(assignment, details, Some(posts?)).await
    }

    /// Up to four attempts, each started in one step and collected in the next, so that a crash between does not pay
    /// twice.
    async fn scrape_part(&self, assignment: &Assignment, part: ScrapePart) -> Result<ScrapedPart, EarlyEnd> {
        let mut spent_microusd = 0;
        let pauses = std::iter::once(None).chain(config::SCRAPE_PAUSES.into_iter().map(Some));
        for (attempt, pause) in pauses.enumerate() {
            let name = format!("scrape-{}-{attempt}", part_name(part));
            if let Some(pause) = pause {
                self.pause(&format!("{name}-pause"), pause).await?;
            }
            match self.attempt_scrape(assignment, part, &name, attempt == config::SCRAPE_PAUSES.len()).await? {
                Ok(PollOutcome::Read(mut read)) => {
                    read.cost_microusd += spent_microusd;
                    return Ok(read);
                }
                // Final: another attempt would buy the same answer again.
                Ok(PollOutcome::NotFound) => return Err(EarlyEnd::Failed(NOT_FOUND)),
                Ok(PollOutcome::Private) => return Err(EarlyEnd::Failed(PRIVATE)),
                Ok(PollOutcome::Restricted) => return Err(EarlyEnd::Failed(RESTRICTED)),
                Ok(PollOutcome::Running) => tracing::warn!(run_id = %self.run, name, "scrape did not end in time"),
                Err(ScrapeFault::Terminal(cause) | ScrapeFault::Exhausted(cause)) => {
                    tracing::error!(run_id = %self.run, name, cause, "scraper refuses");
                    return Err(EarlyEnd::Failed(SCRAPER_UNAVAILABLE));
                }
                Ok(PollOutcome::Unusable { cost_microusd }) => {
                    tracing::warn!(run_id = %self.run, name, "scrape gave no answer");
                    spent_microusd += cost_microusd;
                }
                Err(
                    ScrapeFault::Retryable(cause) | ScrapeFault::Unanswered(cause) | ScrapeFault::AtCapacity(cause),
                ) => {
                    tracing::warn!(run_id = %self.run, name, cause, "scrape failed");
                }
            }
        }
        Err(EarlyEnd::Failed(SCRAPE_FAILED))
    }

    async fn attempt_scrape(
        &self,
        assignment: &Assignment,
        part: ScrapePart,
        name: &str,
        is_last: bool,
    ) -> Result<Result<PollOutcome, ScrapeFault>, EarlyEnd> {
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
                    // `Down` means even after retries, so only the last attempt reports it. A full plan or a rejected
                    // input is no outage of the scraper.
                    match &started {
                        Err(ScrapeFault::Exhausted(_)) => ports.report(run, SCRAPER, Outage::Exhausted).await,
                        Err(ScrapeFault::Retryable(_) | ScrapeFault::Unanswered(_)) if is_last => {
                            ports.report(run, SCRAPER, Outage::Down).await;
                        }
                        _ => {}
                    }
                    Ok(IfActive::Active(started))
                }
            })
            .await?;
        let ticket = match started.active()? {
            Ok(ticket) => ticket,
            Err(fault) => return Ok(Err(fault)),
        };
        let (mut running, mut unanswered) = (0, 0);
        while running < config::SCRAPE_POLLS_MAX && unanswered < config::SCRAPE_UNANSWERED_MAX {
            // The sum counts polls: each one is a step and needs a name of its own.
            let name = format!("{name}-collect-{}", running + unanswered);
            match self.poll(assignment, part, &ticket, &name).await? {
                Ok(PollOutcome::Running) => running += 1,
                // The actor run is paid for: asking again costs nothing, starting another one would.
                Err(ScrapeFault::Unanswered(cause)) => {
                    unanswered += 1;
                    tracing::warn!(run_id = %self.run, name, cause, "asking about the scrape again");
                    self.pause(&format!("{name}-pause"), config::SCRAPE_UNANSWERED_PAUSE).await?;
                }
                ended => return Ok(ended),
            }
        }
        // Also after a minute without answers: for the caller, a scrape that did not end in time.
        Ok(Ok(PollOutcome::Running))
    }

    async fn poll(
        &self,
        assignment: &Assignment,
        part: ScrapePart,
        ticket: &ScrapeTicket,
        name: &str,
    ) -> Result<Result<PollOutcome, ScrapeFault>, EarlyEnd> {
        let (ports, run, paid) = (self.ports.clone(), self.run, ticket.provider_run_id.clone());
        let (wanted, ticket) = (assignment.clone(), ticket.clone());
        let poll: IfActive<ScrapePoll> = self
            .steps
            .run(name, move || {
                let (ports, wanted, ticket) = (ports.clone(), wanted.clone(), ticket.clone());
                async move {
                    if !advance(&ports, run, Phase::Scraping).await? {
                        return Ok(IfActive::Inactive);
                    }
                    let collected =
                        ports.profiles.collect(&ticket, &wanted.username, part, config::SCRAPE_POLL_WAIT).await;
                    let mut unrecorded = None;
                    let outcome = match collected {
                        Ok(Collected::Running) => Ok(PollOutcome::Running),
                        Ok(Collected::Finished { found, usage }) => {
                            // Before anything that may fail: a repeat of the step might not get the bill again.
                            let bill = ScrapeBill::of(&wanted.username, &found, &usage);
                            unrecorded = record(&ports, run, &ticket, bill).await;
                            Ok(finished(run, found, usage, ticket.provider_run_id, ports.clock.now())?)
                        }
                        Err(fault) => Err(fault),
                    };
                    Ok(IfActive::Active(ScrapePoll { outcome, unrecorded }))
                }
            })
            .await?;
        let ScrapePoll { outcome, unrecorded } = poll.active()?;
        if let Some(bill) = unrecorded {
            self.record_late(name, paid, UsageRecord::Scrape(bill)).await?;
        }
        Ok(outcome)
    }

    /// Saves the snapshot, and marks analyses of an older and very different one as stale.
    async fn store(
        &self,
        assignment: &Assignment,
        details: ScrapedPart,
        posts: Option<ScrapedPart>,
    ) -> Result<StoredSnapshot, EarlyEnd> {
        let (ports, run, wanted) = (self.ports.clone(), self.run, assignment.clone());
        let stored = self
            .steps
            .run("store", move || {
                let (ports, wanted, details, posts) = (ports.clone(), wanted.clone(), details.clone(), posts.clone());
                async move {
                    ports.progress.tell(run, ProgressUpdate::Reached(Phase::Storing)).await;
                    // The same for every attempt, so that a repeated save writes the same object.
                    let hint = details.provider_run_id.clone();
                    let cost_microusd = details.cost_microusd + posts.as_ref().map_or(0, |posts| posts.cost_microusd);
                    let snapshot = merge(&wanted, details, posts)?;
                    mark_stale(&ports, run, &snapshot).await?;
                    let key = ports.snapshots.save(&snapshot, &hint).await?;
                    Ok(StoredSnapshot { key, cost_microusd })
                }
            })
            .await?;
        Ok(stored)
    }
}

/// Records the bill, which is due whatever was found. Returns the bill if the database did not take it. The step must
/// not be repeated for that: the repeat might not get the bill again, because the run has ended or the scraper refuses.
async fn record(ports: &WorkflowPorts, run: RunId, ticket: &ScrapeTicket, bill: ScrapeBill) -> Option<ScrapeBill> {
    let usage = UsageRecord::Scrape(bill.clone());
    let error = ports.runs.record_usage(run, &ticket.provider_run_id, &usage).await.err()?;
    tracing::warn!(run_id = %run, %error, "scrape usage not recorded yet");
    Some(bill)
}

fn finished(
    run: RunId,
    found: Found,
    usage: ScrapeUsage,
    provider_run_id: String,
    read_at: Timestamp,
) -> Result<PollOutcome, AttemptFailed> {
    let content = match found {
        Found::Profile(profile) => PartContent::Details(profile),
        Found::Posts(posts) => PartContent::Posts(posts),
        Found::NotFound => return Ok(PollOutcome::NotFound),
        Found::Private => return Ok(PollOutcome::Private),
        Found::Restricted => return Ok(PollOutcome::Restricted),
        Found::Unusable(cause) => {
            tracing::warn!(run_id = %run, cause, "scrape is billed but unusable");
            return Ok(PollOutcome::Unusable { cost_microusd: usage.cost_microusd });
        }
    };
    let content = serde_json::to_string(&content).map_err(|error| AttemptFailed::Terminal(error.to_string()))?;
    let cost_microusd = usage.cost_microusd;
    Ok(PollOutcome::Read(ScrapedPart { content, read_at, source: usage.source, provider_run_id, cost_microusd }))
}

/// Makes one snapshot of what was read.
fn merge(wanted: &Assignment, details: ScrapedPart, posts: Option<ScrapedPart>) -> Result<Snapshot, AttemptFailed> {
    let mixed_up = || AttemptFailed::Terminal("a scrape read something else than it was asked for".to_owned());
    let content = |part: &ScrapedPart| serde_json::from_str(&part.content).map_err(|_| mixed_up());
    let PartContent::Details(mut profile) = content(&details)? else { return Err(mixed_up()) };
    let mut depth = wanted.analysis_type.config().posts;
    match posts.as_ref().map(content).transpose()? {
        None => {}
        Some(PartContent::Posts(posts)) => {
            profile.take_posts(posts);
            // If the scraper showed no more than the profile itself does, the snapshot must not serve deep analyses
            // from the cache.
            let shown = u32::try_from(profile.posts.len()).unwrap_or(u32::MAX);
            if shown <= DETAILS_POSTS && profile.posts_count > u64::from(DETAILS_POSTS) {
                depth = DETAILS_POSTS;
            }
        }
        Some(PartContent::Details(_)) => return Err(mixed_up()),
    }
    Ok(Snapshot { profile: *profile, scraped_at: details.read_at, depth, source: details.source })
}

/// Compares with the previous snapshot. It is done before the new one is saved: a repeat of the step would otherwise
/// compare the new one with itself.
async fn mark_stale(ports: &WorkflowPorts, run: RunId, new: &Snapshot) -> Result<(), AttemptFailed> {
    let username = &new.profile.username;
    // The newest one of any age and depth.
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
