-- What operators and customers ask about many runs at once (docs/insights.md): how long they took, what they cost, how many came from
-- the cache, how many failed. Sums by day (UTC) are kept by a job, so that a quarter of a year is read in milliseconds.
--
-- A run belongs to the day on which it ended, a provider's call to the day on which it was recorded. Both never change afterwards,
-- so the sums of a day are exact as soon as the day is over, whatever begins or ends later. What is not summed up yet is read from the
-- rows themselves, by the indexes `runs_ended…` and `…_logs_oldest`; `insight_progress` says where the one ends and the other begins.
-- Functions that read are stable, so that all of their statements see the snapshot of whoever calls them, and nothing is counted
-- twice or not at all.

select set_config('lock_timeout', '5s', true);

create table public.insight_progress (
  is_one boolean primary key default true check (is_one),
  -- What ended, or was recorded, before this moment is in the sums below; nothing else is.
  summed_until timestamptz not null
);
alter table public.insight_progress enable row level security;
alter table public.insight_progress force row level security;
revoke all on public.insight_progress from public, anon, authenticated, service_role;
insert into public.insight_progress (summed_until) values ('-infinity');

-- The runs that ended on a day.
create table public.insight_runs (
  -- The nil UUID for all accounts together. No foreign key, because there is no such account.
  account_id uuid not null,
  day date not null,
  analysis_type text not null check (analysis_type in ('LIGHT', 'DEEP', 'XRAY')),
  -- Those that are complete were scraped for (`cold`), or found their profile in the cache.
  outcome text not null check (outcome in ('cold', 'cached', 'failed', 'cancelled')),
  -- Why they failed; empty for others.
  error_code text not null check ((error_code <> '') = (outcome = 'failed')),
  runs bigint not null check (runs > 0),
  -- Credits that were spent, and that came back.
  credits bigint not null check (credits >= 0),
  refunded bigint not null check (refunded >= 0),
  -- How long those that are complete took, and parts of it: how many runs took how many milliseconds, as one number whose sum over
  -- days is that of all their runs (private.percentiles).
  total numeric,
  waiting numeric,
  reading numeric,
  judging numeric,
  primary key (account_id, day, analysis_type, outcome, error_code)
);
-- A day is written anew.
create index insight_runs_day on public.insight_runs (day);
-- Functions alone read and write these tables: no role has a grant or a policy.
alter table public.insight_runs enable row level security;
alter table public.insight_runs force row level security;
revoke all on public.insight_runs from public, anon, authenticated, service_role;

-- The providers' calls that were recorded on a day, of all accounts.
create table public.insight_calls (
  day date not null,
  -- Of the run that they were for.
  analysis_type text not null check (analysis_type in ('LIGHT', 'DEEP', 'XRAY')),
  kind text not null check (kind in ('ai', 'scrape')),
  provider text not null,
  -- The AI call, or the actor.
  name text not null,
  -- Empty for scrapes.
  model text not null,
  -- How it ended, as it was recorded.
  outcome text not null,
  calls bigint not null check (calls > 0),
  cost_microusd bigint not null,
  -- AI calls to a model without a known price, as in system.run_costs.
  unpriced bigint not null,
  gateway_hits bigint not null,
  input_tokens bigint not null,
  cached_tokens bigint not null,
  output_tokens bigint not null,
  -- As in insight_runs.
  took numeric not null,
  primary key (day, kind, provider, name, model, outcome, analysis_type)
);
alter table public.insight_calls enable row level security;
alter table public.insight_calls force row level security;
revoke all on public.insight_calls from public, anon, authenticated, service_role;

-- What those of an account cost us.
create table public.insight_account_costs (
  account_id uuid not null references public.accounts (id),
  day date not null,
  ai_microusd bigint not null,
  scrape_microusd bigint not null,
  primary key (account_id, day)
);
create index insight_account_costs_day on public.insight_account_costs (day) include (account_id, ai_microusd, scrape_microusd);
alter table public.insight_account_costs enable row level security;
alter table public.insight_account_costs force row level security;
revoke all on public.insight_account_costs from public, anon, authenticated, service_role;

-- Times as they are kept: the nearest power of 1.02, at most 1 % (and half a millisecond) away from each. Of all runs (or calls) together
-- they are one number, in which the power k has the eight digits from the (8 k + 9)th on, counted from the right, for its runs; the
-- first eight are for those that took no time. So Postgres adds up days by `sum`, whatever their times, much faster than lists of times.
-- A day's limit, 86,400,000 ms, makes the largest k 923. This reads such a number: how many runs there are, and their percentiles, each
-- the smallest time that so many of the runs do not exceed.
--
-- How many runs some of the digits stand for is their remainder by 99,999,999, because 100,000,000 leaves 1 (it is how one casts out
-- nines): right for fewer than 99,999,999 runs in all. So each percentile is found by halves, and no count is read by itself.
create function private.percentiles(p_number numeric, out runs bigint, out times jsonb)
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  -- Nobody is faster than the first that is counted: the zeros behind it are left out. As bytes, because of a text every character up
  -- to a place is read to find it.
  v_text text := p_number::text;
  v_empty constant integer := (length(v_text) - length(rtrim(v_text, '0'))) / 8;
  v_digits bytea;
  v_numbers integer;
  v_found integer[] := '{}';
  v_share numeric;
  -- Of the numbers from v_low to v_high, one is that of the percentile; v_below runs are faster than the first of them.
  v_low integer := 0;
  v_high integer;
  v_below bigint := 0;
  v_middle integer;
  v_half bigint;
