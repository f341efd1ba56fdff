-- What money does to credits: the months of a plan, refunds and disputes, and the functions for customers who buy.
--
-- Nothing here depends on how often it is told, or on what is told first: a month is granted up to the dearest plan that was
-- paid for it, and what a payment lost decides how much of its credits is taken back. Only when a change of plan that gives
-- time back is told before the month that it changes, can the sum differ, by what the two plans grant for that time.

select set_config('lock_timeout', '5s', true);

-- The moment p_months months after an anchor, as Stripe counts (UTC): 31 January, 28 February, 31 March.
create function private.months_after(p_anchor timestamptz, p_months integer) returns timestamptz
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select ((p_anchor at time zone 'UTC') + make_interval(months => p_months)) at time zone 'UTC'
$$;
revoke all on function private.months_after(timestamptz, integer) from public, anon, authenticated, service_role;

-- From when on a paid period was given back for money. What the very invoice that pays for it gives back from its start on
-- belongs to the period before: a change to another price of the same plan.
create function private.returns_of(p_period public.paid_periods) returns setof timestamptz
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select r.starts_at
    from public.returned_periods r
   where r.subscription_id = p_period.subscription_id and r.plan_id = p_period.plan_id and r.ends_at = p_period.ends_at
     and (r.starts_at > p_period.starts_at
       or r.starts_at = p_period.starts_at and r.payment_id is distinct from p_period.payment_id)
$$;
revoke all on function private.returns_of(public.paid_periods) from public, anon, authenticated, service_role;

-- When the time of a month was given back for money, if it was: the first such moment within it.
create function private.returned_at(p_grant public.credit_grants) returns timestamptz
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select min(r.starts_at)
    from public.paid_periods pp
    cross join lateral private.returns_of(pp) r (starts_at)
   where pp.id = p_grant.paid_period_id
     and r.starts_at >= p_grant.period_starts_at and r.starts_at < p_grant.period_ends_at
$$;
revoke all on function private.returned_at(public.credit_grants) from public, anon, authenticated, service_role;

-- The credits of a month for the time that was given back: a part of a credit stays with the customer.
create function private.returned_credits(p_grant public.credit_grants) returns bigint
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select coalesce(floor(
    p_grant.amount * extract(epoch from p_grant.period_ends_at - private.returned_at(p_grant))
      / extract(epoch from p_grant.period_ends_at - greatest(p_grant.period_starts_at, pp.starts_at))
  ), 0)::bigint
    from public.paid_periods pp where pp.id = p_grant.paid_period_id
$$;
revoke all on function private.returned_credits(public.credit_grants) from public, anon, authenticated, service_role;

-- Takes back, or returns, credits until what was taken back is what belongs to time that was given back, and of the rest the
-- part that the payment has lost in refunds and disputes. A part of a credit stays with the customer. What the balance
-- cannot cover is owed. The caller holds the balance's lock.
create function private.settle_payment(p_payment text) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_payment public.payments;
  v_returned bigint;
  v_lost_cents bigint;
  v_change bigint;
  v_covered bigint;
  v_key text;
  v_grant record;
