//! The durable body of an analysis: cache, scrape, judge, save.
//!
//! Promises: nothing outside a step has an effect; every effect is idempotent by key; before each phase the run's row is
//! asked whether the run is still active, and if not the workflow stops and stores nothing; every failure ends in
//! `fail_run`, which refunds once. Expected failures are values that steps remember. Attempts are counted here and not
//! by the engine, so that a pause is a durable sleep and a provider's `Retry-After` can lengthen it.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    AiFault, AnalysisType, Assignment, Collected, Completion, Facts, Found, LightJudgement, Model, ModelName, Phase,
    ProfileSource, ProgressSink, ProgressUpdate, RunJournal, RunStatus, ScrapeFault, ScrapeTicket, Snapshot,
    SnapshotKey, SnapshotStore, UsageKind, blend, config, icp, progress, prompt,
};
use crate::shared::{
    clock::Clock,
    ids::RunId,
    steps::{StepFailed, Steps, Transient},
};

/// What the workflow can reach. Cheap to clone: each step takes its own.
#[derive(Clone)]
pub struct WorkflowPorts {
    /// Runs, as the system.
    pub runs: Arc<dyn RunJournal>,
    /// The profile cache.
    pub snapshots: Arc<dyn SnapshotStore>,
    /// The scraper.
    pub profiles: Arc<dyn ProfileSource>,
    /// The language model.
    pub model: Arc<dyn Model>,
    /// Watchers.
    pub progress: Arc<dyn ProgressSink>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Which model judges LIGHT.
    pub light_model: ModelName,
    /// Factor on every pause; 1 except on a local stack that runs faster than life.
    pub pause_scale: f64,
}

/// Why the workflow ends early.
enum Stop {
    /// The run ended meanwhile (cancelled, swept): nothing is stored.
    Inactive,
    /// The run fails with a stable code and a sentence for the customer.
    Failed(Failure),
    /// The engine gave a step up: a store was down for longer than the retries last.
    Broken(StepFailed),
}

#[derive(Debug, Clone, Copy)]
struct Failure {
    code: &'static str,
    message: &'static str,
}

impl From<StepFailed> for Stop {
    fn from(error: StepFailed) -> Self {
        Self::Broken(error)
    }
}

#[derive(Serialize, Deserialize)]
struct TakenUp {
    assignment: Assignment,
    cached: Option<SnapshotKey>,
}

/// A step's answer in a run that may have ended meanwhile.
#[derive(Serialize, Deserialize)]
enum Still<T> {
    Active(T),
    Inactive,
}

impl<T> Still<T> {
    fn go_on(self) -> Result<T, Stop> {
        match self {
            Self::Active(value) => Ok(value),
            Self::Inactive => Err(Stop::Inactive),
        }
    }
}

#[derive(Serialize, Deserialize)]
enum Scraped {
    Running,
    Stored(SnapshotKey),
    NotFound,
    Private,
    Restricted,
    Unusable,
}

#[derive(Serialize, Deserialize)]
struct Judged {
    judgement: LightJudgement,
    model: String,
    provider: String,
    cost_microusd: u64,
}

struct Body<'a, S> {
    steps: &'a S,
    ports: WorkflowPorts,
    run: RunId,
}

/// Runs one analysis to its end.
///
/// # Errors
/// [`StepFailed`] only when not even the failure could be recorded; the sweeper then ends the run.
pub async fn analyse<S: Steps>(steps: &S, ports: WorkflowPorts, run: RunId) -> Result<(), StepFailed> {
    let body = Body { steps, ports, run };
    match body.work().await {
        Ok(()) | Err(Stop::Inactive) => Ok(()),
        Err(Stop::Failed(failure)) => body.fail(failure).await,
        Err(Stop::Broken(error)) => {
            tracing::error!(run_id = %run, %error, "the run is given up");
            body.fail(INTERNAL).await
        }
    }
}

