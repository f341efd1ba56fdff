-- Alarms (docs/insights.md): what somebody of ours must look at. A job asks every five minutes what holds, by limits that the
-- deployment's settings give; each alarm is one row from the moment it begins to hold until it has been quiet for a while, and is told
-- once at both ends.

select set_config('lock_timeout', '5s', true);

create table public.alarms (
  id bigint generated always as identity primary key,
  alarm text not null check (alarm in (
    'cache_hits', 'success', 'ai_budget', 'latency', 'webhooks', 'dead_letters', 'model_retiring', 'job_silent'
  )),
  -- Which of several: a type of analysis, a queue, a model, a job, a kind of waiting event; else empty.
  subject text not null check (char_length(subject) <= 200),
  -- What was found when it began, and the limit that it is beyond, in the alarm's own unit.
  value numeric not null,
  threshold numeric not null,
  opened_at timestamptz not null,
  -- When it was last found to hold.
  seen_at timestamptz not null,
  closed_at timestamptz,
  -- When the log had its beginning and its end. Whoever dies before that leaves it to the next job, so it may be told twice, but
  -- never not at all.
  opening_told_at timestamptz,
  closing_told_at timestamptz,
  -- Until when whoever was given them has time to tell them; nobody else is given them meanwhile.
  telling_until timestamptz,
  constraint told_in_order check (closing_told_at is null or closed_at is not null)
);
create unique index alarms_open on public.alarms (alarm, subject) where closed_at is null;
create index alarms_untold on public.alarms (id)
  where opening_told_at is null or (closed_at is not null and closing_told_at is null);
-- These rows belong to no account: functions alone read and write them, and no role has a grant or a policy.
alter table public.alarms enable row level security;
alter table public.alarms force row level security;
revoke all on public.alarms from public, anon, authenticated, service_role;
revoke all on sequence public.alarms_id_seq from public, anon, authenticated, service_role;

-- Since when a job is known, which is when the alarms were first checked with it: one that a later deployment adds is not silent before
-- its first run is due.
create table public.known_jobs (
  job text primary key check (job ~ '^[a-z][a-z-]{0,39}$'),
  since timestamptz not null
);
alter table public.known_jobs enable row level security;
alter table public.known_jobs force row level security;
revoke all on public.known_jobs from public, anon, authenticated, service_role;

-- Messages that a queue has given up: how many, until a day has passed without one. Those of a batch that had to come again are counted
-- once more.
create table public.dead_letters (
  queue text primary key check (queue ~ '^[a-z][a-z-]{0,39}$'),
  messages bigint not null check (messages > 0),
  last_at timestamptz not null
);
alter table public.dead_letters enable row level security;
alter table public.dead_letters force row level security;
revoke all on public.dead_letters from public, anon, authenticated, service_role;

create function system.note_dead_letters(p_queue text, p_messages integer) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  insert into public.dead_letters as d (queue, messages, last_at) values (p_queue, p_messages, clock_timestamp())
    on conflict (queue) do update
      set messages = excluded.messages
            + case when d.last_at > excluded.last_at - interval '24 hours' then d.messages else 0 end,
          last_at = excluded.last_at
$$;
revoke all on function system.note_dead_letters(text, integer) from public, anon, authenticated, service_role;
grant execute on function system.note_dead_letters(text, integer) to service_role;

-- What AI calls will have cost by the end of the month (UTC), in dollars: what was spent, and for the rest of the month what a day
-- cost in the last week, or since the first day of it that cost anything.
create function private.ai_cost_forecast(p_now timestamptz) returns numeric
language sql stable set search_path = pg_catalog, pg_temp as $$
  with days as (
    select c.day, sum(c.cost_microusd) as cost
      from private.insight_days(1, (p_now at time zone 'UTC')::date) t
     cross join private.call_sums(least(date_trunc('month', t.last_day)::date, t.last_day - 7), t.last_day) c
     where c.kind = 'ai'
     group by 1
    having sum(c.cost_microusd) > 0
  ), today as (
    select (p_now at time zone 'UTC')::date as day, date_trunc('month', p_now at time zone 'UTC') as month
  )
  select (
           coalesce(sum(d.cost) filter (where d.day >= t.month::date), 0)
           + coalesce(
               sum(d.cost) filter (where d.day >= t.day - 7 and d.day < t.day)
               / max(t.day - d.day) filter (where d.day >= t.day - 7 and d.day < t.day), 0
             ) * (extract(epoch from t.month + interval '1 month' - p_now at time zone 'UTC') / 86400)
         ) / 1e6
    from today t
    left join days d on true
   group by t.day, t.month
