-- What the daily job asks when it ends the life of personal data outside the database, and of its traces within.

select set_config('lock_timeout', '5s', true);

create index leads_deleted on public.leads (deleted_at) where deleted_at is not null;

-- Usernames whose picture nobody needs any more, after p_after in their order: between the two times a lead was deleted, or a
-- run ended without one, or the account of a lead was closed before p_closed_before (until then it can be opened again); no
-- other account has a lead of it; and since then nobody deleted, or tried to find, it once more: a run that finds the profile
-- in the cache copies no picture. A repeat names them again: deleting what is gone does no harm. A closed account has no leads
-- once it is erased, so the job asks this first. Whoever is left out because of somebody's run is named again for that run.
create function system.abandoned_pictures(
  p_since timestamptz, p_until timestamptz, p_closed_before timestamptz, p_after text, p_limit bigint
) returns setof text
language sql volatile security definer rows 100 set search_path = pg_catalog, pg_temp as $$
  with abandoned as (
    select l.username from public.leads l where l.deleted_at >= p_since and l.deleted_at < p_until
    union
    select r.username
      from public.runs r
     where r.created_at >= p_since and r.created_at < p_until and r.status in ('failed', 'cancelled')
    union
    select l.username
      from public.accounts a
      join public.leads l on l.account_id = a.id
     where a.deleted_at < p_closed_before and a.tombstoned_at is null
  ), since_then as (
    select l.username from public.leads l where l.deleted_at >= p_until
    union
    select r.username from public.runs r where r.created_at >= p_until
    union
    select r.username from public.runs r where r.status in ('pending', 'processing')
  )
  select c.username
    from abandoned c
   where (p_after is null or c.username > p_after) and c.username <> 'erased..'
     and c.username not in (select s.username from since_then s)
     and not exists (
       select from public.leads l
         join public.accounts a on a.id = l.account_id
        where l.username = c.username and l.deleted_at is null
          and (a.deleted_at is null or a.deleted_at >= p_closed_before)
     )
   order by c.username
   limit p_limit
$$;
revoke all on function system.abandoned_pictures(timestamptz, timestamptz, timestamptz, text, bigint)
  from public, anon, authenticated, service_role;
grant execute on function system.abandoned_pictures(timestamptz, timestamptz, timestamptz, text, bigint) to service_role;

-- Forgets changes of profiles before p_until, and returns how many. A change is of use while a run may still judge a scrape
-- that is older than it, which is a day at most.
create function system.forget_profile_changes(p_until timestamptz) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_forgotten bigint;
begin
  delete from public.profile_changes c where c.changed_at < p_until;
  get diagnostics v_forgotten = row_count;
  return v_forgotten;
end $$;
revoke all on function system.forget_profile_changes(timestamptz) from public, anon, authenticated, service_role;
grant execute on function system.forget_profile_changes(timestamptz) to service_role;
