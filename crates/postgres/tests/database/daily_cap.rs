//! The daily cap: exact, per UTC day, an owner's to set.

use std::time::Duration;

use futures_util::future::{join, try_join_all};
use oslira_app::{
    features::{
        analysis::{AnalysisRequest, BeginOutcome, RequiredServices, RunRepository},
        credits::{CapOutcome, CreditLedger, DailyCap},
    },
    shared::{
        analysis_type::AnalysisType,
        ids::{BusinessProfileId, RunId},
    },
};
use oslira_testkit::{Error, Session, TestResult};
use serde_json::{Value, json};
use tokio::time::timeout;
use uuid::Uuid;

use crate::support::{
    CROWD, Request, Stage, acting, advance, begin, begun, cancel, complete, counts, fail, outcome, outcomes, sqlstate,
    unexpected,
};

async fn set_cap(session: &Session, account: Uuid, cap: Option<i32>) -> Result<Value, Error> {
    session.call("select api.set_daily_cap($1, $2)", &[&account, &cap]).await
}

async fn capped(stage: &Stage, cap: Option<i32>) -> Result<(), Error> {
    let answer = set_cap(&stage.customer, stage.member.account_id, cap).await?;
    if answer["outcome"] == "ok" { Ok(()) } else { Err(unexpected(&answer)) }
}

async fn used(stage: &Stage) -> Result<Value, Error> {
    let budget = stage.customer.call("select api.daily_budget($1)", &[&stage.member.account_id]).await?;
    Ok(budget["used_today"].clone())
}

#[tokio::test]
async fn what_would_exceed_the_cap_is_refused_with_all_numbers_and_moves_nothing() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    capped(&stage, Some(7)).await?;
    begun(&stage.customer, &stage.request("nasa").of_type("DEEP")).await?;
    stage.begun("esa").await?;

    let refused = begin(&stage.customer, &stage.request("jaxa").of_type("DEEP").keyed("key")).await?;

    let resets_in_s = refused["resets_in_s"].as_i64().unwrap();
    let expected = json!({
        "outcome": "budget_exceeded", "cap": 7, "used": 6, "required": 5, "resets_in_s": resets_in_s
    });
    assert_eq!(refused, expected);
    assert!((1..=86_400).contains(&resets_in_s), "{resets_in_s}");
    assert_eq!((stage.balance().await?, stage.count("runs").await?), (44, 2));
    // What fits to the last credit is sold, and the refused key is free.
    begun(&stage.customer, &stage.request("isro").keyed("key")).await?;
    assert_eq!(begin(&stage.customer, &stage.request("csa")).await?["outcome"], "budget_exceeded");
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn no_cap_is_no_limit_and_a_cap_of_nothing_lets_nothing_through() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    stage.begun("nasa").await?;
    capped(&stage, Some(0)).await?;
    assert_eq!(begin(&stage.customer, &stage.request("esa")).await?["outcome"], "budget_exceeded");
    capped(&stage, None).await?;
    stage.begun("esa").await?;
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_refund_frees_the_cap_and_a_result_or_a_kept_charge_does_not() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    capped(&stage, Some(4)).await?;
    let (failed, cancelled) = (stage.begun("failed").await?, stage.begun("cancelled").await?);
    let (kept, done) = (stage.begun("kept").await?, stage.begun("done").await?);
    assert_eq!(used(&stage).await?, 4);

    advance(&stage.backend, kept, "analyzing").await?;
    cancel(&stage.customer, kept).await?;
    advance(&stage.backend, done, "saving").await?;
    complete(&stage.backend, done).await?;
    assert_eq!(begin(&stage.customer, &stage.request("one_more")).await?["outcome"], "budget_exceeded");

    fail(&stage.backend, failed).await?;
    stage.begun("one_more").await?;
    assert_eq!(begin(&stage.customer, &stage.request("two_more")).await?["used"], 4);
    cancel(&stage.customer, cancelled).await?;
    stage.begun("two_more").await?;
    assert_eq!(used(&stage).await?, 4);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_stale_duplicate_is_refunded_before_the_cap_is_asked() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    capped(&stage, Some(1)).await?;
    let stale = stage.begun_and("nasa", "analyzing").await?;
    stage.let_beat_age(stale, 301.0).await?;
    stage.begun("nasa").await?;
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_day_is_a_utc_day_whatever_the_servers_time_zone() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    let name = stage.database.name();
    let dated = "update runs set created_at = $2::text::timestamptz where id = $1";
    // The second is the day on which New York sets its clocks forward.
    for at in
        ["2026-03-07T23:59:59.999999Z", "2026-03-08T00:00:00Z", "2026-03-08T23:59:59.999999Z", "2026-03-09T00:00:00Z"]
    {
        let run = stage.begun(&format!("p{}", Uuid::new_v4().simple())[..20]).await?;
        stage.execute(dated, &[&run, &at]).await?;
    }
    for zone in ["UTC", "America/New_York", "Pacific/Kiritimati", "Pacific/Pago_Pago"] {
        stage.execute(&format!("alter database {name} set timezone = '{zone}'"), &[]).await?;
        let there = stage.database.superuser().await?;
        for (moment, expected) in [
            ("2026-03-07T12:00:00Z", 1_i64),
            ("2026-03-08T00:00:00Z", 2),
            ("2026-03-08T12:00:00Z", 2),
            ("2026-03-08T23:59:59.999999Z", 2),
            ("2026-03-09T00:00:00Z", 1),
        ] {
            let sql = "select private.used_on_day($1, $2::text::timestamptz)";
            let row = there.query_one(sql, &[&stage.member.account_id, &moment]).await?;
            assert_eq!(row.get::<_, i64>(0), expected, "{moment} in {zone}");
        }
        let sql = "select starts_at = '2026-03-08T00:00:00Z' and ends_at = '2026-03-09T00:00:00Z' from private.day_of('2026-03-08T12:00:00Z')";
        assert!(there.query_one(sql, &[]).await?.get::<_, bool>(0), "{zone}");
    }
    Ok(())
}

