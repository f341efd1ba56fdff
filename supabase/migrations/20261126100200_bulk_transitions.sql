-- The life of a bulk after it was bought: continue, cancel, heartbeat of what waits, end. Whatever moves credits locks the
-- balance, then the bulk, then its runs in the order of their ids.

select set_config('lock_timeout', '5s', true);

-- Locks a bulk of the user who asks, its balance first, and returns it; null for a bulk of others. Without the permission to
-- analyse, the statement ends.
create function private.lock_my_bulk(p_bulk uuid) returns public.bulk_runs
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_bulk public.bulk_runs;
begin
  perform from public.credit_balances b
    where b.account_id = (select k.account_id from public.bulk_runs k where k.id = p_bulk)
      and b.account_id = any (array(select private.my_accounts()))
      for no key update;
  if found then
    -- The account may have been closed, or the membership may have ended, during the wait.
    select k.* into v_bulk
      from public.bulk_runs k
     where k.id = p_bulk and k.account_id = any (array(select private.my_accounts()))
       for no key update;
    perform private.require_permission(v_bulk.account_id, 'analyse');
  end if;
  return v_bulk;
end $$;
revoke all on function private.lock_my_bulk(uuid) from public, anon, authenticated, service_role;

-- Buys the lines behind a pilot at the price of the pilot, within 24 hours. A repeat gives the first answer.
create function api.continue_bulk(p_bulk uuid, p_services jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_bulk public.bulk_runs;
  v_now timestamptz;
  v_hourly_max integer;
  v_plan record;
  v_count integer;
  v_bought record;
  v_answer jsonb;
begin
  if p_services is null or jsonb_typeof(p_services) <> 'array' then
    raise exception 'the needed services are a list of lists' using errcode = 'invalid_parameter_value';
  end if;
  v_bulk := private.lock_my_bulk(p_bulk);
  v_now := clock_timestamp();
  if v_bulk.id is null then
    return jsonb_build_object('outcome', 'not_found');
  end if;
  perform private.refuse_blocked(v_bulk.account_id);
  if v_bulk.continued is not null then
    return v_bulk.continued || jsonb_build_object('outcome', 'replay');
  elsif v_bulk.rest is null or v_bulk.continue_until <= v_now then
    return jsonb_build_object('outcome', 'nothing_to_continue');
  end if;
  perform from public.business_profiles bp
    where bp.id = v_bulk.business_profile_id and bp.account_id = v_bulk.account_id and bp.deleted_at is null;
  if not found then
    return jsonb_build_object('outcome', 'business_profile_not_found');
  end if;
  perform private.end_due_grants(v_bulk.account_id, v_now);
  select p.hourly_bulk_analyses_max into strict v_hourly_max
    from public.accounts a join public.plans p on p.id = a.plan_id where a.id = v_bulk.account_id;

  select * into strict v_plan from private.plan_bulk(
    v_bulk.account_id, v_bulk.business_profile_id, v_bulk.analysis_type, v_bulk.rest, v_bulk.fresh_within_days, v_now
  );
  if v_plan.stalled <> '{}' then
    perform private.fail_if_stale(s.id, interval '5 minutes', false) from unnest(v_plan.stalled) as s (id);
    select * into strict v_plan from private.plan_bulk(
      v_bulk.account_id, v_bulk.business_profile_id, v_bulk.analysis_type, v_bulk.rest, v_bulk.fresh_within_days, v_now
    );
  end if;
  v_count := jsonb_array_length(v_plan.bought);
  v_answer := private.refuse_bulk(
    v_bulk.account_id, v_hourly_max, p_services, v_count, v_bulk.credits_each, v_plan.coming_back, v_now
  );
  if v_answer is not null then
    return v_answer;
  end if;
  select * into strict v_bought from private.buy_lines(v_bulk, auth.uid(), v_plan.bought, v_now);
  v_answer := jsonb_build_object(
    'outcome', 'ok', 'bulk_id', p_bulk, 'credits_each', v_bulk.credits_each, 'credits', v_count * v_bulk.credits_each,
    'items', v_plan.bought, 'held', v_plan.held, 'skipped', v_plan.skipped, 'erased', v_plan.erased, 'waiting', '[]'::jsonb, 'continue_until', null,
    'balance', v_bought.balance_after
  );
  update public.bulk_runs b set rest = null, continued = v_answer where b.id = p_bulk;
  return v_answer || jsonb_strip_nulls(jsonb_build_object('top_up', v_bought.top_up));
end $$;
revoke all on function api.continue_bulk(uuid, jsonb) from public, anon, authenticated, service_role;
grant execute on function api.continue_bulk(uuid, jsonb) to authenticated;

-- Ends a bulk of which no run is active and nothing waits to be continued; returns its status. The caller holds the bulk's
-- lock, as does whoever adds runs to it. It moves no credits.
create function private.settle_bulk(p_bulk uuid) returns text
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_status text;
begin
  update public.bulk_runs b
     set status = 'complete', rest = null, finished_at = clock_timestamp()
   where b.id = p_bulk and b.status = 'processing' and (b.rest is null or b.continue_until <= clock_timestamp())
     and not exists (select from public.runs r where r.bulk_id = p_bulk and r.status in ('pending', 'processing'));
  select b.status into strict v_status from public.bulk_runs b where b.id = p_bulk;
  return v_status;
end $$;
revoke all on function private.settle_bulk(uuid) from public, anon, authenticated, service_role;

-- Stops a bulk: every run of it that is active is cancelled by its own rule, and what waits behind a pilot is dropped. A
-- repeat gives the first answer. With p_only_unstarted, for a bulk whose workflow could not be started, runs that somebody
-- has taken up go on, and the bulk with them. That is asked by whoever bought it, who may have lost the permission meanwhile, or
-- have left.
create function api.cancel_bulk(p_bulk uuid, p_only_unstarted boolean) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_bulk public.bulk_runs;
  v_run record;
  v_answer jsonb;
  v_outcome text;
  v_cancelled uuid[] := '{}';
  v_refunded bigint := 0;
  v_kept bigint := 0;
begin
  if p_only_unstarted then
    perform from public.credit_balances b
      where b.account_id = (select k.account_id from public.bulk_runs k where k.id = p_bulk and k.created_by = auth.uid())
        for no key update;
    select k.* into v_bulk from public.bulk_runs k where k.id = p_bulk and k.created_by = auth.uid() for no key update;
  else
    v_bulk := private.lock_my_bulk(p_bulk);
  end if;
  if v_bulk.id is null then
    return jsonb_build_object('outcome', 'not_found');
  elsif v_bulk.status = 'cancelled' then
    return v_bulk.cancelled;
  -- All its runs may have ended without anybody having written that down.
  elsif private.settle_bulk(p_bulk) = 'complete' then
    return jsonb_build_object('outcome', 'finished', 'status', 'complete');
  end if;
  perform from public.runs r
    where r.bulk_id = p_bulk and r.status in ('pending', 'processing')
    order by r.id
      for no key update;
  -- A start that is to be undone, and something works on it: then all of it goes on, or the answer to the purchase would be wrong.
  if p_only_unstarted and exists (select from public.runs r where r.bulk_id = p_bulk and r.started_at is not null) then
    return jsonb_build_object('outcome', 'started');
  end if;
  for v_run in
    select r.id, r.status, r.credits, r.ai_started_at, r.phase
      from public.runs r
     where r.bulk_id = p_bulk and r.status in ('pending', 'processing')
     order by r.id
  loop
    v_outcome := private.cancelled_charge(
      v_run.ai_started_at, v_run.phase, private.refunded_cancels_left(v_bulk.account_id, clock_timestamp())
    );
    perform private.end_run(v_run.id, 'cancelled', v_outcome);
    v_cancelled := v_cancelled || v_run.id;
    if v_outcome = 'refunded' then
      v_refunded := v_refunded + v_run.credits;
    else
      v_kept := v_kept + v_run.credits;
    end if;
  end loop;
  v_answer := jsonb_build_object(
    'outcome', 'cancelled', 'runs', to_jsonb(v_cancelled), 'refunded', v_refunded, 'kept', v_kept,
    'balance', (select b.balance from public.credit_balances b where b.account_id = v_bulk.account_id)
  );
  update public.bulk_runs b
     set status = 'cancelled', cancelled = v_answer, rest = null, finished_at = clock_timestamp(),
         -- Nothing had begun to work on it yet, so the request may be sent again with the same key.
         idempotency_key = case
           when exists (select from public.runs r where r.bulk_id = p_bulk and r.started_at is not null) then b.idempotency_key
         end
   where b.id = p_bulk;
  return v_answer;
end $$;
revoke all on function api.cancel_bulk(uuid, boolean) from public, anon, authenticated, service_role;
grant execute on function api.cancel_bulk(uuid, boolean) to authenticated;

-- The heartbeat of runs that wait for the bulk to start them; answers which of them still do. Once one is started, it
-- gives its own, and one that does not is woken and in the end swept like any other.
create function system.beat_unstarted(p_bulk uuid, p_runs uuid[]) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  -- Locked by id, as everywhere.
  with waiting as (
    select r.id
      from public.runs r
     where r.bulk_id = p_bulk and r.id = any (p_runs) and r.status = 'pending'
     order by r.id
       for no key update
  ), beating as (
    update public.runs r
       set heartbeat_at = clock_timestamp()
      from waiting w
     where r.id = w.id
    returning r.id
  )
  select coalesce(jsonb_agg(b.id), '[]') from beating b
$$;
revoke all on function system.beat_unstarted(uuid, uuid[]) from public, anon, authenticated, service_role;
grant execute on function system.beat_unstarted(uuid, uuid[]) to service_role;

-- Ends a bulk that is over. Answers its status, how many runs are active, and which are pending.
create function system.tend_bulk(p_bulk uuid) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_bulk public.bulk_runs;
  v_active integer;
  v_pending jsonb;
begin
  select b.* into v_bulk from public.bulk_runs b where b.id = p_bulk for no key update;
  if not found then
    return jsonb_build_object('account_id', null, 'status', 'complete', 'active', 0, 'pending', '[]'::jsonb);
  end if;
  select count(*), coalesce(jsonb_agg(r.id order by r.bulk_line) filter (where r.status = 'pending'), '[]')
    into v_active, v_pending
    from public.runs r where r.bulk_id = p_bulk and r.status in ('pending', 'processing');
  return jsonb_build_object(
    'account_id', v_bulk.account_id, 'status', private.settle_bulk(p_bulk), 'active', v_active, 'pending', v_pending
  );
end $$;
revoke all on function system.tend_bulk(uuid) from public, anon, authenticated, service_role;
grant execute on function system.tend_bulk(uuid) to service_role;

-- Ends up to p_limit bulks that are over and that nobody ended: their workflow died, or a pilot was not continued. Returns
-- how many. It waits for nobody: one that is locked is left for the next turn.
create function system.end_finished_bulks(p_limit bigint) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_bulk record;
  v_ended bigint := 0;
begin
  for v_bulk in
    select b.id
      from public.bulk_runs b
     where b.status = 'processing' and (b.rest is null or b.continue_until <= clock_timestamp())
       and not exists (select from public.runs r where r.bulk_id = b.id and r.status in ('pending', 'processing'))
     order by b.id
     limit p_limit
       for no key update skip locked
  loop
    if private.settle_bulk(v_bulk.id) = 'complete' then
      v_ended := v_ended + 1;
    end if;
  end loop;
  return v_ended;
end $$;
revoke all on function system.end_finished_bulks(bigint) from public, anon, authenticated, service_role;
grant execute on function system.end_finished_bulks(bigint) to service_role;
