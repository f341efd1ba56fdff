-- The account of an old user, and who pays for it.

-- The account that a user owns alone, or a new one, its balance locked. An account that the sign-up made has starting credits: what is
-- left of them is taken back, because the old balance takes their place, and no later sign-in gives them again.
create or replace function legacy_import.open_account(p_user legacy_import.old_users) returns uuid
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_account uuid;
  v_email text;
  v_before jsonb := '{}';
  v_credits bigint := 0;
  v_grant record;
  v_hash bytea;
begin
  select u.email into v_email from auth.users u where u.id = p_user.id;
  select m.account_id into v_account
    from public.account_members m
    join public.accounts a on a.id = m.account_id
   where m.user_id = p_user.id and m.role = 'owner' and a.deleted_at is null
     and not exists (
       select from public.account_members o where o.account_id = m.account_id and o.role <> 'key' and o.user_id <> p_user.id
     )
     and not exists (select from legacy_import.users d where d.account_id = m.account_id)
   order by a.created_at, a.id
   limit 1;
  if v_account is null then
    insert into public.accounts (name, starting_credits_at, created_at)
      values (
        coalesce(legacy_import.text_of(split_part(v_email, '@', 1), 120), 'My account'), clock_timestamp(),
        legacy_import.dated(p_user.created_at)
      )
      returning id into v_account;
    insert into public.account_members (user_id, account_id, role) values (p_user.id, v_account, 'owner');
    insert into public.credit_balances (account_id) values (v_account);
    insert into legacy_import.users (user_id, account_id, is_new_account) values (p_user.id, v_account, true);
  else
    perform private.lock_balance(v_account);
    perform private.end_due_grants(v_account, clock_timestamp());
    insert into legacy_import.known_rows (user_id, relation, digest, is_ours)
      select p_user.id, r.relation, r.digest, false from legacy_import.rows_of(v_account) r;
    select b.balance - b.owed into strict v_credits from public.credit_balances b where b.account_id = v_account;
    select jsonb_build_object(
             'account', jsonb_build_object('plan_id', a.plan_id, 'starting_credits_at', a.starting_credits_at),
             'balance', to_jsonb(b),
             'spending_days', (
               select coalesce(jsonb_agg(to_jsonb(s)), '[]') from public.spending_days s where s.account_id = v_account
             ),
             'member_spending_days', (
               select coalesce(jsonb_agg(to_jsonb(s)), '[]') from public.member_spending_days s where s.account_id = v_account
             ),
             'grants', (select coalesce(jsonb_agg(to_jsonb(g)), '[]') from public.credit_grants g where g.account_id = v_account)
           ) into strict v_before
      from public.accounts a
      join public.credit_balances b on b.account_id = a.id
     where a.id = v_account;
    update public.accounts a set starting_credits_at = clock_timestamp()
     where a.id = v_account and a.starting_credits_at is null;
    for v_grant in
      select g.id, g.remaining
        from public.credit_transactions t
        join public.credit_grants g on g.account_id = t.account_id and t.grants ? g.id::text
       where t.account_id = v_account and t.idempotency_key = 'starting:' || p_user.id and g.remaining > 0
    loop
      perform private.end_grant(v_grant.id, v_grant.remaining, 'Starting credits: the balance of the previous service replaces them');
      perform legacy_import.note('users', p_user.id::text, p_user.id, 'starting_credits_taken_back');
      v_credits := v_credits - v_grant.remaining;
    end loop;
    insert into legacy_import.users (user_id, account_id, before, credits_before)
      values (p_user.id, v_account, v_before, v_credits);
  end if;

  -- Whoever deletes this account and signs up again has had free credits.
  if v_email is not null then
    insert into public.starting_credits (email_hash) values (private.mailbox_hash(v_email))
      on conflict do nothing
      returning email_hash into v_hash;
    update legacy_import.users d set before = d.before || jsonb_build_object('email_hash', encode(v_hash, 'hex'))
     where d.user_id = p_user.id and v_hash is not null;
  end if;
  perform legacy_import.carry('users', p_user.id::text, p_user.id, 'accounts', v_account::text);
  return v_account;
