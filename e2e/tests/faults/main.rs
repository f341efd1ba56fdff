//! The outside services failing: a failed run has a code and a sentence, and gives its credits back once; what passes
//! by itself is lived through.
//!
//! Outages open the circuit breaker of the whole stack, so these tests are a binary of their own: most run side by side
//! and close the breaker whenever it is in their way; those about the breaker have the stack to themselves.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "all of this crate is tests, its helpers too: a panic is how a test fails"
)]

mod breaker;
mod calls;
mod model;
mod pictures;
mod retirement;
mod scraper;

use oslira_e2e::{Stack, User};
use serde_json::{Value, json};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

static OUTAGES: RwLock<()> = RwLock::const_new(());

/// A turn beside others that make outages.
async fn beside_others() -> (RwLockReadGuard<'static, ()>, Stack) {
    (OUTAGES.read().await, Stack::load())
}

/// A turn alone, without any known outage.
async fn alone() -> (RwLockWriteGuard<'static, ()>, Stack) {
    let turn = OUTAGES.write().await;
    let stack = Stack::load();
    stack.close_breaker().await;
    (turn, stack)
}

/// What goes wrong: kind and more of a fault, as the sandbox takes it.
type Fault = (&'static str, Value);

async fn assert_failed(user: &User, case: &str, run: &Value, code: &str) {
    assert_eq!((&run["status"], &run["error"]["code"]), (&json!("failed"), &json!(code)), "{case}: {run}");
    assert_eq!(run["charge_outcome"], "refunded", "{case}: {run}");
    let sentence = run["error"]["message"].as_str().unwrap();
    assert!(sentence.contains("credits were returned"), "{case}: {sentence}");
    let id = run["id"].as_str().unwrap();
    assert_eq!((user.movements(id, "charge").await, user.movements(id, "refund").await), (1, 1), "{case}");
    let progress = user.get(&format!("/runs/{id}/progress")).await;
    let progress = progress.data(200);
    assert_eq!((&progress["status"], &progress["message"]), (&json!("failed"), &json!(sentence)), "{case}: {progress}");
}

/// With a result, charged once, and its cost is what its bills say.
async fn assert_complete(user: &User, case: &str, run: &Value) {
    assert_eq!((&run["status"], &run["charge_outcome"]), (&json!("complete"), &json!("result")), "{case}: {run}");
    let id = run["id"].as_str().unwrap();
    assert_eq!((user.movements(id, "charge").await, user.movements(id, "refund").await), (1, 0), "{case}");
    let cost = &run["result"]["cost"];
    let told = (cost["ai_microusd"].as_i64().unwrap(), cost["scrape_microusd"].as_i64().unwrap());
    assert_eq!(told, user.billed_microusd(id).await, "{case}: {cost}");
    assert_eq!(cost["total_microusd"].as_i64(), Some(told.0 + told.1), "{case}: {cost}");
}
