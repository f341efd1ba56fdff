//! What may be called and touched: functions, grants, temporary objects, and PostgREST's door.

use anyhow::Result;
use tokio_postgres::Client;

use crate::doctor::database::{SCHEMAS, texts};
use crate::doctor::finding::Verdict;

pub async fn functions(client: &Client) -> Result<Verdict> {
    let sql = "with ours as (
          select p.*, n.nspname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
           where n.nspname = any ($1)
             and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
        )
        select o.oid::regprocedure || ' does not pin its search_path' from ours o
         where not coalesce(o.proconfig @> array['search_path=pg_catalog, pg_temp'], false)
        union all
        select o.oid::regprocedure || ' is not SECURITY DEFINER' from ours o
         where o.nspname in ('api', 'system', 'operator') and not o.prosecdef
        union all
        -- It sets the role, which a function that runs as its owner could set to anything.
        select o.oid::regprocedure || ' is SECURITY DEFINER' from ours o where o.nspname = 'session' and o.prosecdef
        order by 1";
    Ok(Verdict::of(
        texts(client, sql, &[&SCHEMAS.as_slice()]).await?,
        "alter function NAME set search_path = pg_catalog, pg_temp (the value unquoted, pg_temp last); and security definer for api, system \
         and operator, security invoker for session",
    ))
}

/// Each schema gives its functions to one role; tables are read and never written.
pub async fn grants(client: &Client) -> Result<Verdict> {
    let sql = r"with ours as (select n.oid, n.nspname::text as schema, n.nspowner, n.nspacl from pg_namespace n where n.nspname = any ($1)),
        executable as (
          select p.oid, o.schema, case when acl.grantee = 0 then 'everybody' else acl.grantee::regrole::text end as who
            from pg_proc p join ours o on o.oid = p.pronamespace
           cross join aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) acl
           where acl.grantee <> p.proowner
             and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
        ), touchable as (
          select c.oid, acl.privilege_type as right, case when acl.grantee = 0 then 'everybody' else acl.grantee::regrole::text end as who
            from pg_class c join ours o on o.oid = c.relnamespace cross join aclexplode(c.relacl) acl
           where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and acl.grantee <> c.relowner
          union all
          select a.attrelid, acl.privilege_type, case when acl.grantee = 0 then 'everybody' else acl.grantee::regrole::text end
            from pg_attribute a join pg_class c on c.oid = a.attrelid join ours o on o.oid = c.relnamespace
           cross join aclexplode(a.attacl) acl where acl.grantee <> c.relowner
        )
        select e.who || ' may execute ' || e.oid::regprocedure from executable e
         where not (
           (e.schema = 'api' and e.who = 'authenticated') or (e.schema = 'system' and e.who = 'service_role')
           or (e.schema = 'operator' and e.who = 'operator') or (e.schema = 'session' and e.who like 'oslira\_%')
           -- By the policies; it may not enter the schema.
           or (e.who = 'authenticated' and e.oid = 'private.my_accounts()'::regprocedure)
         )
        union all
        select t.who || ' may ' || lower(t.right) || ' ' || t.oid::regclass from touchable t
         where not (t.right = 'SELECT' and t.who in ('authenticated', 'service_role'))
        union all
        select case when acl.grantee = 0 then 'everybody' else acl.grantee::regrole::text end || ' may create in ' || o.schema
          from ours o cross join aclexplode(o.nspacl) acl
         where acl.privilege_type = 'CREATE' and acl.grantee <> o.nspowner
           and (acl.grantee = 0 or acl.grantee::regrole::text in ('anon', 'authenticated', 'service_role', 'operator')
                or acl.grantee::regrole::text like 'oslira\_%')
        order by 1";
    Ok(Verdict::of(
        texts(client, sql, &[&SCHEMAS.as_slice()]).await?,
        "revoke EXECUTE (or what is named) on it from that role, for everybody: from public; at once, and in a migration",
    ))
}

/// With its own type of the name of one of Postgres', a caller would run code inside of functions of the owner.
pub async fn temporary_objects(client: &Client) -> Result<Verdict> {
    let sql = r"select r.rolname || ' may create temporary objects' from pg_roles r
        where (r.rolname in ('anon', 'authenticated', 'service_role', 'operator') or r.rolname like 'oslira\_%')
          -- A superuser may do everything, and is another check's finding.
          and not r.rolsuper and has_database_privilege(r.oid, current_database(), 'TEMPORARY') order by 1";
    Ok(Verdict::of(
        texts(client, sql, &[]).await?,
        "as the database's owner: revoke temporary on database NAME from public, anon, authenticated, service_role",
    ))
}

/// Customers with Supabase's public key would pass by every limit of the Worker there.
pub async fn data_api(client: &Client) -> Result<Verdict> {
    let sql = "select btrim(s) from pg_db_role_setting d, unnest(d.setconfig) c,
             regexp_split_to_table(regexp_replace(c, '^[^=]*=', ''), ',') s
       where d.setrole = to_regrole('authenticator')::oid
         and (d.setdatabase = 0 or d.setdatabase = (select b.oid from pg_database b where b.datname = current_database()))
         and c like 'pgrst.db_schemas=%' and btrim(s) <> '' order by 1";
    let served = texts(client, sql, &[]).await?;
    // PostgREST then has what the platform gave it when it began, which no table tells.
    if served.is_empty() {
        return Ok(Verdict::unknown(
            "the database does not say what PostgREST serves, because authenticator has no pgrst.db_schemas: set SUPABASE_PUBLISHABLE_KEY, so \
             that api.data-api asks PostgREST itself",
        ));
    }
    let exposed = served.iter().filter(|schema| SCHEMAS.contains(&schema.as_str()));
    Ok(Verdict::of(
        exposed.map(|schema| format!("PostgREST exposes {schema}")).collect(),
        "alter role authenticator reset pgrst.db_schemas; notify pgrst; then turn the Data API off: Supabase's dashboard, Integrations, Data \
         API",
    ))
}
