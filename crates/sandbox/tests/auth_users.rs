//! Users in the product's own database: its triggers see them sign up, confirm their address and sign in.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::{Stand, visitor::Visitor};
use oslira_testkit::{TestDatabase, database::CLUSTER_VARIABLE};
use serde_json::{Value, json};
use tokio_postgres::Client;

/// A sandbox whose users are in a database of the test's own, and the superuser's connection to that.
async fn stand() -> (Stand, TestDatabase, Client) {
    let database = TestDatabase::create().await.unwrap();
    let client = database.superuser().await.unwrap();
    let cluster = std::env::var(CLUSTER_VARIABLE).unwrap();
    let mut url: url::Url = cluster.parse().unwrap();
    url.set_path(database.name());
    let stand = Stand::start_with_users_in(&Stand::fresh_state_dir(), 0.0, Some(url.as_str())).await;
    (stand, database, client)
}

/// What the database knows of the user: their row, and the balance of the account that the sign-up made.
async fn known(client: &Client, email: &str) -> Value {
    let sql = "select jsonb_build_object(
                 'id', u.id, 'aud', u.aud, 'role', u.role, 'is_confirmed', u.email_confirmed_at is not null,
                 'has_signed_in', u.last_sign_in_at is not null, 'data', u.raw_user_meta_data,
                 'provider', u.raw_app_meta_data ->> 'provider', 'balance', b.balance)
                 from auth.users u
                 join public.account_members m on m.user_id = u.id
                 join public.credit_balances b on b.account_id = m.account_id
                where u.email = $1";
    client.query_one(sql, &[&email]).await.unwrap().get(0)
}

#[tokio::test]
async fn whoever_signs_up_gets_an_account_and_whoever_confirms_gets_credits() {
    let (stand, _database, client) = stand().await;
    let visitor = Visitor { stand: &stand, email: "ann@example.com" };
    let (status, user) = visitor.sign_up().await;
    assert_eq!(status, 200, "{user}");
    let new = known(&client, visitor.email).await;
    assert_eq!(
        (&new["id"], &new["aud"], &new["role"]),
        (&user["id"], &json!("authenticated"), &json!("authenticated"))
    );
    assert_eq!(
        (&new["is_confirmed"], &new["has_signed_in"], &new["balance"]),
        (&json!(false), &json!(false), &json!(0))
    );
    assert_eq!((&new["provider"], &new["data"]["email_verified"]), (&json!("email"), &json!(false)));
    assert_eq!(visitor.sign_in().await.1["error_code"], "email_not_confirmed");
    assert!(visitor.follow_link().await.contains("#access_token="));
    let confirmed = known(&client, visitor.email).await;
    assert_eq!((&confirmed["is_confirmed"], &confirmed["has_signed_in"]), (&json!(true), &json!(true)));
    assert!(confirmed["balance"].as_i64().unwrap() > 0, "{confirmed}");
    assert_eq!(confirmed["data"]["email_verified"], true);
    let (status, session) = visitor.sign_in().await;
    assert_eq!((status, &session["user"]["id"]), (200, &user["id"]));
    assert_eq!(known(&client, visitor.email).await["balance"], confirmed["balance"]);
}

#[tokio::test]
async fn who_is_in_the_table_already_can_set_a_password_and_who_has_left_cannot_come_in() {
    let (stand, _database, client) = stand().await;
    let visitor = Visitor { stand: &stand, email: "bo@example.com" };
    let minted = "insert into auth.users (id, aud, role, email, email_confirmed_at)
                  values (gen_random_uuid(), 'authenticated', 'authenticated', $1, now())";
    client.execute(minted, &[&visitor.email]).await.unwrap();
    assert_eq!(visitor.sign_up().await.1["identities"], json!([]));
    assert_eq!(visitor.sign_in().await.1["error_code"], "invalid_credentials");
    visitor.post("/recover", json!({"email": visitor.email})).await;
    let landed: url::Url = visitor.follow_link().await.parse().unwrap();
    let mut fields = url::form_urlencoded::parse(landed.fragment().unwrap().as_bytes());
    let token = fields.find(|(name, _)| name == "access_token").unwrap().1.into_owned();
    let change = stand.client.put(format!("{}/supabase/auth/v1/user", stand.base)).bearer_auth(token);
    let body = json!({"password": "correct horse", "data": {"theme": "dark"}});
    let changed = change.header("apikey", "sb_publishable_sandbox").json(&body).send().await.unwrap();
    assert_eq!(changed.status(), 200);
    assert_eq!(known(&client, visitor.email).await["data"]["theme"], "dark");
    assert_eq!(visitor.sign_in().await.0, 200);
    client.execute("update auth.users set deleted_at = now() where email = $1", &[&visitor.email]).await.unwrap();
    assert_eq!(visitor.sign_in().await.1["error_code"], "invalid_credentials");
}

#[tokio::test]
async fn of_many_who_sign_up_with_one_address_at_once_one_user_comes() {
    let (stand, _database, client) = stand().await;
    let visitor = Visitor { stand: &stand, email: "cy@example.com" };
    let answers = futures_util::future::join_all((0..8).map(|_| visitor.sign_up())).await;
    let id = answers[0].1["id"].clone();
    assert!(id.is_string() && answers.iter().all(|(status, user)| *status == 200 && user["id"] == id), "{answers:?}");
    assert_eq!(known(&client, visitor.email).await["id"], id);
}
