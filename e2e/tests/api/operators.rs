//! Operators: who may look up whose account, that each look is written down, and what they mend.

use oslira_e2e::{Answer, Stack, User, eventually, handle};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

#[tokio::test]
async fn an_operator_looks_up_accounts_and_each_look_is_written_down() {
    let stack = Stack::load();
    let (operator, customer) = (User::new(&stack, 0).await, User::new(&stack, 7).await);
    let account = format!("/operator/accounts/{}", customer.account_id);
    // Before that they are a customer like any other.
    operator.operate(Method::GET, &account, None).await.refused(403, "operator_required");
    operator.appoint().await;

    let found = operator.operate(Method::GET, &account, None).await;
    let found = found.data(200);
    assert_eq!((&found["state"], &found["balance"], &found["people"]), (&json!("open"), &json!(7), &json!(1)));
    let nobody = format!("/operator/accounts/{}", Uuid::nil());
    operator.operate(Method::GET, &nobody, None).await.refused(404, "account_not_found");

    let sql = "select email::text from auth.users where id = $1";
    let email: String = stack.sql().await.query_one(sql, &[&customer.user_id]).await.unwrap().get(0);
    let find = async |email: &str| {
        operator.operate(Method::POST, "/operator/accounts/find", Some(&json!({ "email": email }))).await
    };
    assert_eq!(find(&email).await.data(200)["items"][0]["id"], json!(customer.account_id));
    assert_eq!(find("nobody@nowhere.test").await.data(200)["items"], json!([]));
    find("nobody").await.refused(422, "invalid_email");

    // Others may act at the same time: only this operator's acts are compared.
    let actions = operator.operate(Method::GET, "/operator/actions?limit=100", None).await;
    let mine: Vec<Value> = actions.data(200)["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|action| action["operator_id"] == json!(operator.user_id))
        .map(|action| json!([action["action"], action["subject_id"], action["outcome"], action["reason"]]))
        .collect();
    let why = "Ticket 123: they asked";
    let expected = json!([
        ["find_accounts_of", null, "not_found", why],
        ["find_accounts_of", customer.user_id, "ok", why],
        ["find_account", Uuid::nil(), "not_found", why],
        ["find_account", customer.account_id, "ok", why],
    ]);
    assert_eq!(json!(mine), expected);
}

#[tokio::test]
async fn nobody_operates_with_a_key_without_a_reason_or_by_what_their_token_says() {
    let stack = Stack::load();
    let operator = User::new(&stack, 0).await;
    operator.appoint().await;
    for reason in [None, Some("too short"), Some(&*"x".repeat(501))] {
        let mut request = operator.request(Method::GET, "/operator/actions");
        if let Some(reason) = reason {
            request = request.header("x-operator-reason", reason);
        }
        Answer::read(request.send().await.unwrap()).await.refused(400, "invalid_reason");
    }
    let body = json!({ "name": "Mine", "scopes": ["export"] });
    let key = Answer::read(operator.request(Method::POST, "/api-keys").json(&body).send().await.unwrap()).await;
    let key = key.data(201)["secret"].as_str().unwrap().to_owned();
    let ask = async |token: &str| {
        let request = stack.http().get(format!("{}/operator/actions", stack.api_url)).bearer_auth(token);
        Answer::read(request.header("x-operator-reason", "Ticket 123: they asked").send().await.unwrap()).await
    };
    ask(&key).await.refused(403, "person_required");
    let stranger = User::new(&stack, 0).await;
    let roles = json!({ "role": "operator", "operator": true, "roles": ["operator"] });
    let claims = json!({
        "sub": stranger.user_id, "claims": { "app_metadata": roles, "user_metadata": roles },
    });
    ask(&stack.token(&claims).await).await.refused(403, "operator_required");
    let sql = "update operators set ended_at = clock_timestamp() where user_id = $1";
    stack.sql().await.execute(sql, &[&operator.user_id]).await.unwrap();
    ask(&operator.token).await.refused(403, "operator_required");
}

/// An operator of this stack.
async fn operator(stack: &Stack) -> User {
    let operator = User::new(stack, 0).await;
    operator.appoint().await;
    operator
}

#[tokio::test]
async fn an_operator_gives_and_takes_credits_once_for_each_key() {
    let stack = Stack::load();
    let (operator, ann) = (operator(&stack).await, User::new(&stack, 5).await);
    let path = format!("/operator/accounts/{}/credits", ann.account_id);
    let adjust = async |credits: i64, key: &str| {
        operator.operate(Method::POST, &path, Some(&json!({ "credits": credits, "key": key }))).await
    };
    for is_repeated in [false, true] {
        let given = adjust(20, "ticket-123").await;
        let expected =
            json!({ "account_id": ann.account_id, "credits": 20, "balance": 25, "is_repeated": is_repeated });
        assert_eq!(given.data(200), &expected);
    }
    adjust(19, "ticket-123").await.refused(409, "adjustment_key_reused");
    assert_eq!(adjust(-26, "ticket-124").await.refused(409, "balance_too_low")["balance"], 25);
    assert_eq!(adjust(-25, "ticket-124").await.data(200)["balance"], 0);
    for (credits, key) in [(0, "k"), (10_001, "k"), (1, ""), (1, "ann@example.com")] {
        adjust(credits, key).await.refused(422, "invalid_adjustment");
    }
    let nobody = format!("/operator/accounts/{}/credits", Uuid::nil());
    let body = json!({ "credits": 1, "key": "k" });
    operator.operate(Method::POST, &nobody, Some(&body)).await.refused(404, "account_not_found");
    ann.operate(Method::POST, &path, Some(&body)).await.refused(403, "operator_required");
    ann.settles_at(0).await;
}

#[tokio::test]
async fn a_run_that_nobody_started_is_woken_and_its_bad_result_is_given_back_once() {
    let stack = Stack::load();
    let (operator, ann) = (operator(&stack).await, User::new(&stack, 3).await);
    let run = ann.charged_but_not_started(&handle("coffee"), 0).await;
    let act = async |what: &str| operator.operate(Method::POST, &format!("/operator/runs/{run}/{what}"), None).await;
    act("refund").await.refused(409, "run_active");
    assert_eq!(act("wake").await.data(200)["status"], "pending");
    assert_eq!(ann.end_of(&run).await["status"], "complete");
    for what in ["wake", "fail"] {
        assert_eq!(act(what).await.refused(409, "run_ended")["status"], "complete");
    }
    for _ in 0..2 {
        let given_back = act("refund").await;
        let given_back = given_back.data(200);
        assert_eq!((&given_back["given_back"], &given_back["charge_outcome"]), (&json!(1), &json!("result")));
    }
    assert_eq!((ann.movements(&run, "adjustment").await, ann.movements(&run, "refund").await), (1, 0));
    ann.settles_at(3).await;
    let nobody = format!("/operator/runs/{}/wake", Uuid::nil());
    operator.operate(Method::POST, &nobody, None).await.refused(404, "run_not_found");
}

#[tokio::test]
async fn a_run_under_way_is_failed_with_a_refund_and_its_customer_hears_of_it() {
    let stack = Stack::load();
    let (operator, ann) = (operator(&stack).await, User::new(&stack, 3).await);
    let name = handle("coffee");
    // Its models keep it under way.
    let held = stack.hold("openai.chat", &name).await;
    let run = ann.start(&name).await;
    stack.until_received("openai.chat", &name).await;
    let failed = operator.operate(Method::POST, &format!("/operator/runs/{run}/fail"), None).await;
    assert_eq!(failed.data(200)["charge_outcome"], "refunded");
    let ended = ann.run(&run).await;
    assert_eq!((&ended["status"], &ended["error"]["code"]), (&json!("failed"), &json!("ended_by_operator")));
    assert_eq!(ann.get(&format!("/runs/{run}/progress")).await.data(200)["status"], "failed");
    let refund = operator.operate(Method::POST, &format!("/operator/runs/{run}/refund"), None).await;
    refund.refused(409, "run_refunded");
    stack.release(held).await;
    ann.settles_at(3).await;
}

#[tokio::test]
async fn an_event_is_dropped_and_put_back_and_tried_at_once() {
    let stack = Stack::load();
    let (operator, sql) = (operator(&stack).await, stack.sql().await);
    let id = format!("evt_{}", Uuid::new_v4().simple());
    let payload =
        json!({ "id": id, "object": "event", "type": "of.no.interest", "data": { "object": {} } }).to_string();
    let receive = "select system.receive_event($1, 'of.no.interest', null, $2, true)";
    sql.query_one(receive, &[&id, &payload]).await.unwrap();
    let act = async |what: &str| {
        let path = format!("/operator/webhook-events/{what}");
        operator.operate(Method::POST, &path, Some(&json!({ "event_id": id }))).await
    };
    assert_eq!(act("drop").await.data(200)["outcome"], "ignored");
    act("drop").await.refused(409, "event_done");
    assert_eq!(act("replay").await.data(202)["outcome"], "received");
    let tried = "select attempts from webhook_events where id = $1";
    eventually("the event to be tried", async || {
        (sql.query_one(tried, &[&id]).await.unwrap().get::<_, i32>(0) > 0).then_some(())
    })
    .await;
    let forget = "update webhook_events set outcome = 'ignored', processed_at = now(), payload = null where id = $1";
    sql.execute(forget, &[&id]).await.unwrap();
    act("replay").await.refused(410, "event_forgotten");
    sql.execute("delete from webhook_events where id = $1", &[&id]).await.unwrap();
    act("replay").await.refused(404, "event_not_found");
    let body = json!({ "event_id": "ann@example.com" });
    operator.operate(Method::POST, "/operator/webhook-events/drop", Some(&body)).await.refused(422, "invalid_event_id");
}

#[tokio::test]
async fn a_blocked_account_is_refused_without_the_database() {
    let stack = Stack::load();
    let (operator, ann) = (operator(&stack).await, User::new(&stack, 9).await);
    let account = format!("/operator/accounts/{}", ann.account_id);
    operator.operate(Method::POST, &format!("{account}/block"), None).await.data(200);
    ann.analyze(&handle("coffee")).await.refused(403, "account_blocked");
    // As far as the database knows, the account may buy: whoever refuses it now has not asked there.
    let unblock = "update accounts set blocked_at = null where id = $1";
    assert_eq!(stack.sql().await.execute(unblock, &[&ann.account_id]).await.unwrap(), 1);
    ann.analyze(&handle("coffee")).await.refused(403, "account_blocked");
    let line = format!("\"account_id\":\"{}\"", ann.account_id);
    eventually("a line for each", async || {
        let log = stack.worker_log();
        let told = log.lines().filter(|told| told.contains("refused from memory") && told.contains(&line));
        (told.count() == 2).then_some(())
    })
    .await;
    ann.get("/credits/balance").await.data(200);

    operator.operate(Method::POST, &format!("{account}/unblock"), None).await.data(200);
    assert_eq!(ann.analysed(&handle("coffee")).await["status"], "complete");
    ann.settles_at(8).await;
}

#[tokio::test]
async fn a_blocked_account_buys_nothing_and_keeps_what_it_has() {
    let stack = Stack::load();
    let (operator, ann) = (operator(&stack).await, User::new(&stack, 9).await);
    let run = ann.analysed(&handle("coffee")).await;
    let act = async |what: &str| {
        operator.operate(Method::POST, &format!("/operator/accounts/{}/{what}", ann.account_id), None).await
    };
    assert!(act("block").await.data(200)["blocked_at"].is_string());
    ann.analyze(&handle("coffee")).await.refused(403, "account_blocked");
    let list = json!({
        "usernames": [handle("coffee")], "analysis_type": "LIGHT", "business_profile_id": ann.business_profile_id,
    });
    let bulk = Answer::read(ann.request(Method::POST, "/v1/bulk-analyze").json(&list).send().await.unwrap()).await;
    bulk.refused(403, "account_blocked");
    for mut order in [json!({ "pack": "pack_20" }), json!({ "plan": "starter", "interval": "month" })] {
        order["success_url"] = json!("https://app.example.com/thanks");
        order["cancel_url"] = json!("https://app.example.com/credits");
        let request = ann.request(Method::POST, "/billing/checkout").json(&order);
        Answer::read(request.send().await.unwrap()).await.refused(403, "account_blocked");
    }
    // It reads, changes and takes along what it has, and sees why.
    assert!(ann.get("/account").await.data(200)["blocked_at"].is_string());
    assert!(ann.run(run["id"].as_str().unwrap()).await["result"].is_object());
    let export = ann.request(Method::GET, "/account/export").send().await.unwrap();
    assert_eq!(export.status(), 200);
    let body = json!({ "outcome": "won" });
    let mark = format!("/leads/{}/outcome", run["lead_id"].as_str().unwrap());
    Answer::read(ann.request(Method::POST, &mark).json(&body).send().await.unwrap()).await.data(200);
    ann.settles_at(8).await;

    assert!(act("unblock").await.data(200)["blocked_at"].is_null());
    assert_eq!(ann.analysed(&handle("coffee")).await["status"], "complete");
    ann.settles_at(7).await;
}
