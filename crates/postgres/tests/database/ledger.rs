//! The ledger: append-only, explained, and moved only by functions that take positive amounts.

use oslira_testkit::{Error, Session, TestResult};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Request, Stage, begun, cancel, fail, sqlstate};

async fn grant(session: &Session, account: Uuid, amount: i32, source: &str, key: &str) -> Result<Value, Error> {
    session
        .call("select system.grant_credits($1, $2, $3, null, null, $4, 'A grant')", &[&account, &amount, &source, &key])
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

    assert_eq!(grant(&stage.backend, account, 10, "promotion", "gift:1").await?, ok(15));
    assert_eq!(deduct(&stage.backend, account, 4, "use:1").await?, ok(11));
    assert_eq!(grant(&stage.backend, account, 10, "promotion", "gift:1").await?, replay(15));
    assert_eq!(deduct(&stage.backend, account, 4, "use:1").await?, replay(11));
    assert_eq!(stage.balance().await?, 11);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_key_names_one_movement() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let other = stage.database.member("bob", 5).await?;
    let reused = json!({ "outcome": "idempotency_key_reused" });
    grant(&stage.backend, stage.member.account_id, 10, "adjustment", "key").await?;

    assert_eq!(grant(&stage.backend, stage.member.account_id, 11, "adjustment", "key").await?, reused);
    assert_eq!(grant(&stage.backend, other.account_id, 10, "adjustment", "key").await?, reused);
    assert_eq!(deduct(&stage.backend, stage.member.account_id, 10, "key").await?, reused);
    assert_eq!(stage.balance().await?, 15);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn an_amount_is_always_positive() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    for amount in [0, -1, i32::MIN] {
        assert_eq!(sqlstate(grant(&stage.backend, stage.member.account_id, amount, "adjustment", "a").await), "22023");
        assert_eq!(sqlstate(deduct(&stage.backend, stage.member.account_id, amount, "b").await), "22023");
    }
    for statement in [
        "select system.grant_credits(null, null, 'adjustment', null, null, 'k', 'd')",
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
async fn what_is_paid_or_refunded_is_not_granted_by_hand() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    for source in ["plan", "pack", "refund", "gift", ""] {
        let refused = grant(&stage.backend, stage.member.account_id, 1, source, "key").await;
        assert_eq!(sqlstate(refused), "22023", "{source}");
    }
    for source in ["promotion", "free", "adjustment"] {
        assert_eq!(grant(&stage.backend, stage.member.account_id, 1, source, source).await?["outcome"], "ok");
    }
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn an_account_that_is_gone_neither_gets_nor_pays() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    stage.execute("update accounts set deleted_at = now()", &[]).await?;
    let not_found = json!({ "outcome": "account_not_found" });
    for account in [stage.member.account_id, Uuid::now_v7()] {
        assert_eq!(grant(&stage.backend, account, 1, "promotion", "a").await?, not_found);
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
        // Keys that belong to another kind of entry, or to another run.
        ("adjustment", 1, None, "charge:x"),
        ("purchase", 1, Some(run), key.as_str()),
        ("adjustment", 1, None, key.as_str()),
        ("renewal", 1, None, "starting:x"),
        ("charge", -1, None, "charge:x"),
        ("charge", -1, Some(run), key.as_str()),
        ("charge", -1, Some(run), "charge:00000000-0000-0000-0000-000000000000"),
        ("charge", -1, None, "grant:x"),
        ("charge", -1, None, "starting:x"),
        ("refund", 1, Some(run), "charge:x"),
        ("refund", 1, Some(run), "refund:00000000-0000-0000-0000-000000000000"),
        ("expiry", 1, None, "expiry:1:1"),
        ("expiry", -1, None, "k"),
        ("adjustment", -1, None, "expiry:1:1"),
        ("clawback", 1, None, "clawback:x"),
        ("clawback", -1, None, "k"),
        ("charge", -1, None, "clawback:x"),
        ("reinstatement", -1, None, "reinstatement:x"),
        ("reinstatement", 1, None, "k"),
        ("purchase", 1, None, "reinstatement:x"),
        ("adjustment", 1, None, "grant:x"),
        ("purchase", 1, None, "k"),
        ("adjustment", 1, None, "goodwill:x"),
        ("adjustment", 1, Some(run), "goodwill:00000000-0000-0000-0000-000000000000"),
        ("adjustment", 1, Some(run), "operator:x"),
        ("charge", -1, None, "operator:x"),
    ] {
        let insert = "insert into credit_transactions
                        (account_id, kind, amount, balance_after, run_id, description, idempotency_key, grants)
                      values ($1, $2, $3, 4, $4, 'x', $5, '{\"1\": 1}')";
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

/// Moves credits as the backend may, with a run and a key of the caller's choice.
async fn moved(stage: &Stage, kind: &str, run: Option<Uuid>, key: &str) -> Result<Value, Error> {
    let account = stage.member.account_id;
    if kind == "charge" {
        let sql = "select system.deduct_credits_atomic($1, 1, $2, $3, 'A charge')";
        stage.backend.call(sql, &[&account, &run, &key]).await
    } else {
        let sql = "select system.grant_credits($1, 1, $2, null, $3, $4, 'A grant')";
        stage.backend.call(sql, &[&account, &kind, &run, &key]).await
    }
}

#[tokio::test]
async fn nobody_takes_the_key_of_a_charge_a_refund_or_a_grant_away() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let run = stage.begun("nasa").await?;
    let (charge, refund, starting) =
        (format!("charge:{run}"), format!("refund:{run}"), format!("starting:{}", Uuid::new_v4()));
    for (kind, key) in [
        ("adjustment", &charge),
        ("promotion", &refund),
        ("free", &refund),
        ("adjustment", &starting),
        ("adjustment", &"expiry:1:1".to_owned()),
        ("adjustment", &"clawback:x".to_owned()),
        ("adjustment", &"reinstatement:x".to_owned()),
        ("adjustment", &format!("goodwill:{run}")),
        ("adjustment", &"operator:x".to_owned()),
        ("charge", &"operator:x".to_owned()),
        ("charge", &"expiry:1:1".to_owned()),
        ("charge", &refund),
        ("charge", &starting),
        ("charge", &"grant:1".to_owned()),
        ("promotion", &"grant:1".to_owned()),
        ("charge", &"charge:anything".to_owned()),
    ] {
        for run in [None, Some(run)].into_iter().filter(|run| (kind, key, run.is_some()) != ("charge", &charge, true)) {
            assert_eq!(sqlstate(moved(&stage, kind, run, key).await), "22023", "{kind} {key} {run:?}");
        }
    }
    // A run that was charged cannot be charged by any other key either, and the charge itself is a repeat.
    assert_eq!(sqlstate(moved(&stage, "charge", Some(run), "use:1").await), "22023");
    assert_eq!(moved(&stage, "charge", Some(run), &charge).await?["outcome"], "replay");
    assert_eq!(moved(&stage, "promotion", None, "gift:1").await?["outcome"], "ok");

    assert_eq!(fail(&stage.backend, run).await?["outcome"], "failed", "its refund has its key");
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn an_entry_belongs_to_a_run_of_its_own_account() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let other = stage.database.member("bob", 5).await?;
    let others_run = begun(&stage.database.customer(other.user_id).await?, &Request::new(&other, "nasa")).await?;
    let not_found = json!({ "outcome": "run_not_found" });
    for run in [others_run, Uuid::now_v7()] {
        assert_eq!(moved(&stage, "adjustment", Some(run), "k").await?, not_found);
        assert_eq!(moved(&stage, "charge", Some(run), &format!("charge:{run}")).await?, not_found);
    }
    for insert in [
        "insert into credit_transactions (account_id, kind, amount, balance_after, run_id, description, idempotency_key, grants)
         values ($1, 'adjustment', 1, 6, $2, 'x', 'k', '{\"1\": 1}')",
        "insert into ai_usage_logs (account_id, run_id, provider_key, call, provider, model) values ($1, $2, 'k', 'x', 'x', 'x')",
        "insert into scrape_logs (account_id, run_id, provider_key, actor, username, outcome) values ($1, $2, 'k', 'x', 'x', 'x')",
    ] {
        let outcome = stage.execute(insert, &[&stage.member.account_id, &others_run]).await;
        assert_eq!(sqlstate(outcome), "23503", "{insert}");
    }
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn the_ledger_names_nobody() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    let failed = stage.begun("nasa").await?;
    fail(&stage.backend, failed).await?;
    let deep = stage.request("nasa").of_type("DEEP");
    begun(&stage.customer, &deep).await?;
    cancel(&stage.customer, deep.run).await?;
    let rows = stage.superuser.query("select distinct description from credit_transactions order by 1", &[]).await?;
    let descriptions: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let expected = [
        "DEEP analysis",
        "LIGHT analysis",
        "Local credits",
        "Refund: analysis cancelled",
        "Refund: analysis failed",
        "Starting credits",
    ];
    assert_eq!(descriptions, expected);
    let reasons = "runs where strpos(error_message, username) > 0 or strpos(error_code, username) > 0";
    assert_eq!(stage.count(reasons).await?, 0);

    let grant = "select system.grant_credits($1, 1, 'adjustment', null, null, 'k', $2)";
    for description in ["For @nasa", "For ann@example.test"] {
        let outcome = stage.backend.call(grant, &[&stage.member.account_id, &description]).await;
        assert_eq!(sqlstate(outcome), "23514", "{description}");
    }
    stage.assert_ledger_is_whole().await
}
