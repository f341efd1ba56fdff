-- The life of a run after it was bought: heartbeat, cancel, undo, fail, sweep. Every transition that earns a refund
-- pays it in the same transaction. The rules for locks are in the ledger's migration.

select set_config('lock_timeout', '5s', true);

-- Ends an active run as failed or cancelled and refunds it if p_outcome says so. The caller holds the locks of the
-- balance and of the run, and has seen that the run is active. Returns the balance.
create function private.end_run(
  p_run uuid, p_status text, p_outcome text, p_code text default null, p_message text default null
) returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_run record;
  v_balance bigint;
begin
  update public.runs r
     set status = p_status,
         charge_outcome = p_outcome,
         finished_at = clock_timestamp(),
         error_code = p_code,
         error_message = p_message,
         -- Nothing had begun to work on it yet, so the request may be sent again with the same key.
         idempotency_key = case when p_status = 'cancelled' and r.status = 'pending' then null else r.idempotency_key end
   where r.id = p_run
  returning r.account_id, r.credits into strict v_run;

  if p_outcome = 'refunded' then
    return private.refund_run(
      v_run.account_id, p_run,
      case p_status when 'cancelled' then 'Refund: analysis cancelled' else 'Refund: analysis failed' end
    );
  end if;
  select b.balance into strict v_balance from public.credit_balances b where b.account_id = v_run.account_id;
  return v_balance;
end $$;
revoke all on function private.end_run(uuid, text, text, text, text) from public, anon, authenticated, service_role;

-- Fails a run whose last heartbeat is older than p_age. Returns the balance, or null when the run is not (or no longer)
-- active and stale. The caller holds the balance's lock. A run that is locked, because it is just being completed, is
-- waited for, or with p_skip_locked skipped.
create function private.fail_if_stale(p_run uuid, p_age interval, p_skip_locked boolean) returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  if p_skip_locked then
    perform from public.runs r
      where r.id = p_run and r.status in ('pending', 'processing')
        and coalesce(r.heartbeat_at, r.created_at) <= clock_timestamp() - p_age
      for no key update skip locked;
  else
    perform from public.runs r
      where r.id = p_run and r.status in ('pending', 'processing')
        and coalesce(r.heartbeat_at, r.created_at) <= clock_timestamp() - p_age
      for no key update;
  end if;
  if not found then
    return null;
  end if;
  return private.end_run(
    p_run, 'failed', 'refunded', 'stalled', 'The analysis stopped making progress and was ended. Your credits were returned.'
  );
end $$;
revoke all on function private.fail_if_stale(uuid, interval, boolean) from public, anon, authenticated, service_role;

