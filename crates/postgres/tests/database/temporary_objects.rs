//! A caller's own objects in pg_temp, named like what a function of ours could mean. Postgres looks there for types
//! before it looks anywhere else unless a function's search_path says otherwise, and a domain has code: its CHECK. So
//! nobody may create such objects; and where somebody may after all, no SECURITY DEFINER function uses one.

use oslira_testkit::{Error, TestDatabase, TestResult};
use serde_json::json;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::bulk::{Purchase, buy};
use crate::support::{Request, Stage, ai_usage, begun, lead, result};

/// One of each kind of object that can be temporary.
const CREATIONS: [&str; 12] = [
    "create temporary table credit_balances (account_id pg_catalog.uuid, balance pg_catalog.int8)",
    "create temporary table copied as select 1 as one",
    "select 1 as one into temporary copied",
    "create temporary view runs as select 1 as one",
    "create temporary sequence counter",
    "create domain pg_temp.timestamptz as pg_catalog.timestamptz check (value is not null)",
    "create type pg_temp.uuid as (value pg_catalog.text)",
    "create type pg_temp.jsonb as enum ('charge')",
    "create type pg_temp.text as range (subtype = pg_catalog.int8)",
    "create type pg_temp.bigint",
    "create function pg_temp.now() returns pg_catalog.int4 language sql as 'select 1'",
    "create operator pg_temp.= (function = pg_catalog.uuid_ne, leftarg = pg_catalog.uuid, rightarg = pg_catalog.uuid)",
];

/// Domains named like the base types of Postgres and like the standard's names for them, views named like our tables,
/// functions and operators named like those that our functions call. Each of them calls `spring`, which counts with a
/// sequence: unlike a row, that survives the rollback of what it interrupts.
const TRAPS: &str = r#"
    create temporary sequence sprung;
    create function pg_temp.spring() returns pg_catalog.bool language plpgsql as
      $$ begin perform pg_catalog.nextval('pg_temp.sprung'::pg_catalog.regclass); return true; end $$;
    do $$
    declare
      v pg_catalog.record;
    begin
      for v in
        select t.typname, t.typname as base from pg_catalog.pg_type t
         where t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace
           and t.typtype in ('b', 'r') and t.typcategory not in ('A', 'Z')
        union all
        values ('bigint'::pg_catalog.name, 'int8'::pg_catalog.name), ('integer', 'int4'), ('boolean', 'bool')
      loop
        execute pg_catalog.format('create domain pg_temp.%I as pg_catalog.%I check (pg_temp.spring())', v.typname, v.base);
      end loop;
      for v in select tablename from pg_catalog.pg_tables where schemaname = 'public' loop
        execute pg_catalog.format(
          'create temporary view %I as select t.* from public.%1$I t where pg_temp.spring()', v.tablename
        );
      end loop;
    end $$;
    create function pg_temp.clock_timestamp() returns pg_catalog.timestamptz language sql as
      $$ select pg_catalog.clock_timestamp() from pg_temp.spring() $$;
    create function pg_temp.jsonb_build_object(pg_catalog.text, pg_catalog.text) returns pg_catalog.jsonb language sql as
      $$ select '{}'::pg_catalog.jsonb from pg_temp.spring() $$;
    create function pg_temp.same(pg_catalog.uuid, pg_catalog.uuid) returns pg_catalog.bool language sql as
      $$ select true from pg_temp.spring() $$;
    create operator pg_temp.= (function = pg_temp.same, leftarg = pg_catalog.uuid, rightarg = pg_catalog.uuid);
"#;

/// Session settings of a role, for as long as the connection lasts.
async fn become_role(client: &Client, role: &str, user: Uuid) -> Result<(), Error> {
    let claims = json!({ "sub": user, "role": role }).to_string();
    let set = "select set_config('role', $1, false), set_config('request.jwt.claims', $2, false)";
    client.query_one(set, &[&role, &claims]).await?;
    Ok(())
}

async fn refusal(client: &Client, sql: &str) -> String {
    match client.batch_execute(sql).await {
        Ok(()) => "allowed".to_owned(),
        Err(error) => error.code().map_or_else(|| error.to_string(), |code| code.code().to_owned()),
    }
}

