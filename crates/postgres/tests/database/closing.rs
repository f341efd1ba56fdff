//! An account is closed by an owner and opened again: nothing is spent or seen meanwhile, and no credit is lost.

use futures_util::future::{join, join_all, try_join_all};
use oslira_app::features::{
    account::{AccountOutcome, AccountState, AccountStore as _, CloseOutcome, RestoreOutcome},
    auth::{ApiKeys as _, KeySecret, Memberships as _},
    retention::{Remains, RemainsStore as _},
};
use oslira_testkit::{Error, Session, TestResult};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    bulk::{Purchase, buy},
    members::colleague,
    support::{CROWD, Request, Stage, acting, advance, begin, cancel, complete, fail, outcome, sqlstate},
};

const CLOSE: &str = "select api.close_account($1, $2)";
const RESTORE: &str = "select api.restore_account($1)";

async fn name(stage: &Stage) -> Result<String, Error> {
    let sql = "select name from accounts where id = $1";
    Ok(stage.superuser.query_one(sql, &[&stage.member.account_id]).await?.get(0))
}

async fn close(by: &Session, stage: &Stage) -> Result<Value, Error> {
    by.call(CLOSE, &[&stage.member.account_id, &name(stage).await?]).await
}

async fn restore(by: &Session, stage: &Stage) -> Result<Value, Error> {
    by.call(RESTORE, &[&stage.member.account_id]).await
}

async fn age(stage: &Stage, days: f64) -> TestResult {
    let sql = "update accounts set deleted_at = deleted_at - make_interval(secs => $2::float8 * 86400) where id = $1";
    stage.execute(sql, &[&stage.member.account_id, &days]).await?;
    Ok(())
}