begin
  v_text := left(v_text, length(v_text) - 8 * v_empty);
  v_numbers := (length(v_text) + 7) / 8;
  v_digits := convert_to(lpad(v_text, 8 * v_numbers, '0'), 'UTF8');
  runs := p_number % 99999999;
  foreach v_share in array array[0.50, 0.95, 0.99] loop
    v_high := v_numbers - 1;
    while v_low < v_high loop
      v_middle := (v_low + v_high) / 2;
      v_half := convert_from(substring(v_digits from 8 * (v_numbers - v_middle) - 7 for 8 * (v_middle - v_low + 1)), 'UTF8')::numeric
                % 99999999;
      if v_below + v_half >= v_share * runs then
        v_high := v_middle;
      else
        v_below := v_below + v_half;
        v_low := v_middle + 1;
      end if;
    end loop;
    v_found := v_found || case when v_empty + v_low = 0 then 0 else round(power(1.02::float8, v_empty + v_low - 1))::integer end;
  end loop;
  times := jsonb_build_object('p50_ms', v_found[1], 'p95_ms', v_found[2], 'p99_ms', v_found[3]);
end $$;
revoke all on function private.percentiles(numeric) from public, anon, authenticated, service_role;

-- The runs of an account, or with the nil UUID of all, that ended in [p_from, p_until). The plan depends on which: hence a custom one
-- each time.
create function private.ended_runs(p_account uuid, p_from timestamptz, p_until timestamptz) returns table (
  account_id uuid, day date, analysis_type text, outcome text, error_code text, credits integer, refunded integer,
  is_single boolean, total interval, waiting interval, reading interval, judging interval
)
language plpgsql stable rows 1000 set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan as $$
begin
  return query
    select r.account_id, (r.finished_at at time zone 'UTC')::date, r.analysis_type,
           case when r.status <> 'complete' then r.status when r.cache_hit then 'cached' else 'cold' end,
           coalesce(r.error_code, ''),
           case when r.charge_outcome = 'refunded' then 0 else r.credits end,
           case when r.charge_outcome = 'refunded' then r.credits else 0 end,
           r.bulk_id is null,
           r.finished_at - r.created_at, r.started_at - r.created_at, r.ai_started_at - r.started_at,
           r.finished_at - r.ai_started_at
      from public.runs r
     where r.finished_at >= p_from and r.finished_at < p_until
       and (p_account = '00000000-0000-0000-0000-000000000000' or r.account_id = p_account);
end $$;
revoke all on function private.ended_runs(uuid, timestamptz, timestamptz) from public, anon, authenticated, service_role;

-- The providers' calls that were recorded in [p_from, p_until). To start parallel workers takes longer than to read an hour, and less than
-- to read a day: hence their cost.
create function private.recorded_calls(p_from timestamptz, p_until timestamptz) returns table (
  account_id uuid, day date, analysis_type text, kind text, provider text, name text, model text, outcome text,
  cost_microusd bigint, is_unpriced boolean, is_gateway_hit boolean, input_tokens integer, cached_tokens integer,
  output_tokens integer, took_ms integer
)
language plpgsql stable rows 1000 set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
  set parallel_setup_cost = 20000 as $$
begin
  return query
    select l.account_id, (l.created_at at time zone 'UTC')::date, r.analysis_type, 'ai', l.provider, l.call, l.model,
           coalesce(l.finish_reason, 'unknown'), l.cost_microusd,
           l.cost_microusd = 0 and l.input_tokens + l.output_tokens > 0 and l.gateway_hit is not true,
           coalesce(l.gateway_hit, false), l.input_tokens, l.cached_tokens, l.output_tokens,
           least(l.duration_ms, 86400000)::integer
      from public.ai_usage_logs l
      join public.runs r on r.id = l.run_id
     where l.created_at >= p_from and l.created_at < p_until
    union all
    select l.account_id, (l.created_at at time zone 'UTC')::date, r.analysis_type, 'scrape', 'apify', l.actor, '',
           l.outcome, l.cost_microusd, false, false, 0, 0, 0, least(l.duration_ms, 86400000)::integer
      from public.scrape_logs l
      join public.runs r on r.id = l.run_id
     where l.created_at >= p_from and l.created_at < p_until;
end $$;
revoke all on function private.recorded_calls(timestamptz, timestamptz) from public, anon, authenticated, service_role;

-- Writes the sums of the runs of a day, as far as it is over at p_until.
create function private.sum_up_runs(p_from timestamptz, p_until timestamptz) returns void
language sql volatile set search_path = pg_catalog, pg_temp as $$
  delete from public.insight_runs i where i.day = (p_from at time zone 'UTC')::date;
  insert into public.insight_runs (
    account_id, day, analysis_type, outcome, error_code, runs, credits, refunded, total, waiting, reading, judging
  )
  with ended as materialized (
    -- Each run counts for its account, and for all.
    select o.owner, e.*
      from private.ended_runs('00000000-0000-0000-0000-000000000000', p_from, p_until) e
     cross join lateral (values (e.account_id), ('00000000-0000-0000-0000-000000000000'::uuid)) as o (owner)
  ), sums as (
    select e.owner, e.analysis_type, e.outcome, e.error_code, count(*) as runs, sum(e.credits) as credits,
           sum(e.refunded) as refunded
      from ended e
     group by 1, 2, 3, 4
  ), times as (
    select e.owner, e.analysis_type, e.outcome, p.phase, b.number, count(*) as runs
      from ended e
     cross join lateral (
       values ('total', e.total), ('waiting', e.waiting), ('reading', e.reading), ('judging', e.judging)
     ) as p (phase, took)
     cross join lateral (select least(extract(epoch from p.took) * 1000, 86400000)::float8) as m (ms)
     -- See private.percentiles.
     cross join lateral (select case when m.ms < 0.5 then 0 else 1 + round(ln(greatest(m.ms, 1)) / ln(1.02::float8)) end) as b (number)
     where e.outcome in ('cold', 'cached') and p.took is not null
     group by 1, 2, 3, 4, 5
  ), numbers as (
    select t.owner, t.analysis_type, t.outcome,
           sum(t.runs * ('1e' || 8 * t.number)::numeric) filter (where t.phase = 'total') as total,
           sum(t.runs * ('1e' || 8 * t.number)::numeric) filter (where t.phase = 'waiting') as waiting,
           sum(t.runs * ('1e' || 8 * t.number)::numeric) filter (where t.phase = 'reading') as reading,
           sum(t.runs * ('1e' || 8 * t.number)::numeric) filter (where t.phase = 'judging') as judging
      from times t
     group by 1, 2, 3
  )
  select s.owner, (p_from at time zone 'UTC')::date, s.analysis_type, s.outcome, s.error_code, s.runs, s.credits, s.refunded,
         n.total, n.waiting, n.reading, n.judging
    from sums s
    left join numbers n using (owner, analysis_type, outcome);
