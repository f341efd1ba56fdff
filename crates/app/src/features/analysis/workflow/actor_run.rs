//! One attempt at a part of a profile: asked for and collected in the same steps. Who reads it, and with whom it shares an actor run, is
//! the gate's business.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Body, EarlyEnd, IfActive, Recorded, WorkflowPorts, advance,
    scrape::{Attempts, PartContent, PollOutcome, ScrapedPart},
    silence::Silence,
};
use crate::{
    features::{
        analysis::{Assignment, Phase, ScrapeBill, UsageRecord, config, required_services::SCRAPER},
        profiles::{Found, ScrapeFault, ScrapePart, ScrapeUsage},
        scraping::{Collected, RequestKey, ScrapeRequest, Scraped},
    },
    shared::{
        ids::RunId,
        steps::{AttemptFailed, Steps},
        telemetry::{self, Event, tell},
    },
};

/// What one poll of a scrape gave.
#[derive(Serialize, Deserialize)]
struct ScrapePoll {
    outcome: Result<PollOutcome, ScrapeFault>,
    /// Whether the outcome is that of the scrape, and not of the question; deployments without a gate remembered none.
    #[serde(default)]
    is_final: bool,
    /// The bill, if the database did not take it, and what it is recorded under.
    unrecorded: Option<ScrapeBill>,
    #[serde(default)]
    bill_key: String,
    asked_at: Timestamp,
    ended_at: Timestamp,
}

