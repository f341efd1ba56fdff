-- begin_analysis asks two more questions before it charges: is every service that this analysis needs there, and does the
-- account's daily cap allow it. All else is as it was; a repeat still gets its first answer, whatever is out.

drop function api.begin_analysis(uuid, uuid, text, uuid, text, text, text);

create function api.begin_analysis(
  p_account uuid, p_run uuid, p_username text, p_business_profile uuid, p_type text, p_idempotency_key text, p_body_hash text,
  p_providers jsonb
) returns jsonb
language plpgsql volatile security definer set search_path = '' as $$
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
  -- A forgotten list must not pass for an analysis that needs nobody.
  if p_providers is null or jsonb_typeof(p_providers) <> 'array' then
    raise exception 'the needed providers are a list of lists' using errcode = 'invalid_parameter_value';
  end if;
  select p.credits into v_price from public.analysis_prices p where p.analysis_type = p_type;
  if not found then
    return jsonb_build_object('outcome', 'unknown_analysis_type');
  end if;

  -- Only a member may even wait for the lock; whether membership, account and plan still stand is asked under it.
  perform from public.credit_balances b
    where b.account_id = p_account
      and exists (select from public.account_members m where m.user_id = v_user and m.account_id = p_account)
      for no key update;
  if not found then
    return jsonb_build_object('outcome', 'forbidden');
  end if;
  v_now := clock_timestamp();
  select p.hourly_analyses_max into v_hourly_max
    from public.account_members m
    join public.accounts a on a.id = m.account_id
    join public.plans p on p.id = a.plan_id
   where m.user_id = v_user and m.account_id = p_account and a.deleted_at is null;
  if not found then
    return jsonb_build_object('outcome', 'forbidden');
  end if;

  v_answer := private.answer_from_key(p_account, p_idempotency_key, p_body_hash, v_now);
  if v_answer is not null then
    return v_answer;
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
    return jsonb_build_object('outcome', 'rate_limited', 'retry_after_s', v_wait_s);
  end if;
  v_wait_s := private.provider_wait_s(p_providers, v_now);
  if v_wait_s is not null then
    return jsonb_build_object('outcome', 'provider_unavailable', 'retry_after_s', v_wait_s);
  end if;
  v_answer := private.over_daily_cap(p_account, v_price, v_now);
  if v_answer is not null then
    return v_answer;
  end if;
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
    p_account, 'charge', -v_price::bigint, p_run, 'charge:' || p_run, p_type || ' analysis of @' || p_username
  );
  return jsonb_build_object('outcome', 'ok', 'run_id', p_run, 'credits', v_price, 'balance', v_balance);
end $$;
revoke all on function api.begin_analysis(uuid, uuid, text, uuid, text, text, text, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function api.begin_analysis(uuid, uuid, text, uuid, text, text, text, jsonb) to authenticated;
