//! Apify's API v2, as far as scraping Instagram needs it: start, poll, abort and list actor runs, read their items.

mod errors;
mod http;
mod input;
mod items;
mod run;
mod store;

use std::sync::Arc;

use axum::{
    Router,
    handler::Handler,
    routing::{MethodRouter, get, post},
};

pub(crate) use errors::error_of_status;
pub(crate) use store::Runs;

use crate::Shared;
use crate::shared::{faults::Target, tap::tapped};

/// The routes below `/apify`.
pub(crate) fn routes(shared: &Arc<Shared>) -> Router {
    let tap = |target: Target, route: MethodRouter<Arc<Shared>>| tapped(shared, target, route);
    let mut router = Router::new()
        .route("/v2/actor-runs", tap(Target::ApifyList, get(http::list_all_runs)))
        .route("/v2/actor-runs/{id}", tap(Target::ApifyPoll, get(http::read_run)))
        .route("/v2/actor-runs/{id}/abort", tap(Target::ApifyAbort, post(http::abort_run)))
        .route("/v2/actor-runs/{id}/dataset/items", tap(Target::ApifyItems, get(http::read_items)))
        .route("/v2/actor-runs/{id}/log", tap(Target::ApifyOther, get(http::read_log)))
        .route("/v2/logs/{id}", tap(Target::ApifyOther, get(http::read_log)))
        .route("/v2/datasets/{id}", tap(Target::ApifyOther, get(http::read_dataset)))
        .route("/v2/datasets/{id}/items", tap(Target::ApifyItems, get(http::read_items)))
        .route("/v2/key-value-stores/{id}/records/{key}", tap(Target::ApifyInput, get(http::read_record)))
        .route("/v2/users/me", tap(Target::ApifyOther, get(http::read_me)));
    // The documentation writes both; they are the same.
    for acts in ["acts", "actors"] {
        let actor = format!("/v2/{acts}/{{actor}}");
        // Listing and starting share a path, so each method has its own tap.
        let runs =
            tap(Target::ApifyStart, post(http::start_run)).merge(tap(Target::ApifyList, get(http::list_runs_of_actor)));
        router = router
            .route(&actor, tap(Target::ApifyOther, get(http::read_actor)))
            .route(&format!("{actor}/runs"), runs)
            .route(&format!("{actor}/run-sync-get-dataset-items"), tap(Target::ApifyStart, post(http::run_sync)));
    }
    let unknown = http::unknown.layer(axum::middleware::from_fn_with_state(
        crate::shared::tap::Tap::new(shared, Target::ApifyOther),
        crate::shared::tap::tap,
    ));
    router.fallback(unknown).with_state(Arc::clone(shared))
}

/// The usernames an actor input asks for, lower-cased; none when it is not an input.
pub(crate) fn usernames(body: &str) -> Vec<String> {
    serde_json::from_str(body).map(|input| input::usernames(&input)).unwrap_or_default()
}
