-- A run is one paid analysis, from the request to its end. The columns hold the state machine:
-- pending -> processing -> complete | failed | cancelled, and pending -> failed | cancelled.
-- The fill factor leaves room to update the heartbeat in place.

select set_config('lock_timeout', '5s', true);

create table public.runs (
  id uuid primary key,
  account_id uuid not null references public.accounts (id),
  business_profile_id uuid,
  -- The user who asked. No foreign key, so that the run keeps it when the user is deleted.
  created_by uuid,
  username text not null check (username ~ '^[a-z0-9._]{1,30}$'),
  analysis_type text not null check (analysis_type in ('LIGHT', 'DEEP', 'XRAY')),
  status text not null default 'pending' check (status in ('pending', 'processing', 'complete', 'failed', 'cancelled')),
  phase text check (phase in ('cache', 'scraping', 'storing', 'analyzing', 'saving')),
  credits integer not null check (credits > 0),
  charge_outcome text check (charge_outcome in ('result', 'refunded', 'kept')),
  ai_started_at timestamptz,
  -- The last sign of life of the workflow. Until the first one, created_at counts instead.
  heartbeat_at timestamptz,
  -- When somebody last took on to wake its workflow because it was silent, and when that was last done, or tried.
  claimed_at timestamptz,
  woken_at timestamptz,
  error_code text check (char_length(error_code) between 1 and 64),
  error_message text check (char_length(error_message) between 1 and 500),
  idempotency_key text check (char_length(idempotency_key) between 1 and 255),
  body_hash text check (char_length(body_hash) <= 128),
  lead_id uuid,
  -- Whether a complete run found its profile in the cache. The analysis says it too, but goes with its lead; the run stays, and with it
  -- what a day that is over says (`insights`).
  cache_hit boolean,
  -- The bulk that it was bought in, and its line there.
  bulk_id uuid,
  bulk_line integer check (bulk_line > 0),
  created_at timestamptz not null default clock_timestamp(),
  started_at timestamptz,
  finished_at timestamptz,
  -- Lets other tables point at a run of the same account, and at no other.
  unique (id, account_id),
  foreign key (business_profile_id, account_id) references public.business_profiles (id, account_id)
    on delete set null (business_profile_id),
  foreign key (lead_id, account_id) references public.leads (id, account_id) on delete set null (lead_id),
  foreign key (bulk_id, account_id) references public.bulk_runs (id, account_id),
  constraint line_with_bulk check ((bulk_id is null) = (bulk_line is null)),
  -- Every charge ends in exactly one of a result, a refund or "kept", at the moment the run ends.
  constraint charge_ends_with_run check (
    case status
      when 'complete' then charge_outcome is not distinct from 'result'
      when 'failed' then charge_outcome is not distinct from 'refunded'
      -- Refunded only before AI work; kept after it, or when a scrape had begun and the day's refunds were used up.
      when 'cancelled' then charge_outcome is not null and (
        (charge_outcome = 'refunded' and ai_started_at is null)
        or (charge_outcome = 'kept' and (ai_started_at is not null or coalesce(phase, 'cache') <> 'cache'))
      )
      else charge_outcome is null
    end
  ),
  constraint finished_with_status check ((status in ('complete', 'failed', 'cancelled')) = (finished_at is not null)),
  constraint failure_has_reason check ((status = 'failed') = (error_code is not null and error_message is not null)),
  constraint processing_has_started check (status <> 'processing' or (started_at is not null and phase is not null)),
  constraint cache_hit_of_complete check (cache_hit is null or status = 'complete')
) with (fillfactor = 80);
-- One active run per (account, business profile, username, type). The sweep reads this index too: active runs are few.
create unique index runs_one_active on public.runs (account_id, business_profile_id, username, analysis_type)
  where status in ('pending', 'processing');
