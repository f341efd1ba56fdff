//! The handlers: runs, their items, and the records beside them.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::Bytes,
    extract::{OriginalUri, Path, State},
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{
    errors::ApifyError,
    input::{self, Actor},
    items,
    parameters::Parameters,
    run::{CHARGE_USD_MIN, Options, Run, Status, USER_ID},
    state::Apify,
};
use crate::shared::{
    clock::{iso, now_ms},
    faults::{Kind, Target},
    profiles::serve_pictures_from,
};

/// The longest `waitForFinish`; more is taken for this.
const WAIT_S_MAX: u64 = 60;
/// How long Apify's synchronous form waits for a run.
const SYNC_S_MAX: u64 = 300;
/// The memory and the timeout when the caller names none.
const MEMORY_MB: u64 = 1_024;
const TIMEOUT_S: u64 = 604_800;

type Answer = Result<Response, ApifyError>;

pub(super) async fn start_run(
    parameters: Parameters,
    State(apify): State<Arc<Apify>>,
    Path(actor): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let wait_s = parameters.number("waitForFinish")?.unwrap_or(0).min(WAIT_S_MAX);
    let id = start(&apify, &actor, &parameters, &headers, &body)?;
    let run = wait(&apify, &id, wait_s).await?;
    let location = format!("{}/apify/v2/actor-runs/{id}", apify.public_url);
    let answer = Json(json!({"data": run.to_json(&apify.catalogue, now_ms())}));
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], answer).into_response())
}