#[tokio::test]
async fn nobody_may_create_a_temporary_object() -> TestResult {
    let database = TestDatabase::create().await?;
    for (login, roles) in [
        ("oslira_tenant", ["oslira_tenant", "authenticated"]),
        ("oslira_admin", ["oslira_admin", "service_role"]),
        ("oslira_operator", ["oslira_operator", "operator"]),
    ] {
        for role in roles {
            let client = database.login(login).await?;
            become_role(&client, role, Uuid::nil()).await?;
            for creation in CREATIONS {
                assert_eq!(refusal(&client, creation).await, "42501", "{role}: {creation}");
            }
        }
    }
    let sql = "select r.rolname::text from pg_roles r
               where (r.rolname in ('anon', 'authenticated', 'service_role', 'operator') or r.rolname like 'oslira\\_%')
                 and not r.rolsuper and has_database_privilege(r.rolname, current_database(), 'TEMPORARY, CREATE')";
    let may: Vec<String> = database.superuser().await?.query(sql, &[]).await?.iter().map(|row| row.get(0)).collect();
    assert_eq!(may, [""; 0]);
    Ok(())
}

/// A SECURITY DEFINER function and a call of it.
struct Target {
    name: String,
    call: String,
    is_trigger: bool,
}

/// Every SECURITY DEFINER function there is, so that a new one is attacked too. An argument that `value` does not know
/// is null.
async fn targets(client: &Client, value: impl Fn(&str, &str) -> Option<String>) -> Result<Vec<Target>, Error> {
    let sql = "select n.nspname || '.' || p.proname, p.prorettype = 'trigger'::regtype,
                      coalesce(p.proargnames[:p.pronargs], '{}'),
                      array(select format('%I.%I', tn.nspname, t.typname)
                              from unnest(p.proargtypes::oid[]) with ordinality a (type, place)
                              join pg_type t on t.oid = a.type join pg_namespace tn on tn.oid = t.typnamespace
                             order by a.place)
                 from pg_proc p join pg_namespace n on n.oid = p.pronamespace
                where p.prosecdef and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
                order by 1";
    let rows = client.query(sql, &[]).await?;
    let targets = rows.iter().map(|row| {
        let (name, is_trigger): (String, bool) = (row.get(0), row.get(1));
        let (arguments, types): (Vec<String>, Vec<String>) = (row.get(2), row.get(3));
        let values = arguments.iter().zip(&types).map(|(argument, kind)| {
            let value = value(&name, argument).map_or_else(|| "null".to_owned(), |text| format!("$${text}$$"));
            format!("{value}::{kind}")
        });
        let call = format!("select {name}({})", values.collect::<Vec<_>>().join(", "));
        Target { name, call, is_trigger }
    });
    Ok(targets.collect())
}

/// What is there to work on: a run of each state that a function asks for, a lead, a bulk that can be continued, a
/// subscription, an automatic purchase, and an event.
struct Prey {
    user: Uuid,
    account: Uuid,
    profile: Uuid,
    pending: Uuid,
    processing: Uuid,
    lead: Uuid,
    note: Uuid,
    bulk: Uuid,
    subscription: Uuid,
    top_up: Uuid,
    erasure: Uuid,
}

impl Prey {
    async fn of(stage: &Stage) -> Result<Self, Error> {
        let analysed = stage.begun_and("analysed", "saving").await?;
        crate::support::complete(&stage.backend, analysed).await?;
        let pending = begun(&stage.customer, &Request::new(&stage.member, "pending")).await?;
        let processing = stage.begun_and("nasa", "saving").await?;
        let row = stage.superuser.query_one("select id from leads", &[]).await?;
        let note = "select api.add_lead_note($1, $2, 'A note')";
        let note = stage.customer.call(note, &[&stage.member.account_id, &row.get::<_, Uuid>(0)]).await?;
        let note = note["note"]["id"].as_str().unwrap().parse().unwrap();
        let purchase = Purchase::of(&["piloted", "waiting"]).with(json!({ "pilot": 1 }));
        buy(stage, &purchase).await?;
        let plan = stage.backend.call("select system.give_plan($1, 'starter')", &[&stage.member.account_id]).await?;
        let subscription = plan["subscription_id"].as_str().unwrap().parse().unwrap();
        stage.customer.call("select api.link_customer($1, 'cus_1')", &[&stage.member.account_id]).await?;
        crate::billing::receive(&stage.backend, "evt_1").await?;
        let top_up = "insert into credit_purchases (id, account_id, pack_id, credits, price_cents, origin)
                      values (gen_random_uuid(), $1, 'pack_20', 20, 2000, 'auto_top_up') returning id";
        let top_up = stage.superuser.query_one(top_up, &[&stage.member.account_id]).await?.get(0);
        let erasure = "insert into erasures (id, requested_by, usernames, instagram_ids)
                       values (gen_random_uuid(), gen_random_uuid(), '{pending,analysed}', '{}') returning id";
        let erasure = stage.superuser.query_one(erasure, &[]).await?.get(0);
        let member = stage.member;
        let (user, account, profile) = (member.user_id, member.account_id, member.business_profile_id);
        Ok(Self {
            user,
            account,
            profile,
            pending,
            processing,
            lead: row.get(0),
            note,
            bulk: purchase.bulk,
            subscription,
            top_up,
            erasure,
        })
    }

