//! All routes. Built once per isolate; the ports arrive with each request.

use std::time::Duration;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware,
    routing::get,
};
use jiff::tz::TimeZone;
use serde::Serialize;
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::{ApiError, App, BODY_BYTES_MAX, HttpConfig, Reply, envelope};
use crate::features::{analysis, auth, business, credits, leads};

/// The whole API.
pub fn router(config: &HttpConfig) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/health/ready", get(ready))
        .merge(auth::routes())
        .merge(credits::routes())
        .merge(business::routes())
        .merge(leads::routes())
        .merge(analysis::routes())
        .method_not_allowed_fallback(|| async {
            ApiError::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "This address exists, but not with this method.",
            )
        })
        .fallback(|| async {
            ApiError::new(StatusCode::NOT_FOUND, "route_not_found", "There is nothing at this address.")
        })
        .route_layer(middleware::from_fn(envelope::keep_route))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(cors(config))
        .layer(middleware::from_fn(envelope::seal))
}

fn cors(config: &HttpConfig) -> CorsLayer {
    let origins = if config.cors_origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        let values = config.cors_origins.iter();
        AllowOrigin::list(values.filter_map(|origin| HeaderValue::from_str(origin).ok()))
    };
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_MATCH,
            HeaderName::from_static("idempotency-key"),
            HeaderName::from_static("x-account-id"),
            HeaderName::from_static("x-request-id"),
        ])
        .expose_headers([
            HeaderName::from_static("x-request-id"),
            header::RETRY_AFTER,
            header::ETAG,
            header::LOCATION,
            header::CONTENT_DISPOSITION,
            HeaderName::from_static("idempotency-replayed"),
            HeaderName::from_static("x-oslira-truncated"),
        ])
        .max_age(Duration::from_secs(86_400))
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    version: &'static str,
}

/// Alive: the isolate answers. Says nothing of what stands behind it.
async fn health() -> Reply<Health> {
    Reply::ok(Health { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

#[derive(Serialize)]
struct Ready {
    status: &'static str,
    environment: String,
    /// What needs care though everything works: models that end soon.
    warnings: Vec<String>,
}

/// Ready: the database answers and no setting is missing or a sandbox's where it must not be.
async fn ready(app: App) -> Result<Reply<Ready>, ApiError> {
    let mut faults = app.readiness.config_faults();
    let found = app.readiness.models_found().await;
    if found.is_none() {
        faults.push("the database does not answer".to_owned());
    }
    if faults.is_empty() {
        let today = app.clock.now().to_zoned(TimeZone::UTC).date();
        let announced = app.readiness.models_announced();
        return Ok(Reply::ok(Ready {
            status: "ready",
            environment: app.readiness.environment().to_owned(),
            warnings: analysis::warnings(&app.models, &found.unwrap_or_default(), &announced, today),
        }));
    }
    Err(ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "not_ready",
        "This deployment is not ready; details names what to mend.",
    )
    .with_details(serde_json::json!({ "faults": faults }))
    .with_retry_after(5))
}
