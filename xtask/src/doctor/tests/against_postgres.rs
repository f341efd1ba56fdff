//! Mistakes in the database. Each is planted in a transaction that is rolled back, roles too, because they belong to the whole cluster,
//! where other tests are.

use oslira_app::triggers::Job;
use oslira_testkit::TestDatabase;
use tokio_postgres::Client;

use super::{assert_found, broken, unknown};
use crate::doctor::database::{Subject, checks, examine, of_project};
use crate::doctor::finding::{Finding, Verdict};
use crate::postgres::PgUrl;
use crate::project::Project;

/// What a healthy deployment has besides its migrations: passwords, and jobs that ran. Roles that other tests left have another name.
const HEALTHY: &str = "
    do $$ declare v text; begin
      for v in select rolname from pg_roles where rolname like 'oslira\\_test%' loop
        execute format('alter role %I rename to %I', v, 'elsewhere_' || v);
      end loop;
      foreach v in array array['oslira_tenant', 'oslira_admin', 'oslira_operator'] loop
        execute format('alter role %I password %L', v, md5(random()::text) || md5(random()::text));
      end loop;
    end $$;
    create role authenticator noinherit login;
    alter role authenticator set pgrst.db_schemas = 'pgrst_no_exposed_schemas';
";

/// The mistake, its check, and how it is made.
const MISTAKES: [(&str, &str, &str); 38] = [
    (
        "a migration is missing",
        "database.migrations",
        "delete from supabase_migrations.applied_texts where version = '20261127100520';
         delete from supabase_migrations.schema_migrations where version = '20261127100520'",
    ),
    (
        "a migration of another checkout is applied",
        "database.migrations",
        "insert into supabase_migrations.schema_migrations (version, name) values ('20991231000000', 'unknown')",
    ),
    (
        "an applied migration was edited",
        "database.migrations",
        "update supabase_migrations.applied_texts set sha256 = 'ffff' where version = '20261127100520'",
    ),
    (
        "a function's owner sees no rows",
        "database.owner",
        "create role nobody_of_ours; grant create on schema api to nobody_of_ours;
         alter function api.daily_budget(uuid) owner to nobody_of_ours; revoke create on schema api from nobody_of_ours;
         revoke all on function api.daily_budget(uuid) from public",
    ),
    (
        "a table without row-level security",
        "database.row-level-security",
        "alter table public.leads disable row level security",
    ),
    (
        "row-level security is not forced",
        "database.row-level-security",
        "alter table public.runs no force row level security",
    ),
    (
        "a view in public",
        "database.row-level-security",
        "create view public.peek as select id from public.accounts; revoke all on public.peek from public, anon, authenticated, service_role",
    ),
    ("a policy is missing", "database.policies", "do $$ declare v text; begin
        select policyname into strict v from pg_policies where schemaname = 'public' and tablename = 'runs';
        execute format('drop policy %I on public.runs', v); end $$"),
    (
        "a policy shows every account's rows",
        "database.policies",
        "do $$ declare v text; begin
           select policyname into strict v from pg_policies where schemaname = 'public' and tablename = 'leads';
           execute format('alter policy %I on public.leads using (true)', v); end $$",
    ),
    (
        "a policy shows every account's rows besides the own ones",
        "database.policies",
        "alter policy members_read on public.leads using (account_id = any (array(select private.my_accounts())) or true)",
    ),
    (
        "a policy lets customers write",
        "database.policies",
        "do $$ declare v text; begin
           select policyname into strict v from pg_policies where schemaname = 'public' and tablename = 'leads';
           execute format('drop policy %I on public.leads', v); end $$;
         create policy all_of_it on public.leads for all to authenticated using (account_id = any (array(select private.my_accounts())))",
    ),
    ("a login is a superuser", "database.roles", "alter role oslira_admin superuser"),
    ("a login bypasses row-level security", "database.roles", "alter role oslira_tenant bypassrls"),
    ("the backend is bound by policies", "database.roles", "alter role service_role nobypassrls"),
    ("anon can log in", "database.roles", "alter role anon login"),
    ("a login inherits", "database.roles", "alter role oslira_operator inherit"),
    ("a role is missing", "database.roles", "alter role anon rename to anonymous_of_old"),
    ("a login may become two roles", "database.memberships", "grant service_role to oslira_tenant"),
    ("a login may become nothing", "database.memberships", "revoke operator from oslira_operator"),
    ("a login has no password", "database.passwords", "alter role oslira_admin password null"),
    (
        "a default password, kept as SCRAM",
        "database.passwords",
        "set local password_encryption = 'scram-sha-256'; alter role oslira_tenant password 'postgres'",
    ),
    (
        "a default password, kept as MD5",
        "database.passwords",
        "set local password_encryption = 'md5'; alter role oslira_tenant password 'postgres'",
    ),
    (
        "the password is the login's name",
        "database.passwords",
        "set local password_encryption = 'scram-sha-256'; alter role oslira_operator password 'oslira_operator'",
    ),
    ("a login may wait for ever", "database.login-settings", "alter role oslira_tenant reset statement_timeout"),
    ("a login may wait for an hour", "database.login-settings", "alter role oslira_admin set statement_timeout = '1h'"),
    ("a login compiles statements", "database.login-settings", "alter role oslira_tenant set jit = on"),
    (
        "a function that does not pin its search_path",
        "database.functions",
        "alter function api.daily_budget(uuid) reset search_path",
    ),
    (
        "a function with the empty search_path",
        "database.functions",
        "alter function system.begin_job(text, timestamptz) set search_path = ''",
    ),
    (
        "a function that everybody may execute",
        "database.grants",
        "grant execute on function system.begin_job(text, timestamptz) to public",
    ),
    ("a table that anon may read", "database.grants", "grant select on public.plans to anon"),
    ("a table that customers may write", "database.grants", "grant update on public.credit_balances to authenticated"),
    (
        "customers may make temporary objects",
        "database.temporary-objects",
        "do $$ begin execute format('grant temporary on database %I to authenticated', current_database()); end $$",
    ),
    ("an extension in public", "database.extensions", "alter extension pg_trgm set schema public"),
    ("the Data API serves public", "database.data-api", "alter role authenticator set pgrst.db_schemas = 'public, graphql_public'"),
    (
        "a job is silent",
        "database.jobs",
        "update public.job_runs set started_at = now() - interval '2 days', finished_at = now() - interval '2 days' where job = 'clean-up'",
    ),
    (
        "messages were given up",
        "database.dead-letters",
        "insert into public.dead_letters (queue, messages, last_at) values ('analysis', 3, now())",
    ),
    (
        "an event of Stripe's is not applied",
        "database.webhooks",
        "insert into public.webhook_events (id, type, payload, received_at) values ('evt_1', 'invoice.paid', '{}', now() - interval '2 hours')",
    ),
    (
        "an alarm is open",
        "database.alarms",
        "insert into public.alarms (alarm, subject, value, threshold, opened_at, seen_at) values ('success', '', 80, 99, now(), now())",
    ),
];

fn subject() -> Subject {
    Subject {
        migrations: of_project(Project::find().unwrap().root()).unwrap(),
        has_schedule: true,
        login_attempts: None,
    }
}

/// The findings with a mistake in a healthy database.
async fn found_with(client: &Client, mistake: &str) -> Vec<Finding> {
    client.batch_execute("savepoint healthy").await.unwrap();
    client.batch_execute(mistake).await.unwrap_or_else(|error| panic!("{mistake}: {error:?}"));
    let findings = checks(client, &subject()).await.findings;
    client.batch_execute("rollback to savepoint healthy").await.unwrap();
    findings
}

#[tokio::test]
async fn each_mistake_in_the_database_is_found_by_its_check_and_a_healthy_one_has_none() {
    let database = TestDatabase::create().await.unwrap();
    let client = database.superuser().await.unwrap();
    client.batch_execute("begin").await.unwrap();
    client.batch_execute(HEALTHY).await.unwrap();
    for job in Job::SCHEDULED {
        let ran = "insert into job_runs (job, scheduled_for, finished_at, outcome, report) values ($1, now(), now(), 'ok', '{}')";
        client.execute(ran, &[&job.name()]).await.unwrap();
    }
    let healthy = found_with(&client, "select 1").await;
    assert_eq!((broken(&healthy), unknown(&healthy)), (vec![], vec![]), "{healthy:#?}");
    for (mistake, check, sql) in MISTAKES {
        let findings = found_with(&client, sql).await;
        assert_found(mistake, check, &findings);
        assert_eq!(unknown(&findings), [""; 0], "{mistake}: {findings:#?}");
    }
}

#[tokio::test]
async fn without_a_setting_the_database_does_not_tell_what_postgrest_serves() {
    let database = TestDatabase::create().await.unwrap();
    let client = database.superuser().await.unwrap();
    client.batch_execute("begin").await.unwrap();
    client.batch_execute(HEALTHY).await.unwrap();
    let of_data_api =
        |findings: Vec<Finding>| findings.into_iter().find(|found| found.check == "database.data-api").unwrap().verdict;
    for unset in ["alter role authenticator reset pgrst.db_schemas", "drop role authenticator"] {
        let Verdict::Unknown { why } = of_data_api(found_with(&client, unset).await) else { panic!("{unset}") };
        assert!(why.contains("SUPABASE_PUBLISHABLE_KEY"), "{why}");
    }
    // For this database alone.
    let here = "do $$ begin
        execute format('alter role authenticator in database %I set pgrst.db_schemas = %L', current_database(), 'graphql_public,api');
      end $$";
    assert!(matches!(of_data_api(found_with(&client, here).await), Verdict::Broken { .. }));
}

#[tokio::test]
async fn a_second_login_beside_the_first_is_in_order_and_held_to_the_same() {
    let database = TestDatabase::create().await.unwrap();
    let client = database.superuser().await.unwrap();
    client.batch_execute("begin").await.unwrap();
    client.batch_execute(HEALTHY).await.unwrap();
    // As docs/secrets.md has it, for the time in which a password is changed.
    let second = "create role oslira_tenant_b login noinherit password 'f1be5e5f1f4c4a0f';
        alter role oslira_tenant_b set statement_timeout = '15s';
        alter role oslira_tenant_b set idle_in_transaction_session_timeout = '15s';
        alter role oslira_tenant_b set jit = off;
        do $$ begin
          execute 'grant authenticated to oslira_tenant_b'
            || case when current_setting('server_version_num')::int >= 160000 then ' with inherit false, set true' else '' end;
        end $$;
        grant usage on schema session to oslira_tenant_b;
        grant execute on function session.run_as(text, text, text, text[]), session.clock() to oslira_tenant_b";
    let found = |findings: Vec<Finding>| {
        broken(&findings).into_iter().filter(|check| *check != "database.jobs").collect::<Vec<_>>()
    };
    assert_eq!(found(found_with(&client, second).await), [""; 0]);
    let loose = format!("{second}; grant service_role to oslira_tenant_b; alter role oslira_tenant_b reset jit");
    assert_eq!(found(found_with(&client, &loose).await), ["database.memberships", "database.login-settings"]);
    assert_eq!(
        found(found_with(&client, "create role oslira_backdoor login noinherit password 'f1be5e5f1f4c4a0f'").await),
        ["database.memberships", "database.login-settings"]
    );
}

#[tokio::test]
async fn a_fresh_deployment_has_time_for_its_first_jobs_and_a_failing_one_is_told_with_its_error() {
    let database = TestDatabase::create().await.unwrap();
    let client = database.superuser().await.unwrap();
    client.batch_execute("begin").await.unwrap();
    client.batch_execute(HEALTHY).await.unwrap();
    let of_jobs = |findings: Vec<Finding>| findings.into_iter().find(|found| found.check == "database.jobs").unwrap();
    let known = "insert into public.known_jobs (job, since) select j, now() - interval '5 minutes' from unnest(array[
        'recover-runs', 'check-alarms', 'erase-subjects', 'replay-events', 'sum-up', 'clean-up', 'renew-subscriptions', 'reconcile-billing',
        'watch-models']) j";
    let fresh = of_jobs(found_with(&client, known).await);
    assert!(!fresh.is_broken(), "{fresh:?}");
    let failing = format!(
        "{known}; update public.known_jobs set since = now() - interval '9 days';
         insert into public.job_runs (job, scheduled_for, finished_at, outcome, error) values ('sum-up', now(), now(), 'failed', 'it broke')"
    );
    let found = format!("{:?}", of_jobs(found_with(&client, &failing).await));
    assert!(found.contains("sum-up fails: it broke") && found.contains("clean-up has never succeeded"), "{found}");
}

#[test]
fn against_postgres_that_is_not_there_the_connection_is_the_one_finding() {
    let findings =
        examine(Ok(PgUrl::parse("postgres://postgres:s3cret-of-nobody@127.0.0.1:9/postgres").unwrap()), &subject())
            .findings;
    assert_eq!(broken(&findings), ["database.connection"]);
    assert!(!format!("{findings:?}").contains("s3cret-of-nobody"));
    let names: Vec<&str> = findings.iter().map(|found| found.check).collect();
    assert_eq!(names, crate::doctor::catalog::of_source("database").collect::<Vec<_>>());
    let unset = examine(Err(Verdict::unknown("set OSLIRA_DATABASE_URL")), &subject()).findings;
    assert_eq!((broken(&unset), unknown(&unset).len()), (vec![], unset.len()));
    let foreign = examine(Err(Verdict::broken("it is another environment's", "set its own")), &subject()).findings;
    assert_eq!((broken(&foreign), unknown(&foreign).len()), (vec!["database.connection"], foreign.len() - 1));
}
