-- What a newer scrape makes of older conclusions, and two more facts of an AI call's bill.

-- Marks every live analysis of this username, in every account, that judged an older scrape; answers how many. A repeat
-- marks nothing.
--
-- The leads are found by leads_identity, their analyses by analyses_lead. Leads are locked first and in the order of their
-- ids: that is what a completion and a deletion hold until they commit, so the second statement sees what they stored,
-- and no two of them wait in a circle.
create function system.mark_stale(p_username text, p_scraped_at timestamptz) returns bigint
language plpgsql volatile security definer set search_path = '' as $$
declare
  v_leads uuid[];
  v_marked bigint;
begin
  if p_username is null or p_scraped_at is null then
    raise exception 'a username and the time of its scrape are needed' using errcode = 'invalid_parameter_value';
  end if;
  select array_agg(locked.id) into v_leads
    from (
      select l.id from public.leads l
       where l.username = p_username and l.deleted_at is null
       order by l.id
         for no key update
    ) locked;
  update public.analyses a
     set is_stale = true
   where a.lead_id = any (v_leads) and a.scraped_at < p_scraped_at and not a.is_stale and a.deleted_at is null;
  get diagnostics v_marked = row_count;
  return v_marked;
end $$;
revoke all on function system.mark_stale(text, timestamptz) from public, anon, authenticated, service_role;
grant execute on function system.mark_stale(text, timestamptz) to service_role;

-- Tokens that the provider bills for writing its cache, and whether the AI gateway answered from its own (null without a
-- gateway). A gateway replays the provider's response id; the backend gives such an answer a key of its own, and
-- provider_key stays unique.
alter table public.ai_usage_logs
  add column cache_write_tokens integer not null default 0 check (cache_write_tokens >= 0),
  add column gateway_hit boolean;

-- Records one provider call of a run. True when it was not known before; false for a repeat or an unknown run.
-- A run that has ended still records: it did cost.
create or replace function system.record_usage(p_run uuid, p_kind text, p_key text, p_usage jsonb) returns boolean
language plpgsql volatile security definer set search_path = '' as $$
declare
  v_account uuid;
begin
  if p_kind is null or p_kind not in ('ai', 'scrape') then
    raise exception 'usage is of kind ai or scrape' using errcode = 'invalid_parameter_value';
  end if;
  select r.account_id into v_account from public.runs r where r.id = p_run;
  if not found then
    return false;
  end if;

  if p_kind = 'ai' then
    insert into public.ai_usage_logs (
      account_id, run_id, provider_key, call, provider, model, input_tokens, cached_tokens, cache_write_tokens,
      output_tokens, reasoning_tokens, cost_microusd, duration_ms, finish_reason, gateway_hit
    ) values (
      v_account, p_run, p_key, p_usage ->> 'call', p_usage ->> 'provider', p_usage ->> 'model',
      coalesce((p_usage ->> 'input_tokens')::integer, 0), coalesce((p_usage ->> 'cached_tokens')::integer, 0),
      coalesce((p_usage ->> 'cache_write_tokens')::integer, 0), coalesce((p_usage ->> 'output_tokens')::integer, 0),
      coalesce((p_usage ->> 'reasoning_tokens')::integer, 0), coalesce((p_usage ->> 'cost_microusd')::bigint, 0),
      coalesce((p_usage ->> 'duration_ms')::bigint, 0), p_usage ->> 'finish_reason', (p_usage ->> 'gateway_hit')::boolean
    ) on conflict (provider_key) do nothing;
  else
    insert into public.scrape_logs (
      account_id, run_id, provider_key, actor, username, results, cost_microusd, duration_ms, outcome
    ) values (
      v_account, p_run, p_key, p_usage ->> 'actor', p_usage ->> 'username',
      coalesce((p_usage ->> 'results')::integer, 0), coalesce((p_usage ->> 'cost_microusd')::bigint, 0),
      coalesce((p_usage ->> 'duration_ms')::bigint, 0), p_usage ->> 'outcome'
    ) on conflict (provider_key) do nothing;
  end if;
  return found;
end $$;
revoke all on function system.record_usage(uuid, text, text, jsonb) from public, anon, authenticated, service_role;
grant execute on function system.record_usage(uuid, text, text, jsonb) to service_role;
