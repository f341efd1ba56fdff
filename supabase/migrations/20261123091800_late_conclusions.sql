-- A run may judge a profile as it was, and end after another run has seen how much it changed since. So a change is
-- remembered, and an analysis that comes late is born stale.

create table public.profile_changes (
  username text primary key check (username ~ '^[a-z0-9._]{1,30}$'),
  -- The scrape that showed the change: what judged an older one is stale.
  changed_at timestamptz not null
);
alter table public.profile_changes enable row level security;
alter table public.profile_changes force row level security;
revoke all on public.profile_changes from public, anon, authenticated, service_role;

-- Marks every live analysis of this username, in every account, that judged an older scrape; answers how many. A repeat
-- marks nothing.
--
-- The change is remembered first, then leads are locked in the order of their ids, as completions and deletions do: an
-- analysis that is just being stored for a known lead is waited for and marked, or waits and is born stale. Only the very
-- first analysis of a new lead can still slip through, if both commit in the same moment.
create or replace function system.mark_stale(p_username text, p_scraped_at timestamptz) returns bigint
language plpgsql volatile security definer set search_path = '' as $$
declare
  v_leads uuid[];
  v_marked bigint;
  -- A clock that runs ahead must not make stale what is stored after it.
  v_changed_at constant timestamptz := least(p_scraped_at, clock_timestamp());
begin
  if p_username is null or p_scraped_at is null then
    raise exception 'a username and the time of its scrape are needed' using errcode = 'invalid_parameter_value';
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

-- Runs while the completion holds its lead.
create function private.stale_at_birth() returns trigger
language plpgsql set search_path = '' as $$
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
