//! Who may do what, enumerated: everything that is not listed here is refused.

use oslira_testkit::{Error, TestDatabase, TestResult};
use tokio_postgres::Client;

const ROLES: [&str; 7] =
    ["anon", "authenticated", "service_role", "operator", "oslira_tenant", "oslira_admin", "oslira_operator"];

/// Everything that our schemas let these roles do, as sentences.
pub async fn granted(client: &Client) -> Result<Vec<String>, Error> {
    // Supabase's own schemas are not ours to judge.
    let sql = "
        with roles as (select rolname, oid from pg_roles where rolname = any ($1)),
             ours as (
               select oid, nspname from pg_namespace
               where nspname !~ '^pg_' and nspname not in ('information_schema', 'auth', 'extensions')
             )
        select r.rolname || ' executes ' || p.oid::regprocedure
          from roles r, pg_proc p join ours n on n.oid = p.pronamespace
         where has_function_privilege(r.oid, p.oid, 'execute')
        union all
        select r.rolname || ' ' || lower(privilege) || 's ' || n.nspname || '.' || c.relname
          from roles r, pg_class c join ours n on n.oid = c.relnamespace,
               unnest(array['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) privilege
         where c.relkind in ('r', 'p', 'v', 'm', 'f') and has_any_column_privilege(r.oid, c.oid, privilege)
        union all
        select r.rolname || ' ' || lower(privilege) || 's ' || n.nspname || '.' || c.relname
          from roles r, pg_class c join ours n on n.oid = c.relnamespace, unnest(array['DELETE', 'TRUNCATE', 'TRIGGER']) privilege
         where c.relkind in ('r', 'p', 'v', 'm', 'f') and has_table_privilege(r.oid, c.oid, privilege)
        union all
        select r.rolname || ' uses sequence ' || n.nspname || '.' || c.relname
          from roles r, pg_class c join ours n on n.oid = c.relnamespace
         where c.relkind = 'S' and has_sequence_privilege(r.oid, c.oid, 'USAGE, SELECT, UPDATE')
        union all
        select r.rolname || ' enters ' || n.nspname from roles r, ours n
         where n.nspname <> 'public' and has_schema_privilege(r.oid, n.oid, 'USAGE')
        union all
        select r.rolname || ' creates in ' || n.nspname from roles r, ours n where has_schema_privilege(r.oid, n.oid, 'CREATE')
        order by 1";
    Ok(client.query(sql, &[&ROLES.as_slice()]).await?.iter().map(|row| row.get(0)).collect())
}

/// What the design gives to whom, apart from reading tables.
pub fn designed() -> Vec<&'static str> {
    vec![
        "authenticated enters api",
        "authenticated executes api.accept_invitation(text)",
        "authenticated executes api.account(uuid)",
        "authenticated executes api.add_lead_note(uuid,uuid,text)",
        "authenticated executes api.begin_analysis(uuid,uuid,text,uuid,text,text,text,jsonb)",
        "authenticated executes api.begin_bulk(uuid,uuid,jsonb,uuid,text,jsonb,text,text,jsonb)",
        "authenticated executes api.begin_purchase(uuid,uuid,text,text)",
        "authenticated executes api.billing_customer(uuid)",
        "authenticated executes api.cancel_bulk(uuid,boolean)",
        "authenticated executes api.cancel_run(uuid)",
        "authenticated executes api.change_lead_filter(uuid,uuid,text,jsonb,integer)",
        "authenticated executes api.change_lead_note(uuid,uuid,uuid,text,integer)",
        "authenticated executes api.change_member(uuid,uuid,text,integer,text)",
        "authenticated executes api.close_account(uuid,text)",
        "authenticated executes api.continue_bulk(uuid,jsonb)",
        "authenticated executes api.create_business_profile(uuid,jsonb,text,text)",
        "authenticated executes api.create_key(uuid,uuid,text,text[],timestamp with time zone,integer,text,text,text)",
        "authenticated executes api.credit_alerts(uuid)",
        "authenticated executes api.daily_budget(uuid)",
        "authenticated executes api.delete_business_profile(uuid,uuid)",
        "authenticated executes api.delete_lead(uuid,uuid)",
        "authenticated executes api.delete_lead_filter(uuid,uuid)",
        "authenticated executes api.delete_lead_note(uuid,uuid,uuid)",
        "authenticated executes api.export_rows(uuid,text,jsonb)",
        "authenticated executes api.exported_tables(uuid)",
        "authenticated executes api.insight_cache(uuid,integer,date)",
        "authenticated executes api.insight_costs(uuid,integer,date)",
        "authenticated executes api.insight_drivers(uuid,integer,date)",
        "authenticated executes api.insight_errors(uuid,integer,date)",
        "authenticated executes api.insight_latency(uuid,integer,date)",
        "authenticated executes api.invite_member(uuid,uuid,text,text,integer,text,text)",
        "authenticated executes api.link_customer(uuid,text)",
        "authenticated executes api.list_invitations(uuid)",
        "authenticated executes api.list_keys(uuid)",
        "authenticated executes api.list_member_actions(uuid,bigint,integer)",
        "authenticated executes api.list_members(uuid)",
        "authenticated executes api.mark_lead_outcome(uuid,uuid,text)",
        "authenticated executes api.model_lifecycles()",
        "authenticated executes api.my_closed_accounts()",
        "authenticated executes api.my_memberships()",
        "authenticated executes api.note_scrapes(uuid[])",
        "authenticated executes api.refund_if_cancelled(uuid)",
        "authenticated executes api.remove_member(uuid,uuid)",
        "authenticated executes api.require_permission(uuid,text)",
        "authenticated executes api.resolve_key(text)",
        "authenticated executes api.restore_account(uuid)",
        "authenticated executes api.revoke_invitation(uuid,uuid)",
        "authenticated executes api.revoke_key(uuid,uuid)",
        "authenticated executes api.rotate_key(uuid,uuid,integer,text,text)",
        "authenticated executes api.save_lead_filter(uuid,text,jsonb)",
        "authenticated executes api.search_leads(text,uuid,uuid,integer,integer,text,boolean,text,text,uuid,bigint,text[],text[],text)",
        "authenticated executes api.set_credit_alerts(uuid,integer,jsonb)",
        "authenticated executes api.set_daily_cap(uuid,integer)",
        "authenticated executes api.set_lead_work(uuid,uuid,jsonb)",
        "authenticated executes api.spenders(uuid,uuid[])",
        "authenticated executes api.undo_run(uuid)",
        "authenticated executes api.update_business_profile(uuid,uuid,jsonb,integer)",
        // By its policies only: it may not enter the schema.
        "authenticated executes private.my_accounts()",
        "operator enters operator",
        "operator executes operator.adjust_credits(uuid,integer,text,text)",
        "operator executes operator.begin_erasure(uuid,text,text,text,text)",
        "operator executes operator.block_account(uuid,text)",
        "operator executes operator.drop_event(text,text)",
        "operator executes operator.fail_run(uuid,text)",
        "operator executes operator.find_account(uuid,text)",
        "operator executes operator.find_accounts_of(text,text)",
        "operator executes operator.find_erasure(uuid,text)",
        "operator executes operator.find_run_timings(uuid,text)",
        "operator executes operator.health_summary(timestamp with time zone,jsonb,text)",
        "operator executes operator.insight_cache(integer,date,text)",
        "operator executes operator.insight_costs(integer,date,text)",
        "operator executes operator.insight_drivers(integer,date,text)",
        "operator executes operator.insight_errors(integer,date,text)",
        "operator executes operator.insight_latency(integer,date,text)",
        "operator executes operator.list_actions(bigint,integer,text)",
        "operator executes operator.list_pauses(text)",
        "operator executes operator.measure_round_trips(integer,text)",
        "operator executes operator.pause_service(text,timestamp with time zone,text)",
        "operator executes operator.refund_run(uuid,text)",
        "operator executes operator.replay_event(text,text)",
        "operator executes operator.resume_service(text,text)",
        "operator executes operator.unblock_account(uuid,text)",
        "operator executes operator.wake_run(uuid,text)",
        "oslira_admin enters session",
        "oslira_admin executes session.clock()",
        "oslira_admin executes session.run_as(text,text,text,text[])",
        "oslira_operator enters session",
        "oslira_operator executes session.clock()",
        "oslira_operator executes session.run_as(text,text,text,text[])",
        "oslira_tenant enters session",
        "oslira_tenant executes session.clock()",
        "oslira_tenant executes session.run_as(text,text,text,text[])",
        "service_role enters system",
        "service_role executes system.abandoned_pictures(timestamp with time zone,timestamp with time zone,timestamp with time zone,text,bigint)",
        "service_role executes system.advance_run(uuid,text)",
        "service_role executes system.apply_event(text,jsonb)",
        "service_role executes system.attempt_top_up(uuid)",
        "service_role executes system.beat_unstarted(uuid,uuid[])",
        "service_role executes system.begin_job(text,timestamp with time zone)",
        "service_role executes system.check_alarms(jsonb,timestamp with time zone)",
        "service_role executes system.claim_events(integer)",
        "service_role executes system.claim_silent_runs(interval,integer)",
        "service_role executes system.complete_run(uuid,jsonb,jsonb)",
        "service_role executes system.correct_subscription(jsonb)",
        "service_role executes system.deduct_credits_atomic(uuid,integer,uuid,text,text)",
        "service_role executes system.differing_subscriptions(jsonb)",
        "service_role executes system.empty_business_profiles(timestamp with time zone,integer)",
        "service_role executes system.end_erasure(uuid,timestamp with time zone)",
        "service_role executes system.end_finished_bulks(bigint)",
        "service_role executes system.end_grants(timestamp with time zone,integer)",
        "service_role executes system.end_job(bigint,jsonb,text)",
        "service_role executes system.end_plan(uuid)",
        "service_role executes system.end_runs_of_subject(uuid,integer)",
        "service_role executes system.erase_accounts(timestamp with time zone,integer)",
        "service_role executes system.erase_from_bulks(uuid,integer)",
        "service_role executes system.erase_subject(uuid,integer,uuid[])",
        "service_role executes system.fail_run(uuid,text,text)",
        "service_role executes system.forget_bulk_keys(timestamp with time zone,integer)",
        "service_role executes system.forget_payloads(timestamp with time zone,integer)",
        "service_role executes system.forget_profile_changes(timestamp with time zone)",
        "service_role executes system.forget_proofs(timestamp with time zone,integer)",
        "service_role executes system.give_plan(uuid,text)",
        "service_role executes system.grant_credits(uuid,integer,text,timestamp with time zone,uuid,text,text)",
        "service_role executes system.mark_stale(text,timestamp with time zone)",
        "service_role executes system.missed_events(jsonb)",
        "service_role executes system.note_alarms_told(jsonb)",
        "service_role executes system.note_cards(uuid,jsonb,timestamp with time zone)",
        "service_role executes system.note_dead_letters(text,integer)",
        "service_role executes system.note_subject(uuid,text)",
        "service_role executes system.note_woken(uuid[])",
        "service_role executes system.open_top_ups(integer)",
        "service_role executes system.paused_services()",
        "service_role executes system.put_off_event(text,boolean,text)",
        "service_role executes system.receive_event(text,text,text,text,boolean,timestamp with time zone)",
        "service_role executes system.record_model_lifecycles(jsonb)",
        "service_role executes system.record_usage(uuid,text,text,jsonb)",
        "service_role executes system.refuse_erased(text,text,text)",
        "service_role executes system.release_left_owners(timestamp with time zone,integer)",
        "service_role executes system.remove_ai_usage(timestamp with time zone,integer)",
        "service_role executes system.remove_analyses(timestamp with time zone,integer)",
        "service_role executes system.remove_business_profiles(timestamp with time zone,integer)",
        "service_role executes system.remove_ghosts(timestamp with time zone,integer)",
        "service_role executes system.remove_invitations(timestamp with time zone,integer)",
        "service_role executes system.remove_job_runs(timestamp with time zone,integer)",
        "service_role executes system.remove_leads(timestamp with time zone,integer)",
        "service_role executes system.remove_scrape_logs(timestamp with time zone,integer)",
        "service_role executes system.renew_subscription(uuid,timestamp with time zone)",
        "service_role executes system.renewable_subscriptions(timestamp with time zone,uuid,integer)",
        "service_role executes system.report_outage(text,text,uuid)",
        "service_role executes system.run_costs(timestamp with time zone,timestamp with time zone)",
        "service_role executes system.settle_top_up(jsonb)",
        "service_role executes system.sum_up(timestamp with time zone)",
        "service_role executes system.sweep_stale_runs(interval,interval,integer)",
        "service_role executes system.take_up_erasures(integer)",
        "service_role executes system.tend_bulk(uuid)",
        "service_role executes system.unknown_prices(jsonb)",
        "service_role executes system.unnoted_payers(text,uuid,integer)",
    ]
}

/// A table may be read by customers (through its policy) and by the backend.
fn is_reading(grant: &str) -> bool {
    ["authenticated selects public.", "service_role selects public."].iter().any(|reading| grant.starts_with(reading))
}

#[tokio::test]
async fn nobody_may_do_anything_that_was_not_granted_by_name() -> TestResult {
    let database = TestDatabase::create().await?;
    let granted = granted(&database.superuser().await?).await?;
    let beyond_reading: Vec<&str> = granted.iter().map(String::as_str).filter(|grant| !is_reading(grant)).collect();
    assert_eq!(beyond_reading, designed());
    Ok(())
}

#[tokio::test]
async fn nothing_is_granted_to_everybody() -> TestResult {
    let database = TestDatabase::create().await?;
    let sql = "select p.oid::regprocedure::text from pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) acl
               where p.pronamespace::regnamespace::text in ('public', 'api', 'system', 'operator', 'private', 'session', 'local') and acl.grantee = 0
               union all
               select c.oid::regclass::text from pg_class c, aclexplode(c.relacl) acl
               where c.relnamespace = 'public'::regnamespace and acl.grantee = 0";
    let open: Vec<String> = database.superuser().await?.query(sql, &[]).await?.iter().map(|row| row.get(0)).collect();
    assert_eq!(open, [""; 0]);
    Ok(())
}

#[tokio::test]
async fn a_forgotten_revoke_shows_in_every_schema() -> TestResult {
    let database = TestDatabase::create().await?;
    let superuser = database.superuser().await?;
    let before = granted(&superuser).await?;
    superuser
        .batch_execute(
            "create function api.forgotten() returns int language sql as 'select 1';
             create function operator.forgotten() returns int language sql as 'select 1';
             create function system.forgotten() returns int language sql as 'select 1';
             create function private.forgotten() returns int language sql as 'select 1';
             create function public.forgotten() returns int language sql as 'select 1';
             create table public.forgotten (id int);
             create sequence public.forgotten_sequence;",
        )
        .await?;
    let granted = granted(&superuser).await?;
    for expected in [
        "anon executes api.forgotten()",
        "authenticated executes system.forgotten()",
        "service_role executes operator.forgotten()",
        "anon executes private.forgotten()",
        "anon executes public.forgotten()",
        "anon deletes public.forgotten",
        "authenticated inserts public.forgotten",
        "anon uses sequence public.forgotten_sequence",
    ] {
        let expected = expected.replace("public.forgotten()", "forgotten()");
        assert!(granted.contains(&expected), "{expected} is not in {granted:#?}");
        assert!(!before.contains(&expected));
    }
    Ok(())
}

/// A call of every function of a schema, with nulls for arguments.
async fn calls(client: &Client, schema: &str) -> Result<Vec<String>, Error> {
    let sql = "select format('select %s.%I(%s)', n.nspname, p.proname,
                 (select string_agg('null::' || format_type(t, null), ', ' order by o) from unnest(p.proargtypes::oid[]) with ordinality a (t, o)))
               from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = $1";
    Ok(client.query(sql, &[&schema]).await?.iter().map(|row| row.get(0)).collect())
}

#[tokio::test]
async fn a_customer_can_call_nothing_of_the_backends() -> TestResult {
    let database = TestDatabase::create().await?;
    let member = database.member("ann", 5).await?;
    let (superuser, customer) = (database.superuser().await?, database.customer(member.user_id).await?);
    for schema in ["system", "operator", "private", "local"] {
        let calls = calls(&superuser, schema).await?;
        assert!(!calls.is_empty(), "{schema}");
        for call in calls {
            assert_eq!(customer.refusal(&call).await?.as_deref(), Some("42501"), "{call}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_backend_cannot_act_as_a_customer_or_reach_the_helpers() -> TestResult {
    let database = TestDatabase::create().await?;
    let (superuser, backend) = (database.superuser().await?, database.backend().await?);
    for schema in ["api", "operator", "private", "local"] {
        for call in calls(&superuser, schema).await? {
            assert_eq!(backend.refusal(&call).await?.as_deref(), Some("42501"), "{call}");
        }
    }
    Ok(())
}
