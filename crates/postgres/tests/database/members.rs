//! Who belongs to an account, what each may do and spend, and how they come and go.

use futures_util::future::{join, try_join_all};
use oslira_app::features::auth::Role;
use oslira_testkit::{Error, Session, TestResult};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{CROWD, Request, Stage, begin, begun, cancel, counts, fail, outcomes, sqlstate};

const REFUSED: &str = "OS001";

/// A new user who has this role in the stage's account, and their session.
pub async fn colleague(stage: &Stage, name: &str, role: &str) -> Result<(Uuid, Session), Error> {
    let user = stage.database.member(name, 0).await?.user_id;
    let join = "insert into account_members (user_id, account_id, role) values ($1, $2, $3)";
    stage.execute(join, &[&user, &stage.member.account_id, &role]).await?;
    Ok((user, stage.database.customer(user).await?))
}

async fn change(
    by: &Session,
    stage: &Stage,
    user: Uuid,
    role: &str,
    limit: Option<(i32, &str)>,
) -> Result<Value, Error> {
    let sql = "select api.change_member($1, $2, $3, $4, $5)";
    let (credits, period) = (limit.map(|limit| limit.0), limit.map(|limit| limit.1));
    by.call(sql, &[&stage.member.account_id, &user, &role, &credits, &period]).await
}

async fn remove(by: &Session, stage: &Stage, user: Uuid) -> Result<Value, Error> {
    by.call("select api.remove_member($1, $2)", &[&stage.member.account_id, &user]).await
}

async fn invite(by: &Session, stage: &Stage, email: &str, role: &str, token: &str) -> Result<Value, Error> {
    let sql = "select api.invite_member($1, gen_random_uuid(), $2, $3, null, null, encode(sha256(convert_to($4, 'UTF8')), 'hex'))";
    by.call(sql, &[&stage.member.account_id, &email, &role, &token]).await
}

async fn accept(by: &Session, token: &str) -> Result<Value, Error> {
    by.call("select api.accept_invitation(encode(sha256(convert_to($1, 'UTF8')), 'hex'))", &[&token]).await
}

async fn email(stage: &Stage, user: Uuid) -> Result<String, Error> {
    Ok(stage.superuser.query_one("select email::text from auth.users where id = $1", &[&user]).await?.get(0))
}

#[tokio::test]
async fn the_table_of_roles_is_the_one_in_the_code() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    for role in Role::ALL {
        let name = json!(role);
        let sql =
            "select coalesce(jsonb_agg(permission order by permission), '[]') from role_permissions where role = $1";
        let stored: Value = stage.superuser.query_one(sql, &[&name.as_str().unwrap()]).await?.get(0);
        let mut expected: Vec<Value> = role.permissions().iter().map(|permission| json!(permission)).collect();
        expected.sort_by_key(ToString::to_string);
        assert_eq!(stored, json!(expected), "{role:?}");
    }
    Ok(())
}

#[tokio::test]
async fn each_role_may_do_what_its_permissions_say_and_nothing_else() -> TestResult {
    let stage = Stage::with_credits(100).await?;
    let lead = stage.begun_and("analysed", "saving").await?;
    crate::support::complete(&stage.backend, lead).await?;
    let (account, run) = (stage.member.account_id.to_string(), stage.begun("running").await?);
    let actions = [
        ("analyse", format!("select api.cancel_run('{run}')")),
        ("edit_leads", format!("select api.delete_lead('{account}', gen_random_uuid())")),
        ("edit_business", format!("select api.delete_business_profile('{account}', gen_random_uuid())")),
        ("export", format!("select to_jsonb(api.require_permission('{account}', 'export'))")),
        ("manage_members", format!("select api.list_invitations('{account}')")),
        ("manage_keys", format!("select api.list_keys('{account}')")),
        ("manage_billing", format!("select api.set_daily_cap('{account}', null)")),
    ];
    for role in [Role::Viewer, Role::Member, Role::Admin, Role::Owner] {
        let name = json!(role).as_str().unwrap().to_owned();
        let (_, session) = colleague(&stage, &format!("a {name}"), &name).await?;
        let allowed: Vec<Value> = role.permissions().iter().map(|permission| json!(permission)).collect();
        for (permission, sql) in &actions {
            let state = sqlstate(session.call(sql, &[]).await);
            let may = allowed.contains(&json!(permission));
            assert_eq!(state == REFUSED, !may, "{name} {permission}: {state}");
        }
        assert_eq!(begin(&session, &stage.request(&name)).await.is_ok(), allowed.contains(&json!("analyse")), "{name}");
        assert!(session.call("select api.list_members($1)", &[&stage.member.account_id]).await?.is_array(), "{name}");
    }
    let stranger = stage.database.customer(stage.database.member("eve", 0).await?.user_id).await?;
    assert_eq!(
        stranger.call("select coalesce(api.list_members($1), 'null')", &[&stage.member.account_id]).await?,
        Value::Null
    );
    assert_eq!(stranger.call(&actions[4].1, &[]).await?, json!({ "outcome": "forbidden" }));
    Ok(())
}

