//! Who sees which row, and what the tables need besides.

use anyhow::Result;
use tokio_postgres::Client;

use crate::doctor::database::{SCHEMAS, texts};
use crate::doctor::finding::Verdict;

/// Tables of extensions are not ours to judge.
const OURS: &str = "c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')
                    and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')";

/// Row-level security is forced, so it binds the owner too, as whom the functions run.
pub async fn owner(client: &Client) -> Result<Verdict> {
    let sql = "select distinct r.rolname::text || ' owns functions and does not bypass row-level security'
        from pg_proc p join pg_roles r on r.oid = p.proowner
       where p.pronamespace::regnamespace::text = any ($1) and p.prosecdef and not (r.rolsuper or r.rolbypassrls) order by 1";
    Ok(Verdict::of(
        texts(client, sql, &[&SCHEMAS.as_slice()]).await?,
        "as the database's owner (on Supabase postgres): alter function … owner to postgres, for each function of that role",
    ))
}

pub async fn row_level_security(client: &Client) -> Result<Verdict> {
    let sql = format!(
        "select c.relname::text || case
                  when c.relkind not in ('r', 'p') then ' is no table, so no policy binds it'
                  when not c.relrowsecurity then ' has no row-level security'
                  else ' does not force row-level security' end
           from pg_class c
          where {OURS} and not (c.relkind in ('r', 'p') and c.relrowsecurity and c.relforcerowsecurity) order by 1"
    );
    Ok(Verdict::of(
        texts(client, &sql, &[]).await?,
        "alter table public.NAME enable row level security, force row level security; at once, and in a migration. Drop a view that is \
         in public",
    ))
}

/// A policy lets customers read the rows of their own accounts and nothing else: functions write.
pub async fn policies(client: &Client) -> Result<Verdict> {
    let sql = format!(
        r"with ours as (
           select c.oid, c.relname::text as name, coalesce(a.attname, b.attname)::text as owner_column
             from pg_class c
             left join pg_attribute a on a.attrelid = c.oid and a.attname = 'account_id' and not a.attisdropped
             left join pg_attribute b on b.attrelid = c.oid and b.attname = 'id' and c.relname = 'accounts'
            where {OURS}
         )
         select o.name || ' has a policy for ' || case when p.polcmd = 'r' then 'other roles than authenticated' else 'writing' end
           from ours o join pg_policy p on p.polrelid = o.oid
          where p.polcmd <> 'r' or p.polroles <> array[to_regrole('authenticated')::oid]
         union all
         select o.name || ' shows other rows than those of the own accounts'
           from ours o join pg_policy p on p.polrelid = o.oid
          -- All of it: Postgres writes every expression in one way, and behind a further `or` other rows may be.
          where o.owner_column is not null and p.polpermissive
            and coalesce(pg_get_expr(p.polqual, p.polrelid), '')
                !~ ('^\(' || o.owner_column || ' = ANY \(ARRAY\( SELECT private\.my_accounts\(\)( AS my_accounts)?\)\)\)$')
         union all
         select o.name || ' may be read by customers, and no policy shows them a row'
           from ours o
          where has_any_column_privilege('authenticated', o.oid, 'SELECT')
            and not exists (select from pg_policy p where p.polrelid = o.oid)
         union all
         select o.name || ' has ' || count(*) || ' policies, which add up' from ours o join pg_policy p on p.polrelid = o.oid
          group by o.name having count(*) > 1
         order by 1"
    );
    Ok(Verdict::of(
        texts(client, &sql, &[]).await?,
        "drop policy NAME on public.TABLE, and create the one of its migration again: for select to authenticated using (account_id = any \
         (array(select private.my_accounts())))",
    ))
}

/// The search reads with them. In public, everybody could call their functions.
pub async fn extensions(client: &Client) -> Result<Verdict> {
    let sql = "select e.name || case when x.oid is null then ' is missing' else ' is in the schema public' end
        from unnest(array['pg_trgm', 'btree_gin']) e (name)
        left join pg_extension x on x.extname = e.name
       where x.oid is null or x.extnamespace = 'public'::regnamespace order by 1";
    Ok(Verdict::of(
        texts(client, sql, &[]).await?,
        "create extension NAME with schema extensions; or alter extension NAME set schema extensions",
    ))
}
