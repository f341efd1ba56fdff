-- Credits: what an account has, and the append-only ledger that explains it.
--
-- Invariant: the sum of an account's transactions equals its balance, always. `private.post_entry`, and for the lines of a
-- bulk `private.buy_lines`, are the only code that moves a balance; they write both, and no role may write either table.
--
-- Locks. Everything that moves credits first locks the account's balance row, then the bulk, then runs by their ids;
-- one order everywhere means that no two transactions wait for each other in a circle. The mode is NO KEY UPDATE, which
-- lets the foreign-key checks of other transactions pass. Such functions are VOLATILE and made for READ COMMITTED: each
-- statement after the lock sees what its last holder committed. They read the time after the lock
-- (`clock_timestamp()`), because `now()` is the time before the wait.

select set_config('lock_timeout', '5s', true);

-- The row is also the account's lock. The fill factor leaves room to update it in place.
create table public.credit_balances (
  account_id uuid primary key references public.accounts (id),
  balance bigint not null default 0 check (balance >= 0),
  updated_at timestamptz not null default now()
) with (fillfactor = 50);

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
  created_at timestamptz not null default clock_timestamp(),
  constraint sign_fits_kind check (
    case kind
      when 'charge' then amount < 0
      when 'refund' then amount > 0
      when 'renewal' then amount > 0
      when 'purchase' then amount > 0
      when 'adjustment' then amount <> 0
      else false
    end
  ),
  -- An entry of a run is the run's own account's.
  foreign key (run_id, account_id) references public.runs (id, account_id),
  -- A refund, or the charge of a run, has exactly the key of its run, and nothing else has a key with that prefix;
  -- 'starting:' is for a user's starting credits, 'grant:' for grants. Together with the unique key: a run is charged at
  -- most once and refunded at most once, whoever writes the row, and no other entry can take that key away. Written out,
  -- because a function would be planned again for each entry.
  constraint key_fits_kind check (
    case
      when starts_with(idempotency_key, 'charge:') then
        kind = 'charge' and run_id is not null and idempotency_key = 'charge:' || run_id
      when starts_with(idempotency_key, 'refund:') then
        kind = 'refund' and run_id is not null and idempotency_key = 'refund:' || run_id
      when starts_with(idempotency_key, 'starting:') then kind = 'adjustment' and run_id is null
      when starts_with(idempotency_key, 'grant:') then kind in ('renewal', 'purchase', 'adjustment')
      else kind <> 'refund' and (kind <> 'charge' or run_id is null)
    end
  ),
  constraint names_nobody check (position('@' in description) = 0)
);
create index credit_transactions_newest on public.credit_transactions (account_id, id desc);
create index credit_transactions_run on public.credit_transactions (run_id) where run_id is not null;

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

-- Moves a balance and writes the ledger row that explains it. The caller holds the balance row's lock and has checked
-- that the balance suffices (the CHECK on the balance is the second guard). Returns the new balance.
create function private.post_entry(
  p_account uuid, p_kind text, p_amount bigint, p_run uuid, p_key text, p_description text
) returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_balance bigint;
begin
  update public.credit_balances b
     set balance = b.balance + p_amount, updated_at = clock_timestamp()
   where b.account_id = p_account
  returning b.balance into strict v_balance;

  insert into public.credit_transactions (account_id, kind, amount, balance_after, run_id, description, idempotency_key)
  values (p_account, p_kind, p_amount, v_balance, p_run, p_description, p_key);
  return v_balance;
end $$;
revoke all on function private.post_entry(uuid, text, bigint, uuid, text, text)
  from public, anon, authenticated, service_role;

-- What the two functions below share: lock the balance, answer a repeat, move the credits. They alone choose the sign
-- of p_amount; what they take themselves is always greater than 0. Their caller chooses the key, so a reserved one that
-- is another entry's is refused: a grant with the key 'refund:<run>' would keep that run from ever being refunded.
create function private.move_credits(
  p_account uuid, p_kind text, p_amount bigint, p_run uuid, p_key text, p_description text
) returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_balance bigint;
  v_prior record;
begin
  if not coalesce(
    case
      when p_kind = 'charge' and p_run is not null then p_key = 'charge:' || p_run
      when p_kind = 'charge' then p_key !~ '^(charge|refund|starting|grant):'
      else p_key !~ '^(charge|refund|starting):'
    end, false
  ) then
    raise exception 'this idempotency key is reserved for another entry' using errcode = 'invalid_parameter_value';
  end if;
  select b.balance into v_balance
    from public.credit_balances b
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
  if found then
    if (v_prior.account_id, v_prior.kind, v_prior.amount) is distinct from (p_account, p_kind, p_amount) then
      return jsonb_build_object('outcome', 'idempotency_key_reused');
    end if;
    return jsonb_build_object('outcome', 'replay', 'balance', v_prior.balance_after);
  end if;

  if v_balance + p_amount < 0 then
    return jsonb_build_object('outcome', 'insufficient_credits', 'balance', v_balance, 'required', -p_amount);
  end if;
  v_balance := private.post_entry(p_account, p_kind, p_amount, p_run, p_key, p_description);
  return jsonb_build_object('outcome', 'ok', 'balance', v_balance);
end $$;
revoke all on function private.move_credits(uuid, text, bigint, uuid, text, text)
  from public, anon, authenticated, service_role;

-- Takes p_amount (> 0) credits. A repeat with the same key answers `replay` and moves nothing. A charge for a run has
-- the key 'charge:<run>', any other charge a key without a reserved prefix.
create function system.deduct_credits_atomic(
  p_account uuid, p_amount integer, p_run uuid, p_key text, p_description text
) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  if p_amount is null or p_amount <= 0 then
    raise exception 'the amount must be greater than 0' using errcode = 'invalid_parameter_value';
  end if;
  return private.move_credits(p_account, 'charge', -p_amount::bigint, p_run, p_key, p_description);
end $$;
revoke all on function system.deduct_credits_atomic(uuid, integer, uuid, text, text)
  from public, anon, authenticated, service_role;
grant execute on function system.deduct_credits_atomic(uuid, integer, uuid, text, text) to service_role;

-- Gives p_amount (> 0) credits as a renewal, a purchase or an adjustment. Refunds do not come this way: each is part of
-- the transaction that ends its run.
create function system.grant_credits(
  p_account uuid, p_amount integer, p_kind text, p_run uuid, p_key text, p_description text
) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  if p_amount is null or p_amount <= 0 then
    raise exception 'the amount must be greater than 0' using errcode = 'invalid_parameter_value';
  end if;
  if p_kind is null or p_kind not in ('renewal', 'purchase', 'adjustment') then
    raise exception 'credits are granted as a renewal, a purchase or an adjustment' using errcode = 'invalid_parameter_value';
  end if;
  return private.move_credits(p_account, p_kind, p_amount, p_run, p_key, p_description);
end $$;
revoke all on function system.grant_credits(uuid, integer, text, uuid, text, text)
  from public, anon, authenticated, service_role;
grant execute on function system.grant_credits(uuid, integer, text, uuid, text, text) to service_role;
