-- Members: who they are, what they may spend, how they come and go. Whatever changes who may spend holds the lock of the
-- account's balance, as every charge does: a limit, a role or an end holds for every charge after it.

select set_config('lock_timeout', '5s', true);

create function private.note_member_action(p_account uuid, p_action text, p_subject uuid, p_details jsonb default '{}')
returns void
language sql volatile set search_path = pg_catalog, pg_temp as $$
  insert into public.member_actions (account_id, actor_id, action, subject_id, details)
    values (p_account, auth.uid(), p_action, p_subject, p_details)
$$;
revoke all on function private.note_member_action(uuid, text, uuid, jsonb) from public, anon, authenticated, service_role;

-- The role of whoever asks; null for strangers.
create function private.my_role(p_account uuid) returns text
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select m.role from public.account_members m where m.account_id = p_account and m.user_id = auth.uid()
$$;
revoke all on function private.my_role(uuid) from public, anon, authenticated, service_role;

-- A member as the API shows one.
create function private.shown_member(p_member public.account_members) returns jsonb
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select jsonb_build_object(
    'id', (p_member).user_id, 'role', (p_member).role, 'joined_at', (p_member).created_at,
    'email', (select u.email from auth.users u where u.id = (p_member).person_id),
    'limit', case when (p_member).credit_limit is not null then jsonb_build_object(
      'credits', (p_member).credit_limit, 'period', (p_member).limit_period
    ) end,
    -- Of the limit's period; without a limit, of the month.
    'spent', private.spent_by_member(
      (p_member).account_id, (p_member).user_id, coalesce((p_member).limit_period, 'month'), clock_timestamp()
    )
  )
$$;
revoke all on function private.shown_member(public.account_members) from public, anon, authenticated, service_role;

-- The people of an account, the longest membership first; null for strangers.
create function api.list_members(p_account uuid) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  if not private.may(p_account, 'read') then
    return null;
  end if;
  return (
    select coalesce(jsonb_agg(private.shown_member(m) order by m.created_at, m.user_id), '[]')
      from public.account_members m where m.account_id = p_account and m.role <> 'key'
  );
end $$;
revoke all on function api.list_members(uuid) from public, anon, authenticated, service_role;
grant execute on function api.list_members(uuid) to authenticated;

-- Who these are, who have spent credits of the account: people, and programs by a key. They are named as far as whoever asks may
-- know it: people by their address while they belong to the account, and keys for those who manage keys and for themselves.
create function api.spenders(p_account uuid, p_ids uuid[]) returns table (id uuid, spender jsonb)
language sql volatile security definer set search_path = pg_catalog, pg_temp rows 5 as $$
  select s.id, jsonb_build_object(
           'id', s.id, 'kind', case when k.id is not null then 'key' else 'person' end,
           'name', case when k.id is null then u.email when o.sees_keys or k.id = auth.uid() then k.name end
         )
    from (select private.may(p_account, 'read') as is_member, private.may(p_account, 'manage_keys') as sees_keys) o
    cross join (select distinct i.id from unnest(p_ids[:1000]) i (id) where i.id is not null) s
    left join public.api_keys k on k.id = s.id and k.account_id = p_account
    left join public.account_members m on m.user_id = s.id and m.account_id = p_account
    left join auth.users u on u.id = m.person_id
   where o.is_member
$$;
revoke all on function api.spenders(uuid, uuid[]) from public, anon, authenticated, service_role;
grant execute on function api.spenders(uuid, uuid[]) to authenticated;

-- Locks who belongs to the account, and what it may spend: no charge, no other change and no deletion of a user comes in between.
-- In this order: a user who is deleted holds a member's row, and then asks for the account's and for those of their keys. An account
-- that a failure has left without an owner gets one first.
create function private.lock_members(p_account uuid) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  perform private.lock_balance(p_account);
  perform from public.account_members m where m.account_id = p_account
    order by (m.role = 'key'), (m.role <> 'owner'), m.user_id for no key update;
  perform from public.accounts a where a.id = p_account for no key update;
  perform private.promote_heirs(array[p_account]);