/// Checks the input, starts the run, and lets a fault decide how it will end.
fn start(
    apify: &Arc<Apify>,
    actor: &str,
    parameters: &Parameters,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<String, ApifyError> {
    let actor = Actor::find(actor)?;
    let input: Value = serde_json::from_slice(body).map_err(|_| {
        ApifyError::new(
            StatusCode::BAD_REQUEST,
            "run-input-body-not-valid-json",
            "Actor run input body is not valid JSON",
        )
    })?;
    actor.check(&input)?;
    let user_agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let options = Options {
        timeout_s: parameters.number("timeout")?.unwrap_or(TIMEOUT_S),
        memory_mb: parameters.number("memory")?.unwrap_or(MEMORY_MB),
        max_items: parameters.number("maxItems")?,
        max_total_charge_usd: bound(parameters)?,
        user_agent: user_agent.to_owned(),
    };
    let plan_ms = apify.latency.actor_plan_ms(actor.id(), &actor.asked(&input));
    let about = format!("{}\n{input}", input::usernames(&input).join("\n"));
    let mut run = Run::new(actor, input, options, plan_ms, now_ms());
    run.ago_ms = run.usernames().iter().map(|username| apify.catalogue.ago_ms(username)).max().unwrap_or(0);
    let id = run.id.clone();
    let struck = apify.faults.strike(Target::ApifyRun, &about);
    if let Some(struck) = &struck {
        run.delay(struck.spec.delay_ms.unwrap_or(0));
        run.held = struck.spec.kind == Kind::Hold;
        run.verdict = struck.spec.status_text.as_deref().and_then(Status::parse).unwrap_or(run.verdict);
    }
    let held = run.held;
    apify.runs.add(run).map_err(|_| ApifyError::internal())?;
    // The run must go on when its fault is deleted, whether or not a call waits for it then.
    if let Some(struck) = struck.filter(|_| held) {
        let (apify, id) = (Arc::clone(apify), id.clone());
        tokio::spawn(async move {
            struck.deleted().await;
            apify.runs.release(&id);
        });
    }
    Ok(id)
}

/// What the run may cost, which must not be less than the actor demands.
fn bound(parameters: &Parameters) -> Result<Option<f64>, ApifyError> {
    let bound_usd = parameters.dollars("maxTotalChargeUsd")?;
    match bound_usd.filter(|bound_usd| *bound_usd < CHARGE_USD_MIN) {
        None => Ok(bound_usd),
        Some(_) => Err(ApifyError::new(
            StatusCode::BAD_REQUEST,
            "max-total-charge-usd-below-minimum",
            format!("The maximum cost per run must be at least ${CHARGE_USD_MIN}"),
        )),
    }
}

async fn wait(apify: &Apify, id: &str, wait_s: u64) -> Result<Run, ApifyError> {
    apify.runs.wait(id, Duration::from_secs(wait_s)).await.ok_or_else(|| ApifyError::not_found("Actor run"))
}

pub(super) async fn run_sync(
    parameters: Parameters,
    State(apify): State<Arc<Apify>>,
    Path(actor): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let id = start(&apify, &actor, &parameters, &headers, &body)?;
    let run = wait(&apify, &id, SYNC_S_MAX).await?;
    match run.status(now_ms()) {
        Status::Succeeded => items::answer(StatusCode::CREATED, with_pictures(&apify, &run), &parameters),
        status if status.is_terminal() => {
            let message = format!("Actor run did not succeed (run ID: {id}, status: {})", json!(status));
            Err(ApifyError::new(StatusCode::BAD_REQUEST, "run-failed", message.replace('"', "")))
        }
        _ => Err(ApifyError::new(
            StatusCode::REQUEST_TIMEOUT,
            "run-timeout-exceeded",
            format!("Actor run exceeded the timeout of {SYNC_S_MAX} seconds for synchronous execution"),
        )),
    }
}

pub(super) async fn read_run(
    parameters: Parameters,
    State(apify): State<Arc<Apify>>,
    Path(id): Path<String>,
) -> Answer {
    // Only a run's own id is right here; `wait` would also accept that of its dataset or store.
    found(&apify, &id, "Actor run", |run| run.id == id)?;
    let wait_s = parameters.number("waitForFinish")?.unwrap_or(0).min(WAIT_S_MAX);
    let run = wait(&apify, &id, wait_s).await?;
    Ok(Json(json!({"data": run.to_json(&apify.catalogue, now_ms())})).into_response())
}

pub(super) async fn abort_run(_: Parameters, State(apify): State<Arc<Apify>>, Path(id): Path<String>) -> Answer {
    let run = apify.runs.abort(&id).ok_or_else(|| ApifyError::not_found("Actor run"))?;
    Ok(Json(json!({"data": run.to_json(&apify.catalogue, now_ms())})).into_response())
}

pub(super) async fn list_runs_of_actor(
    parameters: Parameters,
    State(apify): State<Arc<Apify>>,
    Path(actor): Path<String>,
) -> Answer {
    list(&apify, &parameters, Some(Actor::find(&actor)?))
}

pub(super) async fn list_all_runs(parameters: Parameters, State(apify): State<Arc<Apify>>) -> Answer {
    list(&apify, &parameters, None)
}

fn list(apify: &Apify, parameters: &Parameters, actor: Option<Actor>) -> Answer {
    let now = now_ms();
    // A status that does not exist becomes `None`, and so matches no run.
    let statuses: Option<Vec<Option<Status>>> =
        parameters.text("status").map(|words| words.split(',').map(|word| Status::parse(word.trim())).collect());
    let mut runs = apify.runs.select(|run| {
        actor.is_none_or(|actor| actor == run.actor)
            && statuses.as_ref().is_none_or(|statuses| statuses.contains(&Some(run.status(now))))
    });
    let descending = parameters.flag("desc");
    if descending {
        runs.reverse();
    }
    let total = runs.len();
    let offset = parameters.number("offset")?.unwrap_or(0);
    let limit = parameters.number("limit")?.filter(|limit| *limit > 0).unwrap_or(1_000).min(1_000);
    let page = runs.iter().skip(usize::try_from(offset).unwrap_or(usize::MAX)).take(limit as usize);
    let items: Vec<Value> = page.map(|run| run.to_short_json(now)).collect();
    let data = json!({
        "total": total, "offset": offset, "limit": limit, "desc": descending, "count": items.len(), "items": items,
    });
    Ok(Json(json!({"data": data})).into_response())
}

fn with_pictures(apify: &Apify, run: &Run) -> Vec<Value> {
    let mut items = run.items(&apify.catalogue, now_ms());
    serve_pictures_from(&apify.pictures_url, &mut items);
    items
}

pub(super) async fn read_items(
    parameters: Parameters,
    State(apify): State<Arc<Apify>>,
    Path(id): Path<String>,
) -> Answer {
    // Two paths lead here: one has the dataset's id, the other the run's.
    let run = found(&apify, &id, "Dataset", |run| run.store_id != id)?;
    items::answer(StatusCode::OK, with_pictures(&apify, &run), &parameters)
}

pub(super) async fn read_dataset(_: Parameters, State(apify): State<Arc<Apify>>, Path(id): Path<String>) -> Answer {
    let run = found(&apify, &id, "Dataset", |run| run.dataset_id == id)?;
    let now = now_ms();
    let count = run.items(&apify.catalogue, now).len();
    let modified = run.finished_ms(now).unwrap_or(now);
    let data = json!({
        "id": id, "name": null, "userId": USER_ID, "createdAt": run.dated(run.created_ms), "modifiedAt": run.dated(modified),
        "accessedAt": iso(now), "itemCount": count, "cleanItemCount": count, "actId": run.actor.id(),
        "actRunId": run.id,
    });
    Ok(Json(json!({"data": data})).into_response())
}

pub(super) async fn read_record(
    _: Parameters,
    State(apify): State<Arc<Apify>>,
    Path((id, key)): Path<(String, String)>,
) -> Answer {
    let run = found(&apify, &id, "Key-value Store", |run| run.store_id == id)?;
    match key.as_str() {
        "INPUT" => Ok(Json(run.input).into_response()),
        _ => Err(ApifyError::not_found("Record")),
    }
}

pub(super) async fn read_actor(_: Parameters, Path(actor): Path<String>) -> Answer {
    let actor = Actor::find(&actor)?;
    let data = json!({
        "id": actor.id(), "userId": "ZscMwFR5H7eCtWtyh", "name": actor.name(), "username": "apify",
        "title": actor.title(), "isPublic": true, "isDeprecated": false,
    });
    Ok(Json(json!({"data": data})).into_response())
}

pub(super) async fn read_log(_: Parameters, State(apify): State<Arc<Apify>>, Path(id): Path<String>) -> Answer {
    let run = found(&apify, &id, "Log", |run| run.id == id)?;
    let begun = iso(run.created_ms);
    let mut log = format!("{begun} ACTOR: Creating Docker container.\n{begun} ACTOR: Starting Docker container.\n");
    if let Some(finished_ms) = run.finished_ms(now_ms()) {
        log.push_str(&format!("{} INFO  Scraper finished\n", iso(finished_ms)));
    }
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], log).into_response())
}

pub(super) async fn read_me(_: Parameters) -> Answer {
    Ok(Json(json!({"data": {"id": USER_ID, "username": "sandbox", "plan": {"id": "SANDBOX"}}})).into_response())
}

pub(super) async fn unknown(method: Method, uri: OriginalUri) -> Response {
    let message = format!("We have bad news: there is no API endpoint at this URL ({method} {}).", uri.path());
    ApifyError::new(StatusCode::NOT_FOUND, "page-not-found", message).into_response()
}

/// The run that has this id, or whose dataset or store has it, if the call accepts this kind of id.
fn found(apify: &Apify, id: &str, what: &str, wanted: impl Fn(&Run) -> bool) -> Result<Run, ApifyError> {
    apify.runs.find(id).filter(wanted).ok_or_else(|| ApifyError::not_found(what))
}