impl<S: Steps> Body<'_, S> {
    async fn work(&self) -> Result<(), Stop> {
        let TakenUp { assignment, cached } = self.take_up().await?;
        let cache_hit = cached.is_some();
        let key = match cached {
            Some(key) => key,
            None => self.scrape(&assignment).await?,
        };
        let judged = self.judge(&assignment, &key).await?;
        self.complete(assignment, key, judged, cache_hit).await
    }

    /// Step 6: mark the run as working, read its assignment, look into the cache.
    async fn take_up(&self) -> Result<TakenUp, Stop> {
        let (ports, run) = (self.ports.clone(), self.run);
        let taken: Still<TakenUp> = self
            .steps
            .run("take-up", move || {
                let ports = ports.clone();
                async move {
                    let Some(assignment) = ports.runs.take_up(run).await? else {
                        return Ok(Still::Inactive);
                    };
                    ports.progress.tell(run, ProgressUpdate::Reached(Phase::Cache)).await;
                    let wanted = assignment.analysis_type.config();
                    let not_before = ports.clock.now() - wanted.cache_age_max;
                    let found = ports.snapshots.find(&assignment.username, not_before, wanted.posts).await;
                    // A cache that does not answer is a miss: it costs a scrape, not the run.
                    let cached = found.unwrap_or_else(|error| {
                        tracing::warn!(run_id = %run, %error, "cache unavailable");
                        None
                    });
                    Ok(Still::Active(TakenUp { assignment, cached }))
                }
            })
            .await?;
        taken.go_on()
    }

    /// Steps 7 and 8: up to four attempts, each started in one step and collected in the next, so that a crash between
    /// does not pay twice.
    async fn scrape(&self, assignment: &Assignment) -> Result<SnapshotKey, Stop> {
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

    /// Step 9: up to three attempts. The model's pause may lengthen ours.
    async fn judge(&self, assignment: &Assignment, key: &SnapshotKey) -> Result<Judged, Stop> {
        let mut pauses = config::AI_PAUSES.into_iter();
        for attempt in 0.. {
            let fault = match self.judge_once(assignment, key, attempt).await? {
                Ok(judged) => return Ok(judged),
                Err(fault) => fault,
            };
            tracing::warn!(run_id = %self.run, attempt, %fault, "AI call failed");
            let (Some(asked), Some(ours)) = (pause_before_repeat(&fault), pauses.next()) else {
                return Err(Stop::Failed(ai_failure(&fault)));
            };
            if asked > config::AI_PAUSE_MAX {
                return Err(Stop::Failed(ai_failure(&fault)));
            }
            self.pause(&format!("judge-{attempt}-pause"), ours.max(asked)).await?;
        }
        Err(Stop::Failed(INTERNAL))
    }

    async fn judge_once(
        &self,
        assignment: &Assignment,
        key: &SnapshotKey,
        attempt: u32,
    ) -> Result<Result<Judged, AiFault>, Stop> {
        let (ports, run) = (self.ports.clone(), self.run);
        let (wanted, key) = (assignment.clone(), key.clone());
        let judged: Still<Result<Judged, AiFault>> = self
            .steps
            .run(&format!("judge-{attempt}"), move || {
                let (ports, wanted, key) = (ports.clone(), wanted.clone(), key.clone());
                async move {
                    let snapshot = ports.snapshots.load(&key).await?;
                    // From here a cancellation keeps the credits, so this stands right before the call.
                    if !advance(&ports, run, Phase::Analyzing).await? {
                        return Ok(Still::Inactive);
                    }
                    Ok(Still::Active(ask(&ports, run, &wanted, &snapshot).await))
                }
            })
            .await?;
        judged.go_on()
    }

    /// Steps 10 to 12 in one transaction.
    async fn complete(
        &self,
        assignment: Assignment,
        key: SnapshotKey,
        judged: Judged,
        cache_hit: bool,
    ) -> Result<(), Stop> {
        let (ports, run) = (self.ports.clone(), self.run);
        let (assignment, key, judged) = (Arc::new(assignment), Arc::new(key), Arc::new(judged));
        let done: Still<()> = self
            .steps
            .run("complete", move || {
                let ports = ports.clone();
                let (assignment, key, judged) = (assignment.clone(), key.clone(), judged.clone());
                async move {
                    let snapshot = ports.snapshots.load(&key).await?;
                    // No question whether the run is active: `complete_run` asks it under the row's lock, and a repeat
                    // after a lost answer must reach it to hear the first answer again.
                    ports.progress.tell(run, ProgressUpdate::Reached(Phase::Saving)).await;
                    let (lead, result) = findings(&assignment, &snapshot, &key, &judged, cache_hit);
                    match ports.runs.complete(run, &lead, &result).await? {
                        Completion::Completed { .. } => {
                            tell_end(&ports, run, RunStatus::Complete, None).await;
                            Ok(Still::Active(()))
                        }
                        Completion::Inactive => Ok(Still::Inactive),
                    }
                }
            })
            .await?;
        done.go_on()
    }

    async fn fail(&self, failure: Failure) -> Result<(), StepFailed> {
        let (ports, run) = (self.ports.clone(), self.run);
        self.steps
            .run("fail", move || {
                let ports = ports.clone();
                async move {
                    ports.runs.fail(run, failure.code, failure.message).await?;
                    tell_end(&ports, run, RunStatus::Failed, Some(failure.message)).await;
                    Ok(())
                }
            })
            .await
    }

    async fn pause(&self, name: &str, pause: Duration) -> Result<(), Stop> {
        Ok(self.steps.sleep(name, pause.mul_f64(self.ports.pause_scale)).await?)
    }
}

