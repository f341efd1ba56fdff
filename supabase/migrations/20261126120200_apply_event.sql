-- What an event of Stripe's does: effect and mark in one transaction. The Worker has read the event, and asked Stripe for the
-- present state of what it names; p_effect says what that means (`features/billing/effect.rs`). Each effect has the key of
-- its object (a month of a subscription, a purchase, the refunds of a payment), so events that tell the same do it once.
--
-- Locks: the event's row, then the account's balance.

select set_config('lock_timeout', '5s', true);

-- What a price buys, by its lookup key. A price that costs nothing, or whose key is none of ours, buys nothing and is not
-- remembered: whoever mends it at Stripe is heard.
create function private.note_prices(p_prices jsonb) returns void
language sql volatile set search_path = pg_catalog, pg_temp as $$
  insert into public.stripe_prices (stripe_price_id, plan_id, billing_interval, pack_id, unit_amount)
  select i.id, p.id, k.billing_interval, c.id, i.unit_amount
    from jsonb_to_recordset(p_prices) as i (id text, lookup_key text, unit_amount bigint)
    cross join lateral (
      select case when i.lookup_key like '%\_month' then 'month' when i.lookup_key like '%\_year' then 'year' end
    ) k (billing_interval)
    left join public.plans p
      on p.id = left(i.lookup_key, -char_length('_' || k.billing_interval)) and p.month_price_cents is not null
    left join public.credit_packs c on c.id = i.lookup_key
   where i.unit_amount > 0 and (p.id is not null or c.id is not null)
      on conflict (stripe_price_id) do nothing
$$;
revoke all on function private.note_prices(jsonb) from public, anon, authenticated, service_role;

-- Which of these prices nobody has asked Stripe about yet.
create function system.unknown_prices(p_ids jsonb) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  select coalesce(jsonb_agg(distinct i.id), '[]')
    from jsonb_array_elements_text(p_ids) i (id)
   where not exists (select from public.stripe_prices s where s.stripe_price_id = i.id)
$$;
revoke all on function system.unknown_prices(jsonb) from public, anon, authenticated, service_role;
grant execute on function system.unknown_prices(jsonb) to service_role;

create function private.waits(p_note text) returns jsonb
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select jsonb_build_object('outcome', 'waiting', 'note', p_note)
$$;
revoke all on function private.waits(text) from public, anon, authenticated, service_role;

create function private.ignored(p_note text) returns jsonb
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select jsonb_build_object('outcome', 'ignored', 'note', p_note)
$$;
revoke all on function private.ignored(text) from public, anon, authenticated, service_role;

create function private.applied(p_account uuid, p_note text) returns jsonb
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select jsonb_build_object('outcome', 'applied', 'note', p_note, 'account_id', p_account)
$$;
revoke all on function private.applied(uuid, text) from public, anon, authenticated, service_role;

-- The account of a customer at Stripe, its balance locked; null if there is none. A customer that we do not know belongs to
-- the account that our own metadata names, from now on.
create function private.lock_payer(p_customer text, p_account uuid) returns uuid
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_account uuid;
begin
  select c.account_id into v_account from public.billing_customers c where c.stripe_customer_id = p_customer;
  v_account := coalesce(v_account, p_account);
  perform from public.credit_balances b where b.account_id = v_account for no key update;
  if not found then
    return null;
  end if;
  if p_customer is not null then
    insert into public.billing_customers (account_id, stripe_customer_id) values (v_account, p_customer) on conflict do nothing;
  end if;
  return v_account;
end $$;
revoke all on function private.lock_payer(text, uuid) from public, anon, authenticated, service_role;

-- A subscription as Stripe describes it; returns ours, or null if its price buys no plan. The newest description counts, and
-- the end is final. The caller holds the balance's lock.
create function private.note_subscription(p_account uuid, p_state jsonb) returns uuid
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_price record;
  v_id uuid;
