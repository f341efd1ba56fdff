-- An analysis is stale when a newer scrape shows that its profile has changed. Changes are kept in a table of their
-- own, because a run may still be judging an older scrape when another run sees the change: the analysis that it stores
-- afterwards is stale from the start.

select set_config('lock_timeout', '5s', true);

create table public.profile_changes (
  username text primary key check (username ~ '^[a-z0-9._]{1,30}$'),
  -- When the scrape that showed the change was made. Analyses of older scrapes are stale.
  changed_at timestamptz not null
);
-- These rows belong to no account: functions alone read and write them, and no role has a grant or a policy.
alter table public.profile_changes enable row level security;
alter table public.profile_changes force row level security;
revoke all on public.profile_changes from public, anon, authenticated, service_role;

-- Marks every live analysis of this username, in every account, that judged an older scrape, and returns how many. A
-- repeat marks nothing.
--
-- The profile's lock comes first, and a completion holds it too until it commits (private.profile_lock). So an analysis
-- that is just being stored either commits before and is marked here, or waits and is stale from the start. Then the
-- leads are locked in the order of their ids, as a deletion locks them before their analyses. The index leads_identity
-- finds the leads, analyses_lead their analyses.
create function system.mark_stale(p_username text, p_scraped_at timestamptz) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_leads uuid[];
  v_marked bigint;
  -- A change dated in the future, by a clock that runs ahead, would make later analyses stale too.
  v_changed_at constant timestamptz := least(p_scraped_at, clock_timestamp());
begin
  if p_username is null or p_scraped_at is null then
    raise exception 'a username and the time of its scrape are needed' using errcode = 'invalid_parameter_value';
  end if;
  perform pg_advisory_xact_lock(private.profile_lock(p_username));
  if private.is_erased(p_username) then
    return 0;
  end if;
  insert into public.profile_changes as c (username, changed_at) values (p_username, v_changed_at)
    on conflict (username) do update set changed_at = greatest(c.changed_at, excluded.changed_at);
  select array_agg(locked.id) into v_leads
    from (
      select l.id from public.leads l
       where l.username = p_username and l.deleted_at is null
       order by l.id
         for no key update
    ) locked;
  update public.analyses a
     set is_stale = true
   where a.lead_id = any (v_leads) and a.scraped_at < v_changed_at and not a.is_stale and a.deleted_at is null;
  get diagnostics v_marked = row_count;
  return v_marked;
end $$;
revoke all on function system.mark_stale(text, timestamptz) from public, anon, authenticated, service_role;
grant execute on function system.mark_stale(text, timestamptz) to service_role;

-- Fires while the completion holds the profile's lock.
create function private.stale_at_birth() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if exists (
    select from public.profile_changes c
      join public.leads l on l.username = c.username
     where l.id = new.lead_id and c.changed_at > new.scraped_at
  ) then
    new.is_stale := true;
  end if;
  return new;
end $$;
revoke all on function private.stale_at_birth() from public, anon, authenticated, service_role;

create trigger stale_at_birth before insert on public.analyses
  for each row execute function private.stale_at_birth();
