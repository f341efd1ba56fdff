-- Credits: what an account has, and the append-only ledger that explains it.
--
-- A balance is made of grants: each came from somewhere, may end, and has an amount left. A charge draws on them by
-- priority (promotion, free, plan, then what was bought or corrected), then by the soonest end, then by age; a refund goes
-- back to the grants that the charge drew on. Every entry says which grants it moved.
--
-- Invariant, always: the sum of an account's entries = its balance = the sum of what is left of its grants; and for each
-- grant, the sum of the movements in the entries is what is left of it. `private.post_entry`, and for the lines of a bulk
-- `private.buy_lines`, are the only code that moves a balance; they write both, and no role may write either table.
--
-- Locks. Everything that moves credits first locks the account's balance row, then the bulk, then runs by their ids;
-- one order everywhere means that no two transactions wait for each other in a circle. The mode is NO KEY UPDATE, which
-- lets the foreign-key checks of other transactions pass. Such functions are VOLATILE and made for READ COMMITTED: each
-- statement after the lock sees what its last holder committed. They read the time after the lock
-- (`clock_timestamp()`), because `now()` is the time before the wait. Grants need no lock of their own: whoever changes one
-- holds the balance's.

select set_config('lock_timeout', '5s', true);

-- The row is also the account's lock. The fill factor leaves room to update it in place.
create table public.credit_balances (
  account_id uuid primary key references public.accounts (id),
  balance bigint not null default 0 check (balance >= 0),
  -- Credits of refunded payments that were spent before they could be taken back. The next credits that come in pay them.
  owed bigint not null default 0 check (owed >= 0),
  -- Below this balance the account is told, once for each crossing; null for never.
  low_balance_at integer check (low_balance_at > 0),
  updated_at timestamptz not null default now()
) with (fillfactor = 50);

create table public.credit_grants (
  id bigint generated always as identity primary key,
  account_id uuid not null references public.accounts (id),
  source text not null check (source in ('promotion', 'free', 'plan', 'pack', 'adjustment')),
  priority smallint not null generated always as (
    case source when 'promotion' then 1 when 'free' then 2 when 'plan' then 3 else 4 end
  ) stored,
  amount bigint not null check (amount > 0),
  remaining bigint not null check (remaining between 0 and amount),
  -- Unlike `remaining`, it seldom changes: so that an index that names it does not have to be written for each charge.
  has_rest boolean not null generated always as (remaining > 0) stored,
  -- From then on it cannot be spent; null for never.
  expires_at timestamptz,
  -- How often its time was over: part of the keys of those entries.
  times_ended integer not null default 0,
  -- Its time was over, and a refund has come back to it since.
  is_brought_back boolean not null default false,
  -- What paid for it: a refund of the money takes its credits back first.
  payment_id text,
  -- The month of the subscription that it is for, and what paid for that month.
  paid_period_id bigint references public.paid_periods (id),
  subscription_id uuid,
  period_starts_at timestamptz,
  period_ends_at timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  foreign key (subscription_id, account_id) references public.subscriptions (id, account_id),
  foreign key (payment_id, account_id) references public.payments (id, account_id),
  constraint a_plan_has_a_month check (
    (subscription_id is null) = (period_starts_at is null) and (period_starts_at is null) = (period_ends_at is null)
    and (subscription_id is null) = (paid_period_id is null) and (subscription_id is null or source = 'plan')
  ),
  constraint a_month_takes_time check (period_starts_at < period_ends_at)
) with (fillfactor = 70);
-- In the order in which they are drawn.
create index credit_grants_spendable on public.credit_grants (account_id, priority, expires_at, id) where has_rest;
create index credit_grants_newest on public.credit_grants (account_id, id desc);
create index credit_grants_ending on public.credit_grants (expires_at) where has_rest and expires_at is not null;
create index credit_grants_subscription on public.credit_grants (subscription_id, period_starts_at)
  where subscription_id is not null;
create index credit_grants_paid_period on public.credit_grants (paid_period_id) where paid_period_id is not null;
create index credit_grants_payment on public.credit_grants (payment_id) where payment_id is not null;

alter table public.credit_grants enable row level security;
alter table public.credit_grants force row level security;
revoke all on public.credit_grants from public, anon, authenticated, service_role;
revoke all on sequence public.credit_grants_id_seq from public, anon, authenticated, service_role;
grant select on public.credit_grants to authenticated, service_role;
create policy members_read on public.credit_grants for select to authenticated
  using (account_id = any (array(select private.my_accounts())));

