-- What happens when a charge takes a balance below a threshold: the account is told, and a pack may be bought by itself.

select set_config('lock_timeout', '5s', true);

-- Sets out to buy the account's pack, unless that is under way or would cost more than the month may. Returns the purchase,
-- which the caller has Stripe charge for. The caller holds the balance's lock.
create function private.want_top_up(p_account uuid, p_pack text, p_monthly_max_cents integer) returns uuid
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_now constant timestamptz := clock_timestamp();
  v_pack public.credit_packs;
  v_spent_cents bigint;
  v_purchase uuid;
begin
  select * into strict v_pack from public.credit_packs p where p.id = p_pack;
  select coalesce(sum(c.price_cents), 0) into v_spent_cents
    from public.credit_purchases c
   where c.account_id = p_account and c.origin = 'auto_top_up' and c.status in ('open', 'paid')
     and c.created_at >= date_trunc('month', v_now, 'UTC');
  if v_spent_cents + v_pack.price_cents > p_monthly_max_cents then
    perform private.note_event(p_account, 'auto_top_up_ceiling', jsonb_build_object(
      'monthly_max_cents', p_monthly_max_cents, 'spent_cents', v_spent_cents, 'pack_id', p_pack
    ));
    return null;
  end if;
  insert into public.credit_purchases (id, account_id, pack_id, credits, price_cents, origin, created_at)
    values (gen_random_uuid(), p_account, p_pack, v_pack.credits, v_pack.price_cents, 'auto_top_up', v_now)
    on conflict (account_id) where origin = 'auto_top_up' and status = 'open' do nothing
    returning id into v_purchase;
  return v_purchase;
end $$;
revoke all on function private.want_top_up(uuid, text, integer) from public, anon, authenticated, service_role;

-- After a charge that took the balance from p_before to p_after. Returns the purchase that it leads to, if any. The caller
-- holds the balance's lock.
create function private.after_charge(p_account uuid, p_before bigint, p_after bigint) returns uuid
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_limits record;
begin
  select b.low_balance_at, t.threshold, t.pack_id, t.monthly_max_cents into strict v_limits
    from public.credit_balances b
    left join public.auto_top_ups t on t.account_id = b.account_id and t.is_on
   where b.account_id = p_account;
  if p_before >= v_limits.low_balance_at and p_after < v_limits.low_balance_at then
    perform private.note_event(
      p_account, 'low_balance', jsonb_build_object('balance', p_after, 'threshold', v_limits.low_balance_at)
    );
  end if;
  if p_before >= v_limits.threshold and p_after < v_limits.threshold then
    return private.want_top_up(p_account, v_limits.pack_id, v_limits.monthly_max_cents);
  end if;
  return null;
end $$;
revoke all on function private.after_charge(uuid, bigint, bigint) from public, anon, authenticated, service_role;