begin
  perform private.note_prices(jsonb_build_array(p_state -> 'price'));
  select s.plan_id, s.billing_interval into v_price
    from public.stripe_prices s where s.stripe_price_id = p_state -> 'price' ->> 'id' and s.plan_id is not null;
  if not found then
    -- Of a price that is none of ours the plan stays what it was.
    select s.plan_id, s.billing_interval into v_price
      from public.subscriptions s where s.stripe_subscription_id = p_state ->> 'id' and s.account_id = p_account;
    if not found then
      return null;
    end if;
  end if;
  insert into public.subscriptions as s (
    account_id, plan_id, stripe_subscription_id, status, billing_interval, anchor_at, current_period_starts_at,
    current_period_ends_at, cancel_at, ended_at, observed_at
  ) values (
    p_account, v_price.plan_id, p_state ->> 'id', p_state ->> 'status', v_price.billing_interval,
    (p_state ->> 'anchor_at')::timestamptz, (p_state ->> 'period_starts_at')::timestamptz,
    (p_state ->> 'period_ends_at')::timestamptz, (p_state ->> 'cancel_at')::timestamptz,
    case when p_state ->> 'status' in ('canceled', 'incomplete_expired') then
      coalesce((p_state ->> 'ended_at')::timestamptz, (p_state ->> 'observed_at')::timestamptz)
    end,
    (p_state ->> 'observed_at')::timestamptz
  )
  on conflict (stripe_subscription_id) do update
    set plan_id = excluded.plan_id, status = excluded.status, billing_interval = excluded.billing_interval,
        anchor_at = excluded.anchor_at, current_period_starts_at = excluded.current_period_starts_at,
        current_period_ends_at = excluded.current_period_ends_at, cancel_at = excluded.cancel_at, ended_at = excluded.ended_at,
        observed_at = excluded.observed_at
    where s.ended_at is null and s.account_id = excluded.account_id
      and (excluded.ended_at is not null or excluded.observed_at > s.observed_at);
  select s.id into v_id
    from public.subscriptions s where s.stripe_subscription_id = p_state ->> 'id' and s.account_id = p_account;
  perform private.update_plan(p_account);
  return v_id;
end $$;
revoke all on function private.note_subscription(uuid, jsonb) from public, anon, authenticated, service_role;

create function private.apply_subscription(p_effect jsonb) returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_state constant jsonb := p_effect -> 'subscription';
  v_account constant uuid := private.lock_payer(v_state ->> 'customer_id', (v_state ->> 'account_id')::uuid);
begin
  if v_account is null then
    return private.waits('no account has this customer');
  elsif private.note_subscription(v_account, v_state) is null then
    return private.ignored('the price of the subscription buys no plan');
  end if;
  return private.applied(v_account, 'subscription ' || (v_state ->> 'status'));
end $$;
revoke all on function private.apply_subscription(jsonb) from public, anon, authenticated, service_role;

-- A paid line becomes a paid period, and time that is given back a returned one. An upgrade within a period is billed from its
-- day to the end of the period; its months are those of the period. The caller holds the balance's lock.
create function private.note_paid_line(p_account uuid, p_subscription uuid, p_payment text, p_line jsonb) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_starts_at constant timestamptz := (p_line ->> 'starts_at')::timestamptz;
  v_ends_at constant timestamptz := (p_line ->> 'ends_at')::timestamptz;
  v_price record;
  v_anchor_at timestamptz;
begin
  -- What costs nothing grants nothing.
  if (p_line ->> 'amount_cents')::bigint = 0 or v_starts_at >= v_ends_at then
    return;
  end if;
  select s.plan_id, s.billing_interval into v_price
    from public.stripe_prices s where s.stripe_price_id = p_line ->> 'price_id' and s.plan_id is not null;
  if not found then
    return;
  end if;
  if (p_line ->> 'amount_cents')::bigint < 0 then
    insert into public.returned_periods (account_id, subscription_id, plan_id, payment_id, starts_at, ends_at)
      values (p_account, p_subscription, v_price.plan_id, p_payment, v_starts_at, v_ends_at)
      on conflict (subscription_id, plan_id, starts_at) do nothing;
    return;
  end if;
  select min(p.starts_at) into v_anchor_at
    from (
      select pp.anchor_at from public.paid_periods pp
       where pp.subscription_id = p_subscription and pp.ends_at = v_ends_at and pp.anchor_at < v_starts_at
      union all
      select s.current_period_starts_at from public.subscriptions s
       where s.id = p_subscription and s.current_period_ends_at = v_ends_at and s.current_period_starts_at < v_starts_at
    ) p (starts_at);
  insert into public.paid_periods (
    account_id, subscription_id, plan_id, payment_id, starts_at, ends_at, anchor_at, months
  ) values (
    p_account, p_subscription, v_price.plan_id, p_payment, v_starts_at, v_ends_at, coalesce(v_anchor_at, v_starts_at),
    case v_price.billing_interval when 'month' then 1 else 12 end
  ) on conflict (subscription_id, starts_at, plan_id) do nothing;
