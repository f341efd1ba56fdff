-- Who may connect, and where functions live.
--
--   api      functions for customers: SECURITY DEFINER, granted to `authenticated`, never exposed by PostgREST
--   system   functions for the backend itself: SECURITY DEFINER, granted to `service_role` only
--   private  helpers of policies and functions: no role may call them by name
--
-- Every function says `set search_path = pg_catalog, pg_temp`. An empty path would look safer and is not: Postgres then
-- still searches pg_temp, and FIRST for types, so a caller's temporary type named `timestamptz` would run as the owner
-- inside a SECURITY DEFINER function. Named last, pg_temp is searched last.
--
-- Two logins, one per Hyperdrive binding, each able to become exactly one role and nothing by itself:
--   oslira_tenant -> authenticated        oslira_admin -> service_role
-- Neither has a password until somebody sets one (`alter role … password`), so neither can log in by accident.

-- Row level security is forced on every table, so it binds the owner too. The SECURITY DEFINER functions run as the
-- owner and must see every row.
do $$
begin
  if not (select rolsuper or rolbypassrls from pg_catalog.pg_roles where rolname = current_user) then
    raise exception 'the migrations must run as a role that bypasses row level security (on Supabase: postgres)';
  end if;
end $$;

-- Roles belong to the whole cluster, and another database of it may have made them already: only what is missing is
-- created.
do $$
declare
  v_login record;
begin
  for v_login in
    select * from (values ('oslira_tenant', 'authenticated'), ('oslira_admin', 'service_role')) as l (name, becomes)
  loop
    if to_regrole(v_login.name) is null then
      execute format('create role %I login noinherit', v_login.name);
      -- A client that hangs must not hold an account's balance row for long. The Worker gives up after the same time.
      execute format('alter role %I set statement_timeout = %L', v_login.name, '15s');
      execute format('alter role %I set idle_in_transaction_session_timeout = %L', v_login.name, '15s');
    end if;
    if not exists (
      select from pg_catalog.pg_auth_members am
      where am.member = to_regrole(v_login.name) and am.roleid = to_regrole(v_login.becomes)
    ) then
      -- Up to Postgres 15, `noinherit` above is enough; from 16 on, each grant says it for itself.
      execute format('grant %I to %I', v_login.becomes, v_login.name)
        || case when current_setting('server_version_num')::int >= 160000 then ' with inherit false, set true' else '' end;
    end if;
  end loop;
end $$;

create schema api;
create schema system;
create schema private;
revoke all on schema api, system, private from public, anon, authenticated, service_role;
grant usage on schema api to authenticated;
grant usage on schema system to service_role;

-- Supabase grants everything new in `public` to its three API roles. Here every grant is written out instead.
alter default privileges in schema public revoke all on tables from anon, authenticated, service_role;
alter default privileges in schema public revoke all on sequences from anon, authenticated, service_role;
alter default privileges in schema public revoke all on functions from anon, authenticated, service_role;