#[tokio::test]
async fn yesterdays_runs_and_their_refunds_are_not_todays() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    capped(&stage, Some(2)).await?;
    let (yesterdays, todays) = (stage.begun("yesterdays").await?, stage.begun("todays").await?);
    let to = "update runs set created_at = date_trunc('day', now(), 'UTC') - $2::text::interval where id = $1";
    stage.execute(to, &[&yesterdays, &"1 microsecond"]).await?;
    stage.execute(to, &[&todays, &"0"]).await?;
    assert_eq!(used(&stage).await?, 1);
    fail(&stage.backend, yesterdays).await?;
    assert_eq!(used(&stage).await?, 1);

    stage.begun("second").await?;
    assert_eq!(begin(&stage.customer, &stage.request("third")).await?["outcome"], "budget_exceeded");
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn the_cap_is_told_before_the_balance_and_after_what_is_known_already() -> TestResult {
    let stage = Stage::with_credits(1).await?;
    let keyed = stage.request("nasa").keyed("key");
    begun(&stage.customer, &keyed).await?;
    capped(&stage, Some(1)).await?;
    assert_eq!(begin(&stage.customer, &stage.request("esa")).await?["outcome"], "budget_exceeded");
    assert_eq!(begin(&stage.customer, &keyed.again()).await?["outcome"], "replay");
    assert_eq!(begin(&stage.customer, &stage.request("nasa")).await?["outcome"], "duplicate");
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn only_an_owner_sets_the_cap_and_only_members_see_it() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let (account, stranger) = (stage.member.account_id, stage.database.member("eve", 5).await?);
    let other = stage.database.member("bob", 5).await?;
    let join = "insert into account_members (user_id, account_id, role) values ($1, $2, 'member')";
    stage.execute(join, &[&other.user_id, &account]).await?;
    let (bob, eve) = (stage.database.customer(other.user_id).await?, stage.database.customer(stranger.user_id).await?);

    assert_eq!(sqlstate(set_cap(&bob, account, Some(1)).await), "OS001");
    assert_eq!(set_cap(&eve, account, Some(1)).await?, json!({ "outcome": "forbidden" }));
    assert_eq!(set_cap(&eve, Uuid::now_v7(), Some(1)).await?, json!({ "outcome": "forbidden" }));
    let set = set_cap(&stage.customer, account, Some(1)).await?;
    assert_eq!((&set["outcome"], &set["daily_cap"], &set["used_today"]), (&json!("ok"), &json!(1), &json!(0)));

    let budget = "select coalesce(api.daily_budget($1), 'null')";
    assert_eq!(bob.call(budget, &[&account]).await?["daily_cap"], 1);
    assert_eq!(eve.call(budget, &[&account]).await?, Value::Null);
    // It binds members as well as owners.
    begun(&bob, &stage.request("nasa")).await?;
    assert_eq!(begin(&stage.customer, &stage.request("esa")).await?["outcome"], "budget_exceeded");

    assert_eq!(sqlstate(set_cap(&stage.customer, account, Some(-1)).await), "22023");
    stage.execute("update accounts set deleted_at = now() where id = $1", &[&account]).await?;
    assert_eq!(set_cap(&stage.customer, account, None).await?, json!({ "outcome": "forbidden" }));
    assert_eq!(stage.customer.call(budget, &[&account]).await?, Value::Null);
    Ok(())
}

