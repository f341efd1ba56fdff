-- Buying an analysis: every check and the charge under one row lock, in one round trip. The rules for locks are in the
-- ledger's migration.

select set_config('lock_timeout', '5s', true);

-- The answer to a repeat of a request that was accepted: the first answer, whatever happened since. Null when the
-- request has no key or the key is free. A key older than a day becomes free here.
create function private.answer_from_key(p_account uuid, p_key text, p_body_hash text, p_now timestamptz) returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  c_life constant interval := interval '24 hours';
  v_first record;
begin
  select r.id, r.credits, r.body_hash, r.created_at, t.balance_after into v_first
    from public.runs r
    join public.credit_transactions t on t.idempotency_key = 'charge:' || r.id
   where r.account_id = p_account and r.idempotency_key = p_key;
  if not found then
    return null;
  elsif v_first.created_at <= p_now - c_life then
    update public.runs r set idempotency_key = null where r.id = v_first.id;
    return null;
  elsif v_first.body_hash is distinct from p_body_hash then
    return jsonb_build_object('outcome', 'idempotency_key_reused');
  end if;
  return jsonb_build_object(
    'outcome', 'replay', 'run_id', v_first.id, 'credits', v_first.credits, 'balance', v_first.balance_after
  );
end $$;
revoke all on function private.answer_from_key(uuid, text, text, timestamptz)
  from public, anon, authenticated, service_role;

-- The active run of the same work, or null. One without a heartbeat for five minutes is failed and refunded first.
create function private.active_duplicate(
  p_account uuid, p_business_profile uuid, p_username text, p_type text, p_now timestamptz
) returns uuid
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  c_stale constant interval := interval '5 minutes';
  v_run record;
begin
  -- At most one row, by runs_one_active. With an `order by … limit 1` the planner would take a slower index.
  select r.id, coalesce(r.heartbeat_at, r.created_at) as beat into v_run
    from public.runs r
   where r.account_id = p_account and r.business_profile_id = p_business_profile
     and r.username = p_username and r.analysis_type = p_type and r.status in ('pending', 'processing');
  if not found then
    return null;
  elsif v_run.beat <= p_now - c_stale and private.fail_if_stale(v_run.id, c_stale, false) is not null then
    return null;
  end if;
  -- It is alive, or it gave a heartbeat or ended while we waited for its lock.
  perform from public.runs r where r.id = v_run.id and r.status in ('pending', 'processing');
  return case when found then v_run.id end;
end $$;
revoke all on function private.active_duplicate(uuid, uuid, text, text, timestamptz)
  from public, anon, authenticated, service_role;

-- The seconds until the account may begin another run, or null when it may now. With a limit of n, it has to wait while
-- the n-th newest run is younger than an hour. What was bought in bulks has a limit of its own.
create function private.hourly_wait_s(p_account uuid, p_hourly_max integer, p_now timestamptz) returns integer
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select greatest(1, ceil(extract(epoch from r.created_at + interval '1 hour' - p_now))::integer)
    from public.runs r
   where r.account_id = p_account and r.bulk_id is null and r.created_at > p_now - interval '1 hour'
   order by r.created_at desc
  offset p_hourly_max - 1 limit 1
$$;
revoke all on function private.hourly_wait_s(uuid, integer, timestamptz) from public, anon, authenticated, service_role;

-- Returns one of the outcomes below. A member's repeat gets its first answer before limits, services and caps are
-- looked at, so also while a service is out. What p_services holds is said at private.service_wait_s.
create function api.begin_analysis(
  p_account uuid, p_run uuid, p_username text, p_business_profile uuid, p_type text, p_idempotency_key text, p_body_hash text,
  p_services jsonb
) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_user constant uuid := auth.uid();
  v_price integer;
  v_hourly_max integer;
  v_now timestamptz;
  v_answer jsonb;
  v_duplicate uuid;
  v_wait_s integer;
  v_balance bigint;
begin
  -- A forgotten list must not be taken for an analysis that needs no service.
  if p_services is null or jsonb_typeof(p_services) <> 'array' then
    raise exception 'the needed services are a list of lists' using errcode = 'invalid_parameter_value';
  end if;
  select p.credits into v_price from public.analysis_prices p where p.analysis_type = p_type;
  if not found then
    return jsonb_build_object('outcome', 'unknown_analysis_type');
  end if;

  v_answer := private.lock_balance_for(p_account, 'analyse');
  v_now := clock_timestamp();
  if v_answer is not null then
    return v_answer;
  end if;
  perform private.refuse_blocked(p_account);
  select p.hourly_analyses_max into strict v_hourly_max
    from public.accounts a join public.plans p on p.id = a.plan_id where a.id = p_account;

  v_answer := private.answer_from_key(p_account, p_idempotency_key, p_body_hash, v_now);
  if v_answer is not null then
    return v_answer;
  end if;

  if private.is_erased(p_username) then
    return jsonb_build_object('outcome', 'subject_erased');
  end if;
  perform from public.business_profiles bp
    where bp.id = p_business_profile and bp.account_id = p_account and bp.deleted_at is null;
  if not found then
    return jsonb_build_object('outcome', 'business_profile_not_found');
  end if;
  v_duplicate := private.active_duplicate(p_account, p_business_profile, p_username, p_type, v_now);
  if v_duplicate is not null then
    return jsonb_build_object('outcome', 'duplicate', 'run_id', v_duplicate);
  end if;
  v_wait_s := private.hourly_wait_s(p_account, v_hourly_max, v_now);
  if v_wait_s is not null then
    return jsonb_build_object('outcome', 'rate_limited', 'retry_after_s', v_wait_s, 'limit', v_hourly_max);
  end if;
  -- Outage and cap are told before the balance: nobody should buy credits for what cannot be bought with them now.
  v_wait_s := private.service_wait_s(p_services, v_now);
  if v_wait_s is not null then
    return jsonb_build_object('outcome', 'provider_unavailable', 'retry_after_s', v_wait_s);
  end if;
  v_answer := coalesce(private.over_daily_cap(p_account, v_price, v_now), private.over_member_limit(p_account, v_price, v_now));
  if v_answer is not null then
    return v_answer;
  end if;
  perform private.end_due_grants(p_account, v_now);
  select b.balance into strict v_balance from public.credit_balances b where b.account_id = p_account;
  if v_balance < v_price then
    return jsonb_build_object('outcome', 'insufficient_credits', 'balance', v_balance, 'required', v_price);
  end if;

  insert into public.runs (
    id, account_id, business_profile_id, created_by, username, analysis_type, credits, idempotency_key, body_hash, created_at
  ) values (
    p_run, p_account, p_business_profile, v_user, p_username, p_type, v_price, p_idempotency_key, p_body_hash, v_now
  );
  v_balance := private.post_entry(
    p_account, 'charge', -v_price::bigint, p_run, 'charge:' || p_run, p_type || ' analysis', private.draw(p_account, v_price)
  );
  return jsonb_strip_nulls(jsonb_build_object(
    'outcome', 'ok', 'run_id', p_run, 'credits', v_price, 'balance', v_balance,
    'top_up', private.after_charge(p_account, v_balance + v_price, v_balance)
  ));
end $$;
revoke all on function api.begin_analysis(uuid, uuid, text, uuid, text, text, text, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function api.begin_analysis(uuid, uuid, text, uuid, text, text, text, jsonb) to authenticated;
