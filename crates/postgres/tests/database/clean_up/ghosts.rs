//! What the deletion of a user could not end is ended by the next job.

use oslira_app::features::retention::Remains;
use oslira_testkit::{Error, TestResult};
use uuid::Uuid;

use super::{ALL, batches, removed};
use crate::members::colleague;
use crate::support::{Stage, begin};

/// Deletes a user while the triggers that end what they leave behind fail, so long ago that a job looks at it.
async fn half_deleted(stage: &Stage, user: Uuid, is_soft: bool) -> Result<(), Error> {
    let broken = "alter table auth.users disable trigger oslira_leave;
                  alter table account_members disable trigger close_left_accounts";
    let mended = "alter table auth.users enable trigger oslira_leave;
                  alter table account_members enable trigger close_left_accounts";
    let soft = "update auth.users set deleted_at = now() - interval '2 hours' where id = $1";
    stage.superuser.batch_execute(broken).await?;
    stage.execute(if is_soft { soft } else { "delete from auth.users where id = $1" }, &[&user]).await?;
    stage.superuser.batch_execute(mended).await?;
    stage.execute("update accounts set created_at = now() - interval '2 hours'", &[]).await.map(drop)
}

async fn owner(stage: &Stage) -> Result<Option<Uuid>, Error> {
    let sql = "select user_id from account_members where account_id = $1 and role = 'owner'";
    Ok(stage.superuser.query_opt(sql, &[&stage.member.account_id]).await?.map(|row| row.get(0)))
}

#[tokio::test]
async fn a_deleted_user_who_is_still_a_member_is_none_after_the_next_job() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let (amy, _) = colleague(&stage, "amy", "admin").await?;
    half_deleted(&stage, stage.member.user_id, true).await?;
    assert_eq!(owner(&stage).await?, Some(stage.member.user_id));
    assert_eq!(removed(&stage, Remains::Ghosts, ALL).await, 1);
    assert_eq!(owner(&stage).await?, Some(amy));
    assert_eq!(begin(&stage.customer, &stage.request("nasa")).await?["outcome"], "forbidden");
    assert_eq!(removed(&stage, Remains::Ghosts, ALL).await, 0);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn an_account_that_only_ghosts_and_keys_belong_to_is_closed() -> TestResult {
    for is_soft in [true, false] {
        let stage = Stage::with_credits(5).await?;
        let program = "insert into account_members (user_id, account_id, role, scopes)
                       values (gen_random_uuid(), $1, 'key', '{read}')";
        stage.execute(program, &[&stage.member.account_id]).await?;
        half_deleted(&stage, stage.member.user_id, is_soft).await?;
        assert_eq!(stage.count("accounts where deleted_at is null").await?, 1);
        assert_eq!(removed(&stage, Remains::Ghosts, ALL).await, 1);
        assert_eq!(stage.count("accounts where deleted_at is null").await?, 0);
        assert_eq!(removed(&stage, Remains::Ghosts, ALL).await, 0);
        stage.assert_ledger_is_whole().await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_account_that_a_deletion_left_without_an_owner_gets_one() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let (bob, _) = colleague(&stage, "bob", "member").await?;
    half_deleted(&stage, stage.member.user_id, false).await?;
    assert_eq!(owner(&stage).await?, None);
    assert_eq!(removed(&stage, Remains::Ghosts, ALL).await, 1);
    assert_eq!(owner(&stage).await?, Some(bob));
    assert_eq!(stage.count("accounts where deleted_at is not null").await?, 0);
    Ok(())
}

#[tokio::test]
async fn ghosts_go_a_batch_at_a_time_and_the_living_and_the_young_stay() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    for name in ["amy", "bob", "cleo"] {
        let (user, _) = colleague(&stage, name, "member").await?;
        half_deleted(&stage, user, true).await?;
    }
    // Each is a member here and of an account of their own, which closes with them.
    assert_eq!(batches(&stage, Remains::Ghosts, 4).await, [4, 2]);
    assert_eq!(owner(&stage).await?, Some(stage.member.user_id));
    assert_eq!(stage.count("accounts where deleted_at is null").await?, 1);
    // A deletion that is going on ends what it can by itself.
    let (dan, _) = colleague(&stage, "dan", "member").await?;
    half_deleted(&stage, dan, true).await?;
    stage.execute("update auth.users set deleted_at = now() where id = $1", &[&dan]).await?;
    assert_eq!(removed(&stage, Remains::Ghosts, ALL).await, 0);
    Ok(())
}
