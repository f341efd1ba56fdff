-- Accounts and their members. Everything a customer owns belongs to an account, never to a user.

select set_config('lock_timeout', '5s', true);

create table public.accounts (
  id uuid primary key default gen_random_uuid(),
  name text not null check (char_length(name) between 1 and 120),
  plan_id text not null default 'free' references public.plans (id),
  -- When the starting credits were settled, even if the plan gives none.
  starting_credits_at timestamptz,
  -- What runs may cost in one day (UTC); null for no cap.
  daily_credit_cap integer check (daily_credit_cap >= 0),
  created_at timestamptz not null default now(),
  deleted_at timestamptz,
  -- Up to which run its runs have been wiped, and when everything that says whose account it was had been erased, for good (in
  -- the file `clean_up`).
  wiped_to_run uuid,
  tombstoned_at timestamptz,
  constraint only_closed_ones_are_tombstones check (tombstoned_at is null or deleted_at is not null)
);
create index accounts_plan on public.accounts (plan_id);
-- Closed ones that are no tombstones yet.
create index accounts_to_erase on public.accounts (deleted_at) where deleted_at is not null and tombstoned_at is null;

create table public.account_members (
  user_id uuid not null references auth.users (id) on delete cascade,
  account_id uuid not null references public.accounts (id),
  role text not null default 'member' check (role in ('owner', 'member')),
  created_at timestamptz not null default now(),
  primary key (user_id, account_id)
);
create index account_members_account on public.account_members (account_id);

-- The live accounts of the user who asks. Policies use it as `account_id = any (array(select private.my_accounts()))`,
-- which becomes an index condition; `in (select …)` scans the whole table instead.
create function private.my_accounts() returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp rows 3 as $$
  select m.account_id
  from public.account_members m
  join public.accounts a on a.id = m.account_id
  where m.user_id = (select auth.uid()) and a.deleted_at is null
$$;
-- A policy runs as the role that reads, so that role needs EXECUTE. Without USAGE on the schema it still cannot call the
-- function by name.
revoke all on function private.my_accounts() from public, anon, authenticated, service_role;
grant execute on function private.my_accounts() to authenticated;

alter table public.accounts enable row level security;
alter table public.accounts force row level security;
revoke all on public.accounts from public, anon, authenticated, service_role;
grant select on public.accounts to authenticated, service_role;
create policy members_read on public.accounts for select to authenticated
  using (id = any (array(select private.my_accounts())));

alter table public.account_members enable row level security;
alter table public.account_members force row level security;
revoke all on public.account_members from public, anon, authenticated, service_role;
grant select on public.account_members to authenticated, service_role;
create policy members_read on public.account_members for select to authenticated
  using (account_id = any (array(select private.my_accounts())));
