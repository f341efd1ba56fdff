//! What operators change: each does what it says, once, leaves the books whole, and is written down with what came of it. That nobody else
//! does any of it is tested with all functions of operators.

use futures_util::future::{join, try_join_all};
use oslira_app::{
    features::{
        analysis::{AnalysisRequest, RequiredServices, RunRepository as _, RunStatus, SystemRuns as _},
        auth::Operator,
        billing::{Billing as _, BillingCustomer},
        operators::{
            AdjustOutcome, CreditAdjustment, EventId, EventOutcome, EventState, OperatorDesk as _, PausedService,
            RunOutcome, RunView,
        },
    },
    shared::{
        analysis_type::AnalysisType,
        ids::{AccountId, BusinessProfileId, RunId},
        store::StoreError,
    },
};
use oslira_postgres::OperatorDb;
use oslira_testkit::{Error, TestResult};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    billing::receive,
    bulk::{Purchase, ask, buy},
    operators,
    support::{Stage, acting, advance, begin, cancel, complete, fail, sqlstate},
};

/// A customer with credits, and an operator who is somebody else.
async fn with_operator(credits: i32) -> Result<(Stage, OperatorDb, Operator), Error> {
    let stage = Stage::with_credits(credits).await?;
    let operator = stage.database.member("olga", 0).await?.user_id;
    stage.appoint(operator).await?;
    let db = stage.operators();
    Ok((stage, db, operators::acting(operator)))
}

/// What was written down, oldest first: function, subject, outcome, details.
async fn written(stage: &Stage) -> Result<Value, Error> {
    let sql = "select coalesce(jsonb_agg(jsonb_build_array(a.action, a.subject_id, a.outcome, a.details) order by a.id), '[]')
                 from operator_actions a";
    Ok(stage.superuser.query_one(sql, &[]).await?.get(0))
}

fn adjustment(credits: i64, key: &str) -> CreditAdjustment {
    CreditAdjustment::parse(credits, key).unwrap()
}

