//! The three logins: each may become one role, and nothing else.

use oslira_testkit::{Error, TestDatabase, TestResult};
use tokio_postgres::Client;

async fn refusal(client: &Client, sql: &str) -> Option<String> {
    let refused = client.batch_execute(sql).await.err()?;
    Some(refused.code().map_or_else(|| refused.to_string(), |code| code.code().to_owned()))
}

async fn assert_cannot_become(client: &Client, roles: &[String]) -> Result<(), Error> {
    for role in roles {
        assert_eq!(refusal(client, &format!("set role \"{role}\"")).await.as_deref(), Some("42501"), "{role}");
        let authorization = refusal(client, &format!("set session authorization \"{role}\"")).await;
        assert_eq!(authorization.as_deref(), Some("42501"), "{role}");
    }
    Ok(())
}

#[tokio::test]
async fn each_login_becomes_exactly_its_one_role() -> TestResult {
    let database = TestDatabase::create().await?;
    let superuser = database.superuser().await?;
    for (login, own) in
        [("oslira_tenant", "authenticated"), ("oslira_admin", "service_role"), ("oslira_operator", "operator")]
    {
        let others = "select rolname::text from pg_roles where rolname not in ($1, $2)";
        let others = superuser.query(others, &[&login, &own]).await?;
        let others: Vec<String> = others.iter().map(|row| row.get(0)).collect();
        assert!(others.iter().any(|role| role == "pg_read_all_data"), "{others:?}");

        let client = database.login(login).await?;
        assert_cannot_become(&client, &others).await?;
        // Having become its role, it can become no other from there.
        client.batch_execute(&format!("set role {own}")).await?;
        assert_cannot_become(&client, &others).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_login_by_itself_can_do_nothing() -> TestResult {
    let database = TestDatabase::create().await?;
    let superuser = database.superuser().await?;
    for login in ["oslira_tenant", "oslira_admin", "oslira_operator"] {
        let client = database.login(login).await?;
        for table in crate::catalog::tables(&superuser).await? {
            let refused = refusal(&client, &format!("select from public.{table}")).await;
            assert_eq!(refused.as_deref(), Some("42501"), "{login} {table}");
        }
        for statement in ["create table public.mine (id int)", "create schema mine", "select from auth.users"] {
            assert_eq!(refusal(&client, statement).await.as_deref(), Some("42501"), "{login}: {statement}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_logins_have_no_powers_and_inherit_nothing() -> TestResult {
    let database = TestDatabase::create().await?;
    let sql = "select rolname || ' ' || concat_ws(' ',
                 case when rolcanlogin then 'login' end, case when rolinherit then 'inherits' end,
                 case when rolsuper then 'superuser' end, case when rolbypassrls then 'bypassrls' end,
                 case when rolcreaterole then 'createrole' end, case when rolcreatedb then 'createdb' end,
                 case when rolreplication then 'replication' end,
                 (select string_agg(m.roleid::regrole || case when m.admin_option then ' with admin' else '' end, ' ')
                    from pg_auth_members m where m.member = r.oid))
               from pg_roles r where rolname like 'oslira\\_%' and rolname not like 'oslira\\_test%' order by 1";
    let logins: Vec<String> = database.superuser().await?.query(sql, &[]).await?.iter().map(|row| row.get(0)).collect();
    assert_eq!(
        logins,
        ["oslira_admin login service_role", "oslira_operator login operator", "oslira_tenant login authenticated"]
    );
    Ok(())
}

#[tokio::test]
async fn a_login_that_hangs_is_ended_by_the_server_and_none_compiles_statements() -> TestResult {
    let database = TestDatabase::create().await?;
    for login in ["oslira_tenant", "oslira_admin", "oslira_operator"] {
        let client = database.login(login).await?;
        for (setting, value) in
            [("statement_timeout", "15s"), ("idle_in_transaction_session_timeout", "15s"), ("jit", "off")]
        {
            let row = client.query_one(&format!("show {setting}"), &[]).await?;
            assert_eq!(row.get::<_, String>(0), value, "{login} {setting}");
        }
    }
    Ok(())
}