async fn actions(stage: &Stage) -> Result<Vec<(String, Value)>, Error> {
    let sql = "select action, details from member_actions where account_id = $1 and action like 'account%' order by id";
    let rows = stage.superuser.query(sql, &[&stage.member.account_id]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

#[tokio::test]
async fn a_closed_account_is_seen_by_its_owners_alone_and_comes_back_as_it_was() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    let (tenant, account) = (stage.tenant(), stage.member.account_id);
    let (_, admin) = colleague(&stage, "amy", "admin").await?;
    let secret = KeySecret::new(&"a".repeat(64));
    let make = "select api.create_key($1, gen_random_uuid(), 'Import', '{read,analyse}', null, null, null, $2, $3)";
    stage.customer.call(make, &[&account, &secret.shown(), &secret.hash().as_str()]).await?;
    let guest = stage.database.member("guest", 0).await?;
    let to: String =
        stage.superuser.query_one("select email::text from auth.users where id = $1", &[&guest.user_id]).await?.get(0);
    let invite = "select api.invite_member($1, gen_random_uuid(), $2, 'viewer', null, null, repeat('ab', 32))";
    stage.customer.call(invite, &[&account, &to]).await?;
    let accept = "select api.accept_invitation(repeat('ab', 32))";
    let guest = stage.database.customer(guest.user_id).await?;
    let alerts = json!({ "is_on": true, "threshold": 1, "pack": "pack_20", "monthly_max_cents": 2000 });
    stage.customer.call("select api.set_credit_alerts($1, 7, $2)", &[&account, &alerts]).await?;

    let closed = close(&stage.customer, &stage).await?;
    assert_eq!((outcome(&closed), &closed["account"]["state"]), ("ok", &json!("closed")));
    for session in [&stage.customer, &admin] {
        assert_eq!(begin(session, &stage.request("nasa")).await?, json!({ "outcome": "forbidden" }));
        for table in ["accounts", "leads", "credit_balances", "credit_transactions"] {
            let sql =
                format!("select from {table} where {} = $1", if table == "accounts" { "id" } else { "account_id" });
            assert_eq!(session.rows(&sql, &[&account]).await?.len(), 0, "{table}");
        }
        for call in ["api.list_keys($1)", "api.list_invitations($1)", "api.billing_customer($1)"] {
            assert_eq!(outcome(&session.call(&format!("select {call}"), &[&account]).await?), "forbidden", "{call}");
        }
    }
    assert!(tenant.resolve(&secret.hash()).await.unwrap().is_none());
    assert_eq!(guest.call(accept, &[]).await?["outcome"], "not_found");
    assert_eq!(outcome(&admin.call("select api.account($1)", &[&account]).await?), "forbidden");
    assert_eq!(outcome(&restore(&admin, &stage).await?), "forbidden");
    let AccountOutcome::Found { account: seen } = tenant.account(acting(&stage.member)).await.unwrap() else {
        panic!("an owner sees it");
    };
    assert_eq!(seen.state, AccountState::Closed);
    let owned = tenant.closed_accounts_of(acting(&stage.member).user()).await.unwrap();
    assert_eq!((owned.len(), owned[0].account_id.uuid(), Some(owned[0].erased_after)), (1, account, seen.erased_after));
    assert!(tenant.accounts_of(acting(&stage.member).user()).await.unwrap().is_empty());

    let RestoreOutcome::Open { account: seen } = tenant.restore(acting(&stage.member)).await.unwrap() else {
        panic!("an owner opens it");
    };
    assert_eq!((seen.state, seen.closed_at, seen.erased_after), (AccountState::Open, None, None));
    assert!(tenant.resolve(&secret.hash()).await.unwrap().is_some());
    assert_eq!(guest.call(accept, &[]).await?["outcome"], "ok");
    assert_eq!(outcome(&begin(&admin, &stage.request("nasa")).await?), "ok");
    // Buying by itself is for an owner to turn on again.
    assert_eq!(stage.count("auto_top_ups where is_on").await?, 0);
    let audited: Vec<String> = actions(&stage).await?.into_iter().map(|action| action.0).collect();
    assert_eq!(audited, ["account_closed", "account_restored"]);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn what_is_under_way_is_refunded_or_goes_on_to_its_result() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    let (pending, scraping) = (stage.begun("pending").await?, stage.begun_and("scraping", "scraping").await?);
    let judged = stage.begun_and("judged", "analyzing").await?;
    let piloted = Purchase::of(&["line_one", "line_two", "waiting"]).with(json!({ "pilot": 2 }));
    buy(&stage, &piloted).await?;
    advance(&stage.backend, piloted.run(0), "analyzing").await?;
    assert_eq!(stage.balance().await?, 45);

    close(&stage.customer, &stage).await?;
    for run in [pending, scraping, piloted.run(1)] {
        assert_eq!(
            stage.run_field(run, "status || ' ' || charge_outcome").await?.as_deref(),
            Some("cancelled refunded")
        );
    }
    assert_eq!(stage.balance().await?, 48);
    let (_, details) = actions(&stage).await?.remove(0);
    assert_eq!(details, json!({ "runs_cancelled": 3, "credits_returned": 3, "runs_going_on": 2 }));
    for run in [judged, piloted.run(0)] {
        assert_eq!(complete(&stage.backend, run).await?["outcome"], "completed");
    }
    stage.backend.rows("select system.end_finished_bulks(10)", &[]).await?;
    assert_eq!(stage.count("bulk_runs where status = 'complete' and rest is null").await?, 1);
    restore(&stage.customer, &stage).await?;
    let goes_on = "select api.continue_bulk($1, '[[\"apify\"]]')";
    assert_eq!(outcome(&stage.customer.call(goes_on, &[&piloted.bulk]).await?), "nothing_to_continue");
    assert_eq!((stage.balance().await?, stage.count("leads").await?), (48, 2));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn closing_gives_no_more_scrapes_for_nothing_than_cancelling() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    for number in 0..7 {
        stage.begun(&format!("first_{number}")).await?;
    }
    close(&stage.customer, &stage).await?;
    restore(&stage.customer, &stage).await?;
    // Lines of a list are scraped for from their purchase on, too.
    let names: Vec<String> = (0..7).map(|number| format!("second_{number}")).collect();
    buy(&stage, &Purchase::of(&names.iter().map(String::as_str).collect::<Vec<_>>())).await?;
    close(&stage.customer, &stage).await?;
    let refunded: Vec<Value> = actions(&stage)
        .await?
        .into_iter()
        .filter(|action| action.0 == "account_closed")
        .map(|action| action.1)
        .collect();
    assert_eq!((&refunded[0]["runs_cancelled"], &refunded[1]["runs_cancelled"]), (&json!(7), &json!(3)));
    assert_eq!((&refunded[1]["runs_going_on"], stage.balance().await?), (&json!(4), 46));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn only_an_owner_who_names_it_closes_an_account() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    for role in ["viewer", "member", "admin"] {
        let (_, session) = colleague(&stage, role, role).await?;
        assert_eq!(sqlstate(close(&session, &stage).await), "OS001", "{role}");
        assert_eq!(sqlstate(restore(&session, &stage).await), "OS001", "{role}");
    }
    let stranger = stage.database.customer(stage.database.member("eve", 0).await?.user_id).await?;
    for answer in [close(&stranger, &stage).await?, restore(&stranger, &stage).await?] {
        assert_eq!(answer, json!({ "outcome": "forbidden" }));
    }
    let tenant = stage.tenant();
    let right = name(&stage).await?;
    for wrong in ["", "ann ", &right.to_uppercase(), "something else"] {
        assert_eq!(tenant.close(acting(&stage.member), wrong).await.unwrap(), CloseOutcome::NameMismatch, "{wrong}");
    }
    assert_eq!(stage.count("accounts where deleted_at is not null").await?, 0);

    let first = close(&stage.customer, &stage).await?;
    assert_eq!(close(&stage.customer, &stage).await?, first, "a repeat");
    let (_, second) = colleague(&stage, "olga", "owner").await?;
    assert_eq!(close(&second, &stage).await?, first, "another owner");
    let open = restore(&second, &stage).await?;
    assert_eq!(restore(&stage.customer, &stage).await?, open);
    assert_eq!(actions(&stage).await?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn an_account_that_pays_for_a_subscription_is_not_closed_before_that_is_cancelled() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let subscribe = "insert into subscriptions (account_id, plan_id, stripe_subscription_id, status, billing_interval, anchor_at,
                       current_period_starts_at, current_period_ends_at, observed_at)
                     values ($1, 'growth', 'sub_1', 'active', 'month', now(), now(), now() + interval '1 month', now())";
    stage.execute(subscribe, &[&stage.member.account_id]).await?;
    for status in ["active", "trialing", "past_due", "unpaid", "paused"] {
        stage.execute("update subscriptions set status = $1", &[&status]).await?;
        let refused = close(&stage.customer, &stage).await?;
        assert_eq!(refused, json!({ "outcome": "subscription_active" }), "{status}");
    }
    for harmless in [
        "update subscriptions set status = 'active', cancel_at = now() + interval '20 days'",
        "update subscriptions set status = 'canceled', ended_at = now(), cancel_at = null",
        "update subscriptions set status = 'incomplete', ended_at = null",
        // A plan of an operator's costs nothing.
        "update subscriptions set status = 'active', stripe_subscription_id = null",
    ] {
        stage.execute(harmless, &[]).await?;
        assert_eq!(outcome(&close(&stage.customer, &stage).await?), "ok", "{harmless}");
        assert_eq!(outcome(&restore(&stage.customer, &stage).await?), "ok");
    }
    Ok(())
}

#[tokio::test]
async fn an_account_comes_back_for_as_long_as_the_clean_up_waits_and_never_in_parts() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let undo: i64 =
        stage.superuser.query_one("select extract(epoch from private.undo_time())::bigint", &[]).await?.get(0);
    assert_eq!(undo, Remains::Accounts.kept_for().as_secs());
    close(&stage.customer, &stage).await?;
    age(&stage, 29.99).await?;
    assert_eq!(outcome(&restore(&stage.customer, &stage).await?), "ok");
    close(&stage.customer, &stage).await?;
    age(&stage, 30.01).await?;
    assert_eq!(restore(&stage.customer, &stage).await?, json!({ "outcome": "too_late" }));
    assert_eq!(stage.tenant().closed_accounts_of(acting(&stage.member).user()).await.unwrap().len(), 1);

    // A job whose clock is ahead has begun with it: what is gone already would be missing.
    let ahead = Stage::with_credits(9).await?;
    fail(&ahead.backend, ahead.begun("nasa").await?).await?;
    close(&ahead.customer, &ahead).await?;
    let tomorrow = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24);
    assert_eq!(ahead.admin().remove(Remains::Accounts, tomorrow, 1).await.unwrap(), 1);
    assert_eq!(ahead.count("accounts where tombstoned_at is null").await?, 1, "only begun");
    assert_eq!(restore(&ahead.customer, &ahead).await?, json!({ "outcome": "forbidden" }));
    assert_eq!(close(&ahead.customer, &ahead).await?, json!({ "outcome": "forbidden" }));
    assert!(ahead.tenant().closed_accounts_of(acting(&ahead.member).user()).await.unwrap().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_charge_comes_before_the_end_or_not_at_all() -> TestResult {
    let stage = Stage::with_credits(100).await?;
    let _turn = stage.database.crowd_turn().await?;
    let crowd = stage.crowd().await?;
    let requests: Vec<Request> = (0..CROWD).map(|number| stage.request(&format!("profile_{number}"))).collect();
    let charges = try_join_all(crowd.iter().zip(&requests).map(|(session, request)| begin(session, request)));
    let (charged, closed) = join(charges, close(&stage.customer, &stage)).await;
    assert_eq!(outcome(&closed?), "ok");
    let bought = charged?.iter().filter(|answer| outcome(answer) == "ok").count();
    let active = stage.count("runs where status in ('pending', 'processing')").await?;
    let cancelled = stage.count("runs where status = 'cancelled' and charge_outcome = 'refunded'").await?;
    assert_eq!(i64::try_from(bought).unwrap(), active + cancelled, "each was refunded or goes on");
    assert_eq!(stage.balance().await?, 100 - active);
    assert_eq!(begin(&stage.customer, &stage.request("late")).await?, json!({ "outcome": "forbidden" }));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn sixteen_who_close_and_sixteen_who_open_at_once_leave_it_in_one_of_both_states() -> TestResult {
    let stage = Stage::with_credits(100).await?;
    let _turn = stage.database.crowd_turn().await?;
    let crowd = stage.crowd().await?;
    let run = stage.begun("nasa").await?;
    let both = join_all(crowd.iter().enumerate().map(|(number, session)| {
        let stage = &stage;
        async move { if number % 2 == 0 { close(session, stage).await } else { restore(session, stage).await } }
    }));
    let (answers, cancelled) = join(both, cancel(&stage.customer, run)).await;
    for answer in answers {
        assert_eq!(outcome(&answer?), "ok");
    }
    cancelled?;
    let happened: Vec<String> = actions(&stage).await?.into_iter().map(|action| action.0).collect();
    let in_turn = happened
        .iter()
        .enumerate()
        .all(|(number, action)| action == if number % 2 == 0 { "account_closed" } else { "account_restored" });
    assert!(in_turn && !happened.is_empty(), "{happened:?}");
    let is_closed = stage.count("accounts where deleted_at is not null").await? == 1;
    assert_eq!(is_closed, happened.len() % 2 == 1);
    assert_eq!(stage.balance().await?, 100, "refunded once");
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_user_who_is_deleted_leaves_a_closed_account_without_ado() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let (olga, second) = colleague(&stage, "olga", "owner").await?;
    close(&stage.customer, &stage).await?;
    stage.execute("delete from auth.users where id = $1", &[&stage.member.user_id]).await?;
    assert_eq!(outcome(&restore(&second, &stage).await?), "ok");
    close(&second, &stage).await?;
    stage.execute("delete from auth.users where id = $1", &[&olga]).await?;
    assert_eq!(restore(&second, &stage).await?, json!({ "outcome": "forbidden" }));
    let nobody = stage.database.customer(Uuid::now_v7()).await?;
    assert_eq!(close(&nobody, &stage).await?, json!({ "outcome": "forbidden" }));
    Ok(())
}
