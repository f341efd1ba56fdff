//! The roles: which there are, what they are, and what they may become.
//!
//! A login is every role whose name begins with that of one of the three, because a rotated password is a second login beside the
//! first (docs/secrets.md).

use anyhow::Result;
use tokio_postgres::Client;

use crate::doctor::database::texts;
use crate::doctor::finding::Verdict;

/// The logins, by the beginning of their names, and what each may become.
const LOGINS: &str =
    "(values ('oslira_tenant', 'authenticated'), ('oslira_admin', 'service_role'), ('oslira_operator', 'operator'))";

/// Roles by whose name somebody could log in and be taken for one of ours.
pub const IS_LOGIN: &str = r"r.rolname like 'oslira\_%'";

pub async fn attributes(client: &Client) -> Result<Verdict> {
    let sql = format!(
        "with wanted (name, logs_in, bypasses) as (
           select l.name, true, false from {LOGINS} l (name, becomes)
           union all values ('anon', false, false), ('authenticated', false, false), ('service_role', false, true), ('operator', false, false)
         ), found as (
           select r.*, coalesce(w.logs_in, true) as logs_in, coalesce(w.bypasses, false) as bypasses
             from pg_roles r left join wanted w on w.name = r.rolname
            where w.name is not null or {IS_LOGIN}
         )
         select w.name || ' is missing' from wanted w where to_regrole(w.name) is null
         union all
         select f.rolname || ' ' || fault from found f cross join lateral (values
           (f.rolsuper, 'is a superuser'),
           (f.rolbypassrls and not f.bypasses, 'bypasses row-level security'),
           (not f.rolbypassrls and f.bypasses, 'does not bypass row-level security'),
           (f.rolcreaterole, 'may create roles'),
           (f.rolcreatedb, 'may create databases'),
           (f.rolreplication, 'may replicate'),
           (f.rolcanlogin and not f.logs_in, 'can log in'),
           (not f.rolcanlogin and f.logs_in, 'cannot log in'),
           (f.rolinherit and f.logs_in, 'inherits what it may become'),
           (f.rolconnlimit between 0 and 9 and f.logs_in, 'may have only ' || f.rolconnlimit || ' connections')
         ) as faults (holds, fault)
          where holds
         order by 1"
    );
    Ok(Verdict::of(
        texts(client, &sql, &[]).await?,
        "alter role NAME nosuperuser nobypassrls nocreaterole nocreatedb noreplication noinherit connection limit -1 (service_role alone \
         keeps bypassrls); nologin for all but the logins. One that is missing is made as in supabase/migrations/*_roles_and_schemas.sql",
    ))
}

pub async fn memberships(client: &Client) -> Result<Verdict> {
    let sql = format!(
        "with logins as (
           select r.oid, r.rolname::text as name, l.becomes from pg_roles r
             left join {LOGINS} l (name, becomes) on r.rolname = l.name or r.rolname like replace(l.name, '_', '\\_') || '\\_%'
            where {IS_LOGIN} and r.rolcanlogin
         ), held as (
           -- Since Postgres 16 each grant says by itself whether it is inherited.
           select l.name, l.becomes, g.rolname::text as role, am.admin_option,
                  coalesce((to_jsonb(am) ->> 'inherit_option')::boolean, false) as inherits,
                  coalesce((to_jsonb(am) ->> 'set_option')::boolean, true) as may_set
             from logins l join pg_auth_members am on am.member = l.oid join pg_roles g on g.oid = am.roleid
         )
         select l.name || ' is a login of unknown purpose' from logins l where l.becomes is null
         union all
         select l.name || ' may not become ' || l.becomes from logins l
          where l.becomes is not null
            and not exists (select from held h where h.name = l.name and h.role = l.becomes and h.may_set)
         union all
         select h.name || ' may become ' || h.role from held h where h.becomes is distinct from h.role
         union all
         select h.name || ' inherits what ' || h.role || ' may do' from held h where h.inherits
         union all
         select h.name || ' may grant ' || h.role from held h where h.admin_option
         order by 1"
    );
    Ok(Verdict::of(
        texts(client, &sql, &[]).await?,
        "revoke ROLE from LOGIN for what is too much, and grant authenticated to oslira_tenant (service_role to oslira_admin, operator to \
         oslira_operator) with inherit false, set true; up to Postgres 15 without `with …`",
    ))
}

/// A client that hangs must not hold an account's balance row for long, and compiling statements takes longer than they run.
pub async fn login_settings(client: &Client) -> Result<Verdict> {
    // The setting of this database wins over the role's own.
    let sql = format!(
        "with settings as (
           select r.rolname::text as name, s.setting,
                  (select regexp_replace(c, '^[^=]*=', '') from (
                     select unnest(d.setconfig) as c, 1 as place from pg_db_role_setting d
                      where d.setrole = r.oid and d.setdatabase = (select oid from pg_database where datname = current_database())
                     union all select unnest(r.rolconfig), 2
                   ) all_of where c like s.setting || '=%' order by place limit 1) as value
             from pg_roles r
            cross join unnest(array['statement_timeout', 'idle_in_transaction_session_timeout', 'jit']) s (setting)
            where {IS_LOGIN} and r.rolcanlogin
         ), read as (
           select s.*, case when s.setting <> 'jit'
                            then (case when s.value ~ '^[0-9]+$' then s.value || 'ms' else s.value end)::interval end as time
             from settings s
         )
         select name || ': ' || setting || ' is ' || coalesce(value, 'not set') from read
          where case when setting = 'jit' then coalesce(lower(value) not in ('off', 'false', 'no', '0'), true)
                     else time is null or time <= interval '0' or time > interval '15s' end
         order by 1"
    );
    Ok(Verdict::of(
        texts(client, &sql, &[]).await?,
        "alter role LOGIN set statement_timeout = '15s'; alter role LOGIN set idle_in_transaction_session_timeout = '15s'; alter role LOGIN \
         set jit = off",
    ))
}
