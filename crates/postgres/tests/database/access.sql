-- Who may do what in a migrated database, one line per object, in the letters that Postgres itself uses for privileges. All
-- privileges are asked for with has_…_privilege, so what a role has through another or through PUBLIC counts.
with roles (name, place) as (
  select * from unnest(array[
    'public', 'anon', 'authenticated', 'service_role', 'operator', 'oslira_tenant', 'oslira_admin', 'oslira_operator'
  ]) with ordinality
),
-- Supabase's own schemas are not ours to judge, nor is the history of migrations.
ours as (
  select n.oid, n.nspname, n.nspowner, n.nspname::text collate "C" as name from pg_namespace n
   where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'auth', 'extensions', 'supabase_migrations')
),
owner as (select d.oid, d.datname, d.datdba from pg_database d where d.datname = current_database()),
relations as (
  select c.*, n.name || '.' || c.relname as name,
         case c.relkind when 'S' then 'sequence' when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table'
                        else 'table' end as kind
    from pg_class c join ours n on n.oid = c.relnamespace where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
),
lines (part, name, place, line) as (
  select 1, r.name, 0, 'role ' || r.name
         || case when a.rolcanlogin then ' login' else '' end || case when a.rolinherit then ' inherit' else '' end
         || case when a.rolsuper then ' superuser' else '' end || case when a.rolbypassrls then ' bypassrls' else '' end
         || case when a.rolcreaterole then ' createrole' else '' end || case when a.rolcreatedb then ' createdb' else '' end
         || case when a.rolreplication then ' replication' else '' end
         || coalesce((
           select ': may become ' || string_agg(m.roleid::regrole::text, ', ' order by m.roleid::regrole::text collate "C")
             from pg_auth_members m where m.member = a.oid
         ), '')
    from roles r join pg_roles a on a.rolname = r.name

  union all
  select 2, '', 0, 'database:' || coalesce((
           select string_agg(' ' || r.name || '=' || l.letters, '' order by r.place) from roles r, lateral (
             select string_agg(letter, '' order by letter collate "C") from (values ('C', 'CREATE'), ('T', 'TEMPORARY'), ('c', 'CONNECT')) p (letter, privilege)
              where has_database_privilege(r.name, o.oid, p.privilege)
           ) l (letters) where l.letters <> ''
         ), ' -')
    from owner o

  union all
  select 3, n.name, 0, 'schema ' || n.name
         || case when n.nspowner <> o.datdba then ' by ' || n.nspowner::regrole else '' end || ':' || coalesce((
           select string_agg(' ' || r.name || '=' || l.letters, '' order by r.place) from roles r, lateral (
             select string_agg(letter, '' order by letter) from (values ('C', 'CREATE'), ('U', 'USAGE')) p (letter, privilege)
              where has_schema_privilege(r.name, n.oid, p.privilege)
           ) l (letters) where l.letters <> ''
         ), ' -')
    from ours n, owner o

  union all
  select 4, c.name, 0, c.kind || ' ' || c.name
         || case when c.relowner <> o.datdba then ' by ' || c.relowner::regrole else '' end
         || case when c.relkind in ('r', 'p') then
              case when not c.relrowsecurity then ' NO RLS' when c.relforcerowsecurity then ' rls forced' else ' rls NOT FORCED' end
            else '' end
         -- A view is read with its owner's rights, unless it says `security_invoker`.
         || case when c.relkind in ('v', 'm') then coalesce(' ' || array_to_string(c.reloptions, ' '), '') else '' end || ':' || coalesce((
           select string_agg(' ' || r.name || '=' || l.letters, '' order by r.place) from roles r, lateral (
             select string_agg(letter, '' order by p.place) from (values
               ('r', 'SELECT', 1), ('a', 'INSERT', 2), ('w', 'UPDATE', 3), ('d', 'DELETE', 4), ('D', 'TRUNCATE', 5), ('x', 'REFERENCES', 6), ('t', 'TRIGGER', 7)
             ) p (letter, privilege, place)
              where has_table_privilege(r.name, c.oid, p.privilege)
           ) l (letters) where l.letters <> ''
         ), ' -')
    from relations c, owner o where c.relkind <> 'S'

  -- Where a role may use some columns, but not the whole table.
  union all
  select 4, c.name, 1, format('  %s: %s=%s(%s)', c.name, r.name, p.letter, string_agg(a.attname, ', ' order by a.attname::text collate "C"))
    from relations c cross join roles r
    cross join (values ('r', 'SELECT'), ('a', 'INSERT'), ('w', 'UPDATE'), ('x', 'REFERENCES')) p (letter, privilege)
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
   where c.relkind <> 'S' and not has_table_privilege(r.name, c.oid, p.privilege) and has_column_privilege(r.name, c.oid, a.attnum, p.privilege)
   group by c.name, r.name, p.letter

  union all
  select 4, c.name, 2, format('  %s: policy %s, %s for %s to %s using %s check %s', c.name, p.policyname, lower(p.permissive), lower(p.cmd),
                              array_to_string(p.roles, ', '), coalesce(p.qual, '-'), coalesce(p.with_check, '-'))
    from relations c join ours n on n.oid = c.relnamespace
    join pg_policies p on p.schemaname = n.nspname and p.tablename = c.relname

  union all
  select 5, c.name, 0, 'sequence ' || c.name
         || case when c.relowner <> o.datdba then ' by ' || c.relowner::regrole else '' end || ':' || coalesce((
           select string_agg(' ' || r.name || '=' || l.letters, '' order by r.place) from roles r, lateral (
             select string_agg(letter, '' order by p.place) from (values ('r', 'SELECT', 1), ('w', 'UPDATE', 2), ('U', 'USAGE', 3)) p (letter, privilege, place)
              where has_sequence_privilege(r.name, c.oid, p.privilege)
           ) l (letters) where l.letters <> ''
         ), ' -')
    from relations c, owner o where c.relkind = 'S'

  union all
  select 6, n.name || '.' || p.proname || '(' || oidvectortypes(p.proargtypes) || ')', 0,
         'function ' || n.name || '.' || p.proname || '(' || oidvectortypes(p.proargtypes) || ')'
         || case when p.prosecdef then ' definer' else ' invoker' end
         || case when p.proowner <> o.datdba then ' by ' || p.proowner::regrole else '' end || ':'
         || coalesce((
           select string_agg(' ' || r.name || '=X', '' order by r.place) from roles r where has_function_privilege(r.name, p.oid, 'EXECUTE')
         ), ' -')
    from pg_proc p join ours n on n.oid = p.pronamespace, owner o
)
select line from lines order by part, name collate "C", place, line collate "C"
