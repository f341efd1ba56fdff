//! Sign-up: an account for every user, starting credits once and only when earned, and never in the way.

use std::time::Duration;

use oslira_testkit::{Error, TestDatabase, TestResult};
use tokio::time::timeout;
use tokio_postgres::Client;
use uuid::Uuid;

/// Connects as the auth server does on Supabase: a role that may write auth.users and nothing of ours.
pub async fn auth_server(database: &TestDatabase) -> Result<Client, Error> {
    let superuser = database.superuser().await?;
    superuser
        .batch_execute(&format!(
            "do $$ begin
               create role oslira_test_auth login password '{password}';
             exception when duplicate_object or unique_violation then null;
             end $$;
             grant usage on schema auth to oslira_test_auth;
             grant select, insert, update, delete on auth.users to oslira_test_auth;",
            password = database.password(),
        ))
        .await?;
    database.login("oslira_test_auth").await
}

async fn sign_up(auth: &Client, confirmed: bool, anonymous: bool) -> Result<Uuid, Error> {
    let user = Uuid::new_v4();
    let sql = "insert into auth.users (id, email, email_confirmed_at, is_anonymous)
               values ($1, gen_random_uuid() || '@example.test', case when $2 then now() end, $3)";
    auth.execute(sql, &[&user, &confirmed, &anonymous]).await?;
    Ok(user)
}

