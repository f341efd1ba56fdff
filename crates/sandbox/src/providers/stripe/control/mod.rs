//! `/control/stripe`: what customers, banks and time do, and how events are delivered.

mod delivery;

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    books::Books,
    calendar::later,
    charges::Which,
    checkout::{self, Outcome},
    clock,
    disputes::{self, Verdict},
    errors::StripeError,
    object::{CUSTOMER, Fields},
    refunds,
    state::{State as Inner, Stripe},
};

type Control = State<Arc<Stripe>>;

/// The routes below `/control/stripe`.
pub(crate) fn routes(stripe: &Arc<Stripe>) -> Router {
    Router::new()
        .route("/card", post(set_card))
        .route("/clock", get(read_clock).post(move_clock))
        .route("/complete", post(complete))
        .route("/deliveries", get(delivery::list_deliveries))
        .route("/delivery", get(delivery::read_knobs).post(delivery::set_knobs))
        .route("/disputes", post(open_dispute))
        .route("/disputes/{id}/close", post(close_dispute))
        .route("/endpoint", get(delivery::read_endpoint).post(delivery::set_endpoint))
        .route("/refunds", post(refund))
        .route("/send", post(delivery::send))
        .with_state(Arc::clone(stripe))
}

/// Carries out what a body asks for, and answers with what it comes to.
fn carry_out<T: DeserializeOwned>(
    stripe: &Stripe,
    body: &[u8],
    work: impl FnOnce(&mut Inner, T) -> Result<Value, StripeError>,
) -> Response {
    let asked = serde_json::from_slice(body).map_err(|error| StripeError::invalid(error.to_string()));
    let done = asked.and_then(|asked| stripe.transact(None, |state| work(state, asked)));
    // A knob or an endpoint may have changed what can be sent.
    stripe.changed.notify_one();
    match done {
        Ok(value) => Json(value).into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, Json(json!({"error": error.message()}))).into_response(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Completion {
    session: String,
    #[serde(default)]
    outcome: Outcome,
}

async fn complete(State(stripe): Control, body: Bytes) -> Response {
    carry_out(&stripe, &body, |state, asked: Completion| {
        checkout::complete(&mut state.books, &asked.session, asked.outcome)
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    /// `+1month`, `+36hours` and so on.
    advance: String,
}

async fn move_clock(State(stripe): Control, body: Bytes) -> Response {
    carry_out(&stripe, &body, |state, asked: Move| {
        let to = moved(state.books.now, &asked.advance).ok_or_else(|| {
            StripeError::invalid(
                "advance must be like +1month: a number of seconds, minutes, hours, days, weeks, months or years",
            )
        })?;
        clock::move_to(&mut state.books, to);
        Ok(time(&state.books))
    })
}

/// So much later, by a text such as `+1month`.
fn moved(now: i64, advance: &str) -> Option<i64> {
    let advance = advance.strip_prefix('+')?;
    let (count, unit) = advance.split_at_checked(advance.find(|letter: char| letter.is_ascii_alphabetic())?)?;
    let count = count.parse().ok().filter(|count| (0..=10_000).contains(count))?;
    later(now, unit.strip_suffix('s').unwrap_or(unit), count)
}

async fn read_clock(State(stripe): Control) -> Json<Value> {
    Json(stripe.transact(None, |state| time(&state.books)))
}

fn time(books: &Books) -> Value {
    json!({"now": books.now, "ahead_s": clock::ahead_s(books)})
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CardChange {
    customer: String,
    /// Whether the bank accepts it from now on.
    card: Option<Card>,
    /// Of the card that the customer gives in their next checkout.
    number: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Card {
    Ok,
    Declines,
}

async fn set_card(State(stripe): Control, body: Bytes) -> Response {
    carry_out(&stripe, &body, |state, asked: CardChange| {
        state.books.find(CUSTOMER, &asked.customer)?;
        if asked.number.as_deref().is_some_and(|number| !is_card_number(number)) {
            return Err(StripeError::invalid("number must be the 12 to 19 digits of a card"));
        }
        let customer = state.books.change(&asked.customer, |customer| {
            match asked.card {
                Some(Card::Ok) => customer.set("_card", "ok"),
                Some(Card::Declines) => customer.set("_card", "declines"),
                None => {}
            }
            if let Some(number) = asked.number {
                customer.set("_number", number);
            }
        });
        Ok(json!({"customer": asked.customer, "card": customer.at("_card"), "number": customer.at("_number")}))
    })
}

fn is_card_number(number: &str) -> bool {
    (12..=19).contains(&number.len()) && number.bytes().all(|digit| digit.is_ascii_digit())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Claim {
    charge: Option<String>,
    payment_intent: Option<String>,
    amount: Option<i64>,
    reason: Option<String>,
}

impl Claim {
    fn which(&self) -> Which {
        Which { charge: self.charge.clone(), payment_intent: self.payment_intent.clone() }
    }
}

async fn refund(State(stripe): Control, body: Bytes) -> Response {
    carry_out(&stripe, &body, |state, asked: Claim| {
        let details = json!({"reason": asked.reason});
        refunds::refund(&mut state.books, &asked.which(), asked.amount, details)
    })
}

async fn open_dispute(State(stripe): Control, body: Bytes) -> Response {
    carry_out(&stripe, &body, |state, asked: Claim| {
        let reason = asked.reason.as_deref().unwrap_or("fraudulent");
        disputes::open(&mut state.books, &asked.which(), asked.amount, reason)
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Closing {
    verdict: Verdict,
}

async fn close_dispute(State(stripe): Control, Path(id): Path<String>, body: Bytes) -> Response {
    carry_out(&stripe, &body, |state, asked: Closing| disputes::close(&mut state.books, &id, asked.verdict))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_moves_forward_by_a_number_of_units() {
        assert_eq!(moved(0, "+1day"), Some(86_400));
        assert_eq!(moved(0, "+36hours"), Some(36 * 3_600));
        for wrong in ["1day", "-1day", "+day", "+1", "+-1day", "+1fortnight", "+99999years"] {
            assert_eq!(moved(0, wrong), None, "{wrong}");
        }
    }
}
