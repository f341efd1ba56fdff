-- What is left of an hour's analyses in bulks, told when it is too little for a list.

select set_config('lock_timeout', '5s', true);

-- How many analyses the account may begin in bulks now.
create function private.bulk_left(p_account uuid, p_hourly_max integer, p_now timestamptz) returns integer
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select greatest(0, p_hourly_max - count(*)::integer)
    from public.runs r
   where r.account_id = p_account and r.bulk_id is not null and r.created_at > p_now - interval '1 hour'
$$;
revoke all on function private.bulk_left(uuid, integer, timestamptz) from public, anon, authenticated, service_role;

-- The refusal of p_count more analyses at p_price, or null. p_coming_back is what stalled runs are about to give back. The
-- order is that of begin_analysis: limits, services, cap, balance. p_count is never more than an hour allows: a list has 100 lines at
-- most, and no plan allows less in an hour.
create or replace function private.refuse_bulk(
  p_account uuid, p_hourly_max integer, p_services jsonb, p_count integer, p_price integer, p_coming_back bigint,
  p_now timestamptz
) returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_required constant bigint := p_count::bigint * p_price;
  v_wait_s integer;
  v_refusal jsonb;
  v_balance bigint;
  v_back bigint;
begin
  if p_count = 0 then
    return null;
  end if;
  v_wait_s := private.bulk_wait_s(p_account, p_hourly_max, p_count, p_now);
  if v_wait_s is not null then
    return jsonb_build_object(
      'outcome', 'rate_limited', 'retry_after_s', v_wait_s, 'limit', p_hourly_max,
      'left', private.bulk_left(p_account, p_hourly_max, p_now)
    );
  end if;
  v_wait_s := private.service_wait_s(p_services, p_now);
  if v_wait_s is not null then
    return jsonb_build_object('outcome', 'provider_unavailable', 'retry_after_s', v_wait_s);
  end if;
  v_refusal := coalesce(
    private.over_daily_cap(p_account, v_required, p_now), private.over_member_limit(p_account, v_required, p_now)
  );
  if v_refusal is not null then
    return v_refusal;
  end if;
  -- What comes back pays debts first.
  select b.balance, greatest(0, p_coming_back - b.owed) into strict v_balance, v_back
    from public.credit_balances b where b.account_id = p_account;
  if v_balance + v_back < v_required then
    return jsonb_build_object('outcome', 'insufficient_credits', 'balance', v_balance, 'required', v_required);
  end if;
  return null;
end $$;
