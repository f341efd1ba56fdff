//! Estimates, and the account's daily cap.

use futures_util::future::join_all;
use oslira_e2e::{Answer, Stack, User, handle};
use reqwest::Method;
use serde_json::{Value, json};

const BUDGET: &str = "/credits/budget";

async fn estimate(user: &User, analysis_type: &str, count: u32) -> Value {
    user.get(&format!("/v1/estimate?analysis_type={analysis_type}&count={count}")).await.data(200).clone()
}

#[tokio::test]
async fn an_estimate_names_the_price_and_whether_it_can_be_paid_and_charges_nothing() {
    let stack = Stack::load();
    let user = User::new(&stack, 20).await;
    for (analysis_type, count, total, affordable) in [
        ("LIGHT", 1, 1, true),
        ("LIGHT", 20, 20, true),
        ("LIGHT", 21, 21, false),
        ("DEEP", 4, 20, true),
        ("DEEP", 5, 25, false),
        ("XRAY", 3, 18, true),
        ("XRAY", 100, 600, false),
    ] {
        let told = estimate(&user, analysis_type, count).await;
        let case = format!("{count} {analysis_type}: {told}");
        assert_eq!((&told["analysis_type"], &told["count"]), (&json!(analysis_type), &json!(count)), "{case}");
        assert_eq!((&told["credits_total"], &told["affordable"]), (&json!(total), &json!(affordable)), "{case}");
        assert_eq!(told["credits_each"].as_i64().unwrap() * i64::from(count), total, "{case}");
        assert_eq!((&told["balance"], &told["daily_cap_left"]), (&json!(20), &Value::Null), "{case}");
        let usual = &told["usual_seconds"];
        assert!(usual["p50"].as_f64().unwrap() > 0.0 && usual["p90"].as_f64() >= usual["p50"].as_f64(), "{case}");
        assert_eq!(told["based_on_runs"], 0, "{case}");
    }
    assert_eq!(user.get("/v1/estimate?analysis_type=DEEP").await.data(200)["count"], 1, "one unless told");
    assert_eq!(user.get("/runs").await.data(200)["items"], json!([]));
    user.settles_at(20).await;
}

#[tokio::test]
async fn an_estimate_learns_from_the_accounts_own_runs() {
    let stack = Stack::load();
    let user = User::new(&stack, 5).await;
    let username = handle("coffee");
    user.analysed(&username).await;
    user.analysed(&username).await;
    let told = estimate(&user, "LIGHT", 1).await;
    assert_eq!(told["based_on_runs"], 2, "{told}");
    let usual = &told["usual_seconds"];
    let measured = [&usual["cold"]["based_on_runs"], &usual["cached"]["based_on_runs"]];
    assert_eq!(measured, [&json!(1), &json!(1)], "{told}");
    assert_eq!(estimate(&user, "DEEP", 1).await["based_on_runs"], 0, "each type by itself");
    assert_eq!(estimate(&User::new(&stack, 5).await, "LIGHT", 1).await["based_on_runs"], 0, "each account by itself");
}

#[tokio::test]
async fn an_estimate_of_nothing_sensible_is_refused() {
    let stack = Stack::load();
    let user = User::new(&stack, 5).await;
    for (query, status, code) in [
        ("", 422, "unknown_analysis_type"),
        ("?analysis_type=", 422, "unknown_analysis_type"),
        ("?analysis_type=deep", 422, "unknown_analysis_type"),
        ("?analysis_type=LIGHT&count=0", 400, "invalid_count"),
        ("?analysis_type=LIGHT&count=101", 400, "invalid_count"),
        ("?analysis_type=LIGHT&count=-1", 400, "invalid_count"),
        ("?analysis_type=LIGHT&count=", 400, "invalid_count"),
        ("?analysis_type=LIGHT&count=1.5", 400, "invalid_count"),
        ("?analysis_type=LIGHT&count=99999999999999999999", 400, "invalid_count"),
        ("?analysis_type=LIGHT&analysis_type=DEEP", 400, "invalid_query"),
    ] {
        user.get(&format!("/v1/estimate{query}")).await.refused_for(query, status, code);
    }
    let posted = user.request(Method::POST, "/v1/estimate?analysis_type=LIGHT").send().await.unwrap();
    Answer::read(posted).await.refused(405, "method_not_allowed");
}

