//! Rules that hold for every table and function there is or will be, read from Postgres' own catalog, so that a new one
//! that forgets them fails here.

use oslira_testkit::{Error, TestDatabase, TestResult};
use tokio_postgres::Client;

/// Tables that say the same to every customer.
pub const REFERENCE_TABLES: [&str; 3] = ["analysis_prices", "credit_packs", "plans"];

/// Tables that only functions see: no grant, no policy.
pub const HIDDEN_TABLES: [&str; 32] = [
    "alarms",
    "api_keys",
    "billing_customers",
    "card_fingerprints",
    "dead_letters",
    "disputes",
    "erased_subjects",
    "erasure_pepper",
    "erasures",
    "exported_tables",
    "insight_account_costs",
    "insight_calls",
    "insight_progress",
    "insight_runs",
    "invitations",
    "job_runs",
    "known_jobs",
    "member_actions",
    "model_lifecycles",
    "operator_actions",
    "operators",
    "paid_periods",
    "payments",
    "profile_changes",
    "returned_periods",
    "role_permissions",
    "service_outages",
    "service_pauses",
    "spending_days",
    "starting_credits",
    "stripe_prices",
    "webhook_events",
];

/// The first column of every row.
async fn texts(client: &Client, sql: &str) -> Result<Vec<String>, Error> {
    Ok(client.query(sql, &[]).await?.iter().map(|row| row.get(0)).collect())
}

/// Every table, view or whatever else can be read in the schema `public`.
pub async fn tables(client: &Client) -> Result<Vec<String>, Error> {
    texts(client, "select relname::text from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f') order by 1")
        .await
}

#[tokio::test]
async fn our_schemas_hold_tables_only_in_public() -> TestResult {
    let database = TestDatabase::create().await?;
    let superuser = database.superuser().await?;
    let elsewhere = "select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
                     where relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname in ('api', 'system', 'operator', 'private', 'local')";
    assert_eq!(texts(&superuser, elsewhere).await?, [""; 0]);
    assert!(tables(&superuser).await?.len() >= 12);
    Ok(())
}

#[tokio::test]
async fn every_table_enables_and_forces_row_level_security() -> TestResult {
    let database = TestDatabase::create().await?;
    let superuser = database.superuser().await?;
    let open = "select relname::text from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f')
                and not (relkind in ('r', 'p') and relrowsecurity and relforcerowsecurity)";
    assert_eq!(texts(&superuser, open).await?, [""; 0]);
    Ok(())
}

#[tokio::test]
async fn every_table_has_one_policy_in_the_one_fast_form() -> TestResult {
    let database = TestDatabase::create().await?;
    let superuser = database.superuser().await?;
    let mine = "= ANY (ARRAY( SELECT private.my_accounts() AS my_accounts)))";
    let mut expected: Vec<String> = Vec::new();
    for table in tables(&superuser).await?.into_iter().filter(|table| !HIDDEN_TABLES.contains(&table.as_str())) {
        let rule = match table.as_str() {
            reference if REFERENCE_TABLES.contains(&reference) => "true".to_owned(),
            "accounts" => format!("(id {mine}"),
            _ => format!("(account_id {mine}"),
        };
        expected.push(format!("{table}: PERMISSIVE SELECT {{authenticated}} {rule} -"));
    }
    let found = "select tablename || ': ' || permissive || ' ' || cmd || ' ' || roles::text || ' ' || qual || ' ' || coalesce(with_check, '-')
                 from pg_policies where schemaname = 'public' order by tablename";
    assert_eq!(texts(&superuser, found).await?, expected);
    Ok(())
}

#[tokio::test]
async fn every_policy_is_served_by_an_index() -> TestResult {
    let database = TestDatabase::create().await?;
    let superuser = database.superuser().await?;
    let unserved = "select c.relname::text from pg_class c
        join pg_attribute a on a.attrelid = c.oid and a.attname = case c.relname when 'accounts' then 'id' else 'account_id' end
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not exists (
          select from pg_index i where i.indrelid = c.oid and i.indpred is null and i.indkey[0] = a.attnum
        ) and c.relname <> 'account_members'
        union all
        -- The helper of every policy looks its user up.
        select 'account_members by user' where not exists (
          select from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
          where i.indrelid = 'public.account_members'::regclass and i.indpred is null and a.attname = 'user_id')";
    assert_eq!(texts(&superuser, unserved).await?, [""; 0]);
    Ok(())
}

