//! The ledger: append-only, explained, and moved only by functions that take positive amounts.

use oslira_testkit::{Error, Session, TestResult};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Stage, sqlstate};

async fn grant(session: &Session, account: Uuid, amount: i32, kind: &str, key: &str) -> Result<Value, Error> {
    session
        .call("select system.grant_credits($1, $2, $3, null, $4, 'A grant')", &[&account, &amount, &kind, &key])
        .await
}

async fn deduct(session: &Session, account: Uuid, amount: i32, key: &str) -> Result<Value, Error> {
    session.call("select system.deduct_credits_atomic($1, $2, null, $3, 'A charge')", &[&account, &amount, &key]).await
}

#[tokio::test]
async fn the_ledger_is_append_only_even_for_its_owner() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    stage.begun("nasa").await?;
    for change in [
        "update credit_transactions set description = 'nothing happened'",
        "update credit_transactions set amount = amount where false",
        "delete from credit_transactions",
        "truncate credit_transactions",
    ] {
        assert_eq!(sqlstate(stage.execute(change, &[]).await), "23001", "{change}");
    }
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_grant_and_a_charge_move_the_balance_once_per_key() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let account = stage.member.account_id;
    let ok = |balance: i64| json!({ "outcome": "ok", "balance": balance });
    let replay = |balance: i64| json!({ "outcome": "replay", "balance": balance });

    assert_eq!(grant(&stage.backend, account, 10, "purchase", "pack:1").await?, ok(15));
    assert_eq!(deduct(&stage.backend, account, 4, "use:1").await?, ok(11));
    assert_eq!(grant(&stage.backend, account, 10, "purchase", "pack:1").await?, replay(15));
    assert_eq!(deduct(&stage.backend, account, 4, "use:1").await?, replay(11));
    assert_eq!(stage.balance().await?, 11);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_key_names_one_movement() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let other = stage.database.member("bob", 5).await?;
    let reused = json!({ "outcome": "idempotency_key_reused" });
    grant(&stage.backend, stage.member.account_id, 10, "purchase", "key").await?;

    assert_eq!(grant(&stage.backend, stage.member.account_id, 11, "purchase", "key").await?, reused);
    assert_eq!(grant(&stage.backend, stage.member.account_id, 10, "renewal", "key").await?, reused);
    assert_eq!(grant(&stage.backend, other.account_id, 10, "purchase", "key").await?, reused);
    assert_eq!(deduct(&stage.backend, stage.member.account_id, 10, "key").await?, reused);
    assert_eq!(stage.balance().await?, 15);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn an_amount_is_always_positive() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    for amount in [0, -1, i32::MIN] {
        assert_eq!(sqlstate(grant(&stage.backend, stage.member.account_id, amount, "purchase", "a").await), "22023");
        assert_eq!(sqlstate(deduct(&stage.backend, stage.member.account_id, amount, "b").await), "22023");
    }
    for statement in [
        "select system.grant_credits(null, null, 'purchase', null, 'k', 'd')",
        "select system.deduct_credits_atomic(null, null, null, 'k', 'd')",
    ] {
        assert_eq!(sqlstate(stage.backend.call(statement, &[]).await), "22023");
    }
    assert_eq!(stage.balance().await?, 5);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_balance_never_goes_below_zero() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let answer = deduct(&stage.backend, stage.member.account_id, 6, "key").await?;
    assert_eq!(answer, json!({ "outcome": "insufficient_credits", "balance": 5, "required": 6 }));
    assert_eq!(sqlstate(stage.execute("update credit_balances set balance = -1", &[]).await), "23514");
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn credits_are_granted_only_for_a_reason_that_is_not_a_refund() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    for kind in ["refund", "charge", "gift", ""] {
        assert_eq!(sqlstate(grant(&stage.backend, stage.member.account_id, 1, kind, "key").await), "22023", "{kind}");
    }
    for kind in ["renewal", "purchase", "adjustment"] {
        assert_eq!(grant(&stage.backend, stage.member.account_id, 1, kind, kind).await?["outcome"], "ok");
    }
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn an_account_that_is_gone_neither_gets_nor_pays() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    stage.execute("update accounts set deleted_at = now()", &[]).await?;
    let not_found = json!({ "outcome": "account_not_found" });
    for account in [stage.member.account_id, Uuid::now_v7()] {
        assert_eq!(grant(&stage.backend, account, 1, "purchase", "a").await?, not_found);
        assert_eq!(deduct(&stage.backend, account, 1, "b").await?, not_found);
    }
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_row_that_makes_no_sense_is_refused_whoever_writes_it() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let run = stage.begun("nasa").await?;
    let key = format!("refund:{run}");
    for (kind, amount, run, key) in [
        ("charge", 1_i64, None, "k"),
        ("refund", -1, Some(run), key.as_str()),
        ("refund", 1, None, "refund:"),
        ("refund", 1, Some(run), "another refund"),
        ("charge", -1, Some(run), "another charge"),
        ("renewal", -1, None, "k"),
        ("purchase", 0, None, "k"),
        ("adjustment", 0, None, "k"),
        ("gift", 1, None, "k"),
    ] {
        let insert = "insert into credit_transactions (account_id, kind, amount, balance_after, run_id, description, idempotency_key)
                      values ($1, $2, $3, 4, $4, 'x', $5)";
        let outcome = stage.execute(insert, &[&stage.member.account_id, &kind, &amount, &run, &key]).await;
        assert_eq!(sqlstate(outcome), "23514", "{kind} {amount} {key}");
    }
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn the_audit_finds_a_credit_from_nowhere() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    stage.assert_ledger_is_whole().await?;
    stage.execute("update credit_balances set balance = balance + 1", &[]).await?;
    assert!(stage.assert_ledger_is_whole().await.is_err());
    Ok(())
}
