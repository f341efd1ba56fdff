//! The catalogue: three plans by the month and by the year, and three packs.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    books::Books,
    call::{Answer, Call},
    form::Flag,
    listing::{Page, list},
    object::{Fields, PRICE},
};

/// Lookup key, product, cents, interval (empty for a pack).
const CATALOGUE: [(&str, &str, i64, &str); 9] = [
    ("starter_month", "Starter", 2_000, "month"),
    ("starter_year", "Starter", 20_000, "year"),
    ("growth_month", "Growth", 7_900, "month"),
    ("growth_year", "Growth", 79_000, "year"),
    ("agency_month", "Agency", 34_900, "month"),
    ("agency_year", "Agency", 349_000, "year"),
    ("pack_20", "20 credits", 2_000, ""),
    ("pack_100", "100 credits", 9_500, ""),
    ("pack_500", "500 credits", 45_000, ""),
];

/// Puts the catalogue into the books, as it is in this version of the sandbox.
pub(super) fn stock(books: &mut Books) {
    for (key, name, cents, interval) in CATALOGUE {
        let mut price = PRICE.with(json!({
            "id": format!("price_sandbox_{key}"),
            "lookup_key": key,
            "product": format!("prod_sandbox_{}", name.to_lowercase().replace(' ', "_")),
            "unit_amount": cents,
            "unit_amount_decimal": cents.to_string(),
            "_name": name,
        }));
        if !interval.is_empty() {
            price.set("type", "recurring");
            price.set(
                "recurring",
                json!({
                    "interval": interval, "interval_count": 1, "meter": null, "trial_period_days": null,
                    "usage_type": "licensed",
                }),
            );
        }
        books.place(price.text("id").to_owned(), price);
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Selection {
    #[serde(default)]
    lookup_keys: Vec<String>,
    active: Option<Flag>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

pub(super) fn retrieve(books: &mut Books, call: &Call) -> Answer {
    call.nothing_else()?;
    Ok(books.find(PRICE, call.id())?.clone())
}

pub(super) fn list_all(books: &mut Books, call: &Call) -> Answer {
    let (page, wanted): (Page, Selection) = call.page()?;
    list(books, PRICE, &page, |price: &Value| {
        (wanted.lookup_keys.is_empty() || wanted.lookup_keys.iter().any(|key| key == price.text("lookup_key")))
            && wanted.active.is_none_or(|Flag(active)| active == price.flag("active"))
            && wanted.kind.as_deref().is_none_or(|kind| kind == price.text("type"))
    })
}
