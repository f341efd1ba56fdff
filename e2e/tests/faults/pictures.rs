//! A picture that cannot be copied does not fail the run.

use oslira_e2e::{User, handle};
use serde_json::json;

use crate::{alone, assert_complete};

/// A request for a picture contains nothing of the run, so the fault affects all pictures, and the test runs alone.
#[tokio::test]
async fn a_picture_that_cannot_be_copied_fails_no_run() {
    let (_turn, stack) = alone().await;
    let user = User::new(&stack, 10).await;
    for (kind, more) in
        [("status", json!({ "status": 403 })), ("drop", json!({})), ("truncate", json!({})), ("malformed", json!({}))]
    {
        let fault = stack.plant("instagram.picture", kind, "", more).await;
        let run = user.analysed(&handle("film")).await;
        assert!(stack.release(fault).await > 0, "{kind}");
        assert_complete(&user, kind, &run).await;
        let lead = run["lead_id"].as_str().unwrap();
        user.get(&format!("/leads/{lead}/picture")).await.refused_for(kind, 404, "picture_not_found");
    }
    user.settles_at(6).await;
}
