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
  -- Since when an operator keeps it from buying anything; null while it may.
  blocked_at timestamptz,
  deleted_at timestamptz,
  -- Up to which run its runs have been wiped, and when everything that says whose account it was had been erased, for good (in
  -- the file `clean_up`).
  wiped_to_run uuid,
  tombstoned_at timestamptz,
  -- When the erasure began: from then on it cannot be opened again.
  erasing_at timestamptz,
  constraint only_closed_ones_are_tombstones check (tombstoned_at is null or deleted_at is not null),
  constraint only_closed_ones_are_erased check (erasing_at is null or deleted_at is not null)
);
create index accounts_plan on public.accounts (plan_id);
-- Closed ones that are no tombstones yet.
create index accounts_to_erase on public.accounts (deleted_at) where deleted_at is not null and tombstoned_at is null;

-- A program's way in: its id is what `auth.uid()` says, its secret is known by its hash only.
create table public.api_keys (
  id uuid primary key,
  account_id uuid not null references public.accounts (id),
  name text not null check (char_length(name) between 1 and 80),
  -- The beginning of the newest secret, by which people tell keys apart.
  prefix text not null check (char_length(prefix) between 8 and 24),
  secret_hash bytea not null unique check (octet_length(secret_hash) = 32),
  -- The secret before it, as long as it is still good.
  earlier_hash bytea unique check (octet_length(earlier_hash) = 32),
  earlier_ends_at timestamptz,
  earlier_by uuid,
  created_by uuid,
  -- Who has been given the newest secret, and whether anybody has used it.
  secret_by uuid,
  secret_used boolean not null default false,
  created_at timestamptz not null default clock_timestamp(),
  -- To the minute.
  last_used_at timestamptz,
  revoked_at timestamptz,
  constraint an_earlier_secret_ends check ((earlier_hash is null) = (earlier_ends_at is null))
);
create index api_keys_account on public.api_keys (account_id, created_at desc);
-- Read by functions alone.
alter table public.api_keys enable row level security;
alter table public.api_keys force row level security;
revoke all on public.api_keys from public, anon, authenticated, service_role;

-- Who was asked to join, by a link that works once.
create table public.invitations (
  id uuid primary key,
  account_id uuid not null references public.accounts (id),
  -- In lower case.
  email text not null check (char_length(email) between 3 and 254 and email = lower(email)),
  role text not null check (role in ('owner', 'admin', 'member', 'viewer')),
  credit_limit integer check (credit_limit >= 0),
  limit_period text check (limit_period in ('day', 'week', 'month')),
  token_hash bytea not null unique check (octet_length(token_hash) = 32),
  invited_by uuid,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null,
  accepted_at timestamptz,
  revoked_at timestamptz,
  constraint a_limit_has_a_period check ((credit_limit is null) = (limit_period is null))
);
create unique index invitations_one_open on public.invitations (account_id, email) where accepted_at is null and revoked_at is null;
create index invitations_over on public.invitations (least(accepted_at, revoked_at, expires_at));
create index invitations_newest on public.invitations (account_id, created_at desc);
alter table public.invitations enable row level security;
alter table public.invitations force row level security;
revoke all on public.invitations from public, anon, authenticated, service_role;

-- Who did what to the account, its members, invitations, keys and saved filters. It is only added to, until the account is erased.
create table public.member_actions (
  id bigint generated always as identity primary key,
  account_id uuid not null references public.accounts (id),
  actor_id uuid not null,
  action text not null check (char_length(action) between 1 and 40),
  -- A user, an invitation, a key, a saved filter, or the account itself.
  subject_id uuid,
  details jsonb not null default '{}',
  at timestamptz not null default clock_timestamp()
);
create index member_actions_newest on public.member_actions (account_id, id desc);
alter table public.member_actions enable row level security;
alter table public.member_actions force row level security;
revoke all on public.member_actions from public, anon, authenticated, service_role;
revoke all on sequence public.member_actions_id_seq from public, anon, authenticated, service_role;

