-- What tells of a deployment how it does (docs/deploying.md): how far the database is, what is kept of one run, and how everything went
-- since a moment. All of it is for operators.

select set_config('lock_timeout', '5s', true);

-- Writes down that an operator measures so many round trips, which are statements that do nothing. They follow on the same connection.
create function operator.measure_round_trips(p_count integer, p_reason text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform private.require_operator(p_reason);
  if p_count is null or p_count not between 1 and 100 then
    raise exception 'from 1 to 100 round trips are measured at once' using errcode = 'invalid_parameter_value';
  end if;
  perform private.note_operator_action('measure_round_trips', null, p_reason, 'asked', jsonb_build_object('count', p_count));
  return 'true';
end $$;
revoke all on function operator.measure_round_trips(integer, text) from public, anon, authenticated, service_role;
grant execute on function operator.measure_round_trips(integer, text) to operator;

-- Milliseconds from one moment to another; null without one of them, and none if the clock was set back.
create function private.milliseconds(p_from timestamptz, p_until timestamptz) returns bigint
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select case when p_from is not null and p_until is not null
           then round(greatest(extract(epoch from p_until - p_from), 0) * 1000)::bigint
         end
$$;
revoke all on function private.milliseconds(timestamptz, timestamptz) from public, anon, authenticated, service_role;

-- Where the time of a run went, and what its calls took and cost; not whom it is about. At most a hundred calls of each kind, which is
-- far more than any run makes.
create function operator.find_run_timings(p_run uuid, p_reason text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_timings jsonb;
begin
  perform private.require_operator(p_reason);
  select jsonb_build_object(
           'id', r.id, 'account_id', r.account_id, 'analysis_type', r.analysis_type, 'status', r.status, 'phase', r.phase,
           'cache_hit', r.cache_hit, 'error_code', r.error_code, 'created_at', r.created_at, 'finished_at', r.finished_at,
           'waiting_ms', private.milliseconds(r.created_at, r.started_at),
           'reading_ms', private.milliseconds(r.started_at, r.ai_started_at),
           'judging_ms', private.milliseconds(r.ai_started_at, r.finished_at),
           'total_ms', private.milliseconds(r.created_at, r.finished_at),
           'scrapes', (
             select coalesce(jsonb_agg(jsonb_build_object(
                      'actor', s.actor, 'outcome', s.outcome, 'results', s.results, 'took_ms', s.duration_ms,
                      'usd', s.cost_microusd / 1e6
                    ) order by s.id), '[]')
               from (select * from public.scrape_logs l where l.run_id = r.id order by l.id limit 100) s
           ),
           'calls', (
             select coalesce(jsonb_agg(jsonb_build_object(
                      'call', a.call, 'provider', a.provider, 'model', a.model, 'took_ms', a.duration_ms,
                      'input_tokens', a.input_tokens, 'cached_tokens', a.cached_tokens,
                      'cache_write_tokens', a.cache_write_tokens, 'output_tokens', a.output_tokens,
                      'reasoning_tokens', a.reasoning_tokens,
                      -- As in system.run_costs: of a model without a known price, nobody knows what it cost.
                      'usd', case
                        when a.cost_microusd > 0 or a.input_tokens + a.output_tokens = 0 or a.gateway_hit is true
                        then a.cost_microusd / 1e6
                      end,
                      'finish_reason', a.finish_reason, 'gateway_hit', a.gateway_hit
                    ) order by a.id), '[]')
               from (select * from public.ai_usage_logs l where l.run_id = r.id order by l.id limit 100) a
           )
         )
    into v_timings
    from public.runs r
   where r.id = p_run;
  perform private.note_operator_action(
    'find_run_timings', p_run, p_reason, case when v_timings is null then 'not_found' else 'ok' end
  );
  return coalesce(v_timings, 'null');
end $$;
revoke all on function operator.find_run_timings(uuid, text) from public, anon, authenticated, service_role;
grant execute on function operator.find_run_timings(uuid, text) to operator;

-- How everything went in [p_since, p_until). Like the alarms, it reads the rows, and of bulks no times, because their lines wait for
-- each other. p_limits has the jobs, each with how long it may be silent.
create function private.health(p_limits jsonb, p_since timestamptz, p_until timestamptz) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
  with kinds (analysis_type) as (values ('LIGHT'), ('DEEP'), ('XRAY')),
  begun as (
    select r.analysis_type, count(*) as runs
      from public.runs r
     where r.created_at >= p_since and r.created_at < p_until
     group by 1
  ), ended as (
    select e.analysis_type,
           count(*) filter (where e.outcome in ('cold', 'cached')) as complete,
           count(*) filter (where e.outcome = 'failed') as failed,
           count(*) filter (where e.outcome = 'failed' and not private.blames_profile(e.error_code)) as failed_by_us,
           count(*) filter (where e.outcome = 'cancelled') as cancelled,
           count(*) filter (where e.refunded > 0) as refunded,
           percentile_disc(0.95) within group (
             order by least(round(greatest(extract(epoch from e.total), 0) * 1000), 86400000)::bigint
           ) filter (where e.outcome in ('cold', 'cached') and e.is_single) as p95_ms
      from private.ended_runs('00000000-0000-0000-0000-000000000000', p_since, p_until) e
     group by 1
  ), runs as (
    select k.analysis_type, coalesce(b.runs, 0) as begun, coalesce(e.complete, 0) as complete, coalesce(e.failed, 0) as failed,
           coalesce(e.failed_by_us, 0) as failed_by_us, coalesce(e.cancelled, 0) as cancelled,
           coalesce(e.refunded, 0) as refunded, e.p95_ms
      from kinds k
      left join begun b using (analysis_type)
      left join ended e using (analysis_type)
  ), waiting as (
    -- What an operator has put back waits since then.
    select greatest(w.received_at, w.put_back_at) as since from public.webhook_events w where w.processed_at is null
  ), job_counts as (
    select j.job, count(*) filter (where j.outcome = 'ok') as ok, count(*) filter (where j.outcome = 'failed') as failed,
           -- The platform gives a job a quarter of an hour.
           count(*) filter (where j.outcome is null and j.started_at < p_until - interval '15 minutes') as died
      from public.job_runs j
     where j.started_at >= p_since
     group by 1
  ), jobs as (
    select l.key as job, coalesce(c.ok, 0) as ok, coalesce(c.failed, 0) as failed, coalesce(c.died, 0) as died,
           last.finished_at as last_ok_at,
           -- One that never did its work is silent since it is known; where no alarm was ever checked, since p_since.
           extract(epoch from p_until - coalesce(
             last.finished_at, (select k.since from public.known_jobs k where k.job = l.key), p_since
           )) > l.value::numeric as is_silent
      from jsonb_each_text(p_limits -> 'jobs') l
      left join job_counts c on c.job = l.key
      left join lateral (
        select r.finished_at from public.job_runs r where r.job = l.key and r.outcome = 'ok' order by r.id desc limit 1
      ) last on true
  ), raised as (
    select a.* from public.alarms a where a.opened_at >= p_since or a.closed_at is null order by a.id desc limit 100
  )
  select jsonb_build_object(
           'since', p_since, 'until', p_until,
           'success_rate', (select private.share(sum(r.complete), sum(r.complete + r.failed_by_us)) from runs r),
           'runs', (
             select jsonb_agg(jsonb_build_object(
                      'analysis_type', r.analysis_type, 'begun', r.begun, 'complete', r.complete, 'failed', r.failed,
                      'failed_by_us', r.failed_by_us, 'cancelled', r.cancelled, 'refunded', r.refunded, 'p95_ms', r.p95_ms
                    ) order by r.analysis_type)
               from runs r
           ),
           'webhooks', (
             select jsonb_build_object(
                      'unapplied', count(*) filter (where w.since >= p_since),
                      'unapplied_before', count(*) filter (where w.since < p_since),
                      'oldest_wait_s', floor(greatest(
                        extract(epoch from p_until - min(w.since) filter (where w.since >= p_since)), 0
                      ))::bigint
                    )
               from waiting w
           ),
           'dead_letters', (
             select coalesce(jsonb_agg(jsonb_build_object(
                      'queue', d.queue, 'messages', d.messages, 'last_at', d.last_at
                    ) order by d.queue), '[]')
               from public.dead_letters d
              where d.last_at >= p_since
           ),
           'jobs', (select coalesce(jsonb_agg(to_jsonb(j) order by j.job), '[]') from jobs j),
           'alarms', (
             select coalesce(jsonb_agg(jsonb_build_object(
                      'alarm', a.alarm, 'subject', a.subject, 'value', a.value, 'threshold', a.threshold,
                      'opened_at', a.opened_at, 'closed_at', a.closed_at
                    ) order by a.id desc), '[]')
               from raised a
           )
         )
$$;
revoke all on function private.health(jsonb, timestamptz, timestamptz) from public, anon, authenticated, service_role;

-- How everything went since a moment: without one, in the last day. Nothing from before the last eight days is read.
create function operator.health_summary(p_since timestamptz, p_limits jsonb, p_reason text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_now constant timestamptz := clock_timestamp();
  v_shown jsonb;
begin
  perform private.require_operator(p_reason);
  v_shown := private.health(
    p_limits, greatest(least(coalesce(p_since, v_now - interval '24 hours'), v_now), v_now - interval '8 days'), v_now
  );
  perform private.note_operator_action('health_summary', null, p_reason, 'ok');
  return v_shown;
end $$;
revoke all on function operator.health_summary(timestamptz, jsonb, text) from public, anon, authenticated, service_role;
grant execute on function operator.health_summary(timestamptz, jsonb, text) to operator;
