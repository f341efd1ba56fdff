//! Free credits once per person: two accounts that pay with one card.

use std::time::Duration;

use oslira_e2e::{Stack, User, eventually};
use serde_json::json;
use uuid::Uuid;

use crate::{all_is_applied, checkout, count, customer_of, has, session, stripe, turn};

/// A card that no other test has.
fn a_card() -> String {
    format!("{:016}", Uuid::new_v4().as_u128() % 10_u128.pow(16))
}

/// Comes to the checkout of twenty credits with this card; returns the session.
async fn come_with(stack: &Stack, user: &User, card: &str) -> String {
    let session = session(&checkout(user, &json!({ "pack": "pack_20" }), None).await);
    let customer = customer_of(stack, user).await;
    stripe(stack, "card", &json!({ "customer": customer, "number": card })).await;
    session
}

async fn pay(stack: &Stack, session: &str) {
    stripe(stack, "complete", &json!({ "session": session })).await;
    all_is_applied(stack).await;
}

/// Buys twenty credits with this card, and waits until Stripe was asked for the account's cards.
async fn buy_with(stack: &Stack, user: &User, card: &str) {
    pay(stack, &come_with(stack, user, card).await).await;
    let noted = "billing_customers c
                  where c.cards_noted_at > (select max(p.created_at) from payments p where p.account_id = c.account_id)";
    eventually("the cards to be noted", async || (count(stack, noted, user).await == 1).then_some(())).await;
}

/// The descriptions of the account's entries that ended credits.
async fn endings(user: &User) -> Vec<String> {
    let answer = user.get("/credits/transactions").await;
    let entries = answer.data(200)["items"].as_array().unwrap().clone();
    let ended = entries.iter().filter(|entry| entry["kind"] == "expiry");
    ended.map(|entry| entry["description"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_second_account_with_a_card_loses_its_free_credits_and_keeps_what_it_bought() {
    let (_turn, stack) = turn().await;
    let (first, second, other) =
        (User::new(&stack, 10).await, User::new(&stack, 10).await, User::new(&stack, 10).await);
    let card = a_card();
    buy_with(&stack, &first, &card).await;
    has(&first, 30).await;
    buy_with(&stack, &second, &card).await;
    has(&second, 20).await;
    assert_eq!(endings(&second).await, ["Free credits ended: another account has had them with this card"]);
    assert_eq!(count(&stack, "account_events where kind = 'free_credits_ended'", &second).await, 1);
    buy_with(&stack, &first, &card).await;
    buy_with(&stack, &other, &a_card()).await;
    first.settles_at(50).await;
    second.settles_at(20).await;
    other.settles_at(30).await;
}

#[tokio::test]
async fn while_stripe_does_not_tell_the_cards_what_was_bought_comes_and_the_nightly_job_notes_them() {
    let (_turn, stack) = turn().await;
    let (first, second) = (User::new(&stack, 10).await, User::new(&stack, 10).await);
    let card = a_card();
    buy_with(&stack, &first, &card).await;
    let session = come_with(&stack, &second, &card).await;
    let customer = customer_of(&stack, &second).await;
    let fault = stack.plant("stripe.other", "status", &customer, json!({ "status": 503 })).await;
    pay(&stack, &session).await;
    has(&second, 30).await;
    // Longer than the question takes that fails.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(stack.release(fault).await >= 1, "Stripe was asked");
    second.settles_at(30).await;
    stack.run_job("0 4 * * *").await;
    second.settles_at(20).await;
    first.settles_at(30).await;
}
