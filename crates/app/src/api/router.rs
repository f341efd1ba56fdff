//! All routes. Built once per isolate, because building takes 20 to 40 µs; the ports arrive with each request.

use std::time::Duration;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderName, HeaderValue, Method, header},
    middleware,
    routing::{MethodFilter, get, on},
};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::{contract::register, documents::DOCUMENTS};
use crate::http::{
    ApiError, Endpoint, Registry, RequestBody as _,
    code::{METHOD_NOT_ALLOWED, ROUTE_NOT_FOUND},
    keep_route, refuse, seal, serve,
};

/// Settings of the HTTP layer that are fixed for the life of an isolate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HttpConfig {
    /// Origins that browsers may call from; `*` allows every one (no cookies are used).
    pub cors_origins: Vec<String>,
}

/// The endpoints as routes.
struct Routes(Router);

impl Registry for Routes {
    fn add<E: Endpoint>(&mut self) {
        // The conversion fails only for methods outside the HTTP standard, which no endpoint declares.
        let method = MethodFilter::try_from(E::METHOD).unwrap_or(MethodFilter::GET);
        let limit = DefaultBodyLimit::max(E::Body::BYTES_MAX);
        self.0 = std::mem::take(&mut self.0).route(E::PATH, on(method, serve::<E>).layer(limit));
    }
}

/// The whole API.
pub fn router(config: &HttpConfig) -> Router {
    let mut routes = Routes(Router::new());
    register(&mut routes);
    // These are no operations, so no endpoint declares them.
    let routes = DOCUMENTS.into_iter().fold(routes.0, |routes, document| {
        routes.route(document.path, get(move || std::future::ready(document.answer())))
    });
    routes
        .method_not_allowed_fallback(|| async {
            ApiError::new(METHOD_NOT_ALLOWED, "This address exists, but not with this method.")
        })
        .fallback(|| async { ApiError::new(ROUTE_NOT_FOUND, "There is nothing at this address.") })
        // The layer added last is the outermost: `seal` also wraps what the fallbacks, the refusals and
        // CORS answer.
        .route_layer(middleware::from_fn(keep_route))
        .layer(middleware::from_fn(refuse))
        .layer(cors(config))
        .layer(middleware::from_fn(seal))
}

fn cors(config: &HttpConfig) -> CorsLayer {
    let origins = if config.cors_origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        // What is not a header value cannot be the `Origin` of a request either.
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
            // What tracing libraries add to a page's requests (W3C Trace Context, W3C Baggage).
            HeaderName::from_static("baggage"),
            HeaderName::from_static("traceparent"),
            HeaderName::from_static("idempotency-key"),
            // Of libraries that read server-sent events with a token.
            HeaderName::from_static("last-event-id"),
            HeaderName::from_static("x-account-id"),
            HeaderName::from_static("x-operator-reason"),
            HeaderName::from_static("x-request-id"),
        ])
        .expose_headers([
            HeaderName::from_static("x-request-id"),
            header::RETRY_AFTER,
            HeaderName::from_static("ratelimit"),
            HeaderName::from_static("ratelimit-policy"),
            header::ETAG,
            header::LOCATION,
            header::CONTENT_DISPOSITION,
            HeaderName::from_static("idempotency-replayed"),
            HeaderName::from_static("x-oslira-truncated"),
        ])
        // The longest that any browser caches a preflight answer (Firefox; Chromium stops at two hours).
        .max_age(Duration::from_secs(86_400))
}