$$;
revoke all on function private.ai_cost_forecast(timestamptz) from public, anon, authenticated, service_role;

-- Every alarm that holds at p_now. Shares of few runs say nothing: p_limits says from how many on they count. So few failures that are ours
-- are enough for the success rate, or nothing would tell of a night on which every run fails. Lines of bulks wait for each other, so they do
-- not count as slow.
create function private.alarms_now(p_limits jsonb, p_now timestamptz) returns table (
  alarm text, subject text, value numeric, threshold numeric
)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with today as (
    select (p_now at time zone 'UTC')::date as day, (p_limits ->> 'runs_min')::bigint as runs_min
  ), ended as materialized (
    select r.analysis_type, r.outcome, r.error_code, r.is_single, extract(epoch from r.total) as total_s
      from private.ended_runs('00000000-0000-0000-0000-000000000000', p_now - interval '24 hours', p_now) r
  ), cache as (
    select sum(s.runs) as complete, sum(s.runs) filter (where s.outcome = 'cached') as cached
      from today t
     cross join private.run_sums('00000000-0000-0000-0000-000000000000', t.day - 6, t.day) s
     where s.outcome in ('cold', 'cached')
  ), success as (
    select count(*) filter (where e.outcome in ('cold', 'cached')) as complete,
           count(*) filter (where e.outcome = 'failed' and not private.blames_profile(e.error_code)) as failed
      from ended e
  ), latency as (
    select e.analysis_type, count(*) as runs, percentile_disc(0.95) within group (order by e.total_s) as p95_s
      from ended e
     where e.outcome in ('cold', 'cached') and e.is_single
     group by 1
  ), waiting as (
    select e.outcome, extract(epoch from p_now - greatest(e.received_at, e.put_back_at)) as waits_s,
           (p_limits ->> 'webhook_wait_max_s')::numeric as max_s
      from public.webhook_events e where e.processed_at is null
  ), found as (
    select 'cache_hits' as alarm, '' as subject, private.share(coalesce(c.cached, 0), c.complete) as value,
           (p_limits ->> 'cache_hits_min')::numeric as threshold, c.complete >= t.runs_min as counts, true as is_minimum
      from cache c, today t
    union all
    select 'success', '', private.share(s.complete, s.complete + s.failed), (p_limits ->> 'success_min')::numeric,
           s.complete + s.failed >= t.runs_min or s.failed >= (p_limits ->> 'failed_min')::bigint, true
      from success s, today t
    union all
    select 'latency', l.analysis_type, l.p95_s, (p_limits -> 'p95_max_s' ->> l.analysis_type)::numeric, l.runs >= t.runs_min, false
      from latency l, today t
    union all
    select 'ai_budget', '', private.ai_cost_forecast(p_now), (p_limits ->> 'ai_budget_usd')::numeric, true, false
    union all
    -- Those that wait for something else apart, or they would hide the others.
    select 'webhooks', w.outcome, max(w.waits_s), w.max_s, true, false from waiting w group by w.outcome, w.max_s
    union all
    -- And many apart: one that is stuck for days would hide that all others do not come through any more.
    select 'webhooks', w.outcome || '-many', count(*), (p_limits ->> 'webhooks_late_max')::numeric, true, false
      from waiting w where w.waits_s > w.max_s
     group by w.outcome
    union all
    select 'dead_letters', d.queue, d.messages, 0, d.last_at > p_now - interval '24 hours', false from public.dead_letters d
    union all
    -- Days that are left; none of a model that is not offered any more.
    select 'model_retiring', m.model,
           case when m.status in ('retired', 'unlisted') then least(m.retires_on - t.day, 0) else m.retires_on - t.day end,
           (p_limits ->> 'model_days_min')::numeric, true, true
      from public.model_lifecycles m, today t
    union all
    -- Seconds since it last did its work; since it is known, if it never did.
    select 'job_silent', j.key,
           extract(epoch from p_now - coalesce(
             (
               select r.finished_at from public.job_runs r
                where r.job = j.key and r.outcome = 'ok' order by r.id desc limit 1
             ),
             (select k.since from public.known_jobs k where k.job = j.key)
           )),
           j.value::numeric, true, false
      from jsonb_each_text(p_limits -> 'jobs') j
  )
  select f.alarm, f.subject, round(f.value, 4), f.threshold
    from found f
   where f.counts and case when f.is_minimum then f.value < f.threshold else f.value > f.threshold end