end $$;

-- The user's customer at Stripe. Of several users with the same one, the oldest who is carried over has it.
create or replace function legacy_import.carry_customer(p_user legacy_import.old_users, p_account uuid) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_customer constant text := btrim(p_user.stripe_customer_id);
begin
  if coalesce(v_customer, '') = '' then
    return;
  elsif char_length(v_customer) > 255 then
    perform legacy_import.note('users', p_user.id::text, p_user.id, 'customer_is_no_id');
    return;
  elsif exists (
    select from legacy_import.old_users o
      join auth.users s on s.id = o.id and s.deleted_at is null
     where btrim(o.stripe_customer_id) = v_customer
       and (coalesce(o.created_at, 'infinity'), o.id) < (coalesce(p_user.created_at, 'infinity'), p_user.id)
  ) then
    perform legacy_import.note('users', p_user.id::text, p_user.id, 'customer_of_another_user');
    return;
  end if;
  insert into public.billing_customers (account_id, stripe_customer_id) values (p_account, v_customer) on conflict do nothing;
  if not found and not exists (
    select from public.billing_customers c where c.account_id = p_account and c.stripe_customer_id = v_customer
  ) then
    perform legacy_import.note('users', p_user.id::text, p_user.id, 'customer_is_taken');
  end if;
end $$;

-- Stripe's word for a status; null for one that Stripe does not have.
create or replace function legacy_import.stripe_status(p_status text) returns text
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select s.status
    from (select replace(lower(btrim(p_status)), 'cancelled', 'canceled')) s (status)
   where s.status in ('incomplete', 'incomplete_expired', 'trialing', 'active', 'past_due', 'canceled', 'unpaid', 'paused')
$$;

-- Why a subscription cannot be carried over; null when it can. Stripe's events find an account by its customer.
create or replace function legacy_import.subscription_reason(
  p_old legacy_import.old_subscriptions, p_user legacy_import.old_users, p_account uuid
) returns text
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select case
    when exists (select from legacy_import.plans p where p.old_name = lower(btrim(p_old.plan)) and p.plan_id is null) then 'free_plan'
    when not exists (select from legacy_import.plans p where p.old_name = lower(btrim(p_old.plan))) then 'unknown_plan'
    when char_length(coalesce(btrim(p_old.stripe_subscription_id), '')) not between 1 and 255 then 'no_stripe_id'
    when legacy_import.stripe_status(p_old.status) is null then 'unknown_status'
    when not isfinite(p_old.current_period_start) or not isfinite(p_old.current_period_end)
      or (p_old.current_period_start < p_old.current_period_end) is not true then 'no_period'
    when not exists (
      select from public.billing_customers c
       where c.account_id = p_account and c.stripe_customer_id = btrim(p_user.stripe_customer_id)
    ) then 'no_customer'
    when exists (
      select from public.subscriptions s where s.stripe_subscription_id = btrim(p_old.stripe_subscription_id)
    ) then 'duplicate_subscription'
  end
$$;

-- The period that is under way was granted by the previous service: whatever tells of its invoice later must not grant it again. Each of
-- its months that has begun brings its credits and takes them away, because the old balance holds what is left of them; the months of a
-- year that are to come are granted as they begin.
create or replace function legacy_import.carry_period(p_subscription public.subscriptions) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_account constant uuid := p_subscription.account_id;
  v_plan public.plans;
  v_period public.paid_periods;
  v_month record;
  v_key text;
  v_grant bigint;