create table public.credit_transactions (
  id bigint generated always as identity primary key,
  account_id uuid not null references public.accounts (id),
  kind text not null,
  amount bigint not null,
  balance_after bigint not null check (balance_after >= 0),
  run_id uuid,
  -- Says what was bought, never of whom: entries stay when people and profiles are erased.
  description text not null check (char_length(description) between 1 and 200),
  idempotency_key text not null unique check (char_length(idempotency_key) between 1 and 200),
  -- What it moved: {"<grant>": credits, …}; the sum is `amount`. It is part of the entry and as unchangeable.
  grants jsonb not null check (jsonb_typeof(grants) = 'object' and grants <> '{}'),
  created_at timestamptz not null default clock_timestamp(),
  constraint sign_fits_kind check (
    case kind
      when 'charge' then amount < 0
      when 'refund' then amount > 0
      when 'renewal' then amount > 0
      when 'purchase' then amount > 0
      when 'adjustment' then amount <> 0
      when 'expiry' then amount < 0
      when 'clawback' then amount < 0
      when 'reinstatement' then amount > 0
      else false
    end
  ),
  -- An entry of a run is the run's own account's.
  foreign key (run_id, account_id) references public.runs (id, account_id),
  -- A refund, the charge of a run, or what an operator gave back of one ('goodwill:') has exactly the key of its run, and nothing else
  -- has a key with that prefix; 'operator:' is for operators' other corrections, 'starting:' for a user's starting credits, 'grant:' for
  -- what was paid, and each kind that this schema posts by itself has a prefix too. Together with the unique key: a run is charged at
  -- most once and refunded at most once, whoever writes the row, and no other entry can take that key away. Written out,
  -- because a function would be planned again for each entry.
  constraint key_fits_kind check (
    case
      when starts_with(idempotency_key, 'charge:') then
        kind = 'charge' and run_id is not null and idempotency_key = 'charge:' || run_id
      when starts_with(idempotency_key, 'refund:') then
        kind = 'refund' and run_id is not null and idempotency_key = 'refund:' || run_id
      when starts_with(idempotency_key, 'goodwill:') then
        kind = 'adjustment' and run_id is not null and idempotency_key = 'goodwill:' || run_id
      when starts_with(idempotency_key, 'operator:') then kind = 'adjustment' and run_id is null
      when starts_with(idempotency_key, 'starting:') then kind = 'adjustment' and run_id is null
      when starts_with(idempotency_key, 'grant:') then kind in ('renewal', 'purchase') and run_id is null
      when starts_with(idempotency_key, 'expiry:') then kind = 'expiry' and run_id is null
      when starts_with(idempotency_key, 'clawback:') then kind = 'clawback' and run_id is null
      when starts_with(idempotency_key, 'reinstatement:') then kind = 'reinstatement' and run_id is null
      when kind = 'charge' then run_id is null
      else kind = 'adjustment'
    end
  ),
  constraint names_nobody check (position('@' in description) = 0)
);
create index credit_transactions_newest on public.credit_transactions (account_id, id desc);
create index credit_transactions_run on public.credit_transactions (run_id) where run_id is not null;
-- Who has had free credits: of an account's entries at most one.
create index credit_transactions_starting on public.credit_transactions (account_id)
  where starts_with(idempotency_key, 'starting:');

create function private.refuse_change() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  raise exception '%.% is append-only', tg_table_schema, tg_table_name using errcode = 'restrict_violation';
end $$;
revoke all on function private.refuse_change() from public, anon, authenticated, service_role;

create trigger append_only before update or delete or truncate on public.credit_transactions
  for each statement execute function private.refuse_change();

alter table public.credit_balances enable row level security;
alter table public.credit_balances force row level security;
revoke all on public.credit_balances from public, anon, authenticated, service_role;
grant select on public.credit_balances to authenticated, service_role;
create policy members_read on public.credit_balances for select to authenticated
  using (account_id = any (array(select private.my_accounts())));

alter table public.credit_transactions enable row level security;
alter table public.credit_transactions force row level security;
revoke all on public.credit_transactions from public, anon, authenticated, service_role;
revoke all on sequence public.credit_transactions_id_seq from public, anon, authenticated, service_role;
grant select on public.credit_transactions to authenticated, service_role;
create policy members_read on public.credit_transactions for select to authenticated
  using (account_id = any (array(select private.my_accounts())));

-- Locks an account's balance.
create function private.lock_balance(p_account uuid) returns void
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select from public.credit_balances b where b.account_id = p_account for no key update
$$;
revoke all on function private.lock_balance(uuid) from public, anon, authenticated, service_role;

