//! Instagram's picture servers: every generated person has the same picture.

use std::sync::Arc;

use axum::{
    Router,
    http::header,
    response::{IntoResponse, Response},
    routing::any,
};

use crate::shared::{
    faults::Target,
    headers,
    tap::{Tap, Tapped},
};

const PICTURE: &[u8] = include_bytes!("../../data/picture.png");

struct Instagram;

impl Tapped for Instagram {
    fn error(&self, _: Target, status: u16) -> Response {
        headers::status(status).into_response()
    }
}

/// The routes below `/instagram`.
pub(crate) fn routes(tap: &Tap) -> Router {
    let instagram = Arc::new(Instagram);
    let picture = any(|| async { ([(header::CONTENT_TYPE, "image/png")], PICTURE) });
    let picture = tap.before(&instagram, Target::InstagramPicture, picture);
    Router::new().route("/{*path}", picture).with_state(instagram)
}
