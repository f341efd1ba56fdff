-- What the daily job removes for good, and what it erases. Each function takes up to p_limit rows in one transaction and says
-- how many it took; fewer than p_limit means that nothing more is due. The job asks again and again, so that no transaction is
-- long. A job that dies leaves whole batches behind, and the next one goes on.
--
-- Locks. Of two jobs at once, one's batch waits for the other's (private.take_turn). A row that somebody else holds is left for
-- the next job where that is possible; the lock_timeout ends what else might wait. What is deleted does not come back, so rows
-- may be chosen before they are locked.

select set_config('lock_timeout', '5s', true);

-- The first thing that each of these functions does.
create function private.take_turn(p_before timestamptz, p_limit integer) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  if p_before is null or p_limit is null or p_limit not between 1 and 5000 then
    raise exception 'a time is needed, and a limit between 1 and 5000' using errcode = 'invalid_parameter_value';
  end if;
  perform pg_advisory_xact_lock(hashtext('system.clean_up'));
end $$;
revoke all on function private.take_turn(timestamptz, integer) from public, anon, authenticated, service_role;

-- Calls of models that were made before p_before.
create function system.remove_ai_usage(p_before timestamptz, p_limit integer) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '5s' as $$
declare
  v_taken bigint;
begin
  perform private.take_turn(p_before, p_limit);
  delete from public.ai_usage_logs l where l.id = any (array(
    select o.id from public.ai_usage_logs o
     where o.created_at < p_before order by o.created_at limit p_limit
       for update skip locked
  ));
  get diagnostics v_taken = row_count;
  return v_taken;
end $$;
revoke all on function system.remove_ai_usage(timestamptz, integer) from public, anon, authenticated, service_role;
grant execute on function system.remove_ai_usage(timestamptz, integer) to service_role;

-- The same for scrapes.
create function system.remove_scrape_logs(p_before timestamptz, p_limit integer) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '5s' as $$
declare
  v_taken bigint;
begin
  perform private.take_turn(p_before, p_limit);
  delete from public.scrape_logs l where l.id = any (array(
    select o.id from public.scrape_logs o
     where o.created_at < p_before order by o.created_at limit p_limit
       for update skip locked
  ));
  get diagnostics v_taken = row_count;
  return v_taken;
end $$;
revoke all on function system.remove_scrape_logs(timestamptz, integer) from public, anon, authenticated, service_role;
grant execute on function system.remove_scrape_logs(timestamptz, integer) to service_role;

-- The same for outcomes of jobs.
create function system.remove_job_runs(p_before timestamptz, p_limit integer) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '5s' as $$
declare
  v_taken bigint;
begin
  perform private.take_turn(p_before, p_limit);
  delete from public.job_runs j where j.id = any (array(
    select o.id from public.job_runs o
     where o.started_at < p_before order by o.started_at limit p_limit
       for update skip locked
  ));
  get diagnostics v_taken = row_count;
  return v_taken;
end $$;
revoke all on function system.remove_job_runs(timestamptz, integer) from public, anon, authenticated, service_role;
grant execute on function system.remove_job_runs(timestamptz, integer) to service_role;

-- Invitations that were accepted, revoked or expired before p_before.
create function system.remove_invitations(p_before timestamptz, p_limit integer) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '5s' as $$
declare
  v_taken bigint;
begin
  perform private.take_turn(p_before, p_limit);
  delete from public.invitations i where i.id = any (array(
    select o.id from public.invitations o
     where least(o.accepted_at, o.revoked_at, o.expires_at) < p_before
     order by least(o.accepted_at, o.revoked_at, o.expires_at) limit p_limit
       for update skip locked
  ));
  get diagnostics v_taken = row_count;
  return v_taken;
end $$;
revoke all on function system.remove_invitations(timestamptz, integer) from public, anon, authenticated, service_role;
grant execute on function system.remove_invitations(timestamptz, integer) to service_role;

-- Analyses that were deleted before p_before.
create function system.remove_analyses(p_before timestamptz, p_limit integer) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '5s' as $$
declare
  v_taken bigint;
