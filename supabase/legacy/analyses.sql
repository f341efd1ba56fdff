-- Analyses, and the credits that explain them.
--
-- The product has no analysis without a run, and no run without its charge. So the history of an account brings its own credits: one
-- grant of what all its runs cost, each run's charge out of it, the refund of each run that failed, and at the end what those refunds gave
-- back is taken away again. Together they move nothing, except where an analysis that was charged and never ended is really
-- given back. The opening balance comes before all of this, so that the ledger starts with it.

-- Writes an entry about the history's grant. What is left of the grant is written at the end.
create or replace function legacy_import.post_history(
  p_account uuid, p_kind text, p_amount bigint, p_run uuid, p_key text, p_description text, p_grant bigint
) returns void
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select private.post_entry(
    p_account, p_kind, p_amount, p_run, p_key, p_description, jsonb_build_object(p_grant::text, p_amount)
  ) where p_amount <> 0
$$;

-- The result as the customer reads it: an object within the product's limit.
create or replace function legacy_import.result_of(p_result jsonb) returns jsonb
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select case
    when octet_length(p_result::text) > 262000 then
      case when jsonb_typeof(p_result -> 'summary') = 'string'
        then jsonb_build_object('summary', left(p_result ->> 'summary', 4000)) else '{}' end
    when jsonb_typeof(p_result) = 'object' then p_result
    when p_result is null or jsonb_typeof(p_result) = 'null' then '{}'
    else jsonb_build_object('value', p_result)
  end
$$;

create or replace function legacy_import.provider_of(p_model text) returns text
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select case when p_model ilike '%claude%' then 'anthropic' when p_model ~* '(^|/)(gpt|o[0-9]|chatgpt)' then 'openai' else 'unknown' end
$$;

-- A run and, of a complete one, its analysis. The run passes the states that every run passes.
create or replace function legacy_import.carry_analysis(
  p_user uuid, p_account uuid, p_plan legacy_import.planned_analyses, p_grant bigint
) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_run constant uuid := legacy_import.uuid7(p_plan.created_at, 'legacy analysis ' || p_plan.id);
  v_business uuid;
  v_lead uuid;
begin
  select o.new_id::uuid into v_business
    from legacy_import.origins o where o.legacy_table = 'business_profiles' and o.legacy_id = p_plan.business_id;
  select o.new_id::uuid into v_lead
    from legacy_import.origins o where o.legacy_table = 'leads' and o.legacy_id = p_plan.lead_id;
  insert into public.runs (
    id, account_id, business_profile_id, created_by, username, analysis_type, credits, lead_id, created_at
  ) values (
    v_run, p_account, v_business, p_user, p_plan.username, p_plan.analysis_type, p_plan.credits, v_lead, p_plan.created_at
  );
  perform legacy_import.post_history(
    p_account, 'charge', -p_plan.credits::bigint, v_run, 'charge:' || v_run,
    p_plan.analysis_type || ' analysis, with the previous service', p_grant
  );
  if p_plan.ending <> 'complete' then
    update public.runs r
       set status = 'failed', charge_outcome = 'refunded', finished_at = p_plan.created_at,
           error_code = case p_plan.ending when 'failed' then 'failed_before_the_move' else 'unfinished_at_the_move' end,
           error_message = case p_plan.ending
             when 'failed' then 'This analysis failed with the previous service.'
             else 'This analysis had not ended when the previous service was left.'
           end
     where r.id = v_run;
    perform legacy_import.post_history(
      p_account, 'refund', p_plan.credits::bigint, v_run, 'refund:' || v_run, 'Refund: analysis failed', p_grant
    );
    perform legacy_import.carry('analyses', p_plan.id, p_user, 'runs', v_run::text);
    return;
  end if;

  update public.runs r set status = 'processing', phase = 'saving', started_at = p_plan.created_at where r.id = v_run;
  insert into public.analyses (
    account_id, lead_id, run_id, analysis_type, score, provider, model, snapshot_key, scraped_at, result, is_new_lead, created_at
  ) values (
    p_account, v_lead, v_run, p_plan.analysis_type, p_plan.score, legacy_import.provider_of(p_plan.model),
    coalesce(p_plan.model, 'unknown'), 'none', p_plan.created_at, legacy_import.result_of(p_plan.result),
    not exists (select from public.analyses o where o.lead_id = v_lead), p_plan.created_at
  );
  update public.runs r set status = 'complete', charge_outcome = 'result', finished_at = p_plan.created_at where r.id = v_run;
  perform legacy_import.carry('analyses', p_plan.id, p_user, 'runs', v_run::text);
  if octet_length(p_plan.result::text) > 262000 then
    perform legacy_import.note('analyses', p_plan.id, p_user, 'result_cut');
  end if;
end $$;

-- Gives back what was charged for analyses that never ended and are left out: they have no run that could be refunded.
create or replace function legacy_import.return_the_rest(p_user uuid, p_account uuid) returns void
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select private.add_grant(
    p_account, 'adjustment', a.credits, 'adjustment', null, 'legacy:returned:' || md5(a.id),
    'Refund of an analysis that had not ended when the previous service was left'
  )
    from legacy_import.planned_analyses a
   where a.reason is not null and a.is_returned
   order by a.created_at, a.id