end $$;
revoke all on function private.lock_members(uuid) from public, anon, authenticated, service_role;

-- The same for whoever has a permission there; what refuses the others is the answer. Only the permitted may even wait for the locks,
-- and what was taken away during the wait is asked again.
create function private.lock_members_for(p_account uuid, p_permission text) returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_refusal jsonb := private.refuse_without(p_account, p_permission);
begin
  if v_refusal is null then
    perform private.lock_members(p_account);
    v_refusal := private.refuse_without(p_account, p_permission);
  end if;
  return v_refusal;
end $$;
revoke all on function private.lock_members_for(uuid, text) from public, anon, authenticated, service_role;

-- Whether whoever asks may not decide what others may spend: a limit binds nobody who can make another spender. An owner can lift
-- their own.
create function private.is_limited(p_account uuid) returns boolean
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select exists (
    select from public.account_members m
     where m.account_id = p_account and m.user_id = auth.uid() and m.credit_limit is not null and m.role <> 'owner'
  )
$$;
revoke all on function private.is_limited(uuid) from public, anon, authenticated, service_role;

-- Ends the keys whose secret this member knows: they made them, or rotated them last.
create function private.revoke_keys_of(p_account uuid, p_user uuid) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_key uuid;
begin
  for v_key in
    update public.api_keys k set revoked_at = clock_timestamp(), earlier_hash = null, earlier_ends_at = null
     where k.account_id = p_account and k.secret_by = p_user and k.revoked_at is null
    returning k.id
  loop
    delete from public.account_members m where m.account_id = p_account and m.user_id = v_key;
    insert into public.member_actions (account_id, actor_id, action, subject_id)
      values (p_account, coalesce(auth.uid(), p_user), 'key_revoked', v_key);
  end loop;
  update public.api_keys k set earlier_hash = null, earlier_ends_at = null
   where k.account_id = p_account and k.earlier_by = p_user and k.earlier_hash is not null;
end $$;
revoke all on function private.revoke_keys_of(uuid, uuid) from public, anon, authenticated, service_role;

-- Whether the account would be without an owner if this member were none.
create function private.is_last_owner(p_account uuid, p_user uuid) returns boolean
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select not exists (
    select from public.account_members m where m.account_id = p_account and m.role = 'owner' and m.user_id <> p_user
  )
$$;
revoke all on function private.is_last_owner(uuid, uuid) from public, anon, authenticated, service_role;

-- Takes back what somebody has offered who may not offer it any more.
create function private.revoke_invitations_of(p_account uuid, p_user uuid) returns void
language sql volatile set search_path = pg_catalog, pg_temp as $$
  update public.invitations i set revoked_at = clock_timestamp()
   where i.account_id = p_account and i.invited_by = p_user and i.accepted_at is null and i.revoked_at is null
$$;
revoke all on function private.revoke_invitations_of(uuid, uuid) from public, anon, authenticated, service_role;

