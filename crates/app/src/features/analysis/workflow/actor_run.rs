//! One actor run: started in one step, collected in the steps after it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Body, EarlyEnd, IfActive, WorkflowPorts, advance,
    scrape::{Attempts, PartContent, PollOutcome, ScrapedPart},
    silence::Silence,
};
use crate::{
    features::{
        analysis::{Assignment, Phase, ScrapeBill, UsageRecord, config},
        profiles::{Collected, Found, ScrapeFault, ScrapePart, ScrapeTicket, ScrapeUsage},
    },
    shared::{
        ids::RunId,
        steps::{AttemptFailed, Steps},
    },
};

/// What starting a scrape gave.
#[derive(Serialize, Deserialize)]
struct ScrapeStart {
    ticket: Result<ScrapeTicket, ScrapeFault>,
    asked_at: Timestamp,
    ended_at: Timestamp,
}

/// What one poll of a scrape gave.
#[derive(Serialize, Deserialize)]
struct ScrapePoll {
    outcome: Result<PollOutcome, ScrapeFault>,
    /// The bill, if the database did not take it.
    unrecorded: Option<ScrapeBill>,
    asked_at: Timestamp,
    ended_at: Timestamp,
}

impl<S: Steps> Body<'_, S> {
    async fn start_scrape(
        &self,
        assignment: &Assignment,
        part: ScrapePart,
        name: &str,
    ) -> Result<ScrapeStart, EarlyEnd> {
        let (ports, run, wanted) = (self.ports.clone(), self.run, assignment.clone());
        let started: IfActive<ScrapeStart> = self
            .steps
            .run(&format!("{name}-start"), move || {
                let (ports, wanted) = (ports.clone(), wanted.clone());
                async move {
                    if !advance(&ports, run, Phase::Scraping).await? {
                        return Ok(IfActive::Inactive);
                    }
                    let asked_at = ports.clock.now();
                    let ticket = ports.profiles.start(&wanted.username, part).await;
                    Ok(IfActive::Active(ScrapeStart { ticket, asked_at, ended_at: ports.clock.now() }))
                }
            })
            .await?;
        started.active()
    }

    /// One attempt at a part, whatever it gives.
    pub(super) async fn attempt_scrape(
        &self,
        assignment: &Assignment,
        attempts: &mut Attempts,
        name: &str,
    ) -> Result<Result<PollOutcome, ScrapeFault>, EarlyEnd> {
        let silence = &mut attempts.silence;
        let ScrapeStart { ticket, asked_at, ended_at } = self.start_scrape(assignment, attempts.part, name).await?;
        let ticket = match ticket {
            Ok(ticket) => {
                silence.goes_on(asked_at, ended_at);
                ticket
            }
            Err(fault) => {
                note(silence, &fault, asked_at, ended_at);
                return Ok(Err(fault));
            }
        };
        let (wait, polls_max) = config::polls(self.ports.pause_scale);
        let (mut running, mut unanswered, mut rereads) = (0, 0, 0);
        while running < polls_max && unanswered < config::SCRAPE_UNANSWERED_MAX && !silence.is_over(wait) {
            // The sum counts polls: each one is a step and needs a name of its own.
            let name = format!("{name}-collect-{}", running + unanswered + rereads);
            let is_last_read = rereads == config::SCRAPE_REREADS_MAX;
            let poll = self.poll(assignment, attempts.part, &ticket, &name, is_last_read).await?;
            let ScrapePoll { outcome, asked_at, ended_at, .. } = poll;
            match outcome {
                Ok(PollOutcome::Running) => {
                    running += 1;
                    silence.goes_on(asked_at, ended_at);
                    continue;
                }
                Ok(PollOutcome::ItemsMissing) => {
                    rereads += 1;
                    silence.goes_on(asked_at, ended_at);
                    tracing::warn!(run_id = %self.run, name, "reading the scrape's items again");
                }
                // The actor run is paid for: asking again costs nothing, starting another one would.
                Err(fault @ (ScrapeFault::Unanswered(_) | ScrapeFault::TimedOut(_))) => {
                    unanswered += 1;
                    note(silence, &fault, asked_at, ended_at);
                    tracing::warn!(run_id = %self.run, name, cause = %fault, "asking about the scrape again");
                    if silence.is_repeated() {
                        return Ok(Err(fault));
                    }
                }
                Ok(ended) => {
                    silence.broken();
                    return Ok(Ok(ended));
                }
                Err(fault) => {
                    note(silence, &fault, asked_at, ended_at);
                    return Ok(Err(fault));
                }
            }
            self.pause(&format!("{name}-pause"), config::SCRAPE_UNANSWERED_PAUSE).await?;
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
        is_last_read: bool,
    ) -> Result<ScrapePoll, EarlyEnd> {
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
                    let (wait, _) = config::polls(ports.pause_scale);
                    let asked_at = ports.clock.now();
                    let collected = ports.profiles.collect(&ticket, &wanted.username, part, wait).await;
                    let ended_at = ports.clock.now();
                    let mut unrecorded = None;
                    let outcome = match collected {
                        Ok(Collected::ItemsMissing { .. }) if !is_last_read => Ok(PollOutcome::ItemsMissing),
                        Ok(collected) => match read_from(collected) {
                            None => Ok(PollOutcome::Running),
                            Some((found, usage, read_at)) => {
                                // Before anything that may fail: a repeat of the step might not get the bill again.
                                let bill = ScrapeBill::of(&wanted.username, &found, &usage);
                                unrecorded = record(&ports, run, &ticket, bill).await;
                                // A clock that is ahead must not make a snapshot of the future.
                                let read_at = read_at.map_or(ended_at, |at| at.min(ended_at));
                                Ok(finished(run, found, usage, ticket.provider_run_id, read_at)?)
                            }
                        },
                        Err(fault) => Err(fault),
                    };
                    Ok(IfActive::Active(ScrapePoll { outcome, unrecorded, asked_at, ended_at }))
                }
            })
            .await?;
        let mut poll = poll.active()?;
        if let Some(bill) = poll.unrecorded.take() {
            self.record_late(name, paid, UsageRecord::Scrape(bill)).await?;
        }
        Ok(poll)
    }
}

