//! Cursor pagination: a cursor is opaque to the caller and names the last item seen, so that items which are added or
//! deleted meanwhile make no other item appear twice or not at all.

use std::str::FromStr;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use schemars::JsonSchema;
use serde::Serialize;

/// How many items a page has unless asked otherwise.
pub const LIMIT_DEFAULT: u32 = 20;
/// How many items a page has at most.
pub const LIMIT_MAX: u32 = 100;
/// The longest cursor of ours has about 100 characters.
pub const CURSOR_CHARS_MAX: usize = 200;

/// The position after the last item of the page before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor<T>(pub T);

impl<T: ToString> Cursor<T> {
    /// The opaque text that the caller sends back.
    #[must_use]
    pub fn encode(&self) -> String {
        // This alphabet needs no escaping in a query string.
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

/// Which page is asked for.
#[derive(Debug, Clone)]
pub struct PageQuery<T> {
    /// How many items, 1 to 100.
    pub limit: u32,
    /// Where to go on, `None` for the first page.
    pub after: Option<Cursor<T>>,
}

/// One page of a list.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "PageOf{T}")]
pub struct Page<T> {
    /// The items, newest first.
    pub items: Vec<T>,
    /// Pass as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Cuts a list of up to `limit + 1` items to one page; the extra item only shows that another page follows.
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
    use proptest::prelude::*;

    use super::*;
    use crate::{property::config, shared::ids::RunId};

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn every_position_survives_the_round_trip(id in any::<i64>(), run in any::<u128>()) {
            let run = RunId::new(uuid::Uuid::from_u128(run));
            prop_assert_eq!(Cursor::decode(&Cursor(id).encode()), Some(Cursor(id)));
            prop_assert_eq!(Cursor::decode(&Cursor(run).encode()), Some(Cursor(run)));
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
    fn the_last_page_has_no_cursor() {
        let full = Page::cut(vec![3, 2, 1], 2, |n| *n);
        assert_eq!(full.items, [3, 2]);
        assert_eq!(full.next_cursor, Some(Cursor(2).encode()));
        assert_eq!(Page::cut(vec![1], 2, |n| *n).next_cursor, None);
    }
}