-- Sets a member's role and limit. Only an owner makes owners, or changes one.
create function api.change_member(p_account uuid, p_member uuid, p_role text, p_limit integer, p_period text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_refusal constant jsonb := private.lock_members_for(p_account, 'manage_members');
  v_member public.account_members;
begin
  if v_refusal is not null then
    return v_refusal;
  end if;
  select * into v_member
    from public.account_members m where m.account_id = p_account and m.user_id = p_member and m.role <> 'key';
  if not found then
    return jsonb_build_object('outcome', 'not_found');
  elsif private.my_role(p_account) <> 'owner' and 'owner' in (v_member.role, p_role) then
    return jsonb_build_object('outcome', 'owner_required');
  elsif private.is_limited(p_account)
        and (v_member.role, v_member.credit_limit, v_member.limit_period) is distinct from (p_role, p_limit, p_period) then
    -- A limit that its own member can lift, or evade by a colleague, is none.
    return jsonb_build_object('outcome', 'owner_required');
  elsif v_member.role = 'owner' and p_role <> 'owner' and private.is_last_owner(p_account, p_member) then
    return jsonb_build_object('outcome', 'last_owner');
  end if;
  if (v_member.role, v_member.credit_limit, v_member.limit_period) is distinct from (p_role, p_limit, p_period) then
    update public.account_members m set role = p_role, credit_limit = p_limit, limit_period = p_period
     where m.account_id = p_account and m.user_id = p_member
    returning * into strict v_member;
    -- What they offered was offered with the role that they had.
    perform private.revoke_invitations_of(p_account, p_member);
    -- A key would spend what its maker may not.
    if (p_limit is not null and p_role <> 'owner') or not exists (
      select from public.role_permissions p where p.role = p_role and p.permission = 'manage_keys'
    ) then
      perform private.revoke_keys_of(p_account, p_member);
    end if;
    perform private.note_member_action(
      p_account, 'member_changed', p_member, jsonb_build_object('role', p_role, 'limit', p_limit, 'period', p_period)
    );
  end if;
  return jsonb_build_object('outcome', 'ok', 'member', private.shown_member(v_member));
end $$;
revoke all on function api.change_member(uuid, uuid, text, integer, text) from public, anon, authenticated, service_role;
grant execute on function api.change_member(uuid, uuid, text, integer, text) to authenticated;

-- Ends a membership: one's own, or with the permission another's. Never the last owner's; whoever wants that closes the
-- account. Runs that the member has begun go on.
create function api.remove_member(p_account uuid, p_member uuid) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  c_permission constant text := case when p_member = auth.uid() then 'read' else 'manage_members' end;
  v_refusal constant jsonb := private.lock_members_for(p_account, c_permission);
  v_role text;
begin
  if v_refusal is not null then
    return v_refusal;
  end if;
  select m.role into v_role
    from public.account_members m where m.account_id = p_account and m.user_id = p_member and m.role <> 'key';
  if not found then
    return jsonb_build_object('outcome', 'not_found');
  elsif v_role = 'owner' and private.my_role(p_account) <> 'owner' then
    return jsonb_build_object('outcome', 'owner_required');
  elsif v_role = 'owner' and private.is_last_owner(p_account, p_member) then
    return jsonb_build_object('outcome', 'last_owner');
  end if;
  perform private.note_member_action(
    p_account, case when p_member = auth.uid() then 'member_left' else 'member_removed' end, p_member
  );
  -- Its trigger ends the keys whose secret they know, and their invitations (private.close_left_accounts).
  delete from public.account_members m where m.account_id = p_account and m.user_id = p_member;
  return jsonb_build_object('outcome', 'removed');
end $$;
revoke all on function api.remove_member(uuid, uuid) from public, anon, authenticated, service_role;
grant execute on function api.remove_member(uuid, uuid) to authenticated;

-- What was done to members, invitations, keys and saved filters, the newest first; for those who manage members.
create function api.list_member_actions(p_account uuid, p_before bigint, p_limit integer) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_refusal constant jsonb := private.refuse_without(p_account, 'manage_members');
begin
  return coalesce(v_refusal, jsonb_build_object('outcome', 'ok', 'actions', (
    select coalesce(jsonb_agg(jsonb_build_object(
             'id', n.id, 'actor_id', n.actor_id, 'action', n.action, 'subject_id', n.subject_id, 'details', n.details, 'at', n.at
           ) order by n.id desc), '[]')
      from (
        select * from public.member_actions o
         where o.account_id = p_account and (p_before is null or o.id < p_before)
         order by o.id desc limit least(p_limit, 101)
      ) n
  )));
end $$;
revoke all on function api.list_member_actions(uuid, bigint, integer) from public, anon, authenticated, service_role;
grant execute on function api.list_member_actions(uuid, bigint, integer) to authenticated;

-- Invitations. ---------------------------------------------------------------------------------------------------------

-- An invitation as the API shows one.
create function private.shown_invitation(p_invitation public.invitations) returns jsonb
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select jsonb_build_object(
    'id', (p_invitation).id, 'email', (p_invitation).email, 'role', (p_invitation).role,
    'limit', case when (p_invitation).credit_limit is not null then jsonb_build_object(
      'credits', (p_invitation).credit_limit, 'period', (p_invitation).limit_period
    ) end,
    'invited_by', (p_invitation).invited_by, 'created_at', (p_invitation).created_at, 'expires_at', (p_invitation).expires_at,
    'state', case
      when (p_invitation).accepted_at is not null then 'accepted'
      when (p_invitation).revoked_at is not null then 'revoked'
      when (p_invitation).expires_at <= clock_timestamp() then 'expired'
      else 'open'
    end
  )
$$;
revoke all on function private.shown_invitation(public.invitations) from public, anon, authenticated, service_role;

-- Asks somebody to join within a week, up to 100 people at a time, 200 a day, and one address 5 times a day. A second invitation of the same address takes
-- the first one's place.
create function api.invite_member(
  p_account uuid, p_invitation uuid, p_email text, p_role text, p_limit integer, p_period text, p_token_hash text
) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  c_life constant interval := interval '7 days';
  c_open_max constant integer := 100;
  c_daily_max constant integer := 200;
  c_address_daily_max constant integer := 5;
  v_refusal constant jsonb := private.lock_members_for(p_account, 'manage_members');
  v_email constant text := lower(trim(p_email));
  v_invitation public.invitations;
  v_now timestamptz;
begin
  if v_refusal is not null then
    return v_refusal;
  elsif private.my_role(p_account) <> 'owner' and (p_role = 'owner' or private.is_limited(p_account)) then
    return jsonb_build_object('outcome', 'owner_required');
  end if;
  if exists (
    select from public.account_members m join auth.users u on u.id = m.person_id
     where m.account_id = p_account and lower(u.email) = v_email
  ) then
    return jsonb_build_object('outcome', 'already_member');
  end if;
  v_now := clock_timestamp();
  if (select count(*) from public.invitations i
       where i.account_id = p_account and i.email <> v_email and i.accepted_at is null and i.revoked_at is null
         and i.expires_at > v_now) >= c_open_max
     or (select count(*) from public.invitations i
          where i.account_id = p_account and i.created_at > v_now - interval '24 hours') >= c_daily_max
     or (select count(*) from public.invitations i
          where i.account_id = p_account and i.email = v_email and i.created_at > v_now - interval '24 hours')
        >= c_address_daily_max then
    return jsonb_build_object(
      'outcome', 'limit', 'open_max', c_open_max, 'daily_max', c_daily_max, 'address_daily_max', c_address_daily_max
    );
  end if;
  update public.invitations i set revoked_at = v_now
   where i.account_id = p_account and i.email = v_email and i.accepted_at is null and i.revoked_at is null;
  insert into public.invitations (
    id, account_id, email, role, credit_limit, limit_period, token_hash, invited_by, created_at, expires_at
  ) values (
    p_invitation, p_account, v_email, p_role, p_limit, p_period, decode(p_token_hash, 'hex'), auth.uid(), v_now, v_now + c_life
  ) returning * into strict v_invitation;
  perform private.note_member_action(p_account, 'member_invited', p_invitation, jsonb_build_object('role', p_role));
  return jsonb_build_object(
    'outcome', 'ok', 'invitation', private.shown_invitation(v_invitation),
    'account_name', (select a.name from public.accounts a where a.id = p_account)
  );
end $$;
revoke all on function api.invite_member(uuid, uuid, text, text, integer, text, text)
  from public, anon, authenticated, service_role;
grant execute on function api.invite_member(uuid, uuid, text, text, integer, text, text) to authenticated;

-- The newest 200 invitations; for those who manage members.
create function api.list_invitations(p_account uuid) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_refusal constant jsonb := private.refuse_without(p_account, 'manage_members');
begin
  return coalesce(v_refusal, jsonb_build_object('outcome', 'ok', 'invitations', (
    select coalesce(jsonb_agg(private.shown_invitation(i) order by i.created_at desc, i.id), '[]')
      from (
        select * from public.invitations o where o.account_id = p_account order by o.created_at desc limit 200
      ) i
  )));
end $$;
revoke all on function api.list_invitations(uuid) from public, anon, authenticated, service_role;
grant execute on function api.list_invitations(uuid) to authenticated;

-- Takes an invitation back. A repeat, and what is over anyway, gives the same answer.
create function api.revoke_invitation(p_account uuid, p_invitation uuid) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_refusal constant jsonb := private.lock_members_for(p_account, 'manage_members');
  v_invitation public.invitations;
begin
  if v_refusal is not null then
    return v_refusal;
  end if;
  select * into v_invitation
    from public.invitations i where i.id = p_invitation and i.account_id = p_account for no key update;
  if not found then
    return jsonb_build_object('outcome', 'not_found');
  elsif v_invitation.accepted_at is not null then
    return jsonb_build_object('outcome', 'accepted');
  elsif v_invitation.revoked_at is null then
    update public.invitations i set revoked_at = clock_timestamp() where i.id = p_invitation
    returning * into strict v_invitation;
    perform private.note_member_action(p_account, 'invitation_revoked', p_invitation);
  end if;
  return jsonb_build_object('outcome', 'ok', 'invitation', private.shown_invitation(v_invitation));
end $$;
revoke all on function api.revoke_invitation(uuid, uuid) from public, anon, authenticated, service_role;
grant execute on function api.revoke_invitation(uuid, uuid) to authenticated;

-- Joins by the token of a link: the person whose confirmed address was invited, once. A repeat by the same person gives the
-- same answer.
create function api.accept_invitation(p_token_hash text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_user constant uuid := auth.uid();
  v_account uuid;
  v_invitation public.invitations;
  v_email text;
begin
  select i.account_id into v_account from public.invitations i where i.token_hash = decode(p_token_hash, 'hex');
  if not found then
    return jsonb_build_object('outcome', 'not_found');
  end if;
  select lower(u.email) into v_email
    from auth.users u
   where u.id = v_user and u.email_confirmed_at is not null and not u.is_anonymous and u.deleted_at is null;
  perform private.lock_members(v_account);
  select i.* into v_invitation
    from public.invitations i
    join public.accounts a on a.id = i.account_id
   where i.token_hash = decode(p_token_hash, 'hex') and a.deleted_at is null
     for no key update of i;
  if not found or v_invitation.revoked_at is not null then
    return jsonb_build_object('outcome', 'not_found');
  elsif v_invitation.accepted_at is null and not exists (
    select from public.account_members o
      join public.role_permissions p on p.role = o.role
     where o.user_id = v_invitation.invited_by and o.account_id = v_account and p.permission = 'manage_members'
  ) then
    return jsonb_build_object('outcome', 'not_found');
  elsif v_email is distinct from v_invitation.email then
    return jsonb_build_object('outcome', 'other_address');
  elsif v_invitation.accepted_at is not null then
    return case when private.may(v_account, 'read')
                then jsonb_build_object('outcome', 'ok', 'account_id', v_account)
                else jsonb_build_object('outcome', 'not_found') end;
  elsif v_invitation.expires_at <= clock_timestamp() then
    return jsonb_build_object('outcome', 'expired');
  end if;
  update public.invitations i set accepted_at = clock_timestamp() where i.id = v_invitation.id;
  insert into public.account_members (user_id, account_id, role, credit_limit, limit_period)
    values (v_user, v_account, v_invitation.role, v_invitation.credit_limit, v_invitation.limit_period)
    on conflict (user_id, account_id) do nothing;
  if found then
    perform private.note_member_action(v_account, 'member_joined', v_user, jsonb_build_object('role', v_invitation.role));
  end if;
  return jsonb_build_object('outcome', 'ok', 'account_id', v_account);
end $$;
revoke all on function api.accept_invitation(text) from public, anon, authenticated, service_role;
grant execute on function api.accept_invitation(text) to authenticated;
