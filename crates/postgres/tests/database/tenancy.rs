//! A member of one account sees and changes nothing of another, in every table there is.

use oslira_testkit::session::Parameters;
use oslira_testkit::{Error, Member, Session, TestResult};
use serde_json::json;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::bulk::{Purchase, buy_as};
use crate::catalog::{HIDDEN_TABLES, REFERENCE_TABLES, tables};
use crate::support::{Request, Stage, advance, ai_usage, begin, begun, cancel, complete, record_usage, scrape_usage};

/// Gives an account a row in every table.
pub async fn furnish(stage: &Stage, member: &Member, customer: &Session) -> Result<(), Error> {
    let run = begun(customer, &Request::new(member, "nasa")).await?;
    record_usage(&stage.backend, run, "ai", &format!("ai {run}"), &ai_usage()).await?;
    record_usage(&stage.backend, run, "scrape", &format!("scrape {run}"), &scrape_usage()).await?;
    advance(&stage.backend, run, "saving").await?;
    let done = complete(&stage.backend, run).await?;
    let lead: Uuid = done["lead_id"].as_str().unwrap().parse().unwrap();
    customer.call("select api.mark_lead_outcome($1, $2, 'won')", &[&member.account_id, &lead]).await?;
    customer.call("select api.set_lead_work($1, $2, '{\"tags\": [\"vip\"]}')", &[&member.account_id, &lead]).await?;
    customer.call("select api.add_lead_note($1, $2, 'A note')", &[&member.account_id, &lead]).await?;
    customer.call("select api.save_lead_filter($1, 'Open', '{}')", &[&member.account_id]).await?;
    begun(customer, &Request::new(member, "esa")).await?;
    let alerts = json!({ "is_on": true, "threshold": 1, "pack": "pack_20", "monthly_max_cents": 2000 });
    customer.call("select api.set_credit_alerts($1, 7, $2)", &[&member.account_id, &alerts]).await?;
    customer.call("select api.begin_purchase($1, gen_random_uuid(), 'pack_20', null)", &[&member.account_id]).await?;
    stage.backend.call("select system.give_plan($1, 'starter')", &[&member.account_id]).await?;
    spend_below(stage, member, 7).await?;
    buy_as(customer, member, &Purchase::of(&["jaxa"])).await?;
    Ok(())
}

/// Takes credits until the next one takes the balance below `threshold`.
async fn spend_below(stage: &Stage, member: &Member, threshold: i64) -> Result<(), Error> {
    let sql =
        "select system.deduct_credits_atomic($1, (b.balance - $2)::integer, null, gen_random_uuid()::text, 'A charge')
               from credit_balances b where b.account_id = $1";
    stage.backend.call(sql, &[&member.account_id, &threshold]).await?;
    Ok(())
}

/// The tables that customers may look into.
async fn open_tables(client: &Client) -> Result<Vec<String>, Error> {
    let tables = tables(client).await?.into_iter();
    Ok(tables.filter(|table| !HIDDEN_TABLES.contains(&table.as_str())).collect())
}

/// The column that says whose a row is.
fn owner_column(table: &str) -> &'static str {
    if table == "accounts" { "id" } else { "account_id" }
}

async fn count(client: &Client, sql: &str, parameters: Parameters<'_>) -> Result<i64, Error> {
    Ok(client.query_one(sql, parameters).await?.get(0))
}

/// How many rows of a table a session sees.
async fn seen(session: &Session, table: &str) -> Result<i64, Error> {
    let rows = session.rows(&format!("select count(*) from public.{table}"), &[]).await?;
    Ok(rows.iter().map(|row| row.get::<_, i64>(0)).sum())
}

#[tokio::test]
async fn a_member_sees_their_accounts_rows_and_no_others_in_every_table() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let other = stage.database.member("bob", 9).await?;
    let others_session = stage.database.customer(other.user_id).await?;
    furnish(&stage, &stage.member, &stage.customer).await?;
    furnish(&stage, &other, &others_session).await?;
    let nobody = stage.database.customer(Uuid::now_v7()).await?;

    for table in open_tables(&stage.superuser).await? {
        let all = count(&stage.superuser, &format!("select count(*) from {table}"), &[]).await?;
        if REFERENCE_TABLES.contains(&table.as_str()) {
            assert_eq!(seen(&stage.customer, &table).await?, all, "{table}");
            continue;
        }
        let whose = format!("select count(*) from {table} where {} = $1", owner_column(&table));
        for (session, member) in [(&stage.customer, &stage.member), (&others_session, &other)] {
            let own = count(&stage.superuser, &whose, &[&member.account_id]).await?;
            assert!(own > 0 && own < all, "{table}: a new table needs rows in `furnish`");
            assert_eq!(seen(session, &table).await?, own, "{table}");
        }
        assert_eq!(seen(&nobody, &table).await?, 0, "{table}");
    }
    Ok(())
}

#[tokio::test]
async fn a_member_of_two_accounts_sees_both_and_of_a_deleted_one_nothing() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let other = stage.database.member("bob", 9).await?;
    let others_session = stage.database.customer(other.user_id).await?;
    furnish(&stage, &stage.member, &stage.customer).await?;
    furnish(&stage, &other, &others_session).await?;
    let join = "insert into account_members (user_id, account_id) values ($1, $2)";
    stage.execute(join, &[&other.user_id, &stage.member.account_id]).await?;

    for table in open_tables(&stage.superuser).await? {
        let all = count(&stage.superuser, &format!("select count(*) from {table}"), &[]).await?;
        assert_eq!(seen(&others_session, &table).await?, all, "{table}");
    }
    stage.execute("update accounts set deleted_at = now()", &[]).await?;
    for table in open_tables(&stage.superuser).await?.iter().filter(|table| !REFERENCE_TABLES.contains(&table.as_str()))
    {
        assert_eq!(seen(&others_session, table).await?, 0, "{table}");
    }
    Ok(())
}