$$;
revoke all on function private.sum_up_runs(timestamptz, timestamptz) from public, anon, authenticated, service_role;

-- The same for the providers' calls.
create function private.sum_up_calls(p_from timestamptz, p_until timestamptz) returns void
language sql volatile set search_path = pg_catalog, pg_temp as $$
  delete from public.insight_calls i where i.day = (p_from at time zone 'UTC')::date;
  delete from public.insight_account_costs i where i.day = (p_from at time zone 'UTC')::date;
  insert into public.insight_account_costs (account_id, day, ai_microusd, scrape_microusd)
    select c.account_id, (p_from at time zone 'UTC')::date, coalesce(sum(c.cost_microusd) filter (where c.kind = 'ai'), 0),
           coalesce(sum(c.cost_microusd) filter (where c.kind = 'scrape'), 0)
      from private.recorded_calls(p_from, p_until) c
     group by c.account_id;
  insert into public.insight_calls (
    day, analysis_type, kind, provider, name, model, outcome, calls, cost_microusd, unpriced, gateway_hits, input_tokens,
    cached_tokens, output_tokens, took
  )
  with kept as (
    select c.analysis_type, c.kind, c.provider, c.name, c.model, c.outcome, b.number, count(*) as calls,
           sum(c.cost_microusd) as cost_microusd, count(*) filter (where c.is_unpriced) as unpriced,
           count(*) filter (where c.is_gateway_hit) as gateway_hits, sum(c.input_tokens) as input_tokens,
           sum(c.cached_tokens) as cached_tokens, sum(c.output_tokens) as output_tokens
      from private.recorded_calls(p_from, p_until) c
     cross join lateral (
       select case when c.took_ms < 1 then 0 else 1 + round(ln(greatest(c.took_ms, 1)::float8) / ln(1.02::float8)) end
     ) as b (number)
     group by 1, 2, 3, 4, 5, 6, 7
  )
  select (p_from at time zone 'UTC')::date, k.analysis_type, k.kind, k.provider, k.name, k.model, k.outcome, sum(k.calls),
         sum(k.cost_microusd), sum(k.unpriced), sum(k.gateway_hits), sum(k.input_tokens), sum(k.cached_tokens),
         sum(k.output_tokens), sum(k.calls * ('1e' || 8 * k.number)::numeric)
    from kept k
   group by k.analysis_type, k.kind, k.provider, k.name, k.model, k.outcome;
$$;
revoke all on function private.sum_up_calls(timestamptz, timestamptz) from public, anon, authenticated, service_role;

-- Sums up the next day that has something, as far as it is over at p_until; the job asks until it `is_done`. The last minute is left to
-- the next job: rows are dated before their transactions commit, which the logins' statement_timeout ends after seconds.
create function system.sum_up(p_until timestamptz) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_until timestamptz;
  v_done timestamptz;
  v_next timestamptz;
  v_end timestamptz;
begin
  -- Of two jobs at once, the second goes on where the first has come to.
  perform pg_advisory_xact_lock(hashtext('system.sum_up'));
  v_until := least(p_until, clock_timestamp() - interval '1 minute');
  select i.summed_until into strict v_done from public.insight_progress i;
  select min(n.at) into v_next
    from (
      (select r.finished_at from public.runs r where r.finished_at >= v_done order by r.finished_at limit 1)
      union all
      (select l.created_at from public.ai_usage_logs l where l.created_at >= v_done order by l.created_at limit 1)
      union all
      (select l.created_at from public.scrape_logs l where l.created_at >= v_done order by l.created_at limit 1)
    ) n (at);
  if v_next is null or v_next >= v_until then
    update public.insight_progress i set summed_until = v_until where i.summed_until < v_until;
    return jsonb_build_object('day', null, 'is_done', true);
  end if;
  v_end := least((private.day_of(v_next)).ends_at, v_until);
  perform private.sum_up_runs((private.day_of(v_next)).starts_at, v_end);
  perform private.sum_up_calls((private.day_of(v_next)).starts_at, v_end);
  update public.insight_progress i set summed_until = v_end;
  return jsonb_build_object('day', (v_next at time zone 'UTC')::date, 'is_done', v_end >= v_until);
end $$;
revoke all on function system.sum_up(timestamptz) from public, anon, authenticated, service_role;
grant execute on function system.sum_up(timestamptz) to service_role;

-- The part of the days from p_first to p_last that is not summed up.
create function private.not_summed(p_first date, p_last date, out from_time timestamptz, out until_time timestamptz)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select greatest(i.summed_until, p_first::timestamp at time zone 'UTC'), (p_last + 1)::timestamp at time zone 'UTC'
    from public.insight_progress i
