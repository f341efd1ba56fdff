//! What is answered before any route looks at a request: here, so that such an answer has the envelope and the headers of
//! all others.

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::{
    ApiError,
    code::{ADDRESS_TOO_LONG, BODY_TOO_SLOW, HEADERS_TOO_LARGE, UPLOADS_BUSY},
};

/// The longest path with its query; nothing of ours needs more.
pub const ADDRESS_CHARS_MAX: usize = 8 * 1024;

/// Names and values of all headers together: a token, and what browsers and proxies add. The platform's own limit is 128 KB.
pub const HEADER_BYTES_MAX: usize = 32 * 1024;

/// How long a client may take to send a body. `entry.js` reads it, and has the same number.
pub const BODY_MS_MAX: u32 = 10_000;

/// How many bytes of unfinished bodies an isolate, which has 128 MB, holds at once; and of one address, so that nobody takes all of the
/// room. `entry.js` reads them, and has the same numbers.
pub const UPLOADS_BYTES_MAX: usize = 48 * 1024 * 1024;
pub const UPLOADS_OF_ADDRESS_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Marks a request whose body did not arrive in time.
#[derive(Debug, Clone, Copy)]
pub struct SlowBody;

/// Marks a request whose body was not read to its end, because too many bytes of others are held.
#[derive(Debug, Clone, Copy)]
pub struct UploadsBusy;

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
    let headers = request.headers().iter();
    if headers.map(|(name, value)| name.as_str().len() + value.len()).sum::<usize>() > HEADER_BYTES_MAX {
        let message = "The headers may have at most 32,768 bytes together. Leave out what the request does not need.";
        return ApiError::new(HEADERS_TOO_LARGE, message).into_response();
    }
    if request.extensions().get::<SlowBody>().is_some() {
        let message = "The body did not arrive within 10 seconds. Send it again, over a faster connection or in parts.";
        return ApiError::new(BODY_TOO_SLOW, message).into_response();
    }
    if request.extensions().get::<UploadsBusy>().is_some() {
        let message = "Too many bodies are being received just now, from your address or in all. Send it again after the time in Retry-After.";
        // By then each of them has ended, or was given up.
        return ApiError::new(UPLOADS_BUSY, message).with_retry_after(BODY_MS_MAX / 1_000).into_response();
    }
    next.run(request).await
}