begin
  perform private.take_turn(p_before, p_limit);
  delete from public.analyses a where a.id = any (array(
    select o.id from public.analyses o
     where o.deleted_at < p_before order by o.deleted_at limit p_limit
       for update skip locked
  ));
  get diagnostics v_taken = row_count;
  return v_taken;
end $$;
revoke all on function system.remove_analyses(timestamptz, integer) from public, anon, authenticated, service_role;
grant execute on function system.remove_analyses(timestamptz, integer) to service_role;

-- Removes leads for good, with all that hangs on them; returns how many. Everybody who removes leads does it here. Their runs stay,
-- and forget them. Runs are locked before leads, as a completion does, and leads before their analyses.
create function private.delete_leads(p_leads uuid[]) returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_taken bigint;
begin
  perform from public.runs r where r.lead_id = any (p_leads) order by r.id for no key update;
  update public.runs r set lead_id = null where r.lead_id = any (p_leads);
  perform from public.leads l where l.id = any (p_leads) order by l.id for update;
  delete from public.analyses a where a.lead_id = any (p_leads);
  delete from public.leads l where l.id = any (p_leads);
  get diagnostics v_taken = row_count;
  return v_taken;
end $$;
revoke all on function private.delete_leads(uuid[]) from public, anon, authenticated, service_role;

-- Leads that were deleted before p_before and that no analysis is left of.
create function system.remove_leads(p_before timestamptz, p_limit integer) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '5s' as $$
begin
  perform private.take_turn(p_before, p_limit);
  return private.delete_leads(array(
    select l.id from public.leads l
     where l.deleted_at < p_before and not exists (select from public.analyses a where a.lead_id = l.id)
     order by l.deleted_at limit p_limit
  ));
end $$;
revoke all on function system.remove_leads(timestamptz, integer) from public, anon, authenticated, service_role;
grant execute on function system.remove_leads(timestamptz, integer) to service_role;

-- Keys of requests that bought lists before p_before, and hashes of what they asked for: a repeat counts for a day, and whoever has a
-- hash could try out which names were asked for.
create function system.forget_bulk_keys(p_before timestamptz, p_limit integer) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '5s' as $$
declare
  v_taken bigint;
begin
  perform private.take_turn(p_before, p_limit);
  update public.bulk_runs b set idempotency_key = null, body_hash = null where b.id = any (array(
    select o.id from public.bulk_runs o
     where o.created_at < p_before and o.body_hash is not null order by o.created_at limit p_limit
       for no key update skip locked
  ));
  get diagnostics v_taken = row_count;
  return v_taken;
end $$;
revoke all on function system.forget_bulk_keys(timestamptz, integer) from public, anon, authenticated, service_role;
grant execute on function system.forget_bulk_keys(timestamptz, integer) to service_role;

-- Whether something still needs a deleted business profile: a lead, which must have one, or an analysis that is under way.
create function private.needs_business_profile(p_account uuid, p_profile uuid) returns boolean
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select exists (select from public.leads l where l.business_profile_id = p_profile)
      or exists (select from public.bulk_runs b where b.business_profile_id = p_profile and b.status = 'processing')
      or exists (
        select from public.runs r
         where r.account_id = p_account and r.business_profile_id = p_profile and r.status in ('pending', 'processing')
      )
$$;
revoke all on function private.needs_business_profile(uuid, uuid) from public, anon, authenticated, service_role;

-- Lets bulks and runs of a business profile that nothing needs forget it, and then removes it. Takes up to p_limit rows, and
-- returns how many.
create function private.remove_business_profile(p_profile uuid, p_limit bigint) returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_bulks uuid[];
  v_runs uuid[];
  v_taken bigint;
begin
  v_bulks := array(
    select b.id from public.bulk_runs b where b.business_profile_id = p_profile order by b.id limit p_limit for no key update
  );
  update public.bulk_runs b set business_profile_id = null where b.id = any (v_bulks);
  v_taken := cardinality(v_bulks);
  v_runs := array(
    select r.id from public.runs r
     where r.business_profile_id = p_profile order by r.id limit p_limit - v_taken
       for no key update
  );
  update public.runs r set business_profile_id = null where r.id = any (v_runs);
  v_taken := v_taken + cardinality(v_runs);
  if v_taken < p_limit then
    delete from public.business_profiles bp where bp.id = p_profile;
    v_taken := v_taken + 1;
  end if;
  return v_taken;
