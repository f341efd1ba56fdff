//! Buying, continuing and stopping a bulk on behalf of a member.

use futures_util::future::join;
use serde::Serialize;

use super::{
    BulkCancelled, BulkLeg, BulkLine, BulkOptions, BulkOutcome, BulkPlan, BulkRefusal, BulkRequest, DryRun, ListEntry,
    ListSource, NAMES_MAX, PlannedLine,
};
use crate::{
    features::{
        analysis::{
            AnalysisPorts, RequiredServices,
            start::{note_scrapes, tell_cancelled},
            workflow::ask_ahead,
        },
        auth::Member,
        billing::ask_for_top_up,
    },
    shared::{
        analysis_type::AnalysisType,
        idempotency::{IdempotencyKey, body_hash},
        ids::{BulkId, BusinessProfileId, UserId},
        store::StoreError,
        telemetry::{Ending, RunEnd, tell_ended},
    },
};

/// What became of a request for a bulk.
#[derive(Debug)]
pub enum Bought {
    /// Charged and on its way.
    Running {
        plan: BulkPlan,
        /// Whether this is the first answer again.
        replayed: bool,
    },
    /// What the same request without `dry_run` would do.
    Dry(DryRun),
    /// The database refused; nothing was charged.
    Refused(BulkRefusal),
    /// These faults of the configuration keep this deployment from doing the work; nothing was charged.
    NotReady(Vec<String>),
    /// Charged, but it could not be started, so every charge was undone.
    Undone,
}

/// What an idempotency key is bound to.
#[derive(Serialize)]
struct Meaning<'a> {
    names: Option<&'a [ListEntry]>,
    failed_of: Option<BulkId>,
    business_profile_id: BusinessProfileId,
    analysis_type: AnalysisType,
    options: &'a BulkOptions,
}

impl<'a> Meaning<'a> {
    fn of(request: &'a BulkRequest) -> Self {
        let (names, failed_of) = match &request.source {
            ListSource::Names(used) => (Some(used.names.as_slice()), None),
            ListSource::FailedOf(bulk) => (None, Some(*bulk)),
            ListSource::StaleLeads => (None, None),
        };
        Self {
            names,
            failed_of,
            business_profile_id: request.business_profile_id,
            analysis_type: request.analysis_type,
            options: &request.options,
        }
    }
}

/// Charges a list and launches its workflow, or says what that would do. If neither the workflow nor the queue takes it,
/// all charges are undone at once.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn buy(
    ports: &AnalysisPorts,
    member: Member,
    request: &BulkRequest,
    key: Option<&IdempotencyKey>,
) -> Result<Bought, StoreError> {
    let needs = match needs(ports, request.analysis_type) {
        Ok(needs) => needs,
        Err(faults) => return Ok(Bought::NotReady(faults)),
    };
    let Some(entries) = entries(ports, member, request).await? else {
        return Ok(Bought::Refused(BulkRefusal::NotFound));
    };
    let lines: Vec<BulkLine> = entries
        .into_iter()
        .map(|ListEntry { line, username }| BulkLine { line, username, run_id: ports.ids.run_id() })
        .collect();
    let bulk = BulkId::from(ports.ids.run_id());
    let hash = body_hash(&Meaning::of(request));
    let key = key.map(|key| (key, hash.as_str()));
    let (profile, kind) = (request.business_profile_id, request.analysis_type);
    match ports.bulks.begin(member, bulk, &lines, profile, kind, &request.options, &needs, key).await? {
        BulkOutcome::Bought(plan) => {
            let top_up = ask_for_top_up(ports.top_ups.as_ref(), plan.top_up);
            join(started(ports, member, kind, plan.clone()), top_up).await.0
        }
        BulkOutcome::Replay(plan) => {
            // The first request may have died between charge and start; a second start is the same instance.
            launch(ports, &plan, BulkLeg::First).await;
            Ok(Bought::Running { plan, replayed: true })
        }
        BulkOutcome::DryRun(dry) => Ok(Bought::Dry(dry)),
        BulkOutcome::Refused(refusal) => Ok(Bought::Refused(refusal)),
    }
}

/// Buys the lines behind a pilot and launches them. If they cannot be launched, the five-minute job starts them.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn go_on(ports: &AnalysisPorts, user: UserId, bulk: BulkId) -> Result<Bought, StoreError> {
    let Some(analysis_type) = ports.bulks.type_of(user, bulk).await? else {
        return Ok(Bought::Refused(BulkRefusal::NotFound));
    };
    let needs = match needs(ports, analysis_type) {
        Ok(needs) => needs,
        Err(faults) => return Ok(Bought::NotReady(faults)),
    };
    let (plan, replayed) = match ports.bulks.go_on(user, bulk, &needs).await? {
        BulkOutcome::Bought(plan) => (plan, false),
        BulkOutcome::Replay(plan) => (plan, true),
        BulkOutcome::DryRun(dry) => return Ok(Bought::Dry(dry)),
        BulkOutcome::Refused(refusal) => return Ok(Bought::Refused(refusal)),
    };
    join(launch(ports, &plan, BulkLeg::Rest), ask_for_top_up(ports.top_ups.as_ref(), plan.top_up)).await;
    Ok(Bought::Running { plan, replayed })
}

