-- Rules that hold for every table, function and role there is or will be, so that a new one that forgets them fails here.
-- `crates/postgres/tests/database/access.txt` lists what each may do; this is what none ever may.

begin;
select plan(19);

create temporary view ours as
  select n.oid, n.nspname::text as name from pg_namespace n where n.nspname in ('public', 'api', 'system', 'operator', 'private', 'session');
-- Of an extension that somebody installed in one of our schemas, we judge nothing.
create temporary view functions as
  select p.*, o.name as schema, p.oid::regprocedure::text as name
    from pg_proc p join ours o on o.oid = p.pronamespace
   where not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
     -- pgTAP itself, where no schema `extensions` keeps it apart.
     and not exists (select from pg_proc t where t.proname = 'throws_ok' and t.pronamespace = p.pronamespace);
create temporary view relations as
  select c.*, o.name as schema, c.oid::regclass::text as name
    from pg_class c join ours o on o.oid = c.relnamespace where c.relkind in ('r', 'p', 'v', 'm', 'f');

-- Row-level security ------------------------------------------------------------------------------------------------------------

select isnt_empty($$ select name from relations where schema = 'public' $$, 'there are tables');
select is_empty($$ select name from relations where schema <> 'public' $$, 'tables are in public only');
select is_empty($$ select name from relations where not (relkind in ('r', 'p') and relrowsecurity) $$, 'every table has row-level security, and there are no views');
select is_empty($$ select name from relations where not relforcerowsecurity $$, 'which binds the owner too');
select is_empty(
  $$ select r.name from relations r
      where has_any_column_privilege('authenticated', r.oid, 'select')
        and not exists (select from pg_policy p where p.polrelid = r.oid and p.polcmd = 'r') $$,
  'what customers may read has a policy'
);
select is_empty(
  $$ select r.name from relations r join pg_policy p on p.polrelid = r.oid
      where not p.polpermissive or p.polcmd <> 'r' or p.polroles <> array['authenticated'::regrole::oid] $$,
  'every policy is about customers who read'
);
select is_empty(
  $$ select r.name from relations r join pg_policies p on p.schemaname = r.schema and p.tablename = r.relname
       join pg_attribute a on a.attrelid = r.oid and a.attname = 'account_id' and not a.attisdropped
      where p.qual not like '%private.my_accounts()%' $$,
  'what belongs to an account is shown to its members'
);
select is_empty(
  $$ select r.name, o.role from relations r, unnest(array['anon', 'operator', 'oslira_tenant', 'oslira_admin', 'oslira_operator', 'public']) o (role)
      where has_any_column_privilege(o.role, r.oid, 'select, insert, update, references')
         or has_table_privilege(o.role, r.oid, 'delete, truncate, trigger') $$,
  'the anonymous, operators, the logins and everybody at once have no privilege on any table'
);
select is_empty(
  $$ select r.name, o.role from relations r, unnest(array['authenticated', 'service_role']) o (role)
      where has_any_column_privilege(o.role, r.oid, 'insert, update, references') or has_table_privilege(o.role, r.oid, 'delete, truncate, trigger') $$,
  'customers and the backend only read tables'
);
select is_empty(
  $$ select c.oid::regclass, o.role from pg_class c join ours s on s.oid = c.relnamespace,
            unnest(array['anon', 'authenticated', 'service_role', 'operator', 'oslira_tenant', 'oslira_admin', 'oslira_operator']) o (role)
      where c.relkind = 'S' and has_sequence_privilege(o.role, c.oid, 'usage, select, update') $$,
  'nobody uses a sequence'
);

-- Functions ---------------------------------------------------------------------------------------------------------------------

select is_empty(
  $$ select name from functions where not coalesce(proconfig @> array['search_path=pg_catalog, pg_temp'], false) $$,
  'every function pins its search_path, with temporary objects last'
);
select is_empty(
  $$ select name from functions where schema in ('api', 'system', 'operator') and not (prosecdef and provolatile = 'v') $$,
  'what roles call runs as the owner, and sees what the last holder of a lock has committed'
);
select is_empty($$ select name from functions where schema = 'session' and prosecdef $$, 'what the logins call runs as themselves');
select is_empty(
  $$ select f.name, o.role from functions f,
            unnest(array['anon', 'authenticated', 'service_role', 'operator', 'oslira_tenant', 'oslira_admin', 'oslira_operator', 'public']) o (role)
      where has_function_privilege(o.role, f.oid, 'execute')
        and (f.schema, o.role) not in (('api', 'authenticated'), ('system', 'service_role'), ('operator', 'operator'), ('session', 'oslira_tenant'),
                                       ('session', 'oslira_admin'), ('session', 'oslira_operator'))
        -- By its policies only: it may not enter the schema.
        and (f.name, o.role) <> ('private.my_accounts()', 'authenticated') $$,
  'each schema of functions belongs to one role'
);
select is_empty(
  $$ select o.name, r.role from ours o,
            unnest(array['anon', 'authenticated', 'service_role', 'operator', 'oslira_tenant', 'oslira_admin', 'oslira_operator', 'public']) r (role)
      where has_schema_privilege(r.role, o.oid, 'create')
         or has_schema_privilege(r.role, o.oid, 'usage') and o.name <> 'public'
            and (o.name, r.role) not in (('api', 'authenticated'), ('system', 'service_role'), ('operator', 'operator'), ('session', 'oslira_tenant'),
                                         ('session', 'oslira_admin'), ('session', 'oslira_operator')) $$,
  'which alone may enter it, and nobody creates anything in any'
);

-- Roles -------------------------------------------------------------------------------------------------------------------------

select is_empty(
  $$ select r from unnest(array['anon', 'authenticated', 'service_role', 'operator', 'oslira_tenant', 'oslira_admin', 'oslira_operator']) r
      where has_database_privilege(r, current_database(), 'create, temporary') $$,
  'nobody creates schemas or temporary objects'
);
select bag_eq(
  $$ select m.member::regrole::text, m.roleid::regrole::text from pg_auth_members m
      where m.member::regrole::text in ('operator', 'oslira_tenant', 'oslira_admin', 'oslira_operator') $$,
  $$ values ('oslira_tenant', 'authenticated'), ('oslira_admin', 'service_role'), ('oslira_operator', 'operator') $$,
  'each login may become one role, and the operators none'
);
select is_empty(
  $$ select r.rolname from pg_roles r where r.rolname in ('operator', 'oslira_tenant', 'oslira_admin', 'oslira_operator')
        and (r.rolinherit or r.rolsuper or r.rolcreaterole or r.rolcreatedb or r.rolreplication or r.rolbypassrls) $$,
  'and is nothing by itself'
);
select is_empty(
  $$ select r from unnest(array['anon', 'authenticated', 'operator']) r where (select rolbypassrls or rolcanlogin or rolsuper from pg_roles where rolname = r) $$,
  'what customers and operators become neither logs in nor passes by row-level security'
);

select * from finish();
rollback;