-- The same for whoever has a permission in the account; what refuses the others is the answer. Only the permitted may even wait for
-- the lock. Whether permission, membership and account still stand is asked again under it.
create function private.lock_balance_for(p_account uuid, p_permission text) returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_refusal jsonb := private.refuse_without(p_account, p_permission);
begin
  if v_refusal is null then
    perform private.lock_balance(p_account);
    v_refusal := private.refuse_without(p_account, p_permission);
  end if;
  return v_refusal;
end $$;
revoke all on function private.lock_balance_for(uuid, text) from public, anon, authenticated, service_role;

-- Moves a balance and writes the entry that explains it. The caller holds the balance row's lock, has checked that the
-- balance suffices (the CHECK on the balance is the second guard), and has changed the grants by p_grants. Returns the new
-- balance.
create function private.post_entry(
  p_account uuid, p_kind text, p_amount bigint, p_run uuid, p_key text, p_description text, p_grants jsonb
) returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_balance bigint;
begin
  update public.credit_balances b
     set balance = b.balance + p_amount, updated_at = clock_timestamp()
   where b.account_id = p_account
  returning b.balance into strict v_balance;

  insert into public.credit_transactions (
    account_id, kind, amount, balance_after, run_id, description, idempotency_key, grants
  ) values (p_account, p_kind, p_amount, v_balance, p_run, p_description, p_key, p_grants);
  return v_balance;
end $$;
revoke all on function private.post_entry(uuid, text, bigint, uuid, text, text, jsonb)
  from public, anon, authenticated, service_role;

-- Takes p_amount credits out of an account's grants, those that p_payment paid for before all others, and returns what it
-- took of each. The caller holds the balance's lock and has seen that the balance suffices.
create function private.draw(p_account uuid, p_amount bigint, p_payment text default null) returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_grant record;
  v_left bigint := p_amount;
  v_taken bigint;
  v_grants jsonb := '{}';
begin
  for v_grant in
    select g.id, g.remaining
      from public.credit_grants g
     where g.payment_id = p_payment and g.account_id = p_account and g.has_rest
     order by g.id desc
  loop
    exit when v_left = 0;
    v_taken := least(v_left, v_grant.remaining);
    update public.credit_grants g set remaining = g.remaining - v_taken where g.id = v_grant.id;
    v_grants := v_grants || jsonb_build_object(v_grant.id::text, -v_taken);
    v_left := v_left - v_taken;
  end loop;
  -- One at a time: nearly every charge fits into the first.
  while v_left > 0 loop
    select g.id, g.remaining into strict v_grant
      from public.credit_grants g
     where g.account_id = p_account and g.has_rest
     order by g.priority, g.expires_at, g.id
     limit 1;
    v_taken := least(v_left, v_grant.remaining);
    update public.credit_grants g set remaining = g.remaining - v_taken where g.id = v_grant.id;
    v_grants := v_grants || jsonb_build_object(v_grant.id::text, -v_taken);
    v_left := v_left - v_taken;
  end loop;
  return v_grants;
end $$;
revoke all on function private.draw(uuid, bigint, text) from public, anon, authenticated, service_role;

-- Takes p_amount of what is left of a grant out of the account, because its time is over. The caller holds the balance's
-- lock.
create function private.end_grant(p_grant bigint, p_amount bigint, p_description text default 'Credits expired') returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_grant record;
begin
  update public.credit_grants g set remaining = g.remaining - p_amount, times_ended = g.times_ended + 1 where g.id = p_grant
  returning g.account_id, g.times_ended into strict v_grant;
  perform private.post_entry(
    v_grant.account_id, 'expiry', -p_amount, null, 'expiry:' || p_grant || ':' || v_grant.times_ended, p_description,
    jsonb_build_object(p_grant::text, -p_amount)
  );
end $$;
revoke all on function private.end_grant(bigint, bigint, text) from public, anon, authenticated, service_role;

-- Posts the end of an account's grants whose time is over, so that nobody spends them. The caller holds the balance's lock.
create function private.end_due_grants(p_account uuid, p_now timestamptz) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_grant record;
begin
  for v_grant in
    select g.id, g.remaining
      from public.credit_grants g
     where g.account_id = p_account and g.has_rest and g.expires_at <= p_now
     order by g.id
  loop
    perform private.end_grant(v_grant.id, v_grant.remaining);
  end loop;
