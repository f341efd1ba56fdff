//! An account that was closed 30 days ago becomes a tombstone: what it bought and paid is there, whose it was and whom it had
//! analysed is not.

use futures_util::future::try_join_all;
use oslira_app::features::retention::Remains;
use oslira_testkit::{Error, TestResult};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{ALL, analysed, batches, delete_leads, removed};
use crate::bulk::{Purchase, buy};
use crate::support::{
    Request, Stage, advance, ai_usage, begun, cancel, complete, fail, record_usage, scrape_usage, sqlstate, sweep_all,
};

/// What no row of a tombstone may hold, in any table: usernames, what was found out of them, texts and keys of the customer.
const PERSONAL: [&str; 13] = [
    "nasa_lead",
    "esa_deleted",
    "failed_one",
    "of_a_bulk",
    "pilot_rest",
    "Exploring",
    "Kernel Kitchen",
    "secret-key",
    "a_tag",
    "What they said",
    "My search",
    "guest_of_ann",
    "Key of Ann",
];

/// An account with one of everything, closed so many days ago.
async fn closed(stage: &Stage, days: f64) -> TestResult {
    let account = stage.member.account_id;
    let (run, lead) = analysed(stage, "nasa_lead").await?;
    record_usage(&stage.backend, run, "ai", "ai", &ai_usage()).await?;
    let mut scrape = scrape_usage();
    scrape["username"] = json!("nasa_lead");
    record_usage(&stage.backend, run, "scrape", "scrape", &scrape).await?;
    stage.customer.call("select api.mark_lead_outcome($1, $2, 'won')", &[&account, &lead]).await?;
    let work = json!({ "owner_id": stage.member.user_id, "tags": ["a_tag"], "status": "lost" });
    stage.customer.call("select api.set_lead_work($1, $2, $3)", &[&account, &lead, &work]).await?;
    stage.customer.call("select api.add_lead_note($1, $2, 'What they said')", &[&account, &lead]).await?;
    stage.customer.call("select api.save_lead_filter($1, 'My search', '{\"q\": \"nasa_lead\"}')", &[&account]).await?;
    let invite = "select api.invite_member($1, gen_random_uuid(), 'guest_of_ann@example.com', 'viewer', null, null, repeat('ab', 32))";
    stage.customer.call(invite, &[&account]).await?;
    let key = "select api.create_key($1, gen_random_uuid(), 'Key of Ann', '{read}', null, null, null, 'oslira_0', repeat('cd', 32))";
    stage.customer.call(key, &[&account]).await?;
    let (_, deleted) = analysed(stage, "esa_deleted").await?;
    delete_leads(stage, &[deleted], 2.0).await?;
    let failed = begun(&stage.customer, &stage.request("failed_one").keyed("secret-key")).await?;
    fail(&stage.backend, failed).await?;

    let done = Purchase::of(&["of_a_bulk_1", "of_a_bulk_2"]).keyed("secret-key-of-a-bulk");
    buy(stage, &done).await?;
    advance(&stage.backend, done.run(0), "saving").await?;
    complete(&stage.backend, done.run(0)).await?;
    cancel(&stage.customer, done.run(1)).await?;
    let piloted = Purchase::of(&["of_a_bulk_3", "pilot_rest"]).with(json!({ "pilot": 1 }));
    buy(stage, &piloted).await?;
    stage.customer.call("select api.cancel_bulk($1, false)", &[&piloted.bulk]).await?;
    stage.backend.rows("select system.end_finished_bulks(10)", &[]).await?;
    close(stage, account, days).await
}

async fn close(stage: &Stage, account: Uuid, days: f64) -> TestResult {
    let close = "update accounts set deleted_at = now() - make_interval(secs => $2::float8 * 86400) where id = $1";
    stage.execute(close, &[&account, &days]).await?;
    Ok(())
}

/// Every table with the rows of an account, and how many there are.
async fn rows(stage: &Stage, account: Uuid) -> Result<Vec<(String, Vec<Value>)>, Error> {
    let tables = "select c.relname::text, a.attname::text from pg_class c
                    join pg_attribute a on a.attrelid = c.oid and a.attname = case c.relname when 'accounts' then 'id' else 'account_id' end
                   where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') order by 1";
    let mut found = Vec::new();
    for table in stage.superuser.query(tables, &[]).await? {
        let (table, column): (String, String) = (table.get(0), table.get(1));
        let sql = format!("select to_jsonb(t) from {table} t where {column} = $1 order by t");
        let rows = stage.superuser.query(&sql, &[&account]).await?;
        found.push((table, rows.iter().map(|row| row.get(0)).collect()));
    }
    Ok(found)
}

async fn counts(stage: &Stage, account: Uuid) -> Result<Vec<(String, usize)>, Error> {
    Ok(rows(stage, account).await?.into_iter().map(|(table, rows)| (table, rows.len())).collect())
}

