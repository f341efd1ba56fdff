//! Lists: the newest first, in pages that begin after or end before an object.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    books::Books,
    call::Answer,
    errors::StripeError,
    form::{self, Whole},
    object::{Fields, Kind, shown},
};

const LIMIT_MAX: i64 = 100;
const LIMIT: i64 = 10;

/// Which part of a list is asked for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Page {
    limit: Option<Whole>,
    starting_after: Option<String>,
    ending_before: Option<String>,
    created: Option<Moments>,
    /// The path of the list, which it names.
    #[serde(skip)]
    url: String,
}

/// When the objects of a list were made.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Moments {
    At(Whole),
    Between(Bounds),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bounds {
    gt: Option<Whole>,
    gte: Option<Whole>,
    lt: Option<Whole>,
    lte: Option<Whole>,
}

impl Moments {
    fn include(&self, created: i64) -> bool {
        match self {
            Self::At(Whole(at)) => created == *at,
            Self::Between(bounds) => {
                bounds.gt.is_none_or(|Whole(bound)| created > bound)
                    && bounds.gte.is_none_or(|Whole(bound)| created >= bound)
                    && bounds.lt.is_none_or(|Whole(bound)| created < bound)
                    && bounds.lte.is_none_or(|Whole(bound)| created <= bound)
            }
        }
    }
}

impl Page {
    /// Takes the parameters of a page out of those of a request.
    pub(super) fn take(form: &mut Value, url: &str) -> Result<Self, StripeError> {
        let mut of_page = serde_json::Map::new();
        if let Value::Object(fields) = form {
            for name in ["limit", "starting_after", "ending_before", "created"] {
                of_page.extend(fields.shift_remove(name).map(|value| (name.to_owned(), value)));
            }
        }
        let page: Self = form::read(&of_page.into())?;
        if page.limit.is_some_and(|Whole(limit)| !(1..=LIMIT_MAX).contains(&limit)) {
            return Err(
                StripeError::invalid(format!("Invalid limit: it must lie between 1 and {LIMIT_MAX}")).param("limit")
            );
        }
        Ok(Self { url: url.to_owned(), ..page })
    }
}

/// The objects of a kind that are wanted, in a page.
pub(super) fn list(books: &Books, kind: Kind, page: &Page, wanted: impl Fn(&Value) -> bool) -> Answer {
    let all: Vec<&Value> = books.all(kind.name).rev().filter(|object| wanted(object)).collect();
    cut(&all, kind, page)
}

/// The page of a list whose objects are in their order.
pub(super) fn cut(all: &[&Value], kind: Kind, page: &Page) -> Answer {
    let all: Vec<&Value> = all
        .iter()
        .copied()
        .filter(|object| page.created.as_ref().is_none_or(|moments| moments.include(object.number("created"))))
        .collect();
    let place = |id: &Option<String>| match id {
        None => Ok(None),
        Some(id) => match all.iter().position(|object| object.text("id") == id) {
            Some(place) => Ok(Some(place)),
            None => Err(StripeError::missing(kind.name, id)),
        },
    };
    let limit = usize::try_from(page.limit.map_or(LIMIT, |Whole(limit)| limit)).unwrap_or(1);
    let (after, before) = (place(&page.starting_after)?, place(&page.ending_before)?);
    let (from, to) = (after.map_or(0, |place| place + 1), before.unwrap_or(all.len()));
    // Before an object are those next to it.
    let from = if before.is_some() { from.max(to.saturating_sub(limit)) } else { from };
    let data: Vec<Value> = all.iter().take(to).skip(from).take(limit).map(|object| shown(object)).collect();
    let has_more = if before.is_some() { from > 0 } else { from + data.len() < to };
    Ok(json!({"object": "list", "data": data, "has_more": has_more, "url": page.url}))
}
