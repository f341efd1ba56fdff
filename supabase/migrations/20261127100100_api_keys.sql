-- API keys: programs that act for an account. A key's id is what `auth.uid()` says, and its member row what it may do, so
-- nothing else has to know of keys. Ending the row ends the key at once.

select set_config('lock_timeout', '5s', true);

-- A key as the API shows one: never its secret, nor a hash of it.
create function private.shown_key(p_key public.api_keys) returns jsonb
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select jsonb_build_object(
    'id', (p_key).id, 'name', (p_key).name, 'prefix', (p_key).prefix, 'created_by', (p_key).created_by,
    'created_at', (p_key).created_at, 'last_used_at', (p_key).last_used_at, 'expires_at', m.expires_at,
    'scopes', coalesce(to_jsonb(m.scopes), '[]'), 'earlier_secret_ends_at', (p_key).earlier_ends_at,
    'limit', case when m.credit_limit is not null then jsonb_build_object(
      'credits', m.credit_limit, 'period', m.limit_period
    ) end,
    'spent', private.spent_by_member(
      (p_key).account_id, (p_key).id, coalesce(m.limit_period, 'month'), clock_timestamp()
    ),
    'state', case
      when (p_key).revoked_at is not null or m.user_id is null then 'revoked'
      when m.expires_at <= clock_timestamp() then 'expired'
      else 'live'
    end
  )
    from (select (p_key).id) k (id)
    left join public.account_members m on m.user_id = k.id and m.account_id = (p_key).account_id
$$;
revoke all on function private.shown_key(public.api_keys) from public, anon, authenticated, service_role;

-- Makes a key, up to 50 live ones. Nobody gives a key what they may not do themselves.
create function api.create_key(
  p_account uuid, p_key uuid, p_name text, p_scopes text[], p_expires_at timestamptz, p_limit integer, p_period text,
  p_prefix text, p_secret_hash text
) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  c_live_max constant integer := 50;
  v_refusal constant jsonb := private.lock_members_for(p_account, 'manage_keys');
  v_key public.api_keys;
begin
  if v_refusal is not null then
    return v_refusal;
  elsif private.is_limited(p_account) then
    return jsonb_build_object('outcome', 'owner_required');
  elsif exists (select from unnest(p_scopes) s (scope) where not private.may(p_account, s.scope)) then
    return jsonb_build_object('outcome', 'forbidden');
  elsif (select count(*) from public.account_members m where m.account_id = p_account and m.role = 'key'
          and (m.expires_at is null or m.expires_at > clock_timestamp())) >= c_live_max then
    return jsonb_build_object('outcome', 'limit', 'live_max', c_live_max);
  end if;
  insert into public.api_keys (id, account_id, name, prefix, secret_hash, created_by, secret_by)
    values (p_key, p_account, p_name, p_prefix, decode(p_secret_hash, 'hex'), auth.uid(), auth.uid())
    returning * into strict v_key;
  insert into public.account_members (user_id, account_id, role, scopes, expires_at, credit_limit, limit_period)
    values (p_key, p_account, 'key', p_scopes, p_expires_at, p_limit, p_period);
  perform private.note_member_action(p_account, 'key_created', p_key, jsonb_build_object('scopes', to_jsonb(p_scopes)));
  return jsonb_build_object('outcome', 'ok', 'key', private.shown_key(v_key));
end $$;
revoke all on function api.create_key(uuid, uuid, text, text[], timestamptz, integer, text, text, text)
  from public, anon, authenticated, service_role;
grant execute on function api.create_key(uuid, uuid, text, text[], timestamptz, integer, text, text, text) to authenticated;

-- The newest 200 keys with who made them; for those who manage keys.
create function api.list_keys(p_account uuid) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_refusal constant jsonb := private.refuse_without(p_account, 'manage_keys');
begin
  return coalesce(v_refusal, jsonb_build_object('outcome', 'ok', 'keys', (
    select coalesce(jsonb_agg(private.shown_key(k) order by k.created_at desc, k.id), '[]')
      from (select * from public.api_keys o where o.account_id = p_account order by o.created_at desc limit 200) k
  )));
end $$;
revoke all on function api.list_keys(uuid) from public, anon, authenticated, service_role;
grant execute on function api.list_keys(uuid) to authenticated;

