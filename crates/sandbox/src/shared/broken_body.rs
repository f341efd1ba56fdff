//! Answers whose body is broken: cut in the middle, or not JSON.

use std::time::Duration;

use axum::{
    body::{Body, Bytes, to_bytes},
    http::{HeaderValue, header},
    response::Response,
};
use futures_util::{StreamExt, stream};

/// Time for the first half of a truncated body to leave before the connection breaks.
const TRUNCATE_FLUSH: Duration = Duration::from_millis(50);

/// The same answer, but its body ends in the middle and the connection breaks.
pub(crate) async fn truncated(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let whole = to_bytes(body, usize::MAX).await.unwrap_or_default();
    // The length of the whole, so that a client can tell that the body is incomplete.
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(whole.len()));
    let half = whole.slice(..whole.len() / 2);
    Response::from_parts(parts, broken_after(half))
}

/// A body that breaks the connection after these bytes.
pub(crate) fn broken_after(bytes: Bytes) -> Body {
    let broken = stream::once(async {
        tokio::time::sleep(TRUNCATE_FLUSH).await;
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
    });
    Body::from_stream(stream::once(async { Ok::<Bytes, std::io::Error>(bytes) }).chain(broken))
}

/// The same answer with a complete body that is not JSON.
pub(crate) async fn malformed(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let whole = to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts.headers.remove(header::CONTENT_LENGTH);
    let mut text = String::from_utf8_lossy(whole.get(..whole.len() / 2).unwrap_or_default()).into_owned();
    // Half of a short body could be JSON by itself; with this ending it never is.
    text.push_str("\u{0}<!-- not JSON -->");
    Response::from_parts(parts, Body::from(text))
}