impl<S: Steps> Body<'_, S> {
    /// One attempt at a part, whatever it gives.
    pub(super) async fn attempt_scrape(
        &self,
        assignment: &Assignment,
        attempts: &mut Attempts,
        name: &str,
    ) -> Result<Result<PollOutcome, ScrapeFault>, EarlyEnd> {
        let request = request(self.run, assignment, attempts);
        let silence = &mut attempts.silence;
        let (wait, polls_max) = config::polls(self.ports.pause_scale);
        let waits_max = polls_max * config::SCRAPE_WAITS_FACTOR;
        let (mut waiting, mut running, mut unanswered) = (0, 0, 0);
        let mut silent_gate = None;
        while waiting < waits_max
            && running < polls_max
            && unanswered < config::SCRAPE_UNANSWERED_MAX
            && !silence.is_over(wait)
        {
            // The sum counts polls: each one is a step and needs a name of its own.
            let name = format!("{name}-collect-{}", waiting + running + unanswered);
            let ScrapePoll { outcome, is_final, asked_at, ended_at, .. } =
                self.poll(assignment, &request, &name).await?;
            match outcome {
                // The time in the line is nobody's silence.
                Ok(PollOutcome::Waiting) => {
                    (waiting, silent_gate) = (waiting + 1, None);
                    silence.stands_still(asked_at, ended_at);
                }
                Ok(PollOutcome::Running) => {
                    (running, silent_gate) = (running + 1, None);
                    // The gate says so, and not the scraper.
                    silence.lasts(asked_at, ended_at);
                }
                // Asking again costs nothing, starting another scrape would.
                Err(fault @ (ScrapeFault::Unanswered(_) | ScrapeFault::TimedOut(_) | ScrapeFault::GateSilent(_)))
                    if !is_final =>
                {
                    unanswered += 1;
                    note(silence, &fault, asked_at, ended_at);
                    tracing::warn!(run_id = %self.run, name, cause = %fault, "asking about the scrape again");
                    if silence.is_repeated() {
                        return Ok(Err(fault));
                    }
                    silent_gate = Some(fault).filter(|fault| matches!(fault, ScrapeFault::GateSilent(_)));
                    self.pause(&format!("{name}-pause"), config::SCRAPE_UNANSWERED_PAUSE).await?;
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
        }
        // Also after a minute without answers: for the caller, a scrape that did not end in time. Where it was the gate that gave none,
        // the caller hears so, and does not blame the scraper.
        Ok(silent_gate.map_or(Ok(PollOutcome::Running), Err))
    }

    async fn poll(&self, assignment: &Assignment, request: &ScrapeRequest, name: &str) -> Result<ScrapePoll, EarlyEnd> {
        let (ports, run, wanted, request) = (self.ports.clone(), self.run, assignment.clone(), request.clone());
        let poll: IfActive<ScrapePoll> = self
            .steps
            .run(name, move || {
                let (ports, wanted, request) = (ports.clone(), wanted.clone(), request.clone());
                async move {
                    if !advance(&ports, run, Phase::Scraping).await? {
                        return Ok(IfActive::Inactive);
                    }
                    let (wait, _) = config::polls(ports.pause_scale);
                    let asked_at = ports.clock.now();
                    let collected = ports.profiles.collect(&request, wait).await;
                    let ended_at = ports.clock.now();
                    let mut poll = ScrapePoll {
                        outcome: Ok(PollOutcome::Running),
                        is_final: false,
                        unrecorded: None,
                        bill_key: String::new(),
                        asked_at,
                        ended_at,
                    };
                    match collected {
                        Ok(Collected::Running) => {}
                        Ok(Collected::Waiting) => poll.outcome = Ok(PollOutcome::Waiting),
                        Ok(Collected::Failed(fault)) => {
                            tell_scrape(&ports, &wanted, &request, asked_at, ended_at, None);
                            (poll.outcome, poll.is_final) = (Err(fault), true);
                        }
                        Ok(Collected::Finished(scraped)) => {
                            let Scraped { found, usage, ended_at: read_at, provider_run_id } = *scraped;
                            let found = checked(found);
                            let bill = ScrapeBill::of(&wanted.username, &found, &usage);
                            let recorded = record(&ports, run, &provider_run_id, &bill).await;
                            let counted =
                                if recorded == Recorded::Before { bill.without_amounts() } else { bill.clone() };
                            let given = Some((usage.source.as_str(), &counted));
                            tell_scrape(&ports, &wanted, &request, asked_at, ended_at, given);
                            poll.unrecorded = Some(bill).filter(|_| recorded == Recorded::NotYet);
                            poll.bill_key.clone_from(&provider_run_id);
                            // A clock that is ahead must not make a snapshot of the future.
                            let read_at = read_at.map_or(ended_at, |at| at.min(ended_at));
                            poll.outcome = Ok(finished(run, found, usage, provider_run_id, read_at)?);
                        }
                        Err(fault) => poll.outcome = Err(fault),
                    }
                    Ok(IfActive::Active(poll))
                }
            })
            .await?;
        let mut poll = poll.active()?;
        if let Some(bill) = poll.unrecorded.take() {
            self.record_late(name, poll.bill_key.clone(), UsageRecord::Scrape(bill)).await?;
        }
        Ok(poll)
    }
}

/// Tells what a scrape gave: its source and bill, or nothing.
fn tell_scrape(
    ports: &WorkflowPorts,
    wanted: &Assignment,
    request: &ScrapeRequest,
    asked_at: Timestamp,
    ended_at: Timestamp,
    given: Option<(&str, &ScrapeBill)>,
) {
    let (provider, bill) = given.map_or((SCRAPER, None), |(source, bill)| (source, Some(bill)));
    let waited_ms = u64::try_from(ended_at.duration_since(asked_at).as_millis()).unwrap_or(0);
    let event = telemetry::Scraped {
        run_id: request.key.run_id,
        account_id: wanted.account_id,
        analysis_type: wanted.analysis_type,
        outcome: bill.map_or("failed", |bill| bill.outcome.as_str()),
        provider,
        actor: bill.map_or("", |bill| bill.actor.as_str()),
        part: match request.key.part {
            ScrapePart::Details => "details",
            ScrapePart::Posts(_) => "posts",
        },
        duration_ms: bill.and_then(|bill| bill.duration_ms).unwrap_or(waited_ms),
        cost_microusd: bill.map_or(0, |bill| bill.cost_microusd),
        results: bill.map_or(0, |bill| bill.results),
    };
    tell(ports.telemetry.as_ref(), &Event::Scrape(event));
}

/// The same for every replay, so that the gate knows it again.
fn request(run: RunId, assignment: &Assignment, attempts: &Attempts) -> ScrapeRequest {
    ScrapeRequest {
        key: RequestKey { run_id: run, part: attempts.part, attempt: attempts.number() },
        account_id: assignment.account_id,
        username: assignment.username.clone(),
    }
}

/// What a fault says about whether the scraper answers at all.
fn note(silence: &mut Silence, fault: &ScrapeFault, asked_at: Timestamp, ended_at: Timestamp) {
    match fault {
        ScrapeFault::TimedOut(_) => silence.timed_out(asked_at, ended_at),
        ScrapeFault::Silent(_) => silence.was_repeated(),
        ScrapeFault::Overtime(_) => silence.goes_on(asked_at, ended_at),
        ScrapeFault::GateSilent(_) => silence.lasts(asked_at, ended_at),
        ScrapeFault::Unanswered(_)
        | ScrapeFault::Retryable(_)
        | ScrapeFault::AtCapacity(_)
        | ScrapeFault::Terminal(_)
        | ScrapeFault::Exhausted(_) => silence.broken(),
    }
}

/// A profile whose posts were not read would be judged as one that never posts.
fn checked(found: Found) -> Found {
    match found {
        Found::Profile(profile) if profile.posts_count > 0 && profile.posts.is_empty() => {
            Found::Unusable("none of the profile's posts was read".to_owned())
        }
        found => found,
    }
}

/// Records the bill, which is due whatever was found. If the database does not take it, the step must not be repeated for that: the
/// repeat might not get the bill again, because the run has ended.
async fn record(ports: &WorkflowPorts, run: RunId, key: &str, bill: &ScrapeBill) -> Recorded {
    let recorded = ports.runs.record_usage(run, key, &UsageRecord::Scrape(bill.clone())).await;
    if let Err(error) = &recorded {
        tracing::warn!(run_id = %run, %error, "scrape usage not recorded yet");
    }
    Recorded::of(&recorded)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// How many polls in a row may end like this, each 30 s of waiting, 10 s of patience and a pause of 5 s.
    fn polls_that_end_in(fault: &ScrapeFault) -> usize {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut silence = Silence::default();
        let mut polls = 0;
        while !silence.is_over(config::SCRAPE_POLL_WAIT) {
            let asked_at = 45 * i64::try_from(polls).unwrap();
            note(&mut silence, fault, at(asked_at), at(asked_at + 40));
            polls += 1;
        }
        polls
    }

    #[test]
    fn a_silent_gate_is_asked_again_for_four_minutes_and_a_silent_scraper_once() {
        assert_eq!(polls_that_end_in(&ScrapeFault::GateSilent("the gate".to_owned())), 5);
        assert_eq!(polls_that_end_in(&ScrapeFault::TimedOut("the scraper".to_owned())), 2);
    }

    #[test]
    fn what_a_deployment_without_a_gate_remembered_of_a_poll_is_still_read() {
        let poll = |outcome: &str| {
            let text = format!(
                r#"{{"outcome":{outcome},"unrecorded":null,"asked_at":"2026-11-26T12:00:00Z","ended_at":"2026-11-26T12:00:30Z"}}"#
            );
            serde_json::from_str::<ScrapePoll>(&text).unwrap()
        };
        for waiting in ["Running", "ItemsMissing"] {
            let ScrapePoll { outcome, is_final, .. } = poll(&format!(r#"{{"Ok":"{waiting}"}}"#));
            assert!(matches!(outcome, Ok(PollOutcome::Running)) && !is_final, "{waiting}");
        }
        let read = r#"{"Ok":{"Read":{"content":"{}","read_at":"2026-11-26T12:00:30Z","source":"apify","provider_run_id":"r",
            "cost_microusd":2650}}}"#;
        assert!(matches!(poll(read).outcome, Ok(PollOutcome::Read(part)) if part.provider_run_id == "r"));
        assert!(matches!(poll(r#"{"Err":{"Retryable":"a failed actor"}}"#).outcome, Err(ScrapeFault::Retryable(_))));
    }
}
