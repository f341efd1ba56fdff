-- Local conveniences, applied after the migrations and never anywhere else. Safe to apply again.

create schema if not exists local;
revoke all on schema local from public, anon, authenticated, service_role;

-- A confirmed user by name, through the real sign-up trigger, with exactly p_credits credits and a business profile of a
-- plausible brand. The same name gives the same user; a repeat only replaces a business profile that was deleted.
create or replace function local.mint_user(p_name text, p_credits integer) returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_name constant text := trim(both '-' from regexp_replace(lower(p_name), '[^a-z0-9]+', '-', 'g'));
  v_user constant uuid := md5('oslira local user ' || v_name)::uuid;
  v_email constant text := v_name || '@local.oslira.test';
  v_is_new boolean;
  v_account uuid;
  v_profile uuid;
  v_missing bigint;
begin
  if coalesce(v_name, '') = '' or p_credits is null or p_credits < 0 then
    raise exception 'a user needs a name and a number of credits that is not negative' using errcode = 'invalid_parameter_value';
  end if;

  insert into auth.users (id, aud, role, email, email_confirmed_at, last_sign_in_at)
    values (v_user, 'authenticated', 'authenticated', v_email, now(), now())
    on conflict (id) do nothing;
  v_is_new := found;
  select m.account_id into strict v_account
    from public.account_members m where m.user_id = v_user and m.role = 'owner';

  if v_is_new then
    select p_credits - b.balance into strict v_missing from public.credit_balances b where b.account_id = v_account;
    if v_missing > 0 then
      perform system.grant_credits(
        v_account, v_missing::integer, 'adjustment', null, null, 'local:' || v_user, 'Local credits'
      );
    elsif v_missing < 0 then
      perform system.deduct_credits_atomic(v_account, (-v_missing)::integer, null, 'local:' || v_user, 'Local credits');
    end if;
  end if;
  -- A developer, or a test, may have deleted it.
  if not exists (select from public.business_profiles bp where bp.account_id = v_account and bp.deleted_at is null) then
    insert into public.business_profiles (
      account_id, name, offering, target_audience, voice, do_not_say, competitors, proof_points,
      follower_min, follower_max, engagement_rate_min_percent, content_themes, geographies
    ) values (
      v_account, 'Kernel Kitchen',
      'Ready-to-eat high-protein meals and a nutrition app that plans training weeks around them, sold by subscription to '
        || 'consumers. Creators earn a commission per subscriber and get meals for their own content.',
      'Fitness and nutrition creators whose followers train several times a week, cook little and trust their advice: '
        || 'personal trainers, runners, CrossFit athletes, dietitians, healthy-food bloggers.',
      'Like a training partner who cooks: plain, warm, in short sentences. No exclamation marks.',
      array['guilt-free', 'cheat meal', 'game-changer', 'lose weight fast'],
      array['MealMachine', 'Protein Parcel'],
      array['Every meal is planned by dietitians.', 'Delivers in 48 hours.', 'The subscription can be paused in any week.'],
      5000, 500000, 1.50,
      array['fitness', 'workout', 'nutrition', 'healthy recipes', 'running', 'strength training', 'wellness'],
      array['United States', 'Canada', 'United Kingdom', 'Australia']
    );
  end if;

  select bp.id into strict v_profile
    from public.business_profiles bp
   where bp.account_id = v_account and bp.deleted_at is null
   order by bp.created_at, bp.id
   limit 1;
  return jsonb_build_object(
    'user_id', v_user, 'email', v_email, 'account_id', v_account, 'business_profile_id', v_profile
  );
end $$;
revoke all on function local.mint_user(text, integer) from public, anon, authenticated, service_role;
