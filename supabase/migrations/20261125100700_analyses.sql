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
  cost_microusd bigint not null default 0 check (cost_microusd >= 0),
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
create index analyses_lead on public.analyses (lead_id, created_at desc);

-- The key of the lock of an Instagram profile (pg_advisory_xact_lock). Whoever stores an analysis of it holds the lock
-- shared until the commit, whoever says that it has changed holds it alone: so each sees what the other committed. It is
-- taken before any lock of a lead. Two usernames with the same key merely wait for each other.
create function private.profile_lock(p_username text) returns bigint
language sql immutable set search_path = pg_catalog, pg_temp as $$ select hashtextextended(p_username, 0) $$;
revoke all on function private.profile_lock(text) from public, anon, authenticated, service_role;

alter table public.analyses enable row level security;
alter table public.analyses force row level security;
revoke all on public.analyses from public, anon, authenticated, service_role;
grant select on public.analyses to authenticated, service_role;
create policy members_read on public.analyses for select to authenticated
  using (account_id = any (array(select private.my_accounts())));