create unique index runs_idempotency on public.runs (account_id, idempotency_key) where idempotency_key is not null;
create index runs_newest on public.runs (account_id, created_at desc, id desc);
-- Ids are UUID v7 and so sort by time: lists page by them alone.
create index runs_paged on public.runs (account_id, id desc);
-- For the foreign keys, on their first column alone: with account_id added, the planner believes that the pair is
-- nearly unique, prefers this index to runs_one_active, and reads all runs of an account to find one.
create index runs_business_profile on public.runs (business_profile_id);
create index runs_lead on public.runs (lead_id) where lead_id is not null;
create index runs_of_bulk on public.runs (bulk_id) where bulk_id is not null;
-- Those that count to an account's refunded cancels of a day.
create index runs_cancelled_scrapes on public.runs (account_id, finished_at)
  where status = 'cancelled' and charge_outcome = 'refunded' and phase in ('scraping', 'storing');
-- Estimates read an account's complete runs of one type, newest first, with how long they took, from this index alone.
create index runs_complete on public.runs (account_id, analysis_type, id desc) include (created_at, finished_at)
  where status = 'complete';
-- system.run_costs reads the runs of some days. They are written in the order of time, so a BRIN index, which is tiny,
-- finds them.
create index runs_by_time on public.runs using brin (created_at) with (pages_per_range = 16);
-- What ended, in the order of time: an account's runs, and everybody's.
create index runs_ended on public.runs (account_id, finished_at) where finished_at is not null;
create index runs_ended_by_time on public.runs (finished_at) where finished_at is not null;

-- Refuses every transition that the state machine does not have. A finished run never changes again, except that its
-- references and its idempotency key may become null, and its username 'erased..' when its account is erased: no username
-- of Instagram ends in a dot.
create function private.guard_run() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if (new.id, new.account_id, new.analysis_type, new.credits, new.bulk_id, new.bulk_line)
     is distinct from (old.id, old.account_id, old.analysis_type, old.credits, old.bulk_id, old.bulk_line)
     or (new.username <> old.username and (new.username <> 'erased..' or old.status in ('pending', 'processing'))) then
    raise exception 'run %: what was bought never changes', old.id using errcode = 'restrict_violation';
  end if;
  if old.status in ('complete', 'failed', 'cancelled')
     and (new.status, new.phase, new.charge_outcome, new.ai_started_at, new.started_at, new.finished_at, new.error_code, new.error_message,
          new.cache_hit)
     is distinct from
         (old.status, old.phase, old.charge_outcome, old.ai_started_at, old.started_at, old.finished_at, old.error_code, old.error_message,
          old.cache_hit) then
    raise exception 'run % is % and never changes', old.id, old.status using errcode = 'restrict_violation';
  end if;
  if new.status <> old.status and not (
    (old.status = 'pending' and new.status in ('processing', 'failed', 'cancelled'))
    or (old.status = 'processing' and new.status in ('complete', 'failed', 'cancelled'))
  ) then
    raise exception 'run %: % -> % is not allowed', old.id, old.status, new.status using errcode = 'restrict_violation';
  end if;
  if old.ai_started_at is not null and new.ai_started_at is distinct from old.ai_started_at then
    raise exception 'run %: the start of AI work is recorded once', old.id using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
revoke all on function private.guard_run() from public, anon, authenticated, service_role;

create trigger guard_run before update on public.runs for each row execute function private.guard_run();

-- Every run starts as pending, so that none can be inserted as complete without ever having been charged.
create function private.refuse_unborn_run() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  raise exception 'a run starts as pending, not %', new.status using errcode = 'restrict_violation';
end $$;
revoke all on function private.refuse_unborn_run() from public, anon, authenticated, service_role;

create trigger born_pending before insert on public.runs
  for each row when (new.status <> 'pending') execute function private.refuse_unborn_run();

alter table public.runs enable row level security;
alter table public.runs force row level security;
revoke all on public.runs from public, anon, authenticated, service_role;
grant select on public.runs to authenticated, service_role;
create policy members_read on public.runs for select to authenticated
  using (account_id = any (array(select private.my_accounts())));
