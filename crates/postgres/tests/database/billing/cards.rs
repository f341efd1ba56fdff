//! Free credits once per person, as far as the cards tell that people pay with.

use oslira_app::features::billing::{BillingStore as _, Payer};
use oslira_testkit::{Error, Member, Session, TestResult};
use serde_json::json;
use uuid::Uuid;

use super::{applied, begun_purchase, bought, give, paid, spend};
use crate::support::{Stage, begin, fail};

const CARD: &str = "AOB934RVNwzk6xtn";

/// Another account with its 10 free credits.
async fn other(stage: &Stage, name: &str) -> Result<Member, Error> {
    stage.database.member(name, 10).await
}

/// Stripe lists these cards of the account's customer; returns the credits that ended.
async fn note(session: &Session, account: Uuid, cards: &[&str]) -> Result<i64, Error> {
    let sql = "select to_jsonb(system.note_cards($1, $2, clock_timestamp()))";
    Ok(session.call(sql, &[&account, &json!(cards)]).await?.as_i64().unwrap())
}

/// What is left of the account's grants, as "source:amount left", the oldest first.
async fn left(stage: &Stage, account: Uuid) -> Result<Vec<String>, Error> {
    let sql = "select source || ':' || remaining from credit_grants where account_id = $1 order by id";
    Ok(stage.superuser.query(sql, &[&account]).await?.iter().map(|row| row.get(0)).collect())
}