    /// Arguments with which every function does its work.
    fn value(&self, function: &str, argument: &str) -> Option<String> {
        Some(match (function, argument) {
            ("api.begin_analysis", "p_run") => Uuid::now_v7().to_string(),
            ("api.begin_bulk", "p_bulk") => Uuid::now_v7().to_string(),
            ("system.receive_event" | "system.apply_event" | "system.put_off_event", "p_id") => "evt_1".to_owned(),
            (_, "p_bulk" | "p_id") => self.bulk.to_string(),
            (_, "p_lines") => json!([{ "line": 1, "username": "esa", "run_id": Uuid::now_v7() }]).to_string(),
            (_, "p_options") => json!({ "fresh_within_days": 1 }).to_string(),
            (_, "p_runs") => format!("{{{}}}", self.pending),
            (_, "p_only_unstarted") => "false".to_owned(),
            ("api.undo_run", "p_run") => self.pending.to_string(),
            ("system.deduct_credits_atomic" | "system.grant_credits", "p_run")
            | ("system.grant_credits", "p_expires_at")
            | ("operator.pause_service", "p_ends_at")
            | ("system.renewable_subscriptions" | "system.unnoted_payers", "p_after")
            | ("api.search_leads", "p_key")
            | (_, "p_expected_version") => return None,
            (
                "api.delete_lead" | "api.mark_lead_outcome" | "api.set_lead_work" | "api.add_lead_note"
                | "api.change_lead_note" | "api.delete_lead_note",
                "p_lead",
            ) => self.lead.to_string(),
            ("api.change_lead_note" | "api.delete_lead_note", "p_note") => self.note.to_string(),
            ("api.search_leads", "p_statuses") => "{new}".to_owned(),
            ("api.search_leads", "p_tags") => "{vip}".to_owned(),
            ("api.search_leads", "p_owner") => "none".to_owned(),
            (_, "p_filter") => Uuid::now_v7().to_string(),
            (_, "p_query") => json!({ "status": "new" }).to_string(),
            (_, "p_work") => json!({ "status": "won", "owner_id": self.user, "tags": ["vip"] }).to_string(),
            ("system.record_usage", "p_kind") => "ai".to_owned(),
            ("system.report_outage", "p_kind") => "down".to_owned(),
            ("system.grant_credits", "p_source") => "promotion".to_owned(),
            ("api.list_member_actions" | "operator.list_actions", "p_before") => "9".to_owned(),
            ("operator.measure_round_trips", "p_count") => "1".to_owned(),
            ("operator.begin_erasure", "p_erasure") => Uuid::now_v7().to_string(),
            (_, "p_erasure") => self.erasure.to_string(),
            (_, "p_instagram_id") => "7".to_owned(),
            (_, "p_renamed_to") => "esa.new".to_owned(),
            (_, "p_proof") => "a ticket".to_owned(),
            (_, "p_found_before") => "infinity".to_owned(),
            ("api.create_key" | "api.rotate_key" | "api.revoke_key", "p_key") | (_, "p_invitation" | "p_member") => {
                Uuid::now_v7().to_string()
            }
            ("api.export_rows", "p_table") => "leads".to_owned(),
            (_, "p_email") => "guest@example.com".to_owned(),
            (_, "p_reason") => "for the test".to_owned(),
            (_, "p_role") => "member".to_owned(),
            (_, "p_period") => "month".to_owned(),
            (_, "p_token_hash" | "p_secret_hash") => "ab".repeat(32),
            (_, "p_prefix") => "oslira_0123".to_owned(),
            (_, "p_name") => "x".to_owned(),
            (_, "p_scopes") => "{read}".to_owned(),
            (_, "p_permission") => "read".to_owned(),
            (_, "p_overlap_s") => "60".to_owned(),
            ("api.create_key", "p_expires_at") => "2099-01-01".to_owned(),
            (_, "p_account") => self.account.to_string(),
            (_, "p_run") => self.processing.to_string(),
            (_, "p_business_profile" | "p_profile") => self.profile.to_string(),
            (_, "p_username") => "esa".to_owned(),
            (_, "p_type") => "LIGHT".to_owned(),
            (_, "p_sort") => "newest".to_owned(),
            (_, "p_phase") => "saving".to_owned(),
            (_, "p_services") => json!([["apify"], ["openai/gpt-6-luna", "anthropic"]]).to_string(),
            (_, "p_service") => "openai".to_owned(),
            (_, "p_fields") => json!({
                "name": "x", "offering": "x", "target_audience": "x", "voice": "x", "do_not_say": ["x"],
                "competitors": ["x"], "proof_points": ["x"], "follower_min": 1, "content_themes": ["x"], "geographies": []
            })
            .to_string(),
            (_, "p_changes") => json!({ "name": "y", "proof_points": ["y"], "follower_min": 2, "content_themes": ["y"] }).to_string(),
            (_, "p_lead") => lead("2026-01-01T00:00:00Z", 1000).to_string(),
            (_, "p_result") => result(70).to_string(),
            (_, "p_usage") => ai_usage().to_string(),
            (_, "p_models") => json!([{ "model": "openai/gpt-6-luna", "status": "active", "retires_on": "2027-01-01" }]).to_string(),
            (_, "p_outcome") => "won".to_owned(),
            ("api.begin_purchase", "p_purchase") => Uuid::now_v7().to_string(),
            ("system.attempt_top_up", "p_purchase") => self.top_up.to_string(),
            (_, "p_subscription") => self.subscription.to_string(),
            (_, "p_pack") => "pack_20".to_owned(),
            (_, "p_plan") => "starter".to_owned(),
            (_, "p_customer") => "cus_1".to_owned(),
            (_, "p_auto_top_up") => {
                json!({ "is_on": true, "threshold": 1, "pack": "pack_20", "monthly_max_cents": 1 }).to_string()
            }
            (_, "p_note" | "p_api_version" | "p_payload") => "x".to_owned(),
            (_, "p_is_unreadable" | "p_is_taken") => "false".to_owned(),
            ("api.spenders", "p_ids") => format!("{{{}}}", self.user),
            (_, "p_ids" | "p_fingerprints") => json!(["x"]).to_string(),
            (_, "p_effect") => json!({ "kind": "failed_purchase", "purchase_id": self.top_up }).to_string(),
            (_, "p_state") => state(self.account).to_string(),
            (_, "p_states") => json!([state(self.account)]).to_string(),
            (_, "p_now" | "p_asked_at") => "2027-01-01".to_owned(),
            (_, "p_low_balance_at") => "5".to_owned(),
            (_, "p_age" | "p_grace") => "0 seconds".to_owned(),
            (_, "p_since") => "2026-01-01".to_owned(),
            (_, "p_after") => "a".to_owned(),
            (_, "p_until" | "p_before" | "p_closed_before") => "infinity".to_owned(),
            (_, "p_limits") => crate::alarms::limits().to_string(),
            (_, "p_queue") => "analysis-dead".to_owned(),
            (_, "p_messages") => "1".to_owned(),
            (_, "p_told") => json!([{ "id": 1, "crossing": "opened" }]).to_string(),
            (_, "p_job") => "clean-up".to_owned(),
            (_, "p_job_run") => "1".to_owned(),
            (_, "p_scheduled_for") => "2026-01-01".to_owned(),
            (_, "p_report") => "{}".to_owned(),
            (_, "p_scraped_at") => "2026-02-01".to_owned(),
            (_, "p_amount" | "p_cap" | "p_limit" | "p_credits") => "5".to_owned(),
            ("operator.replay_event" | "operator.drop_event", "p_event") => "evt_1".to_owned(),
            (_, "p_idempotency_key" | "p_key") => "attack".to_owned(),
            (_, "p_body_hash" | "p_code" | "p_message" | "p_description" | "p_text") => "x".to_owned(),
            _ => return None,
        })
    }
}