begin
  select * into strict v_payment from public.payments p where p.id = p_payment;
  select coalesce(sum(private.returned_credits(g)), 0) into v_returned
    from public.credit_grants g where g.payment_id = p_payment and g.paid_period_id is not null;
  select least(v_payment.amount_cents, v_payment.refunded_cents + coalesce(sum(d.amount_cents), 0)) into v_lost_cents
    from public.disputes d where d.payment_id = p_payment and d.status in ('open', 'lost');
  v_change := v_returned - v_payment.taken_back + case
    when v_payment.amount_cents = 0 then 0
    else (v_payment.credits - v_returned) * v_lost_cents / v_payment.amount_cents
  end;
  if v_change = 0 then
    return;
  end if;
  update public.payments p set taken_back = p.taken_back + v_change, corrections = p.corrections + 1 where p.id = p_payment;
  v_key := p_payment || ':' || v_payment.corrections + 1;

  if v_change > 0 then
    perform private.end_due_grants(v_payment.account_id, clock_timestamp());
    select least(v_change, b.balance) into strict v_covered
      from public.credit_balances b where b.account_id = v_payment.account_id;
    if v_covered > 0 then
      perform private.post_entry(
        v_payment.account_id, 'clawback', -v_covered, null, 'clawback:' || v_key, 'Credits of a refunded payment',
        private.draw(v_payment.account_id, v_covered, p_payment)
      );
    end if;
    if v_covered < v_change then
      update public.credit_balances b set owed = b.owed + v_change - v_covered where b.account_id = v_payment.account_id;
      perform private.note_event(
        v_payment.account_id, 'credits_owed', jsonb_build_object('credits', v_change - v_covered)
      );
    end if;
    return;
  end if;

  -- Debts that nothing has paid yet go first.
  select least(-v_change, b.owed) into strict v_covered
    from public.credit_balances b where b.account_id = v_payment.account_id;
  update public.credit_balances b set owed = b.owed - v_covered where b.account_id = v_payment.account_id and v_covered > 0;
  if v_covered < -v_change then
    select g.source, g.expires_at into strict v_grant
      from public.credit_grants g where g.payment_id = p_payment order by g.id desc limit 1;
    perform private.add_grant(
      v_payment.account_id, v_grant.source, -v_change - v_covered, 'reinstatement', null, 'reinstatement:' || v_key,
      'Credits of a payment that was not lost after all',
      case when v_grant.expires_at is not null then greatest(v_grant.expires_at, clock_timestamp() + interval '7 days') end,
      p_payment
    );
  end if;
end $$;
revoke all on function private.settle_payment(text) from public, anon, authenticated, service_role;

-- Once a month was granted: what is left of the months before it ends, stays up to the plan's cap, or stays, by the rollover
-- of the newest month's plan. Grants that never end, and those that a refund brought back, stay as they are. The caller
-- holds the balance's lock.
create function private.roll_over(p_subscription uuid, p_now timestamptz) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_newest record;
  v_plan public.plans;
  v_grant record;
  v_room bigint;
  v_kept bigint;
begin
  select g.period_starts_at, g.expires_at into strict v_newest
    from public.credit_grants g where g.subscription_id = p_subscription order by g.period_starts_at desc, g.id desc limit 1;
  select p.* into strict v_plan
    from public.paid_periods pp
    join public.plans p on p.id = pp.plan_id
   where pp.subscription_id = p_subscription
   order by pp.starts_at desc, pp.id desc
   limit 1;
  v_room := case v_plan.rollover when 'none' then 0 when 'capped' then v_plan.rollover_cap end;
  for v_grant in
    select g.id, g.remaining
      from public.credit_grants g
     where g.subscription_id = p_subscription and g.has_rest and g.expires_at is not null and not g.is_brought_back
       and g.period_ends_at <= v_newest.period_starts_at
     order by g.period_starts_at desc, g.id desc
  loop
    -- Without a limit there is always room.
    v_kept := least(v_grant.remaining, v_room);
    v_room := v_room - v_kept;
    update public.credit_grants g set expires_at = case when v_kept > 0 then v_newest.expires_at else p_now end where g.id = v_grant.id;
    if v_kept < v_grant.remaining then
      perform private.end_grant(v_grant.id, v_grant.remaining - v_kept);
    end if;
  end loop;
end $$;
revoke all on function private.roll_over(uuid, timestamptz) from public, anon, authenticated, service_role;

-- What a subscription was granted for the time from p_from to p_until: of each grant the part that falls into it, without what
-- was given back.
create function private.granted_for(p_subscription uuid, p_from timestamptz, p_until timestamptz) returns bigint
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select coalesce(floor(sum(
           (e.amount - e.returned) * extract(epoch from least(e.ends_at, p_until) - greatest(e.starts_at, p_from))
             / extract(epoch from e.ends_at - e.starts_at)
         )), 0)::bigint
    from (
      select g.amount, private.returned_credits(g), g.period_starts_at, coalesce(private.returned_at(g), g.period_ends_at)
        from public.credit_grants g
       where g.subscription_id = p_subscription and g.period_starts_at < p_until and g.period_ends_at > p_from
    ) e (amount, returned, starts_at, ends_at)
   where e.starts_at < e.ends_at and e.starts_at < p_until and e.ends_at > p_from
