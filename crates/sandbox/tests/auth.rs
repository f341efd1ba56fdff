//! What Supabase Auth's own client cannot show: a restart, and a database that does not answer.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::{Duration, Instant};

use common::{Stand, visitor::Visitor};
use serde_json::json;
use tokio::net::TcpListener;

#[tokio::test]
async fn a_restart_keeps_users_passwords_links_and_sessions() {
    let stand = Stand::start(0.0).await;
    let visitor = Visitor { stand: &stand, email: "ann@example.com" };
    assert_eq!(visitor.sign_up().await.0, 200);
    let stand = Stand::start_in(&stand.kill().await, 0.0).await;
    let visitor = Visitor { stand: &stand, email: "ann@example.com" };
    assert_eq!(visitor.sign_in().await.1["error_code"], "email_not_confirmed");
    assert!(visitor.follow_link().await.contains("#access_token="));
    let (status, session) = visitor.sign_in().await;
    assert_eq!(status, 200, "{session}");
    let stand = Stand::start_in(&stand.kill().await, 0.0).await;
    let visitor = Visitor { stand: &stand, email: "ann@example.com" };
    let refresh = json!({"refresh_token": session["refresh_token"]});
    let (status, refreshed) = visitor.post("/token?grant_type=refresh_token", refresh).await;
    assert_eq!((status, &refreshed["user"]["id"]), (200, &session["user"]["id"]));
    assert!(visitor.follow_link().await.contains("error_code=otp_expired"));
}

#[tokio::test]
async fn what_was_kept_is_its_owners_alone_and_holds_no_password() {
    let stand = Stand::start(0.0).await;
    Visitor { stand: &stand, email: "bo@example.com" }.sign_up().await;
    let kept = stand.state_dir.join("auth.jsonl");
    let text = std::fs::read_to_string(&kept).unwrap();
    assert!(text.contains("bo@example.com") && !text.contains("correct horse"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(kept).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_an_error_and_no_wait_without_end() {
    // It accepts connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent_url = format!("postgres://postgres@{}/oslira", silent.local_addr().unwrap());
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for url in [silent_url, format!("postgres://postgres@{closed}/oslira")] {
        let stand = Stand::start_with_users_in(&Stand::fresh_state_dir(), 0.0, Some(&url)).await;
        let visitor = Visitor { stand: &stand, email: "cy@example.com" };
        let began = Instant::now();
        let (status, error) = visitor.sign_in().await;
        assert_eq!((status, &error["error_code"]), (500, &json!("unexpected_failure")), "{url}");
        assert!(began.elapsed() < Duration::from_secs(15), "{url}");
    }
}
