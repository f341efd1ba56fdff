-- A new user gets an account, a membership and a balance row. The plan's starting credits come once, when the e-mail
-- address is confirmed and the user is not anonymous. A user who is deleted is no longer a member anywhere; an account
-- that no person belongs to any more is deleted too, in the way that accounts are: the row, its runs and its ledger stay. Runs
-- that are under way end by themselves. Where people stay behind without an owner, whoever has the highest role, and of
-- those has belonged to it longest, becomes one.
--
-- Nothing here can block a sign-up or a deletion: every error becomes a warning in the log. The first trigger also
-- fires on last_sign_in_at, which every sign-in updates, so that the next sign-in does what failed before.

select set_config('lock_timeout', '5s', true);

-- E-mail addresses whose owner has had starting credits, hashed: they outlive the user, so that whoever deletes their account
-- and signs up again gets none a second time.
create table public.starting_credits (
  email_hash bytea primary key,
  given_at timestamptz not null default clock_timestamp()
);
alter table public.starting_credits enable row level security;
alter table public.starting_credits force row level security;
revoke all on public.starting_credits from public, anon, authenticated, service_role;

-- One hash for all spellings of a mailbox that providers deliver to the same place: case, `+tags`, and Gmail's dots.
create function private.mailbox_hash(p_email text) returns bytea
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select sha256(convert_to(
    case when p.domain in ('gmail.com', 'googlemail.com') then replace(p.name, '.', '') || '@gmail.com'
         else p.name || '@' || p.domain end, 'UTF8'
  ))
    from (
      select split_part(split_part(lower(trim(p_email)), '@', 1), '+', 1), split_part(lower(trim(p_email)), '@', 2)
    ) p (name, domain)
$$;
revoke all on function private.mailbox_hash(text) from public, anon, authenticated, service_role;

-- Makes an owner in each of these accounts that is open, and has people and no owner. Whoever is locked is being deleted, or changed by somebody who
-- will ask for an heir themselves.
create function private.promote_heirs(p_accounts uuid[]) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_account uuid;
  v_heir uuid;
begin
  for v_account in
    select a.id from public.accounts a
     where a.id = any (p_accounts) and a.deleted_at is null
       and not exists (select from public.account_members o where o.account_id = a.id and o.role = 'owner')
     order by a.id
  loop
    select m.user_id into v_heir
      from public.account_members m
     where m.account_id = v_account and m.role <> 'key'
     order by case m.role when 'admin' then 1 when 'member' then 2 else 3 end, m.created_at, m.user_id
     limit 1
       for no key update skip locked;
    if found then
      update public.account_members m set role = 'owner' where m.account_id = v_account and m.user_id = v_heir;
      insert into public.member_actions (account_id, actor_id, action, subject_id)
        values (v_account, v_heir, 'became_owner', v_heir);
    end if;
  end loop;
end $$;
revoke all on function private.promote_heirs(uuid[]) from public, anon, authenticated, service_role;

create function private.provision_user(p_user uuid, p_email text, p_earns_credits boolean) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_account uuid;
  v_credits integer;
  v_orphans uuid[];
