//! Packs: who may buy one, and that it is granted once.

use futures_util::future::try_join_all;
use oslira_testkit::TestResult;
use serde_json::json;
use uuid::Uuid;

use super::{applied, begun_purchase, bought, grants, paid, tell};
use crate::support::{Stage, sqlstate};

#[tokio::test]
async fn two_events_for_one_purchase_grant_once() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let purchase = bought(&stage).await?;
    for event in ["evt_again", "evt_payment_intent", "evt_again"] {
        tell(&stage.backend, event, &paid(purchase)).await?;
    }
    assert_eq!(grants(&stage).await?, ["free:0", "pack:20"]);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn thirty_two_events_at_once_for_one_purchase_grant_once() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let purchase = begun_purchase(&stage, "pack_100").await?;
    let _turn = stage.database.crowd_turn().await?;
    let crowd = stage.backend_crowd().await?;
    let effect = paid(purchase);
    let events = crowd.iter().enumerate().map(|(number, session)| {
        let effect = &effect;
        // Some of them are the same event.
        async move { tell(session, &format!("evt_{}", number / 2), effect).await }
    });
    try_join_all(events).await?;
    assert_eq!(stage.balance().await?, 100);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn what_nobody_set_out_to_buy_waits_and_what_costs_nothing_is_not_granted() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let unknown = tell(&stage.backend, "evt_1", &paid(Uuid::now_v7())).await?;
    assert_eq!(unknown["outcome"], "waiting");
    assert_eq!(
        stage.count("webhook_events where outcome = 'waiting' and processed_at is null and attempts = 1").await?,
        1
    );
    let purchase = begun_purchase(&stage, "pack_20").await?;
    for cents in [0, -1] {
        let mut free = paid(purchase);
        free["amount_cents"] = json!(cents);
        assert_eq!(tell(&stage.backend, &format!("evt_{cents}"), &free).await?["outcome"], "ignored");
    }
    assert_eq!(stage.balance().await?, 0);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_purchase_grants_what_was_on_sale_when_it_was_begun() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let purchase = begun_purchase(&stage, "pack_20").await?;
    stage.execute("update credit_packs set credits = 1", &[]).await?;
    applied(&stage, "evt_1", &paid(purchase)).await?;
    assert_eq!(stage.balance().await?, 20);
    Ok(())
}

#[tokio::test]
async fn a_purchase_that_failed_and_is_paid_after_all_is_granted() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let purchase = begun_purchase(&stage, "pack_20").await?;
    let failed = json!({ "kind": "failed_purchase", "purchase_id": purchase });
    applied(&stage, "evt_1", &failed).await?;
    applied(&stage, "evt_2", &paid(purchase)).await?;
    applied(&stage, "evt_3", &failed).await?;
    assert_eq!(stage.balance().await?, 20);
    assert_eq!(stage.count("credit_purchases where status = 'paid'").await?, 1);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn only_an_owner_buys_links_a_customer_or_sets_thresholds() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let (account, other) = (stage.member.account_id, stage.database.member("bob", 0).await?);
    let colleague = stage.database.member("cleo", 0).await?;
    stage
        .execute(
            "insert into account_members (user_id, account_id, role) values ($1, $2, 'member')",
            &[&colleague.user_id, &account],
        )
        .await?;
    let stranger = stage.database.customer(other.user_id).await?;
    let member = stage.database.customer(colleague.user_id).await?;
    for (sql, parameter) in [
        ("select api.begin_purchase($1, gen_random_uuid(), $2, null)", "pack_20"),
        ("select api.link_customer($1, $2)", "cus_1"),
        ("select api.billing_customer($1) from (select $2::text) x", ""),
        ("select api.set_credit_alerts($1, 5, null) from (select $2::text) x", ""),
    ] {
        assert_eq!(stranger.call(sql, &[&account, &parameter]).await?["outcome"], "forbidden", "{sql}");
        assert_eq!(sqlstate(member.call(sql, &[&account, &parameter]).await), "OS001", "{sql}");
        assert_eq!(stage.customer.call(sql, &[&account, &parameter]).await?["outcome"], "ok", "{sql}");
    }
    // The first customer stays, and belongs to no other account.
    let link = "select api.link_customer($1, $2)";
    assert_eq!(stage.customer.call(link, &[&account, &"cus_2"]).await?["customer_id"], "cus_1");
    assert_eq!(sqlstate(stranger.call(link, &[&other.account_id, &"cus_1"]).await), "23505");
    // A key is repeated for a day, within its account.
    let begin = "select api.begin_purchase($1, gen_random_uuid(), $2, 'key')";
    let first = stage.customer.call(begin, &[&account, &"pack_20"]).await?;
    assert_eq!(stage.customer.call(begin, &[&account, &"pack_20"]).await?, first);
    let reused = stage.customer.call(begin, &[&account, &"pack_100"]).await?;
    assert_eq!(reused["outcome"], "idempotency_key_reused");
    assert_ne!(stranger.call(begin, &[&other.account_id, &"pack_20"]).await?["purchase_id"], first["purchase_id"]);
    stage.execute("update credit_purchases set created_at = created_at - interval '23 hours'", &[]).await?;
    let later = stage.customer.call(begin, &[&account, &"pack_20"]).await?;
    assert_ne!(
        later["purchase_id"], first["purchase_id"],
        "Stripe may have forgotten the key, and would be paid twice"
    );
    assert_eq!(stage.customer.call(begin, &[&account, &"pack_20"]).await?, later);
    let unknown =
        stage.customer.call("select api.begin_purchase($1, gen_random_uuid(), 'pack_1', null)", &[&account]).await?;
    assert_eq!(unknown["outcome"], "unknown_pack");
    Ok(())
}
