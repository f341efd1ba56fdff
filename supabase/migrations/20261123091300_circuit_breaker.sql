-- The circuit breaker: while a provider is out, no analysis that needs it is sold. A model (`openai/gpt-6-luna`) can be
-- out by itself; it is also out while its provider is.
--
-- Runs report what they met, and the rules are these:
--   gone       the provider does not offer the model any more: opens at once, for a day, or until the provider's own list
--              has the model again (system.record_model_lifecycles)
--   exhausted  our account there has no money or no plan: opens at once, for 60 s
--   down       it did not answer one call, even after retries: opens for 30 s at the third strike within 60 s, if the
--              strikes come from two runs at least (one run asks several questions at once, and may be its own trouble)
--   again      each further opening lasts twice as long as the one before, up to 10 min (exhausted) or 5 min (down)
--   while open a report changes nothing, because it comes from a run that was bought before; only an exhausted
--              provider that was taken for down is closed for longer
--   after it   the time passes and requests go through again: the next runs are the test
--   calm       a quarter of an hour without a report, counted from the end of the last opening, makes the next
--              opening the first one again

create table public.provider_outages (
  -- A provider or a model.
  provider text primary key check (provider ~ '^[a-z][a-z0-9_-]{0,39}(/[A-Za-z0-9._:/-]{1,120})?$'),
  -- Of the last opening.
  kind text check (kind in ('exhausted', 'down', 'gone')),
  -- Remembered strikes, the newest two at most: a third one that fits opens, and while all come from one run the older
  -- ones say nothing that the newest two do not.
  strikes integer not null default 0 check (strikes between 0 and 2),
  first_strike_at timestamptz,
  first_strike_run uuid,
  last_strike_at timestamptz,
  last_strike_run uuid,
  open_until timestamptz,
  -- Consecutive ones.
  openings integer not null default 0 check (openings >= 0),
  -- The last report.
  updated_at timestamptz not null,
  constraint opening_has_kind check ((kind is null) = (open_until is null)),
  constraint strikes_are_remembered check (
    num_nonnulls(first_strike_at, first_strike_run) = case when strikes >= 1 then 2 else 0 end
    and num_nonnulls(last_strike_at, last_strike_run) = case when strikes = 2 then 2 else 0 end
  )
);
-- Nobody's rows: functions read and write them, no policy shows them.
alter table public.provider_outages enable row level security;
alter table public.provider_outages force row level security;
revoke all on public.provider_outages from public, anon, authenticated, service_role;

-- How long the n-th consecutive opening lasts.
create function private.outage_length(p_kind text, p_opening integer) returns interval
language sql immutable set search_path = '' as $$
  select case p_kind
    when 'exhausted' then least(interval '60 seconds' * power(2, least(p_opening, 10) - 1), interval '10 minutes')
    when 'down' then least(interval '30 seconds' * power(2, least(p_opening, 10) - 1), interval '5 minutes')
    when 'gone' then interval '1 day'
  end
$$;
revoke all on function private.outage_length(text, integer) from public, anon, authenticated, service_role;

-- Counts a strike against a provider whose row the caller has locked; answers whether it is the one that opens.
create function private.strike(p_provider text, p_run uuid, p_now timestamptz) returns boolean
language plpgsql volatile set search_path = '' as $$
declare
  c_window constant interval := interval '60 seconds';
  v_outage public.provider_outages;
begin
  select o.* into strict v_outage from public.provider_outages o where o.provider = p_provider;
  if v_outage.strikes = 2
    and v_outage.first_strike_at > p_now - c_window
    and (v_outage.first_strike_run <> p_run or v_outage.last_strike_run <> p_run)
  then
    return true;
  end if;

  if v_outage.strikes = 0 then
    update public.provider_outages o
       set strikes = 1, first_strike_at = p_now, first_strike_run = p_run
     where o.provider = p_provider;
  else
    -- The newest before this one becomes the first of the two.
    update public.provider_outages o
       set strikes = 2,
           first_strike_at = coalesce(o.last_strike_at, o.first_strike_at),
           first_strike_run = coalesce(o.last_strike_run, o.first_strike_run),
           last_strike_at = p_now, last_strike_run = p_run
     where o.provider = p_provider;
  end if;
  return false;
end $$;
revoke all on function private.strike(text, uuid, timestamptz) from public, anon, authenticated, service_role;

-- What a run met at a provider, by the rules above. Answers whether this report opened (or lengthened) the breaker. A
-- replayed step may report twice: it is one run still.
create function system.report_outage(p_provider text, p_kind text, p_run uuid) returns jsonb
language plpgsql volatile security definer set search_path = '' as $$
declare
  c_calm constant interval := interval '15 minutes';
  v_now timestamptz;
  v_outage public.provider_outages;
  v_opening integer;
  v_opens boolean;
begin
  if p_provider is null or p_run is null or p_kind is null or p_kind not in ('exhausted', 'down', 'gone') then
    raise exception 'a provider is reported as exhausted, down or gone, by a run' using errcode = 'invalid_parameter_value';
  end if;
  insert into public.provider_outages (provider, updated_at) values (p_provider, clock_timestamp())
    on conflict (provider) do nothing;
  select o.* into strict v_outage from public.provider_outages o where o.provider = p_provider for no key update;
  v_now := clock_timestamp();

  if v_outage.open_until > v_now then
    v_opens := p_kind = 'exhausted' and v_outage.kind = 'down';
    v_opening := v_outage.openings;
  else
    v_opens := p_kind in ('exhausted', 'gone') or private.strike(p_provider, p_run, v_now);
    v_opening := 1 + case when greatest(v_outage.updated_at, v_outage.open_until) <= v_now - c_calm then 0 else v_outage.openings end;
  end if;

  if v_opens then
    update public.provider_outages o
       set kind = p_kind, openings = v_opening,
           open_until = greatest(o.open_until, v_now + private.outage_length(p_kind, v_opening)),
           strikes = 0, first_strike_at = null, first_strike_run = null, last_strike_at = null, last_strike_run = null
     where o.provider = p_provider;
  end if;
  update public.provider_outages o set updated_at = v_now where o.provider = p_provider;
  return jsonb_build_object('outcome', case when v_opens then 'opened' else 'noted' end);
end $$;
revoke all on function system.report_outage(text, text, uuid) from public, anon, authenticated, service_role;
grant execute on function system.report_outage(text, text, uuid) to service_role;

-- p_providers lists what an analysis needs: each inner list are alternatives, for example
-- [["apify"], ["openai/gpt-6-luna", "anthropic/claude-haiku-5-5"]]. Answers the seconds until every need has an alternative
-- that is not out, or null when each has one now.
create function private.provider_wait_s(p_providers jsonb, p_now timestamptz) returns integer
language sql volatile set search_path = '' as $$
  select greatest(1, ceil(extract(epoch from max(need.open_until) - p_now))::integer)
    from (
      select min(alternative.open_until) as open_until
        from jsonb_array_elements(p_providers) with ordinality as n (alternatives, number)
        cross join lateral (
          -- A model waits for itself and for its provider.
          select a.service, max(o.open_until) as open_until
            from jsonb_array_elements_text(n.alternatives) as a (service)
            left join public.provider_outages o
              on o.provider in (a.service, split_part(a.service, '/', 1)) and o.open_until > p_now
           group by a.service
        ) alternative
       group by n.number
      having bool_and(alternative.open_until is not null)
    ) need
  having count(*) > 0
$$;
revoke all on function private.provider_wait_s(jsonb, timestamptz) from public, anon, authenticated, service_role;