end $$;
revoke all on function private.end_due_grants(uuid, timestamptz) from public, anon, authenticated, service_role;

-- Pays debts out of what has just come in by the entry with p_key. The caller holds the balance's lock. Returns the
-- balance.
create function private.settle_debt(p_account uuid, p_key text) returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_balance public.credit_balances;
  v_paid bigint;
begin
  select * into strict v_balance from public.credit_balances b where b.account_id = p_account;
  if v_balance.owed = 0 then
    return v_balance.balance;
  end if;
  perform private.end_due_grants(p_account, clock_timestamp());
  select * into strict v_balance from public.credit_balances b where b.account_id = p_account;
  v_paid := least(v_balance.owed, v_balance.balance);
  if v_paid = 0 then
    return v_balance.balance;
  end if;
  update public.credit_balances b set owed = b.owed - v_paid where b.account_id = p_account;
  return private.post_entry(
    p_account, 'clawback', -v_paid, null, 'clawback:debt:' || p_key, 'Credits of a refunded payment, which had been spent',
    private.draw(p_account, v_paid)
  );
end $$;
revoke all on function private.settle_debt(uuid, text) from public, anon, authenticated, service_role;

-- Adds a grant. The caller holds the balance's lock and has seen that the key is free. Returns the grant.
create function private.add_grant(
  p_account uuid, p_source text, p_amount bigint, p_kind text, p_run uuid, p_key text, p_description text,
  p_expires_at timestamptz default null, p_payment text default null, p_paid_period bigint default null,
  p_subscription uuid default null, p_period_starts_at timestamptz default null, p_period_ends_at timestamptz default null
) returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_grant bigint;
begin
  insert into public.credit_grants (
    account_id, source, amount, remaining, expires_at, payment_id, paid_period_id, subscription_id, period_starts_at,
    period_ends_at
  ) values (
    p_account, p_source, p_amount, p_amount, p_expires_at, p_payment, p_paid_period, p_subscription, p_period_starts_at,
    p_period_ends_at
  ) returning id into v_grant;
  perform private.post_entry(
    p_account, p_kind, p_amount, p_run, p_key, p_description, jsonb_build_object(v_grant::text, p_amount)
  );
  perform private.settle_debt(p_account, p_key);
  return v_grant;
end $$;
revoke all on function private.add_grant(
  uuid, text, bigint, text, uuid, text, text, timestamptz, text, bigint, uuid, timestamptz, timestamptz
) from public, anon, authenticated, service_role;

-- Gives the charge of a run back to the grants that it drew on; one that has ended meanwhile can be spent for another week.
-- The caller holds the balance's lock. Returns the balance.
create function private.refund_run(p_account uuid, p_run uuid, p_description text) returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  c_grace constant interval := interval '7 days';
  v_now constant timestamptz := clock_timestamp();
  v_charge record;
  v_key constant text := 'refund:' || p_run;
  v_back jsonb;
begin
  -- Otherwise what was left when a grant ended, and was not yet taken, would come to life again.
  perform private.end_due_grants(p_account, v_now);
  select t.amount, t.grants into strict v_charge
    from public.credit_transactions t where t.idempotency_key = 'charge:' || p_run;
  select jsonb_object_agg(m.key, -m.value::bigint) into strict v_back from jsonb_each_text(v_charge.grants) m;
  update public.credit_grants g
     set remaining = g.remaining + m.value::bigint,
         expires_at = case when g.expires_at <= v_now then v_now + c_grace else g.expires_at end,
         is_brought_back = g.is_brought_back or coalesce(g.expires_at <= v_now, false)
    from jsonb_each_text(v_back) m
   where g.id = m.key::bigint;
  perform private.post_entry(p_account, 'refund', -v_charge.amount, p_run, v_key, p_description, v_back);
  return private.settle_debt(p_account, v_key);
end $$;
revoke all on function private.refund_run(uuid, uuid, text) from public, anon, authenticated, service_role;

