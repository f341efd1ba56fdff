//! Stripe's events, in every order and any number: the same state in the end.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use oslira_testkit::{Error, TestResult, audit};
use serde_json::{Value, json};

use super::{STARTER, invoice, line, receive, subscription, tell, with};
use crate::support::Stage;

const FIRST: &str = "2026-10-26T00:00:00Z";
const SECOND: &str = "2026-11-26T00:00:00Z";
const THIRD: &str = "2026-12-26T00:00:00Z";

/// Six events of a subscription's life, each with the state of its moment.
fn life(stage: &Stage) -> [(&'static str, Value); 6] {
    let first = subscription(stage, STARTER, FIRST, SECOND);
    let second =
        with(first.clone(), &json!({ "period_starts_at": SECOND, "period_ends_at": THIRD, "observed_at": SECOND }));
    let overdue = with(second.clone(), &json!({ "status": "past_due", "observed_at": "2026-11-26T01:00:00Z" }));
    let over = with(
        overdue.clone(),
        &json!({ "status": "canceled", "ended_at": "2026-11-26T02:00:00Z", "observed_at": "2026-11-26T02:00:00Z" }),
    );
    [
        ("evt_created", json!({ "kind": "subscription", "subscription": first })),
        ("evt_paid", invoice("in_1", &first, &[line(STARTER, FIRST, SECOND, 2000)])),
        ("evt_renewed", json!({ "kind": "subscription", "subscription": second })),
        ("evt_paid_again", invoice("in_2", &second, &[line(STARTER, SECOND, THIRD, 2000)])),
        (
            "evt_failed",
            json!({ "kind": "failed_invoice", "subscription": overdue, "invoice_id": "in_3", "amount_cents": 2000 }),
        ),
        ("evt_deleted", json!({ "kind": "subscription", "subscription": over })),
    ]
}

/// Everything that a customer could notice.
async fn state(stage: &Stage) -> Result<Value, Error> {
    let sql = "select jsonb_build_object(
        'balance', (select balance from credit_balances), 'plan', (select plan_id from accounts),
        'subscription', (select to_jsonb(s) - 'id' - 'created_at' - 'account_id' from subscriptions s),
        'entries', (select jsonb_object_agg(kind, n) from (select kind, count(*) n from credit_transactions group by kind) k),
        'grants', (select jsonb_agg(jsonb_build_array(period_starts_at, amount, remaining) order by period_starts_at)
                     from credit_grants where source = 'plan'),
        'told', (select count(*) from account_events),
        'unapplied', (select count(*) from webhook_events where processed_at is null))";
    Ok(stage.superuser.query_one(sql, &[]).await?.get(0))
}

fn permutations(length: usize) -> Vec<Vec<usize>> {
    let Some(shorter) = length.checked_sub(1) else { return vec![vec![]] };
    let places = permutations(shorter).into_iter().flat_map(|rest| (0..length).map(move |at| (rest.clone(), at)));
    places
        .map(|(mut rest, at)| {
            rest.insert(at, shorter);
            rest
        })
        .collect()
}

#[tokio::test]
async fn six_events_of_a_life_come_to_the_same_in_every_order() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let life = life(&stage);
    let mut states: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let orders = permutations(life.len());
    assert_eq!(orders.len(), 720);
    for order in orders {
        // One transaction that is undone for each order: a database of its own would take half an hour.
        stage.superuser.batch_execute("begin").await?;
        for at in &order {
            let (event, effect) = &life[*at];
            let receive = "select system.receive_event($1, 'test', null, '{}', true)";
            stage.superuser.query(receive, &[event]).await?;
            stage.superuser.query("select system.apply_event($1, $2)", &[event, effect]).await?;
        }
        assert_eq!(audit(&stage.superuser).await?, [""; 0], "{order:?}");
        states.insert(state(&stage).await?.to_string(), order);
        stage.superuser.batch_execute("rollback").await?;
    }
    assert_eq!(states.len(), 1, "{states:#?}");
    let (only, _) = states.first_key_value().unwrap();
    let only: Value = serde_json::from_str(only).unwrap();
    let end = (&only["balance"], &only["plan"], &only["subscription"]["status"]);
    assert_eq!(end, (&json!(25), &json!("free"), &json!("canceled")));
    Ok(())
}

