//! What members and keys may spend: limits hold for whatever is charged, at the borders of their periods too, and a charge goes on
//! when whoever made it is gone.

use futures_util::future::{join, try_join_all};
use oslira_testkit::{Error, Session, TestResult};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::bulk::{Purchase, carry_on, try_buying, undo_bulk};
use crate::members::colleague;
use crate::support::{CROWD, Request, Stage, advance, begin, begun, complete, counts, fail, outcomes, undo};

async fn limit(stage: &Stage, user: Uuid, credits: Option<i32>, period: &str) -> Result<(), Error> {
    let sql = "update account_members set credit_limit = $3::integer, limit_period = case when $3 is not null then $4::text end
                where account_id = $1 and user_id = $2";
    stage.execute(sql, &[&stage.member.account_id, &user, &credits, &period]).await.map(drop)
}

/// A key that may analyse, with a limit, and its session.
async fn key(stage: &Stage, credits: Option<i32>) -> Result<(Uuid, Session), Error> {
    let id = Uuid::now_v7();
    let sql = "select api.create_key($1, $2, 'Import', '{read,analyse}', null, $3, $4, 'oslira_0', $5)";
    let (hash, period) = (format!("{:064x}", id.as_u128()), credits.map(|_| "day"));
    let made = stage.customer.call(sql, &[&stage.member.account_id, &id, &credits, &period, &hash]).await?;
    assert_eq!(made["outcome"], "ok", "{made}");
    Ok((id, stage.database.customer(id).await?))
}

async fn revoke(stage: &Stage, key: Uuid) -> Result<Value, Error> {
    stage.customer.call("select api.revoke_key($1, $2)", &[&stage.member.account_id, &key]).await
}

/// What is kept of everything that somebody has spent.
async fn spent(stage: &Stage, user: Uuid) -> Result<i64, Error> {
    let sql =
        "select coalesce(sum(credits), 0)::bigint from member_spending_days where account_id = $1 and user_id = $2";
    Ok(stage.superuser.query_one(sql, &[&stage.member.account_id, &user]).await?.get(0))
}