#[tokio::test]
async fn a_daily_cap_holds_to_the_credit_and_what_is_refunded_does_not_count() {
    let stack = Stack::load();
    let user = User::new(&stack, 50).await;
    let none = user.get(BUDGET).await;
    assert_eq!((&none.data(200)["daily_cap"], &none.data(200)["used_today"]), (&Value::Null, &json!(0)));
    assert_eq!(user.put(BUDGET, &json!({ "daily_cap": 7 })).await.data(200)["daily_cap"], 7);

    assert_eq!(user.analysed_as(&handle("notfound"), "XRAY").await["charge_outcome"], "refunded");
    assert_eq!(user.analysed_as(&handle("coffee"), "DEEP").await["status"], "complete");
    let told = estimate(&user, "LIGHT", 2).await;
    assert_eq!((&told["daily_cap_left"], &told["affordable"]), (&json!(2), &json!(true)), "{told}");
    assert_eq!(estimate(&user, "LIGHT", 3).await["affordable"], false);
    for analysis_type in ["DEEP", "XRAY"] {
        let answer = user.order(&user.analysis_as(&handle("coffee"), analysis_type)).await;
        let details = answer.refused_for(analysis_type, 402, "budget_exceeded");
        let price = if analysis_type == "DEEP" { 5 } else { 6 };
        let told = (&details["cap"], &details["used"], &details["required"]);
        assert_eq!(told, (&json!(7), &json!(5), &json!(price)), "{details}");
        let seconds = details["resets_in_s"].as_u64().unwrap();
        assert!((1..=86_400).contains(&seconds), "{details}");
        assert_eq!(answer.header("retry-after"), Some(seconds.to_string().as_str()));
    }
    let clicks = futures_util::future::join_all((0..8).map(|_| async { user.analyze(&handle("coffee")).await })).await;
    let (accepted, refused): (Vec<_>, Vec<_>) = clicks.into_iter().partition(|answer| answer.status == 202);
    assert_eq!(accepted.len(), 2, "of many at once as many as the cap allows");
    for answer in refused {
        answer.refused(402, "budget_exceeded");
    }
    for answer in accepted {
        user.end_of(answer.data(202)["run_id"].as_str().unwrap()).await;
    }
    let full = user.get(BUDGET).await;
    assert_eq!((&full.data(200)["daily_cap"], &full.data(200)["used_today"]), (&json!(7), &json!(7)));
    assert!(full.data(200)["resets_at"].as_str().is_some_and(|at| at.contains("T00:00:00")), "{full:?}");

    assert_eq!(user.put(BUDGET, &json!({ "daily_cap": null })).await.data(200)["daily_cap"], Value::Null);
    assert_eq!(user.analysed(&handle("coffee")).await["status"], "complete", "without a cap");
    user.settles_at(50 - 5 - 2 - 1).await;
}

#[tokio::test]
async fn a_cap_is_a_whole_number_and_an_owners_to_set() {
    let stack = Stack::load();
    let (user, member) = (User::new(&stack, 5).await, User::new(&stack, 5).await);
    for (cap, code) in [
        (json!({ "daily_cap": -1 }), "invalid_daily_cap"),
        (json!({ "daily_cap": 1_000_001 }), "invalid_daily_cap"),
        (json!({}), "invalid_request"),
        (json!({ "daily_cap": 1.5 }), "invalid_request"),
        (json!({ "daily_cap": "7" }), "invalid_request"),
        (json!([7]), "invalid_request"),
        (json!(null), "invalid_request"),
    ] {
        user.put(BUDGET, &cap).await.refused_for(&cap.to_string(), 422, code);
    }
    for cap in [0, 1_000_000] {
        assert_eq!(user.put(BUDGET, &json!({ "daily_cap": cap })).await.data(200)["daily_cap"], cap);
    }
    member.join(&user, "member").await;
    let as_host = |method: Method| member.request(method, BUDGET).header("x-account-id", user.account_id.to_string());
    let put = as_host(Method::PUT).json(&json!({ "daily_cap": 9 })).send().await.unwrap();
    Answer::read(put).await.refused(403, "permission_missing");
    let seen = Answer::read(as_host(Method::GET).send().await.unwrap()).await;
    assert_eq!(seen.data(200)["daily_cap"], 1_000_000, "a member sees it, and did not change it");
    assert_eq!(member.get(BUDGET).await.data(200)["daily_cap"], Value::Null, "their own account has none");
}

#[tokio::test]
async fn clicks_at_once_never_exceed_a_cap() {
    let user = User::new(&Stack::load(), 50).await;
    let set = async |cap: Value| {
        let request = user.request(Method::PUT, BUDGET).json(&json!({ "daily_cap": cap }));
        Answer::read(request.send().await.unwrap()).await.data(200).clone()
    };
    set(json!(3)).await;
    let usernames: Vec<String> = (0..10).map(|_| handle("art")).collect();
    let answers = join_all(usernames.iter().map(|username| user.analyze(username))).await;
    let accepted: Vec<&str> =
        answers.iter().filter(|answer| answer.status == 202).filter_map(|a| a.data(202)["run_id"].as_str()).collect();
    assert_eq!(accepted.len(), 3, "{answers:?}");
    for run in accepted {
        user.end_of(run).await;
    }
    set(Value::Null).await;
    user.analysed(&handle("art")).await;
    user.settles_at(46).await;
}

#[tokio::test]
async fn what_an_analysis_holds_is_spent_by_its_result_and_comes_back_without_one() {
    let stack = Stack::load();
    let user = User::new(&stack, 10).await;
    let newest = async || user.get("/credits/transactions?limit=2").await.data(200)["items"].clone();
    let username = handle("coffee");
    let held = stack.hold("apify.start", &username).await;
    let run = user.start(&username).await;
    let balance = user.get("/credits/balance").await;
    assert_eq!((&balance.data(200)["balance"], &balance.data(200)["held"]), (&json!(9), &json!(1)));
    assert_eq!((&newest().await[0]["kind"], &newest().await[0]["state"]), (&json!("charge"), &json!("held")));
    stack.release(held).await;
    assert_eq!(user.end_of(&run).await["status"], "complete");
    assert_eq!((&newest().await[0]["state"], user.balance().await), (&json!("spent"), 9));

    assert_eq!(user.analysed(&handle("notfound")).await["status"], "failed");
    let entries = newest().await;
    assert_eq!((&entries[0]["kind"], &entries[0]["state"]), (&json!("refund"), &json!(null)));
    assert_eq!((&entries[1]["kind"], &entries[1]["state"]), (&json!("charge"), &json!("returned")));
    assert_eq!(user.get("/credits/balance").await.data(200)["held"], 0);
    user.settles_at(9).await;
}