$$;
revoke all on function private.granted_for(uuid, timestamptz, timestamptz) from public, anon, authenticated, service_role;

-- The months of a paid period: start and end of each, in their order. The last ends with the period.
create function private.months_of(p_period public.paid_periods)
returns table (starts_at timestamptz, ends_at timestamptz)
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select m.starts_at,
         case when n = p_period.months - 1 then p_period.ends_at
              else least(private.months_after(p_period.anchor_at, n + 1), p_period.ends_at) end
    from generate_series(0, p_period.months - 1) n
    cross join lateral (select private.months_after(p_period.anchor_at, n)) m (starts_at)
   where m.starts_at < p_period.ends_at
     and (n = p_period.months - 1 or private.months_after(p_period.anchor_at, n + 1) > p_period.starts_at)
   order by n
$$;
revoke all on function private.months_of(public.paid_periods) from public, anon, authenticated, service_role;

-- Whether a month of a period is to be granted at p_now: it has begun, and its time was neither given back nor ended with the
-- subscription before. What a period begins with is due once it is paid, whatever the clocks say.
create function private.is_due(
  p_period public.paid_periods, p_month_starts_at timestamptz, p_ended_at timestamptz, p_now timestamptz
) returns boolean
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select p_month_starts_at <= p_period.starts_at or (
    p_month_starts_at <= p_now and (p_ended_at is null or p_month_starts_at < p_ended_at)
    and not exists (select from private.returns_of(p_period) r (starts_at) where r.starts_at <= p_month_starts_at)
  )
$$;
revoke all on function private.is_due(public.paid_periods, timestamptz, timestamptz, timestamptz)
  from public, anon, authenticated, service_role;

-- Grants what has been paid for and has begun: for each month the dearest plan that was paid for it, less what the
-- subscription was granted for that time already. A month can be spent three days longer than it lasts, because the next one
-- is only paid after it has begun. Returns the credits. The caller holds the balance's lock.
create function private.grant_months(p_subscription uuid, p_now timestamptz) returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  c_grace constant interval := interval '3 days';
  -- For a month that was paid late.
  c_least constant interval := interval '7 days';
  v_subscription public.subscriptions;
  v_period public.paid_periods;
  v_plan public.plans;
  v_month record;
  v_due bigint;
  v_key text;
  v_granted bigint := 0;
begin
  select * into strict v_subscription from public.subscriptions s where s.id = p_subscription;
  perform private.end_due_grants(v_subscription.account_id, clock_timestamp());
  for v_period in
    select pp.* from public.paid_periods pp where pp.subscription_id = p_subscription order by pp.starts_at, pp.id
  loop
    select * into strict v_plan from public.plans p where p.id = v_period.plan_id;
    -- Time that was given back since the last time.
    if v_period.payment_id is not null then
      perform private.settle_payment(v_period.payment_id);
    end if;
    for v_month in select m.starts_at, m.ends_at from private.months_of(v_period) m loop
      v_key := 'grant:month:' || v_period.id || ':' || extract(epoch from v_month.starts_at)::bigint;
      -- Its own grant is not to be raised, even if the plan gives more today.
      continue when not private.is_due(v_period, v_month.starts_at, v_subscription.ended_at, p_now)
        or exists (select from public.credit_transactions t where t.idempotency_key = v_key);
      v_due := v_plan.monthly_credits - private.granted_for(p_subscription, v_month.starts_at, v_month.ends_at);
      continue when v_due <= 0;
      update public.payments p set credits = p.credits + v_due where p.id = v_period.payment_id;
      perform private.add_grant(
        v_period.account_id, 'plan', v_due, 'renewal', null, v_key,
        v_plan.name || ', month from ' || to_char(v_month.starts_at at time zone 'UTC', 'YYYY-MM-DD'),
        case when v_plan.rollover <> 'unlimited' then greatest(v_month.ends_at + c_grace, p_now + c_least) end,
        v_period.payment_id, v_period.id, p_subscription, v_month.starts_at, v_month.ends_at
      );
      v_granted := v_granted + v_due;
      -- The money may have been lost before the month began.
      if v_period.payment_id is not null then
        perform private.settle_payment(v_period.payment_id);
      end if;
    end loop;
  end loop;
  if v_granted > 0 then
    perform private.roll_over(p_subscription, p_now);
  end if;
  return v_granted;
