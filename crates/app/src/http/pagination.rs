//! Cursor pagination: `?limit=&cursor=`; a cursor is opaque to the caller and names the last item seen.

use std::str::FromStr;

use axum::{
    extract::{FromRequestParts, Query},
    http::{StatusCode, request::Parts},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::ApiError;

const LIMIT_DEFAULT: u32 = 20;
const LIMIT_MAX: u32 = 100;
const CURSOR_CHARS_MAX: usize = 200;

/// The position after the last item of the page before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor<T>(pub T);

impl<T: ToString> Cursor<T> {
    /// The opaque text that the caller sends back.
    #[must_use]
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.to_string())
    }
}

impl<T: FromStr> Cursor<T> {
    /// Reads what [`Cursor::encode`] wrote; anything else is `None`.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        if text.len() > CURSOR_CHARS_MAX {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        String::from_utf8(bytes).ok()?.parse().ok().map(Self)
    }
}

/// The wanted page.
#[derive(Debug, Clone)]
pub struct PageQuery<T> {
    /// How many items, 1 to 100.
    pub limit: u32,
    /// Where to go on, `None` for the first page.
    pub after: Option<Cursor<T>>,
}

#[derive(Deserialize)]
struct RawQuery {
    limit: Option<String>,
    cursor: Option<String>,
}

impl<S: Send + Sync, T: FromStr> FromRequestParts<S> for PageQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let Query(raw) = Query::<RawQuery>::from_request_parts(parts, state).await.map_err(|_| {
            ApiError::new(StatusCode::BAD_REQUEST, "invalid_query", "The query string could not be read.")
        })?;
        let limit = match raw.limit.as_deref().map(str::parse::<u32>) {
            None => LIMIT_DEFAULT,
            Some(Ok(limit)) if (1..=LIMIT_MAX).contains(&limit) => limit,
            Some(_) => {
                return Err(ApiError::new(
                    StatusCode::BAD_REQUEST,
                    "invalid_limit",
                    format!("limit takes a whole number from 1 to {LIMIT_MAX}."),
                ));
            }
        };
        let after = match raw.cursor.as_deref() {
            None => None,
            Some(text) => Some(Cursor::decode(text).ok_or_else(|| {
                ApiError::new(
                    StatusCode::BAD_REQUEST,
                    "invalid_cursor",
                    "Use the next_cursor of the page before, unchanged, or leave cursor out.",
                )
            })?),
        };
        Ok(Self { limit, after })
    }
}

/// One page of a list.
#[derive(Debug, Clone, Serialize)]
pub struct Page<T> {
    /// The items, newest first.
    pub items: Vec<T>,
    /// Pass as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Cuts a list of up to `limit + 1` items to the page; the one too many only tells that there is more.
    pub fn cut<K: ToString>(mut items: Vec<T>, limit: u32, key: impl Fn(&T) -> K) -> Self {
        let limit = limit as usize;
        let more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = items.last().filter(|_| more).map(|last| Cursor(key(last)).encode());
        Self { items, next_cursor }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use proptest::prelude::*;

    use super::*;
    use crate::{property::config, shared::ids::RunId};

    /// What a request with this query asks for.
    fn asked<T: FromStr + Send>(query: &str) -> Result<PageQuery<T>, ApiError> {
        let request = http::Request::builder().uri(format!("/runs?{query}")).body(()).unwrap();
        let (mut parts, ()) = request.into_parts();
        PageQuery::from_request_parts(&mut parts, &()).now_or_never().unwrap()
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn every_position_survives_the_round_trip(id in any::<i64>(), run in any::<u128>()) {
            let run = RunId::new(uuid::Uuid::from_u128(run));
            prop_assert_eq!(Cursor::decode(&Cursor(id).encode()), Some(Cursor(id)));
            prop_assert_eq!(Cursor::decode(&Cursor(run).encode()), Some(Cursor(run)));
            let page = asked::<RunId>(&format!("cursor={}", Cursor(run).encode())).unwrap();
            prop_assert_eq!((page.after, page.limit), (Some(Cursor(run)), LIMIT_DEFAULT));
        }

        #[test]
        fn any_text_is_refused_or_names_a_position(
            text in prop_oneof![
                any::<String>(),
                "[A-Za-z0-9_-]{0,60}",
                "[+-]?[0-9]{0,25}".prop_map(|id| URL_SAFE_NO_PAD.encode(id)),
            ],
        ) {
            if let Some(cursor) = Cursor::<i64>::decode(&text) {
                prop_assert_eq!(Cursor::decode(&cursor.encode()), Some(cursor));
            }
            if let Some(cursor) = Cursor::<RunId>::decode(&text) {
                prop_assert_eq!(Cursor::decode(&cursor.encode()), Some(cursor));
            }
        }

        #[test]
        fn any_query_is_refused_or_a_page_within_the_limits(
            query in prop_oneof!["[A-Za-z0-9%&=+._~-]{0,60}", "limit=[+-]?[0-9]{0,12}(&cursor=[A-Za-z0-9_-]{0,20})?"],
        ) {
            match asked::<i64>(&query) {
                Ok(page) => prop_assert!((1..=LIMIT_MAX).contains(&page.limit)),
                Err(error) => prop_assert_eq!(error.status(), StatusCode::BAD_REQUEST),
            }
        }
    }

    #[test]
    fn a_cursor_survives_the_round_trip_and_garbage_is_refused() {
        assert_eq!(Cursor::<i64>::decode(&Cursor(42_i64).encode()), Some(Cursor(42)));
        let endless = URL_SAFE_NO_PAD.encode(format!("{}42", "0".repeat(CURSOR_CHARS_MAX)));
        for garbage in ["", "%%%", "Zm9v", &"a".repeat(500), &endless] {
            assert_eq!(Cursor::<i64>::decode(garbage), None, "{garbage}");
        }
    }

    #[test]
    fn a_page_that_cannot_be_given_is_refused_and_not_replaced_by_another() {
        for (query, limit) in [("", LIMIT_DEFAULT), ("limit=1", 1), ("limit=100", 100)] {
            assert_eq!(asked::<i64>(query).unwrap().limit, limit);
        }
        for query in ["limit=0", "limit=101", "limit=-1", "limit=", "limit=ten", "limit=1&limit=2"] {
            assert_eq!(asked::<i64>(query).unwrap_err().status(), StatusCode::BAD_REQUEST, "{query}");
        }
        for query in ["cursor=", "cursor=Zm9v", "cursor=%20"] {
            assert_eq!(asked::<i64>(query).unwrap_err().code(), "invalid_cursor", "{query}");
        }
    }

    #[test]
    fn the_last_page_has_no_cursor() {
        let full = Page::cut(vec![3, 2, 1], 2, |n| *n);
        assert_eq!(full.items, [3, 2]);
        assert_eq!(full.next_cursor, Some(Cursor(2).encode()));
        assert_eq!(Page::cut(vec![1], 2, |n| *n).next_cursor, None);
    }
}
