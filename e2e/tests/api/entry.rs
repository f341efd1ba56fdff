//! The Worker's entry by itself: what it does when the module traps, and when it delivers.

use oslira_e2e::passes;

#[tokio::test]
async fn the_entry_tells_of_every_trap_and_delivers_behind_the_answer() {
    passes("e2e/tests/api/entry.mjs", &[]).await;
}