-- Who may act for an account: people, and programs by an API key. Both are what `auth.uid()` says, so that policies and
-- functions need not tell them apart.
create table public.account_members (
  -- A user's id, or an API key's.
  user_id uuid not null,
  account_id uuid not null references public.accounts (id),
  role text not null default 'member' check (role in ('owner', 'admin', 'member', 'viewer', 'key')),
  -- Of a key: what it may do.
  scopes text[] check (scopes <@ array['read', 'analyse', 'edit_leads', 'edit_business', 'export']),
  -- Of a key: from then on it may do nothing; null for never.
  expires_at timestamptz,
  -- How many credits it may spend in a period of the calendar (UTC); null for as many as there are.
  credit_limit integer check (credit_limit >= 0),
  limit_period text check (limit_period in ('day', 'week', 'month')),
  created_at timestamptz not null default now(),
  person_id uuid generated always as (case when role <> 'key' then user_id end) stored
    references auth.users (id) on delete cascade,
  primary key (user_id, account_id),
  constraint a_limit_has_a_period check ((credit_limit is null) = (limit_period is null)),
  constraint keys_have_scopes check ((role = 'key') = (scopes is not null)),
  constraint keys_end check (role = 'key' or expires_at is null)
);
create index account_members_account on public.account_members (account_id);
create index account_members_person on public.account_members (person_id);

-- The live accounts of whoever asks. Policies use it as `account_id = any (array(select private.my_accounts()))`,
-- which becomes an index condition; `in (select …)` scans the whole table instead.
create function private.my_accounts() returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp rows 3 as $$
  select m.account_id
  from public.account_members m
  join public.accounts a on a.id = m.account_id
  where m.user_id = (select auth.uid()) and a.deleted_at is null
    and (m.expires_at is null or m.expires_at > statement_timestamp())
$$;
-- A policy runs as the role that reads, so that role needs EXECUTE. Without USAGE on the schema it still cannot call the
-- function by name.
revoke all on function private.my_accounts() from public, anon, authenticated, service_role;
grant execute on function private.my_accounts() to authenticated;

-- Whether whoever asks may do this in a live account.
create function private.may(p_account uuid, p_permission text) returns boolean
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select exists (
    select from public.account_members m
      join public.accounts a on a.id = m.account_id
      join public.role_permissions p on p.role = m.role
     where m.user_id = auth.uid() and m.account_id = p_account and a.deleted_at is null and p.permission = p_permission
       and (m.scopes is null or p_permission = any (m.scopes))
       and (m.expires_at is null or m.expires_at > clock_timestamp())
  )
$$;
revoke all on function private.may(uuid, text) from public, anon, authenticated, service_role;

-- Ends the statement when whoever asks belongs to the account and may not do this there. Does nothing for strangers, whom
-- the functions answer as they answer about what does not exist. The code is our own: `oslira_postgres::session` knows it.
create function private.require_permission(p_account uuid, p_permission text) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  if not private.may(p_account, p_permission) and p_account = any (array(select private.my_accounts())) then
    raise exception 'the permission % is missing', p_permission using errcode = 'OS001';
  end if;
end $$;
revoke all on function private.require_permission(uuid, text) from public, anon, authenticated, service_role;

-- The same for what is read by queries and not by a function.
create function api.require_permission(p_account uuid, p_permission text) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform private.require_permission(p_account, p_permission);
  return true;
end $$;
revoke all on function api.require_permission(uuid, text) from public, anon, authenticated, service_role;
grant execute on function api.require_permission(uuid, text) to authenticated;

-- Why whoever asks may not do this: a missing permission ends the statement, a stranger is answered. Null when they may.
create function private.refuse_without(p_account uuid, p_permission text) returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  perform private.require_permission(p_account, p_permission);
  return case when not private.may(p_account, p_permission) then jsonb_build_object('outcome', 'forbidden') end;
end $$;
revoke all on function private.refuse_without(uuid, text) from public, anon, authenticated, service_role;

-- Ends the statement when the account is blocked: it reads, ends and takes along what it has, and buys nothing. Whoever sells
-- something asks this under the balance's lock, which blocking takes too. The code is our own: `oslira_postgres::session` knows it.
create function private.refuse_blocked(p_account uuid) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  if exists (select from public.accounts a where a.id = p_account and a.blocked_at is not null) then
    raise exception 'the account is blocked' using errcode = 'OS003';
  end if;
end $$;
revoke all on function private.refuse_blocked(uuid) from public, anon, authenticated, service_role;

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

-- The live accounts of whoever asks, the oldest membership first, with what they may do there.
create function api.my_memberships() returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  select coalesce(jsonb_agg(jsonb_build_object(
           'account_id', a.id, 'account_name', a.name, 'role', m.role,
           'permissions', (
             select coalesce(jsonb_agg(p.permission order by p.permission), '[]') from public.role_permissions p
              where p.role = m.role and (m.scopes is null or p.permission = any (m.scopes))
           )
         ) order by m.created_at, a.id), '[]')
    from public.account_members m
    join public.accounts a on a.id = m.account_id
   where m.user_id = auth.uid() and a.id = any (array(select private.my_accounts()))
$$;
revoke all on function api.my_memberships() from public, anon, authenticated, service_role;
grant execute on function api.my_memberships() to authenticated;
