-- Buying a bulk: every check and every charge under one row lock, in one round trip.

select set_config('lock_timeout', '5s', true);

-- The seconds until the account may begin p_count more analyses in bulks, or null when it may now. Analyses that were
-- bought one by one do not count.
create function private.bulk_wait_s(p_account uuid, p_hourly_max integer, p_count integer, p_now timestamptz) returns integer
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select greatest(1, ceil(extract(epoch from r.created_at + interval '1 hour' - p_now))::integer)
    from public.runs r
   where p_count > 0 and r.account_id = p_account and r.bulk_id is not null and r.created_at > p_now - interval '1 hour'
   order by r.created_at desc
  offset greatest(0, p_hourly_max - p_count) limit 1
$$;
revoke all on function private.bulk_wait_s(uuid, integer, integer, timestamptz) from public, anon, authenticated, service_role;

-- How many analyses the account may begin in bulks now.
create function private.bulk_left(p_account uuid, p_hourly_max integer, p_now timestamptz) returns integer
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select greatest(0, p_hourly_max - count(*)::integer)
    from public.runs r
   where r.account_id = p_account and r.bulk_id is not null and r.created_at > p_now - interval '1 hour'
$$;
revoke all on function private.bulk_left(uuid, integer, timestamptz) from public, anon, authenticated, service_role;

-- What becomes of each line: bought, returned from what is held, skipped because a run is doing it, or refused because the profile
-- was erased: of those only the numbers of their lines are told, because answers are kept. A run without a
-- heartbeat for five minutes keeps no line from being bought: `stalled` lists such runs, and `coming_back` is what they
-- will give back. Every list is in the order of the lines.
create function private.plan_bulk(
  p_account uuid, p_business_profile uuid, p_type text, p_lines jsonb, p_fresh_within_days integer, p_now timestamptz,
  out bought jsonb, out held jsonb, out skipped jsonb, out erased jsonb, out stalled uuid[], out coming_back bigint
)
language sql volatile set search_path = pg_catalog, pg_temp as $$
  with lines as (
    select w.*, private.is_erased(w.username) as is_erased
      from jsonb_to_recordset(p_lines) as w (line integer, username text, run_id uuid)
  ), planned as (
    select w.line, w.username, w.run_id, r.id as active_run, r.credits, fresh.lead_id, fresh.score, fresh.created_at,
           coalesce(r.heartbeat_at, r.created_at) <= p_now - interval '5 minutes' as is_stalled
      from lines w
      left join public.runs r
        on r.account_id = p_account and r.business_profile_id = p_business_profile and r.username = w.username
       and r.analysis_type = p_type and r.status in ('pending', 'processing')
      left join lateral (
        select l.id as lead_id, a.score, a.created_at
          from public.leads l
          join public.analyses a on a.lead_id = l.id
         where p_fresh_within_days is not null
           and l.username = w.username and l.account_id = p_account and l.business_profile_id = p_business_profile
           and l.deleted_at is null and a.deleted_at is null and a.analysis_type = p_type and not a.is_stale
           and a.created_at > p_now - make_interval(days => p_fresh_within_days)
         order by a.created_at desc
         limit 1
      ) fresh on true
     where not w.is_erased
  )
  select coalesce(jsonb_agg(jsonb_build_object('line', p.line, 'username', p.username, 'run_id', p.run_id) order by p.line)
           filter (where p.lead_id is null and (p.active_run is null or p.is_stalled)), '[]'),
         coalesce(jsonb_agg(jsonb_build_object(
             'line', p.line, 'username', p.username, 'lead_id', p.lead_id, 'score', p.score, 'analyzed_at', p.created_at
           ) order by p.line) filter (where p.lead_id is not null), '[]'),
         coalesce(jsonb_agg(jsonb_build_object('line', p.line, 'username', p.username, 'run_id', p.active_run) order by p.line)
           filter (where p.lead_id is null and p.active_run is not null and not p.is_stalled), '[]'),
         (select coalesce(jsonb_agg(w.line order by w.line), '[]') from lines w where w.is_erased),
         coalesce(array_agg(p.active_run order by p.active_run)
           filter (where p.lead_id is null and p.active_run is not null and p.is_stalled), '{}'),
         coalesce(sum(p.credits) filter (where p.lead_id is null and p.active_run is not null and p.is_stalled), 0)::bigint
    from planned p