#[tokio::test]
async fn a_tombstone_keeps_what_was_bought_and_paid_and_nobodys_name() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    let account = stage.member.account_id;
    closed(&stage, 30.001).await?;
    let ledger = "select jsonb_agg(to_jsonb(t) order by t.id) from credit_transactions t";
    let before: Value = stage.superuser.query_one(ledger, &[]).await?.get(0);
    let bought = "select jsonb_agg(to_jsonb(r) - '{username,created_by,lead_id,business_profile_id,idempotency_key,body_hash}'::text[]
                    order by r.id) from runs r";
    let bought_before: Value = stage.superuser.query_one(bought, &[]).await?.get(0);
    let balance = stage.balance().await?;

    batches(&stage, Remains::Accounts, ALL).await;

    let counts = counts(&stage, account).await?;
    let kept: Vec<(&str, usize)> =
        counts.iter().filter(|(_, rows)| *rows > 0).map(|(table, rows)| (table.as_str(), *rows)).collect();
    let expected = [
        ("accounts", 1),
        ("ai_usage_logs", 1),
        ("bulk_runs", 2),
        ("credit_balances", 1),
        ("credit_grants", 2),
        ("credit_transactions", 11),
        ("runs", 6),
        ("scrape_logs", 1),
        ("spending_days", 1),
    ];
    assert_eq!(kept, expected, "a new table of accounts: does it name anybody?");
    let left = rows(&stage, account).await?;
    for personal in PERSONAL {
        assert!(!json!(left).to_string().contains(personal), "{personal} is in {left:#?}");
    }
    // A user's starting credits have the user's id in their key: of a user who was deleted it is a number.
    let names_the_user =
        left.iter().filter(|(_, rows)| json!(rows).to_string().contains(&stage.member.user_id.to_string()));
    assert_eq!(names_the_user.map(|(table, _)| table.as_str()).collect::<Vec<_>>(), ["credit_transactions"]);
    let name = "select name from accounts where id = $1 and tombstoned_at >= deleted_at";
    assert_eq!(stage.superuser.query_one(name, &[&account]).await?.get::<_, String>(0), "Deleted account");
    assert_eq!(stage.count("runs where username = 'erased..'").await?, 6);
    assert_eq!(stage.superuser.query_one(ledger, &[]).await?.get::<_, Value>(0), before, "not an entry is touched");
    assert_eq!(stage.superuser.query_one(bought, &[]).await?.get::<_, Value>(0), bought_before);
    assert_eq!(stage.balance().await?, balance);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn for_thirty_days_an_account_can_be_opened_again() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    let account = stage.member.account_id;
    closed(&stage, 29.999).await?;
    let before = rows(&stage, account).await?;
    assert_eq!(batches(&stage, Remains::Accounts, ALL).await, [0]);
    assert_eq!(rows(&stage, account).await?, before);
    stage.execute("update accounts set deleted_at = null", &[]).await?;
    assert_eq!(batches(&stage, Remains::Accounts, ALL).await, [0]);
    begun(&stage.customer, &stage.request("isro")).await?;
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_tombstone_is_made_once_and_no_other_account_is_touched() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    let bob = stage.database.member("bob", 5).await?;
    let bobs = stage.database.customer(bob.user_id).await?;
    let run = begun(&bobs, &Request::new(&bob, "nasa_lead")).await?;
    advance(&stage.backend, run, "saving").await?;
    complete(&stage.backend, run).await?;
    closed(&stage, 31.0).await?;
    let bobs_rows = rows(&stage, bob.account_id).await?;
    assert!(removed(&stage, Remains::Accounts, ALL).await > 10);
    let tombstone = rows(&stage, stage.member.account_id).await?;
    assert_eq!(batches(&stage, Remains::Accounts, ALL).await, [0]);
    assert_eq!(rows(&stage, stage.member.account_id).await?, tombstone);
    assert_eq!(rows(&stage, bob.account_id).await?, bobs_rows);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_large_account_is_erased_in_slices_and_a_job_that_dies_leaves_the_rest_to_the_next() -> TestResult {
    let whole = Stage::with_credits(50).await?;
    closed(&whole, 31.0).await?;
    let rows_of_all: u32 = batches(&whole, Remains::Accounts, ALL).await.iter().sum();
    for limit in [1, 2, 3, 7] {
        let stage = Stage::with_credits(50).await?;
        closed(&stage, 31.0).await?;
        let mut taken = 0;
        while stage.count("accounts where tombstoned_at is not null").await? == 0 {
            // A job dies in the middle of the batch, then the next one does it.
            let dying = stage.database.backend().await?;
            dying.open().await?;
            let batch = format!("select system.erase_accounts(now() - interval '30 days', {limit})");
            let lost: i64 = dying.client().query_one(&batch, &[]).await?.get(0);
            drop(dying);
            let rows = removed(&stage, Remains::Accounts, limit).await;
            assert!(i64::from(rows) == lost && rows > 0 && rows <= limit, "{rows} of {limit}, {lost}");
            taken += rows;
            stage.assert_ledger_is_whole().await?;
        }
        assert_eq!(taken, rows_of_all, "each row once, {limit} at a time");
        let account = stage.member.account_id;
        assert_eq!(counts(&stage, account).await?, counts(&whole, whole.member.account_id).await?);
    }
    Ok(())
}

