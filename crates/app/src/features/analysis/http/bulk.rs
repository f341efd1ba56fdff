//! `POST /v1/bulk-analyze`, `POST /runs/{id}/continue`.

use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::{bulk_body::BulkBody, bulk_query::BulkQuery, runs::check_id};
use crate::{
    features::{
        analysis::{
            AnalysisPorts, BulkPlan, HeldLine, LineReason, LinesUsed, ListSource, PlannedLine, UnusedLine,
            bulk::{self, Bought},
            codes::{
                BUDGET_EXCEEDED, EMPTY_LIST, INSUFFICIENT_CREDITS, INVALID_BULK_OPTION, INVALID_BUSINESS_PROFILE_ID,
                LIST_TOO_LONG, MEMBER_LIMIT_REACHED, NOTHING_TO_CONTINUE, OVER_CEILING, PROVIDER_UNAVAILABLE,
                RUN_NOT_FOUND, START_FAILED, UNKNOWN_ANALYSIS_TYPE, bulk_refusal,
            },
        },
        auth::{Analyse, Buys, CallingUser},
        business::BUSINESS_PROFILE_NOT_FOUND,
        health::{NOT_READY, not_ready},
    },
    http::{
        ACCOUNT_BLOCKED, ApiError, Both, Endpoint, ErrorCode, Example, MaybeIdempotencyKey, NoBody, PERMISSION_MISSING,
        PathId, RATE_LIMITED, Reply,
        code::{IDEMPOTENCY_KEY_REUSED, INVALID_REQUEST},
    },
    shared::ids::{BulkId, RunId},
};

/// A list that was bought, or in a dry run what buying it would do, line by line.
#[derive(Serialize, JsonSchema)]
pub struct AcceptedBulk {
    /// The bulk: watch its progress, then read it, as a run. Null in a dry run.
    bulk_id: Option<BulkId>,
    /// Whether nothing was done.
    dry_run: bool,
    credits_each: i64,
    /// What was charged, or would be, in credits.
    credits_charged: i64,
    /// What the lines behind the pilot would cost.
    credits_on_continue: i64,
    /// The credits that are left, or would be.
    balance: i64,
    /// How long the lines behind the pilot can be bought.
    continue_until: Option<Timestamp>,
    /// Lines that are bought now, each with a run and a charge of its own.
    charged: Vec<PlannedLine>,
    /// Lines behind the pilot.
    waiting: Vec<PlannedLine>,
    /// Lines whose leads you have already; they cost nothing.
    held: Vec<HeldLine>,
    /// Lines that another run is doing; they cost nothing.
    skipped: Vec<PlannedLine>,
    /// Lines without a name that can be used.
    unused: Vec<UnusedLine>,
    /// In a dry run: what the purchase would be refused with.
    #[serde(skip_serializing_if = "Option::is_none")]
    would_be_refused: Option<Refusal>,
}

/// The error that would be answered.
#[derive(Serialize, JsonSchema)]
pub struct Refusal {
    code: &'static str,
    error: String,
    details: Option<Value>,
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self { code: error.code().code, error: error.message().to_owned(), details: error.details().cloned() }
    }
}

impl AcceptedBulk {
    fn of(plan: BulkPlan, unused: Vec<UnusedLine>) -> Self {
        let waiting = i64::try_from(plan.waiting.len()).unwrap_or(i64::MAX);
        Self {
            bulk_id: plan.bulk_id,
            dry_run: plan.bulk_id.is_none(),
            credits_each: plan.credits_each,
            credits_charged: plan.credits,
            credits_on_continue: plan.credits_each.saturating_mul(waiting),
            balance: plan.balance,
            continue_until: plan.continue_until,
            charged: plan.items,
            waiting: plan.waiting,
            held: plan.held,
            skipped: plan.skipped,
            unused: with_erased(unused, &plan.erased),
            would_be_refused: None,
        }
    }
}

/// Adds the lines that may not be analysed, in the order of the list. What they say is not repeated.
fn with_erased(mut unused: Vec<UnusedLine>, erased: &[u32]) -> Vec<UnusedLine> {
    let reason = LineReason::SubjectErased;
    unused.extend(erased.iter().map(|line| UnusedLine { line: *line, text: String::new(), reason, first_line: None }));
    unused.sort_by_key(|unused| unused.line);
    unused
}

fn answer(outcome: Bought, unused: Vec<UnusedLine>) -> Result<Reply<AcceptedBulk>, ApiError> {
    match outcome {
        Bought::Running { plan, replayed } => {
            let reply = Reply::new(AcceptedBulk::of(plan, unused));
            let replay = HeaderName::from_static("idempotency-replayed");
            Ok(if replayed { reply.header(replay, HeaderValue::from_static("true")) } else { reply })
        }
        Bought::Dry(dry) => {
            let refused = dry.refusal.as_ref().map(|refusal| Refusal::from(bulk_refusal(refusal, &[])));
            Ok(Reply::new(AcceptedBulk { would_be_refused: refused, ..AcceptedBulk::of(dry.plan, unused) }))
        }
        Bought::Refused(refusal) => Err(bulk_refusal(&refusal, &unused)),
        Bought::NotReady(faults) => Err(not_ready(&faults)),
        Bought::Undone => Err(ApiError::new(
            START_FAILED,
            "The list could not be started, and its credits were returned. Try again in a few seconds.",
        )
        .with_retry_after(5)),
    }
}