$$;
revoke all on function private.plan_bulk(uuid, uuid, text, jsonb, integer, timestamptz)
  from public, anon, authenticated, service_role;

-- The first p_count of p_lines, and the others.
create function private.split_lines(p_lines jsonb, p_count integer, out first jsonb, out rest jsonb)
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select coalesce(jsonb_agg(e.line order by e.place) filter (where e.place <= p_count), '[]'),
         coalesce(jsonb_agg(e.line order by e.place) filter (where e.place > p_count), '[]')
    from jsonb_array_elements(p_lines) with ordinality as e (line, place)
$$;
revoke all on function private.split_lines(jsonb, integer) from public, anon, authenticated, service_role;

-- The lines without the ids of their runs, for answers in which these runs do not exist.
create function private.without_runs(p_lines jsonb) returns jsonb
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select coalesce(jsonb_agg(e.line - 'run_id' order by e.place), '[]')
    from jsonb_array_elements(p_lines) with ordinality as e (line, place)
$$;
revoke all on function private.without_runs(jsonb) from public, anon, authenticated, service_role;

-- The refusal of p_count more analyses at p_price, or null. p_coming_back is what stalled runs are about to give back. The
-- order is that of begin_analysis: limits, services, cap, balance. p_count is never more than an hour allows: a list has 100 lines at
-- most, and no plan allows less in an hour.
create function private.refuse_bulk(
  p_account uuid, p_hourly_max integer, p_services jsonb, p_count integer, p_price integer, p_coming_back bigint,
  p_now timestamptz
) returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_required constant bigint := p_count::bigint * p_price;
  v_wait_s integer;
  v_refusal jsonb;
  v_balance bigint;
  v_back bigint;
begin
  if p_count = 0 then
    return null;
  end if;
  v_wait_s := private.bulk_wait_s(p_account, p_hourly_max, p_count, p_now);
  if v_wait_s is not null then
    return jsonb_build_object(
      'outcome', 'rate_limited', 'retry_after_s', v_wait_s, 'limit', p_hourly_max,
      'left', private.bulk_left(p_account, p_hourly_max, p_now)
    );
  end if;
  v_wait_s := private.service_wait_s(p_services, p_now);
  if v_wait_s is not null then
    return jsonb_build_object('outcome', 'provider_unavailable', 'retry_after_s', v_wait_s);
  end if;
  v_refusal := coalesce(
    private.over_daily_cap(p_account, v_required, p_now), private.over_member_limit(p_account, v_required, p_now)
  );
  if v_refusal is not null then
    return v_refusal;
  end if;
  -- What comes back pays debts first.
  select b.balance, greatest(0, p_coming_back - b.owed) into strict v_balance, v_back
    from public.credit_balances b where b.account_id = p_account;
  if v_balance + v_back < v_required then
    return jsonb_build_object('outcome', 'insufficient_credits', 'balance', v_balance, 'required', v_required);
  end if;
  return null;
end $$;
revoke all on function private.refuse_bulk(uuid, integer, jsonb, integer, integer, bigint, timestamptz)
  from public, anon, authenticated, service_role;

-- Charges each line by itself and makes its run; returns the balance, and the automatic purchase that this leads to, if any.
-- The caller holds the locks of balance and bulk, and has checked that nothing refuses it.
create function private.buy_lines(
  p_bulk public.bulk_runs, p_user uuid, p_lines jsonb, p_now timestamptz, out balance_after bigint, out top_up uuid
)
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_balance bigint;
  v_line record;
  v_drawn jsonb := '[]';
