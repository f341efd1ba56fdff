//! Apify's API v2, as far as scraping Instagram needs it: start, poll, abort and list actor runs, read their items.

mod errors;
mod http;
mod input;
mod items;
mod parameters;
mod run;
mod state;
mod store;

use std::sync::Arc;

use axum::{
    Router,
    routing::{MethodRouter, any, get, post},
};

pub use parameters::APIFY_TOKEN;
pub(crate) use state::Apify;
pub(crate) use store::Runs;

use crate::shared::{faults::Target, tap::Tap};

/// The routes below `/apify`.
pub(crate) fn routes(apify: &Arc<Apify>, tap: &Tap) -> Router {
    let tapped = |target: Target, route: MethodRouter<Arc<Apify>>| tap.before(apify, target, route);
    let mut router = Router::new()
        .route("/v2/actor-runs", tapped(Target::ApifyList, get(http::list_all_runs)))
        .route("/v2/actor-runs/{id}", tapped(Target::ApifyPoll, get(http::read_run)))
        .route("/v2/actor-runs/{id}/abort", tapped(Target::ApifyAbort, post(http::abort_run)))
        .route("/v2/actor-runs/{id}/dataset/items", tapped(Target::ApifyItems, get(http::read_items)))
        .route("/v2/actor-runs/{id}/log", tapped(Target::ApifyOther, get(http::read_log)))
        .route("/v2/logs/{id}", tapped(Target::ApifyOther, get(http::read_log)))
        .route("/v2/datasets/{id}", tapped(Target::ApifyOther, get(http::read_dataset)))
        .route("/v2/datasets/{id}/items", tapped(Target::ApifyItems, get(http::read_items)))
        .route("/v2/key-value-stores/{id}/records/{key}", tapped(Target::ApifyInput, get(http::read_record)))
        .route("/v2/users/me", tapped(Target::ApifyOther, get(http::read_me)));
    // Apify's documentation uses both; they mean the same.
    for acts in ["acts", "actors"] {
        let actor = format!("/v2/{acts}/{{actor}}");
        // Listing and starting share a path, so each method has its own tap.
        let runs = tapped(Target::ApifyStart, post(http::start_run))
            .merge(tapped(Target::ApifyList, get(http::list_runs_of_actor)));
        router = router
            .route(&actor, tapped(Target::ApifyOther, get(http::read_actor)))
            .route(&format!("{actor}/runs"), runs)
            .route(&format!("{actor}/run-sync-get-dataset-items"), tapped(Target::ApifyStart, post(http::run_sync)));
    }
    let unknown = tapped(Target::ApifyOther, any(http::unknown));
    router.fallback_service(unknown.with_state(Arc::clone(apify))).with_state(Arc::clone(apify))
}