#[tokio::test]
async fn credits_are_given_and_taken_once_for_each_key_and_never_below_zero() -> TestResult {
    let (stage, db, olga) = with_operator(10).await?;
    let account = AccountId::new(stage.member.account_id);
    let mut answers = vec![];
    for (credits, key) in [(20, "a"), (20, "a"), (21, "a"), (-31, "b"), (-25, "b"), (-25, "b"), (-5, "c"), (-1, "d")] {
        answers.push(db.adjust(&olga, account, &adjustment(credits, key)).await.unwrap());
    }
    let expected = [
        AdjustOutcome::Done { balance: 30 },
        AdjustOutcome::Repeated { balance: 30 },
        AdjustOutcome::KeyReused,
        AdjustOutcome::BalanceTooLow { balance: 30 },
        AdjustOutcome::Done { balance: 5 },
        AdjustOutcome::Repeated { balance: 5 },
        AdjustOutcome::Done { balance: 0 },
        AdjustOutcome::BalanceTooLow { balance: 0 },
    ];
    assert_eq!(answers, expected);
    let nobody = db.adjust(&olga, AccountId::new(Uuid::now_v7()), &adjustment(1, "a")).await.unwrap();
    assert_eq!(nobody, AdjustOutcome::NotFound);
    assert_eq!(stage.count("credit_transactions where idempotency_key like 'operator:%'").await?, 3);
    let outcomes: Vec<Value> = written(&stage).await?.as_array().unwrap().iter().map(|act| act[2].clone()).collect();
    let told =
        ["ok", "repeated", "key_reused", "balance_too_low", "ok", "repeated", "ok", "balance_too_low", "not_found"];
    assert_eq!(outcomes, told);
    let first = json!(["adjust_credits", stage.member.account_id, "ok", { "credits": 20, "key": "a" }]);
    assert_eq!(written(&stage).await?[0], first);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn an_account_is_told_once_when_a_correction_takes_it_below_its_threshold() -> TestResult {
    let (stage, db, olga) = with_operator(10).await?;
    let account = AccountId::new(stage.member.account_id);
    let alert = "update credit_balances set low_balance_at = 5 where account_id = $1";
    stage.execute(alert, &[&stage.member.account_id]).await?;
    let told = r#"account_events where kind = 'low_balance' and details = '{"balance": 4, "threshold": 5}'"#;
    for (credits, key, events) in [(-5, "a", 0), (-1, "b", 1), (-1, "b", 1), (-1, "c", 1)] {
        db.adjust(&olga, account, &adjustment(credits, key)).await.unwrap();
        assert_eq!(stage.count(told).await?, events, "{credits} {key}");
    }
    assert_eq!(stage.count("account_events").await?, 1);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn an_erased_account_is_given_nothing() -> TestResult {
    let (stage, db, olga) = with_operator(9).await?;
    let account = AccountId::new(stage.member.account_id);
    let run = stage.begun_and("nasa", "saving").await?;
    complete(&stage.backend, run).await?;
    db.adjust(&olga, account, &adjustment(5, "before")).await.unwrap();
    let erase = "update accounts set deleted_at = now(), tombstoned_at = now() where id = $1";
    stage.execute(erase, &[&stage.member.account_id]).await?;
    for credits in [5, -5] {
        let answer = db.adjust(&olga, account, &adjustment(credits, "after")).await.unwrap();
        assert_eq!(answer, AdjustOutcome::Erased, "{credits}");
    }
    let repeat = db.adjust(&olga, account, &adjustment(5, "before")).await.unwrap();
    assert_eq!(repeat, AdjustOutcome::Repeated { balance: 13 });
    assert_eq!(db.refund_run(&olga, RunId::new(run)).await.unwrap(), RunOutcome::Erased);
    assert_eq!(stage.balance().await?, 13);
    assert_eq!(stage.count("operator_actions where outcome = 'erased'").await?, 3);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn what_the_api_never_sends_is_refused_and_leaves_no_trace() -> TestResult {
    let (stage, _, olga) = with_operator(10).await?;
    let session = stage.database.operator(olga.user.uuid()).await?;
    for arguments in ["0, 'k'", "10001, 'k'", "-10001, 'k'", "null, 'k'", "1, null", "1, ''", "1, 'ann@example.com'"] {
        let call =
            format!("select operator.adjust_credits('{}', {arguments}, 'For this test')", stage.member.account_id);
        assert_eq!(session.refusal(&call).await?.as_deref(), Some("22023"), "{arguments}");
    }
    let over = "select operator.pause_service('apify', now() - interval '1 second', 'For this test')";
    assert_eq!(session.refusal(over).await?.as_deref(), Some("22023"));
    let unknown = "select operator.pause_service('stripe', null, 'For this test')";
    assert_eq!(session.refusal(unknown).await?.as_deref(), Some("23514"));
    assert_eq!(written(&stage).await?, json!([]));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn eight_adjustments_at_once_with_one_key_move_credits_once_and_pay_debts_first() -> TestResult {
    let (stage, db, olga) = with_operator(0).await?;
    let account = AccountId::new(stage.member.account_id);
    stage.execute("update credit_balances set owed = 3 where account_id = $1", &[&stage.member.account_id]).await?;
    let gift = adjustment(10, "gift");
    let answers = try_join_all((0..8).map(|_| db.adjust(&olga, account, &gift))).await.unwrap();
    let done = answers.iter().filter(|answer| **answer == AdjustOutcome::Done { balance: 7 }).count();
    let repeated = answers.iter().filter(|answer| **answer == AdjustOutcome::Repeated { balance: 7 }).count();
    assert_eq!((done, repeated), (1, 7), "{answers:?}");
    assert_eq!(stage.balance().await?, 7);
    stage.assert_ledger_is_whole().await
}

/// The run that a command was carried out on.
fn done(outcome: RunOutcome) -> RunView {
    match outcome {
        RunOutcome::Done { run } => run,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_run_under_way_is_woken_and_failed_with_its_refund_and_one_that_ended_is_neither() -> TestResult {
    let (stage, db, olga) = with_operator(5).await?;
    let run = stage.begun_and("nasa", "analyzing").await?;
    let id = RunId::new(run);
    assert_eq!(done(db.wake_run(&olga, id).await.unwrap()).status, RunStatus::Processing);
    assert_eq!(stage.run_field(run, "woken_at").await?, None, "only who wakes it says so");

    let failed = done(db.fail_run(&olga, id).await.unwrap());
    assert_eq!((failed.status, failed.error_code.as_deref()), (RunStatus::Failed, Some("ended_by_operator")));
    assert_eq!(stage.balance().await?, 5);
    assert_eq!(advance(&stage.backend, run, "saving").await?["active"], false);
    for outcome in [db.wake_run(&olga, id).await.unwrap(), db.fail_run(&olga, id).await.unwrap()] {
        assert!(matches!(outcome, RunOutcome::Ended { .. }), "{outcome:?}");
    }
    let nobody = RunId::new(Uuid::now_v7());
    assert_eq!(db.wake_run(&olga, nobody).await.unwrap(), RunOutcome::NotFound);
    assert_eq!(db.fail_run(&olga, nobody).await.unwrap(), RunOutcome::NotFound);
    let expected = json!([
        ["wake_run", run, "asked", {}],
        ["fail_run", run, "ok", {}],
        ["wake_run", run, "ended", {}],
        ["fail_run", run, "ended", {}],
        ["wake_run", nobody, "not_found", {}],
        ["fail_run", nobody, "not_found", {}],
    ]);
    assert_eq!(written(&stage).await?, expected);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn of_a_failing_and_a_completion_at_once_one_wins() -> TestResult {
    let (stage, db, olga) = with_operator(9).await?;
    for number in 0..5 {
        let run = stage.begun_and(&format!("profile_{number}"), "saving").await?;
        let (failed, completed) = join(db.fail_run(&olga, RunId::new(run)), complete(&stage.backend, run)).await;
        let is_failed = matches!(failed.unwrap(), RunOutcome::Done { .. });
        assert_eq!(is_failed, completed?["outcome"] != "completed");
    }
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn what_a_run_cost_is_given_back_once_where_it_was_not_refunded() -> TestResult {
    let (stage, db, olga) = with_operator(9).await?;
    let complete_run = stage.begun_and("nasa", "saving").await?;
    complete(&stage.backend, complete_run).await?;
    let kept = stage.begun_and("esa", "analyzing").await?;
    assert_eq!(cancel(&stage.customer, kept).await?["kept"], 1);
    let (refunded, active) = (stage.begun("jaxa").await?, stage.begun("isro").await?);
    fail(&stage.backend, refunded).await?;
    assert_eq!(stage.balance().await?, 6);
    let used = "spending_days where credits = 3";
    assert_eq!(stage.count(used).await?, 1);

    for run in [complete_run, kept] {
        let answers = try_join_all((0..4).map(|_| db.refund_run(&olga, RunId::new(run)))).await.unwrap();
        for answer in answers {
            let before = stage.run_field(run, "charge_outcome").await?;
            assert_eq!(done(answer).given_back, 1);
            assert_ne!(before.as_deref(), Some("refunded"), "how its charge ended stays");
        }
    }
    assert_eq!(db.refund_run(&olga, RunId::new(refunded)).await.unwrap(), RunOutcome::Refunded);
    assert_eq!(db.refund_run(&olga, RunId::new(active)).await.unwrap(), RunOutcome::Active);
    assert_eq!(db.refund_run(&olga, RunId::new(Uuid::now_v7())).await.unwrap(), RunOutcome::NotFound);
    assert_eq!(stage.balance().await?, 8);
    // It frees nothing of a cap: the day's runs cost what they cost.
    assert_eq!(stage.count(used).await?, 1);
    let entries =
        "credit_transactions where kind = 'adjustment' and idempotency_key = 'goodwill:' || run_id and amount = 1";
    assert_eq!(stage.count(entries).await?, 2);
    let noted = "operator_actions where action = 'refund_run' and outcome = 'repeated'";
    assert_eq!(stage.count(noted).await?, 6);
    stage.assert_ledger_is_whole().await
}

fn state(outcome: &EventOutcome) -> EventState {
    match outcome {
        EventOutcome::Changed { event } => event.outcome,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_event_that_was_not_applied_is_dropped_and_put_back_and_its_effect_comes_once() -> TestResult {
    let (stage, db, olga) = with_operator(0).await?;
    let id = EventId::parse("evt_1").unwrap();
    let due = async || stage.backend.call("select system.claim_events(10)", &[]).await;
    receive(&stage.backend, "evt_1").await?;
    stage.backend.rows("select system.put_off_event('evt_1', true, 'of another version')", &[]).await?;
    assert_eq!(due().await?, json!([]));

    assert_eq!(state(&db.replay_event(&olga, &id).await.unwrap()), EventState::Received);
    assert_eq!(due().await?, json!([{ "id": "evt_1", "payload": "{}" }]));
    assert_eq!(state(&db.drop_event(&olga, &id).await.unwrap()), EventState::Ignored);
    assert!(matches!(db.drop_event(&olga, &id).await.unwrap(), EventOutcome::Done { .. }));
    assert_eq!(due().await?, json!([]));
    // What was dropped, or given up, can be put back.
    assert_eq!(state(&db.replay_event(&olga, &id).await.unwrap()), EventState::Received);
    let nothing = json!({ "kind": "nothing", "note": "no credits" });
    let apply = "select system.apply_event('evt_1', $1)";
    assert_eq!(stage.backend.call(apply, &[&nothing]).await?["outcome"], "ignored");
    stage.execute("update webhook_events set outcome = 'applied'", &[]).await?;
    assert!(matches!(db.replay_event(&olga, &id).await.unwrap(), EventOutcome::Done { .. }));
    assert_eq!(stage.backend.call(apply, &[&nothing]).await?["outcome"], "already");

    stage.execute("update webhook_events set outcome = 'ignored', payload = null", &[]).await?;
    assert_eq!(db.replay_event(&olga, &id).await.unwrap(), EventOutcome::Forgotten);
    assert!(!receive(&stage.backend, "evt_1").await?, "it is done with, whoever sends it again");
    let none = EventId::parse("evt_none").unwrap();
    assert_eq!(db.replay_event(&olga, &none).await.unwrap(), EventOutcome::NotFound);
    assert_eq!(db.drop_event(&olga, &none).await.unwrap(), EventOutcome::NotFound);
    let acts = written(&stage).await?;
    assert_eq!(acts[0], json!(["replay_event", null, "ok", { "event_id": "evt_1" }]));
    assert_eq!(acts[6], json!(["replay_event", null, "not_found", {}]), "what is no event's id is not kept");
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn an_event_that_was_put_back_goes_first_and_waits_since_then() -> TestResult {
    let (stage, db, olga) = with_operator(0).await?;
    for number in 0..30 {
        receive(&stage.backend, &format!("evt_{number:02}")).await?;
    }
    receive(&stage.backend, "evt_old").await?;
    stage
        .execute("update webhook_events set outcome = 'ignored', processed_at = now() where id = 'evt_old'", &[])
        .await?;
    db.replay_event(&olga, &EventId::parse("evt_old").unwrap()).await.unwrap();
    // The one that came last goes first, once: what fails must not keep the others waiting.
    let first = async || stage.backend.call("select system.claim_events(3)", &[]).await;
    assert_eq!(first().await?[0]["id"], "evt_old");
    stage.execute("update webhook_events set next_attempt_at = now() - interval '1 second'", &[]).await?;
    assert_eq!(first().await?[0]["id"], "evt_00");
    stage
        .execute("update webhook_events set received_at = now() - interval '40 days' where id = 'evt_old'", &[])
        .await?;
    stage.superuser.query("select private.put_off('evt_old', 'waiting', 'its payment is not known')", &[]).await?;
    assert_eq!(stage.count("webhook_events where id = 'evt_old' and processed_at is null").await?, 1);
    Ok(())
}

/// What a request for an analysis is answered, and how long it is sent away for.
async fn asked(stage: &Stage, username: &str) -> Result<(String, Option<i64>), Error> {
    let answer = begin(&stage.customer, &stage.request(username)).await?;
    Ok((answer["outcome"].as_str().unwrap().to_owned(), answer["retry_after_s"].as_i64()))
}

#[tokio::test]
async fn while_a_service_or_everything_is_paused_nothing_is_sold_and_what_was_sold_goes_on() -> TestResult {
    let (stage, db, olga) = with_operator(20).await?;
    let earlier = stage.request("earlier").keyed("key");
    let run = crate::support::begun(&stage.customer, &earlier).await?;
    for service in [PausedService::Apify, PausedService::All] {
        let paused = db.pause(&olga, service, None).await.unwrap();
        assert_eq!(paused.iter().map(|pause| (pause.service, pause.ends_at)).collect::<Vec<_>>(), [(service, None)]);
        assert_eq!(asked(&stage, "nasa").await?, ("provider_unavailable".to_owned(), Some(3_600)), "{service:?}");
        let bulk = ask(&stage, &Purchase::of(&["nasa", "esa"])).await?;
        assert_eq!(bulk["outcome"], "provider_unavailable", "{service:?}");
        let dry = ask(&stage, &Purchase::of(&["nasa"]).with(json!({ "dry_run": true }))).await?;
        assert_eq!(dry["refusal"]["outcome"], "provider_unavailable", "{service:?}");
        assert_eq!(begin(&stage.customer, &earlier.again()).await?["outcome"], "replay");
        assert_eq!(db.resume(&olga, service).await.unwrap(), []);
    }
    assert_eq!(stage.balance().await?, 19);
    advance(&stage.backend, run, "saving").await?;
    complete(&stage.backend, run).await?;

    // What another model answers is sold, as in an outage.
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(90);
    db.pause(&olga, PausedService::Openai, Some(soon)).await.unwrap();
    assert_eq!(asked(&stage, "nasa").await?.0, "ok");
    let sold = RunId::new(stage.begun("jaxa").await?);
    let paused = db.pause(&olga, PausedService::Anthropic, None).await.unwrap();
    assert_eq!(paused.len(), 2);
    let assignment = stage.admin().take_up(sold).await.unwrap().unwrap();
    assert_eq!(assignment.paused, ["anthropic", "openai"], "whoever takes a run up learns which");
    let (outcome, wait) = asked(&stage, "esa").await?;
    assert!(outcome == "provider_unavailable" && wait.is_some_and(|wait| (80..=90).contains(&wait)), "{wait:?}");
    // One with an end is over by itself.
    stage.execute("update service_pauses set ends_at = now() where service = 'openai'", &[]).await?;
    assert_eq!(asked(&stage, "esa").await?.0, "ok");
    assert_eq!(stage.admin().take_up(sold).await.unwrap().unwrap().paused, ["anthropic"]);
    assert_eq!(db.pauses(&olga).await.unwrap().len(), 1);
    db.resume(&olga, PausedService::Anthropic).await.unwrap();
    db.resume(&olga, PausedService::Anthropic).await.unwrap();
    let acts = written(&stage).await?;
    assert_eq!(acts[0], json!(["pause_service", null, "ok", { "service": "apify", "ends_at": null }]));
    assert_eq!(
        acts.as_array().unwrap().last(),
        Some(&json!(["resume_service", null, "unchanged", { "service": "anthropic" }]))
    );
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_blocked_account_buys_nothing_keeps_what_it_has_and_buys_again_when_that_is_lifted() -> TestResult {
    let (stage, db, olga) = with_operator(20).await?;
    let (account, member) = (AccountId::new(stage.member.account_id), acting(&stage.member));
    let keyed = stage.request("earlier").keyed("key");
    let run = crate::support::begun(&stage.customer, &keyed).await?;
    let pilot = Purchase::of(&["nasa", "esa"]).with(json!({ "pilot": 1 }));
    buy(&stage, &pilot).await?;
    let top_up = "insert into credit_purchases (id, account_id, pack_id, credits, price_cents, origin)
                  values (gen_random_uuid(), $1, 'pack_20', 20, 2000, 'auto_top_up')";
    stage.execute(top_up, &[&stage.member.account_id]).await?;
    let blocked = db.block(&olga, account).await.unwrap().unwrap();
    assert!(blocked.blocked_at.is_some());
    assert_eq!(
        db.block(&olga, account).await.unwrap().unwrap().blocked_at,
        blocked.blocked_at,
        "a repeat changes nothing"
    );

    let id = stage.member.account_id;
    for (what, refused) in [
        ("an analysis", sqlstate(begin(&stage.customer, &stage.request("jaxa")).await)),
        ("a repeat", sqlstate(begin(&stage.customer, &keyed.again()).await)),
        ("a bulk", sqlstate(ask(&stage, &Purchase::of(&["jaxa"])).await)),
        ("a dry run", sqlstate(ask(&stage, &Purchase::of(&["jaxa"]).with(json!({ "dry_run": true }))).await)),
        ("a pilot's rest", sqlstate(stage.customer.call("select api.continue_bulk($1, '[]')", &[&pilot.bulk]).await)),
        (
            "a pack",
            sqlstate(
                stage.customer.call("select api.begin_purchase($1, gen_random_uuid(), 'pack_20', null)", &[&id]).await,
            ),
        ),
    ] {
        assert_eq!(refused, "OS003", "{what}");
    }
    let tenant = stage.tenant();
    let request = AnalysisRequest {
        username: "jaxa".parse().unwrap(),
        business_profile_id: BusinessProfileId::new(stage.member.business_profile_id),
        analysis_type: AnalysisType::Light,
    };
    let begun =
        tenant.begin(member, RunId::new(Uuid::now_v7()), &request, &RequiredServices::default(), None, "body").await;
    assert!(matches!(begun, Err(StoreError::AccountBlocked)), "{begun:?}");
    assert_eq!(stage.count("credit_purchases where origin = 'auto_top_up' and status = 'failed'").await?, 1);
    assert_eq!(stage.balance().await?, 18);

    // It reads, takes its data out, ends what is under way, and may manage what it pays.
    let customer = tenant.customer(member).await.unwrap();
    assert!(matches!(customer, BillingCustomer::Known { is_blocked: true, .. }), "{customer:?}");
    assert_eq!(
        tenant
            .list(member, oslira_app::shared::pagination::PageQuery { limit: 9, after: None })
            .await
            .unwrap()
            .items
            .len(),
        2
    );
    assert!(!stage.customer.rows("select api.export_rows($1, 'runs', null)", &[&id]).await?.is_empty());
    assert_eq!(cancel(&stage.customer, run).await?["outcome"], "cancelled");
    let seen = stage.customer.call("select api.account($1)", &[&id]).await?;
    assert!(seen["account"]["blocked_at"].is_string(), "{seen}");

    assert_eq!(db.unblock(&olga, account).await.unwrap().unwrap().blocked_at, None);
    stage.begun("jaxa").await?;
    assert!(db.block(&olga, AccountId::new(Uuid::now_v7())).await.unwrap().is_none());
    let outcomes: Vec<Value> = written(&stage).await?.as_array().unwrap().iter().map(|act| act[2].clone()).collect();
    assert_eq!(outcomes, ["ok", "unchanged", "ok", "not_found"]);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn an_account_that_is_unblocked_buys_by_itself_again_where_its_balance_is_too_low() -> TestResult {
    let (stage, db, olga) = with_operator(20).await?;
    let account = AccountId::new(stage.member.account_id);
    let automatic = "insert into auto_top_ups (account_id, is_on, threshold, pack_id, monthly_max_cents)
                     values ($1, true, 20, 'pack_20', 100000)";
    stage.execute(automatic, &[&stage.member.account_id]).await?;
    stage.begun("nasa").await?;
    let open = "credit_purchases where origin = 'auto_top_up' and status = 'open'";
    assert_eq!(stage.count(open).await?, 1);
    db.block(&olga, account).await.unwrap();
    assert_eq!(stage.count(open).await?, 0);
    for _ in 0..2 {
        db.unblock(&olga, account).await.unwrap();
        assert_eq!(stage.count(open).await?, 1, "no charge crosses the threshold again");
    }
    // What was below before is not bought, and nor is anything where there is enough.
    stage.execute("update credit_purchases set status = 'failed', settled_at = now() - interval '1 day'", &[]).await?;
    db.block(&olga, account).await.unwrap();
    db.unblock(&olga, account).await.unwrap();
    assert_eq!(stage.count(open).await?, 0, "this block has ended no purchase");
    // Nor what was asked for before its owner has changed the setting.
    let ask = "insert into credit_purchases (id, account_id, pack_id, credits, price_cents, origin)
               select gen_random_uuid(), account_id, pack_id, credits, price_cents, origin from credit_purchases limit 1";
    stage.execute(ask, &[]).await?;
    db.block(&olga, account).await.unwrap();
    stage.execute("update auto_top_ups set updated_at = clock_timestamp()", &[]).await?;
    db.unblock(&olga, account).await.unwrap();
    assert_eq!(stage.count(open).await?, 0, "its owner has changed the setting since");
    db.block(&olga, account).await.unwrap();
    db.adjust(&olga, account, &adjustment(1, "enough")).await.unwrap();
    db.unblock(&olga, account).await.unwrap();
    assert_eq!(stage.count(open).await?, 0);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn the_subscription_that_a_blocked_account_may_cancel_is_one_that_goes_on() -> TestResult {
    let (stage, db, olga) = with_operator(0).await?;
    let (account, tenant) = (AccountId::new(stage.member.account_id), stage.tenant());
    stage.backend.call("select system.give_plan($1, 'starter')", &[&stage.member.account_id]).await?;
    db.block(&olga, account).await.unwrap();
    let of_stripe = "update subscriptions set stripe_subscription_id = 'sub_1'";
    for (change, expected) in [
        ("update subscriptions set cancel_at = null", None),
        (of_stripe, Some("sub_1")),
        ("update subscriptions set cancel_at = now() + interval '9 days'", None),
        ("update subscriptions set cancel_at = null", Some("sub_1")),
    ] {
        stage.execute(change, &[]).await?;
        match tenant.customer(acting(&stage.member)).await.unwrap() {
            BillingCustomer::Known { subscription_id, .. } => {
                assert_eq!(subscription_id.as_deref(), expected, "{change}")
            }
            BillingCustomer::Forbidden => panic!("an owner may know"),
        }
    }
    Ok(())
}