#[tokio::test]
async fn a_customers_newest_leads_are_an_index_condition_not_a_scan() -> TestResult {
    let database = TestDatabase::create().await?;
    let member = database.member("ann", 0).await?;
    let customer = database.customer(member.user_id).await?;
    customer.open().await?;
    // The tables are empty: the planner would scan them whatever indexes there are.
    customer.client().batch_execute("set local enable_seqscan = off").await?;
    for table in ["leads", "runs", "analyses", "business_profiles", "ai_usage_logs", "scrape_logs"] {
        let plan = customer
            .client()
            .query(&format!("explain select account_id from {table} order by created_at desc limit 50"), &[])
            .await?;
        let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
        assert!(plan.iter().any(|line| line.contains("Index Cond: (account_id = ANY (")), "{table}: {plan:#?}");
    }
    Ok(())
}

#[tokio::test]
async fn every_foreign_key_is_indexed() -> TestResult {
    let database = TestDatabase::create().await?;
    let superuser = database.superuser().await?;
    // By the key's first column, which is always the id; an index may leave out rows where it is null.
    let unindexed = "select f.conrelid::regclass || ': ' || f.conname from pg_constraint f
        where f.contype = 'f' and f.connamespace = 'public'::regnamespace and not exists (
          select from pg_index i
          where i.indrelid = f.conrelid and i.indisvalid and i.indkey[0] = f.conkey[1]
            and (i.indpred is null or pg_get_expr(i.indpred, i.indrelid) ~ '^\\([a-z_]+ IS NOT NULL\\)$')
        )";
    assert_eq!(texts(&superuser, unindexed).await?, [""; 0]);
    Ok(())
}

#[tokio::test]
async fn every_table_has_a_primary_key() -> TestResult {
    let database = TestDatabase::create().await?;
    let superuser = database.superuser().await?;
    let keyless = "select c.relname::text from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
                   and not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary)";
    assert_eq!(texts(&superuser, keyless).await?, [""; 0]);
    Ok(())
}

#[tokio::test]
async fn every_function_pins_its_search_path_and_those_that_write_are_volatile() -> TestResult {
    let database = TestDatabase::create().await?;
    let superuser = database.superuser().await?;
    // In every schema that is not Postgres' own, Supabase's or of extensions.
    let loose = "select p.oid::regprocedure::text from pg_proc p
        where p.pronamespace::regnamespace::text !~ '^pg_|^information_schema$|^auth$|^extensions$'
          and (not coalesce(p.proconfig @> array['search_path=pg_catalog, pg_temp'], false)
               or (p.pronamespace::regnamespace::text in ('api', 'system', 'operator') and not (p.provolatile = 'v' and p.prosecdef)))";
    assert_eq!(texts(&superuser, loose).await?, [""; 0]);
    for schema in ["api", "system", "operator", "private", "session", "public", "elsewhere"] {
        let forgetful = format!(
            "create schema if not exists {schema}; create function {schema}.forgetful() returns int language sql as 'select 1'"
        );
        superuser.batch_execute(&forgetful).await?;
    }
    assert_eq!(texts(&superuser, loose).await?.len(), 7, "a new one that forgets it shows, whatever its schema");
    Ok(())
}

#[tokio::test]
async fn no_foreign_key_can_keep_a_user_from_being_deleted() -> TestResult {
    let database = TestDatabase::create().await?;
    let superuser = database.superuser().await?;
    // The tables that lose rows with a user; each key that points at one of them must let the row go.
    let blocking = "with recursive losing as (
          select 'auth.users'::regclass::oid as oid
          union select f.conrelid from pg_constraint f join losing l on l.oid = f.confrelid where f.contype = 'f' and f.confdeltype = 'c'
        )
        select f.conrelid::regclass || ': ' || f.conname from pg_constraint f join losing l on l.oid = f.confrelid
         where f.contype = 'f' and f.confdeltype not in ('c', 'n', 'd')";
    assert_eq!(texts(&superuser, blocking).await?, [""; 0]);
    Ok(())
}