$$;
revoke all on function private.not_summed(date, date) from public, anon, authenticated, service_role;

-- The runs of an account, or of all, by day, type and outcome.
create function private.run_sums(p_account uuid, p_first date, p_last date) returns table (
  day date, analysis_type text, outcome text, error_code text, runs bigint, credits bigint, refunded bigint
)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select s.day, s.analysis_type, s.outcome, s.error_code, sum(s.runs)::bigint, sum(s.credits)::bigint, sum(s.refunded)::bigint
    from (
      select i.day, i.analysis_type, i.outcome, i.error_code, i.runs, i.credits, i.refunded
        from public.insight_runs i
       where i.account_id = p_account and i.day between p_first and p_last
      union all
      select r.day, r.analysis_type, r.outcome, r.error_code, 1, r.credits, r.refunded
        from private.not_summed(p_first, p_last) n, private.ended_runs(p_account, n.from_time, n.until_time) r
    ) s
   group by 1, 2, 3, 4
$$;
revoke all on function private.run_sums(uuid, date, date) from public, anon, authenticated, service_role;

-- The providers' calls by day and all that tells them apart, without their times.
create function private.call_sums(p_first date, p_last date) returns table (
  day date, analysis_type text, kind text, provider text, name text, model text, outcome text, calls bigint, cost_microusd bigint,
  unpriced bigint, gateway_hits bigint, input_tokens bigint, cached_tokens bigint, output_tokens bigint
)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select i.day, i.analysis_type, i.kind, i.provider, i.name, i.model, i.outcome, i.calls, i.cost_microusd, i.unpriced,
         i.gateway_hits, i.input_tokens, i.cached_tokens, i.output_tokens
    from public.insight_calls i
   where i.day between p_first and p_last
  union all
  select c.day, c.analysis_type, c.kind, c.provider, c.name, c.model, c.outcome, count(*), sum(c.cost_microusd)::bigint,
         count(*) filter (where c.is_unpriced), count(*) filter (where c.is_gateway_hit), sum(c.input_tokens),
         sum(c.cached_tokens), sum(c.output_tokens)
    from private.not_summed(p_first, p_last) n, private.recorded_calls(n.from_time, n.until_time) c
   group by 1, 2, 3, 4, 5, 6, 7
$$;
revoke all on function private.call_sums(date, date) from public, anon, authenticated, service_role;

-- A failure that says something of the profile, and nothing of us.
create function private.blames_profile(p_error_code text) returns boolean
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select p_error_code in ('profile_not_found', 'profile_private', 'profile_restricted', 'subject_erased')
$$;
revoke all on function private.blames_profile(text) from public, anon, authenticated, service_role;

-- A part of a whole, 0 to 1; null of nothing.
create function private.share(p_part numeric, p_whole numeric) returns numeric
language sql immutable set search_path = pg_catalog, pg_temp as $$ select round(p_part / nullif(p_whole, 0), 4) $$;
revoke all on function private.share(numeric, numeric) from public, anon, authenticated, service_role;

-- The percentiles of how long complete runs took, in all and by phase: each is the smallest time that so many of the runs do not exceed.
-- Of up to a thousand runs they are read from the rows, and exact.
create function private.run_percentiles(p_account uuid, p_first date, p_last date) returns table (
  analysis_type text, outcome text, phase text, runs bigint, times jsonb
)
language plpgsql stable rows 24 set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan as $$
begin
  if coalesce((
    select sum(s.runs) from private.run_sums(p_account, p_first, p_last) s where s.outcome in ('cold', 'cached')
  ), 0) <= 1000 then
    return query
    select r.analysis_type, r.outcome, p.phase, count(*),
           jsonb_build_object(
             'p50_ms', percentile_disc(0.50) within group (order by m.ms),
             'p95_ms', percentile_disc(0.95) within group (order by m.ms),
             'p99_ms', percentile_disc(0.99) within group (order by m.ms)
           )
      from private.not_summed(p_first, p_last) n
     cross join lateral private.ended_runs(p_account, p_first::timestamp at time zone 'UTC', n.until_time) r
     cross join lateral (
       values ('total', r.total), ('waiting', r.waiting), ('reading', r.reading), ('judging', r.judging)
     ) as p (phase, took)
     cross join lateral (select least(greatest(extract(epoch from p.took) * 1000, 0), 86400000)::integer) as m (ms)
     where r.outcome in ('cold', 'cached') and p.took is not null
     group by 1, 2, 3;
    return;
  end if;
  return query
  with numbers as (
    select d.analysis_type, d.outcome, d.total, d.waiting, d.reading, d.judging
      from public.insight_runs d
     where d.account_id = p_account and d.day between p_first and p_last and d.outcome in ('cold', 'cached')
    union all
    -- As in sum_up_runs.
    select r.analysis_type, r.outcome, t.numbers[1], t.numbers[2], t.numbers[3], t.numbers[4]
      from private.not_summed(p_first, p_last) n
     cross join lateral private.ended_runs(p_account, n.from_time, n.until_time) r
     cross join lateral (
       select array_agg(('1e' || 8 * b.number)::numeric order by p.place)
         from unnest(array[r.total, r.waiting, r.reading, r.judging]) with ordinality as p (took, place)
        cross join lateral (select least(extract(epoch from p.took) * 1000, 86400000)::float8) as m (ms)
        cross join lateral (
          select case
                   when p.took is null then null when m.ms < 0.5 then 0 else 1 + round(ln(greatest(m.ms, 1)) / ln(1.02::float8))
                 end
        ) as b (number)
     ) as t (numbers)
     where r.outcome in ('cold', 'cached')
  ), sums as (
    select n.analysis_type, n.outcome, sum(n.total) as total, sum(n.waiting) as waiting, sum(n.reading) as reading,
           sum(n.judging) as judging
      from numbers n
     group by 1, 2
  )
  select s.analysis_type, s.outcome, p.phase, t.runs, t.times
    from sums s
   cross join lateral (
     values ('total', s.total), ('waiting', s.waiting), ('reading', s.reading), ('judging', s.judging)
   ) as p (phase, number)
   cross join lateral private.percentiles(p.number) t
   where p.number is not null;
