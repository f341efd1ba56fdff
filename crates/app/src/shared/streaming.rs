//! Whether an answer goes out whole or piece by piece.

use axum::body::{Body, HttpBody as _};

/// Whether this body must go out piece by piece: only one whose length is not known, such as `Body::from_stream` makes for
/// a long file or for server-sent events. A body that is in memory already goes out as one buffer, because a stream costs
/// the Worker 60 to 70 µs, more than all else of a small answer.
#[must_use]
pub fn is_streamed(body: &Body) -> bool {
    body.size_hint().exact().is_none()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

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