-- What the two functions below share: whether the key may be used, the lock of the balance, the answer to a repeat. Null
-- when credits are to be moved. Their caller chooses the key, so a reserved one that is another entry's is refused: a grant
-- with the key 'refund:<run>' would keep that run from ever being refunded.
create function private.before_entry(p_account uuid, p_kind text, p_amount bigint, p_run uuid, p_key text) returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_prior record;
begin
  if not coalesce(
    case
      when p_kind = 'charge' and p_run is not null then p_key = 'charge:' || p_run
      when p_kind = 'charge' then p_key !~ '^(charge|refund|goodwill|operator|starting|grant|expiry|clawback|reinstatement):'
      else p_key !~ '^(charge|refund|goodwill|operator|starting|grant|expiry|clawback|reinstatement):'
    end, false
  ) then
    raise exception 'this idempotency key is reserved for another entry' using errcode = 'invalid_parameter_value';
  end if;
  perform from public.credit_balances b
    join public.accounts a on a.id = b.account_id
   where b.account_id = p_account and a.deleted_at is null
     for no key update of b;
  if not found then
    return jsonb_build_object('outcome', 'account_not_found');
  end if;
  if p_run is not null and not exists (select from public.runs r where r.id = p_run and r.account_id = p_account) then
    return jsonb_build_object('outcome', 'run_not_found');
  end if;
  select t.account_id, t.kind, t.amount, t.balance_after into v_prior
    from public.credit_transactions t where t.idempotency_key = p_key;
  if not found then
    return null;
  elsif (v_prior.account_id, v_prior.kind, v_prior.amount) is distinct from (p_account, p_kind, p_amount) then
    return jsonb_build_object('outcome', 'idempotency_key_reused');
  end if;
  return jsonb_build_object('outcome', 'replay', 'balance', v_prior.balance_after);
end $$;
revoke all on function private.before_entry(uuid, text, bigint, uuid, text) from public, anon, authenticated, service_role;

-- Takes p_amount (> 0) credits. A repeat with the same key answers `replay` and moves nothing. A charge for a run has
-- the key 'charge:<run>', any other charge a key without a reserved prefix.
create function system.deduct_credits_atomic(
  p_account uuid, p_amount integer, p_run uuid, p_key text, p_description text
) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_answer jsonb;
  v_balance bigint;
begin
  if p_amount is null or p_amount <= 0 then
    raise exception 'the amount must be greater than 0' using errcode = 'invalid_parameter_value';
  end if;
  v_answer := private.before_entry(p_account, 'charge', -p_amount::bigint, p_run, p_key);
  if v_answer is not null then
    return v_answer;
  end if;
  perform private.end_due_grants(p_account, clock_timestamp());
  select b.balance into strict v_balance from public.credit_balances b where b.account_id = p_account;
  if v_balance < p_amount then
    return jsonb_build_object('outcome', 'insufficient_credits', 'balance', v_balance, 'required', p_amount);
  end if;
  v_balance := private.post_entry(
    p_account, 'charge', -p_amount::bigint, p_run, p_key, p_description, private.draw(p_account, p_amount)
  );
  return jsonb_build_object('outcome', 'ok', 'balance', v_balance);
end $$;
revoke all on function system.deduct_credits_atomic(uuid, integer, uuid, text, text)
  from public, anon, authenticated, service_role;
grant execute on function system.deduct_credits_atomic(uuid, integer, uuid, text, text) to service_role;

-- Gives p_amount (> 0) credits from p_source, which end at p_expires_at, if they do. The entry is an adjustment: an
-- operator's correction of a finished run names it in p_run. Plans and packs do not come this way, because they are paid;
-- nor do refunds, each of which is part of the transaction that ends its run.
create function system.grant_credits(
  p_account uuid, p_amount integer, p_source text, p_expires_at timestamptz, p_run uuid, p_key text, p_description text
) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_answer jsonb;
begin
  if p_amount is null or p_amount <= 0 then
    raise exception 'the amount must be greater than 0' using errcode = 'invalid_parameter_value';
  end if;
  if p_source is null or p_source not in ('promotion', 'free', 'adjustment') then
    raise exception 'credits are granted as a promotion, as free credits or as an adjustment'
      using errcode = 'invalid_parameter_value';
  end if;
  v_answer := private.before_entry(p_account, 'adjustment', p_amount, p_run, p_key);
  if v_answer is not null then
    return v_answer;
  end if;
  if p_expires_at <= clock_timestamp() then
    raise exception 'credits must not have expired when they are granted' using errcode = 'invalid_parameter_value';
  end if;
  perform private.add_grant(p_account, p_source, p_amount, 'adjustment', p_run, p_key, p_description, p_expires_at);
  return jsonb_build_object(
    'outcome', 'ok', 'balance', (select b.balance from public.credit_balances b where b.account_id = p_account)
  );
end $$;
revoke all on function system.grant_credits(uuid, integer, text, timestamptz, uuid, text, text)
  from public, anon, authenticated, service_role;
grant execute on function system.grant_credits(uuid, integer, text, timestamptz, uuid, text, text) to service_role;
