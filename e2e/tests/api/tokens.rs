//! Access tokens of every kind, valid and invalid.

use oslira_e2e::{Answer, Stack, User};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

/// Sends a GET and a POST with this Authorization header; both must be refused in the same way.
async fn refuse(stack: &Stack, user: &User, case: &str, authorization: Option<&str>, status: u16, code: &str) {
    for (method, path) in [(Method::GET, "/credits/balance"), (Method::POST, "/v1/analyze")] {
        let mut request = stack.http().request(method, format!("{}{path}", stack.api_url));
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let answer = Answer::read(request.json(&user.analysis_of("nasa")).send().await.unwrap()).await;
        answer.refused_for(&format!("{case} at {path}"), status, code);
        assert_eq!(answer.header("www-authenticate").is_some(), status == 401, "{case}");
    }
}

#[tokio::test]
async fn good_tokens_of_every_kind_are_taken() {
    let stack = Stack::load();
    let mut user = User::new(&stack, 3).await;
    for variant in ["valid", "audience_array", "hs256"] {
        user.token = stack.token(&json!({ "sub": user.user_id, "variant": variant })).await;
        let answer = user.get("/auth/verify").await;
        let data = answer.data(200);
        assert_eq!(data["user_id"], json!(user.user_id), "{variant}");
        assert_eq!(data["account_id"], json!(user.account_id), "{variant}");
        assert_eq!(data["accounts"][0]["role"], "owner", "{variant}");
    }
}

#[tokio::test]
async fn bad_tokens_of_every_kind_are_refused() {
    let stack = Stack::load();
    let user = User::new(&stack, 3).await;
    let invalid = [
        "not_yet_valid",
        "no_exp",
        "forged",
        "hs256_forged",
        "algorithm_confusion",
        "alg_none",
        "swapped_payload",
        "unknown_kid",
        "wrong_issuer",
        "wrong_audience",
        "no_sub",
    ];
    let mut cases: Vec<(&str, u16, &str)> = invalid.map(|variant| (variant, 401, "token_invalid")).to_vec();
    cases.push(("expired", 401, "token_expired"));
    cases.push(("anon_key", 403, "token_role_refused"));
    cases.push(("service_role_key", 403, "token_role_refused"));
    cases.push(("anonymous", 403, "anonymous_user_refused"));
    for (variant, status, code) in cases {
        let token = stack.token(&json!({ "sub": user.user_id, "variant": variant })).await;
        refuse(&stack, &user, variant, Some(&format!("Bearer {token}")), status, code).await;
    }
    user.settles_at(3).await;
}

#[tokio::test]
async fn a_claim_that_is_missing_or_wrong_is_refused() {
    let stack = Stack::load();
    let user = User::new(&stack, 3).await;
    let cases: [(Value, u16, &str); 12] = [
        (json!({ "iss": null }), 401, "token_invalid"),
        (json!({ "aud": null }), 401, "token_invalid"),
        (json!({ "aud": "anon" }), 401, "token_invalid"),
        (json!({ "exp": null }), 401, "token_invalid"),
        (json!({ "exp": -1 }), 401, "token_invalid"),
        (json!({ "exp": 253_402_300_800_i64 }), 401, "token_invalid"),
        (json!({ "exp": 4_000_000_000_i64 }), 401, "token_invalid"),
        (json!({ "exp": 1e300 }), 401, "token_invalid"),
        (json!({ "sub": "admin" }), 401, "token_invalid"),
        (json!({ "role": null }), 403, "token_role_refused"),
        (json!({ "role": "service_role" }), 403, "token_role_refused"),
        (json!({ "is_anonymous": true }), 403, "anonymous_user_refused"),
    ];
    for (claims, status, code) in cases {
        let token = stack.token(&json!({ "sub": user.user_id, "claims": claims })).await;
        refuse(&stack, &user, &claims.to_string(), Some(&format!("Bearer {token}")), status, code).await;
    }
    user.settles_at(3).await;
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    let stack = Stack::load();
    let user = User::new(&stack, 3).await;
    let (huge, basic) = (format!("Bearer {}", "a".repeat(9_000)), format!("Basic {}", user.token));
    let cut = format!("Bearer {}", user.token.rsplit_once('.').unwrap().0);
    let cases = [
        (None, "token_missing"),
        (Some(""), "token_missing"),
        (Some("Bearer"), "token_missing"),
        (Some(user.token.as_str()), "token_missing"),
        (Some(&basic), "token_missing"),
        (Some("Bearer abc"), "token_malformed"),
        (Some("Bearer a.b.c"), "token_malformed"),
        (Some("Bearer .."), "token_malformed"),
        (Some(&cut), "token_malformed"),
        (Some(&huge), "token_malformed"),
    ];
    for (authorization, code) in cases {
        refuse(&stack, &user, &format!("{authorization:.40?}"), authorization, 401, code).await;
    }
    user.settles_at(3).await;
}

