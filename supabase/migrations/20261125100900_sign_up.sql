-- A new user gets an account, a membership and a balance row. The plan's starting credits come once, when the e-mail
-- address is confirmed and the user is not anonymous.
--
-- Nothing here can block a sign-up: every error becomes a warning in the log. The trigger also fires on last_sign_in_at,
-- which every sign-in updates, so that the next sign-in does what failed before.

create function private.provision_user(p_user uuid, p_email text, p_earns_credits boolean) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_account uuid;
  v_credits integer;
begin
  if not exists (select from public.account_members m where m.user_id = p_user) then
    insert into public.accounts (name)
      values (left(coalesce(nullif(split_part(p_email, '@', 1), ''), 'My account'), 120))
      returning id into v_account;
    insert into public.account_members (user_id, account_id, role) values (p_user, v_account, 'owner');
    insert into public.credit_balances (account_id) values (v_account);
  end if;

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
  -- The idempotency key names the user, so that a second account of the same user earns nothing.
  if found and v_credits > 0
     and not exists (select from public.credit_transactions t where t.idempotency_key = 'starting:' || p_user) then
    perform private.post_entry(v_account, 'adjustment', v_credits, null, 'starting:' || p_user, 'Starting credits');
  end if;
end $$;
revoke all on function private.provision_user(uuid, text, boolean) from public, anon, authenticated, service_role;

-- The lock_timeout keeps a lock on one of our tables (by a migration, for example) from holding up a sign-up.
create function private.on_auth_user() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s' as $$
begin
  perform private.provision_user(new.id, new.email, new.email_confirmed_at is not null and not coalesce(new.is_anonymous, false));
  return null;
exception when others then
  raise warning 'user % was not provisioned: % (%)', new.id, sqlerrm, sqlstate;
  return null;
end $$;
revoke all on function private.on_auth_user() from public, anon, authenticated, service_role;

create trigger oslira_provision
  after insert or update of email_confirmed_at, is_anonymous, last_sign_in_at on auth.users
  for each row execute function private.on_auth_user();