/// Beats the heart, tells watchers, answers whether to go on.
async fn advance(ports: &WorkflowPorts, run: RunId, phase: Phase) -> Result<bool, Transient> {
    let (active, ()) = futures_util::future::join(
        ports.runs.advance(run, phase),
        ports.progress.tell(run, ProgressUpdate::Reached(phase)),
    )
    .await;
    Ok(active?)
}

/// Tells watchers what was committed. A run that ended otherwise meanwhile is corrected by reconciling.
async fn tell_end(ports: &WorkflowPorts, run: RunId, expected: RunStatus, message: Option<&str>) {
    match ports.runs.state(run).await {
        Ok(Some(state)) if state.status == expected => {
            let message = message.unwrap_or_else(|| progress::ending(expected)).to_owned();
            ports.progress.tell(run, ProgressUpdate::Ended { status: expected, message }).await;
        }
        Ok(_) => {}
        Err(error) => tracing::warn!(run_id = %run, %error, "progress is left to reconciling"),
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

async fn ask(ports: &WorkflowPorts, run: RunId, wanted: &Assignment, snapshot: &Snapshot) -> Result<Judged, AiFault> {
    let question = match wanted.analysis_type {
        AnalysisType::Light => {
            let posts = wanted.analysis_type.config().posts;
            prompt::light(&ports.light_model, &wanted.business, &snapshot.profile, posts)
        }
    };
    let answer = ports.model.ask(&question).await;
    let usage = answer.usage;
    if let Some(usage) = &usage {
        let bill = json!({
            "call": question.schema_name, "provider": usage.provider, "model": usage.model,
            "input_tokens": usage.input_tokens, "cached_tokens": usage.cached_tokens,
            "output_tokens": usage.output_tokens, "reasoning_tokens": usage.reasoning_tokens,
            "cost_microusd": usage.cost_microusd, "duration_ms": usage.duration_ms,
            "finish_reason": usage.finish_reason,
        });
        // The answer is paid for: losing its bill is better than paying for a second one.
        if let Err(error) = ports.runs.record_usage(run, UsageKind::Ai, &usage.response_id, &bill).await {
            tracing::error!(run_id = %run, %error, response_id = usage.response_id, "AI usage not recorded");
        }
    }
    let judgement = LightJudgement::parse(&answer.content?)?;
    // An answer that came without a bill was still given by the model that was asked.
    let unbilled = || (question.model.model().to_owned(), question.model.provider().to_owned(), 0);
    let (model, provider, cost_microusd) =
        usage.map_or_else(unbilled, |u| (u.model, u.provider, u.cost_microusd.unwrap_or(0)));
    Ok(Judged { judgement, model, provider, cost_microusd })
}

/// The lead's facts and the analysis, as `complete_run` takes them.
fn findings(
    assignment: &Assignment,
    snapshot: &Snapshot,
    key: &SnapshotKey,
    judged: &Judged,
    cache_hit: bool,
) -> (Value, Value) {
    let profile = &snapshot.profile;
    let facts = Facts::of(snapshot);
    let criteria = icp::match_ideal_customer(&assignment.business.ideal_customer, profile, &facts);
    let score = blend(&judged.judgement, &criteria, &facts);
    let lead = json!({
        "username": profile.username, "display_name": profile.display_name, "biography": profile.biography,
        "followers": profile.followers, "following": profile.following, "posts": profile.posts_count,
        "category": profile.category, "external_url": profile.external_url,
        "profile_pic_url": profile.profile_pic_url, "is_verified": profile.is_verified,
        "is_business": profile.is_business, "scraped_at": snapshot.scraped_at,
    });
    let judgement = &judged.judgement;
    let result = json!({
        "score": score.value, "provider": judged.provider, "model": judged.model, "snapshot_key": key,
        "cost_microusd": judged.cost_microusd,
        "result": {
            "score": score.value,
            "provider": judged.provider,
            "model": judged.model,
            "scraped_by": snapshot.source,
            "scraped_at": snapshot.scraped_at,
            "cache_hit": cache_hit,
            "confidence": judgement.confidence,
            "summary": judgement.summary,
            "niche": judgement.niche,
            "reasons": judgement.reasons,
            "concerns": judgement.concerns,
            "outreach": { "opener": judgement.outreach_opener },
            "evidence": score.evidence,
            "facts": facts,
            "context_version": assignment.business.context_version,
        },
    });
    (lead, result)
}

/// The pause that a fault asks for before a repeat, zero for ours; `None` when repeating cannot help.
const fn pause_before_repeat(fault: &AiFault) -> Option<Duration> {
    match fault {
        AiFault::Unavailable { retry_after_ms: Some(ms), .. } => Some(Duration::from_millis(*ms)),
        AiFault::Unavailable { retry_after_ms: None, .. } | AiFault::Truncated | AiFault::Invalid(_) => {
            Some(Duration::ZERO)
        }
        AiFault::QuotaExhausted | AiFault::Refused | AiFault::Rejected(_) => None,
    }
}

const fn ai_failure(fault: &AiFault) -> Failure {
    let (code, message) = match fault {
        AiFault::Unavailable { .. } => (
            "ai_unavailable",
            "The AI service did not answer, even after retries. Your credits were returned; try again in a few minutes.",
        ),
        AiFault::QuotaExhausted => (
            "ai_quota_exhausted",
            "Our AI capacity is used up just now. Your credits were returned; we have been told.",
        ),
        AiFault::Refused => (
            "ai_refused",
            "The AI declined to judge this profile. Your credits were returned; trying again will not help.",
        ),
        AiFault::Truncated => (
            "ai_truncated",
            "The AI's answer was cut off each time. Your credits were returned; please tell us the username.",
        ),
        AiFault::Invalid(_) => (
            "ai_invalid_answer",
            "The AI's answer was unusable each time. Your credits were returned; try again later.",
        ),
        AiFault::Rejected(_) => (
            "ai_unavailable",
            "The AI service did not accept our request. Your credits were returned; we have been told.",
        ),
    };
    Failure { code, message }
}

const INTERNAL: Failure = Failure {
    code: "internal_error",
    message: "Something went wrong on our side. Your credits were returned; try again in a few minutes.",
};
const NOT_FOUND: Failure = Failure {
    code: "profile_not_found",
    message: "There is no Instagram profile with this username. Your credits were returned; check the spelling.",
};
const PRIVATE: Failure = Failure {
    code: "profile_private",
    message: "This Instagram profile is private, so it cannot be judged. Your credits were returned.",
};
const RESTRICTED: Failure = Failure {
    code: "profile_restricted",
    message: "Instagram shows this profile to some viewers only, so it cannot be read. Your credits were returned.",
};
const SCRAPE_FAILED: Failure = Failure {
    code: "scrape_failed",
    message: "The profile could not be read, even after retries. Your credits were returned; try again in a few minutes.",
};
const SCRAPER_UNAVAILABLE: Failure = Failure {
    code: "scraper_unavailable",
    message: "Reading profiles is not possible just now. Your credits were returned; we have been told.",
};