/// Stops a bulk and then tells the watchers of its runs, who hear of an end only after it is committed.
///
/// # Errors
/// [`StoreError`] when the database does not answer.
pub async fn cancel(ports: &AnalysisPorts, user: UserId, bulk: BulkId) -> Result<BulkCancelled, StoreError> {
    note_scrapes(ports, user, &ports.bulks.unstarted(user, bulk).await?).await?;
    let cancelled = ports.bulks.cancel(user, bulk, false).await?;
    if let BulkCancelled::Cancelled { runs, .. } = &cancelled {
        tell_ended(ports.telemetry.as_ref(), runs, RunEnd::Cancelled, Ending::default(), ports.clock.now());
        tell_cancelled(ports.progress.as_ref(), ports.profiles.as_ref(), runs).await;
    }
    Ok(cancelled)
}

fn needs(ports: &AnalysisPorts, analysis_type: AnalysisType) -> Result<RequiredServices, Vec<String>> {
    let faults = ports.readiness.config_faults();
    if !faults.is_empty() {
        return Err(faults);
    }
    RequiredServices::of(analysis_type, &ports.models)
        .map_err(|call| vec![format!("no model that has a key answers {}", call.as_str())])
}

/// The names that are asked for; `None` when they are those of a bulk that does not exist.
async fn entries(
    ports: &AnalysisPorts,
    member: Member,
    request: &BulkRequest,
) -> Result<Option<Vec<ListEntry>>, StoreError> {
    Ok(match &request.source {
        ListSource::Names(used) => Some(used.names.clone()),
        ListSource::FailedOf(bulk) => ports.bulks.failed_lines(member, *bulk).await?,
        ListSource::StaleLeads => {
            let limit = u32::try_from(NAMES_MAX).unwrap_or(u32::MAX);
            let stale = ports.bulks.stale_leads(member, request.business_profile_id, limit).await?;
            Some((1..).zip(stale).map(|(line, username)| ListEntry { line, username }).collect())
        }
    })
}

async fn started(
    ports: &AnalysisPorts,
    member: Member,
    analysis_type: AnalysisType,
    plan: BulkPlan,
) -> Result<Bought, StoreError> {
    let run = |line: &PlannedLine| Some((line.run_id?, line.username.parse().ok()?));
    let runs = plan.items.iter().filter_map(run).collect();
    // Side by side, and all at once: the gate then fills actor runs with them.
    let (launched, ()) =
        join(launch(ports, &plan, BulkLeg::First), ask_ahead(ports, member.account(), analysis_type, runs)).await;
    if launched {
        return Ok(Bought::Running { plan, replayed: false });
    }
    let Some(bulk) = plan.bulk_id else {
        return Ok(Bought::Running { plan, replayed: false });
    };
    // The engine may have taken it and only its answer was lost: what is being worked on goes on.
    match ports.bulks.cancel(member.user(), bulk, true).await? {
        BulkCancelled::Cancelled { runs, .. } => {
            let known =
                Ending { account_id: Some(member.account()), analysis_type: Some(analysis_type), ..Ending::default() };
            tell_ended(ports.telemetry.as_ref(), &runs, RunEnd::Undone, known, ports.clock.now());
            tell_cancelled(ports.progress.as_ref(), ports.profiles.as_ref(), &runs).await;
            Ok(Bought::Undone)
        }
        BulkCancelled::Started | BulkCancelled::Finished | BulkCancelled::NotFound => {
            Ok(Bought::Running { plan, replayed: false })
        }
    }
}

/// Whether the engine or the queue has it, or there is nothing to start.
async fn launch(ports: &AnalysisPorts, plan: &BulkPlan, leg: BulkLeg) -> bool {
    let Some(bulk) = plan.bulk_id.filter(|_| !plan.items.is_empty()) else {
        return true;
    };
    let Err(cause) = ports.bulk_launcher.start(bulk, leg).await else {
        return true;
    };
    tracing::error!(bulk_id = %bulk, cause, "bulk workflow not started; the bulk goes to the queue");
    match ports.bulk_launcher.enqueue(bulk, leg).await {
        Ok(()) => true,
        Err(cause) => {
            tracing::error!(bulk_id = %bulk, cause, "bulk could not be queued either");
            false
        }
    }
}
