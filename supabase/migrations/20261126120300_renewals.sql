-- What the jobs do for credits: months that no invoice of their own pays for, grants whose time is over, and automatic
-- purchases that nobody has charged for.

select set_config('lock_timeout', '5s', true);

-- Up to p_limit subscriptions, after p_after in their order, that have a month to be granted at p_now: one of a period of
-- several months, or the next one of a plan without Stripe.
create function system.renewable_subscriptions(p_now timestamptz, p_after uuid, p_limit integer) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  select coalesce(jsonb_agg(r.id order by r.id), '[]')
    from (
      select s.id
        from public.subscriptions s
       where (p_after is null or s.id > p_after)
         and (
           exists (
             select from public.paid_periods pp
               cross join lateral private.months_of(pp) m
              where pp.subscription_id = s.id and pp.months > 1 and pp.ends_at > p_now - interval '31 days'
                and private.is_due(pp, m.starts_at, s.ended_at, p_now)
                and not exists (
                  select from public.credit_grants g
                   where g.subscription_id = s.id and g.period_starts_at < m.ends_at and g.period_ends_at > m.starts_at
                )
           )
           or (s.stripe_subscription_id is null and s.ended_at is null and s.current_period_ends_at <= p_now)
         )
       order by s.id
       limit p_limit
    ) r
$$;
revoke all on function system.renewable_subscriptions(timestamptz, uuid, integer) from public, anon, authenticated, service_role;
grant execute on function system.renewable_subscriptions(timestamptz, uuid, integer) to service_role;

-- Grants what is due of one subscription at p_now; returns the credits. A plan without Stripe goes on to its present month
-- first, unless one was granted within 23 hours; months that were missed altogether are not made up for.
create function system.renew_subscription(p_subscription uuid, p_now timestamptz) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_account uuid;
  v_subscription public.subscriptions;
  v_month integer;
  v_starts_at timestamptz;
  v_ends_at timestamptz;
begin
  select s.account_id into v_account from public.subscriptions s where s.id = p_subscription;
  perform private.lock_balance(v_account);
  select s.* into v_subscription
    from public.subscriptions s
    join public.accounts a on a.id = s.account_id
   where s.id = p_subscription and (a.deleted_at is null or s.stripe_subscription_id is not null);
  if not found then
    return 0;
  end if;
  if v_subscription.stripe_subscription_id is null and v_subscription.ended_at is null
     and v_subscription.current_period_ends_at <= p_now
     and not exists (
       select from public.credit_grants g
        where g.subscription_id = p_subscription and g.created_at > p_now - interval '23 hours'
     ) then
    select max(n) into strict v_month
      from generate_series(0, 12 * 100) n where private.months_after(v_subscription.anchor_at, n) <= p_now;
    v_starts_at := private.months_after(v_subscription.anchor_at, v_month);
    v_ends_at := private.months_after(v_subscription.anchor_at, v_month + 1);
    update public.subscriptions s set current_period_starts_at = v_starts_at, current_period_ends_at = v_ends_at
     where s.id = p_subscription;
    insert into public.paid_periods (account_id, subscription_id, plan_id, starts_at, ends_at, anchor_at, months)
      values (v_account, p_subscription, v_subscription.plan_id, v_starts_at, v_ends_at, v_starts_at, 1)
      on conflict (subscription_id, starts_at, plan_id) do nothing;
  end if;
  return private.grant_months(p_subscription, p_now);
end $$;
revoke all on function system.renew_subscription(uuid, timestamptz) from public, anon, authenticated, service_role;
grant execute on function system.renew_subscription(uuid, timestamptz) to service_role;

