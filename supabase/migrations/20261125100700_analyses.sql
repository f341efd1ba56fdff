-- An analysis is the result of a complete run: how the lead was judged, by one scrape of its profile.

select set_config('lock_timeout', '5s', true);

create table public.analyses (
  id uuid primary key default gen_random_uuid(),
  account_id uuid not null references public.accounts (id),
  lead_id uuid not null,
  run_id uuid not null unique,
  analysis_type text not null check (analysis_type in ('LIGHT', 'DEEP', 'XRAY')),
  score integer not null check (score between 0 and 100),
  provider text not null check (char_length(provider) between 1 and 80),
  model text not null check (char_length(model) between 1 and 120),
  -- Names the scrape that was judged, in the store of profiles.
  snapshot_key text not null check (char_length(snapshot_key) between 1 and 500),
  scraped_at timestamptz not null,
  result jsonb not null check (jsonb_typeof(result) = 'object' and octet_length(result::text) <= 262144),
  -- What lists show of the result, which is large and stored out of line: reading it would cost more than all the rest.
  summary text generated always as (result ->> 'summary') stored,
  cache_hit boolean generated always as (result -> 'cache_hit' = 'true') stored,
  cost_microusd bigint not null default 0 check (cost_microusd >= 0),
  -- What the scrape and each call cost us, and who answered. Operators read it; customers see credits.
  cost jsonb check (jsonb_typeof(cost) = 'object' and octet_length(cost::text) <= 16384),
  -- Whether this run found the lead, so that a replayed completion gives the same answer.
  is_new_lead boolean not null,
  -- Whether a newer scrape showed that the profile has changed since.
  is_stale boolean not null default false,
  created_at timestamptz not null default now(),
  deleted_at timestamptz,
  foreign key (lead_id, account_id) references public.leads (id, account_id),
  foreign key (run_id, account_id) references public.runs (id, account_id)
);
create index analyses_newest on public.analyses (account_id, created_at desc, id desc);
-- The first live one of a lead is its latest.
create index analyses_lead on public.analyses (lead_id, scraped_at desc, created_at desc, id desc);
create index analyses_deleted on public.analyses (deleted_at) where deleted_at is not null;

-- The key of the lock of an Instagram profile (pg_advisory_xact_lock). Whoever stores an analysis of it holds the lock
-- shared until the commit, whoever says that it has changed holds it alone: so each sees what the other committed. It is
-- taken before any lock of a lead. Two usernames with the same key merely wait for each other.
create function private.profile_lock(p_username text) returns bigint
language sql immutable set search_path = pg_catalog, pg_temp as $$ select hashtextextended(p_username, 0) $$;
revoke all on function private.profile_lock(text) from public, anon, authenticated, service_role;

alter table public.analyses enable row level security;
alter table public.analyses force row level security;
revoke all on public.analyses from public, anon, authenticated, service_role;
grant select on public.analyses to service_role;
-- All but what it cost, and the place of its snapshot.
grant select (
  id, account_id, lead_id, run_id, analysis_type, score, provider, model, scraped_at, result, summary, cache_hit, is_new_lead,
  is_stale, created_at, deleted_at
) on public.analyses to authenticated;
create policy members_read on public.analyses for select to authenticated
  using (account_id = any (array(select private.my_accounts())));

-- Keeps what a lead shows of its analyses: which one is its latest, that one's score and staleness, and the types of all.
-- Whoever writes an analysis holds the lock of its lead, so that no other writer's analyses are missed here.
create function private.show_newest_analysis() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  update public.leads l
     set latest_analysis_id = newest.id, score = newest.score, is_stale = newest.is_stale, analysis_types = types.held
    from (select distinct c.lead_id from changed c) c
   cross join lateral (
     select a.id, a.score, a.is_stale
       from public.analyses a
      where a.lead_id = c.lead_id and a.deleted_at is null
      order by a.scraped_at desc, a.created_at desc, a.id desc
      limit 1
   ) newest
   cross join lateral (
     select array_agg(distinct a.analysis_type order by a.analysis_type) as held
       from public.analyses a
      where a.lead_id = c.lead_id and a.deleted_at is null
   ) types
   where l.id = c.lead_id and l.deleted_at is null
     and (l.latest_analysis_id, l.score, l.is_stale, l.analysis_types)
         is distinct from (newest.id, newest.score, newest.is_stale, types.held);
  return null;
end $$;
revoke all on function private.show_newest_analysis() from public, anon, authenticated, service_role;

create trigger newest_analysis_after_insert after insert on public.analyses
  referencing new table as changed for each statement execute function private.show_newest_analysis();
create trigger newest_analysis_after_update after update on public.analyses
  referencing new table as changed for each statement execute function private.show_newest_analysis();
