//! How a handler gets what its feature can reach: the platform puts each feature's bundle into the request.

use std::sync::Arc;

use axum::{extract::FromRequestParts, http::request::Parts};

use super::{ApiError, TrafficLimiter};
use crate::shared::{clock::Clock, ids::Ids, telemetry::Telemetry};

/// A feature's bundle of ports.
pub struct Ports<T>(pub T);

impl<S: Send + Sync, T: Clone + Send + Sync + 'static> FromRequestParts<S> for Ports<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let missing =
            || ApiError::internal(&format!("the platform put no {} into the request", std::any::type_name::<T>()));
        parts.extensions.get::<T>().cloned().map(Self).ok_or_else(missing)
    }
}

/// What every answer needs, whatever the route.
#[derive(Clone)]
pub struct RequestPorts {
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    pub telemetry: Arc<dyn Telemetry>,
    /// Counts requests; `None` for those that are not limited.
    pub traffic: Option<Arc<dyn TrafficLimiter>>,
}
