//! What `session.run_as` promises on a connection that many calls share: each acts as whom it names, and leaves nothing.

use oslira_postgres::RUN_AS;
use oslira_testkit::{TestDatabase, TestResult};
use serde_json::json;
use tokio_postgres::Client;
use uuid::Uuid;

/// What the session is outside of any call.
const LEFT: &str =
    "select concat_ws('|', current_user, session_user, coalesce(current_setting('request.jwt.claims', true), ''),
    current_setting('application_name'))";

async fn call(client: &Client, role: &str, user: Uuid, sql: &str, params: &[Option<&str>]) -> Result<String, String> {
    let claims = json!({ "sub": user, "role": role }).to_string();
    let answer = client.query_one(RUN_AS, &[&role, &claims, &sql, &params]).await;
    answer
        .map(|row| row.get(0))
        .map_err(|error| error.code().map_or_else(|| error.to_string(), |code| code.code().to_owned()))
}

#[tokio::test]
async fn a_call_acts_as_whom_it_names_and_leaves_nothing_whether_it_succeeds_or_not() -> TestResult {
    let database = TestDatabase::create().await?;
    let (ann, bob) = (database.member("ann", 7).await?, database.member("bob", 9).await?);
    let client = database.login("oslira_tenant").await?;
    let before: String = client.query_one(LEFT, &[]).await?.get(0);
    assert!(before.starts_with("oslira_tenant|oslira_tenant||"), "{before}");
    let balance = "select to_jsonb(b.balance) from public.credit_balances b order by 1";
    for _ in 0..2 {
        for (user, seen) in [(ann.user_id, "[7]"), (bob.user_id, "[9]"), (Uuid::nil(), "[]")] {
            assert_eq!(call(&client, "authenticated", user, balance, &[]).await.as_deref(), Ok(seen));
        }
        let name = "select to_jsonb(current_setting('application_name'))";
        assert_eq!(call(&client, "authenticated", ann.user_id, name, &[]).await, Ok(format!("[\"{name}\"]")));
        let fails = "select to_jsonb(1 / (select 0))";
        assert_eq!(call(&client, "authenticated", ann.user_id, fails, &[]).await, Err("22012".to_owned()));
        assert_eq!(client.query_one(LEFT, &[]).await?.get::<_, String>(0), before);
    }
    Ok(())
}

#[tokio::test]
async fn a_login_becomes_its_own_role_only_and_runs_one_statement_only() -> TestResult {
    let database = TestDatabase::create().await?;
    let member = database.member("ann", 7).await?;
    let (tenant, admin) = (database.login("oslira_tenant").await?, database.login("oslira_admin").await?);
    for (client, other) in [
        (&tenant, "service_role"),
        (&tenant, "postgres"),
        (&admin, "authenticated"),
        (&admin, "operator"),
        (&tenant, "operator"),
    ] {
        let refused = call(client, other, member.user_id, "select to_jsonb(1)", &[]).await;
        assert_eq!(refused, Err("42501".to_owned()), "{other}");
    }
    let escapes = "select to_jsonb(set_config('role', 'oslira_tenant', true)); select to_jsonb(current_user)";
    assert_eq!(call(&tenant, "authenticated", member.user_id, escapes, &[]).await, Err("42P11".to_owned()));
    for writes in ["commit", "update public.credit_balances set balance = 1000 returning to_jsonb(1)"] {
        let refused = call(&tenant, "authenticated", member.user_id, writes, &[]).await;
        assert!(["0A000", "42501", "42P11"].contains(&refused.unwrap_err().as_str()), "{writes}");
    }
    Ok(())
}

#[tokio::test]
async fn parameters_are_texts_or_null_and_rows_are_one_text() -> TestResult {
    let database = TestDatabase::create().await?;
    let client = database.login("oslira_tenant").await?;
    let nobody = Uuid::nil();
    let ten: Vec<Option<&str>> =
        vec![Some("1"), None, Some("{\"a\"}"), Some("'"), Some("\\"), Some(""), None, None, None, Some("ü")];
    let shown = "select to_jsonb(array[$1, $2, $3, $4, $5, $6, $10])";
    let answer = call(&client, "authenticated", nobody, shown, &ten).await;
    assert_eq!(answer.as_deref(), Ok(r#"[["1", null, "{\"a\"}", "'", "\\", "", "ü"]]"#));
    let rows = "select case when n <> 2 then to_jsonb(n) end from generate_series(1, 3) n";
    assert_eq!(call(&client, "authenticated", nobody, rows, &[]).await.as_deref(), Ok("[1,null,3]"));
    let fourteenth = call(&client, "authenticated", nobody, "select to_jsonb($14::text)", &ten).await;
    assert_eq!(fourteenth, Err("42P02".to_owned()));
    Ok(())
}
