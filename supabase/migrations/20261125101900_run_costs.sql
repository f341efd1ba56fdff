-- What runs cost us, for the operator.

select set_config('lock_timeout', '5s', true);

-- The cost of each run that was bought in [p_since, p_until), in millionths of a dollar, from the calls that its steps
-- recorded. Failed and cancelled runs are included. `unpriced_calls` are calls to a model without a known price, whose cost
-- is missing from the sums. `cached_share` is the part of the input tokens that a provider read from its cache.
create function system.run_costs(p_since timestamptz, p_until timestamptz default 'infinity') returns table (
  run_id uuid, account_id uuid, analysis_type text, status text, created_at timestamptz,
  ai_microusd bigint, scrape_microusd bigint, total_microusd bigint,
  ai_calls integer, unpriced_calls integer, gateway_hits integer, scrapes integer,
  input_tokens bigint, cached_tokens bigint, cache_write_tokens bigint, output_tokens bigint, reasoning_tokens bigint,
  cached_share numeric
)
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  select r.id, r.account_id, r.analysis_type, r.status, r.created_at,
         ai.microusd, scrape.microusd, ai.microusd + scrape.microusd,
         ai.calls, ai.unpriced, ai.gateway_hits, scrape.calls,
         ai.input, ai.cached, ai.cache_write, ai.output, ai.reasoning,
         case when ai.input > 0 then round(ai.cached::numeric / ai.input, 4) end
    from public.runs r
    cross join lateral (
      select coalesce(sum(l.cost_microusd), 0)::bigint as microusd, count(*)::integer as calls,
             (count(*) filter (
               where l.cost_microusd = 0 and l.input_tokens + l.output_tokens > 0 and l.gateway_hit is not true
             ))::integer as unpriced,
             (count(*) filter (where l.gateway_hit))::integer as gateway_hits,
             coalesce(sum(l.input_tokens), 0)::bigint as input, coalesce(sum(l.cached_tokens), 0)::bigint as cached,
             coalesce(sum(l.cache_write_tokens), 0)::bigint as cache_write,
             coalesce(sum(l.output_tokens), 0)::bigint as output,
             coalesce(sum(l.reasoning_tokens), 0)::bigint as reasoning
        from public.ai_usage_logs l
       where l.run_id = r.id
    ) ai
    cross join lateral (
      select coalesce(sum(l.cost_microusd), 0)::bigint as microusd, count(*)::integer as calls
        from public.scrape_logs l
       where l.run_id = r.id
    ) scrape
   where r.created_at >= p_since and r.created_at < p_until
$$;
revoke all on function system.run_costs(timestamptz, timestamptz) from public, anon, authenticated, service_role;
grant execute on function system.run_costs(timestamptz, timestamptz) to service_role;