#[tokio::test]
async fn a_key_that_is_revoked_in_mid_run_buys_nothing_more_and_its_runs_end_as_ever() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    let (program, session) = key(&stage, Some(10)).await?;
    let goes_on = begun(&session, &stage.request("nasa").of_type("DEEP")).await?;
    let fails = begun(&session, &stage.request("esa").of_type("DEEP")).await?;
    advance(&stage.backend, goes_on, "analyzing").await?;
    revoke(&stage, program).await?;

    assert_eq!(begin(&session, &stage.request("jaxa")).await?["outcome"], "forbidden");
    assert_eq!(try_buying(&session, &stage.member, &Purchase::of(&["jaxa"])).await?["outcome"], "forbidden");
    advance(&stage.backend, goes_on, "saving").await?;
    assert_eq!(complete(&stage.backend, goes_on).await?["outcome"], "completed");
    fail(&stage.backend, fails).await?;
    assert_eq!((spent(&stage, program).await?, stage.balance().await?), (5, 45));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_key_that_is_revoked_among_a_crowd_has_spent_what_was_answered_and_no_more() -> TestResult {
    let stage = Stage::with_credits(500).await?;
    let _turn = stage.database.crowd_turn().await?;
    for round in 0..4 {
        let (program, _) = key(&stage, None).await?;
        let crowd = try_join_all((0..CROWD).map(|_| stage.database.customer(program))).await?;
        let requests: Vec<Request> =
            (0..CROWD).map(|number| stage.request(&format!("round_{round}_{number}"))).collect();
        // Whoever is refused in between still belonged to the account before the wait: that ends the statement.
        let buying = crowd.iter().zip(&requests).map(|(session, request)| async move {
            begin(session, request).await.is_ok_and(|answer| answer["outcome"] == "ok")
        });
        let (bought, revoked) = join(futures_util::future::join_all(buying), revoke(&stage, program)).await;
        assert_eq!(revoked?["outcome"], "ok");
        let bought = bought.into_iter().filter(|is_bought| *is_bought).count();
        assert_eq!(spent(&stage, program).await?, i64::try_from(bought).unwrap(), "round {round}");
        assert_eq!(stage.count(&format!("runs where created_by = '{program}'")).await?, i64::try_from(bought).unwrap());
        assert_eq!(begin(&crowd[0], &stage.request("late")).await?["outcome"], "forbidden");
    }
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_limit_that_is_lowered_among_a_crowd_holds_for_every_charge_after_it() -> TestResult {
    let stage = Stage::with_credits(500).await?;
    let (bob, _) = colleague(&stage, "bob", "member").await?;
    let _turn = stage.database.crowd_turn().await?;
    let crowd = try_join_all((0..CROWD).map(|_| stage.database.customer(bob))).await?;
    let requests: Vec<Request> = (0..CROWD).map(|number| stage.request(&format!("profile_{number}"))).collect();
    let change = "select api.change_member($1, $2, 'member', 4, 'day')";
    let (answers, changed) = join(
        try_join_all(crowd.iter().zip(&requests).map(|(session, request)| begin(session, request))),
        stage.customer.call(change, &[&stage.member.account_id, &bob]),
    )
    .await;
    // What the change told is what was spent before it.
    let before = changed?["member"]["spent"].as_i64().unwrap();
    let bought = answers?.iter().filter(|answer| answer["outcome"] == "ok").count();
    assert_eq!(i64::try_from(bought).unwrap(), before.max(4));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn what_is_continued_counts_for_whoever_continues_it() -> TestResult {
    let stage = Stage::with_credits(100).await?;
    let (bob, session) = colleague(&stage, "bob", "member").await?;
    limit(&stage, bob, Some(3), "month").await?;
    let pilot = |letters| Purchase::many(5, letters).with(json!({ "pilot": 2 }));
    let (first, second) = (pilot("a"), pilot("b"));
    assert_eq!(try_buying(&session, &stage.member, &first).await?["outcome"], "ok");
    let refused = carry_on(&session, first.bulk).await?;
    let told = ["outcome", "limit", "used", "required"].map(|field| refused[field].clone());
    assert_eq!(told, [json!("member_limit_reached"), json!(3), json!(2), json!(3)]);

    // Somebody without a limit buys the rest, and it is theirs.
    assert_eq!(carry_on(&stage.customer, first.bulk).await?["outcome"], "ok");
    assert_eq!((spent(&stage, bob).await?, spent(&stage, stage.member.user_id).await?), (2, 3));
    // The same, the other way round: bob's limit counts, not that of whoever bought the pilot.
    assert_eq!(try_buying(&stage.customer, &stage.member, &second).await?["outcome"], "ok");
    assert_eq!(carry_on(&session, second.bulk).await?["outcome"], "member_limit_reached");
    limit(&stage, bob, Some(5), "month").await?;
    // A repeat gives the first answer, and counts nothing.
    let answers = [carry_on(&session, second.bulk).await?, carry_on(&session, second.bulk).await?];
    assert_eq!(outcomes(&answers), counts([("ok", 1), ("replay", 1)]));
    assert_eq!((spent(&stage, bob).await?, spent(&stage, stage.member.user_id).await?), (5, 5));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_dry_run_counts_nothing_and_tells_that_the_limit_would_refuse_it() -> TestResult {
    let stage = Stage::with_credits(100).await?;
    let (bob, session) = colleague(&stage, "bob", "member").await?;
    limit(&stage, bob, Some(2), "week").await?;
    for count in [2, 3] {
        let dry = Purchase::many(count, "a").with(json!({ "dry_run": true }));
        let answer = try_buying(&session, &stage.member, &dry).await?;
        assert_eq!(answer["outcome"], "dry_run");
        let refusal = &answer["refusal"]["outcome"];
        assert_eq!(*refusal, if count == 2 { Value::Null } else { json!("member_limit_reached") });
    }
    assert_eq!((spent(&stage, bob).await?, stage.balance().await?), (0, 100));
    Ok(())
}

#[tokio::test]
async fn a_replay_counts_once_and_is_answered_also_beyond_the_limit() -> TestResult {
    let stage = Stage::with_credits(100).await?;
    let (bob, session) = colleague(&stage, "bob", "member").await?;
    limit(&stage, bob, Some(3), "day").await?;
    let (one, list) = (stage.request("nasa").keyed("one"), Purchase::many(2, "a").keyed("list"));
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(begin(&session, &one.again()).await?);
        answers.push(try_buying(&session, &stage.member, &list.again()).await?);
    }
    assert_eq!(outcomes(&answers), counts([("ok", 2), ("replay", 4)]));
    // The key is the account's: a colleague's repeat is a replay, too, and nobody's charge.
    assert_eq!(begin(&stage.customer, &one.again()).await?["outcome"], "replay");
    assert_eq!((spent(&stage, bob).await?, spent(&stage, stage.member.user_id).await?), (3, 0));
    assert_eq!(begin(&session, &stage.request("esa")).await?["outcome"], "member_limit_reached");
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn periods_are_those_of_the_calendar_in_utc_wherever_the_database_is() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let borders = [
        ("day", "2026-11-29T23:59:59Z", "2026-11-29T00:00:00Z", "2026-11-30T00:00:00Z"),
        ("day", "2026-11-30T00:00:00Z", "2026-11-30T00:00:00Z", "2026-12-01T00:00:00Z"),
        // A Sunday, and the Monday after it.
        ("week", "2026-11-29T23:59:59Z", "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z"),
        ("week", "2026-11-30T00:00:00Z", "2026-11-30T00:00:00Z", "2026-12-07T00:00:00Z"),
        // A week of two years, and one in which clocks change.
        ("week", "2027-01-01T12:00:00Z", "2026-12-28T00:00:00Z", "2027-01-04T00:00:00Z"),
        ("week", "2026-03-29T12:00:00Z", "2026-03-23T00:00:00Z", "2026-03-30T00:00:00Z"),
        ("month", "2026-11-30T23:59:59Z", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"),
        ("month", "2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("month", "2028-02-29T12:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"),
        ("month", "2026-03-31T23:59:59Z", "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z"),
    ];
    let sql = "select (starts_at, ends_at) = (($3::text)::timestamptz, ($4::text)::timestamptz)
                 from private.period_of($1, ($2::text)::timestamptz)";
    for zone in ["UTC", "Pacific/Auckland", "America/New_York"] {
        stage.superuser.batch_execute(&format!("set timezone = '{zone}'")).await?;
        for (period, at, starts_at, ends_at) in borders {
            let row = stage.superuser.query_one(sql, &[&period, &at, &starts_at, &ends_at]).await?;
            assert!(row.get::<_, bool>(0), "a {period} with {at} in {zone}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn at_the_border_of_a_period_a_limit_begins_anew() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let (account, user) = (stage.member.account_id, stage.member.user_id);
    // A Sunday, the Monday after it, which is the last of its month, and the 1st of the next.
    let spend = "insert into member_spending_days (account_id, user_id, starts_at, credits) values
        ($1, $2, '2026-11-29T00:00Z', 3), ($1, $2, '2026-11-30T00:00Z', 4), ($1, $2, '2026-12-01T00:00Z', 5)";
    stage.execute(spend, &[&account, &user]).await?;
    let sql = "select private.spent_by_member($1, $2, $3, ($4::text)::timestamptz)";
    let expected = [
        ("day", "2026-11-29T23:59:59.999Z", 3),
        ("day", "2026-11-30T00:00:00Z", 4),
        ("week", "2026-11-29T23:59:59.999Z", 3),
        ("week", "2026-11-30T00:00:00Z", 4),
        ("week", "2026-12-01T00:00:00Z", 9),
        ("week", "2026-12-07T00:00:00Z", 0),
        ("month", "2026-11-30T23:59:59.999Z", 7),
        ("month", "2026-12-01T00:00:00Z", 5),
        ("month", "2026-12-31T23:59:59.999Z", 5),
        ("month", "2027-01-01T00:00:00Z", 0),
    ];
    for (period, at, credits) in expected {
        let told: i64 = stage.superuser.query_one(sql, &[&account, &user, &period, &at]).await?.get(0);
        assert_eq!(told, credits, "a {period} at {at}");
    }
    Ok(())
}

#[tokio::test]
async fn a_refund_counts_for_the_period_of_its_charge() -> TestResult {
    for period in ["day", "week", "month"] {
        let stage = Stage::with_credits(50).await?;
        let (bob, session) = colleague(&stage, "bob", "member").await?;
        limit(&stage, bob, Some(5), period).await?;
        let earlier = begun(&session, &stage.request("nasa").of_type("DEEP")).await?;
        // In the last second before this period.
        let age = "update runs set created_at = (select p.starts_at from private.period_of($2, clock_timestamp()) p) - interval '1 second'
                    where id = $1";
        stage.execute(age, &[&earlier, &period]).await?;
        begun(&session, &stage.request("esa").of_type("DEEP")).await?;
        fail(&stage.backend, earlier).await?;
        let refused = begin(&session, &stage.request("jaxa")).await?;
        assert_eq!((&refused["outcome"], &refused["used"]), (&json!("member_limit_reached"), &json!(5)), "{period}");
        assert_eq!(spent(&stage, bob).await?, 5, "{period}");
        stage.assert_ledger_is_whole().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_start_that_failed_is_undone_although_its_buyer_has_left_meanwhile() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    let leaves = ["select api.change_member($1, $2, 'viewer', null, null)", "select api.remove_member($1, $2)"];
    for (round, leave) in leaves.into_iter().enumerate() {
        let (bob, session) = colleague(&stage, &format!("bob {round}"), "member").await?;
        let run = begun(&session, &stage.request(&format!("round_{round}"))).await?;
        let list = Purchase::many(2, &format!("list_{round}"));
        assert_eq!(try_buying(&session, &stage.member, &list).await?["outcome"], "ok");
        stage.customer.call(leave, &[&stage.member.account_id, &bob]).await?;
        // Nobody else takes it back, not even an owner: they would cancel it.
        assert_eq!(undo(&stage.customer, run).await?["outcome"], "not_found");
        assert_eq!(undo_bulk(&stage.customer, list.bulk).await?["outcome"], "not_found");
        for _ in 0..2 {
            assert_eq!(undo(&session, run).await?["outcome"], "undone", "{leave}");
            assert_eq!(undo_bulk(&session, list.bulk).await?["outcome"], "cancelled", "{leave}");
        }
        assert_eq!((spent(&stage, bob).await?, stage.balance().await?), (0, 50));
    }
    stage.assert_ledger_is_whole().await
}