#[tokio::test]
async fn events_once_twice_and_thirty_two_at_once_come_to_the_same() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let events = life(&stage);
    for (event, effect) in &events {
        tell(&stage.backend, event, effect).await?;
    }
    let once = state(&stage).await?;
    for (event, effect) in &events {
        assert_eq!(tell(&stage.backend, event, effect).await?, json!({ "outcome": "already" }));
    }
    assert_eq!(state(&stage).await?, once, "twice");

    let other = Stage::with_credits(0).await?;
    let _turn = other.database.crowd_turn().await?;
    let crowd = other.backend_crowd().await?;
    let events = life(&other);
    let telling = crowd.iter().enumerate().map(|(number, session)| {
        let events = &events;
        async move {
            for step in 0..events.len() {
                let (event, effect) = &events[(step + number) % events.len()];
                tell(session, event, effect).await?;
            }
            Ok::<_, Error>(())
        }
    });
    try_join_all(telling).await?;
    assert_eq!(state(&other).await?, once, "thirty-two at once");
    other.assert_ledger_is_whole().await
}

#[tokio::test]
async fn one_invoice_under_many_event_ids_grants_once() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let (_, effect) = life(&stage)[1].clone();
    let _turn = stage.database.crowd_turn().await?;
    let crowd = stage.backend_crowd().await?;
    let telling = crowd.iter().enumerate().map(|(number, session)| {
        let effect = &effect;
        async move { tell(session, &format!("evt_{number}"), effect).await }
    });
    try_join_all(telling).await?;
    assert_eq!(stage.balance().await?, 25);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_renewal_that_runs_twice_beside_the_event_grants_once() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let begun = "select to_json(now() - interval '45 days') #>> '{}', to_json(now() + interval '320 days') #>> '{}'";
    let row = stage.superuser.query_one(begun, &[]).await?;
    let (start, end): (String, String) = (row.get(0), row.get(1));
    let year = subscription(&stage, "starter_year", &start, &end);
    let told = json!({ "kind": "subscription", "subscription": year });
    tell(&stage.backend, "evt_created", &told).await?;
    let paid = invoice("in_1", &year, &[line("starter_year", &start, &end, 20_000)]);
    let _turn = stage.database.crowd_turn().await?;
    let crowd = stage.backend_crowd().await?;
    let racing = crowd.iter().enumerate().map(|(number, session)| {
        let paid = &paid;
        async move {
            if number % 3 == 0 {
                tell(session, &format!("evt_{number}"), paid).await
            } else {
                let renew = "select to_jsonb(system.renew_subscription(id, clock_timestamp())) from subscriptions";
                session.call(renew, &[]).await
            }
        }
    });
    try_join_all(racing).await?;
    // Two months have begun by now, and the rest of the first does not roll over.
    assert_eq!(stage.count("credit_grants where source = 'plan'").await?, 2);
    assert_eq!(stage.balance().await?, 25);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn received_and_applied_are_two_facts() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let (event, effect) = life(&stage)[1].clone();
    assert!(receive(&stage.backend, event).await?);
    assert!(receive(&stage.backend, event).await?, "a consumer that died before the effect has lost nothing");
    assert_eq!(stage.balance().await?, 0);

    // It dies in the middle of the effect.
    stage.backend.open().await?;
    stage.backend.client().query("select system.apply_event($1, $2)", &[&event, &effect]).await?;
    stage.backend.client().batch_execute("rollback").await?;
    assert_eq!((stage.balance().await?, receive(&stage.backend, event).await?), (0, true));

    tell(&stage.backend, event, &effect).await?;
    assert!(!receive(&stage.backend, event).await?, "a consumer that died after the commit changes nothing");
    assert_eq!(tell(&stage.backend, event, &effect).await?["outcome"], "already");
    assert_eq!(stage.balance().await?, 25);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn an_event_that_fails_is_put_off_and_claimed_again() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    receive(&stage.backend, "evt_1").await?;
    let claim = "select system.claim_events(10)";
    assert_eq!(stage.backend.call(claim, &[]).await?, json!([{ "id": "evt_1", "payload": "{}" }]));
    assert_eq!(stage.backend.call(claim, &[]).await?, json!([]));
    for (attempts, minutes) in [(1, 1), (2, 2), (3, 4)] {
        stage.backend.rows("select system.put_off_event('evt_1', false, 'stripe is not available')", &[]).await?;
        let due = format!(
            "webhook_events where attempts = {attempts} and outcome = 'received' and note = 'stripe is not available'
               and next_attempt_at between now() + interval '{minutes} minutes' - interval '10 seconds' and now() + interval '{minutes} minutes'"
        );
        assert_eq!(stage.count(&due).await?, 1, "{attempts}");
    }
    stage.backend.rows("select system.put_off_event('evt_1', true, 'version 2020-03-02')", &[]).await?;
    assert_eq!(stage.count("webhook_events where outcome = 'unreadable' and processed_at is null").await?, 1);
    stage.execute("update webhook_events set next_attempt_at = now()", &[]).await?;
    assert_eq!(stage.backend.call(claim, &[]).await?[0]["id"], "evt_1");
    let missed = "select system.missed_events('[\"evt_1\", \"evt_2\", \"evt_3\"]')";
    assert_eq!(stage.backend.call(missed, &[]).await?, json!(["evt_2", "evt_3"]));
    Ok(())
}