/// What a fault says about whether the scraper answers at all.
fn note(silence: &mut Silence, fault: &ScrapeFault, asked_at: Timestamp, ended_at: Timestamp) {
    match fault {
        ScrapeFault::TimedOut(_) => silence.timed_out(asked_at, ended_at),
        ScrapeFault::Overtime(_) => silence.goes_on(asked_at, ended_at),
        ScrapeFault::Unanswered(_)
        | ScrapeFault::Retryable(_)
        | ScrapeFault::AtCapacity(_)
        | ScrapeFault::Terminal(_)
        | ScrapeFault::Exhausted(_) => silence.broken(),
    }
}

/// What a scrape that has ended gave, its bill, and when it ended. A profile whose posts were not read would be judged
/// as one that never posts.
fn read_from(ended: Collected) -> Option<(Found, ScrapeUsage, Option<Timestamp>)> {
    match ended {
        Collected::Running => None,
        Collected::ItemsMissing { usage } => {
            Some((Found::Unusable("the items of the bill are missing".to_owned()), usage, None))
        }
        Collected::Finished { found: Found::Profile(profile), usage, ended_at }
            if profile.posts_count > 0 && profile.posts.is_empty() =>
        {
            Some((Found::Unusable("none of the profile's posts was read".to_owned()), usage, ended_at))
        }
        Collected::Finished { found, usage, ended_at } => Some((found, usage, ended_at)),
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
    let (posts, content) = match found {
        Found::Profile(profile) => (profile.posts_count, PartContent::Details(profile)),
        Found::Posts(posts) => (posts.len() as u64, PartContent::Posts(posts)),
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
    Ok(PollOutcome::Read(ScrapedPart { content, read_at, source: usage.source, provider_run_id, cost_microusd, posts }))
}
