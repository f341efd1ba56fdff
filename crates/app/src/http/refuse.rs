//! What is answered before any route looks at a request: here, so that such an answer has the envelope and the headers of
//! all others.

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::{ApiError, code::ADDRESS_TOO_LONG};

/// The longest path with its query; nothing of ours needs more.
pub const ADDRESS_CHARS_MAX: usize = 8 * 1024;

/// Marks a request whose handling ended in a trap of the platform: it is answered with `internal_error` and not handled
/// again, because nobody knows how far the first time went.
#[derive(Debug, Clone)]
pub struct Trapped {
    /// For the log.
    pub cause: String,
    /// What called what, as the engine writes it; empty if it does not say.
    pub stack: String,
}

pub(crate) async fn refuse(mut request: Request, next: Next) -> Response {
    if let Some(Trapped { cause, stack }) = request.extensions_mut().remove() {
        return ApiError::trapped(&cause, &stack).into_response();
    }
    if request.uri().path_and_query().is_some_and(|address| address.as_str().len() > ADDRESS_CHARS_MAX) {
        let message = "The address may have at most 8,192 characters. Leave out what it does not need.";
        return ApiError::new(ADDRESS_TOO_LONG, message).into_response();
    }
    next.run(request).await
}
