-- The cap on what an account's runs may cost in a day (UTC): `accounts.daily_credit_cap`, set by the account's owners; and the
-- limits of its members, each for a period of their own. begin_analysis checks them under the balance's lock, so they hold exactly, however many requests come
-- at once.

select set_config('lock_timeout', '5s', true);

-- The UTC day of a moment. It adds 24 hours and not `1 day`, whose length depends on the session's time zone.
create function private.day_of(p_at timestamptz, out starts_at timestamptz, out ends_at timestamptz)
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select date_trunc('day', p_at, 'UTC'), date_trunc('day', p_at, 'UTC') + interval '24 hours'
$$;
revoke all on function private.day_of(timestamptz) from public, anon, authenticated, service_role;

-- What an account's runs of a day (UTC) cost, refunded ones left out: a refund counts for the day of its charge, not for
-- the day it was paid. It is kept instead of added up, because a busy account would add up thousands of runs before each
-- of its requests.
create table public.spending_days (
  account_id uuid not null references public.accounts (id),
  starts_at timestamptz not null check (starts_at = date_trunc('day', starts_at, 'UTC')),
  credits bigint not null check (credits >= 0),
  primary key (account_id, starts_at)
) with (fillfactor = 50);
-- Functions alone read and write these rows: no role has a grant or a policy.
alter table public.spending_days enable row level security;
alter table public.spending_days force row level security;
revoke all on public.spending_days from public, anon, authenticated, service_role;

-- The same for each member, by whom the runs were begun: what their limits count, and who spent what. An erased account keeps
-- none.
create table public.member_spending_days (
  account_id uuid not null references public.accounts (id),
  -- A user's id, or an API key's. It may have left since.
  user_id uuid not null,
  starts_at timestamptz not null check (starts_at = date_trunc('day', starts_at, 'UTC')),
  credits bigint not null check (credits >= 0),
  primary key (account_id, user_id, starts_at)
) with (fillfactor = 50);
alter table public.member_spending_days enable row level security;
alter table public.member_spending_days force row level security;
revoke all on public.member_spending_days from public, anon, authenticated, service_role;
grant select on public.member_spending_days to authenticated;
create policy members_read on public.member_spending_days for select to authenticated
  using (account_id = any (array(select private.my_accounts())));

-- Keeps both. Runs are charged and refunded under the lock of their account's balance, so that no other transaction waits
-- for the day's row.
create function private.count_spending() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_change record;
begin
  for v_change in
    select c.starts_at, sum(c.credits)::bigint as credits
      from (
        select (private.day_of(new.created_at)).starts_at,
               case when new.charge_outcome = 'refunded' then 0 else new.credits end
         union all
        select (private.day_of(old.created_at)).starts_at,
               case when old.charge_outcome = 'refunded' then 0 else -old.credits end
         where tg_op = 'UPDATE'
      ) c (starts_at, credits)
     group by c.starts_at
    having sum(c.credits) <> 0
     order by c.starts_at
  loop
    -- A sum that is wrong or missing must not keep a run from its refund: it stays at least 0, and the audit finds it.
    update public.spending_days s
       set credits = greatest(0, s.credits + v_change.credits)
     where s.account_id = new.account_id and s.starts_at = v_change.starts_at;
    if not found and v_change.credits > 0 then
      insert into public.spending_days as s (account_id, starts_at, credits)
        values (new.account_id, v_change.starts_at, v_change.credits)
        on conflict (account_id, starts_at) do update set credits = s.credits + excluded.credits;
    end if;
    if new.created_by is not null then
      insert into public.member_spending_days as s (account_id, user_id, starts_at, credits)
        values (new.account_id, new.created_by, v_change.starts_at, greatest(0, v_change.credits))
        on conflict (account_id, user_id, starts_at) do update set credits = greatest(0, s.credits + v_change.credits);
    end if;
  end loop;
  return null;
end $$;
revoke all on function private.count_spending() from public, anon, authenticated, service_role;

create trigger count_new_spending after insert on public.runs
  for each row execute function private.count_spending();
create trigger count_changed_spending after update of created_at, charge_outcome on public.runs
  for each row execute function private.count_spending();

-- What is used of the day on which p_at is.
create function private.used_on_day(p_account uuid, p_at timestamptz) returns bigint
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select coalesce((
    select s.credits
      from public.spending_days s
     where s.account_id = p_account and s.starts_at = (select d.starts_at from private.day_of(p_at) d)
  ), 0)
$$;
revoke all on function private.used_on_day(uuid, timestamptz) from public, anon, authenticated, service_role;

-- The refusal of p_required more credits today, or null when the cap allows them. The caller holds the balance's lock.
create function private.over_daily_cap(p_account uuid, p_required bigint, p_now timestamptz) returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_cap integer;
  v_used bigint;