end $$;
revoke all on function private.remove_business_profile(uuid, bigint) from public, anon, authenticated, service_role;

-- Business profiles that were deleted before p_before and that nothing needs any more.
create function system.remove_business_profiles(p_before timestamptz, p_limit integer) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '5s' as $$
declare
  v_profile uuid;
  v_taken bigint := 0;
begin
  perform private.take_turn(p_before, p_limit);
  for v_profile in
    select bp.id from public.business_profiles bp
     where bp.deleted_at < p_before and not private.needs_business_profile(bp.account_id, bp.id)
     order by bp.deleted_at
     limit p_limit
  loop
    v_taken := v_taken + private.remove_business_profile(v_profile, p_limit - v_taken);
    exit when v_taken >= p_limit;
  end loop;
  return v_taken;
end $$;
revoke all on function system.remove_business_profiles(timestamptz, integer) from public, anon, authenticated, service_role;
grant execute on function system.remove_business_profiles(timestamptz, integer) to service_role;

-- Wipes the texts of business profiles that were deleted before p_before and have to stay for their leads. One that an
-- analysis is being made for keeps them until that has ended.
create function system.empty_business_profiles(p_before timestamptz, p_limit integer) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '5s' as $$
declare
  v_taken bigint;
begin
  perform private.take_turn(p_before, p_limit);
  update public.business_profiles bp
     set name = 'Deleted', offering = 'Deleted', target_audience = 'Deleted', voice = null,
         do_not_say = '{}', competitors = '{}', proof_points = '{}',
         follower_min = null, follower_max = null, engagement_rate_min_percent = null,
         content_themes = '{}', geographies = '{}',
         idempotency_key = null, body_hash = null, emptied_at = clock_timestamp()
   where bp.id = any (array(
     select d.id from public.business_profiles d
      where d.deleted_at < p_before and d.emptied_at is null
        and not exists (
          select from public.runs r
           where r.account_id = d.account_id and r.business_profile_id = d.id and r.status in ('pending', 'processing')
        )
      order by d.deleted_at limit p_limit
        for no key update skip locked
   ));
  get diagnostics v_taken = row_count;
  return v_taken;
end $$;
revoke all on function system.empty_business_profiles(timestamptz, integer) from public, anon, authenticated, service_role;
grant execute on function system.empty_business_profiles(timestamptz, integer) to service_role;

-- Wipes up to p_limit bulks of an account, then runs, as far as they are not wiped yet, and returns how many. What was bought
-- and how it was paid stays: the ledger is explained by it. Runs are wiped in the order of their ids, which is that of time, and
-- the account knows how far; or each slice would read all those before it.
create function private.erase_runs(p_account uuid, p_limit bigint) returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_bulks uuid[];
  v_runs uuid[];
begin
  v_bulks := array(
    select b.id from public.bulk_runs b
     where b.account_id = p_account and b.answer <> '{}'
     order by b.id limit p_limit
       for no key update
  );
  -- What a cancellation was answered names nobody, and a cancelled bulk must have it.
  update public.bulk_runs b
     set answer = '{}', continued = case when b.continued is not null then '{}'::jsonb end,
         created_by = null, business_profile_id = null, idempotency_key = null, body_hash = null
   where b.id = any (v_bulks);
  v_runs := array(
    select r.id from public.runs r
     where r.account_id = p_account
       and r.id > coalesce(
         (select a.wiped_to_run from public.accounts a where a.id = p_account), '00000000-0000-0000-0000-000000000000'
       )
     order by r.id limit p_limit - cardinality(v_bulks)
       for no key update
  );
  if v_runs <> '{}' then
    update public.accounts a set wiped_to_run = v_runs[cardinality(v_runs)] where a.id = p_account;
  end if;
  update public.runs r set created_by = null, lead_id = null, business_profile_id = null where r.id = any (v_runs);
  perform private.forget_whom(v_runs);
  return cardinality(v_bulks) + cardinality(v_runs);
end $$;
revoke all on function private.erase_runs(uuid, bigint) from public, anon, authenticated, service_role;