/// A subscription as Stripe describes it.
fn state(account: Uuid) -> serde_json::Value {
    json!({
        "id": "sub_1", "customer_id": "cus_1", "account_id": account,
        "price": { "id": "price_1", "lookup_key": "starter_month", "unit_amount": 2000 }, "status": "active",
        "anchor_at": "2026-11-01T00:00:00Z", "period_starts_at": "2026-11-01T00:00:00Z",
        "period_ends_at": "2026-12-01T00:00:00Z", "observed_at": "2026-11-01T00:00:00Z",
    })
}

async fn sprung(client: &Client) -> Result<i64, Error> {
    let sql = "select case when is_called then last_value else 0 end from pg_temp.sprung";
    Ok(client.query_one(sql, &[]).await?.get(0))
}

/// Takes the first line of defence away: everybody may create temporary objects again, and write auth.users, whose
/// triggers are SECURITY DEFINER too. And the functions of the schema auth are Supabase's, which say no search_path.
const OPENED: &str = "
    do $$ begin execute format('grant temporary on database %I to public', current_database()); end $$;
    grant usage on schema auth, public to operator;
    grant select on public.plans, public.leads to operator;
    create policy of_the_test on public.plans for select to operator using (true);
    grant select, insert, update, delete on auth.users to authenticated, service_role, operator;
    alter function auth.uid() reset all;
    alter function auth.jwt() reset all;";

