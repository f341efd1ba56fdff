//! Failures of the outside services: a failed run has an error code and a message and is refunded once; a temporary
//! failure does not fail the run.
//!
//! Outages open the circuit breaker of the whole stack, so these tests are a binary of their own. Most run side by side
//! and close the breaker whenever it blocks them; those about the breaker run alone.
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
mod secrets;
mod signing;

use oslira_e2e::{Stack, User};
use serde_json::{Value, json};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

static OUTAGES: RwLock<()> = RwLock::const_new(());

/// For a test that may run beside other tests that cause outages.
async fn beside_others() -> (RwLockReadGuard<'static, ()>, Stack) {
    (OUTAGES.read().await, Stack::load())
}

/// For a test that runs alone, with the breaker closed.
async fn alone() -> (RwLockWriteGuard<'static, ()>, Stack) {
    let turn = OUTAGES.write().await;
    let stack = Stack::load();
    stack.close_breaker().await;
    (turn, stack)
}

/// The kind and the further fields of a fault, as the sandbox accepts them.
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

/// Asserts a result, one charge, no refund, and a cost that equals the recorded bills.
async fn assert_complete(user: &User, case: &str, run: &Value) {
    assert_eq!((&run["status"], &run["charge_outcome"]), (&json!("complete"), &json!("result")), "{case}: {run}");
    let id = run["id"].as_str().unwrap();
    assert_eq!((user.movements(id, "charge").await, user.movements(id, "refund").await), (1, 0), "{case}");
    let cost = &user.cost_of(run).await;
    let told = (cost["ai_microusd"].as_i64().unwrap(), cost["scrape_microusd"].as_i64().unwrap());
    assert_eq!(told, user.billed_microusd(id).await, "{case}: {cost}");
    assert_eq!(cost["total_microusd"].as_i64(), Some(told.0 + told.1), "{case}: {cost}");
}