end $$;
revoke all on function private.run_percentiles(uuid, date, date) from public, anon, authenticated, service_role;

-- How long analyses took, by type, cold and cached: in all, and while they waited for a workflow to take them up, for the profile, and for
-- the models and the result to be stored.
create function private.latency(p_account uuid, p_first date, p_last date) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
  select jsonb_build_object('analyses', coalesce(jsonb_agg(g.shown order by g.analysis_type, g.outcome), '[]'))
    from (
      select p.analysis_type, p.outcome,
             jsonb_build_object(
               'analysis_type', p.analysis_type, 'cached', p.outcome = 'cached',
               'runs', max(p.runs) filter (where p.phase = 'total')
             ) || jsonb_object_agg(p.phase, p.times) as shown
        from private.run_percentiles(p_account, p_first, p_last) p
       group by 1, 2
    ) g
$$;
revoke all on function private.latency(uuid, date, date) from public, anon, authenticated, service_role;

-- What analyses cost in credits.
create function private.credit_costs(p_account uuid, p_first date, p_last date) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
  with sums as materialized (select * from private.run_sums(p_account, p_first, p_last))
  select jsonb_build_object(
           'runs', coalesce(sum(s.runs), 0), 'credits', coalesce(sum(s.credits), 0), 'refunded', coalesce(sum(s.refunded), 0),
           'by_type', (
             select coalesce(jsonb_agg(jsonb_build_object(
                      'analysis_type', t.analysis_type, 'runs', t.runs, 'credits', t.credits, 'refunded', t.refunded,
                      'credits_each', private.share(t.credits, t.complete)
                    ) order by t.analysis_type), '[]')
               from (
                 select b.analysis_type, sum(b.runs) as runs, sum(b.credits) as credits, sum(b.refunded) as refunded,
                        sum(b.runs) filter (where b.outcome in ('cold', 'cached')) as complete
                   from sums b group by 1
               ) t
           ),
           'by_day', (
             select coalesce(jsonb_agg(jsonb_build_object(
                      'day', d.day, 'runs', d.runs, 'credits', d.credits, 'refunded', d.refunded
                    ) order by d.day), '[]')
               from (
                 select b.day, sum(b.runs) as runs, sum(b.credits) as credits, sum(b.refunded) as refunded from sums b group by 1
               ) d
           )
         )
    from sums s
$$;
revoke all on function private.credit_costs(uuid, date, date) from public, anon, authenticated, service_role;

-- How many complete analyses found their profile in the cache.
create function private.cache_hits(p_account uuid, p_first date, p_last date) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
  with sums as materialized (
    select r.day, r.analysis_type, r.runs, case when r.outcome = 'cached' then r.runs else 0 end as cached
      from private.run_sums(p_account, p_first, p_last) r
     where r.outcome in ('cold', 'cached')
  )
  select jsonb_build_object(
           'complete', coalesce(sum(s.runs), 0), 'cached', coalesce(sum(s.cached), 0),
           'share', private.share(sum(s.cached), sum(s.runs)),
           'by_type', (
             select coalesce(jsonb_agg(jsonb_build_object(
                      'analysis_type', t.analysis_type, 'complete', t.runs, 'cached', t.cached,
                      'share', private.share(t.cached, t.runs)
                    ) order by t.analysis_type), '[]')
               from (select b.analysis_type, sum(b.runs) as runs, sum(b.cached) as cached from sums b group by 1) t
           ),
           'by_day', (
             select coalesce(jsonb_agg(jsonb_build_object(
                      'day', d.day, 'complete', d.runs, 'cached', d.cached, 'share', private.share(d.cached, d.runs)
                    ) order by d.day), '[]')
               from (select b.day, sum(b.runs) as runs, sum(b.cached) as cached from sums b group by 1) d
           )
         )
    from sums s
$$;
revoke all on function private.cache_hits(uuid, date, date) from public, anon, authenticated, service_role;