#[tokio::test]
async fn a_new_cap_waits_for_whoever_holds_the_account_and_nobody_else_may_wait() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let account = stage.member.account_id;
    let other = stage.database.member("bob", 5).await?;
    let join_account = "insert into account_members (user_id, account_id, role) values ($1, $2, 'member')";
    stage.execute(join_account, &[&other.user_id, &account]).await?;
    let bob = stage.database.customer(other.user_id).await?;
    stage.superuser.batch_execute("begin").await?;
    let lock = "select from credit_balances where account_id = $1 for no key update";
    stage.superuser.query(lock, &[&account]).await?;

    let answer = timeout(Duration::from_secs(5), set_cap(&bob, account, Some(0))).await;
    let answer = answer.map_err(|_| unexpected(&json!("a mere member waited for the account's lock")))?;
    assert_eq!(sqlstate(answer), "OS001");
    let releasing = async {
        let watcher = stage.database.superuser().await?;
        let waiting =
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        let mut was_waiting = false;
        for _ in 0..100 {
            was_waiting |= watcher.query_one(waiting, &[]).await?.get::<_, i64>(0) == 1;
            if was_waiting {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        stage.superuser.batch_execute("rollback").await?;
        Ok::<_, Error>(was_waiting)
    };
    let (set, was_waiting) = join(set_cap(&stage.customer, account, Some(0)), releasing).await;
    assert_eq!((set?["outcome"].as_str(), was_waiting?), (Some("ok"), true));
    Ok(())
}

#[tokio::test]
async fn a_crowd_gets_exactly_what_the_cap_leaves() -> TestResult {
    let stage = Stage::with_credits(500).await?;
    capped(&stage, Some(20)).await?;
    stage.begun("before").await?;
    let returned = stage.begun("returned").await?;
    fail(&stage.backend, returned).await?;
    let _turn = stage.database.crowd_turn().await?;
    let crowd = stage.crowd().await?;
    let requests: Vec<_> = (0..CROWD).map(|number| stage.request(&format!("profile_{number}"))).collect();

    let answers = try_join_all(crowd.iter().zip(&requests).map(|(session, request)| begin(session, request))).await?;

    assert_eq!(outcomes(&answers), counts([("ok", 19), ("budget_exceeded", CROWD - 19)]));
    assert_eq!(stage.balance().await?, 480);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_crowd_that_meets_a_new_cap_never_exceeds_it_afterwards() -> TestResult {
    let stage = Stage::with_credits(500).await?;
    let _turn = stage.database.crowd_turn().await?;
    let crowd = stage.crowd().await?;
    let requests: Vec<_> = (0..CROWD).map(|number| stage.request(&format!("profile_{number}"))).collect();
    let owner = stage.database.customer(stage.member.user_id).await?;

    let asking = try_join_all(crowd.iter().zip(&requests).map(|(session, request)| begin(session, request)));
    let (answers, set) = join(asking, set_cap(&owner, stage.member.account_id, Some(10))).await;
    let (answers, used_then) = (answers?, set?["used_today"].as_u64().unwrap());

    let sold = answers.iter().filter(|answer| answer["outcome"] == "ok").count() as u64;
    assert_eq!(sold, used_then.max(10), "{used_then} were sold before the cap");
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn what_is_used_of_a_busy_day_is_read_from_one_row() -> TestResult {
    let stage = Stage::with_credits(1).await?;
    stage.begun("nasa").await?;
    stage
        .superuser
        .batch_execute(
            "insert into runs (id, account_id, business_profile_id, username, analysis_type, credits, created_at)
               select gen_random_uuid(), account_id, null, 'p' || n, 'LIGHT', 1, now() from runs cross join generate_series(1, 5000) n;
             insert into runs (id, account_id, business_profile_id, username, analysis_type, credits, created_at)
               select gen_random_uuid(), account_id, null, username, 'LIGHT', 1, now() - interval '1 day' from runs;
             analyze runs; analyze spending_days;",
        )
        .await?;
    // A new connection: the statistics of another may still count what it has read before.
    let fresh = stage.database.superuser().await?;
    fresh.batch_execute("begin").await?;
    let used = fresh.query_one("select private.used_on_day($1, now())", &[&stage.member.account_id]).await?;
    let read = "select relname || ' ' || seq_tup_read + coalesce(idx_tup_fetch, 0) from pg_stat_xact_user_tables
        where relname in ('runs', 'spending_days') order by 1";
    let read: Vec<String> = fresh.query(read, &[]).await?.iter().map(|row| row.get(0)).collect();
    assert_eq!(used.get::<_, i64>(0), 5_001);
    assert!(read[0] == "runs 0" && ["spending_days 1", "spending_days 2"].contains(&read[1].as_str()), "{read:?}");
    Ok(())
}

#[tokio::test]
async fn the_product_sets_the_cap_and_is_stopped_by_it() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let (tenant, member) = (stage.tenant(), acting(&stage.member));
    let before = tenant.budget(member).await.unwrap().unwrap();
    assert_eq!((before.daily_cap, before.used_today), (None, 0));

    let set = tenant.set_daily_cap(member, Some(DailyCap::try_from(1).unwrap())).await.unwrap();
    let CapOutcome::Set(budget) = set else { panic!("{set:?}") };
    assert_eq!((budget.daily_cap, budget.resets_at), (Some(1), before.resets_at));
    let begin = async |username: &str| {
        let request = AnalysisRequest {
            username: username.parse().unwrap(),
            business_profile_id: BusinessProfileId::new(stage.member.business_profile_id),
            analysis_type: AnalysisType::Light,
        };
        tenant
            .begin(member, RunId::new(Uuid::now_v7()), &request, &RequiredServices::default(), None, "body")
            .await
            .unwrap()
    };
    assert!(matches!(begin("nasa").await, BeginOutcome::Started(_)));
    let refused = begin("esa").await;
    assert!(
        matches!(refused, BeginOutcome::BudgetExceeded { cap: 1, used: 1, required: 1, resets_in_s: 1.. }),
        "{refused:?}"
    );
    assert!(matches!(tenant.set_daily_cap(member, None).await.unwrap(), CapOutcome::Set(_)));
    assert!(matches!(begin("esa").await, BeginOutcome::Started(_)));

    let stranger = acting(&stage.database.member("eve", 5).await?);
    let eve = oslira_app::features::auth::Member::new(stranger.user(), member.account());
    assert_eq!(tenant.budget(eve).await.unwrap(), None);
    assert_eq!(tenant.set_daily_cap(eve, None).await.unwrap(), CapOutcome::Forbidden);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_request_of_the_wrong_kind_is_not_asked_for_its_cap() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    capped(&stage, Some(0)).await?;
    let nowhere = Request { business_profile: Uuid::now_v7(), ..stage.request("nasa") };
    assert_eq!(begin(&stage.customer, &nowhere).await?["outcome"], "business_profile_not_found");
    Ok(())
}

#[tokio::test]
async fn a_days_sum_that_is_wrong_keeps_no_run_from_its_refund() -> TestResult {
    for damage in ["delete from spending_days", "update spending_days set credits = 0"] {
        let stage = Stage::with_credits(9).await?;
        let run = stage.begun("nasa").await?;
        stage.superuser.batch_execute(damage).await?;
        assert_eq!(outcome(&cancel(&stage.customer, run).await?), "cancelled", "{damage}");
        assert_eq!(stage.balance().await?, 9, "{damage}");
    }
    Ok(())
}
