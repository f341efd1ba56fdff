//! `?limit=&cursor=` as a [`PageQuery`].

use std::str::FromStr;

use axum::{
    extract::{FromRequestParts, Query},
    http::request::Parts,
};
use serde::Deserialize;

use serde_json::json;

use super::{
    ApiError, ErrorCode, Parameter, Parameters, Place,
    code::{INVALID_CURSOR, INVALID_LIMIT, INVALID_QUERY},
};
use crate::shared::pagination::{CURSOR_CHARS_MAX, Cursor, LIMIT_DEFAULT, LIMIT_MAX, PageQuery};

/// Text at first, so that a wrong value is refused with the code of its parameter and not as an unreadable query.
#[derive(Deserialize)]
struct RawQuery {
    limit: Option<String>,
    cursor: Option<String>,
}

impl<S: Send + Sync, T: FromStr> FromRequestParts<S> for PageQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let Query(raw) = Query::<RawQuery>::from_request_parts(parts, state)
            .await
            .map_err(|_| ApiError::new(INVALID_QUERY, "The query string could not be read."))?;
        let limit = match raw.limit.as_deref().map(str::parse::<u32>) {
            None => LIMIT_DEFAULT,
            Some(Ok(limit)) if (1..=LIMIT_MAX).contains(&limit) => limit,
            Some(_) => {
                return Err(ApiError::new(INVALID_LIMIT, format!("limit takes a whole number from 1 to {LIMIT_MAX}.")));
            }
        };
        let after = match raw.cursor.as_deref() {
            None => None,
            Some(text) => Some(Cursor::decode(text).ok_or_else(|| {
                ApiError::new(INVALID_CURSOR, "Use the next_cursor of the page before, unchanged, or leave cursor out.")
            })?),
        };
        Ok(Self { limit, after })
    }
}

impl<T: FromStr + Send> Parameters for PageQuery<T> {
    fn errors() -> Vec<ErrorCode> {
        vec![INVALID_QUERY, INVALID_LIMIT, INVALID_CURSOR]
    }

    fn describe() -> Vec<Parameter> {
        let limit = json!({ "type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT });
        let cursor = json!({ "type": "string", "maxLength": CURSOR_CHARS_MAX });
        vec![
            Parameter {
                name: "limit",
                place: Place::Query,
                is_required: false,
                description: "How many items.",
                schema: limit,
            },
            Parameter {
                name: "cursor",
                place: Place::Query,
                is_required: false,
                description: "The `next_cursor` of the page before, unchanged; without it the first page.",
                schema: cursor,
            },
        ]
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
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
        fn a_page_says_where_the_next_one_begins(run in any::<u128>()) {
            let run = RunId::new(uuid::Uuid::from_u128(run));
            let page = asked::<RunId>(&format!("cursor={}", Cursor(run).encode())).unwrap();
            prop_assert_eq!((page.after, page.limit), (Some(Cursor(run)), LIMIT_DEFAULT));
        }

        #[test]
        fn any_query_is_refused_or_a_page_within_the_limits(
            query in prop_oneof!["[A-Za-z0-9%&=+._~-]{0,60}", "limit=[+-]?[0-9]{0,12}(&cursor=[A-Za-z0-9_-]{0,20})?"],
        ) {
            match asked::<i64>(&query) {
                Ok(page) => prop_assert!((1..=LIMIT_MAX).contains(&page.limit)),
                Err(error) => prop_assert_eq!(error.code().status, StatusCode::BAD_REQUEST),
            }
        }
    }

    #[test]
    fn a_page_that_cannot_be_given_is_refused_and_not_replaced_by_another() {
        for (query, limit) in [("", LIMIT_DEFAULT), ("limit=1", 1), ("limit=100", 100)] {
            assert_eq!(asked::<i64>(query).unwrap().limit, limit);
        }
        for query in ["limit=0", "limit=101", "limit=-1", "limit=", "limit=ten", "limit=1&limit=2"] {
            assert_eq!(asked::<i64>(query).unwrap_err().code().status, StatusCode::BAD_REQUEST, "{query}");
        }
        for query in ["cursor=", "cursor=Zm9v", "cursor=%20"] {
            assert_eq!(asked::<i64>(query).unwrap_err().code(), INVALID_CURSOR, "{query}");
        }
    }
}