fn example_answer() -> Value {
    let id = "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10";
    json!({
        "bulk_id": id, "dry_run": false, "credits_each": 1, "credits_charged": 1, "credits_on_continue": 1, "balance": 98,
        "continue_until": "2026-11-26T09:30:00Z",
        "charged": [{ "line": 1, "username": "livia.runs", "run_id": id }],
        "waiting": [{ "line": 2, "username": "nasa", "run_id": null }],
        "held": [], "skipped": [],
        "unused": [{ "line": 3, "text": "@NASA", "reason": "duplicate", "first_line": 2 }],
    })
}

pub struct BulkAnalyze;

impl Endpoint for BulkAnalyze {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/v1/bulk-analyze";
    const SUMMARY: &'static str = "Charges for up to 100 analyses and starts them. Send JSON, or a file as text/csv with the other fields in the query.";
    const STATUS: StatusCode = StatusCode::ACCEPTED;
    const ERRORS: &'static [ErrorCode] = &[
        EMPTY_LIST,
        LIST_TOO_LONG,
        INVALID_BULK_OPTION,
        INVALID_REQUEST,
        UNKNOWN_ANALYSIS_TYPE,
        INVALID_BUSINESS_PROFILE_ID,
        BUSINESS_PROFILE_NOT_FOUND,
        RUN_NOT_FOUND,
        IDEMPOTENCY_KEY_REUSED,
        OVER_CEILING,
        INSUFFICIENT_CREDITS,
        BUDGET_EXCEEDED,
        MEMBER_LIMIT_REACHED,
        RATE_LIMITED,
        PROVIDER_UNAVAILABLE,
        NOT_READY,
        START_FAILED,
    ];

    type Ports = AnalysisPorts;
    type Caller = Buys<Analyse>;
    type Parameters = Both<MaybeIdempotencyKey, BulkQuery>;
    type Body = BulkBody;
    type Answer = Reply<AcceptedBulk>;

    fn example() -> Example {
        Example {
            body: Some(json!({
                "usernames": ["livia.runs", "nasa", "@NASA"], "analysis_type": "LIGHT",
                "business_profile_id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "pilot": 1, "max_credits": 50,
            })),
            data: Some(example_answer()),
        }
    }

    async fn handle(
        ports: AnalysisPorts,
        buyer: Buys<Analyse>,
        Both(MaybeIdempotencyKey(key), query): Both<MaybeIdempotencyKey, BulkQuery>,
        body: BulkBody,
    ) -> Result<Reply<AcceptedBulk>, ApiError> {
        let request = body.request(query)?;
        let unused = match &request.source {
            ListSource::Names(LinesUsed { unused, .. }) => unused.clone(),
            ListSource::FailedOf(_) | ListSource::StaleLeads => Vec::new(),
        };
        answer(buyer.heed(bulk::buy(&ports, buyer.member, &request, key.as_ref()).await).await?, unused)
    }
}

pub struct ContinueBulk;

impl Endpoint for ContinueBulk {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/runs/{id}/continue";
    const SUMMARY: &'static str = "Charges for the lines behind a pilot and starts them, within 24 hours; a repeat is answered like the first time.";
    const STATUS: StatusCode = StatusCode::ACCEPTED;
    const ERRORS: &'static [ErrorCode] = &[
        RUN_NOT_FOUND,
        PERMISSION_MISSING,
        NOTHING_TO_CONTINUE,
        BUSINESS_PROFILE_NOT_FOUND,
        INSUFFICIENT_CREDITS,
        BUDGET_EXCEEDED,
        MEMBER_LIMIT_REACHED,
        RATE_LIMITED,
        PROVIDER_UNAVAILABLE,
        NOT_READY,
        ACCOUNT_BLOCKED,
    ];

    type Ports = AnalysisPorts;
    // Not `Member`: the bulk says which of the user's accounts it belongs to.
    type Caller = CallingUser;
    type Parameters = PathId<RunId>;
    type Body = NoBody;
    type Answer = Reply<AcceptedBulk>;

    fn example() -> Example {
        Example { data: Some(example_answer()), ..Example::default() }
    }

    async fn handle(
        ports: AnalysisPorts,
        CallingUser(user): CallingUser,
        PathId(run): PathId<RunId>,
        _: NoBody,
    ) -> Result<Reply<AcceptedBulk>, ApiError> {
        check_id(&ports, run)?;
        answer(bulk::go_on(&ports, user, run.into()).await?, Vec::new())
    }
}
