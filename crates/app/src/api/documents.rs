//! The documents of the API: its description and the reference page, generated at build time (`cargo xtask contract`).
//! They would add a sixth to the WebAssembly module, so `crates/worker/js/documents.js` holds their texts and puts them
//! into these answers, which have everything else.

use axum::{
    http::{HeaderName, header},
    response::IntoResponse,
};

/// The page needs its own style sheet alone, so it may load nothing else.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(Debug, Clone, Copy)]
pub(super) struct Document {
    pub path: &'static str,
    content_type: &'static str,
    /// Whether the scripts of every site may read it.
    is_open: bool,
}

pub(super) const DOCUMENTS: [Document; 3] = [
    // Anybody's tools may read it, in a browser too.
    Document { path: "/openapi.json", content_type: "application/json; charset=utf-8", is_open: true },
    Document { path: "/docs", content_type: "text/html; charset=utf-8", is_open: false },
    Document { path: "/docs.css", content_type: "text/css; charset=utf-8", is_open: false },
];

impl Document {
    /// Its headers; the body is filled in outside.
    pub(super) fn answer(self) -> impl IntoResponse {
        let headers: [(HeaderName, &str); 3] = [
            (header::CONTENT_TYPE, self.content_type),
            (header::CACHE_CONTROL, "public, max-age=300"),
            (header::CONTENT_SECURITY_POLICY, POLICY),
        ];
        (headers, self.is_open.then_some([(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")]), ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_js_has_the_text_of_each() {
        let texts = include_str!("../../../worker/js/documents.js").lines();
        let paths: Vec<&str> =
            texts.filter_map(|line| line.trim().strip_prefix("[\"")?.split_once('"')).map(|(path, _)| path).collect();
        assert_eq!(paths, DOCUMENTS.map(|document| document.path));
    }
}
