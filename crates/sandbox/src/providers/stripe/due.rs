//! What happens by itself when its time has come.

use super::{books::Books, checkout, invoices, object::Fields, subscriptions};

/// Something that falls due.
pub(super) enum Due {
    /// The period of a subscription ends.
    PeriodEnd(String),
    /// An invoice whose payment has failed is tried again.
    Payment(String),
    /// A checkout that nobody has completed ends.
    Expiry(String),
}

/// The first thing that is due by then, and when it is.
pub(super) fn next(books: &Books, until: i64) -> Option<(i64, Due)> {
    let renewed = |status: &str| matches!(status, "active" | "past_due" | "trialing");
    let periods = books
        .all("subscription")
        .filter(|one| renewed(one.text("status")))
        .map(|one| (one.number("items/data/0/current_period_end"), Due::PeriodEnd(one.text("id").to_owned())));
    let payments = books
        .all("invoice")
        .filter(|one| one.text("status") == "open" && one.number("next_payment_attempt") > 0)
        .map(|one| (one.number("next_payment_attempt"), Due::Payment(one.text("id").to_owned())));
    let expiries = books
        .all("checkout.session")
        .filter(|one| one.text("status") == "open")
        .map(|one| (one.number("expires_at"), Due::Expiry(one.text("id").to_owned())));
    periods.chain(payments).chain(expiries).filter(|(at, _)| *at <= until).min_by_key(|(at, _)| *at)
}

impl Due {
    pub(super) fn carry_out(&self, books: &mut Books) {
        match self {
            Self::PeriodEnd(id) => subscriptions::renewal::end_period(books, id),
            Self::Payment(id) => {
                invoices::payment::pay(books, id);
            }
            Self::Expiry(id) => checkout::expire_session(books, id),
        }
    }
}