end $$;
revoke all on function private.note_paid_line(uuid, uuid, text, jsonb) from public, anon, authenticated, service_role;

create function private.apply_paid_invoice(p_effect jsonb, p_now timestamptz) returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_state constant jsonb := p_effect -> 'subscription';
  v_payment constant text := 'invoice:' || (p_effect ->> 'invoice_id');
  v_account uuid;
  v_subscription uuid;
  v_line jsonb;
begin
  v_account := private.lock_payer(v_state ->> 'customer_id', (v_state ->> 'account_id')::uuid);
  if v_account is null then
    return private.waits('no account has this customer');
  end if;
  perform private.note_prices(p_effect -> 'prices');
  v_subscription := private.note_subscription(v_account, v_state);
  if v_subscription is null or exists (
    select from jsonb_to_recordset(p_effect -> 'lines') as l (price_id text, amount_cents bigint)
     where l.amount_cents > 0
       and not exists (select from public.stripe_prices s where s.stripe_price_id = l.price_id and s.plan_id is not null)
  ) then
    return private.waits('a price of the invoice names no plan');
  end if;
  insert into public.payments (id, account_id, stripe_payment_intent_id, amount_cents)
    values (v_payment, v_account, p_effect ->> 'payment_intent_id', (p_effect ->> 'amount_cents')::bigint)
    on conflict (id) do nothing;
  for v_line in select l.line from jsonb_array_elements(p_effect -> 'lines') l (line) loop
    perform private.note_paid_line(v_account, v_subscription, v_payment, v_line);
  end loop;
  return private.applied(v_account, private.grant_months(v_subscription, p_now) || ' credits');
end $$;
revoke all on function private.apply_paid_invoice(jsonb, timestamptz) from public, anon, authenticated, service_role;

create function private.apply_failed_invoice(p_effect jsonb) returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_answer jsonb := private.apply_subscription(p_effect);
begin
  if v_answer ->> 'outcome' = 'applied' then
    perform private.note_event(
      (v_answer ->> 'account_id')::uuid, 'payment_failed',
      jsonb_build_object('invoice_id', p_effect ->> 'invoice_id', 'amount_cents', p_effect -> 'amount_cents')
    );
  end if;
  return v_answer;
end $$;
revoke all on function private.apply_failed_invoice(jsonb) from public, anon, authenticated, service_role;

-- A pack was paid. What it grants was written down when somebody set out to buy it.
create function private.apply_paid_purchase(p_effect jsonb) returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_purchase public.credit_purchases;
  v_payment constant text := 'purchase:' || (p_effect ->> 'purchase_id');
begin
  select * into v_purchase from public.credit_purchases c where c.id = (p_effect ->> 'purchase_id')::uuid;
  if not found then
    return private.waits('nobody set out to buy this');
  elsif (p_effect ->> 'amount_cents')::bigint <= 0 then
    return private.ignored('nothing was paid');
  end if;
  perform private.lock_balance(v_purchase.account_id);
  update public.credit_purchases c set status = 'paid', settled_at = clock_timestamp()
   where c.id = v_purchase.id and c.status <> 'paid';
  if not found then
    return private.applied(v_purchase.account_id, 'granted before');
  end if;
  insert into public.payments (id, account_id, stripe_payment_intent_id, amount_cents, credits) values (
    v_payment, v_purchase.account_id, p_effect ->> 'payment_intent_id', (p_effect ->> 'amount_cents')::bigint, v_purchase.credits
  );
  perform private.add_grant(
    v_purchase.account_id, 'pack', v_purchase.credits, 'purchase', null, 'grant:' || v_payment,
    v_purchase.credits || ' credits bought', null, v_payment
  );
  if v_purchase.origin = 'auto_top_up' then
    perform private.note_event(v_purchase.account_id, 'auto_top_up_bought', jsonb_build_object(
      'credits', v_purchase.credits, 'price_cents', v_purchase.price_cents
    ));
  end if;
  return private.applied(v_purchase.account_id, v_purchase.credits || ' credits');