/// The balances of the accounts a user owns.
async fn balances(database: &TestDatabase, user: Uuid) -> Result<Vec<i64>, Error> {
    let sql = "select b.balance from account_members m join credit_balances b using (account_id)
               where m.user_id = $1 and m.role = 'owner'";
    let rows = database.superuser().await?.query(sql, &[&user]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

#[tokio::test]
async fn a_confirmed_user_gets_an_account_with_the_plans_credits() -> TestResult {
    let database = TestDatabase::create().await?;
    let auth = auth_server(&database).await?;
    let user = sign_up(&auth, true, false).await?;
    assert_eq!(balances(&database, user).await?, [10]);
    database.assert_ledger_is_whole().await
}

#[tokio::test]
async fn the_credits_come_with_the_confirmation_and_only_once() -> TestResult {
    let database = TestDatabase::create().await?;
    let auth = auth_server(&database).await?;
    let user = sign_up(&auth, false, false).await?;
    assert_eq!(balances(&database, user).await?, [0]);

    for change in [
        "email_confirmed_at = now()",
        "email_confirmed_at = null",
        "email_confirmed_at = now()",
        "last_sign_in_at = now()",
    ] {
        auth.execute(&format!("update auth.users set {change} where id = $1"), &[&user]).await?;
        assert_eq!(balances(&database, user).await?, [10], "{change}");
    }
    database.assert_ledger_is_whole().await
}

#[tokio::test]
async fn an_anonymous_user_earns_nothing_until_they_are_somebody() -> TestResult {
    let database = TestDatabase::create().await?;
    let auth = auth_server(&database).await?;
    let user = sign_up(&auth, true, true).await?;
    assert_eq!(balances(&database, user).await?, [0]);
    auth.execute("update auth.users set is_anonymous = false where id = $1", &[&user]).await?;
    assert_eq!(balances(&database, user).await?, [10]);
    database.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_plan_that_becomes_generous_later_does_not_pay_again() -> TestResult {
    let database = TestDatabase::create().await?;
    let auth = auth_server(&database).await?;
    let superuser = database.superuser().await?;
    superuser.execute("update plans set starting_credits = 0", &[]).await?;
    let user = sign_up(&auth, true, false).await?;
    superuser.execute("update plans set starting_credits = 50", &[]).await?;
    auth.execute("update auth.users set last_sign_in_at = now() where id = $1", &[&user]).await?;
    assert_eq!(balances(&database, user).await?, [0]);
    database.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_second_account_of_the_same_user_earns_nothing() -> TestResult {
    let database = TestDatabase::create().await?;
    let auth = auth_server(&database).await?;
    let superuser = database.superuser().await?;
    let user = sign_up(&auth, true, false).await?;
    superuser.execute("delete from account_members where user_id = $1", &[&user]).await?;
    auth.execute("update auth.users set last_sign_in_at = now() where id = $1", &[&user]).await?;
    assert_eq!(balances(&database, user).await?, [0]);
    database.assert_ledger_is_whole().await
}

#[tokio::test]
async fn whoever_comes_back_with_the_same_mailbox_gets_no_second_free_credits() -> TestResult {
    let database = TestDatabase::create().await?;
    let auth = auth_server(&database).await?;
    let sign_up = async |email: &str| -> Result<Uuid, Error> {
        let user = Uuid::new_v4();
        let sql = "insert into auth.users (id, email, email_confirmed_at) values ($1, $2, now())";
        auth.execute(sql, &[&user, &email]).await?;
        Ok(user)
    };
    let first = sign_up("ann.lee@gmail.com").await?;
    assert_eq!(balances(&database, first).await?, [10]);
    auth.execute("delete from auth.users where id = $1", &[&first]).await?;
    for spelling in ["ann.lee@gmail.com", "Ann.Lee@GMail.com", "annlee+again@googlemail.com"] {
        let again = sign_up(spelling).await?;
        assert_eq!(balances(&database, again).await?, [0], "{spelling}");
        auth.execute("delete from auth.users where id = $1", &[&again]).await?;
    }
    let other = sign_up("a.nnlee@example.test").await?;
    assert_eq!(balances(&database, other).await?, [10]);
    let hashes = "select count(*) from starting_credits where position('ann'::bytea in email_hash) = 0";
    assert_eq!(
        database.superuser().await?.query_one(hashes, &[]).await?.get::<_, i64>(0),
        2,
        "hashes, and no addresses"
    );
    database.assert_ledger_is_whole().await
}

#[tokio::test]
async fn whatever_is_broken_the_sign_up_goes_through_and_the_next_sign_in_repairs_it() -> TestResult {
    let breakages = [
        ("delete from plans", "insert into plans (id, name, starting_credits) values ('free', 'Free', 10)"),
        (
            "alter table accounts add constraint broken check (name = '') not valid",
            "alter table accounts drop constraint broken",
        ),
        ("alter table credit_transactions rename to gone", "alter table gone rename to credit_transactions"),
        (
            "alter function private.provision_user(uuid, text, boolean) rename to gone",
            "alter function private.gone(uuid, text, boolean) rename to provision_user",
        ),
    ];
    for (breaking, repairing) in breakages {
        let database = TestDatabase::create().await?;
        let auth = auth_server(&database).await?;
        let superuser = database.superuser().await?;
        superuser.batch_execute(breaking).await?;

        let user = sign_up(&auth, true, false).await?;
        assert_eq!(balances(&database, user).await?, [0_i64; 0], "{breaking}");

        superuser.batch_execute(repairing).await?;
        auth.execute("update auth.users set last_sign_in_at = now() where id = $1", &[&user]).await?;
        assert_eq!(balances(&database, user).await?, [10], "{repairing}");
        database.assert_ledger_is_whole().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_locked_table_does_not_hold_up_a_sign_up_for_long() -> TestResult {
    let database = TestDatabase::create().await?;
    let auth = auth_server(&database).await?;
    let superuser = database.superuser().await?;
    superuser.batch_execute("begin; lock table accounts in access exclusive mode").await?;
    let user = timeout(Duration::from_secs(10), sign_up(&auth, true, false))
        .await
        .map_err(|_| Error::Unexpected("the sign-up waited for the lock".to_owned()))??;
    superuser.batch_execute("rollback").await?;
    assert_eq!(balances(&database, user).await?, [0_i64; 0]);
    Ok(())
}

#[tokio::test]
async fn a_minted_local_user_has_exactly_the_credits_asked_for_once() -> TestResult {
    let database = TestDatabase::create().await?;
    for (name, credits) in [("none", 0), ("few", 3), ("starting", 10), ("Many Credits", 500)] {
        let member = database.member(name, credits).await?;
        assert_eq!(balances(&database, member.user_id).await?, [i64::from(credits)]);
        let again = database.member(name, 9_999).await?;
        assert_eq!((again.account_id, again.business_profile_id), (member.account_id, member.business_profile_id));
        assert_eq!(balances(&database, member.user_id).await?, [i64::from(credits)]);
    }
    database.assert_ledger_is_whole().await
}
