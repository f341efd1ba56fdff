//! Bad requests: each mistake has its own error code, and no credits move.

use oslira_e2e::{Answer, Stack, User, handle};
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use uuid::Uuid;

const JSON: &str = "application/json";

async fn refuse(case: &str, request: RequestBuilder, status: u16, code: &str) {
    Answer::read(request.send().await.unwrap()).await.refused_for(case, status, code);
}

fn sending(user: &User, content_type: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
    user.request(Method::POST, "/v1/analyze").header("content-type", content_type).body(body)
}

async fn assert_untouched(user: &User, balance: i64) {
    let runs = user.get("/runs").await;
    assert_eq!(runs.data(200)["items"], json!([]), "no run came of it");
    user.settles_at(balance).await;
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused() {
    let stack = Stack::load();
    let user = &User::new(&stack, 3).await;
    let good = user.analysis_of("nasa").to_string();
    let large = json!({ "username": "nasa", "padding": "a".repeat(64 * 1024) }).to_string();
    let cut = good[..good.len() - 5].to_owned();
    let in_order = json!(["nasa", user.business_profile_id, "LIGHT"]).to_string();
    let nested = format!("{{\"username\":{}{}}}", "[".repeat(16), "]".repeat(16));
    let wide = format!("{{\"username\":[{}0]}}", "0,".repeat(4_096));
    let cases = [
        ("the fields as a list", sending(user, JSON, in_order), 422, "invalid_request"),
        ("no body", sending(user, JSON, ""), 400, "malformed_json"),
        ("half a body", sending(user, JSON, cut), 400, "malformed_json"),
        ("no JSON", sending(user, JSON, "username=nasa"), 400, "malformed_json"),
        ("no UTF-8", sending(user, JSON, b"{\"username\":\"\xff\xfe\"}".to_vec()), 400, "malformed_json"),
        ("two bodies", sending(user, JSON, format!("{good}{good}")), 400, "malformed_json"),
        ("too large", sending(user, JSON, large), 413, "body_too_large"),
        ("a form", sending(user, "application/x-www-form-urlencoded", "a=b"), 415, "unsupported_media_type"),
        ("plain text", sending(user, "text/plain", good.clone()), 415, "unsupported_media_type"),
        ("no type", user.request(Method::POST, "/v1/analyze").body(good), 415, "unsupported_media_type"),
        ("null", sending(user, JSON, "null"), 422, "invalid_request"),
        ("a list", sending(user, JSON, "[]"), 422, "invalid_request"),
        ("a nest of lists", sending(user, JSON, "[".repeat(30_000)), 422, "json_too_complex"),
        ("a deep field", sending(user, JSON, nested), 422, "json_too_complex"),
        ("a wide list", sending(user, JSON, wide), 422, "json_too_complex"),
    ];
    for (case, request, status, code) in cases {
        refuse(case, request, status, code).await;
    }
    assert_untouched(user, 3).await;
}

#[tokio::test]
async fn a_field_that_makes_no_sense_is_refused() {
    let stack = Stack::load();
    let user = &User::new(&stack, 3).await;
    let (long, shown) = ("a".repeat(31), user.business_profile_id.to_string());
    let mut cases = vec![
        ("username", None, "invalid_request"),
        ("analysis_type", None, "invalid_request"),
        ("business_profile_id", None, "invalid_request"),
        ("username", Some(json!(7)), "invalid_request"),
        ("username", Some(json!(null)), "invalid_request"),
        ("analysis_type", Some(json!(["LIGHT"])), "invalid_request"),
    ];
    let usernames = [
        "",
        " ",
        "@",
        ".nasa",
        "nasa.",
        "na..sa",
        "na sa",
        "na-sa",
        "ñasa",
        "na\u{200b}sa",
        "nasa\0",
        "'; drop table runs;--",
        "https://evil.example/nasa",
        "https://instagram.com/p/",
        "../../etc/passwd",
        "{{7*7}}",
        &long,
    ];
    cases.extend(usernames.map(|name| ("username", Some(json!(name)), "invalid_username")));
    let types = ["", "light", "Deep", "XRAY ", "X-RAY", "LIGHT ", "FULL", "LIGHT,DEEP"];
    cases.extend(types.map(|name| ("analysis_type", Some(json!(name)), "unknown_analysis_type")));
    let ids = ["", "1", "not-a-uuid", &shown[..35]];
    cases.extend(ids.map(|id| ("business_profile_id", Some(json!(id)), "invalid_business_profile_id")));
    for (field, value, code) in cases {
        let mut body = user.analysis_of("nasa");
        match &value {
            Some(value) => body[field] = value.clone(),
            None => drop(body.as_object_mut().unwrap().remove(field)),
        }
        refuse(&format!("{field} = {value:?}"), user.analyze_request(&body), 422, code).await;
    }
    assert_untouched(user, 3).await;
}

/// A caller cannot set price, owner or status by adding such fields to a request.
#[tokio::test]
async fn a_field_that_is_not_the_callers_to_set_sets_nothing() {
    let stack = Stack::load();
    let (user, other) = (User::new(&stack, 3).await, User::new(&stack, 3).await);
    let mut body = user.analysis_of(&handle("coffee"));
    let wanted = Uuid::new_v4();
    for (field, value) in [
        ("credits", json!(0)),
        ("account_id", json!(other.account_id)),
        ("id", json!(wanted)),
        ("run_id", json!(wanted)),
        ("status", json!("complete")),
        ("providers", json!([])),
    ] {
        body[field] = value;
    }
    let answer = user.order(&body).await;
    assert_eq!(answer.data(202)["credits_charged"], 1);
    let run = user.end_of(answer.data(202)["run_id"].as_str().unwrap()).await;
    assert_eq!((&run["account_id"], &run["status"]), (&json!(user.account_id), &json!("complete")), "{run}");
    assert_ne!(run["id"], json!(wanted));

    let budget = json!({ "daily_cap": 5, "used_today": -100, "account_id": other.account_id });
    let budget = user.put("/credits/budget", &budget).await;
    assert_eq!((&budget.data(200)["daily_cap"], &budget.data(200)["used_today"]), (&json!(5), &json!(1)));
    assert_eq!(other.get("/credits/budget").await.data(200)["daily_cap"], json!(null));

    let profile = json!({ "name": "x", "offering": "x", "target_audience": "x", "account_id": other.account_id });
    let request = user.request(Method::POST, "/business-profiles").json(&profile);
    let refused = Answer::read(request.send().await.unwrap()).await;
    assert_eq!(refused.refused(422, "invalid_business_profile")["field"], "account_id");
    user.settles_at(2).await;
    other.settles_at(3).await;
}

#[tokio::test]
async fn a_business_profile_that_is_not_ones_own_is_unknown() {
    let stack = Stack::load();
    let (user, other) = (User::new(&stack, 3).await, User::new(&stack, 3).await);
    let deleted = user.add_business("Gone", "Something.", "Somebody.", &[]).await;
    let delete = "update business_profiles set deleted_at = now() where id = $1";
    stack.sql().await.execute(delete, &[&deleted]).await.unwrap();
    let cases = [("another account's", other.business_profile_id), ("deleted", deleted), ("unknown", Uuid::new_v4())];
    for (case, business) in cases {
        let mut body = user.analysis_of("nasa");
        body["business_profile_id"] = json!(business);
        refuse(case, user.analyze_request(&body), 404, "business_profile_not_found").await;
    }
    assert_untouched(&user, 3).await;
}

#[tokio::test]
async fn an_idempotency_key_is_short_visible_text() {
    let stack = Stack::load();
    let user = &User::new(&stack, 3).await;
    let long = "k".repeat(256);
    for key in ["", "two words", "tab\tkey", &long] {
        let request = user.analyze_request(&user.analysis_of("nasa")).header("idempotency-key", key);
        refuse(&format!("{key:?}"), request, 400, "invalid_idempotency_key").await;
    }
    let request = user.analyze_request(&user.analysis_of("nasa")).header("idempotency-key", "ключ".as_bytes());
    refuse("not ASCII", request, 400, "invalid_idempotency_key").await;
    assert_untouched(user, 3).await;
}

#[tokio::test]
async fn without_credits_nothing_starts() {
    let stack = Stack::load();
    let user = User::new(&stack, 0).await;
    let answer = user.analyze(&handle("coffee")).await;
    let details = answer.refused(402, "insufficient_credits");
    assert_eq!(details, &json!({ "balance": 0, "required": 1 }));
    assert_untouched(&user, 0).await;
}

#[tokio::test]
async fn the_hourly_limit_is_exact_and_says_when_to_come_back() {
    let stack = Stack::load();
    let user = User::new(&stack, 5).await;
    let sql = stack.sql().await;
    let plan =
        "insert into plans (id, name, hourly_analyses_max) values ('e2e_two', 'Two an hour', 2) on conflict do nothing";
    sql.execute(plan, &[]).await.unwrap();
    sql.execute("update accounts set plan_id = 'e2e_two' where id = $1", &[&user.account_id]).await.unwrap();
    // One after the other and to the end, so that only the hourly limit can refuse the third.
    for _ in 0..2 {
        user.analysed(&handle("coffee")).await;
    }
    let answer = user.analyze(&handle("coffee")).await;
    answer.refused(429, "rate_limited");
    let seconds: u32 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((3_400..=3_600).contains(&seconds), "{seconds}");
    user.settles_at(3).await;
}

#[tokio::test]
async fn a_closed_account_can_do_nothing() {
    let stack = Stack::load();
    let user = User::new(&stack, 5).await;
    let close = "update accounts set deleted_at = now() where id = $1";
    stack.sql().await.execute(close, &[&user.account_id]).await.unwrap();
    user.analyze("nasa").await.refused(403, "account_forbidden");
    user.get("/credits/balance").await.refused(403, "account_forbidden");
    user.get("/runs").await.refused(403, "account_forbidden");
    let runs = "select count(*) from runs where account_id = $1";
    let runs: i64 = stack.sql().await.query_one(runs, &[&user.account_id]).await.unwrap().get(0);
    assert_eq!(runs, 0);
}

#[tokio::test]
async fn ids_limits_cursors_and_addresses_are_checked() {
    let stack = Stack::load();
    let user = User::new(&stack, 3).await;
    let unknown = Uuid::new_v4();
    for path in [format!("/runs/{unknown}"), format!("/runs/{unknown}/progress")] {
        user.get(&path).await.refused_for(&path, 404, "run_not_found");
    }
    user.post(&format!("/runs/{unknown}/cancel")).await.refused(404, "run_not_found");
    for path in ["/runs/7", "/runs/7/progress", "/runs/%27%3B--", "/runs/%ff"] {
        user.get(path).await.refused_for(path, 400, "invalid_id");
    }
    user.post("/runs/7/cancel").await.refused(400, "invalid_id");
    for list in ["/runs", "/credits/transactions"] {
        for limit in ["0", "101", "-1", "ten", "", "1.5", "99999999999"] {
            let path = format!("{list}?limit={limit}");
            user.get(&path).await.refused_for(&path, 400, "invalid_limit");
        }
        for cursor in ["", "%25%25", "Zm9v", &"a".repeat(300)] {
            let path = format!("{list}?cursor={cursor}");
            user.get(&path).await.refused_for(&path, 400, "invalid_cursor");
        }
    }
    // A time before the year 1, which the database does not read.
    let ancient = [
        "bmV3ZXN0fC0wMDAwNDQtMDMtMTVUMTI6MDA6MDBafDAwMDAwMDAwLTAwMDAtMDAwMC0wMDAwLTAwMDAwMDAwMDAwMA",
        "LTAwMDA0NC0wMy0xNVQxMjowMDowMFp8MDAwMDAwMDAtMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDAw",
    ];
    for (list, cursor) in ["/leads", "/business-profiles"].into_iter().zip(ancient) {
        let path = format!("{list}?cursor={cursor}");
        user.get(&path).await.refused_for(&path, 400, "invalid_cursor");
    }
    for path in ["/", "/v1", "/v1/analyze/x", "/runs/", "/admin", "/.env"] {
        user.get(path).await.refused_for(path, 404, "route_not_found");
    }
    for (method, path) in [(Method::GET, "/v1/analyze"), (Method::DELETE, "/runs"), (Method::POST, "/health")] {
        refuse(path, user.request(method, path), 405, "method_not_allowed").await;
    }
    assert_untouched(&user, 3).await;
}