-- Gives an account a plan without Stripe, from now on, with its first month; returns the subscription.
create function system.give_plan(p_account uuid, p_plan text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_now timestamptz;
  v_subscription uuid;
begin
  perform from public.credit_balances b
    join public.accounts a on a.id = b.account_id
   where b.account_id = p_account and a.deleted_at is null
     for no key update of b;
  if not found then
    return jsonb_build_object('outcome', 'account_not_found');
  elsif not exists (select from public.plans p where p.id = p_plan and p.monthly_credits > 0) then
    return jsonb_build_object('outcome', 'unknown_plan');
  elsif exists (select from public.subscriptions s where s.account_id = p_account and s.ended_at is null) then
    return jsonb_build_object('outcome', 'already_subscribed');
  end if;
  v_now := clock_timestamp();
  insert into public.subscriptions (
    account_id, plan_id, status, billing_interval, anchor_at, current_period_starts_at, current_period_ends_at, observed_at
  ) values (
    p_account, p_plan, 'active', 'month', v_now, v_now, private.months_after(v_now, 1), v_now
  ) returning id into v_subscription;
  insert into public.paid_periods (account_id, subscription_id, plan_id, starts_at, ends_at, anchor_at, months)
    values (p_account, v_subscription, p_plan, v_now, private.months_after(v_now, 1), v_now, 1);
  perform private.update_plan(p_account);
  return jsonb_build_object(
    'outcome', 'ok', 'subscription_id', v_subscription, 'credits', private.grant_months(v_subscription, v_now)
  );
end $$;
revoke all on function system.give_plan(uuid, text) from public, anon, authenticated, service_role;
grant execute on function system.give_plan(uuid, text) to service_role;

-- Takes a plan away that was given without Stripe; what it granted stays.
create function system.end_plan(p_account uuid) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform private.lock_balance(p_account);
  update public.subscriptions s set status = 'canceled', ended_at = clock_timestamp()
   where s.account_id = p_account and s.stripe_subscription_id is null and s.ended_at is null;
  if not found then
    return jsonb_build_object('outcome', 'not_subscribed');
  end if;
  perform private.update_plan(p_account);
  return jsonb_build_object('outcome', 'ok');
end $$;
revoke all on function system.end_plan(uuid) from public, anon, authenticated, service_role;
grant execute on function system.end_plan(uuid) to service_role;

-- Posts the end of grants whose time was over at p_now, for up to p_limit accounts; returns for how many. It waits for
-- nobody: an account that is locked is left for the next turn, and nothing spends its grants meanwhile.
create function system.end_grants(p_now timestamptz, p_limit integer) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_account uuid;
  v_ended bigint := 0;
begin
  for v_account in
    select b.account_id
      from public.credit_balances b
     where b.account_id in (
       select g.account_id from public.credit_grants g where g.has_rest and g.expires_at <= p_now
     )
     order by b.account_id
     limit p_limit
       for no key update skip locked
  loop
    perform private.end_due_grants(v_account, p_now);
    v_ended := v_ended + 1;
  end loop;
  return v_ended;
end $$;
revoke all on function system.end_grants(timestamptz, integer) from public, anon, authenticated, service_role;
grant execute on function system.end_grants(timestamptz, integer) to service_role;

-- What has to be charged for an automatic purchase, or null when it is settled. It is settled without a charge when nobody
-- pays for the account, the buying was turned off, the account was closed, or the crossing is a day old. Each caller gets the
-- same answer: Stripe's idempotency key, the purchase's id, keeps it from being charged twice.
create function system.attempt_top_up(p_purchase uuid) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_account uuid;
  v_customer text;
  v_attempt jsonb;
begin
  select c.account_id into v_account from public.credit_purchases c where c.id = p_purchase and c.origin = 'auto_top_up';
  perform private.lock_balance(v_account);
  select b.stripe_customer_id into v_customer
    from public.billing_customers b
    join public.accounts a on a.id = b.account_id
    join public.auto_top_ups t on t.account_id = b.account_id
    join public.credit_purchases c on c.account_id = b.account_id
   where b.account_id = v_account and a.deleted_at is null and c.id = p_purchase
     -- What Stripe was asked for already is asked for again, until its answer is known.
     and (c.attempted_at is not null or (t.is_on and c.created_at > clock_timestamp() - interval '23 hours'));
  if not found then
    perform private.apply_failed_purchase(jsonb_build_object('purchase_id', p_purchase));
    return null;
  end if;
  update public.credit_purchases c
     set attempted_at = coalesce(c.attempted_at, clock_timestamp())
   where c.id = p_purchase and c.status = 'open'
  returning jsonb_build_object(
    'purchase_id', c.id, 'account_id', c.account_id, 'customer_id', v_customer, 'price_cents', c.price_cents,
    'attempted_at', c.attempted_at
  ) into v_attempt;
  return v_attempt;
end $$;
revoke all on function system.attempt_top_up(uuid) from public, anon, authenticated, service_role;
grant execute on function system.attempt_top_up(uuid) to service_role;

-- Settles an automatic purchase by what Stripe answered: `paid_purchase` or `failed_purchase`, as an event would.
create function system.settle_top_up(p_effect jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  return case p_effect ->> 'kind'
    when 'paid_purchase' then private.apply_paid_purchase(p_effect)
    when 'failed_purchase' then private.apply_failed_purchase(p_effect)
  end;
end $$;
revoke all on function system.settle_top_up(jsonb) from public, anon, authenticated, service_role;
grant execute on function system.settle_top_up(jsonb) to service_role;

-- Automatic purchases that are open, the oldest first: a request that died may have left them.
create function system.open_top_ups(p_limit integer) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  select coalesce(jsonb_agg(o.id order by o.created_at), '[]')
    from (
      select c.id, c.created_at from public.credit_purchases c
       where c.origin = 'auto_top_up' and c.status = 'open' and c.created_at < clock_timestamp() - interval '1 minute'
       order by c.created_at
       limit p_limit
    ) o
$$;
revoke all on function system.open_top_ups(integer) from public, anon, authenticated, service_role;
grant execute on function system.open_top_ups(integer) to service_role;