#[tokio::test]
async fn what_only_functions_see_is_refused_to_everybody() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    for table in HIDDEN_TABLES {
        for session in [&stage.customer, &stage.backend] {
            let refused = session.refusal(&format!("select from public.{table}")).await?;
            assert_eq!(refused.as_deref(), Some("42501"), "{table}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_we_pay_and_to_whom_is_refused_to_customers() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    for (table, columns) in [
        ("analyses", &["cost", "cost_microusd", "snapshot_key"][..]),
        ("ai_usage_logs", &["provider", "model", "cost_microusd", "input_tokens", "provider_key"]),
        ("scrape_logs", &["actor", "cost_microusd", "provider_key"]),
    ] {
        for column in columns {
            let refused = stage.customer.refusal(&format!("select {column} from public.{table}")).await?;
            assert_eq!(refused.as_deref(), Some("42501"), "{table}.{column}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn nobody_writes_a_table_directly_not_even_their_own_rows() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    furnish(&stage, &stage.member, &stage.customer).await?;
    for table in tables(&stage.superuser).await? {
        let column = "select attname::text from pg_attribute where attrelid = $1::text::regclass and attnum > 0 and attidentity = '' limit 1";
        let column: String = stage.superuser.query_one(column, &[&format!("public.{table}")]).await?.get(0);
        for statement in [
            format!("update public.{table} set {column} = {column}"),
            format!("delete from public.{table}"),
            format!("insert into public.{table} default values"),
            format!("truncate public.{table}"),
            format!("select from public.{table} for update"),
            format!("lock table public.{table} in share mode"),
        ] {
            for session in [&stage.customer, &stage.backend] {
                assert_eq!(session.refusal(&statement).await?.as_deref(), Some("42501"), "{statement}");
            }
        }
    }
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_stranger_cannot_touch_an_account_through_the_functions() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let stranger = stage.database.member("eve", 9).await?;
    let strangers_session = stage.database.customer(stranger.user_id).await?;
    let run = stage.begun("nasa").await?;

    assert_eq!(begin(&strangers_session, &stage.request("esa")).await?, json!({ "outcome": "forbidden" }));
    let borrowed = Request { business_profile: stage.member.business_profile_id, ..Request::new(&stranger, "esa") };
    assert_eq!(begin(&strangers_session, &borrowed).await?, json!({ "outcome": "business_profile_not_found" }));
    assert_eq!(cancel(&strangers_session, run).await?, json!({ "outcome": "not_found" }));
    assert_eq!((stage.balance().await?, stage.count("runs").await?), (8, 1));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn the_database_itself_keeps_accounts_apart() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let other = stage.database.member("bob", 9).await?;
    let others_session = stage.database.customer(other.user_id).await?;
    furnish(&stage, &stage.member, &stage.customer).await?;
    furnish(&stage, &other, &others_session).await?;
    // Each would mix two accounts, and the owner of the tables himself is refused.
    for mixing in [
        "update leads set business_profile_id = $1 where account_id <> $2",
        "update runs set business_profile_id = $1 where status = 'pending' and account_id <> $2",
        "update bulk_runs set business_profile_id = $1 where account_id <> $2",
        "insert into runs (id, account_id, business_profile_id, username, analysis_type, credits, bulk_id, bulk_line)
         select $1, $2, null, 'mixed', 'LIGHT', 1, b.id, 1 from bulk_runs b where b.account_id <> $2",
        "insert into lead_outcomes (account_id, lead_id, analysis_id, score, marked_by, marked_at)
         select $2, l.id, l.latest_analysis_id, 1, $1, now() from leads l where l.account_id <> $2",
        "insert into lead_notes (account_id, lead_id, text, author_id) select $2, l.id, 'x', $1 from leads l where l.account_id <> $2",
        "insert into lead_actions (account_id, lead_id, action, details)
         select $2, l.id, 'note_added', jsonb_build_object('x', $1::uuid) from leads l where l.account_id <> $2",
        "update analyses set lead_id = (select id from leads where account_id = $2 and business_profile_id = $1) where account_id <> $2",
    ] {
        let outcome = stage.execute(mixing, &[&stage.member.business_profile_id, &stage.member.account_id]).await;
        assert_eq!(crate::support::sqlstate(outcome), "23503", "{mixing}");
    }
    Ok(())
}

#[tokio::test]
async fn the_anonymous_role_can_do_nothing_at_all() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    furnish(&stage, &stage.member, &stage.customer).await?;
    let anon = stage.database.superuser().await?;
    anon.batch_execute("set role anon").await?;
    for table in tables(&stage.superuser).await? {
        for statement in [
            format!("select from public.{table}"),
            format!("delete from public.{table}"),
            format!("insert into public.{table} default values"),
        ] {
            let refused = anon.batch_execute(&statement).await.err().and_then(|error| error.code().cloned());
            assert_eq!(refused.as_ref().map(|code| code.code()), Some("42501"), "{statement}");
        }
    }
    for call in ["select api.cancel_run(null)", "select system.fail_run(null, null, null)", "select from auth.users"] {
        let refused = anon.batch_execute(call).await.err().and_then(|error| error.code().cloned());
        assert_eq!(refused.as_ref().map(|code| code.code()), Some("42501"), "{call}");
    }
    Ok(())
}