-- Gives a key a new secret. The present one is good for p_overlap_s more seconds, and the one before it for none. A secret that
-- nobody has used yet may never have reached whoever asked for it: then the one before it stays as it is.
create function api.rotate_key(p_account uuid, p_key uuid, p_overlap_s integer, p_prefix text, p_secret_hash text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_refusal constant jsonb := private.lock_members_for(p_account, 'manage_keys');
  v_now timestamptz;
  v_key public.api_keys;
  v_is_kept boolean;
begin
  if v_refusal is not null then
    return v_refusal;
  elsif private.is_limited(p_account) then
    return jsonb_build_object('outcome', 'owner_required');
  end if;
  v_now := clock_timestamp();
  select * into v_key
    from public.api_keys k where k.id = p_key and k.account_id = p_account and k.revoked_at is null for no key update;
  if not found then
    return jsonb_build_object('outcome', 'not_found');
  end if;
  v_is_kept := p_overlap_s > 0 and not v_key.secret_used and v_key.earlier_ends_at > v_now;
  update public.api_keys k
     set earlier_hash = case when p_overlap_s = 0 then null when v_is_kept then k.earlier_hash else k.secret_hash end,
         earlier_ends_at = case when p_overlap_s = 0 then null
                                else v_now + make_interval(secs => p_overlap_s) end,
         earlier_by = case when v_is_kept then k.earlier_by else k.secret_by end,
         secret_hash = decode(p_secret_hash, 'hex'), prefix = p_prefix, secret_by = auth.uid(), secret_used = false
   where k.id = p_key
  returning * into strict v_key;
  perform private.note_member_action(p_account, 'key_rotated', p_key, jsonb_build_object('overlap_s', p_overlap_s));
  return jsonb_build_object('outcome', 'ok', 'key', private.shown_key(v_key));
end $$;
revoke all on function api.rotate_key(uuid, uuid, integer, text, text) from public, anon, authenticated, service_role;
grant execute on function api.rotate_key(uuid, uuid, integer, text, text) to authenticated;

-- Ends a key at once, for requests under way too; runs that it has begun go on. A repeat gives the same answer.
create function api.revoke_key(p_account uuid, p_key uuid) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_refusal constant jsonb := private.lock_members_for(p_account, 'manage_keys');
  v_key public.api_keys;
begin
  if v_refusal is not null then
    return v_refusal;
  end if;
  select * into v_key from public.api_keys k where k.id = p_key and k.account_id = p_account for no key update;
  if not found then
    return jsonb_build_object('outcome', 'not_found');
  elsif v_key.revoked_at is null then
    update public.api_keys k
       set revoked_at = clock_timestamp(), earlier_hash = null, earlier_ends_at = null
     where k.id = p_key
    returning * into strict v_key;
    delete from public.account_members m where m.account_id = p_account and m.user_id = p_key;
    perform private.note_member_action(p_account, 'key_revoked', p_key);
  end if;
  return jsonb_build_object('outcome', 'ok', 'key', private.shown_key(v_key));
end $$;
revoke all on function api.revoke_key(uuid, uuid) from public, anon, authenticated, service_role;
grant execute on function api.revoke_key(uuid, uuid) to authenticated;

-- Whose secret this is: the key, its account and what it may do. Null for a secret that nobody has, or that is over. It is asked
-- before anybody is signed in, by whoever knows a secret of 192 random bits.
create function api.resolve_key(p_secret_hash text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_hash constant bytea := decode(p_secret_hash, 'hex');
  v_now constant timestamptz := clock_timestamp();
  v_found record;
begin
  select k.id, k.last_used_at, k.secret_used, k.secret_hash = v_hash as is_newest, a.id as account_id, a.name, m.role, m.scopes into v_found
    from public.api_keys k
    join public.account_members m on m.user_id = k.id and m.account_id = k.account_id
    join public.accounts a on a.id = k.account_id
   where (k.secret_hash = v_hash or (k.earlier_hash = v_hash and k.earlier_ends_at > v_now))
     and k.revoked_at is null and a.deleted_at is null and (m.expires_at is null or m.expires_at > v_now)
     and exists (
       select from public.account_members o
         join public.role_permissions p on p.role = o.role
        where o.user_id = case when k.secret_hash = v_hash then k.secret_by else k.earlier_by end and o.account_id = k.account_id and p.permission = 'manage_keys'
     );
  if not found then
    return null;
  end if;
  if v_found.last_used_at is null or v_found.last_used_at <= v_now - interval '1 minute'
     or (v_found.is_newest and not v_found.secret_used) then
    update public.api_keys k set last_used_at = v_now, secret_used = k.secret_used or k.secret_hash = v_hash
      from (select o.id from public.api_keys o where o.id = v_found.id for no key update skip locked) free
     where k.id = free.id;
  end if;
  return jsonb_build_object('key_id', v_found.id, 'membership', jsonb_build_object(
    'account_id', v_found.account_id, 'account_name', v_found.name, 'role', v_found.role, 'permissions', to_jsonb(v_found.scopes)
  ));
end $$;
revoke all on function api.resolve_key(text) from public, anon, authenticated, service_role;
grant execute on function api.resolve_key(text) to authenticated;