#[tokio::test]
async fn owners_are_made_by_owners_and_one_always_stays() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let owner = stage.member.user_id;
    let (ann, admin) = colleague(&stage, "amy", "admin").await?;
    let (bob, _) = colleague(&stage, "bob", "member").await?;
    for (by, user, role) in [(&admin, ann, "owner"), (&admin, bob, "owner"), (&admin, owner, "viewer")] {
        assert_eq!(change(by, &stage, user, role, None).await?["outcome"], "owner_required");
    }
    assert_eq!(remove(&admin, &stage, owner).await?["outcome"], "owner_required");
    assert_eq!(change(&admin, &stage, bob, "admin", None).await?["member"]["role"], "admin");
    assert_eq!(change(&stage.customer, &stage, owner, "member", None).await?["outcome"], "last_owner");
    assert_eq!(remove(&stage.customer, &stage, owner).await?["outcome"], "last_owner");

    assert_eq!(change(&stage.customer, &stage, bob, "owner", None).await?["outcome"], "ok");
    assert_eq!(remove(&stage.customer, &stage, owner).await?["outcome"], "removed");
    assert_eq!(
        stage.customer.call("select api.list_keys($1)", &[&stage.member.account_id]).await?["outcome"],
        "forbidden"
    );
    let who: Vec<String> = stage
        .superuser
        .query("select action from member_actions order by id", &[])
        .await?
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(who, ["member_changed", "member_changed", "member_left"]);
    Ok(())
}

#[tokio::test]
async fn whoever_has_a_limit_makes_no_other_spender() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let (ann, admin) = colleague(&stage, "amy", "admin").await?;
    let (bob, _) = colleague(&stage, "bob", "viewer").await?;
    assert_eq!(change(&stage.customer, &stage, ann, "admin", Some((5, "day"))).await?["outcome"], "ok");
    for limit in [None, Some((6, "day")), Some((5, "month"))] {
        assert_eq!(change(&admin, &stage, ann, "admin", limit).await?["outcome"], "owner_required");
    }
    assert_eq!(change(&admin, &stage, bob, "member", None).await?["outcome"], "owner_required");
    assert_eq!(invite(&admin, &stage, "eve@example.com", "member", "t").await?["outcome"], "owner_required");
    // A change to what is so already is none.
    assert_eq!(change(&admin, &stage, bob, "viewer", None).await?["outcome"], "ok");
    assert_eq!(remove(&admin, &stage, bob).await?["outcome"], "removed");
    assert_eq!(change(&stage.customer, &stage, ann, "admin", None).await?["outcome"], "ok");
    let details = "select details from member_actions where action = 'member_changed' order by id desc limit 1";
    let noted: Value = stage.superuser.query_one(details, &[]).await?.get(0);
    assert_eq!(noted, json!({ "role": "admin", "limit": null, "period": null }), "that a limit ends is said");
    assert_eq!(invite(&admin, &stage, "eve@example.com", "member", "t").await?["outcome"], "ok");
    Ok(())
}