#[tokio::test]
async fn two_jobs_at_once_erase_each_account_once() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    closed(&stage, 31.0).await?;
    for name in ["bob", "cleo", "dave"] {
        let member = stage.database.member(name, 5).await?;
        let customer = stage.database.customer(member.user_id).await?;
        for username in ["nasa", "esa"] {
            let run = begun(&customer, &Request::new(&member, username)).await?;
            advance(&stage.backend, run, "saving").await?;
            complete(&stage.backend, run).await?;
        }
        close(&stage, member.account_id, 40.0).await?;
    }
    let backends = [stage.database.backend().await?, stage.database.backend().await?];
    // Beside it, what else a job removes of the same accounts.
    let functions = ["erase_accounts", "remove_analyses", "remove_leads", "remove_business_profiles"];
    for _ in 0..20 {
        try_join_all(backends.iter().map(async |backend| {
            for function in functions {
                backend.rows(&format!("select system.{function}(now() - interval '1 day', 3)"), &[]).await?;
            }
            Ok::<_, Error>(())
        }))
        .await?;
    }
    assert_eq!(stage.count("accounts where tombstoned_at is null").await?, 0);
    assert_eq!(stage.count("leads").await? + stage.count("analyses").await?, 0);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn an_account_waits_for_what_is_under_way_and_for_who_holds_its_balance() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    stage.begun("going").await?;
    close(&stage, stage.member.account_id, 31.0).await?;
    assert_eq!(batches(&stage, Remains::Accounts, ALL).await, [0], "a run is under way");
    sweep_all(&stage.backend).await?;
    let holder = stage.database.superuser().await?;
    holder.batch_execute("begin; select from credit_balances for no key update").await?;
    assert_eq!(batches(&stage, Remains::Accounts, ALL).await, [0], "its balance is locked");
    holder.batch_execute("rollback").await?;
    // A run, a business profile, and the account.
    assert_eq!(removed(&stage, Remains::Accounts, ALL).await, 3);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_run_loses_its_username_only_when_it_has_ended_and_to_nobodys_name() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let run = stage.begun("nasa").await?;
    let rename = "update runs set username = $2 where id = $1";
    assert_eq!(sqlstate(stage.execute(rename, &[&run, &"erased.."]).await), "23001", "it is under way");
    cancel(&stage.customer, run).await?;
    assert_eq!(sqlstate(stage.execute(rename, &[&run, &"esa"]).await), "23001");
    assert_eq!(sqlstate(stage.execute(rename, &[&run, &"erased.."]).await), "allowed");
    assert_eq!(sqlstate(stage.execute(rename, &[&run, &"nasa"]).await), "23001");
    let is_nobodys: Result<oslira_app::features::profiles::InstagramHandle, _> = "erased..".parse();
    assert!(is_nobodys.is_err(), "no profile can have this name");
    Ok(())
}

#[tokio::test]
async fn whoever_is_still_a_member_of_a_tombstone_starts_anew_without_credits() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    close(&stage, stage.member.account_id, 31.0).await?;
    batches(&stage, Remains::Accounts, ALL).await;
    assert_eq!(stage.count("account_members").await?, 0);
    stage.execute("update auth.users set last_sign_in_at = now()", &[]).await?;
    assert_eq!(stage.count("account_members").await?, 1);
    let balances = "credit_balances where balance = 0 and account_id in (select account_id from account_members)";
    assert_eq!(stage.count(balances).await?, 1, "starting credits come once");
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_lead_that_somebody_holds_keeps_its_account_from_becoming_a_tombstone() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    closed(&stage, 31.0).await?;
    // As whoever marks its analyses as stale, and goes on to them.
    let holder = stage.database.superuser().await?;
    holder.batch_execute("begin; select from leads where username = 'nasa_lead' for no key update").await?;
    assert!(batches(&stage, Remains::Accounts, ALL).await.iter().sum::<u32>() > 5);
    holder.batch_execute("update analyses set is_stale = true; commit").await?;
    assert_eq!(stage.count("leads").await? + stage.count("accounts where tombstoned_at is not null").await?, 1);
    // The lead, its analysis, its business profile, and the account.
    assert_eq!(removed(&stage, Remains::Accounts, ALL).await, 4);
    stage.assert_ledger_is_whole().await
}
