//! Stripe's clock: the real time, and how far it was moved forward. What falls due on the way is done at its own time.

use serde_json::json;

use super::{books::Books, due, object::Fields};
use crate::shared::clock::now_ms;

const CLOCK: &str = "clock";

fn real_s() -> i64 {
    i64::try_from(now_ms() / 1_000).unwrap_or(i64::MAX)
}

/// How far the clock is ahead of the real time, in seconds.
pub(super) fn ahead_s(books: &Books) -> i64 {
    books.get(CLOCK).map_or(0, |clock| clock.number("ahead_s"))
}

/// Does all that is due by now.
pub(super) fn catch_up(books: &mut Books) {
    let now = real_s() + ahead_s(books);
    run_until(books, now);
}

/// Moves the clock forward. A time that has passed changes nothing.
pub(super) fn move_to(books: &mut Books, at: i64) {
    if at > books.now {
        books.put(json!({"id": CLOCK, "object": "sandbox.clock", "ahead_s": at - real_s()}));
        // Nobody's request causes what falls due.
        let cause = books.cause.take();
        run_until(books, at);
        books.cause = cause;
    }
}

fn run_until(books: &mut Books, until: i64) {
    while let Some((at, due)) = due::next(books, until) {
        books.now = books.now.max(at);
        due.carry_out(books);
    }
    books.now = books.now.max(until);
}
