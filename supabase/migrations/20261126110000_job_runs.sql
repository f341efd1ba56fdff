-- What became of the scheduled jobs: a row for each time that one ran. One that died has a row without an end.

select set_config('lock_timeout', '5s', true);

create table public.job_runs (
  id bigint generated always as identity primary key,
  job text not null check (job ~ '^[a-z][a-z-]{0,39}$'),
  -- The moment that the job took for now.
  scheduled_for timestamptz not null,
  started_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  outcome text check (outcome in ('ok', 'failed')),
  -- What the job says that it did.
  report jsonb check (jsonb_typeof(report) = 'object' and octet_length(report::text) <= 16384),
  error text check (char_length(error) between 1 and 500),
  constraint finished_with_outcome check ((finished_at is null) = (outcome is null)),
  constraint ok_has_report check ((outcome is not distinct from 'ok') = (report is not null)),
  constraint failure_has_error check ((outcome is not distinct from 'failed') = (error is not null))
);
create index job_runs_newest on public.job_runs (job, id desc);
create index job_runs_oldest on public.job_runs (started_at);
-- These rows belong to no account: functions alone read and write them, and no role has a grant or a policy.
alter table public.job_runs enable row level security;
alter table public.job_runs force row level security;
revoke all on public.job_runs from public, anon, authenticated, service_role;
revoke all on sequence public.job_runs_id_seq from public, anon, authenticated, service_role;

-- Writes down that a job starts, and returns the row's id.
create function system.begin_job(p_job text, p_scheduled_for timestamptz) returns bigint
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  insert into public.job_runs (job, scheduled_for) values (p_job, p_scheduled_for) returning id
$$;
revoke all on function system.begin_job(text, timestamptz) from public, anon, authenticated, service_role;
grant execute on function system.begin_job(text, timestamptz) to service_role;

-- Writes down how a job ended: with a report, or with an error. True unless that was known already.
create function system.end_job(p_job_run bigint, p_report jsonb, p_error text) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  if (p_report is null) = (p_error is null) then
    raise exception 'a job ends with a report or with an error' using errcode = 'invalid_parameter_value';
  end if;
  update public.job_runs j
     set finished_at = clock_timestamp(),
         outcome = case when p_error is null then 'ok' else 'failed' end,
         report = p_report,
         error = coalesce(nullif(left(p_error, 500), ''), case when p_error is not null then 'unknown' end)
   where j.id = p_job_run and j.finished_at is null;
  return found;
end $$;
revoke all on function system.end_job(bigint, jsonb, text) from public, anon, authenticated, service_role;
grant execute on function system.end_job(bigint, jsonb, text) to service_role;