$$;

-- All analyses of a user, the oldest first.
create or replace function legacy_import.carry_analyses(p_user uuid, p_account uuid) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_plan legacy_import.planned_analyses;
  v_total bigint;
  v_refunded bigint;
  v_returned bigint;
  v_grant bigint;
begin
  select coalesce(sum(a.credits), 0), coalesce(sum(a.credits) filter (where a.ending <> 'complete'), 0),
         coalesce(sum(a.credits) filter (where a.is_returned), 0)
    into v_total, v_refunded, v_returned
    from legacy_import.planned_analyses a where a.reason is null;
  if v_total > 0 then
    insert into public.credit_grants (account_id, source, amount, remaining)
      values (p_account, 'adjustment', v_total, v_returned) returning id into v_grant;
    perform legacy_import.post_history(
      p_account, 'adjustment', v_total, null, 'legacy:history:' || p_user, 'Credits spent with the previous service', v_grant
    );
    for v_plan in
      select * from legacy_import.planned_analyses a where a.reason is null order by a.created_at, a.id
    loop
      perform legacy_import.carry_analysis(p_user, p_account, v_plan, v_grant);
    end loop;
    perform legacy_import.post_history(
      p_account, 'adjustment', v_returned - v_refunded, null, 'legacy:history-end:' || p_user,
      'Refunds of analyses that the previous service did not charge or had returned', v_grant
    );
  end if;
  insert into legacy_import.left_out (legacy_table, legacy_id, user_id, reason)
    select 'analyses', a.id, p_user, a.reason from legacy_import.planned_analyses a where a.reason is not null;
  perform legacy_import.return_the_rest(p_user, p_account);
  update legacy_import.users d
     set credits_returned = (select coalesce(sum(a.credits), 0) from legacy_import.planned_analyses a where a.is_returned)
   where d.user_id = p_user;
end $$;

-- What models cost, of analyses that were carried over, as long as the product keeps it: what is older would be removed the next night.
-- Returns how many rows it has looked at. It comes last, when every analysis has its end.
create or replace function legacy_import.import_usage(p_limit integer) returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  c_kept_for constant interval := interval '90 days';
  v_old record;
  v_reason text;
  v_model text;
  v_made public.ai_usage_logs;
  v_done bigint := 0;
begin
  perform legacy_import.take_turn();
  for v_old in
    select g.*, a.user_id, a.id is not null as is_known, o.new_id::uuid as run, d.account_id
      from (
        select u.* from legacy_import.old_ai_usage_logs u
         where not exists (select from legacy_import.origins x where x.legacy_table = 'ai_usage_logs' and x.legacy_id = u.id)
           and not exists (select from legacy_import.left_out x where x.legacy_table = 'ai_usage_logs' and x.legacy_id = u.id)
         order by u.id
         limit p_limit
      ) g
      left join legacy_import.old_analyses a on a.id = g.analysis_id
      left join legacy_import.origins o on o.legacy_table = 'analyses' and o.legacy_id = g.analysis_id
      left join legacy_import.users d on d.user_id = o.user_id
  loop
    v_done := v_done + 1;
    v_reason := case
      when not v_old.is_known then 'no_such_analysis'
      when v_old.run is null then 'analysis_left_out'
      when legacy_import.dated(v_old.created_at) < clock_timestamp() - c_kept_for then 'older_than_kept'
      when (coalesce(v_old.tokens_in, 0) between 0 and 2147483647) is not true
        or (coalesce(v_old.tokens_out, 0) between 0 and 2147483647) is not true
        -- Not a number is greater than every number.
        or (coalesce(v_old.cost_usd, 0) between 0 and 1000000) is not true then 'impossible_number'
    end;
    if v_reason is not null then
      perform legacy_import.leave_out('ai_usage_logs', v_old.id, v_old.user_id, v_reason);
      continue;
    end if;
    v_model := legacy_import.text_of(v_old.model, 120);
    insert into public.ai_usage_logs (
      account_id, run_id, provider_key, call, provider, model, input_tokens, output_tokens, cost_microusd, created_at
    ) values (
      v_old.account_id, v_old.run, 'legacy:' || md5(v_old.id), 'previous_service', legacy_import.provider_of(v_model),
      coalesce(v_model, 'unknown'), coalesce(v_old.tokens_in, 0), coalesce(v_old.tokens_out, 0),
      round(coalesce(v_old.cost_usd, 0) * 1000000)::bigint, legacy_import.dated(v_old.created_at)
    ) returning * into v_made;
    perform legacy_import.carry('ai_usage_logs', v_old.id, v_old.user_id, 'ai_usage_logs', v_made.id::text);
    insert into legacy_import.known_rows (user_id, relation, digest, is_ours)
      values (v_old.user_id, 'ai_usage_logs', legacy_import.digest(to_jsonb(v_made)), true);
  end loop;
  return v_done;
end $$;