-- How runs ended, and why those failed that did. The success rate leaves out what was cancelled and what the profile is to blame for.
create function private.failures(p_account uuid, p_first date, p_last date) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
  with sums as materialized (
    select r.day, r.analysis_type, r.error_code, r.runs, r.outcome = 'failed' as is_failure,
           case when r.outcome in ('cold', 'cached') then r.runs else 0 end as complete,
           case when r.outcome = 'failed' then r.runs else 0 end as failed,
           case when r.outcome = 'cancelled' then r.runs else 0 end as cancelled,
           case when r.outcome = 'failed' and not private.blames_profile(r.error_code) then r.runs else 0 end as failed_by_us
      from private.run_sums(p_account, p_first, p_last) r
  )
  select jsonb_build_object(
           'complete', coalesce(sum(s.complete), 0), 'failed', coalesce(sum(s.failed), 0),
           'failed_by_us', coalesce(sum(s.failed_by_us), 0), 'cancelled', coalesce(sum(s.cancelled), 0),
           'success_rate', private.share(sum(s.complete), sum(s.complete + s.failed_by_us)),
           'by_code', (
             select coalesce(jsonb_agg(jsonb_build_object(
                      'code', c.error_code, 'runs', c.runs, 'is_ours', not private.blames_profile(c.error_code)
                    ) order by c.runs desc, c.error_code), '[]')
               from (select b.error_code, sum(b.runs) as runs from sums b where b.is_failure group by 1) c
           ),
           'by_type', (
             select coalesce(jsonb_agg(jsonb_build_object(
                      'analysis_type', t.analysis_type, 'complete', t.complete, 'failed', t.failed,
                      'failed_by_us', t.failed_by_us, 'cancelled', t.cancelled,
                      'success_rate', private.share(t.complete, t.complete + t.failed_by_us)
                    ) order by t.analysis_type), '[]')
               from (
                 select b.analysis_type, sum(b.complete) as complete, sum(b.failed) as failed,
                        sum(b.failed_by_us) as failed_by_us, sum(b.cancelled) as cancelled
                   from sums b group by 1
               ) t
           ),
           'by_day', (
             select coalesce(jsonb_agg(jsonb_build_object(
                      'day', d.day, 'complete', d.complete, 'failed', d.failed, 'failed_by_us', d.failed_by_us,
                      'cancelled', d.cancelled, 'success_rate', private.share(d.complete, d.complete + d.failed_by_us)
                    ) order by d.day), '[]')
               from (
                 select b.day, sum(b.complete) as complete, sum(b.failed) as failed, sum(b.failed_by_us) as failed_by_us,
                        sum(b.cancelled) as cancelled
                   from sums b group by 1
               ) d
           )
         )
    from sums s
$$;
revoke all on function private.failures(uuid, date, date) from public, anon, authenticated, service_role;

-- What the credits of an account went for, and who spent them: the twenty who spent most. Who spent what counts for the day on which it
-- was bought, because it is kept so for the limits.
create function private.credit_drivers(p_account uuid, p_first date, p_last date) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
  with types as (
    select r.analysis_type, sum(r.credits) as credits, sum(sum(r.credits)) over () as all_credits
      from private.run_sums(p_account, p_first, p_last) r
     group by 1
    having sum(r.credits) > 0
  ), people as (
    select m.user_id, sum(m.credits) as credits, sum(sum(m.credits)) over () as all_credits
      from public.member_spending_days m
     where m.account_id = p_account and m.starts_at >= p_first::timestamp at time zone 'UTC'
       and m.starts_at < (p_last + 1)::timestamp at time zone 'UTC'
     group by 1
    having sum(m.credits) > 0
     order by 2 desc, 1
     limit 20
  )
  select jsonb_build_object(
           'by_type', (
             select coalesce(jsonb_agg(jsonb_build_object(
                      'analysis_type', t.analysis_type, 'credits', t.credits, 'share', private.share(t.credits, t.all_credits)
                    ) order by t.credits desc, t.analysis_type), '[]')
               from types t
           ),
           'by_spender', (
             select coalesce(jsonb_agg(jsonb_build_object(
                      'spender', s.spender, 'credits', p.credits, 'share', private.share(p.credits, p.all_credits)
                    ) order by p.credits desc, p.user_id), '[]')
               from people p
               join api.spenders(p_account, array(select o.user_id from people o)) s on s.id = p.user_id
           )
         )
$$;
revoke all on function private.credit_drivers(uuid, date, date) from public, anon, authenticated, service_role;

-- The days that are asked about: up to 92, which end with p_last_day, or today (UTC).
create function private.insight_days(p_days integer, p_last_day date, out first_day date, out last_day date)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select l.day - (least(greatest(coalesce(p_days, 30), 1), 92) - 1), l.day
    from (select coalesce(p_last_day, (clock_timestamp() at time zone 'UTC')::date)) as l (day)
$$;
revoke all on function private.insight_days(integer, date) from public, anon, authenticated, service_role;

-- What customers ask about their account; null for who does not belong to it.
create function api.insight_latency(p_account uuid, p_days integer, p_last_day date) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  select to_jsonb(d) || private.latency(p_account, d.first_day, d.last_day)
    from private.insight_days(p_days, p_last_day) d where private.may(p_account, 'read')
$$;
revoke all on function api.insight_latency(uuid, integer, date) from public, anon, authenticated, service_role;
grant execute on function api.insight_latency(uuid, integer, date) to authenticated;

create function api.insight_costs(p_account uuid, p_days integer, p_last_day date) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  select to_jsonb(d) || private.credit_costs(p_account, d.first_day, d.last_day)
    from private.insight_days(p_days, p_last_day) d where private.may(p_account, 'read')
$$;
revoke all on function api.insight_costs(uuid, integer, date) from public, anon, authenticated, service_role;
grant execute on function api.insight_costs(uuid, integer, date) to authenticated;

create function api.insight_cache(p_account uuid, p_days integer, p_last_day date) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  select to_jsonb(d) || private.cache_hits(p_account, d.first_day, d.last_day)
    from private.insight_days(p_days, p_last_day) d where private.may(p_account, 'read')
$$;
revoke all on function api.insight_cache(uuid, integer, date) from public, anon, authenticated, service_role;
grant execute on function api.insight_cache(uuid, integer, date) to authenticated;

create function api.insight_errors(p_account uuid, p_days integer, p_last_day date) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  select to_jsonb(d) || private.failures(p_account, d.first_day, d.last_day)
    from private.insight_days(p_days, p_last_day) d where private.may(p_account, 'read')
$$;
revoke all on function api.insight_errors(uuid, integer, date) from public, anon, authenticated, service_role;
grant execute on function api.insight_errors(uuid, integer, date) to authenticated;