-- The heartbeat before each phase. It is also how a cancellation reaches the workflow: `active` false means stop and
-- store nothing. A replayed step may name an earlier phase: the heartbeat counts, and the phase stays where it was. It
-- moves no credits, so it needs no lock of the balance.
create function system.advance_run(p_run uuid, p_phase text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  c_phases constant text[] := array['cache', 'scraping', 'storing', 'analyzing', 'saving'];
  v_status text;
begin
  if p_phase is null or p_phase <> all (c_phases) then
    raise exception 'unknown phase %', p_phase using errcode = 'invalid_parameter_value';
  end if;

  update public.runs r
     set status = 'processing',
         phase = case
           when r.phase is null or array_position(c_phases, p_phase) > array_position(c_phases, r.phase) then p_phase
           else r.phase
         end,
         heartbeat_at = clock_timestamp(),
         started_at = coalesce(r.started_at, clock_timestamp()),
         ai_started_at = case
           when p_phase = 'analyzing' then coalesce(r.ai_started_at, clock_timestamp())
           else r.ai_started_at
         end
   where r.id = p_run and r.status in ('pending', 'processing');
  if found then
    return jsonb_build_object('active', true, 'status', 'processing');
  end if;

  select r.status into v_status from public.runs r where r.id = p_run;
  return jsonb_build_object('active', false, 'status', coalesce(v_status, 'not_found'));
end $$;
revoke all on function system.advance_run(uuid, text) from public, anon, authenticated, service_role;
grant execute on function system.advance_run(uuid, text) to service_role;

-- Locks a run of the user who asks, its balance first, and returns it; null for a run of others. Without the permission to
-- analyse, the statement ends.
create function private.lock_my_run(p_run uuid) returns public.runs
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_run public.runs;
begin
  perform from public.credit_balances b
    where b.account_id = (select r.account_id from public.runs r where r.id = p_run)
      and b.account_id = any (array(select private.my_accounts()))
      for no key update;
  if found then
    -- The account may have been closed, or the membership may have ended, during the wait.
    select r.* into v_run
      from public.runs r
     where r.id = p_run and r.account_id = any (array(select private.my_accounts()))
       for no key update;
    perform private.require_permission(v_run.account_id, 'analyse');
  end if;
  return v_run;
end $$;
revoke all on function private.lock_my_run(uuid) from public, anon, authenticated, service_role;

-- How many more cancels of an account are refunded today (UTC) although a scrape had begun: ten a day, so that nobody has us
-- scrape for nothing. The caller holds the balance's lock, or only tells.
create function private.refunded_cancels_left(p_account uuid, p_now timestamptz) returns integer
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select greatest(0, 10 - count(*))::integer
    from public.runs r
   where r.account_id = p_account and r.status = 'cancelled' and r.charge_outcome = 'refunded'
     and r.phase in ('scraping', 'storing') and r.finished_at >= (select d.starts_at from private.day_of(p_now) d)
$$;
revoke all on function private.refunded_cancels_left(uuid, timestamptz) from public, anon, authenticated, service_role;

-- How the charge of an active run ends when it is cancelled, with so many refunded cancels left. Which phases count is said
-- in the index runs_cancelled_scrapes, too.
create function private.cancelled_charge(p_ai_started_at timestamptz, p_phase text, p_left integer) returns text
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select case
    when p_ai_started_at is not null or (p_phase in ('scraping', 'storing') and p_left <= 0) then 'kept'
    else 'refunded'
  end
$$;
revoke all on function private.cancelled_charge(timestamptz, text, integer) from public, anon, authenticated, service_role;

-- What cancelling this run, or this bulk, would give back now; null for what has ended, and for others' runs.
create function api.refund_if_cancelled(p_id uuid) returns bigint
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  with active as (
    select r.account_id, r.credits, r.phase, r.ai_started_at from public.runs r
     where r.id = p_id and r.status in ('pending', 'processing')
    union all
    select r.account_id, r.credits, r.phase, r.ai_started_at from public.runs r
     where r.bulk_id = p_id and r.status in ('pending', 'processing')
  ), sums as (
    select a.account_id,
           coalesce(sum(a.credits) filter (where private.cancelled_charge(a.ai_started_at, a.phase, 0) = 'refunded'), 0) as surely,
           count(*) filter (where a.ai_started_at is null and a.phase in ('scraping', 'storing')) as scraped,
           max(a.credits) as each
      from active a
     where a.account_id = any (array(select private.my_accounts()))
     group by a.account_id
  )
  select s.surely + s.each * least(s.scraped, private.refunded_cancels_left(s.account_id, clock_timestamp())) from sums s
$$;
revoke all on function api.refund_if_cancelled(uuid) from public, anon, authenticated, service_role;
grant execute on function api.refund_if_cancelled(uuid) to authenticated;

-- The request that buys an analysis has its scrape begun before a workflow takes the run up, and the row does not know of it. Before
-- a cancel, this writes down which of the user's runs the gate is scraping for, so that the cancel counts as one after a scrape.
create function api.note_scrapes(p_runs uuid[]) returns bigint
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  -- Locked by id, as everywhere.
  with scraped as (
    select r.id from public.runs r
     where r.id = any (p_runs) and r.account_id = any (array(select private.my_accounts())) and private.may(r.account_id, 'analyse')
       and r.status in ('pending', 'processing') and coalesce(r.phase, 'cache') = 'cache'
     order by r.id
       for no key update
  ), noted as (
    update public.runs r set phase = 'scraping' from scraped s where r.id = s.id returning r.id
  )
  select count(*) from noted
$$;
revoke all on function api.note_scrapes(uuid[]) from public, anon, authenticated, service_role;
grant execute on function api.note_scrapes(uuid[]) to authenticated;

-- The customer stops a run: full refund while no AI call has started, none after, and none after a scrape has begun when the
-- day's refunds of such cancels are used up. A repeat gives the first answer.
create function api.cancel_run(p_run uuid) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_run public.runs;
  v_balance bigint;
begin
  v_run := private.lock_my_run(p_run);
  if v_run.id is null then
    return jsonb_build_object('outcome', 'not_found');
  end if;

  if v_run.status in ('complete', 'failed') then
    return jsonb_build_object('outcome', 'finished', 'status', v_run.status);
  elsif v_run.status = 'cancelled' then
    -- The first answer named the balance after the refund, or, without one, after the newest entry of that time.
    select t.balance_after into v_balance
      from public.credit_transactions t
     where t.account_id = v_run.account_id
       and (t.idempotency_key in ('refund:' || p_run, 'clawback:debt:refund:' || p_run) or (v_run.charge_outcome = 'kept' and t.created_at <= v_run.finished_at))
     order by t.id desc
     limit 1;
  else
    v_run.charge_outcome := private.cancelled_charge(
      v_run.ai_started_at, v_run.phase, private.refunded_cancels_left(v_run.account_id, clock_timestamp())
    );
    v_balance := private.end_run(p_run, 'cancelled', v_run.charge_outcome);
  end if;
  return jsonb_build_object(
    'outcome', 'cancelled',
    'refunded', case when v_run.charge_outcome = 'refunded' then v_run.credits else 0 end,
    'kept', case when v_run.charge_outcome = 'kept' then v_run.credits else 0 end,
    'balance', v_balance
  );
end $$;
revoke all on function api.cancel_run(uuid) from public, anon, authenticated, service_role;
grant execute on function api.cancel_run(uuid) to authenticated;

-- Takes back a purchase whose workflow could not be started: cancelled and refunded, as if it had not been bought. But
-- only while no workflow has taken the run up: one that has works for its customer, and cancelling it could keep the
-- credits and give no result. Whoever bought it takes it back, also when they have lost the permission meanwhile, or have left.
-- A repeat gives the first answer.
create function api.undo_run(p_run uuid) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_run public.runs;
begin
  perform from public.credit_balances b
    where b.account_id = (select r.account_id from public.runs r where r.id = p_run and r.created_by = auth.uid())
      for no key update;
  select r.* into v_run from public.runs r where r.id = p_run and r.created_by = auth.uid() for no key update;
  if v_run.id is null then
    return jsonb_build_object('outcome', 'not_found');
  end if;
  if v_run.status = 'pending' then
    perform private.end_run(p_run, 'cancelled', 'refunded');
  elsif (v_run.status, v_run.charge_outcome) is distinct from ('cancelled', 'refunded') or v_run.started_at is not null then
    return jsonb_build_object('outcome', 'unchanged', 'status', v_run.status);
  end if;
  return jsonb_build_object('outcome', 'undone');
end $$;
revoke all on function api.undo_run(uuid) from public, anon, authenticated, service_role;
grant execute on function api.undo_run(uuid) to authenticated;

-- Ends a run that cannot give a result. Its credits come back, once.
create function system.fail_run(p_run uuid, p_code text, p_message text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_account uuid;
  v_run record;
  v_balance bigint;
begin
  select r.account_id into v_account from public.runs r where r.id = p_run;
  if not found then
    return jsonb_build_object('outcome', 'unchanged', 'status', 'not_found');
  end if;
  perform from public.credit_balances b where b.account_id = v_account for no key update;
  select r.status, r.credits into strict v_run from public.runs r where r.id = p_run for no key update;
  if v_run.status not in ('pending', 'processing') then
    return jsonb_build_object('outcome', 'unchanged', 'status', v_run.status);
  end if;

  -- A missing or overlong reason must not stop the refund.
  v_balance := private.end_run(
    p_run, 'failed', 'refunded',
    coalesce(nullif(left(p_code, 64), ''), 'internal_error'),
    coalesce(nullif(left(p_message, 500), ''), 'The analysis failed. Your credits were returned.')
  );
  return jsonb_build_object('outcome', 'failed', 'refunded', v_run.credits, 'balance', v_balance);
end $$;
revoke all on function system.fail_run(uuid, text, text) from public, anon, authenticated, service_role;
grant execute on function system.fail_run(uuid, text, text) to service_role;

-- Silent runs that nobody has claimed within p_age either, those silent longest first, for the caller to wake: each is given to
-- one caller, so any number of them may ask at once. A caller that dies leaves them to another. A run whose row is locked, by a
-- statement that hangs, may be the one that has to be woken: it is given too, only not marked, so perhaps to several callers.
create function system.claim_silent_runs(p_age interval, p_limit integer) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_now timestamptz;
  v_silent jsonb;
begin
  if p_age is null or p_age < interval '0' or p_limit is null or p_limit not between 1 and 1000 then
    raise exception 'the age must not be negative, the limit between 1 and 1000' using errcode = 'invalid_parameter_value';
  end if;
  -- One claim after the other, so that a locked row is nobody's claim. It takes milliseconds and waits for no other lock.
  perform pg_advisory_xact_lock(hashtext('system.claim_silent_runs'));
  v_now := clock_timestamp();
  with silent as (
    select r.id, v_now - coalesce(r.heartbeat_at, r.created_at) as silent_for
      from public.runs r
     -- `greatest` ignores null.
     where r.status in ('pending', 'processing') and greatest(coalesce(r.heartbeat_at, r.created_at), r.claimed_at) <= v_now - p_age
     order by coalesce(r.heartbeat_at, r.created_at)
     limit p_limit
  ), free as (
    select r.id from public.runs r where r.id in (select s.id from silent s) for no key update skip locked
  ), claimed as (
    update public.runs r set claimed_at = v_now from free f where r.id = f.id
  )
  select coalesce(
    jsonb_agg(jsonb_build_object('run_id', s.id, 'silent_s', extract(epoch from s.silent_for)) order by s.silent_for desc), '[]'
  )
    into v_silent
    from silent s;
  return v_silent;
end $$;
revoke all on function system.claim_silent_runs(interval, integer) from public, anon, authenticated, service_role;
grant execute on function system.claim_silent_runs(interval, integer) to service_role;

-- Writes down that these were woken, or that it was tried. Those that somebody has locked are on the way to their end, or beat.
create function system.note_woken(p_runs uuid[]) returns bigint
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  with woken as (
    select r.id from public.runs r
     where r.id = any (p_runs) and r.status in ('pending', 'processing')
     order by r.id
       for no key update skip locked
  ), noted as (
    update public.runs r set woken_at = clock_timestamp() from woken w where r.id = w.id returning r.id
  )
  select count(*) from noted
$$;
revoke all on function system.note_woken(uuid[]) from public, anon, authenticated, service_role;
grant execute on function system.note_woken(uuid[]) to service_role;

-- Fails up to p_limit runs whose last heartbeat is older than p_age and that were woken since, p_grace ago or earlier, without a
-- sign of life; returns those that it ended. One call is one transaction: whatever ends it early, the next call refunds them.
--
-- It waits for nobody: a run that is locked, or whose balance is, is left for the next turn, because one account that
-- somebody holds must not keep all others from their refunds. The lock_timeout does the same for the rows that only
-- foreign keys lock. It must end far below the logins' statement_timeout, whose error nothing here can catch.
create function system.sweep_stale_runs(p_age interval, p_grace interval, p_limit integer) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '100ms' as $$
declare
  v_run record;
  v_swept jsonb := '[]';
begin
  if p_age is null or p_age < interval '0' or p_grace is null or p_grace < interval '0'
     or p_limit is null or p_limit not between 1 and 1000 then
    raise exception 'age and grace must not be negative, the limit between 1 and 1000' using errcode = 'invalid_parameter_value';
  end if;
  for v_run in
    select r.id, r.account_id, r.credits
      from public.runs r
     where r.status in ('pending', 'processing') and coalesce(r.heartbeat_at, r.created_at) <= clock_timestamp() - p_age
       and r.woken_at > coalesce(r.heartbeat_at, r.created_at) and r.woken_at <= clock_timestamp() - p_grace
     order by r.account_id, r.id
  loop
    -- One run that cannot be ended must not keep all others from their refunds.
    begin
      perform from public.credit_balances b where b.account_id = v_run.account_id for no key update skip locked;
      continue when not found;
      if private.fail_if_stale(v_run.id, p_age, true) is not null then
        v_swept := v_swept || jsonb_build_object('run_id', v_run.id, 'account_id', v_run.account_id, 'refunded', v_run.credits);
      end if;
    exception when others then
      raise warning 'run % could not be swept: %', v_run.id, sqlstate;
    end;
    exit when jsonb_array_length(v_swept) >= p_limit;
  end loop;
  return v_swept;
end $$;
revoke all on function system.sweep_stale_runs(interval, interval, integer) from public, anon, authenticated, service_role;
grant execute on function system.sweep_stale_runs(interval, interval, integer) to service_role;