#[tokio::test]
async fn an_owner_whose_user_is_deleted_while_another_leaves_leaves_one_behind() -> TestResult {
    for round in 0..8 {
        let stage = Stage::with_credits(0).await?;
        let (_, ann) = colleague(&stage, &format!("ann {round}"), "owner").await?;
        let (bob, _) = colleague(&stage, &format!("bob {round}"), "member").await?;
        let (left, deleted) = join(
            ann.call("select api.remove_member($1, auth.uid())", &[&stage.member.account_id]),
            stage.execute("delete from auth.users where id = $1", &[&stage.member.user_id]),
        )
        .await;
        deleted?;
        let owners = "account_members where role = 'owner' and account_id = (select id from accounts order by created_at limit 1)";
        let left = left?["outcome"].clone();
        assert!(["removed", "last_owner"].contains(&left.as_str().unwrap()), "{left}");
        assert_eq!(stage.count(owners).await?, 1, "{left}");
        if left == "removed" {
            assert_eq!(
                stage
                    .count(&format!(
                        "account_members where role = 'owner' and user_id = '{bob}' and account_id = '{}'",
                        stage.member.account_id
                    ))
                    .await?,
                1
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn when_all_people_are_deleted_at_once_the_account_is_closed() -> TestResult {
    for round in 0..8 {
        let stage = Stage::with_credits(0).await?;
        let (amy, _) = colleague(&stage, &format!("amy {round}"), "admin").await?;
        let (bob, _) = colleague(&stage, &format!("bob {round}"), "member").await?;
        let sessions = [stage.database.superuser().await?, stage.database.superuser().await?];
        let delete = "delete from auth.users where id = $1";
        let (one, two, three) = futures_util::future::join3(
            stage.execute(delete, &[&stage.member.user_id]),
            sessions[0].execute(delete, &[&amy]),
            sessions[1].execute(delete, &[&bob]),
        )
        .await;
        one?;
        two?;
        three?;
        let left_open = format!("accounts where deleted_at is null and id = '{}'", stage.member.account_id);
        assert_eq!(stage.count(&left_open).await?, 0, "round {round}");
    }
    Ok(())
}

#[tokio::test]
async fn an_account_that_was_left_without_an_owner_gets_one_at_the_next_sign_in() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let (bob, _) = colleague(&stage, "bob", "member").await?;
    // As if the trigger had failed.
    stage.execute("update account_members set role = 'viewer' where user_id = $1", &[&stage.member.user_id]).await?;
    stage.execute("update auth.users set last_sign_in_at = now() where id = $1", &[&bob]).await?;
    let owner = format!(
        "account_members where role = 'owner' and user_id = '{bob}' and account_id = '{}'",
        stage.member.account_id
    );
    assert_eq!(stage.count(&owner).await?, 1);
    assert_eq!(stage.count("member_actions where action = 'became_owner'").await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_sign_in_that_finds_an_heir_waits_for_the_balance_and_holds_no_member_meanwhile() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let (bob, _) = colleague(&stage, "bob", "member").await?;
    let (account, owner) = (stage.member.account_id, stage.member.user_id);
    stage.execute("update account_members set role = 'viewer' where user_id = $1", &[&owner]).await?;
    // As whoever changes members: the balance, then the members.
    let other = stage.database.superuser().await?;
    other.batch_execute("begin").await?;
    other.execute("select from credit_balances where account_id = $1 for no key update", &[&account]).await?;
    let changing = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let members = "select from account_members where account_id = $1 for no key update nowait";
        other.execute(members, &[&account]).await?;
        Ok::<_, Error>(other.batch_execute("commit").await?)
    };
    let sign_in = "update auth.users set last_sign_in_at = now() where id = $1";
    let (signed_in, changed) = join(stage.execute(sign_in, &[&bob]), changing).await;
    signed_in?;
    changed?;
    let heir = format!("account_members where role = 'owner' and user_id = '{bob}' and account_id = '{account}'");
    assert_eq!(stage.count(&heir).await?, 1);
    Ok(())
}

#[tokio::test]
async fn of_two_owners_who_leave_at_once_one_stays() -> TestResult {
    for round in 0..8 {
        let stage = Stage::with_credits(0).await?;
        let (ann, session) = colleague(&stage, &format!("ann {round}"), "owner").await?;
        let (one, other) =
            join(remove(&stage.customer, &stage, stage.member.user_id), remove(&session, &stage, ann)).await;
        assert_eq!(outcomes(&[one?, other?]), counts([("removed", 1), ("last_owner", 1)]));
        assert_eq!(stage.count("account_members where role = 'owner' and account_id = (select id from accounts order by created_at limit 1)").await?, 1);
    }
    Ok(())
}

#[tokio::test]
async fn when_the_last_owner_is_deleted_the_highest_of_the_others_becomes_one() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    colleague(&stage, "vic", "viewer").await?;
    let (ann, _) = colleague(&stage, "amy", "admin").await?;
    colleague(&stage, "bob", "admin").await?;
    stage.execute("delete from auth.users where id = $1", &[&stage.member.user_id]).await?;
    let sql = "select user_id from account_members where account_id = $1 and role = 'owner'";
    let heir: Uuid = stage.superuser.query_one(sql, &[&stage.member.account_id]).await?.get(0);
    assert_eq!(heir, ann);
    Ok(())
}

#[tokio::test]
async fn a_limit_holds_exactly_for_its_member_and_for_nobody_else() -> TestResult {
    let stage = Stage::with_credits(100).await?;
    let (bob, session) = colleague(&stage, "bob", "member").await?;
    change(&stage.customer, &stage, bob, "member", Some((5, "day"))).await?;
    let deep = |name: &str| stage.request(name).of_type("DEEP");
    let run = begun(&session, &deep("nasa")).await?;
    let refused = begin(&session, &stage.request("esa")).await?;
    let resets_in_s = refused["resets_in_s"].as_i64().unwrap();
    assert!((1..=86_400).contains(&resets_in_s));
    let expected = json!({
        "outcome": "member_limit_reached", "limit": 5, "period": "day", "used": 5, "required": 1, "resets_in_s": resets_in_s,
    });
    assert_eq!(refused, expected);
    begun(&stage.customer, &stage.request("esa")).await?;

    // What comes back can be spent again: by a failure and by a cancel.
    fail(&stage.backend, run).await?;
    let run = begun(&session, &stage.request("csa")).await?;
    cancel(&session, run).await?;
    let members = stage.customer.call("select api.list_members($1)", &[&stage.member.account_id]).await?;
    let shown = members.as_array().unwrap().iter().find(|member| member["id"] == json!(bob)).unwrap();
    assert_eq!((&shown["spent"], &shown["limit"]), (&json!(0), &json!({ "credits": 5, "period": "day" })));

    // Yesterday counts for a week or a month, and not for a day.
    stage.execute("update member_spending_days set starts_at = starts_at - interval '24 hours', credits = 5 where user_id = $1", &[&bob]).await?;
    begun(&session, &stage.request("isro")).await?;
    stage.execute("delete from member_spending_days where user_id = $1 and credits = 5", &[&bob]).await?;
    change(&stage.customer, &stage, bob, "member", None).await?;
    begun(&session, &deep("jaxa")).await?;
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_limit_binds_lists_as_a_whole() -> TestResult {
    let stage = Stage::with_credits(100).await?;
    let (bob, session) = colleague(&stage, "bob", "member").await?;
    change(&stage.customer, &stage, bob, "member", Some((2, "month"))).await?;
    let lines: Vec<Value> = ["a", "b", "c"]
        .iter()
        .enumerate()
        .map(|(line, name)| json!({ "line": line + 1, "username": name, "run_id": Uuid::now_v7() }))
        .collect();
    let sql = "select api.begin_bulk($1, $2, $3, $4, 'LIGHT', '{}', null, null, '[]')";
    let buy = async |lines: &[Value]| {
        let member = stage.member;
        session.call(sql, &[&member.account_id, &Uuid::now_v7(), &json!(lines), &member.business_profile_id]).await
    };
    let refused = buy(&lines).await?;
    assert_eq!((&refused["outcome"], &refused["required"]), (&json!("member_limit_reached"), &json!(3)));
    assert_eq!(buy(&lines[..2]).await?["outcome"], "ok");
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_crowd_gets_exactly_what_the_limit_allows() -> TestResult {
    let stage = Stage::with_credits(500).await?;
    change(&stage.customer, &stage, stage.member.user_id, "owner", Some((20, "week"))).await?;
    let _turn = stage.database.crowd_turn().await?;
    let crowd = stage.crowd().await?;
    let requests: Vec<Request> = (0..CROWD).map(|number| stage.request(&format!("profile_{number}"))).collect();
    let answers = try_join_all(crowd.iter().zip(&requests).map(|(session, request)| begin(session, request))).await?;
    assert_eq!(outcomes(&answers), counts([("ok", 20), ("member_limit_reached", CROWD - 20)]));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_link_joins_once_and_only_the_address_that_was_invited() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let (ann, eve) = (stage.database.member("amy", 0).await?, stage.database.member("eve", 0).await?);
    let (ann_session, eve_session) =
        (stage.database.customer(ann.user_id).await?, stage.database.customer(eve.user_id).await?);
    let address = email(&stage, ann.user_id).await?;
    let invited = invite(&stage.customer, &stage, &address.to_uppercase(), "admin", "first").await?;
    assert_eq!((&invited["outcome"], &invited["invitation"]["email"]), (&json!("ok"), &json!(address)));
    // A second one takes its place.
    invite(&stage.customer, &stage, &address, "viewer", "second").await?;
    assert_eq!(accept(&ann_session, "first").await?["outcome"], "not_found");
    assert_eq!(accept(&eve_session, "second").await?["outcome"], "other_address");
    assert_eq!(accept(&ann_session, "guessed").await?["outcome"], "not_found");

    let unconfirmed = "update auth.users set email_confirmed_at = null where id = $1";
    stage.execute(unconfirmed, &[&ann.user_id]).await?;
    assert_eq!(accept(&ann_session, "second").await?["outcome"], "other_address");
    stage.execute("update auth.users set email_confirmed_at = now() where id = $1", &[&ann.user_id]).await?;

    let joined = json!({ "outcome": "ok", "account_id": stage.member.account_id });
    let twice = [accept(&ann_session, "second").await?, accept(&ann_session, "second").await?];
    assert_eq!(twice, [joined.clone(), joined]);
    let memberships = ann_session.call("select api.my_memberships()", &[]).await?;
    assert_eq!(memberships.as_array().unwrap().len(), 2);
    assert_eq!((&memberships[1]["role"], &memberships[1]["permissions"]), (&json!("viewer"), &json!(["read"])));
    assert_eq!(invite(&stage.customer, &stage, &address, "owner", "third").await?["outcome"], "already_member");

    // Once she has left, her link is used up.
    remove(&ann_session, &stage, ann.user_id).await?;
    assert_eq!(accept(&ann_session, "second").await?["outcome"], "not_found");
    Ok(())
}

#[tokio::test]
async fn what_is_over_or_taken_back_joins_nobody() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let (ann, session) = {
        let ann = stage.database.member("amy", 0).await?;
        (ann.user_id, stage.database.customer(ann.user_id).await?)
    };
    let address = email(&stage, ann).await?;
    invite(&stage.customer, &stage, &address, "member", "old").await?;
    stage.execute("update invitations set expires_at = now()", &[]).await?;
    assert_eq!(accept(&session, "old").await?["outcome"], "expired");

    let invited = invite(&stage.customer, &stage, &address, "member", "new").await?;
    let revoke = "select api.revoke_invitation($1, ($2::text)::uuid)";
    let id = invited["invitation"]["id"].as_str().unwrap();
    for _ in 0..2 {
        let revoked = stage.customer.call(revoke, &[&stage.member.account_id, &id]).await?;
        assert_eq!(revoked["invitation"]["state"], "revoked");
    }
    assert_eq!(accept(&session, "new").await?["outcome"], "not_found");

    // Whoever has offered it may not offer it any more.
    let (bob, admin) = colleague(&stage, "bob", "admin").await?;
    assert_eq!(invite(&admin, &stage, &address, "owner", "bobs").await?["outcome"], "owner_required");
    invite(&admin, &stage, &address, "admin", "bobs").await?;
    change(&stage.customer, &stage, bob, "viewer", None).await?;
    assert_eq!(accept(&session, "bobs").await?["outcome"], "not_found");
    invite(&stage.customer, &stage, &address, "member", "closed").await?;
    stage.execute("update accounts set deleted_at = now()", &[]).await?;
    assert_eq!(accept(&session, "closed").await?["outcome"], "not_found");
    Ok(())
}