#[tokio::test]
async fn a_user_without_an_account_is_refused() {
    let stack = Stack::load();
    let mut user = User::new(&stack, 3).await;
    user.token = stack.token(&json!({ "sub": Uuid::new_v4() })).await;
    user.get("/credits/balance").await.refused(403, "account_forbidden");
    user.analyze("nasa").await.refused(403, "account_forbidden");
}

#[tokio::test]
async fn every_route_but_health_needs_a_token() {
    let stack = Stack::load();
    let id = Uuid::new_v4();
    let routes = [
        (Method::GET, "/auth/verify".to_owned()),
        (Method::GET, "/credits/balance".to_owned()),
        (Method::GET, "/credits/transactions".to_owned()),
        (Method::GET, "/credits/budget".to_owned()),
        (Method::PUT, "/credits/budget".to_owned()),
        (Method::GET, "/v1/estimate?analysis_type=LIGHT".to_owned()),
        (Method::POST, "/v1/analyze".to_owned()),
        (Method::GET, "/runs".to_owned()),
        (Method::GET, format!("/runs/{id}")),
        (Method::GET, format!("/runs/{id}/progress")),
        (Method::POST, format!("/runs/{id}/cancel")),
        (Method::GET, "/business-profiles".to_owned()),
        (Method::POST, "/business-profiles".to_owned()),
        (Method::GET, format!("/business-profiles/{id}")),
        (Method::PATCH, format!("/business-profiles/{id}")),
        (Method::DELETE, format!("/business-profiles/{id}")),
        (Method::GET, "/leads".to_owned()),
        (Method::GET, "/leads/export.csv".to_owned()),
        (Method::GET, "/leads/outcomes.ndjson".to_owned()),
        (Method::GET, format!("/leads/{id}")),
        (Method::DELETE, format!("/leads/{id}")),
        (Method::POST, format!("/leads/{id}/outcome")),
        (Method::GET, format!("/leads/{id}/picture")),
    ];
    for (method, path) in routes {
        let response = stack.http().request(method, format!("{}{path}", stack.api_url)).send().await.unwrap();
        Answer::read(response).await.refused_for(&path, 401, "token_missing");
    }
}

#[tokio::test]
async fn the_developer_tool_mints_users() {
    let stack = Stack::load();
    let name = format!("e2e tool {id}", id = Uuid::new_v4());
    let minted = stack.xtask_token(&name, 7).await;
    let user = User::of(&stack, &minted);
    assert_eq!(user.balance().await, 7);
    assert_eq!(stack.xtask_token(&name, 50).await["user_id"], minted["user_id"], "the same name is the same user");
    let user = User::of(&stack, &minted);
    let profile = format!("/business-profiles/{}", minted["business_profile_id"].as_str().unwrap());
    Answer::read(user.request(Method::DELETE, &profile).send().await.unwrap()).await.data(200);
    let again = stack.xtask_token(&name, 50).await;
    assert_ne!(again["business_profile_id"], minted["business_profile_id"], "a deleted profile is replaced");
    assert_eq!(user.balance().await, 7);
}
