//! Keys of programs: what they may do, whom they are, and how they end.

use futures_util::future::join;
use oslira_app::features::auth::{ApiKeys as _, KeySecret, Permission, Role};
use oslira_testkit::{Error, Session, TestResult};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    members::colleague,
    support::{Stage, begin, begun, fail, sqlstate},
};

struct Key {
    id: Uuid,
    secret: KeySecret,
    session: Session,
}

fn secret(of: &str) -> KeySecret {
    KeySecret::new(&of.repeat(64))
}

async fn create(by: &Session, stage: &Stage, scopes: &[&str], of: &str) -> Result<(Uuid, Value), Error> {
    let sql = "select api.create_key($1, $2, 'Import', $3, null, null, null, $4, $5)";
    let (id, secret, scopes) = (Uuid::now_v7(), secret(of), scopes.to_vec());
    let (shown, hash) = (secret.shown(), secret.hash());
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
        [&stage.member.account_id, &id, &scopes, &shown, &hash.as_str()];
    Ok((id, by.call(sql, &parameters).await?))
}

/// A key of the stage's owner; its session is what a request with it is to the database.
async fn key(stage: &Stage, scopes: &[&str], of: &str) -> Result<Key, Error> {
    let (id, answer) = create(&stage.customer, stage, scopes, of).await?;
    assert_eq!(answer["outcome"], "ok", "{answer}");
    Ok(Key { id, secret: secret(of), session: stage.database.customer(id).await? })
}

async fn is_good(stage: &Stage, secret: &KeySecret) -> Result<bool, Error> {
    Ok(stage.tenant().resolve(&secret.hash()).await.unwrap().is_some())
}

async fn revoke(stage: &Stage, id: Uuid) -> Result<Value, Error> {
    stage.customer.call("select api.revoke_key($1, $2)", &[&stage.member.account_id, &id]).await
}

#[tokio::test]
async fn a_key_is_known_by_its_secret_and_does_what_its_scopes_say() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    let reader = key(&stage, &["read"], "a").await?;
    let program = key(&stage, &["read", "analyse"], "b").await?;
    let access = stage.tenant().resolve(&program.secret.hash()).await.unwrap().unwrap();
    assert_eq!((access.key_id.uuid(), access.membership.account_id.uuid()), (program.id, stage.member.account_id));
    assert_eq!(
        (access.membership.role, access.membership.permissions),
        (Role::Key, vec![Permission::Read, Permission::Analyse])
    );
    assert!(!is_good(&stage, &secret("c")).await?);

    let run = begun(&program.session, &stage.request("nasa")).await?;
    let by = "select created_by from runs where id = $1";
    assert_eq!(stage.superuser.query_one(by, &[&run]).await?.get::<_, Uuid>(0), program.id);
    assert_eq!(sqlstate(begin(&reader.session, &stage.request("esa")).await), "OS001");
    assert_eq!(reader.session.call("select count(*)::text::jsonb from runs", &[]).await?, json!(1));
    for sql in ["select api.list_keys($1)", "select api.list_invitations($1)", "select api.set_daily_cap($1, 1)"] {
        assert_eq!(sqlstate(program.session.call(sql, &[&stage.member.account_id]).await), "OS001", "{sql}");
    }
    // A key leaves nobody's account, and is nobody's colleague.
    let remove = "select api.remove_member($1, $2)";
    assert_eq!(stage.customer.call(remove, &[&stage.member.account_id, &program.id]).await?["outcome"], "not_found");
    let members = stage.customer.call("select api.list_members($1)", &[&stage.member.account_id]).await?;
    assert_eq!(members.as_array().unwrap().len(), 1);
    fail(&stage.backend, run).await?;
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn nobody_gives_a_key_more_than_they_have() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let (_, admin) = colleague(&stage, "amy", "admin").await?;
    let (_, member) = colleague(&stage, "bob", "member").await?;
    assert_eq!(create(&admin, &stage, &["read", "export"], "a").await?.1["outcome"], "ok");
    assert_eq!(sqlstate(create(&member, &stage, &["read"], "b").await), "OS001");
    // What no key may have is refused whoever asks.
    assert_eq!(sqlstate(create(&stage.customer, &stage, &["read", "manage_keys"], "c").await), "23514");
    let listed = admin.call("select api.list_keys($1)", &[&stage.member.account_id]).await?;
    assert_eq!(listed["keys"].as_array().unwrap().len(), 1);
    assert!(!listed.to_string().contains(secret("a").hash().as_str()));
    Ok(())
}