-- Erases up to p_limit rows of a closed account, and when nothing is left of it but what it bought, makes the account itself a
-- tombstone; returns how many rows it took. The caller holds the locks of the balance and of the account.
create function private.erase_account(p_account uuid, p_limit bigint) returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_leads uuid[];
  v_taken bigint;
  v_more bigint;
begin
  update public.accounts a set erasing_at = clock_timestamp() where a.id = p_account and a.erasing_at is null;
  v_taken := private.erase_runs(p_account, p_limit);
  -- A lead is locked before its analyses, as whoever marks them as stale does. The marks of a lead go with its analyses.
  v_leads := array(
    select l.id from public.leads l where l.account_id = p_account limit p_limit - v_taken for update skip locked
  );
  delete from public.analyses a where a.id = any (array(
    select o.id from public.analyses o where o.lead_id = any (v_leads) limit p_limit - v_taken
  ));
  get diagnostics v_more = row_count;
  v_taken := v_taken + v_more;
  v_taken := v_taken + private.delete_leads(array(
    select o.id from public.leads o
     where o.id = any (v_leads) and not exists (select from public.analyses a where a.lead_id = o.id)
     limit p_limit - v_taken
  ));
  -- Somebody holds one of them.
  if v_taken < p_limit and exists (select from public.leads l where l.account_id = p_account) then
    return v_taken;
  end if;
  delete from public.business_profiles bp where bp.id = any (array(
    select o.id from public.business_profiles o where o.account_id = p_account limit p_limit - v_taken
  ));
  get diagnostics v_more = row_count;
  v_taken := v_taken + v_more;
  if v_taken >= p_limit then
    return v_taken;
  end if;

  delete from public.account_members m where m.account_id = p_account;
  delete from public.member_spending_days s where s.account_id = p_account;
  delete from public.invitations i where i.account_id = p_account;
  delete from public.api_keys k where k.account_id = p_account;
  delete from public.member_actions n where n.account_id = p_account;
  delete from public.auto_top_ups t where t.account_id = p_account;
  update public.credit_purchases c set idempotency_key = null where c.account_id = p_account and c.idempotency_key is not null;
  -- What Stripe told of its customer.
  update public.webhook_events e set payload = null
   where e.account_id = p_account and e.processed_at is not null and e.payload is not null;
  update public.accounts a set name = 'Deleted account', tombstoned_at = clock_timestamp() where a.id = p_account;
  return v_taken + 1;
end $$;
revoke all on function private.erase_account(uuid, bigint) from public, anon, authenticated, service_role;

-- Accounts that were closed before p_before become tombstones: rows that say what was bought, and not by whom or about whom.
-- The ledger stays whole. A large account takes several turns. One with a run or a bulk under way waits for its end.
create function system.erase_accounts(p_before timestamptz, p_limit integer) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '5s' as $$
declare
  v_account uuid;
  v_taken bigint := 0;
begin
  perform private.take_turn(p_before, p_limit);
  for v_account in
    select a.id from public.accounts a
     where a.deleted_at < p_before and a.tombstoned_at is null
       and not exists (
         select from public.runs r where r.account_id = a.id and r.status in ('pending', 'processing')
       )
       and not exists (
         select from public.bulk_runs b where b.account_id = a.id and b.status = 'processing'
       )
     order by a.deleted_at, a.id
     limit p_limit
  loop
    perform from public.credit_balances b where b.account_id = v_account for no key update skip locked;
    continue when not found;
    -- Members before the account, as the deletion of a user locks them.
    perform from public.account_members m where m.account_id = v_account
      order by (m.role = 'key'), (m.role <> 'owner'), m.user_id for no key update;
    -- It may have been opened again.
    perform from public.accounts a where a.id = v_account and a.deleted_at < p_before for no key update skip locked;
    continue when not found;
    v_taken := v_taken + private.erase_account(v_account, p_limit - v_taken);
    exit when v_taken >= p_limit;
  end loop;
  return v_taken;
end $$;
revoke all on function system.erase_accounts(timestamptz, integer) from public, anon, authenticated, service_role;
grant execute on function system.erase_accounts(timestamptz, integer) to service_role;