begin
  insert into public.runs (
    id, account_id, business_profile_id, created_by, username, analysis_type, credits, created_at, bulk_id, bulk_line
  )
  select l.run_id, p_bulk.account_id, p_bulk.business_profile_id, p_user, l.username, p_bulk.analysis_type,
         p_bulk.credits_each, p_now, p_bulk.id, l.line
    from jsonb_to_recordset(p_lines) as l (line integer, username text, run_id uuid);

  -- As private.post_entry does for one entry.
  select b.balance into strict v_balance from public.credit_balances b where b.account_id = p_bulk.account_id;
  for v_line in select l.line, l.run_id from jsonb_to_recordset(p_lines) as l (line integer, run_id uuid) order by l.line loop
    v_drawn := v_drawn || jsonb_build_object(
      'run_id', v_line.run_id, 'grants', private.draw(p_bulk.account_id, p_bulk.credits_each)
    );
  end loop;
  insert into public.credit_transactions (
    account_id, kind, amount, balance_after, run_id, description, idempotency_key, grants
  )
  select p_bulk.account_id, 'charge', -p_bulk.credits_each, v_balance - p_bulk.credits_each * d.place,
         (d.drawn ->> 'run_id')::uuid, p_bulk.analysis_type || ' analysis', 'charge:' || (d.drawn ->> 'run_id'), d.drawn -> 'grants'
    from jsonb_array_elements(v_drawn) with ordinality as d (drawn, place)
   order by d.place;
  update public.credit_balances b
     set balance = b.balance - p_bulk.credits_each::bigint * jsonb_array_length(p_lines), updated_at = clock_timestamp()
   where b.account_id = p_bulk.account_id
  returning b.balance into strict balance_after;
  top_up := private.after_charge(p_bulk.account_id, v_balance, balance_after);
end $$;
revoke all on function private.buy_lines(public.bulk_runs, uuid, jsonb, timestamptz)
  from public, anon, authenticated, service_role;

-- The first answer to a repeat, or null: as private.answer_from_key, for bulks.
create function private.bulk_from_key(p_account uuid, p_key text, p_body_hash text, p_now timestamptz) returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_first record;
begin
  select b.id, b.answer, b.body_hash, b.created_at into v_first
    from public.bulk_runs b where b.account_id = p_account and b.idempotency_key = p_key;
  if not found then
    return null;
  elsif v_first.created_at <= p_now - interval '24 hours' then
    update public.bulk_runs b set idempotency_key = null where b.id = v_first.id;
    return null;
  elsif v_first.body_hash is distinct from p_body_hash then
    return jsonb_build_object('outcome', 'idempotency_key_reused');
  end if;
  return v_first.answer || jsonb_build_object('outcome', 'replay');
end $$;
revoke all on function private.bulk_from_key(uuid, text, text, timestamptz) from public, anon, authenticated, service_role;

-- Buys a list. p_lines: [{"line", "username", "run_id"}], at most 100, each username once; p_options: `dry_run`,
-- `max_credits`, `pilot`, `fresh_within_days`. All or nothing: what does not fit the ceiling, the limits or the balance is
-- refused whole. A dry run writes nothing; it answers what the purchase would, with the refusal that it would meet.
create function api.begin_bulk(
  p_account uuid, p_bulk uuid, p_lines jsonb, p_business_profile uuid, p_type text, p_options jsonb, p_idempotency_key text,
  p_body_hash text, p_services jsonb
) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_user constant uuid := auth.uid();
  v_is_dry constant boolean := coalesce((p_options ->> 'dry_run')::boolean, false);
  v_pilot constant integer := (p_options ->> 'pilot')::integer;
  v_fresh constant integer := (p_options ->> 'fresh_within_days')::integer;
  v_max_credits constant bigint := (p_options ->> 'max_credits')::bigint;
  v_now timestamptz;
  v_hourly_max integer;
  v_plan record;
  v_now_bought jsonb;
  v_rest jsonb;
  v_count integer;
  v_refusal jsonb;
  v_answer jsonb;
  v_balance bigint;
  v_top_up uuid;
  v_bulk public.bulk_runs;
