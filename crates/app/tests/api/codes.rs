//! Every declared error code occurs in some test. The codes that are hard to provoke are provoked here.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use axum::{
    body::{Body, Bytes},
    http::{Request, header},
};
use futures_util::stream;
use oslira_app::{
    api::operations,
    features::{analysis::FAILURES, judging::ModelChoice},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Double, analyze, answer, ask, send};

#[tokio::test]
async fn a_body_that_breaks_off_is_told_from_one_that_is_no_json() {
    let pieces = [Ok(Bytes::from_static(b"{\"username\":")), Err(std::io::Error::other("the connection is gone"))];
    let request = Request::post("/v1/analyze")
        .header(header::AUTHORIZATION, "Bearer token")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from_stream(stream::iter(pieces)))
        .unwrap();
    let (status, _, body) = answer(send(&Arc::new(Double::new()), ModelChoice::default(), request).await).await;
    assert_eq!((status.as_u16(), &body["code"]), (400, &json!("unreadable_body")));
}

#[tokio::test]
async fn a_defect_of_ours_tells_the_caller_nothing_of_itself() {
    let path = format!("/leads/{}", Uuid::nil());
    let (status, _, body) = ask(&Arc::new(Double::new()), "GET", &path, Value::Null).await;
    assert_eq!((status.as_u16(), &body["code"]), (500, &json!("internal_error")));
    assert!(!body.to_string().contains("this test asks"), "{body}");
}

#[tokio::test]
async fn without_the_issuers_keys_nobody_is_called_a_stranger() {
    let request = Request::get("/credits/balance").header(header::AUTHORIZATION, "Bearer unknowable");
    let request = request.body(Body::empty()).unwrap();
    let (status, retry_after, body) =
        answer(send(&Arc::new(Double::new()), ModelChoice::default(), request).await).await;
    assert_eq!((status.as_u16(), &body["code"]), (503, &json!("auth_unavailable")));
    assert_eq!(retry_after.as_deref(), Some("5"));
}

#[tokio::test]
async fn a_charge_whose_run_nobody_takes_is_undone_and_told() {
    let double = Arc::new(Double { launches_nothing: true, ..Double::new() });
    let (status, retry_after, body) = analyze(&double).await;
    assert_eq!((status.as_u16(), &body["code"]), (503, &json!("start_failed")));
    assert_eq!(retry_after.as_deref(), Some("5"));
}

/// The source of every test that calls the API or plays runs to their end.
fn tests() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut folders: Vec<_> =
        ["crates/app/tests", "crates/simulation/tests", "e2e/tests", "e2e/fixtures"].map(|path| root.join(path)).into();
    let mut text = String::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs" || kind == "txt") {
                text += &std::fs::read_to_string(path).unwrap();
            }
        }
    }
    text
}

#[test]
fn every_declared_code_stands_in_some_test() {
    let tests = tests();
    let declared: BTreeSet<&str> =
        operations().iter().flat_map(|operation| &operation.errors).map(|code| code.code).collect();
    let failures = FAILURES.iter().map(|failure| failure.code);
    let is_tested = |code: &&str| tests.contains(&format!("\"{code}\"")) || tests.contains(&format!(" {code}\n"));
    let untested: Vec<&str> = declared.into_iter().chain(failures).filter(|code| !is_tested(code)).collect();
    assert_eq!(untested, Vec::<&str>::new());
}