begin
  select a.daily_credit_cap into strict v_cap from public.accounts a where a.id = p_account;
  if v_cap is null then
    return null;
  end if;
  v_used := private.used_on_day(p_account, p_now);
  if v_used + p_required <= v_cap then
    return null;
  end if;
  return jsonb_build_object(
    'outcome', 'budget_exceeded', 'cap', v_cap, 'used', v_used, 'required', p_required,
    'resets_in_s', (select greatest(1, ceil(extract(epoch from d.ends_at - p_now))::integer) from private.day_of(p_now) d)
  );
end $$;
revoke all on function private.over_daily_cap(uuid, bigint, timestamptz) from public, anon, authenticated, service_role;

-- The period of the calendar (UTC) in which p_at is: a day, a week from Monday on, a month.
create function private.period_of(p_period text, p_at timestamptz, out starts_at timestamptz, out ends_at timestamptz)
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select date_trunc(p_period, p_at, 'UTC'),
         ((date_trunc(p_period, p_at, 'UTC') at time zone 'UTC') + ('1 ' || p_period)::interval) at time zone 'UTC'
$$;
revoke all on function private.period_of(text, timestamptz) from public, anon, authenticated, service_role;

-- What a member has spent in the period in which p_at is.
create function private.spent_by_member(p_account uuid, p_user uuid, p_period text, p_at timestamptz) returns bigint
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select coalesce(sum(s.credits), 0)::bigint
    from public.member_spending_days s
   where s.account_id = p_account and s.user_id = p_user
     and s.starts_at >= (select p.starts_at from private.period_of(p_period, p_at) p) and s.starts_at <= p_at
$$;
revoke all on function private.spent_by_member(uuid, uuid, text, timestamptz) from public, anon, authenticated, service_role;

-- The refusal of p_required more credits to whoever asks, or null when their own limit allows them. The caller holds the
-- balance's lock.
create function private.over_member_limit(p_account uuid, p_required bigint, p_now timestamptz) returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_member record;
  v_used bigint;
begin
  select m.user_id, m.credit_limit, m.limit_period into v_member
    from public.account_members m where m.account_id = p_account and m.user_id = auth.uid();
  if v_member.credit_limit is null then
    return null;
  end if;
  v_used := private.spent_by_member(p_account, v_member.user_id, v_member.limit_period, p_now);
  if v_used + p_required <= v_member.credit_limit then
    return null;
  end if;
  return jsonb_build_object(
    'outcome', 'member_limit_reached', 'limit', v_member.credit_limit, 'period', v_member.limit_period, 'used', v_used,
    'required', p_required,
    'resets_in_s', (
      select greatest(1, ceil(extract(epoch from p.ends_at - p_now))::integer)
        from private.period_of(v_member.limit_period, p_now) p
    )
  );
end $$;
revoke all on function private.over_member_limit(uuid, bigint, timestamptz) from public, anon, authenticated, service_role;

-- The cap, what is used of it today, and when the next day begins.
create function private.daily_budget(p_account uuid, p_now timestamptz) returns jsonb
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select jsonb_build_object(
           'daily_cap', a.daily_credit_cap,
           'used_today', private.used_on_day(p_account, p_now),
           'resets_at', (select d.ends_at from private.day_of(p_now) d)
         )
    from public.accounts a
   where a.id = p_account
$$;
revoke all on function private.daily_budget(uuid, timestamptz) from public, anon, authenticated, service_role;

-- The same for a member; null for anybody else.
create function api.daily_budget(p_account uuid) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  if p_account = any (array(select private.my_accounts())) then
    return private.daily_budget(p_account, clock_timestamp());
  end if;
  return null;
end $$;
revoke all on function api.daily_budget(uuid) from public, anon, authenticated, service_role;
grant execute on function api.daily_budget(uuid) to authenticated;

-- Sets the cap, or removes it with null. It waits for the balance's lock as begin_analysis does, so it holds for every
-- run that begins afterwards.
create function api.set_daily_cap(p_account uuid, p_cap integer) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_refusal jsonb;
begin
  if p_cap < 0 then
    raise exception 'a cap must not be negative' using errcode = 'invalid_parameter_value';
  end if;
  v_refusal := private.lock_balance_for(p_account, 'manage_billing');
  if v_refusal is not null then
    return v_refusal;
  end if;
  update public.accounts a set daily_credit_cap = p_cap where a.id = p_account;
  return jsonb_build_object('outcome', 'ok') || private.daily_budget(p_account, clock_timestamp());
end $$;
revoke all on function api.set_daily_cap(uuid, integer) from public, anon, authenticated, service_role;
grant execute on function api.set_daily_cap(uuid, integer) to authenticated;
