//! Points of a local stack, where Workers Analytics Engine takes points and keeps none: the sandbox keeps them, and answers the
//! queries of its SQL API.

use std::{sync::Arc, time::Duration};

use http::Method;
use jiff::Timestamp;
use oslira_app::shared::telemetry::Point;
use serde::Serialize;

use crate::send::{Endpoint, HttpSend, SendError};

/// The name of our dataset, which is the table of the queries.
pub const DATASET: &str = "oslira";

const TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Where a local stack's points go.
pub struct LocalPoints {
    send: Arc<dyn HttpSend>,
    endpoint: Endpoint,
}

#[derive(Serialize)]
struct Row<'a> {
    dataset: &'static str,
    at: Timestamp,
    indexes: [&'a str; 1],
    blobs: &'a [String],
    doubles: &'a [f64],
}

impl LocalPoints {
    #[must_use]
    pub fn new(send: Arc<dyn HttpSend>, endpoint: Endpoint) -> Self {
        Self { send, endpoint }
    }

    /// Sends points with their times.
    ///
    /// # Errors
    /// [`SendError`]; then they are lost.
    pub async fn keep(&self, points: &[(Timestamp, Point)]) -> Result<(), SendError> {
        let rows: Vec<Row<'_>> = points.iter().map(row).collect();
        let body = serde_json::to_vec(&rows).map_err(|why| SendError::Broken(why.to_string()))?;
        let request = self.endpoint.request(Method::POST, "", body.into())?;
        let answer = self.send.send(request, TIMEOUT, ANSWER_BYTES_MAX).await?;
        match answer.status().is_success() {
            true => Ok(()),
            false => Err(SendError::Broken(format!("answered {}", answer.status().as_u16()))),
        }
    }
}

fn row((at, point): &(Timestamp, Point)) -> Row<'_> {
    Row { dataset: DATASET, at: *at, indexes: [&point.index], blobs: &point.blobs, doubles: &point.doubles }
}