end $$;
revoke all on function private.grant_months(uuid, timestamptz) from public, anon, authenticated, service_role;

-- For customers. --------------------------------------------------------------------------------------------------------

-- The account's customer at Stripe, its own e-mail address for a new one, whether it has a subscription that goes on, whether it may
-- buy, and a subscription that goes on and is not to end yet: a blocked account may do nothing at Stripe but cancel it; for owners.
create function api.billing_customer(p_account uuid) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  return coalesce(private.refuse_without(p_account, 'manage_billing'), jsonb_build_object(
    'outcome', 'ok',
    'customer_id', (select c.stripe_customer_id from public.billing_customers c where c.account_id = p_account),
    'email', (select u.email from auth.users u where u.id = auth.uid()),
    'is_subscribed', exists (
      select from public.subscriptions s
       where s.account_id = p_account and s.ended_at is null and s.status <> 'incomplete'
         and s.stripe_subscription_id is not null
    ),
    'is_blocked', (select a.blocked_at is not null from public.accounts a where a.id = p_account),
    'subscription_id', (
      select s.stripe_subscription_id from public.subscriptions s
       where s.account_id = p_account and s.ended_at is null and s.cancel_at is null and s.status <> 'incomplete'
         and s.stripe_subscription_id is not null
       order by s.created_at desc
       limit 1
    )
  ));
end $$;
revoke all on function api.billing_customer(uuid) from public, anon, authenticated, service_role;
grant execute on function api.billing_customer(uuid) to authenticated;