end $$;
revoke all on function private.apply_paid_purchase(jsonb) from public, anon, authenticated, service_role;

-- A purchase came to nothing. An automatic one turns the buying off, so that a card that is refused is not tried for ever.
create function private.apply_failed_purchase(p_effect jsonb) returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_purchase public.credit_purchases;
begin
  select * into v_purchase from public.credit_purchases c where c.id = (p_effect ->> 'purchase_id')::uuid;
  if not found then
    return private.ignored('nobody set out to buy this');
  end if;
  perform private.lock_balance(v_purchase.account_id);
  update public.credit_purchases c set status = 'failed', settled_at = clock_timestamp()
   where c.id = v_purchase.id and c.status = 'open';
  if found and v_purchase.origin = 'auto_top_up' then
    update public.auto_top_ups t set is_on = false, stopped_because = 'payment_failed', updated_at = clock_timestamp()
     where t.account_id = v_purchase.account_id;
    perform private.note_event(v_purchase.account_id, 'auto_top_up_failed', jsonb_build_object('pack_id', v_purchase.pack_id));
  end if;
  return private.applied(v_purchase.account_id, 'not paid');
end $$;
revoke all on function private.apply_failed_purchase(jsonb) from public, anon, authenticated, service_role;

-- The payment that a refund or a dispute is about, its account's balance locked: by the payment intent, or by what Stripe
-- says that the intent paid for. Null while the payment itself is not known.
create function private.lock_payment(p_effect jsonb) returns public.payments
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_payment public.payments;
begin
  select p.* into v_payment
    from public.payments p
   where p.stripe_payment_intent_id = p_effect ->> 'payment_intent_id'
      or p.id in ('invoice:' || (p_effect ->> 'invoice_id'), 'purchase:' || (p_effect ->> 'purchase_id'))
   order by p.stripe_payment_intent_id is null
   limit 1;
  if found then
    perform private.lock_balance(v_payment.account_id);
    update public.payments p set stripe_payment_intent_id = p_effect ->> 'payment_intent_id'
     where p.id = v_payment.id and p.stripe_payment_intent_id is null;
  end if;
  return v_payment;
end $$;
revoke all on function private.lock_payment(jsonb) from public, anon, authenticated, service_role;

create function private.apply_refund(p_effect jsonb) returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_payment constant public.payments := private.lock_payment(p_effect);
begin
  if v_payment.id is null then
    return private.waits('the refunded payment is not known');
  end if;
  -- Stripe tells the sum of all refunds: the greatest that was told is the newest.
  update public.payments p
     set refunded_cents = greatest(p.refunded_cents, (p_effect ->> 'refunded_cents')::bigint)
   where p.id = v_payment.id;
  perform private.settle_payment(v_payment.id);
  return private.applied(v_payment.account_id, 'refunded');
end $$;
revoke all on function private.apply_refund(jsonb) from public, anon, authenticated, service_role;

create function private.apply_dispute(p_effect jsonb) returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_payment constant public.payments := private.lock_payment(p_effect);
begin
  if v_payment.id is null then
    return private.waits('the disputed payment is not known');
  end if;
  insert into public.disputes as d (stripe_dispute_id, payment_id, amount_cents, status) values (
    p_effect ->> 'dispute_id', v_payment.id, (p_effect ->> 'amount_cents')::bigint, p_effect ->> 'status'
  )
  -- Won is final; a lost one may be won on appeal. What says `open` after either is late, and means the same as lost.
  on conflict (stripe_dispute_id) do update set status = excluded.status, amount_cents = excluded.amount_cents
    where d.status = 'open' or (d.status = 'lost' and excluded.status = 'won');
  perform private.settle_payment(v_payment.id);
  return private.applied(v_payment.account_id, 'dispute ' || (p_effect ->> 'status'));
end $$;
revoke all on function private.apply_dispute(jsonb) from public, anon, authenticated, service_role;

