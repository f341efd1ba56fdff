-- How customers create, change and delete their business profiles. The application has checked lengths, characters and
-- duplicates before; the table's CHECKs hold the limits once more.

select set_config('lock_timeout', '5s', true);

-- A profile as its customer sees it, with its criteria in a part of their own, without the columns that only we need.
create function private.shown_business_profile(p_profile public.business_profiles) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
  select to_jsonb(p_profile) - array['idempotency_key', 'body_hash', 'deleted_at', 'emptied_at']
    || jsonb_build_object('ideal_customer', to_jsonb(p_profile))
$$;
revoke all on function private.shown_business_profile(public.business_profiles)
  from public, anon, authenticated, service_role;

-- A JSON list of texts as an array, in the same order.
create function private.texts(p_list jsonb) returns text[]
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select coalesce(array_agg(t.text order by t.place), '{}')
    from jsonb_array_elements_text(p_list) with ordinality as t (text, place)
$$;
revoke all on function private.texts(jsonb) from public, anon, authenticated, service_role;

-- Creates a profile, up to 100 live ones; the account's lock makes the count exact. An idempotency key holds for a day,
-- even if its profile was changed or deleted meanwhile: the repeat returns the profile as it is now.
create function api.create_business_profile(p_account uuid, p_fields jsonb, p_idempotency_key text, p_body_hash text)
returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  c_live_max constant integer := 100;
  c_key_life constant interval := interval '24 hours';
  v_refusal jsonb;
  v_now timestamptz;
  v_profile public.business_profiles;
begin
  v_refusal := private.lock_balance_for(p_account, 'edit_business');
  if v_refusal is not null then
    return v_refusal;
  end if;
  v_now := clock_timestamp();

  select * into v_profile
    from public.business_profiles bp where bp.account_id = p_account and bp.idempotency_key = p_idempotency_key;
  if found and v_profile.created_at <= v_now - c_key_life then
    update public.business_profiles bp set idempotency_key = null where bp.id = v_profile.id;
  elsif found and v_profile.body_hash is distinct from p_body_hash then
    return jsonb_build_object('outcome', 'idempotency_key_reused');
  elsif found then
    return jsonb_build_object('outcome', 'replay', 'profile', private.shown_business_profile(v_profile));
  end if;

  if (select count(*) from public.business_profiles bp where bp.account_id = p_account and bp.deleted_at is null)
     >= c_live_max then
    return jsonb_build_object('outcome', 'limit', 'live_max', c_live_max);
  end if;
  insert into public.business_profiles (
    account_id, name, offering, target_audience, voice, do_not_say, competitors, proof_points,
    follower_min, follower_max, engagement_rate_min_percent, content_themes, geographies,
    idempotency_key, body_hash, created_at, updated_at
  ) values (
    p_account, p_fields ->> 'name', p_fields ->> 'offering', p_fields ->> 'target_audience', p_fields ->> 'voice',
    private.texts(p_fields -> 'do_not_say'), private.texts(p_fields -> 'competitors'),
    private.texts(p_fields -> 'proof_points'),
    (p_fields ->> 'follower_min')::bigint, (p_fields ->> 'follower_max')::bigint,
    (p_fields ->> 'engagement_rate_min_percent')::numeric,
    private.texts(p_fields -> 'content_themes'), private.texts(p_fields -> 'geographies'),
    p_idempotency_key, p_body_hash, v_now, v_now
  ) returning * into v_profile;
  return jsonb_build_object('outcome', 'ok', 'profile', private.shown_business_profile(v_profile));
end $$;
revoke all on function api.create_business_profile(uuid, jsonb, text, text)
  from public, anon, authenticated, service_role;
grant execute on function api.create_business_profile(uuid, jsonb, text, text) to authenticated;

-- Changes the fields that p_changes names and leaves the others. With p_expected_version, the change is refused unless
-- the profile has that version. When nothing differs, nothing is written, so a repeat does not raise the version again.
create function api.update_business_profile(
  p_account uuid, p_profile uuid, p_changes jsonb, p_expected_version integer
) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_old public.business_profiles;
  v_new public.business_profiles;