#[tokio::test]
async fn an_event_of_an_unknown_account_waits_until_the_account_is_known() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let stranger = with(subscription(&stage, STARTER, FIRST, SECOND), &json!({ "account_id": null }));
    let paid = invoice("in_1", &stranger, &[line(STARTER, FIRST, SECOND, 2000)]);
    assert_eq!(tell(&stage.backend, "evt_1", &paid).await?["outcome"], "waiting");
    stage.customer.call("select api.link_customer($1, 'cus_1')", &[&stage.member.account_id]).await?;
    assert_eq!(tell(&stage.backend, "evt_1", &paid).await?["outcome"], "applied");
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn what_has_waited_for_thirty_days_in_vain_is_given_up() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let unknown = json!({ "kind": "refund", "payment_intent_id": "pi_unknown", "refunded_cents": 100 });
    assert_eq!(tell(&stage.backend, "evt_1", &unknown).await?["outcome"], "waiting");
    stage.execute("update webhook_events set received_at = now() - interval '31 days'", &[]).await?;
    tell(&stage.backend, "evt_1", &unknown).await?;
    let given_up = "webhook_events where outcome = 'ignored' and processed_at is not null and note like 'given up: %'";
    assert_eq!(stage.count(given_up).await?, 1);
    // What nobody could read is kept.
    receive(&stage.backend, "evt_2").await?;
    stage.execute("update webhook_events set received_at = now() - interval '31 days'", &[]).await?;
    stage.backend.rows("select system.put_off_event('evt_2', true, 'version 2020-03-02')", &[]).await?;
    assert_eq!(stage.count("webhook_events where id = 'evt_2' and processed_at is null").await?, 1);
    Ok(())
}

#[tokio::test]
async fn what_a_consumer_is_about_to_apply_is_nobody_elses_for_five_minutes() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    for (event, is_taken) in [("evt_taken", true), ("evt_free", false)] {
        let receive = "select to_jsonb(system.receive_event($1, 'test', null, '{}', $2))";
        assert_eq!(stage.backend.call(receive, &[&event, &is_taken]).await?, json!(true));
    }
    let claim = "select system.claim_events(10)";
    assert_eq!(stage.backend.call(claim, &[]).await?, json!([{ "id": "evt_free", "payload": "{}" }]));
    stage.execute("update webhook_events set next_attempt_at = next_attempt_at - interval '5 minutes'", &[]).await?;
    assert_eq!(stage.backend.call(claim, &[]).await?.as_array().map(Vec::len), Some(2), "its consumer has died");
    Ok(())
}