-- Applies an event that was received. Answers {outcome, note, account_id}; `already` when it was applied before. One that
-- waits for another event is tried again as soon as one is applied that may be it.
create function system.apply_event(p_id text, p_effect jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_processed_at timestamptz;
  v_answer jsonb;
begin
  select e.processed_at into v_processed_at from public.webhook_events e where e.id = p_id for no key update;
  if not found then
    raise exception 'event % was not received', p_id using errcode = 'no_data_found';
  elsif v_processed_at is not null then
    return jsonb_build_object('outcome', 'already');
  end if;
  v_answer := case p_effect ->> 'kind'
    when 'subscription' then private.apply_subscription(p_effect)
    when 'paid_invoice' then private.apply_paid_invoice(p_effect, clock_timestamp())
    when 'failed_invoice' then private.apply_failed_invoice(p_effect)
    when 'paid_purchase' then private.apply_paid_purchase(p_effect)
    when 'failed_purchase' then private.apply_failed_purchase(p_effect)
    when 'refund' then private.apply_refund(p_effect)
    when 'dispute' then private.apply_dispute(p_effect)
    when 'nothing' then private.ignored(p_effect ->> 'note')
  end;
  if v_answer is null then
    raise exception 'unknown effect %', p_effect ->> 'kind' using errcode = 'invalid_parameter_value';
  elsif v_answer ->> 'outcome' = 'waiting' then
    perform private.put_off(p_id, 'waiting', v_answer ->> 'note');
    return v_answer;
  end if;
  update public.webhook_events e
     set processed_at = clock_timestamp(), outcome = v_answer ->> 'outcome', note = v_answer ->> 'note',
         account_id = (v_answer ->> 'account_id')::uuid, attempts = e.attempts + 1
   where e.id = p_id;
  if v_answer ->> 'outcome' = 'applied' then
    update public.webhook_events e set next_attempt_at = clock_timestamp()
     where e.id in (
       select w.id from public.webhook_events w
        where w.outcome = 'waiting' and w.processed_at is null and w.next_attempt_at > clock_timestamp()
          -- What has waited for a day waits for something else.
          and greatest(w.received_at, w.put_back_at) > clock_timestamp() - interval '1 day'
        order by w.received_at desc
        limit 100
          for no key update skip locked
     );
  end if;
  return v_answer;
end $$;
revoke all on function system.apply_event(text, jsonb) from public, anon, authenticated, service_role;
grant execute on function system.apply_event(text, jsonb) to service_role;

-- Which of these descriptions (of accounts that we know) are not what is written down here; their ids. What is bought for a
-- price that is none of ours is left out.
create function system.differing_subscriptions(p_states jsonb) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  select coalesce(jsonb_agg(t.state ->> 'id'), '[]')
    from jsonb_array_elements(p_states) t (state)
    left join public.subscriptions s on s.stripe_subscription_id = t.state ->> 'id'
    left join public.billing_customers c on c.stripe_customer_id = t.state ->> 'customer_id'
    left join public.stripe_prices p on p.stripe_price_id = t.state -> 'price' ->> 'id'
   where case
     when s.id is null then exists (
       select from public.credit_balances b where b.account_id = coalesce(c.account_id, (t.state ->> 'account_id')::uuid)
     )
     when s.ended_at is not null then false
     else (s.status, s.plan_id, s.current_period_ends_at, s.cancel_at, s.ended_at) is distinct from (
       t.state ->> 'status', coalesce(p.plan_id, s.plan_id), (t.state ->> 'period_ends_at')::timestamptz,
       (t.state ->> 'cancel_at')::timestamptz, (t.state ->> 'ended_at')::timestamptz
     )
   end
$$;
revoke all on function system.differing_subscriptions(jsonb) from public, anon, authenticated, service_role;
grant execute on function system.differing_subscriptions(jsonb) to service_role;

-- Brings a subscription up to date; whether that was needed.
create function system.correct_subscription(p_state jsonb) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_account constant uuid := private.lock_payer(p_state ->> 'customer_id', (p_state ->> 'account_id')::uuid);
begin
  return v_account is not null
     and system.differing_subscriptions(jsonb_build_array(p_state)) <> '[]'
     and private.note_subscription(v_account, p_state) is not null;
end $$;
revoke all on function system.correct_subscription(jsonb) from public, anon, authenticated, service_role;
grant execute on function system.correct_subscription(jsonb) to service_role;