begin
  select * into strict v_plan from public.plans p where p.id = p_subscription.plan_id;
  insert into public.paid_periods (account_id, subscription_id, plan_id, starts_at, ends_at, anchor_at, months)
    values (
      v_account, p_subscription.id, v_plan.id, p_subscription.current_period_starts_at, p_subscription.current_period_ends_at,
      p_subscription.anchor_at, case p_subscription.billing_interval when 'month' then 1 else 12 end
    )
    returning * into strict v_period;
  for v_month in
    select m.starts_at, m.ends_at
      from private.months_of(v_period) m
     where v_plan.monthly_credits > 0 and private.is_due(v_period, m.starts_at, null, clock_timestamp())
  loop
    v_key := v_period.id || ':' || extract(epoch from v_month.starts_at)::bigint;
    insert into public.credit_grants (
      account_id, source, amount, remaining, paid_period_id, subscription_id, period_starts_at, period_ends_at
    ) values (
      v_account, 'plan', v_plan.monthly_credits, 0, v_period.id, p_subscription.id, v_month.starts_at, v_month.ends_at
    ) returning id into v_grant;
    perform legacy_import.post_history(
      v_account, 'renewal', v_plan.monthly_credits, null, 'grant:month:' || v_key,
      v_plan.name || ', month from ' || to_char(v_month.starts_at at time zone 'UTC', 'YYYY-MM-DD'), v_grant
    );
    perform legacy_import.post_history(
      v_account, 'adjustment', -v_plan.monthly_credits, null, 'legacy:month:' || v_key,
      'Granted by the previous service: your opening balance holds what was left', v_grant
    );
  end loop;
end $$;

-- Subscriptions are written down and nothing is granted: the old balance holds what was granted. One that was canceled goes on until its
-- period ends; only Stripe can say that it has ended before.
create or replace function legacy_import.carry_subscriptions(p_user legacy_import.old_users, p_account uuid) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_old legacy_import.old_subscriptions;
  v_reason text;
  v_status text;
  v_cancel_at timestamptz;
  v_new public.subscriptions;
  v_is_any boolean := false;
begin
  for v_old in
    select * from legacy_import.old_subscriptions o where o.user_id = p_user.id order by o.current_period_end desc nulls last, o.id
  loop
    v_reason := legacy_import.subscription_reason(v_old, p_user, p_account);
    if v_reason is not null then
      perform legacy_import.leave_out('subscriptions', v_old.id, p_user.id, v_reason);
      continue;
    end if;
    v_status := legacy_import.stripe_status(v_old.status);
    v_cancel_at := case when v_status = 'canceled' and v_old.current_period_end > clock_timestamp() then v_old.current_period_end end;
    if v_cancel_at is not null then
      v_status := 'active';
      perform legacy_import.note('subscriptions', v_old.id, p_user.id, 'ends_with_its_period');
    end if;
    insert into public.subscriptions (
      account_id, plan_id, stripe_subscription_id, status, billing_interval, anchor_at, current_period_starts_at,
      current_period_ends_at, cancel_at, ended_at, observed_at, created_at
    )
    select p_account, p.plan_id, btrim(v_old.stripe_subscription_id), v_status,
           -- The old product did not say; no month is that long, and no year that short.
           case when v_old.current_period_end - v_old.current_period_start > interval '180 days' then 'year' else 'month' end,
           v_old.current_period_start, v_old.current_period_start, v_old.current_period_end,
           v_cancel_at,
           case when v_status in ('canceled', 'incomplete_expired') then legacy_import.dated(v_old.current_period_end) end,
           -- Whatever Stripe is asked from now on is newer.
           legacy_import.dated(v_old.current_period_start), legacy_import.dated(v_old.current_period_start)
      from legacy_import.plans p where p.old_name = lower(btrim(v_old.plan))
    returning * into strict v_new;
    perform legacy_import.carry('subscriptions', v_old.id, p_user.id, 'subscriptions', v_new.id::text);
    v_is_any := true;
    -- In another status the period is not paid, or costs nothing.
    continue when v_status <> 'active';
    perform legacy_import.carry_period(v_new);
    if v_new.billing_interval = 'year' then
      perform legacy_import.note('subscriptions', v_old.id, p_user.id, 'yearly_subscription');
    end if;
  end loop;
  if v_is_any then
    perform private.update_plan(p_account);
  end if;
end $$;