begin
  perform private.require_permission(p_account, 'edit_business');
  select * into v_old
    from public.business_profiles bp
   where bp.id = p_profile and bp.account_id = p_account and bp.deleted_at is null
     and bp.account_id = any (array(select private.my_accounts()))
     for no key update;
  if not found then
    return jsonb_build_object('outcome', 'not_found');
  end if;
  -- Permission, membership or account may have gone during the wait.
  if private.refuse_without(p_account, 'edit_business') is not null then
    return jsonb_build_object('outcome', 'not_found');
  end if;
  if p_expected_version <> v_old.context_version then
    return jsonb_build_object('outcome', 'other_version', 'context_version', v_old.context_version);
  end if;

  v_new := v_old;
  if p_changes ? 'name' then v_new.name := p_changes ->> 'name'; end if;
  if p_changes ? 'offering' then v_new.offering := p_changes ->> 'offering'; end if;
  if p_changes ? 'target_audience' then v_new.target_audience := p_changes ->> 'target_audience'; end if;
  if p_changes ? 'voice' then v_new.voice := p_changes ->> 'voice'; end if;
  if p_changes ? 'do_not_say' then v_new.do_not_say := private.texts(p_changes -> 'do_not_say'); end if;
  if p_changes ? 'competitors' then v_new.competitors := private.texts(p_changes -> 'competitors'); end if;
  if p_changes ? 'proof_points' then v_new.proof_points := private.texts(p_changes -> 'proof_points'); end if;
  if p_changes ? 'follower_min' then v_new.follower_min := (p_changes ->> 'follower_min')::bigint; end if;
  if p_changes ? 'follower_max' then v_new.follower_max := (p_changes ->> 'follower_max')::bigint; end if;
  if p_changes ? 'engagement_rate_min_percent' then
    v_new.engagement_rate_min_percent := (p_changes ->> 'engagement_rate_min_percent')::numeric;
  end if;
  if p_changes ? 'content_themes' then v_new.content_themes := private.texts(p_changes -> 'content_themes'); end if;
  if p_changes ? 'geographies' then v_new.geographies := private.texts(p_changes -> 'geographies'); end if;
  -- Each end of the range may come from another request, so only here both are known.
  if v_new.follower_min > v_new.follower_max then
    return jsonb_build_object('outcome', 'follower_range');
  end if;

  if v_new is distinct from v_old then
    update public.business_profiles bp
       set name = v_new.name, offering = v_new.offering, target_audience = v_new.target_audience,
           voice = v_new.voice, do_not_say = v_new.do_not_say, competitors = v_new.competitors,
           proof_points = v_new.proof_points,
           follower_min = v_new.follower_min, follower_max = v_new.follower_max,
           engagement_rate_min_percent = v_new.engagement_rate_min_percent,
           content_themes = v_new.content_themes, geographies = v_new.geographies
     where bp.id = p_profile
    returning * into strict v_new;
  end if;
  return jsonb_build_object('outcome', 'ok', 'profile', private.shown_business_profile(v_new));
end $$;
revoke all on function api.update_business_profile(uuid, uuid, jsonb, integer)
  from public, anon, authenticated, service_role;
grant execute on function api.update_business_profile(uuid, uuid, jsonb, integer) to authenticated;

-- Deletes a profile: no analysis can begin for it any more. Active runs go on, and leads and their history stay. A
-- repeat gives the first answer.
create function api.delete_business_profile(p_account uuid, p_profile uuid) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_deleted_at timestamptz;
begin
  perform private.require_permission(p_account, 'edit_business');
  perform from public.business_profiles bp
    where bp.id = p_profile and bp.account_id = p_account and bp.account_id = any (array(select private.my_accounts()))
      for no key update;
  -- Permission, membership or account may have gone during the wait.
  if not found or private.refuse_without(p_account, 'edit_business') is not null then
    return jsonb_build_object('outcome', 'not_found');
  end if;
  update public.business_profiles bp
     set deleted_at = coalesce(bp.deleted_at, clock_timestamp())
   where bp.id = p_profile
  returning bp.deleted_at into strict v_deleted_at;
  return jsonb_build_object('outcome', 'deleted', 'deleted_at', v_deleted_at);
end $$;
revoke all on function api.delete_business_profile(uuid, uuid) from public, anon, authenticated, service_role;
grant execute on function api.delete_business_profile(uuid, uuid) to authenticated;