begin
  if not exists (select from public.account_members m where m.user_id = p_user) then
    insert into public.accounts (name)
      values (left(coalesce(nullif(split_part(p_email, '@', 1), ''), 'My account'), 120))
      returning id into v_account;
    insert into public.account_members (user_id, account_id, role) values (p_user, v_account, 'owner');
    insert into public.credit_balances (account_id) values (v_account);
  end if;

  -- What the end of the last owner should have done, had it not failed.
  v_orphans := array(
    select m.account_id from public.account_members m
     where m.user_id = p_user
       and not exists (select from public.account_members o where o.account_id = m.account_id and o.role = 'owner')
  );
  -- The balance before the heir's row, as everywhere.
  perform from public.credit_balances b where b.account_id = any (v_orphans) order by b.account_id for no key update;
  perform private.promote_heirs(v_orphans);

  if not p_earns_credits then
    return;
  end if;
  -- Only an account that this user owns, the oldest first, and only while its starting credits are not settled.
  select a.id, p.starting_credits into v_account, v_credits
    from public.account_members m
    join public.accounts a on a.id = m.account_id
    join public.plans p on p.id = a.plan_id
   where m.user_id = p_user and m.role = 'owner' and a.deleted_at is null and a.starting_credits_at is null
   order by a.created_at, a.id
   limit 1;
  if not found then
    return;
  end if;
  perform from public.credit_balances b where b.account_id = v_account for no key update;
  update public.accounts a set starting_credits_at = clock_timestamp()
   where a.id = v_account and a.starting_credits_at is null;
  if not found or v_credits = 0 then
    return;
  end if;
  if p_email is not null then
    insert into public.starting_credits (email_hash) values (private.mailbox_hash(p_email)) on conflict do nothing;
    if not found then
      return;
    end if;
  end if;
  -- The idempotency key names the user, so that a second account of the same user earns nothing, whatever its address is now.
  if not exists (select from public.credit_transactions t where t.idempotency_key = 'starting:' || p_user) then
    perform private.add_grant(v_account, 'free', v_credits, 'adjustment', null, 'starting:' || p_user, 'Starting credits');
  end if;
end $$;
revoke all on function private.provision_user(uuid, text, boolean) from public, anon, authenticated, service_role;

-- The lock_timeout keeps a lock on one of our tables (by a migration, for example) from holding up a sign-up.
create function private.on_auth_user() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s' as $$
begin
  if new.deleted_at is null then
    perform private.provision_user(
      new.id, new.email, new.email_confirmed_at is not null and not coalesce(new.is_anonymous, false)
    );
  end if;
  return null;
exception when others then
  raise warning 'user % was not provisioned: % (%)', new.id, sqlerrm, sqlstate;
  return null;
end $$;
revoke all on function private.on_auth_user() from public, anon, authenticated, service_role;

create trigger oslira_provision
  after insert or update of email_confirmed_at, is_anonymous, last_sign_in_at on auth.users
  for each row execute function private.on_auth_user();

-- Supabase can also keep the row of a deleted user (a soft delete) and only set deleted_at.
create function private.on_auth_user_left() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s' as $$
begin
  delete from public.account_members m where m.user_id = new.id;
  return null;
exception when others then
  raise warning 'user % is deleted and still a member: % (%)', new.id, sqlerrm, sqlstate;
  return null;
end $$;
revoke all on function private.on_auth_user_left() from public, anon, authenticated, service_role;

create trigger oslira_leave
  after update of deleted_at on auth.users
  for each row when (old.deleted_at is null and new.deleted_at is not null)
  execute function private.on_auth_user_left();

-- Memberships also end by the foreign key to auth.users, whose cascade fires this trigger. SECURITY DEFINER, because
-- the role that deleted the user may not write our tables.
create function private.close_left_accounts() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s' as $$
begin
  -- Two last members may leave at once. The second one waits here, and then sees that the first has left.
  perform from public.accounts a
    where a.id in (select l.account_id from left_members l)
    order by a.id
      for no key update;
  update public.accounts a set deleted_at = clock_timestamp()
   where a.id in (select l.account_id from left_members l) and a.deleted_at is null
     and not exists (select from public.account_members m where m.account_id = a.id and m.role <> 'key');
  perform private.promote_heirs(array(select distinct l.account_id from left_members l));
  -- What they offered was offered with the role that they had; and whoever has left knows the secret of their keys. If this fails,
  -- neither is good any more all the same: `api.resolve_key` and `api.accept_invitation` ask who is behind them.
  begin
    perform private.revoke_keys_of(l.account_id, l.user_id) from left_members l where l.role <> 'key';
    perform private.revoke_invitations_of(l.account_id, l.user_id) from left_members l where l.role <> 'key';
  exception when others then
    raise warning 'keys and invitations of a member who left were not ended: % (%)', sqlerrm, sqlstate;
  end;
  return null;
exception when others then
  raise warning 'an account without members was not deleted: % (%)', sqlerrm, sqlstate;
  return null;
end $$;
revoke all on function private.close_left_accounts() from public, anon, authenticated, service_role;

create trigger close_left_accounts
  after delete on public.account_members referencing old table as left_members
  for each statement execute function private.close_left_accounts();
