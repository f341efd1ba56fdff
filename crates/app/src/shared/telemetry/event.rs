//! What becomes a point. Times are milliseconds, amounts millionths of a dollar.

use jiff::Timestamp;

use super::{ErrorReport, Point, columns};
use crate::shared::{
    analysis_type::AnalysisType,
    ids::{AccountId, RunId},
};

/// Something that happened.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Event<'a> {
    Request(RequestAnswered<'a>),
    Run(RunEnded<'a>),
    AiCall(AiCalled<'a>),
    Scrape(Scraped<'a>),
    Webhook(WebhookReceived<'a>),
    Job(JobEnded<'a>),
    /// A line was logged as an error.
    Error(&'a ErrorReport),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RequestAnswered<'a> {
    pub request_id: &'a str,
    pub method: &'a str,
    /// As it is declared: `/runs/{id}`.
    pub route: &'a str,
    pub status: u16,
    /// The error code; empty if there was no error.
    pub code: &'a str,
    pub duration_ms: i64,
    /// How many requests: more than one where an answer was repeated for a client who sends too many.
    pub times: u32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RunEnded<'a> {
    pub run_id: RunId,
    /// Not known where many runs are ended at once.
    pub account_id: Option<AccountId>,
    pub analysis_type: Option<AnalysisType>,
    pub end: RunEnd,
    /// Why it failed; empty if it did not.
    pub code: &'a str,
    /// Whether it used a profile that was read before.
    pub cache: CacheUse,
    /// What its result cost; 0 without a result: then what was spent is in the points of its calls alone.
    pub cost_microusd: u64,
    pub ended_at: Timestamp,
}

impl RunEnded<'_> {
    /// A run that ended otherwise than by its workflow, of which little is known here.
    #[must_use]
    pub const fn without_workflow(run_id: RunId, end: RunEnd, ended_at: Timestamp) -> Self {
        Self {
            run_id,
            account_id: None,
            analysis_type: None,
            end,
            code: "",
            cache: CacheUse::Unknown,
            cost_microusd: 0,
            ended_at,
        }
    }

    /// Since it was bought. A run's id has the time at which it was made.
    pub(super) fn duration_ms(&self) -> u64 {
        let age = self.run_id.made_at().map(|made_at| self.ended_at.duration_since(made_at).as_millis());
        age.and_then(|age| u64::try_from(age).ok()).unwrap_or(0)
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnd {
    Complete,
    Failed,
    Cancelled,
    /// Its start did not succeed and was undone.
    Undone,
    /// It gave no sign of life.
    Swept,
}

impl RunEnd {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Undone => "undone",
            Self::Swept => "swept",
        }
    }
}

/// Whether a cache answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheUse {
    Hit,
    Miss,
    /// There was no cache to ask, or nobody knows.
    Unknown,
}

impl CacheUse {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Unknown => "",
        }
    }
}

impl From<Option<bool>> for CacheUse {
    fn from(is_hit: Option<bool>) -> Self {
        match is_hit {
            Some(true) => Self::Hit,
            Some(false) => Self::Miss,
            None => Self::Unknown,
        }
    }
}

/// A model was asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AiCalled<'a> {
    pub run_id: RunId,
    pub account_id: AccountId,
    pub analysis_type: AnalysisType,
    /// `ok`, or the code with which the run fails if no other attempt helps.
    pub outcome: &'a str,
    pub provider: &'a str,
    /// The model that answered, or that was asked.
    pub model: &'a str,
    pub call: &'a str,
    /// Whether the gateway had the answer.
    pub cache: CacheUse,
    pub duration_ms: u64,
    /// `None` if it is not known: the model has no price, or there was no bill.
    pub cost_microusd: Option<u64>,
    pub input_tokens: u64,
    /// Of the input, what the provider read from its cache.
    pub cached_tokens: u64,
    pub output_tokens: u64,
    /// Of the output.
    pub reasoning_tokens: u64,
}

/// A run got an answer of the scraper, good or bad. Of an actor run about several profiles this is one profile's share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scraped<'a> {
    pub run_id: RunId,
    pub account_id: AccountId,
    pub analysis_type: AnalysisType,
    /// What was found, or `failed`.
    pub outcome: &'a str,
    pub provider: &'a str,
    /// Empty where the scrape failed.
    pub actor: &'a str,
    pub part: &'a str,
    pub duration_ms: u64,
    pub cost_microusd: u64,
    /// Billed results.
    pub results: u32,
}

/// A provider delivered an event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WebhookReceived<'a> {
    pub provider: &'a str,
    /// The provider's own id of it; empty if it was refused.
    pub event_id: &'a str,
    pub event_type: &'a str,
    /// `accepted`, or why not.
    pub outcome: &'a str,
    pub duration_ms: i64,
}

/// A scheduled job has ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JobEnded<'a> {
    pub job: &'a str,
    pub is_ok: bool,
    pub duration_ms: i64,
}

impl Event<'_> {
    /// The event as the platform takes it, within its limits.
    #[must_use]
    pub fn point(&self) -> Point {
        Point::of(&columns::of(self))
    }

    /// Writes the line of the event. A job's line has its report, and an error's line is what made the event: both are written
    /// already.
    pub(super) fn log(&self) {
        let account = |id: Option<AccountId>| id.map(tracing::field::display);
        match self {
            Self::Request(it) => tracing::info!(
                request_id = it.request_id,
                method = it.method,
                route = it.route,
                status = it.status,
                code = it.code,
                duration_ms = it.duration_ms,
                times = it.times,
                "request"
            ),
            Self::Run(it) => tracing::info!(
                run_id = %it.run_id,
                account_id = account(it.account_id),
                analysis_type = it.analysis_type.map(AnalysisType::as_str),
                end = it.end.as_str(),
                code = it.code,
                cache = it.cache.as_str(),
                duration_ms = it.duration_ms(),
                cost_microusd = it.cost_microusd,
                "run"
            ),
            Self::AiCall(it) => tracing::info!(
                run_id = %it.run_id,
                account_id = %it.account_id,
                analysis_type = it.analysis_type.as_str(),
                outcome = it.outcome,
                provider = it.provider,
                model = it.model,
                call = it.call,
                cache = it.cache.as_str(),
                duration_ms = it.duration_ms,
                cost_microusd = it.cost_microusd,
                input_tokens = it.input_tokens,
                cached_tokens = it.cached_tokens,
                output_tokens = it.output_tokens,
                reasoning_tokens = it.reasoning_tokens,
                "AI call"
            ),
            Self::Scrape(it) => tracing::info!(
                run_id = %it.run_id,
                account_id = %it.account_id,
                analysis_type = it.analysis_type.as_str(),
                outcome = it.outcome,
                provider = it.provider,
                actor = it.actor,
                part = it.part,
                duration_ms = it.duration_ms,
                cost_microusd = it.cost_microusd,
                results = it.results,
                "scrape"
            ),
            Self::Webhook(it) => tracing::info!(
                provider = it.provider,
                event_id = it.event_id,
                event_type = it.event_type,
                outcome = it.outcome,
                duration_ms = it.duration_ms,
                "webhook"
            ),
            Self::Job(_) | Self::Error(_) => {}
        }
    }
}