#[tokio::test]
async fn a_second_account_with_the_card_loses_what_is_left_of_its_free_credits_once() -> TestResult {
    // The stage's account is the second.
    let stage = Stage::with_credits(10).await?;
    let (first, second) = (other(&stage, "first").await?.account_id, stage.member.account_id);
    assert_eq!(note(&stage.backend, first, &[CARD, "another"]).await?, 0);
    give(&stage, 3, "promotion", None).await?;
    give(&stage, 2, "free", None).await?;
    spend(&stage, 7).await?;
    bought(&stage).await?;
    assert_eq!(left(&stage, second).await?, ["free:6", "promotion:0", "free:2", "pack:20"]);

    assert_eq!(note(&stage.backend, second, &["third", CARD]).await?, 6);
    assert_eq!(
        left(&stage, second).await?,
        ["free:0", "promotion:0", "free:2", "pack:20"],
        "only the starting credits"
    );
    assert_eq!(left(&stage, first).await?, ["free:10"]);
    let entry =
        "credit_transactions where kind = 'expiry' and amount = -6 and description like 'Free credits ended: %'";
    assert_eq!(stage.count(entry).await?, 1);
    let told = "account_events where kind = 'free_credits_ended' and details ->> 'credits' = '6'";
    assert_eq!(stage.count(told).await?, 1);

    for (account, cards) in [(second, [CARD, "third"]), (first, ["third", "another"]), (second, [CARD, "another"])] {
        assert_eq!(note(&stage.backend, account, &cards).await?, 0, "a repeat, and each other's cards");
    }
    assert_eq!((stage.count("credit_transactions where kind = 'expiry'").await?, stage.count(told).await?), (1, 1));
    let plain = "card_fingerprints where position(convert_to($$AOB934RVNwzk6xtn$$, 'UTF8') in hash) > 0";
    assert_eq!((stage.count("card_fingerprints").await?, stage.count(plain).await?), (3, 0), "hashes only");
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn an_account_keeps_its_credits_however_often_its_own_cards_are_noted() -> TestResult {
    let stage = Stage::with_credits(10).await?;
    let account = stage.member.account_id;
    for cards in [&[CARD][..], &[CARD, CARD], &[], &["another", CARD], &["another"]] {
        assert_eq!(note(&stage.backend, account, cards).await?, 0);
    }
    assert_eq!(
        (left(&stage, account).await?, stage.count("card_fingerprints").await?),
        (vec!["free:10".to_owned()], 2)
    );
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn all_cards_of_whose_free_credits_ended_count_and_of_who_had_none_none_do() -> TestResult {
    let stage = Stage::with_credits(10).await?;
    let (refused, second) = (other(&stage, "refused").await?.account_id, stage.member.account_id);
    // Its address had them before.
    for delete in ["credit_transactions", "credit_grants", "credit_balances"] {
        let sql = format!(
            "set session_replication_role = replica; delete from {delete} where account_id = '{refused}';
             set session_replication_role = origin"
        );
        stage.superuser.batch_execute(&sql).await?;
    }
    stage.execute("insert into credit_balances (account_id) values ($1)", &[&refused]).await?;
    assert_eq!(note(&stage.backend, refused, &[CARD]).await?, 0);
    assert_eq!(note(&stage.backend, second, &[CARD]).await?, 0, "nobody had any with this card");

    let (third, fourth) = (other(&stage, "third").await?.account_id, other(&stage, "fourth").await?.account_id);
    assert_eq!(note(&stage.backend, third, &[CARD, "thirds"]).await?, 10);
    assert_eq!(note(&stage.backend, fourth, &["thirds"]).await?, 10);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn what_a_run_holds_is_untouched_and_comes_back_for_a_week() -> TestResult {
    let stage = Stage::with_credits(10).await?;
    let first = other(&stage, "first").await?.account_id;
    note(&stage.backend, first, &[CARD]).await?;
    let deep = stage.request("nasa").of_type("DEEP");
    begin(&stage.customer, &deep).await?;
    assert_eq!(note(&stage.backend, stage.member.account_id, &[CARD]).await?, 5);
    assert_eq!(fail(&stage.backend, deep.run).await?["balance"], 5);
    let week = "credit_grants where source = 'free' and remaining = 5 and expires_at between now() + interval '6 days 23 hours' and now() + interval '7 days'";
    assert_eq!(stage.count(week).await?, 1);
    assert_eq!(note(&stage.backend, stage.member.account_id, &[CARD]).await?, 0, "what came back is not taken as well");
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_tombstone_keeps_its_cards_from_having_free_credits_again() -> TestResult {
    let stage = Stage::with_credits(10).await?;
    let gone = other(&stage, "gone").await?;
    note(&stage.backend, gone.account_id, &[CARD]).await?;
    stage.execute("delete from auth.users where id = $1", &[&gone.user_id]).await?;
    stage
        .execute("update accounts set deleted_at = now() - interval '31 days' where id = $1", &[&gone.account_id])
        .await?;
    stage.backend.call("select to_jsonb(system.erase_accounts(now() - interval '30 days', 1000))", &[]).await?;
    assert_eq!(stage.count("accounts where tombstoned_at is not null").await?, 1);
    assert_eq!(note(&stage.backend, stage.member.account_id, &[CARD]).await?, 10);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn of_accounts_that_race_with_one_card_exactly_one_keeps_its_credits() -> TestResult {
    let stage = Stage::with_credits(10).await?;
    let _turn = stage.database.crowd_turn().await?;
    let crowd = stage.backend_crowd().await?;
    let mut accounts = vec![stage.member.account_id];
    for number in 1..8 {
        accounts.push(other(&stage, &format!("racer {number}")).await?.account_id);
    }
    let racing = crowd.iter().enumerate().map(|(number, session)| {
        let account = accounts[number % accounts.len()];
        // In either order of the cards.
        let cards = if number % 2 == 0 { [CARD, "another"] } else { ["another", CARD] };
        async move { note(session, account, &cards).await }
    });
    let ended: i64 = futures_util::future::try_join_all(racing).await?.iter().sum();
    assert_eq!(ended, 70);
    assert_eq!(stage.count("credit_grants where source = 'free' and remaining = 10").await?, 1);
    assert_eq!(stage.count("credit_transactions where kind = 'expiry'").await?, 7);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn cards_are_asked_for_after_each_payment_of_who_has_had_free_credits_until_they_are_noted() -> TestResult {
    let stage = Stage::with_credits(10).await?;
    let (admin, account) = (stage.admin(), stage.member.account_id);
    stage.customer.call("select api.link_customer($1, 'cus_1')", &[&account]).await?;
    assert_eq!(admin.unnoted_payers(None, 10).await.unwrap(), [], "nothing was paid");
    for _ in 0..2 {
        let purchase = begun_purchase(&stage, "pack_20").await?;
        let event = format!("evt_{purchase}");
        applied(&stage, &event, &paid(purchase)).await?;
        let payers = admin.payers_of(&event).await.unwrap();
        let [Payer { account_id, customer_id, .. }] = payers.as_slice() else { panic!("{payers:?}") };
        assert_eq!((account_id.uuid(), customer_id.as_str()), (account, "cus_1"));
        assert_eq!(admin.unnoted_payers(None, 10).await.unwrap().len(), 1);
        assert_eq!(admin.unnoted_payers(Some(account), 10).await.unwrap(), [], "after it");
        assert_eq!(admin.payers_of("evt_unknown").await.unwrap(), []);
        assert_eq!(admin.note_cards(&payers[0], &[CARD.to_owned()]).await.unwrap(), 0);
        assert_eq!(admin.payers_of(&event).await.unwrap(), [], "noted");
        assert_eq!(admin.unnoted_payers(None, 10).await.unwrap(), []);
    }
    // Free credits that come later are compared too.
    stage.execute("update billing_customers set cards_noted_at = now() - interval '1 day'", &[]).await?;
    stage.execute("update payments set created_at = now() - interval '2 days'", &[]).await?;
    assert_eq!(admin.unnoted_payers(None, 10).await.unwrap().len(), 1);
    Ok(())
}