begin
  if p_services is null or jsonb_typeof(p_services) <> 'array' then
    raise exception 'the needed services are a list of lists' using errcode = 'invalid_parameter_value';
  end if;
  if p_lines is null or jsonb_typeof(p_lines) <> 'array' or jsonb_array_length(p_lines) > 100 then
    raise exception 'a bulk is a list of at most 100 lines' using errcode = 'invalid_parameter_value';
  end if;
  if v_pilot < 1 or v_max_credits < 0 or v_fresh not between 1 and 365 then
    raise exception 'an option of the bulk is out of its range' using errcode = 'invalid_parameter_value';
  end if;
  select p.credits into v_bulk.credits_each from public.analysis_prices p where p.analysis_type = p_type;
  if not found then
    return jsonb_build_object('outcome', 'unknown_analysis_type');
  end if;

  v_answer := private.lock_balance_for(p_account, 'analyse');
  if v_answer is not null then
    return v_answer;
  end if;
  perform private.refuse_blocked(p_account);
  v_now := clock_timestamp();
  perform private.end_due_grants(p_account, v_now);
  select p.hourly_bulk_analyses_max into strict v_hourly_max
    from public.accounts a join public.plans p on p.id = a.plan_id where a.id = p_account;

  if not v_is_dry then
    v_answer := private.bulk_from_key(p_account, p_idempotency_key, p_body_hash, v_now);
    if v_answer is not null then
      return v_answer;
    end if;
  end if;
  perform from public.business_profiles bp
    where bp.id = p_business_profile and bp.account_id = p_account and bp.deleted_at is null;
  if not found then
    return jsonb_build_object('outcome', 'business_profile_not_found');
  end if;
  if jsonb_array_length(p_lines) = 0 then
    return jsonb_build_object('outcome', 'nothing_to_do');
  end if;

  select * into strict v_plan from private.plan_bulk(p_account, p_business_profile, p_type, p_lines, v_fresh, v_now);
  if not v_is_dry and v_plan.stalled <> '{}' then
    -- Failed and refunded first. Whoever came alive meanwhile is a duplicate after all.
    perform private.fail_if_stale(s.id, interval '5 minutes', false) from unnest(v_plan.stalled) as s (id);
    select * into strict v_plan from private.plan_bulk(p_account, p_business_profile, p_type, p_lines, v_fresh, v_now);
  end if;
  select l.first, l.rest into strict v_now_bought, v_rest from private.split_lines(v_plan.bought, coalesce(v_pilot, 100)) l;
  v_count := jsonb_array_length(v_now_bought);

  if jsonb_array_length(v_plan.bought)::bigint * v_bulk.credits_each > v_max_credits then
    v_refusal := jsonb_build_object(
      'outcome', 'over_ceiling', 'max_credits', v_max_credits,
      'required', jsonb_array_length(v_plan.bought)::bigint * v_bulk.credits_each
    );
  else
    v_refusal := private.refuse_bulk(
      p_account, v_hourly_max, p_services, v_count, v_bulk.credits_each, v_plan.coming_back, v_now
    );
  end if;
  select b.balance into strict v_balance from public.credit_balances b where b.account_id = p_account;
  v_answer := jsonb_build_object(
    'credits_each', v_bulk.credits_each, 'credits', v_count * v_bulk.credits_each, 'items', v_now_bought,
    'held', v_plan.held, 'skipped', v_plan.skipped, 'erased', v_plan.erased,
    'waiting', private.without_runs(v_rest),
    'continue_until', case when v_rest <> '[]' then v_now + interval '24 hours' end
  );
  if v_is_dry then
    return v_answer || jsonb_build_object(
      'outcome', 'dry_run', 'refusal', v_refusal,
      'items', private.without_runs(v_now_bought),
      'balance', v_balance + v_plan.coming_back - v_count * v_bulk.credits_each
    );
  elsif v_refusal is not null then
    return v_refusal;
  end if;

  v_bulk.id := p_bulk;
  v_bulk.account_id := p_account;
  v_bulk.business_profile_id := p_business_profile;
  v_bulk.analysis_type := p_type;
  v_answer := v_answer || jsonb_build_object(
    'outcome', 'ok', 'bulk_id', p_bulk, 'balance', v_balance - v_count * v_bulk.credits_each
  );
  insert into public.bulk_runs (
    id, account_id, business_profile_id, created_by, analysis_type, credits_each, fresh_within_days, answer, rest,
    continue_until, idempotency_key, body_hash, created_at, status, finished_at
  ) values (
    p_bulk, p_account, p_business_profile, v_user, p_type, v_bulk.credits_each, v_fresh, v_answer,
    case when v_rest <> '[]' then v_rest end, (v_answer ->> 'continue_until')::timestamptz, p_idempotency_key, p_body_hash,
    v_now, case when v_count > 0 then 'processing' else 'complete' end, case when v_count = 0 then v_now end
  );
  select b.top_up into strict v_top_up from private.buy_lines(v_bulk, v_user, v_now_bought, v_now) b;
  -- Not part of what a repeat is answered: it is asked for once.
  return v_answer || jsonb_strip_nulls(jsonb_build_object('top_up', v_top_up));
end $$;
revoke all on function api.begin_bulk(uuid, uuid, jsonb, uuid, text, jsonb, text, text, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function api.begin_bulk(uuid, uuid, jsonb, uuid, text, jsonb, text, text, jsonb) to authenticated;