#[tokio::test]
async fn no_definer_function_uses_a_callers_temporary_object() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    let prey = Prey::of(&stage).await?;
    let targets = targets(&stage.superuser, |function, argument| prey.value(function, argument)).await?;
    stage.superuser.batch_execute(OPENED).await?;

    let mut worked: Vec<String> = Vec::new();
    stage.appoint(prey.user).await?;
    for (login, role) in
        [("oslira_tenant", "authenticated"), ("oslira_admin", "service_role"), ("oslira_operator", "operator")]
    {
        let attacker = stage.database.login(login).await?;
        become_role(&attacker, role, prey.user).await?;
        attacker.batch_execute(TRAPS).await?;
        attacker.batch_execute("select pg_catalog.now()::timestamptz, count(*) from plans").await?;
        let before = sprung(&attacker).await?;
        assert!(before >= 2, "the traps work");

        for target in targets.iter().filter(|target| !target.is_trigger) {
            attacker.batch_execute("begin").await?;
            let outcome = refusal(&attacker, &target.call).await;
            attacker.batch_execute("rollback").await?;
            assert_eq!(sprung(&attacker).await?, before, "{role}: {} ran code of its caller", target.name);
            assert!(
                outcome == "allowed" || outcome == "42501",
                "{role}: {} ended with {outcome} before it did its work: give its arguments values in this test",
                target.call
            );
            if outcome == "allowed" {
                worked.push(target.name.clone());
            }
        }
        // The policies' helper, and the triggers of auth.users and of the memberships that end with a user.
        for statement in [
            "select * from public.leads",
            "insert into auth.users (id, email, email_confirmed_at)
             values (gen_random_uuid(), 'new@example.test', pg_catalog.now())",
            "update auth.users set deleted_at = pg_catalog.now() where email = 'new@example.test'",
            "delete from auth.users where email = 'new@example.test'",
        ] {
            assert_eq!(refusal(&attacker, statement).await, "allowed", "{role}: {statement}");
            assert_eq!(sprung(&attacker).await?, before, "{role}: {statement} ran code of its caller");
        }
    }
    let without_a_caller = ["private.my_accounts"];
    for target in targets.iter().filter(|target| !target.is_trigger) {
        let is_reached = worked.contains(&target.name) || without_a_caller.contains(&target.name.as_str());
        assert!(is_reached, "nobody could call {}", target.name);
    }
    stage.assert_ledger_is_whole().await
}
