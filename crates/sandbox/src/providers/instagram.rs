//! Instagram's picture servers: every generated person has the same picture.

use std::sync::Arc;

use axum::{Router, http::header, routing::any};
use serde_json::Value;

use crate::Shared;
use crate::shared::{faults::Target, tap::tapped};

/// Where generated profiles say that their pictures are.
pub(crate) const HOST: &str = "https://scontent.cdninstagram.example";

const PICTURE: &[u8] = include_bytes!("../../data/picture.png");

/// The routes below `/instagram`.
pub(crate) fn routes(shared: &Arc<Shared>) -> Router {
    let picture = any(|| async { ([(header::CONTENT_TYPE, "image/png")], PICTURE) });
    Router::new().route("/{*path}", tapped(shared, Target::InstagramPicture, picture)).with_state(Arc::clone(shared))
}

/// Makes the pictures of scraped items ones that can be fetched from here.
pub(crate) fn serve_pictures(items: &mut [Value], public_url: &str) {
    for item in items {
        for name in ["profilePicUrl", "profilePicUrlHD"] {
            let Some(Value::String(url)) = item.get_mut(name) else { continue };
            if let Some(path) = url.strip_prefix(HOST) {
                *url = format!("{public_url}/instagram{path}");
            }
        }
    }
}
