-- What operators change: credits, runs, Stripe's events, what is sold, and who may buy. Each function first asks private.require_operator and
-- last notes what it did and what came of it, also when that is nothing, in one transaction (docs/operators.md). A repeat changes
-- nothing more.
--
-- Locks. As everywhere: the account's balance first, then the run or the account's row. An event is locked alone.

select set_config('lock_timeout', '5s', true);

-- Credits. ----------------------------------------------------------------------------------------------------------------

-- Whether nobody can ever use what this account has: it cannot be opened again.
create function private.is_tombstone(p_account uuid) returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
  select exists (select from public.accounts a where a.id = p_account and a.tombstoned_at is not null)
$$;
revoke all on function private.is_tombstone(uuid) from public, anon, authenticated, service_role;

-- Gives credits, or takes some with a negative number, never more than there are. One key is one adjustment of the account, for good.
-- A closed account can be given some too: it may be opened again.
create function operator.adjust_credits(p_account uuid, p_credits integer, p_key text, p_reason text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  -- A slip of the hand gives no fortune.
  c_credits_max constant integer := 10000;
  v_key constant text := 'operator:' || p_account || ':' || p_key;
  v_balance bigint;
  v_prior bigint;
  v_outcome text;
begin
  perform private.require_operator(p_reason);
  if p_credits is null or p_credits = 0 or p_credits not between -c_credits_max and c_credits_max
     or p_key is null or p_key !~ '^[A-Za-z0-9._-]{1,100}$' then
    raise exception 'an adjustment is of 1 to % credits and has a key', c_credits_max using errcode = 'invalid_parameter_value';
  end if;
  perform private.lock_balance(p_account);
  perform private.end_due_grants(p_account, clock_timestamp());
  select b.balance into v_balance from public.credit_balances b where b.account_id = p_account;
  select t.amount into v_prior from public.credit_transactions t where t.idempotency_key = v_key;
  v_outcome := case
    when v_balance is null then 'not_found'
    when v_prior = p_credits then 'repeated'
    when v_prior is not null then 'key_reused'
    when private.is_tombstone(p_account) then 'erased'
    when v_balance + p_credits < 0 then 'balance_too_low'
    else 'ok'
  end;
  if v_outcome = 'ok' and p_credits > 0 then
    perform private.add_grant(p_account, 'adjustment', p_credits, 'adjustment', null, v_key, 'Credits from our support');
  elsif v_outcome = 'ok' then
    perform private.post_entry(
      p_account, 'adjustment', p_credits, null, v_key, 'Correction by our support', private.draw(p_account, -p_credits)
    );
    -- The account is told as after a charge. Nothing is bought for it: it has not spent these credits.
    perform private.note_event(
              p_account, 'low_balance', jsonb_build_object('balance', v_balance + p_credits, 'threshold', b.low_balance_at)
            )
       from public.credit_balances b
      where b.account_id = p_account and v_balance >= b.low_balance_at and v_balance + p_credits < b.low_balance_at;
  end if;
  perform private.note_operator_action(
    'adjust_credits', p_account, p_reason, v_outcome, jsonb_build_object('credits', p_credits, 'key', p_key)
  );
  return jsonb_build_object(
    'outcome', v_outcome, 'balance', (select b.balance from public.credit_balances b where b.account_id = p_account)
  );
end $$;
revoke all on function operator.adjust_credits(uuid, integer, text, text) from public, anon, authenticated, service_role;
grant execute on function operator.adjust_credits(uuid, integer, text, text) to operator;

-- Runs. -------------------------------------------------------------------------------------------------------------------

-- A run as operators see it: how it stands and what became of its charge, not whom it is about. Null if there is none.
create function private.run_for_operators(p_run uuid) returns jsonb
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select jsonb_build_object(
           'id', r.id, 'account_id', r.account_id, 'bulk_id', r.bulk_id, 'analysis_type', r.analysis_type, 'status', r.status,
           'phase', r.phase, 'credits', r.credits, 'charge_outcome', r.charge_outcome,
           'given_back', coalesce((
             select t.amount from public.credit_transactions t where t.idempotency_key = 'goodwill:' || r.id
           ), 0),
           'error_code', r.error_code, 'created_at', r.created_at, 'heartbeat_at', r.heartbeat_at, 'finished_at', r.finished_at
         )
    from public.runs r where r.id = p_run
$$;
revoke all on function private.run_for_operators(uuid) from public, anon, authenticated, service_role;

-- Whether a run may be woken: it is under way. Waking it is the engine's, which the caller asks afterwards; nothing is marked here, so
-- that a run which stays silent is still found by the job.
create function operator.wake_run(p_run uuid, p_reason text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_status text;
  v_outcome text;
begin
  perform private.require_operator(p_reason);
  select r.status into v_status from public.runs r where r.id = p_run;
  v_outcome := case when v_status is null then 'not_found' when v_status in ('pending', 'processing') then 'ok' else 'ended' end;
  -- What the engine makes of it is in the answer only.
  perform private.note_operator_action('wake_run', p_run, p_reason, case v_outcome when 'ok' then 'asked' else v_outcome end);
  return jsonb_build_object('outcome', v_outcome, 'run', private.run_for_operators(p_run));
end $$;
revoke all on function operator.wake_run(uuid, text) from public, anon, authenticated, service_role;
grant execute on function operator.wake_run(uuid, text) to operator;

-- Ends a run that is under way, and refunds it.
create function operator.fail_run(p_run uuid, p_reason text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_status text;
  v_outcome text;
begin
  perform private.require_operator(p_reason);
  perform private.lock_balance((select r.account_id from public.runs r where r.id = p_run));
  select r.status into v_status from public.runs r where r.id = p_run for no key update;
  v_outcome := case when v_status is null then 'not_found' when v_status in ('pending', 'processing') then 'ok' else 'ended' end;
  if v_outcome = 'ok' then
    perform private.end_run(
      p_run, 'failed', 'refunded', 'ended_by_operator', 'We ended this analysis. Your credits were returned; you can try again.'
    );
  end if;
  perform private.note_operator_action('fail_run', p_run, p_reason, v_outcome);
  return jsonb_build_object('outcome', v_outcome, 'run', private.run_for_operators(p_run));
end $$;
revoke all on function operator.fail_run(uuid, text) from public, anon, authenticated, service_role;
grant execute on function operator.fail_run(uuid, text) to operator;

-- Gives the price of a run back that gave a result, or whose charge was kept, once. How its charge ended stays: a run that has ended never
-- changes. So this is an adjustment of its own, whose key names the run.
create function operator.refund_run(p_run uuid, p_reason text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_run public.runs;
  v_key constant text := 'goodwill:' || p_run;
  v_outcome text;
begin
  perform private.require_operator(p_reason);
  perform private.lock_balance((select r.account_id from public.runs r where r.id = p_run));
  select r.* into v_run from public.runs r where r.id = p_run;
  v_outcome := case
    when v_run.id is null then 'not_found'
    when v_run.status in ('pending', 'processing') then 'active'
    when v_run.charge_outcome = 'refunded' then 'refunded'
    when exists (select from public.credit_transactions t where t.idempotency_key = v_key) then 'repeated'
    when private.is_tombstone(v_run.account_id) then 'erased'
    else 'ok'
  end;
  if v_outcome = 'ok' then
    perform private.add_grant(
      v_run.account_id, 'adjustment', v_run.credits, 'adjustment', p_run, v_key, v_run.analysis_type || ' analysis given back by our support'
    );
  end if;
  perform private.note_operator_action(
    'refund_run', p_run, p_reason, v_outcome, jsonb_strip_nulls(jsonb_build_object('credits', v_run.credits))
  );
  return jsonb_build_object(
    'outcome', case v_outcome when 'repeated' then 'ok' else v_outcome end, 'run', private.run_for_operators(p_run)
  );
end $$;
revoke all on function operator.refund_run(uuid, text) from public, anon, authenticated, service_role;
grant execute on function operator.refund_run(uuid, text) to operator;

-- Stripe's events. --------------------------------------------------------------------------------------------------------

-- An event as operators see it, without what Stripe told. Null if there is none.
create function private.event_for_operators(p_event text) returns jsonb
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select jsonb_build_object(
           'id', e.id, 'type', e.type, 'outcome', e.outcome, 'note', e.note, 'account_id', e.account_id, 'attempts', e.attempts,
           'received_at', e.received_at, 'processed_at', e.processed_at
         )
    from public.webhook_events e where e.id = p_event
$$;
revoke all on function private.event_for_operators(text) from public, anon, authenticated, service_role;

-- Notes what an operator did with an event, and answers it. An id that is no event's may be anything, and is not kept.
create function private.note_event_action(p_action text, p_event text, p_reason text, p_outcome text) returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  perform private.note_operator_action(
    p_action, null, p_reason, p_outcome,
    case when p_outcome = 'not_found' then '{}' else jsonb_build_object('event_id', p_event) end
  );
  return jsonb_build_object('outcome', p_outcome, 'event', private.event_for_operators(p_event));
end $$;
revoke all on function private.note_event_action(text, text, text, text) from public, anon, authenticated, service_role;

-- Puts an event back, to be applied at once: one that waits, cannot be read, was ignored or given up. An effect has the key of its object,
-- so nothing happens twice.
create function operator.replay_event(p_event text, p_reason text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_now constant timestamptz := clock_timestamp();
  v_event public.webhook_events;
  v_outcome text;
begin
  perform private.require_operator(p_reason);
  select e.* into v_event from public.webhook_events e where e.id = p_event for no key update;
  v_outcome := case
    when v_event.id is null then 'not_found'
    when v_event.outcome = 'applied' then 'done'
    when v_event.payload is null then 'forgotten'
    else 'ok'
  end;
  if v_outcome = 'ok' then
    update public.webhook_events e
       set outcome = 'received', note = 'put back by an operator', processed_at = null, attempts = 0,
           next_attempt_at = v_now, put_back_at = v_now
     where e.id = p_event;
  end if;
  return private.note_event_action('replay_event', p_event, p_reason, v_outcome);
end $$;
revoke all on function operator.replay_event(text, text) from public, anon, authenticated, service_role;
grant execute on function operator.replay_event(text, text) to operator;

-- Gives an event up that was not applied: nobody tries it again.
create function operator.drop_event(p_event text, p_reason text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_event public.webhook_events;
  v_outcome text;
begin
  perform private.require_operator(p_reason);
  select e.* into v_event from public.webhook_events e where e.id = p_event for no key update;
  v_outcome := case
    when v_event.id is null then 'not_found' when v_event.processed_at is not null then 'done' else 'ok'
  end;
  if v_outcome = 'ok' then
    update public.webhook_events e
       set outcome = 'ignored', note = 'dropped by an operator', processed_at = clock_timestamp()
     where e.id = p_event;
  end if;
  return private.note_event_action('drop_event', p_event, p_reason, v_outcome);
end $$;
revoke all on function operator.drop_event(text, text) from public, anon, authenticated, service_role;
grant execute on function operator.drop_event(text, text) to operator;

-- Pauses. -----------------------------------------------------------------------------------------------------------------

-- What is paused now.
create function private.present_pauses() returns jsonb
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select coalesce(jsonb_agg(jsonb_build_object(
           'service', p.service, 'paused_at', p.paused_at, 'ends_at', p.ends_at
         ) order by p.service), '[]')
    from public.service_pauses p where p.ends_at is null or p.ends_at > clock_timestamp()
$$;
revoke all on function private.present_pauses() from public, anon, authenticated, service_role;

create function operator.list_pauses(p_reason text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform private.require_operator(p_reason);
  perform private.note_operator_action('list_pauses', null, p_reason, 'ok');
  return private.present_pauses();
end $$;
revoke all on function operator.list_pauses(text) from public, anon, authenticated, service_role;
grant execute on function operator.list_pauses(text) to operator;

-- Has no analysis sold that needs this service, or none at all (`all`), until p_ends_at, or until it is resumed. A second pause takes
-- the place of the first. What was sold goes on; runs that are taken up meanwhile ask other providers' models (system.paused_services).
create function operator.pause_service(p_service text, p_ends_at timestamptz, p_reason text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform private.require_operator(p_reason);
  if p_ends_at <= clock_timestamp() then
    raise exception 'a pause ends after it has begun' using errcode = 'invalid_parameter_value';
  end if;
  insert into public.service_pauses as s (service, ends_at) values (p_service, p_ends_at)
    on conflict (service) do update set paused_at = excluded.paused_at, ends_at = excluded.ends_at;
  perform private.note_operator_action(
    'pause_service', null, p_reason, 'ok', jsonb_build_object('service', p_service, 'ends_at', p_ends_at)
  );
  return private.present_pauses();
end $$;
revoke all on function operator.pause_service(text, timestamptz, text) from public, anon, authenticated, service_role;
grant execute on function operator.pause_service(text, timestamptz, text) to operator;

create function operator.resume_service(p_service text, p_reason text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_was_paused boolean;
begin
  perform private.require_operator(p_reason);
  delete from public.service_pauses s where s.service = p_service
    returning s.ends_at is null or s.ends_at > clock_timestamp() into v_was_paused;
  perform private.note_operator_action(
    'resume_service', null, p_reason, case when v_was_paused then 'ok' else 'unchanged' end,
    jsonb_build_object('service', p_service)
  );
  return private.present_pauses();
end $$;
revoke all on function operator.resume_service(text, text) from public, anon, authenticated, service_role;
grant execute on function operator.resume_service(text, text) to operator;

-- Accounts. ---------------------------------------------------------------------------------------------------------------

-- Sets whether an account is blocked (private.refuse_blocked), and answers what came of it. The balance's lock makes each charge come before
-- or after.
create function private.set_blocked(p_account uuid, p_is_blocked boolean) returns text
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_blocked_at timestamptz;
begin
  perform private.lock_balance(p_account);
  select a.blocked_at into v_blocked_at from public.accounts a where a.id = p_account;
  update public.accounts a
     set blocked_at = case when p_is_blocked then clock_timestamp() end
   where a.id = p_account and (a.blocked_at is not null) <> p_is_blocked;
  if not found then
    return case when exists (select from public.accounts a where a.id = p_account) then 'unchanged' else 'not_found' end;
  end if;
  if p_is_blocked then
    -- An automatic purchase that Stripe was not asked for yet; without charges there is no further one.
    update public.credit_purchases c set status = 'failed', settled_at = clock_timestamp()
     where c.account_id = p_account and c.origin = 'auto_top_up' and c.status = 'open' and c.attempted_at is null;
  else
    -- Only what this block has ended is bought after all: a balance that is below the threshold already crosses it no more. The hourly
    -- job charges for it.
    perform private.want_top_up(p_account, t.pack_id, t.monthly_max_cents)
       from public.auto_top_ups t
       join public.credit_balances b on b.account_id = t.account_id
       join public.accounts a on a.id = t.account_id
      where t.account_id = p_account and t.is_on and b.balance < t.threshold and a.deleted_at is null
        -- What its owner has changed since begins anew: only the next crossing buys.
        and t.updated_at < v_blocked_at
        and exists (
          select from public.credit_purchases c
           where c.account_id = p_account and c.origin = 'auto_top_up' and c.status = 'failed' and c.attempted_at is null
             and c.settled_at >= v_blocked_at
        );
  end if;
  return 'ok';
end $$;
revoke all on function private.set_blocked(uuid, boolean) from public, anon, authenticated, service_role;

create function operator.block_account(p_account uuid, p_reason text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform private.require_operator(p_reason);
  perform private.note_operator_action('block_account', p_account, p_reason, private.set_blocked(p_account, true));
  return coalesce(private.account_for_operators(p_account), 'null');
end $$;
revoke all on function operator.block_account(uuid, text) from public, anon, authenticated, service_role;
grant execute on function operator.block_account(uuid, text) to operator;

create function operator.unblock_account(p_account uuid, p_reason text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform private.require_operator(p_reason);
  perform private.note_operator_action('unblock_account', p_account, p_reason, private.set_blocked(p_account, false));
  return coalesce(private.account_for_operators(p_account), 'null');
end $$;
revoke all on function operator.unblock_account(uuid, text) from public, anon, authenticated, service_role;
grant execute on function operator.unblock_account(uuid, text) to operator;
