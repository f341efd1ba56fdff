//! Test clocks. The sandbox has one clock for everybody, which any of these moves forward.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    books::Books,
    call::{Answer, Call},
    clock,
    errors::StripeError,
    form::Whole,
    object::{Fields, fresh_id},
};

const KIND: &str = "test_helpers.test_clock";
const KEPT_S: i64 = 30 * 24 * 60 * 60;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    frozen_time: Whole,
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    frozen_time: Whole,
}

pub(super) fn create(books: &mut Books, call: &Call) -> Answer {
    let Create { frozen_time: Whole(at), name } = call.read()?;
    let test_clock = json!({
        "id": fresh_id("clock_"), "object": KIND, "created": books.now, "deletes_after": books.now + KEPT_S,
        "frozen_time": at, "livemode": false, "name": name, "status": "ready", "status_details": {},
    });
    books.put(test_clock.clone());
    clock::move_to(books, at);
    Ok(test_clock)
}

fn find<'a>(books: &'a Books, id: &str) -> Result<&'a Value, StripeError> {
    let found = books.get(id).filter(|object| object.text("object") == KIND);
    found.ok_or_else(|| StripeError::missing(KIND, id))
}

pub(super) fn retrieve(books: &mut Books, call: &Call) -> Answer {
    call.nothing_else()?;
    Ok(find(books, call.id())?.clone())
}

pub(super) fn advance(books: &mut Books, call: &Call) -> Answer {
    let Advance { frozen_time: Whole(at) } = call.read()?;
    if at <= find(books, call.id())?.number("frozen_time") {
        let message =
            "You cannot set the frozen_time on a Test Clock to be in the past relative to the current frozen time.";
        return Err(StripeError::invalid(message).param("frozen_time"));
    }
    clock::move_to(books, at);
    Ok(books.change(call.id(), |test_clock| test_clock.set("frozen_time", at)))
}
