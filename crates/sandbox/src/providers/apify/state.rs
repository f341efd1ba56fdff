//! The state of Apify, and its answers under faults.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};

use super::{errors::error_of_status, input, store::Runs};
use crate::shared::{
    faults::{Faults, Target},
    latency::Latency,
    profiles::Catalogue,
    tap::Tapped,
};

/// What Apify's handlers need.
pub(crate) struct Apify {
    pub(super) public_url: String,
    /// The address below which the pictures of scraped people can be fetched.
    pub(super) pictures_url: String,
    pub(super) latency: Latency,
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) runs: Arc<Runs>,
    /// Needed here because a fault of `apify.run` changes a run, and not the answer to a call.
    pub(super) faults: Arc<Faults>,
}

impl Apify {
    pub(crate) fn new(
        public_url: &str,
        latency: Latency,
        catalogue: Arc<Catalogue>,
        runs: Arc<Runs>,
        faults: Arc<Faults>,
    ) -> Self {
        let (public_url, pictures_url) = (public_url.to_owned(), format!("{public_url}/instagram"));
        Self { public_url, pictures_url, latency, catalogue, runs, faults }
    }
}

impl Tapped for Apify {
    fn error(&self, _: Target, status: u16) -> Response {
        error_of_status(status).into_response()
    }

    fn usernames(&self, target: Target, body: &str, id: Option<&str>) -> Vec<String> {
        match target {
            Target::ApifyStart => serde_json::from_str(body).map(|input| input::usernames(&input)).unwrap_or_default(),
            _ => id.map(|id| self.runs.usernames(id)).unwrap_or_default(),
        }
    }
}
