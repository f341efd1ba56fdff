//! Whether an answer goes out whole or piece by piece, and what is kept until it is out.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    Error,
    body::{Body, Bytes, HttpBody},
};
use http_body::{Frame, SizeHint};

/// Whether this body must go out piece by piece: only one whose length is not known, such as `Body::from_stream` makes for
/// a long file or for server-sent events. A body that is in memory already goes out as one buffer, because a stream costs
/// the Worker 60 to 70 µs, more than all else of a small answer.
#[must_use]
pub fn is_streamed(body: &Body) -> bool {
    body.size_hint().exact().is_none()
}

/// The same body, which keeps `kept` until it has been sent or is given up. It is streamed only if `body` is.
pub fn keeping<T: Send + Unpin + 'static>(body: Body, kept: T) -> Body {
    Body::new(Keeping { body, _kept: kept })
}

struct Keeping<T> {
    body: Body,
    _kept: T,
}

impl<T: Unpin> HttpBody for Keeping<T> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, sync::Arc};

    use axum::{
        Json, Router,
        body::Bytes,
        extract::Request,
        middleware::{Next, from_fn},
        response::IntoResponse as _,
        routing::get,
    };
    use futures_util::stream;
    use tower::ServiceExt as _;

    use super::*;

    fn pieces() -> Body {
        Body::from_stream(stream::iter(["a", "b"].map(|piece| Ok::<_, Infallible>(Bytes::from(piece)))))
    }

    #[test]
    fn only_a_body_of_unknown_length_is_streamed() {
        assert!(!is_streamed(&Body::empty()));
        assert!(!is_streamed(&Body::from("whole")));
        assert!(!is_streamed(&Body::from(vec![0_u8; 1_000_000])));
        assert!(!is_streamed(Json("whole").into_response().body()));
        assert!(is_streamed(&pieces()));
    }

    #[tokio::test]
    async fn what_is_kept_goes_with_the_body_and_changes_nothing_about_it() {
        for (body, streamed) in [(Body::from("ab"), false), (pieces(), true)] {
            let kept = Arc::new(());
            let body = keeping(body, kept.clone());
            assert_eq!((is_streamed(&body), Arc::strong_count(&kept)), (streamed, 2));
            assert_eq!(axum::body::to_bytes(body, 2).await.unwrap(), "ab");
            assert_eq!(Arc::strong_count(&kept), 1);
        }
    }

    #[tokio::test]
    async fn the_layers_of_the_router_keep_what_a_handler_chose() {
        let router = Router::new()
            .route("/whole", get(|| async { "whole" }))
            .route("/pieces", get(|| async { pieces() }))
            .layer(from_fn(|request: Request, next: Next| async { next.run(request).await }))
            .layer(tower_http::cors::CorsLayer::new());
        for (method, path, streamed) in
            [("GET", "/whole", false), ("GET", "/pieces", true), ("HEAD", "/pieces", false), ("GET", "/none", false)]
        {
            let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
            let answer = router.clone().oneshot(request).await.unwrap();
            assert_eq!(is_streamed(answer.body()), streamed, "{method} {path}");
        }
    }
}
