-- A run ends with a result: lead, analysis and status in one transaction, or nothing of them. So there is no lead without
-- an analysis, and nothing is saved for a run that was cancelled, failed or swept meanwhile.

select set_config('lock_timeout', '5s', true);

-- Finds the lead, locked until the end of the transaction, or makes it from its first analysis. The provider's texts are
-- cut to the table's limits, because a long one must not fail a paid run.
create function private.lead_of_run(
  p_account uuid, p_business_profile uuid, p_username text, p_lead jsonb, p_scraped_at timestamptz,
  p_analysis uuid, p_type text, p_score integer, out lead_id uuid, out is_new boolean
)
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  insert into public.leads as l (
    account_id, business_profile_id, username, renamed_to, instagram_id, display_name, biography, followers, following, posts, category,
    external_url, profile_pic_url, is_verified, is_business, scraped_at, latest_analysis_id, score, analysis_types
  ) values (
    p_account, p_business_profile, p_username, p_lead ->> 'renamed_to', p_lead ->> 'instagram_id',
    left(p_lead ->> 'display_name', 200), left(p_lead ->> 'biography', 2000),
    (p_lead ->> 'followers')::bigint, (p_lead ->> 'following')::bigint, (p_lead ->> 'posts')::bigint,
    left(p_lead ->> 'category', 200), left(p_lead ->> 'external_url', 2000), left(p_lead ->> 'profile_pic_url', 2000),
    coalesce((p_lead ->> 'is_verified')::boolean, false), coalesce((p_lead ->> 'is_business')::boolean, false),
    p_scraped_at, p_analysis, p_score, array[p_type]
  )
  -- A conflict locks the row even though nothing is updated, so that it is still there in the next statement.
  on conflict (username, account_id, business_profile_id) where deleted_at is null
  do update set score = l.score where false
  returning l.id into lead_id;
  is_new := found;
  if not is_new then
    select l.id into strict lead_id
      from public.leads l
     where l.username = p_username and l.account_id = p_account
       and l.business_profile_id = p_business_profile and l.deleted_at is null;
  end if;
end $$;
revoke all on function private.lead_of_run(uuid, uuid, text, jsonb, timestamptz, uuid, text, integer)
  from public, anon, authenticated, service_role;

-- Brings a lead's facts up to date.
create function private.update_facts(p_lead_id uuid, p_lead jsonb, p_scraped_at timestamptz) returns void
language sql volatile set search_path = pg_catalog, pg_temp as $$
  update public.leads l
     set renamed_to = p_lead ->> 'renamed_to', instagram_id = coalesce(p_lead ->> 'instagram_id', l.instagram_id),
         display_name = left(p_lead ->> 'display_name', 200), biography = left(p_lead ->> 'biography', 2000),
         followers = (p_lead ->> 'followers')::bigint, following = (p_lead ->> 'following')::bigint,
         posts = (p_lead ->> 'posts')::bigint, category = left(p_lead ->> 'category', 200),
         external_url = left(p_lead ->> 'external_url', 2000),
         profile_pic_url = left(p_lead ->> 'profile_pic_url', 2000),
         is_verified = coalesce((p_lead ->> 'is_verified')::boolean, false),
         is_business = coalesce((p_lead ->> 'is_business')::boolean, false),
         scraped_at = p_scraped_at, updated_at = clock_timestamp()
   where l.id = p_lead_id
$$;
revoke all on function private.update_facts(uuid, jsonb, timestamptz) from public, anon, authenticated, service_role;

-- Does nothing, and says so, unless the run is processing, and if the profile was erased: then the caller fails the run.
-- A repeat for the same run gives the first answer. The lead gets
-- the username that was bought, whatever p_lead says. It moves no credits, so it needs no lock of the balance.
create function system.complete_run(p_run uuid, p_lead jsonb, p_result jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_run record;
  v_lead record;
  v_analysis constant uuid := gen_random_uuid();
  v_now constant timestamptz := clock_timestamp();
  v_scraped_at timestamptz := (p_lead ->> 'scraped_at')::timestamptz;
  v_score constant integer := (p_result ->> 'score')::integer;
begin
  select r.account_id, r.business_profile_id, r.username, r.analysis_type, r.status into v_run
    from public.runs r where r.id = p_run for no key update;
  if not found then
    return jsonb_build_object('outcome', 'inactive', 'status', 'not_found');
  end if;
  if v_run.status = 'complete' then
    select a.lead_id, a.is_new_lead, a.id into v_lead from public.analyses a where a.run_id = p_run;
    if found then
      return jsonb_build_object(
        'outcome', 'completed', 'lead_id', v_lead.lead_id, 'is_new', v_lead.is_new_lead, 'analysis_id', v_lead.id
      );
    end if;
  end if;
  if v_run.status <> 'processing' then
    return jsonb_build_object('outcome', 'inactive', 'status', v_run.status);
  end if;

  -- Facts dated in the future, by a clock that runs ahead, could not be replaced by any that come later.
  if v_scraped_at > v_now then
    v_scraped_at := v_now;
  end if;
  -- From here to the commit nobody can say that the profile has changed. What was said before, the analysis sees when it
  -- is stored (private.stale_at_birth).
  perform pg_advisory_xact_lock_shared(private.profile_lock(v_run.username));
  if private.erasure_of(
    array[v_run.username, p_lead ->> 'username', p_lead ->> 'renamed_to'], p_lead ->> 'instagram_id'
  ) is not null then
    return jsonb_build_object('outcome', 'subject_erased');
  end if;
  select l.lead_id, l.is_new into strict v_lead
    from private.lead_of_run(
      v_run.account_id, v_run.business_profile_id, v_run.username, p_lead, v_scraped_at,
      v_analysis, v_run.analysis_type, v_score
    ) l;
  -- Under the lead's lock, so that a lead's analyses are ordered by their times as they were committed.
  insert into public.analyses (
    id, account_id, lead_id, run_id, analysis_type, score, provider, model, snapshot_key, scraped_at, result,
    cost_microusd, cost, is_new_lead, created_at
  ) values (
    v_analysis, v_run.account_id, v_lead.lead_id, p_run, v_run.analysis_type, v_score, p_result ->> 'provider',
    p_result ->> 'model', p_result ->> 'snapshot_key', v_scraped_at, p_result -> 'result',
    coalesce((p_result ->> 'cost_microusd')::bigint, 0), p_result -> 'cost', v_lead.is_new, clock_timestamp()
  );
  -- A slow run must not overwrite what a faster one saw later: the facts are those of the latest analysis, which the
  -- insert above has just chosen.
  if not v_lead.is_new
     and exists (select from public.leads l where l.id = v_lead.lead_id and l.latest_analysis_id = v_analysis) then
    perform private.update_facts(v_lead.lead_id, p_lead, v_scraped_at);
  end if;
  update public.runs r
     set status = 'complete', charge_outcome = 'result', lead_id = v_lead.lead_id,
         cache_hit = coalesce(p_result -> 'result' -> 'cache_hit' = 'true', false),
         heartbeat_at = clock_timestamp(), finished_at = clock_timestamp()
   where r.id = p_run;
  return jsonb_build_object(
    'outcome', 'completed', 'lead_id', v_lead.lead_id, 'is_new', v_lead.is_new, 'analysis_id', v_analysis
  );
end $$;
revoke all on function system.complete_run(uuid, jsonb, jsonb) from public, anon, authenticated, service_role;
grant execute on function system.complete_run(uuid, jsonb, jsonb) to service_role;
