//! A user is deleted: never kept from it, a member nowhere afterwards. An account whose last member has left is deleted
//! in the way accounts are, and what it bought stays in the ledger.

use std::time::Duration;

use futures_util::future::join;
use oslira_testkit::{Error, TestResult};
use serde_json::json;
use tokio::time::timeout;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::sign_up::auth_server;
use crate::support::{Request, Stage, advance, begin, begun, cancel, complete, sweep};

const DELETE: &str = "delete from auth.users where id = $1";

async fn deleted(client: &Client, user: Uuid) -> Result<(), Error> {
    let deleting = timeout(Duration::from_secs(10), client.execute(DELETE, &[&user])).await;
    let rows = deleting.map_err(|_| Error::Unexpected("the deletion waits".to_owned()))??;
    assert_eq!(rows, 1);
    Ok(())
}

/// Adds another user to the account of the stage's member.
async fn colleague(stage: &Stage, name: &str) -> Result<Uuid, Error> {
    let user = stage.database.member(name, 0).await?.user_id;
    let join = "insert into account_members (user_id, account_id) values ($1, $2)";
    stage.execute(join, &[&user, &stage.member.account_id]).await?;
    Ok(user)
}

async fn is_live(stage: &Stage) -> Result<bool, Error> {
    let sql = "select deleted_at is null from accounts where id = $1";
    Ok(stage.superuser.query_one(sql, &[&stage.member.account_id]).await?.get(0))
}

#[tokio::test]
async fn the_last_member_takes_the_account_along_and_its_runs_end_by_themselves() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    let auth = auth_server(&stage.database).await?;
    let done = stage.begun_and("done", "saving").await?;
    let lead: Uuid = complete(&stage.backend, done).await?["lead_id"].as_str().unwrap().parse().unwrap();
    let mark = "select api.mark_lead_outcome($1, $2, 'won')";
    stage.customer.call(mark, &[&stage.member.account_id, &lead]).await?;
    let (going, pending) = (stage.begun_and("going", "saving").await?, stage.begun("pending").await?);
    let entries = stage.count("credit_transactions").await?;

    deleted(&auth, stage.member.user_id).await?;

    assert!(!is_live(&stage).await?);
    assert_eq!(stage.count("account_members").await?, 0);
    assert_eq!((stage.count("credit_transactions").await?, stage.count("leads").await?), (entries, 1));
    // The token still says who they are, until it expires.
    assert_eq!(begin(&stage.customer, &stage.request("nasa")).await?, json!({ "outcome": "forbidden" }));
    assert_eq!(cancel(&stage.customer, pending).await?, json!({ "outcome": "not_found" }));
    for table in [
        "accounts",
        "account_members",
        "leads",
        "lead_outcomes",
        "runs",
        "analyses",
        "credit_balances",
        "credit_transactions",
    ] {
        assert_eq!(stage.customer.rows(&format!("select from {table}"), &[]).await?.len(), 0, "{table}");
    }
    assert_eq!(complete(&stage.backend, going).await?["outcome"], "completed");
    stage.execute("update runs set created_at = created_at - interval '6 minutes'", &[]).await?;
    assert_eq!(sweep(&stage.backend, 10).await?[0]["run_id"], json!(pending));
    assert_eq!(stage.balance().await?, 48);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn an_account_with_another_member_goes_on() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let auth = auth_server(&stage.database).await?;
    let (bob, run) = (colleague(&stage, "bob").await?, stage.begun("nasa").await?);
    let bobs_session = stage.database.customer(bob).await?;

    deleted(&auth, stage.member.user_id).await?;
    assert!(is_live(&stage).await?);
    assert_eq!(cancel(&bobs_session, run).await?["outcome"], "cancelled", "whoever began it");
    begun(&bobs_session, &Request::new(&stage.member, "esa")).await?;
    // Their own account and this one.
    assert_eq!(bobs_session.rows("select from accounts", &[]).await?.len(), 2);

    deleted(&auth, bob).await?;
    assert_eq!(stage.count("accounts where deleted_at is null").await?, 0);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn of_two_last_members_who_leave_at_once_one_is_the_last() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let (first, second) = (auth_server(&stage.database).await?, auth_server(&stage.database).await?);
    let bob = colleague(&stage, "bob").await?;
    first.batch_execute("begin").await?;
    deleted(&first, stage.member.user_id).await?;
    let committing = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        Ok::<_, Error>(first.batch_execute("commit").await?)
    };
    let (committed, left) = join(committing, deleted(&second, bob)).await;
    committed?;
    left?;
    assert_eq!(stage.count("accounts where deleted_at is null").await?, 0);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn everybody_of_several_accounts_can_be_deleted_in_one_statement() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    colleague(&stage, "bob").await?;
    colleague(&stage, "cleo").await?;
    assert_eq!(stage.execute("delete from auth.users", &[]).await?, 3);
    assert_eq!(stage.count("accounts where deleted_at is null").await?, 0);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_user_whose_row_supabase_keeps_has_left_too() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let auth = auth_server(&stage.database).await?;
    let soft = "update auth.users set deleted_at = now(), email = null where id = $1";
    auth.execute(soft, &[&stage.member.user_id]).await?;
    assert!(!is_live(&stage).await?);
    assert_eq!(stage.count("account_members").await?, 0);
    // Whatever still touches the row makes no new account.
    auth.execute("update auth.users set last_sign_in_at = now() where id = $1", &[&stage.member.user_id]).await?;
    assert_eq!(stage.count("account_members").await?, 0);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn nothing_that_we_hold_or_break_keeps_a_user_from_being_deleted() -> TestResult {
    let held = [
        "select from accounts for update",
        "select from credit_balances for update",
        "select from runs for update",
        "alter table accounts add constraint broken check (deleted_at is null) not valid",
        "alter table accounts rename to gone",
    ];
    for held in held {
        let stage = Stage::with_credits(5).await?;
        let auth = auth_server(&stage.database).await?;
        stage.begun("nasa").await?;
        let is_lock = held.starts_with("select");
        stage.superuser.batch_execute(if is_lock { "begin" } else { "select" }).await?;
        stage.superuser.batch_execute(held).await?;
        deleted(&auth, stage.member.user_id).await?;
        stage.superuser.batch_execute(if is_lock { "rollback" } else { "select" }).await?;
        assert_eq!(stage.count("account_members").await?, 0, "{held}");
    }
    Ok(())
}

#[tokio::test]
async fn who_began_a_run_is_no_reason_to_keep_them() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let auth = auth_server(&stage.database).await?;
    let bob = colleague(&stage, "bob").await?;
    let run = begun(&stage.database.customer(bob).await?, &stage.request("nasa")).await?;
    advance(&stage.backend, run, "saving").await?;
    deleted(&auth, bob).await?;
    assert_eq!(complete(&stage.backend, run).await?["outcome"], "completed");
    stage.assert_ledger_is_whole().await
}
