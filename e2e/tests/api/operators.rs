//! Operators: who may look up whose account, and that each look is written down.

use oslira_e2e::{Answer, Stack, User};
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