#[tokio::test]
async fn a_revoked_key_ends_at_once_even_in_the_middle_of_its_work() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    let program = key(&stage, &["read", "analyse"], "a").await?;
    let run = begun(&program.session, &stage.request("nasa")).await?;
    for _ in 0..2 {
        assert_eq!(revoke(&stage, program.id).await?["key"]["state"], "revoked");
    }
    assert!(!is_good(&stage, &program.secret).await?);
    assert_eq!(begin(&program.session, &stage.request("esa")).await?["outcome"], "forbidden");
    assert_eq!(program.session.call("select count(*)::text::jsonb from runs", &[]).await?, json!(0));
    // What it has begun goes on.
    crate::support::advance(&stage.backend, run, "saving").await?;
    assert_eq!(crate::support::complete(&stage.backend, run).await?["outcome"], "completed");

    // Revoked while it buys: it has bought, or it has not.
    for round in 0..8 {
        let program = key(&stage, &["read", "analyse"], ["1", "2", "3", "4", "5", "6", "7", "8"][round]).await?;
        let request = stage.request(&format!("round_{round}"));
        let (bought, _) = join(begin(&program.session, &request), revoke(&stage, program.id)).await;
        // A program that was refused in the middle was still known before it.
        match bought {
            Ok(answer) => assert!(["ok", "forbidden"].contains(&answer["outcome"].as_str().unwrap()), "{answer}"),
            refused => assert_eq!(sqlstate(refused), "OS001"),
        }
        assert_eq!(begin(&program.session, &stage.request("late")).await?["outcome"], "forbidden");
    }
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_key_whose_time_is_over_may_do_nothing() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    let program = key(&stage, &["read", "analyse"], "a").await?;
    stage
        .execute("update account_members set expires_at = clock_timestamp() where user_id = $1", &[&program.id])
        .await?;
    assert!(!is_good(&stage, &program.secret).await?);
    assert_eq!(begin(&program.session, &stage.request("nasa")).await?["outcome"], "forbidden");
    assert_eq!(program.session.call("select count(*)::text::jsonb from accounts", &[]).await?, json!(0));
    Ok(())
}

#[tokio::test]
async fn a_rotated_secret_is_good_for_the_overlap_and_no_longer() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let program = key(&stage, &["read"], "a").await?;
    let rotate = async |of: &str, overlap_s: i32| rotated(&stage.customer, &stage, program.id, of, overlap_s).await;
    rotate("b", 3_600).await?;
    assert!(is_good(&stage, &secret("a")).await? && is_good(&stage, &secret("b")).await?);
    stage.execute("update api_keys set earlier_ends_at = clock_timestamp()", &[]).await?;
    assert!(!is_good(&stage, &secret("a")).await? && is_good(&stage, &secret("b")).await?);
    rotate("c", 0).await?;
    assert!(!is_good(&stage, &secret("b")).await? && is_good(&stage, &secret("c")).await?);
    revoke(&stage, program.id).await?;
    assert_eq!(rotate("d", 0).await?["outcome"], "not_found");
    Ok(())
}

#[tokio::test]
async fn a_rotation_that_is_repeated_keeps_the_secret_that_is_in_use() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let program = key(&stage, &["read"], "a").await?;
    let rotate = async |of: &str| rotated(&stage.customer, &stage, program.id, of, 3_600).await;
    assert!(is_good(&stage, &secret("a")).await?);
    rotate("b").await?;
    // Nobody got that answer.
    rotate("c").await?;
    assert!(is_good(&stage, &secret("a")).await? && !is_good(&stage, &secret("b")).await?);
    assert!(is_good(&stage, &secret("c")).await?);
    // It is in use now, so it is the one that is kept.
    rotate("d").await?;
    assert!(!is_good(&stage, &secret("a")).await? && is_good(&stage, &secret("c")).await?);
    assert!(is_good(&stage, &secret("d")).await?);
    Ok(())
}

async fn rotated(by: &Session, stage: &Stage, id: Uuid, of: &str, overlap_s: i32) -> Result<Value, Error> {
    let (secret, sql) = (secret(of), "select api.rotate_key($1, $2, $3, $4, $5)");
    let (shown, hash) = (secret.shown(), secret.hash());
    by.call(sql, &[&stage.member.account_id, &id, &overlap_s, &shown, &hash.as_str()]).await
}

#[tokio::test]
async fn whoever_goes_takes_the_keys_along_whose_secret_they_know() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let account = stage.member.account_id;
    let ends = [
        "select api.remove_member($1, $2)",
        "select api.change_member($1, $2, 'member', null, null)",
        "delete from auth.users where id = $2 and $1::uuid is not null",
        "update auth.users set deleted_at = now() where id = $2 and $1::uuid is not null",
    ];
    for (round, end) in ends.into_iter().enumerate() {
        let (ann, admin) = colleague(&stage, &format!("ann {round}"), "admin").await?;
        let names = [["1", "2", "3"], ["4", "5", "6"], ["7", "8", "9"], ["a", "b", "c"]][round];
        create(&admin, &stage, &["read"], names[0]).await?;
        let (taken_over, _) = create(&admin, &stage, &["read"], names[1]).await?;
        assert_eq!(rotated(&stage.customer, &stage, taken_over, names[2], 3_600).await?["outcome"], "ok");
        let of_owner = key(&stage, &["read"], ["d", "e", "f", "0"][round]).await?;
        match end.starts_with("select") {
            true => drop(stage.customer.call(end, &[&account, &ann]).await?),
            false => drop(stage.execute(end, &[&account, &ann]).await?),
        }
        assert!(!is_good(&stage, &secret(names[0])).await?, "{end}");
        assert!(!is_good(&stage, &secret(names[1])).await?, "{end}: not even for the overlap");
        assert!(is_good(&stage, &secret(names[2])).await? && is_good(&stage, &of_owner.secret).await?, "{end}");
    }
    assert_eq!(stage.count("member_actions where action = 'key_revoked'").await?, 4);
    Ok(())
}