create function api.insight_drivers(p_account uuid, p_days integer, p_last_day date) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  select to_jsonb(d) || private.credit_drivers(p_account, d.first_day, d.last_day)
    from private.insight_days(p_days, p_last_day) d where private.may(p_account, 'read')
$$;
revoke all on function api.insight_drivers(uuid, integer, date) from public, anon, authenticated, service_role;
grant execute on function api.insight_drivers(uuid, integer, date) to authenticated;

-- How long the providers' calls took: those of each AI call by its model, and of each actor.
create function private.call_latency(p_first date, p_last date) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
  with numbers as (
    select i.kind, i.provider, i.name, i.model, i.took
      from public.insight_calls i
     where i.day between p_first and p_last
    union all
    -- As in sum_up_calls.
    select c.kind, c.provider, c.name, c.model,
           ('1e' || 8 * case when c.took_ms < 1 then 0 else 1 + round(ln(c.took_ms::float8) / ln(1.02::float8)) end)::numeric
      from private.not_summed(p_first, p_last) n, private.recorded_calls(n.from_time, n.until_time) c
  ), sums as (
    select n.kind, n.provider, n.name, n.model, sum(n.took) as took from numbers n group by 1, 2, 3, 4
  )
  select jsonb_build_object('calls', coalesce(jsonb_agg(jsonb_build_object(
           'kind', s.kind, 'provider', s.provider, 'name', s.name, 'model', nullif(s.model, ''), 'calls', t.runs, 'took', t.times
         ) order by s.kind, s.provider, s.name, s.model), '[]'))
    from sums s
   cross join lateral private.percentiles(s.took) t
$$;
revoke all on function private.call_latency(date, date) from public, anon, authenticated, service_role;

-- What analyses cost us: dollars by day and provider, and by type for each complete analysis.
create function private.dollar_costs(p_first date, p_last date) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
  with calls as materialized (select * from private.call_sums(p_first, p_last)),
  complete as (
    select r.analysis_type, sum(r.runs) as runs
      from private.run_sums('00000000-0000-0000-0000-000000000000', p_first, p_last) r
     where r.outcome in ('cold', 'cached')
     group by 1
  )
  select jsonb_build_object(
           'usd', coalesce(sum(c.cost_microusd), 0) / 1e6,
           'ai_usd', coalesce(sum(c.cost_microusd) filter (where c.kind = 'ai'), 0) / 1e6,
           'scrape_usd', coalesce(sum(c.cost_microusd) filter (where c.kind = 'scrape'), 0) / 1e6,
           'unpriced_calls', coalesce(sum(c.unpriced), 0),
           'cached_token_share', private.share(sum(c.cached_tokens), sum(c.input_tokens)),
           'by_type', (
             select coalesce(jsonb_agg(jsonb_build_object(
                      'analysis_type', t.analysis_type, 'complete', coalesce(k.runs, 0), 'ai_usd', t.ai / 1e6,
                      'scrape_usd', t.scrape / 1e6, 'usd_each', round((t.ai + t.scrape) / k.runs / 1e6, 6)
                    ) order by t.analysis_type), '[]')
               from (
                 select b.analysis_type, coalesce(sum(b.cost_microusd) filter (where b.kind = 'ai'), 0) as ai,
                        coalesce(sum(b.cost_microusd) filter (where b.kind = 'scrape'), 0) as scrape
                   from calls b group by 1
               ) t
               left join complete k on k.analysis_type = t.analysis_type
           ),
           'by_day', (
             select coalesce(jsonb_agg(jsonb_build_object(
                      'day', d.day, 'provider', d.provider, 'calls', d.calls, 'usd', d.cost / 1e6
                    ) order by d.day, d.provider), '[]')
               from (
                 select b.day, b.provider, sum(b.calls) as calls, sum(b.cost_microusd) as cost from calls b group by 1, 2
               ) d
           )
         )
    from calls c
$$;
revoke all on function private.dollar_costs(date, date) from public, anon, authenticated, service_role;

-- How much of the prompts the providers read from their caches, and what the gateway answered from its own.
create function private.token_cache(p_first date, p_last date) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
  select jsonb_build_object('models', coalesce(jsonb_agg(jsonb_build_object(
           'model', m.model, 'calls', m.calls, 'gateway_hits', m.gateway_hits, 'input_tokens', m.input_tokens,
           'cached_tokens', m.cached_tokens, 'cached_token_share', private.share(m.cached_tokens, m.input_tokens)
         ) order by m.model), '[]'))
    from (
      select c.model, sum(c.calls) as calls, sum(c.gateway_hits) as gateway_hits, sum(c.input_tokens) as input_tokens,
             sum(c.cached_tokens) as cached_tokens
        from private.call_sums(p_first, p_last) c
       where c.kind = 'ai'
       group by 1
    ) m
$$;
revoke all on function private.token_cache(date, date) from public, anon, authenticated, service_role;

-- How the providers' calls ended, the most frequent end of each first.
create function private.call_outcomes(p_first date, p_last date) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
  select jsonb_build_object('calls', coalesce(jsonb_agg(jsonb_build_object(
           'kind', o.kind, 'provider', o.provider, 'name', o.name, 'outcome', o.outcome, 'calls', o.calls
         ) order by o.kind, o.provider, o.name, o.calls desc, o.outcome), '[]'))
    from (
      select c.kind, c.provider, c.name, c.outcome, sum(c.calls) as calls
        from private.call_sums(p_first, p_last) c
       group by 1, 2, 3, 4
    ) o
$$;
revoke all on function private.call_outcomes(date, date) from public, anon, authenticated, service_role;