$$;
revoke all on function private.alarms_now(jsonb, timestamptz) from public, anon, authenticated, service_role;

-- Opens the alarms that hold and closes those that have been quiet for `calm_s`; a value that goes to and fro about its limit is one
-- alarm. Returns the beginnings and ends that were not told yet, the oldest first: to one caller, who has two minutes to tell them.
create function system.check_alarms(p_limits jsonb, p_now timestamptz) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_untold jsonb;
begin
  -- Of two jobs at once, the second finds what the first has opened and is about to tell.
  perform pg_advisory_xact_lock(hashtext('system.check_alarms'));
  insert into public.known_jobs (job, since)
    select j.key, p_now from jsonb_each_text(p_limits -> 'jobs') j on conflict (job) do nothing;
  insert into public.alarms as a (alarm, subject, value, threshold, opened_at, seen_at)
    select n.alarm, n.subject, n.value, n.threshold, p_now, p_now from private.alarms_now(p_limits, p_now) n
    on conflict (alarm, subject) where closed_at is null do update set seen_at = greatest(a.seen_at, excluded.seen_at);
  update public.alarms a
     set closed_at = p_now
   where a.closed_at is null and a.seen_at < p_now
     and a.seen_at <= p_now - make_interval(secs => (p_limits ->> 'calm_s')::float8);
  with taken as (
    update public.alarms a
       set telling_until = clock_timestamp() + interval '2 minutes'
     where (a.opening_told_at is null or (a.closed_at is not null and a.closing_told_at is null))
       and (a.telling_until is null or a.telling_until <= clock_timestamp())
    returning a.*
  )
  select coalesce(jsonb_agg(jsonb_build_object(
           'id', a.id, 'crossing', c.crossing, 'alarm', a.alarm, 'subject', a.subject, 'value', a.value, 'threshold', a.threshold,
           'opened_at', a.opened_at, 'closed_at', a.closed_at
         ) order by a.id, c.crossing desc), '[]')
    into v_untold
    from taken a
   cross join lateral (
     select 'opened' as crossing where a.opening_told_at is null
     union all
     select 'closed' where a.closed_at is not null and a.closing_told_at is null
   ) c;
  return v_untold;
end $$;
revoke all on function system.check_alarms(jsonb, timestamptz) from public, anon, authenticated, service_role;
grant execute on function system.check_alarms(jsonb, timestamptz) to service_role;

-- Writes down which of them were told: [{"id": …, "crossing": …}]. Returns how many were not told before.
create function system.note_alarms_told(p_told jsonb) returns bigint
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  with told as (
    select (t ->> 'id')::bigint as id, bool_or(t ->> 'crossing' = 'opened') as opening, bool_or(t ->> 'crossing' = 'closed') as closing
      from jsonb_array_elements(p_told) t
     group by 1
  ), noted as (
    update public.alarms a
       set opening_told_at = case when t.opening then coalesce(a.opening_told_at, clock_timestamp()) else a.opening_told_at end,
           closing_told_at = case when t.closing then coalesce(a.closing_told_at, clock_timestamp()) else a.closing_told_at end,
           telling_until = null
      from told t
     where a.id = t.id
       and ((t.opening and a.opening_told_at is null) or (t.closing and a.closing_told_at is null and a.closed_at is not null))
    returning a.id
  )
  select count(*) from noted
$$;
revoke all on function system.note_alarms_told(jsonb) from public, anon, authenticated, service_role;
grant execute on function system.note_alarms_told(jsonb) to service_role;