#[tokio::test]
async fn a_secret_that_somebody_else_rotated_away_ends_with_whoever_knows_it() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let (bob, admin) = colleague(&stage, "bob", "admin").await?;
    let program = key(&stage, &["read"], "a").await?;
    rotated(&admin, &stage, program.id, "b", 3_600).await?;
    assert!(is_good(&stage, &secret("b")).await?);
    rotated(&stage.customer, &stage, program.id, "c", 604_800).await?;
    assert!(is_good(&stage, &secret("b")).await?);
    stage.customer.call("select api.remove_member($1, $2)", &[&stage.member.account_id, &bob]).await?;
    assert!(!is_good(&stage, &secret("b")).await? && is_good(&stage, &secret("c")).await?);
    // A repeat with a shorter overlap ends an earlier secret sooner.
    rotated(&stage.customer, &stage, program.id, "d", 604_800).await?;
    rotated(&stage.customer, &stage, program.id, "e", 60).await?;
    let soon = "api_keys where earlier_ends_at < clock_timestamp() + interval '61 seconds'";
    assert_eq!(stage.count(soon).await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_limit_on_whoever_made_a_key_ends_it_and_so_does_what_the_trigger_missed() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let (bob, admin) = colleague(&stage, "bob", "admin").await?;
    create(&admin, &stage, &["read", "analyse"], "a").await?;
    let limit = "select api.change_member($1, $2, 'admin', 10, 'day')";
    stage.customer.call(limit, &[&stage.member.account_id, &bob]).await?;
    assert!(!is_good(&stage, &secret("a")).await?);
    stage.execute("update account_members set credit_limit = null, limit_period = null", &[]).await?;
    create(&admin, &stage, &["read"], "b").await?;
    assert!(is_good(&stage, &secret("b")).await?);
    stage.execute("update account_members set role = 'viewer' where user_id = $1", &[&bob]).await?;
    assert!(!is_good(&stage, &secret("b")).await?, "although nobody ended it");
    Ok(())
}

#[tokio::test]
async fn whoever_has_a_limit_gets_no_secret() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let (ann, admin) = colleague(&stage, "amy", "admin").await?;
    let program = key(&stage, &["read", "analyse"], "a").await?;
    stage
        .execute("update account_members set credit_limit = 1, limit_period = 'day' where user_id = $1", &[&ann])
        .await?;
    assert_eq!(create(&admin, &stage, &["read"], "b").await?.1["outcome"], "owner_required");
    assert_eq!(rotated(&admin, &stage, program.id, "c", 0).await?["outcome"], "owner_required");
    assert!(is_good(&stage, &secret("a")).await?);

    // An owner can lift their own limit, so it would keep them from nothing.
    let limit = "update account_members set credit_limit = 1, limit_period = 'day' where user_id = $1";
    stage.execute(limit, &[&stage.member.user_id]).await?;
    assert_eq!(create(&stage.customer, &stage, &["read"], "d").await?.1["outcome"], "ok");
    assert_eq!(rotated(&stage.customer, &stage, program.id, "e", 0).await?["outcome"], "ok");
    Ok(())
}

#[tokio::test]
async fn a_key_of_another_account_opens_nothing_here() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    let other = stage.database.member("bob", 50).await?;
    let session = stage.database.customer(other.user_id).await?;
    let sql = "select api.create_key($1, $2, 'Import', '{read,analyse}', null, null, null, $3, $4)";
    let (id, secret) = (Uuid::now_v7(), secret("a"));
    session.call(sql, &[&other.account_id, &id, &secret.shown(), &secret.hash().as_str()]).await?;
    let theirs = stage.database.customer(id).await?;
    assert_eq!(begin(&theirs, &stage.request("nasa")).await?["outcome"], "forbidden");
    for sql in ["select api.revoke_key($1, $2)", "select api.list_keys($1) from (select $2::uuid) x"] {
        assert_eq!(session.call(sql, &[&stage.member.account_id, &id]).await?["outcome"], "forbidden", "{sql}");
    }
    assert_eq!(
        stage.customer.call("select api.revoke_key($1, $2)", &[&stage.member.account_id, &id]).await?["outcome"],
        "not_found"
    );
    // An account that only a key belongs to is nobody's any more.
    stage.execute("delete from auth.users where id = $1", &[&other.user_id]).await?;
    assert!(!is_good(&stage, &secret).await?);
    Ok(())
}