-- What costs us most: the twenty dearest accounts, and the twenty dearest calls.
create function private.dollar_drivers(p_first date, p_last date) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
  with not_summed as materialized (
    select c.account_id, c.kind, c.provider, c.name, c.model, c.cost_microusd
      from private.not_summed(p_first, p_last) n, private.recorded_calls(n.from_time, n.until_time) c
  ), accounts as (
    select s.account_id, sum(s.ai) as ai, sum(s.scrape) as scrape, sum(sum(s.ai) + sum(s.scrape)) over () as whole
      from (
        select i.account_id, i.ai_microusd as ai, i.scrape_microusd as scrape
          from public.insight_account_costs i
         where i.day between p_first and p_last
        union all
        select c.account_id, case when c.kind = 'ai' then c.cost_microusd else 0 end,
               case when c.kind = 'scrape' then c.cost_microusd else 0 end
          from not_summed c
      ) s
     group by 1
     order by sum(s.ai) + sum(s.scrape) desc, 1
     limit 20
  ), calls as (
    select s.kind, s.provider, s.name, s.model, sum(s.calls) as calls, sum(s.cost_microusd) as cost,
           sum(sum(s.cost_microusd)) over () as whole
      from (
        select i.kind, i.provider, i.name, i.model, i.calls, i.cost_microusd
          from public.insight_calls i
         where i.day between p_first and p_last
        union all
        select c.kind, c.provider, c.name, c.model, 1, c.cost_microusd from not_summed c
      ) s
     group by 1, 2, 3, 4
     order by 6 desc, 1, 2, 3, 4
     limit 20
  )
  select jsonb_build_object(
           'accounts', (
             select coalesce(jsonb_agg(jsonb_build_object(
                      'account_id', a.account_id, 'ai_usd', a.ai / 1e6, 'scrape_usd', a.scrape / 1e6,
                      'usd', (a.ai + a.scrape) / 1e6, 'share', private.share(a.ai + a.scrape, a.whole)
                    ) order by a.ai + a.scrape desc, a.account_id), '[]')
               from accounts a
           ),
           'calls', (
             select coalesce(jsonb_agg(jsonb_build_object(
                      'kind', c.kind, 'provider', c.provider, 'name', c.name, 'model', nullif(c.model, ''), 'calls', c.calls,
                      'usd', c.cost / 1e6, 'share', private.share(c.cost, c.whole)
                    ) order by c.cost desc, c.kind, c.provider, c.name, c.model), '[]')
               from calls c
           )
         )
$$;
revoke all on function private.dollar_drivers(date, date) from public, anon, authenticated, service_role;

-- What operators ask about all accounts together.
create function operator.insight_latency(p_days integer, p_last_day date, p_reason text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shown jsonb;
begin
  perform private.require_operator(p_reason);
  select to_jsonb(d) || private.latency('00000000-0000-0000-0000-000000000000', d.first_day, d.last_day)
         || private.call_latency(d.first_day, d.last_day)
    into v_shown from private.insight_days(p_days, p_last_day) d;
  perform private.note_operator_action('insight_latency', null, p_reason, 'ok');
  return v_shown;
end $$;
revoke all on function operator.insight_latency(integer, date, text) from public, anon, authenticated, service_role;
grant execute on function operator.insight_latency(integer, date, text) to operator;

create function operator.insight_costs(p_days integer, p_last_day date, p_reason text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shown jsonb;
begin
  perform private.require_operator(p_reason);
  select to_jsonb(d) || private.dollar_costs(d.first_day, d.last_day)
    into v_shown from private.insight_days(p_days, p_last_day) d;
  perform private.note_operator_action('insight_costs', null, p_reason, 'ok');
  return v_shown;
end $$;
revoke all on function operator.insight_costs(integer, date, text) from public, anon, authenticated, service_role;
grant execute on function operator.insight_costs(integer, date, text) to operator;

create function operator.insight_cache(p_days integer, p_last_day date, p_reason text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shown jsonb;
begin
  perform private.require_operator(p_reason);
  select to_jsonb(d) || private.cache_hits('00000000-0000-0000-0000-000000000000', d.first_day, d.last_day)
         || private.token_cache(d.first_day, d.last_day)
    into v_shown from private.insight_days(p_days, p_last_day) d;
  perform private.note_operator_action('insight_cache', null, p_reason, 'ok');
  return v_shown;
end $$;
revoke all on function operator.insight_cache(integer, date, text) from public, anon, authenticated, service_role;
grant execute on function operator.insight_cache(integer, date, text) to operator;

create function operator.insight_errors(p_days integer, p_last_day date, p_reason text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shown jsonb;
begin
  perform private.require_operator(p_reason);
  select to_jsonb(d) || private.failures('00000000-0000-0000-0000-000000000000', d.first_day, d.last_day)
         || private.call_outcomes(d.first_day, d.last_day)
    into v_shown from private.insight_days(p_days, p_last_day) d;
  perform private.note_operator_action('insight_errors', null, p_reason, 'ok');
  return v_shown;
end $$;
revoke all on function operator.insight_errors(integer, date, text) from public, anon, authenticated, service_role;
grant execute on function operator.insight_errors(integer, date, text) to operator;

create function operator.insight_drivers(p_days integer, p_last_day date, p_reason text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_shown jsonb;
begin
  perform private.require_operator(p_reason);
  select to_jsonb(d) || private.dollar_drivers(d.first_day, d.last_day)
    into v_shown from private.insight_days(p_days, p_last_day) d;
  perform private.note_operator_action('insight_drivers', null, p_reason, 'ok');
  return v_shown;
end $$;
revoke all on function operator.insight_drivers(integer, date, text) from public, anon, authenticated, service_role;
grant execute on function operator.insight_drivers(integer, date, text) to operator;
