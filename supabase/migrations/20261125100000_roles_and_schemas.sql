-- Who may connect, and where functions live.
--
--   api      functions for customers: SECURITY DEFINER, granted to `authenticated`, never exposed by PostgREST
--   system   functions for the backend itself: SECURITY DEFINER, granted to `service_role` only
--   operator functions for people of ours who act on customers' behalf: SECURITY DEFINER, granted to `operator` only
--   private  helpers of policies and functions: no role may call them by name
--   session  how the logins run a statement as somebody
--
-- Every function says `set search_path = pg_catalog, pg_temp`. An empty path would look safer and is not: Postgres then
-- still searches pg_temp, and FIRST for types, so a caller's temporary type named `timestamptz` would run as the owner
-- inside a SECURITY DEFINER function. Named last, pg_temp is searched last. Nobody may create there either: see below.
--
-- Three logins, one per Hyperdrive binding, each able to become exactly one role and nothing by itself:
--   oslira_tenant -> authenticated        oslira_admin -> service_role        oslira_operator -> operator
-- None has a password until somebody sets one (`alter role … password`), so none can log in by accident.

select set_config('lock_timeout', '5s', true);

-- Row level security is forced on every table, so it binds the owner too. The SECURITY DEFINER functions run as the
-- owner and must see every row.
do $$
begin
  if not (select rolsuper or rolbypassrls from pg_catalog.pg_roles where rolname = current_user) then
    raise exception 'the migrations must run as a role that bypasses row level security (on Supabase: postgres)';
  end if;
end $$;

-- Postgres lets everybody create temporary objects. None of our roles needs one, and without them a function that
-- forgets its search_path cannot be given a caller's types either. Only the database's owner can take the right away
-- (on Supabase: postgres); a REVOKE by anybody else is a warning and does nothing, hence the check.
do $$
begin
  execute format('revoke temporary on database %I from public, anon, authenticated, service_role', current_database());
  if has_database_privilege('authenticated', current_database(), 'TEMPORARY') then
    raise exception 'the migrations must run as the owner of the database (on Supabase: postgres)';
  end if;
end $$;

-- Roles belong to the whole cluster, and another database of it may have made them already: only what is missing is
-- created.
do $$
declare
  v_login record;
begin
  if to_regrole('operator') is null then
    create role operator nologin noinherit;
  end if;
  for v_login in
    select * from (values
      ('oslira_tenant', 'authenticated'), ('oslira_admin', 'service_role'), ('oslira_operator', 'operator')
    ) as l (name, becomes)
  loop
    if to_regrole(v_login.name) is null then
      execute format('create role %I login noinherit', v_login.name);
      -- A client that hangs must not hold an account's balance row for long. The Worker gives up after the same time.
      execute format('alter role %I set statement_timeout = %L', v_login.name, '15s');
      execute format('alter role %I set idle_in_transaction_session_timeout = %L', v_login.name, '15s');
      -- Our statements are short. Where tables were never analysed, Postgres takes some for long, and compiles them longer than they run.
      execute format('alter role %I set jit = off', v_login.name);
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
create schema operator;
create schema private;
revoke all on schema api, system, operator, private from public, anon, authenticated, service_role;
grant usage on schema api to authenticated;
grant usage on schema system to service_role;
grant usage on schema operator to operator;

-- Supabase grants everything new in `public` to its three API roles. Here every grant is written out instead.
alter default privileges in schema public revoke all on tables from anon, authenticated, service_role;
alter default privileges in schema public revoke all on sequences from anon, authenticated, service_role;
alter default privileges in schema public revoke all on functions from anon, authenticated, service_role;

-- How the backend runs a statement: ONE statement of the driver, and so one implicit transaction, which takes role and
-- claims for itself and forgets them at its end. `begin`, the role, the statement and `commit` as statements of their own
-- would need the connection to be theirs alone in between, which Hyperdrive and other transaction poolers do not promise,
-- and would cost four round trips.
create schema session;
revoke all on schema session from public, anon, authenticated, service_role;
grant usage on schema session to oslira_tenant, oslira_admin, oslira_operator;

-- Runs p_sql as p_role with p_claims and returns its rows as one text, a JSON array: each row's one column is jsonb.
-- SECURITY INVOKER: `set role` allows what the login may become and nothing else. Parameters are texts; the statement
-- casts them.
create function session.run_as(p_role text, p_claims text, p_sql text, p text[]) returns text
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_row text;
  v_rows text[] := '{}';
begin
  perform set_config('role', p_role, true), set_config('request.jwt.claims', p_claims, true);
  -- To whoever looks at pg_stat_activity or a slow log, all calls are this same statement: the name says which one it is.
  perform set_config('application_name', left(p_sql, 63), true);
  -- A loop opens a cursor, and a cursor takes one statement only: anything behind a semicolon is refused (42P11).
  for v_row in execute p_sql using p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8], p[9], p[10], p[11], p[12], p[13]
  loop
    v_rows := v_rows || v_row;
  end loop;
  return '[' || array_to_string(v_rows, ',', 'null') || ']';
end $$;
revoke all on function session.run_as(text, text, text, text[]) from public, anon, authenticated, service_role;
grant execute on function session.run_as(text, text, text, text[]) to oslira_tenant, oslira_admin, oslira_operator;

-- The server's clock behind a name that nothing between us and the database can know to be volatile: readiness asks
-- twice, and equal answers mean that somebody remembers answers (a Hyperdrive whose cache was left on).
create function session.clock() returns text
language sql volatile set search_path = pg_catalog, pg_temp as $$ select clock_timestamp()::text $$;
revoke all on function session.clock() from public, anon, authenticated, service_role;
grant execute on function session.clock() to oslira_tenant, oslira_admin, oslira_operator;