-- Writes down the account's customer at Stripe, once: a later one is answered with the first. For owners.
create function api.link_customer(p_account uuid, p_customer text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_refusal constant jsonb := private.refuse_without(p_account, 'manage_billing');
begin
  if v_refusal is not null then
    return v_refusal;
  end if;
  insert into public.billing_customers (account_id, stripe_customer_id) values (p_account, p_customer)
    on conflict (account_id) do nothing;
  return jsonb_build_object(
    'outcome', 'ok', 'customer_id', (select c.stripe_customer_id from public.billing_customers c where c.account_id = p_account)
  );
end $$;
revoke all on function api.link_customer(uuid, text) from public, anon, authenticated, service_role;
grant execute on function api.link_customer(uuid, text) to authenticated;

-- Writes down that an owner sets out to buy a pack, up to 100 times a day; answers the purchase. A repeat with the same key
-- within a day gives the first one.
create function api.begin_purchase(p_account uuid, p_purchase uuid, p_pack text, p_idempotency_key text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  c_daily_max constant integer := 100;
  -- Less than the day for which Stripe remembers a key.
  c_key_life constant interval := interval '23 hours';
  v_refusal constant jsonb := private.lock_balance_for(p_account, 'manage_billing');
  v_now timestamptz;
  v_first record;
begin
  if v_refusal is not null then
    return v_refusal;
  end if;
  perform private.refuse_blocked(p_account);
  v_now := clock_timestamp();
  select c.id, c.pack_id, c.created_at into v_first
    from public.credit_purchases c where c.account_id = p_account and c.idempotency_key = p_idempotency_key;
  if found and v_first.created_at <= v_now - c_key_life then
    update public.credit_purchases c set idempotency_key = null where c.id = v_first.id;
  elsif found then
    return case when v_first.pack_id = p_pack then jsonb_build_object('outcome', 'ok', 'purchase_id', v_first.id)
                else jsonb_build_object('outcome', 'idempotency_key_reused') end;
  end if;
  if not exists (select from public.credit_packs p where p.id = p_pack) then
    return jsonb_build_object('outcome', 'unknown_pack');
  elsif (select count(*) from public.credit_purchases c
          where c.account_id = p_account and c.created_at > v_now - interval '24 hours') >= c_daily_max then
    return jsonb_build_object('outcome', 'limit', 'daily_max', c_daily_max);
  end if;
  insert into public.credit_purchases (id, account_id, pack_id, credits, price_cents, origin, idempotency_key, created_at)
    select p_purchase, p_account, p.id, p.credits, p.price_cents, 'checkout', p_idempotency_key, v_now
      from public.credit_packs p where p.id = p_pack;
  return jsonb_build_object('outcome', 'ok', 'purchase_id', p_purchase);
end $$;
revoke all on function api.begin_purchase(uuid, uuid, text, text) from public, anon, authenticated, service_role;
grant execute on function api.begin_purchase(uuid, uuid, text, text) to authenticated;

-- The account's thresholds: below which balance it is told, and whether and how it buys by itself. A member may read them.
create function private.credit_alerts(p_account uuid) returns jsonb
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select jsonb_build_object(
           'low_balance_at', b.low_balance_at,
           'auto_top_up', case when t.account_id is not null then jsonb_build_object(
             'is_on', t.is_on, 'threshold', t.threshold, 'pack', t.pack_id, 'monthly_max_cents', t.monthly_max_cents,
             'stopped_because', t.stopped_because
           ) end
         )
    from public.credit_balances b
    left join public.auto_top_ups t on t.account_id = b.account_id
   where b.account_id = p_account
$$;
revoke all on function private.credit_alerts(uuid) from public, anon, authenticated, service_role;

create function api.credit_alerts(p_account uuid) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  if p_account = any (array(select private.my_accounts())) then
    return private.credit_alerts(p_account);
  end if;
  return null;
end $$;
revoke all on function api.credit_alerts(uuid) from public, anon, authenticated, service_role;
grant execute on function api.credit_alerts(uuid) to authenticated;

-- Sets both thresholds; null takes one away. For owners.
create function api.set_credit_alerts(p_account uuid, p_low_balance_at integer, p_auto_top_up jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_refusal constant jsonb := private.lock_balance_for(p_account, 'manage_billing');
begin
  if v_refusal is not null then
    return v_refusal;
  elsif p_auto_top_up is not null
        and not exists (select from public.credit_packs p where p.id = p_auto_top_up ->> 'pack') then
    return jsonb_build_object('outcome', 'unknown_pack');
  end if;
  update public.credit_balances b set low_balance_at = p_low_balance_at where b.account_id = p_account;
  -- What nobody has been charged for is not bought any more, or not like this.
  update public.credit_purchases c set status = 'failed', settled_at = clock_timestamp()
   where c.account_id = p_account and c.origin = 'auto_top_up' and c.status = 'open' and c.attempted_at is null;
  if p_auto_top_up is null then
    delete from public.auto_top_ups t where t.account_id = p_account;
  else
    insert into public.auto_top_ups as t (account_id, is_on, threshold, pack_id, monthly_max_cents)
      values (
        p_account, (p_auto_top_up ->> 'is_on')::boolean, (p_auto_top_up ->> 'threshold')::integer, p_auto_top_up ->> 'pack',
        (p_auto_top_up ->> 'monthly_max_cents')::integer
      )
      on conflict (account_id) do update
        set is_on = excluded.is_on, threshold = excluded.threshold, pack_id = excluded.pack_id,
            monthly_max_cents = excluded.monthly_max_cents, stopped_because = null, updated_at = clock_timestamp();
  end if;
  return jsonb_build_object('outcome', 'ok') || private.credit_alerts(p_account);
end $$;
revoke all on function api.set_credit_alerts(uuid, integer, jsonb) from public, anon, authenticated, service_role;
grant execute on function api.set_credit_alerts(uuid, integer, jsonb) to authenticated;
