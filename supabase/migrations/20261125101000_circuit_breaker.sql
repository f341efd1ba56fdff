-- The circuit breaker: while a service is out, no analysis that needs it is sold. A service is a provider (`openai`) or
-- one of its models (`openai/gpt-6-luna`). A model can be out by itself; it is also out while its provider is.
--
-- While a service is out, its breaker is called open, as in the literature. Runs report what they met, as one of:
--   gone       the provider does not offer the model any more: opens at once, for a day, or until the provider's own
--              list has the model again (system.record_model_lifecycles)
--   exhausted  our account there has no money or no plan: opens at once, for 60 s
--   down       one call got no answer, even after retries: opens for 30 s at the third such report within 60 s, if the
--              three come from at least two runs (one run makes several calls at once, and the fault may be its own)
--
-- Each further opening lasts twice as long as the one before, up to 10 min (exhausted) or 5 min (down). While it is
-- open, a report changes nothing, because it comes from a run that was bought before; the one exception is a service
-- that was taken for down and turns out to be exhausted, which stays out for longer. When the time is over, requests go
-- through again and the next runs show whether the service is back. A quarter of an hour without a report, counted from
-- the end of the last opening, makes the next opening count as the first one again.
--
-- Operators pause a service, or all analyses, by hand; that is asked about in the same place.

select set_config('lock_timeout', '5s', true);

create table public.service_outages (
  service text primary key check (service ~ '^[a-z][a-z0-9_-]{0,39}(/[A-Za-z0-9._:/-]{1,120})?$'),
  -- The kind of the last opening.
  kind text check (kind in ('exhausted', 'down', 'gone')),
  -- Reports of `down` are strikes. At most the newest two are kept: a third one opens if the three fit the rule, and
  -- while all come from one run, older ones tell nothing that the newest two do not.
  strikes integer not null default 0 check (strikes between 0 and 2),
  first_strike_at timestamptz,
  first_strike_run uuid,
  last_strike_at timestamptz,
  last_strike_run uuid,
  open_until timestamptz,
  -- How many in a row, the last one included.
  openings integer not null default 0 check (openings >= 0),
  -- The time of the last report.
  updated_at timestamptz not null,
  constraint opening_has_kind check ((kind is null) = (open_until is null)),
  constraint strikes_are_remembered check (
    num_nonnulls(first_strike_at, first_strike_run) = case when strikes >= 1 then 2 else 0 end
    and num_nonnulls(last_strike_at, last_strike_run) = case when strikes = 2 then 2 else 0 end
  )
);
-- These rows belong to no account: functions alone read and write them, and no role has a grant or a policy.
alter table public.service_outages enable row level security;
alter table public.service_outages force row level security;
revoke all on public.service_outages from public, anon, authenticated, service_role;

-- How long the n-th consecutive opening lasts. `least(…, 10)` keeps the power small; the longest times come before
-- that.
create function private.outage_length(p_kind text, p_opening integer) returns interval
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select case p_kind
    when 'exhausted' then least(interval '60 seconds' * power(2, least(p_opening, 10) - 1), interval '10 minutes')
    when 'down' then least(interval '30 seconds' * power(2, least(p_opening, 10) - 1), interval '5 minutes')
    when 'gone' then interval '1 day'
  end
$$;
revoke all on function private.outage_length(text, integer) from public, anon, authenticated, service_role;

-- Counts a strike against a service whose row the caller has locked; returns whether it is the one that opens.
create function private.strike(p_service text, p_run uuid, p_now timestamptz) returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  c_window constant interval := interval '60 seconds';
  v_outage public.service_outages;
begin
  select o.* into strict v_outage from public.service_outages o where o.service = p_service;
  if v_outage.strikes = 2
    and v_outage.first_strike_at > p_now - c_window
    and (v_outage.first_strike_run <> p_run or v_outage.last_strike_run <> p_run)
  then
    return true;
  end if;

  if v_outage.strikes = 0 then
    update public.service_outages o
       set strikes = 1, first_strike_at = p_now, first_strike_run = p_run
     where o.service = p_service;
  else
    -- The newest strike so far becomes the first of the two.
    update public.service_outages o
       set strikes = 2,
           first_strike_at = coalesce(o.last_strike_at, o.first_strike_at),
           first_strike_run = coalesce(o.last_strike_run, o.first_strike_run),
           last_strike_at = p_now, last_strike_run = p_run
     where o.service = p_service;
  end if;
  return false;
end $$;
revoke all on function private.strike(text, uuid, timestamptz) from public, anon, authenticated, service_role;

-- What a run met at a service, by the rules above. Returns whether this report opened the breaker, or kept it open for
-- longer. A replayed step may report twice; both count as the same run's.
create function system.report_outage(p_service text, p_kind text, p_run uuid) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  c_calm constant interval := interval '15 minutes';
  v_now timestamptz;
  v_outage public.service_outages;
  v_opening integer;
  v_opens boolean;
begin
  if p_service is null or p_run is null or p_kind is null or p_kind not in ('exhausted', 'down', 'gone') then
    raise exception 'a service is reported as exhausted, down or gone, by a run' using errcode = 'invalid_parameter_value';
  end if;
  insert into public.service_outages (service, updated_at) values (p_service, clock_timestamp())
    on conflict (service) do nothing;
  select o.* into strict v_outage from public.service_outages o where o.service = p_service for no key update;
  v_now := clock_timestamp();

  if v_outage.open_until > v_now then
    v_opens := p_kind = 'exhausted' and v_outage.kind = 'down';
    v_opening := v_outage.openings;
  else
    v_opens := p_kind in ('exhausted', 'gone') or private.strike(p_service, p_run, v_now);
    v_opening := 1 + case when greatest(v_outage.updated_at, v_outage.open_until) <= v_now - c_calm then 0 else v_outage.openings end;
  end if;

  if v_opens then
    update public.service_outages o
       set kind = p_kind, openings = v_opening,
           open_until = greatest(o.open_until, v_now + private.outage_length(p_kind, v_opening)),
           strikes = 0, first_strike_at = null, first_strike_run = null, last_strike_at = null, last_strike_run = null
     where o.service = p_service;
  end if;
  update public.service_outages o set updated_at = v_now where o.service = p_service;
  return jsonb_build_object('outcome', case when v_opens then 'opened' else 'noted' end);
end $$;
revoke all on function system.report_outage(text, text, uuid) from public, anon, authenticated, service_role;
grant execute on function system.report_outage(text, text, uuid) to service_role;

-- What an operator has paused: a service, or `all` for every analysis. It counts as an outage, until somebody ends it.
create table public.service_pauses (
  -- As `operators::PausedService`; a model is not paused by itself.
  service text primary key check (service in ('all', 'apify', 'openai', 'anthropic')),
  paused_at timestamptz not null default clock_timestamp(),
  -- Null until it is resumed by hand.
  ends_at timestamptz
);
alter table public.service_pauses enable row level security;
alter table public.service_pauses force row level security;
revoke all on public.service_pauses from public, anon, authenticated, service_role;

-- p_services lists what an analysis needs. Each need is a list of alternatives, of which one is enough, for example
-- [["apify"], ["openai/gpt-6-luna", "anthropic/claude-haiku-5-5"]]. Returns the seconds until every need has an
-- alternative that is not out, and analyses are not paused altogether; null when that is so now.
create function private.service_wait_s(p_services jsonb, p_now timestamptz) returns integer
language sql volatile set search_path = pg_catalog, pg_temp as $$
  with closed as (
    select o.service, o.open_until as until from public.service_outages o where o.open_until > p_now
    union all
    -- Somebody may end a pause before its time, and some have none (`least` ignores null): whoever asks comes back within an hour.
    select p.service, least(p.ends_at, p_now + interval '1 hour')
      from public.service_pauses p where p.ends_at is null or p.ends_at > p_now
  )
  select greatest(1, ceil(extract(epoch from max(need.until) - p_now))::integer)
    from (
      select min(alternative.until) as until
        from jsonb_array_elements(p_services) with ordinality as n (alternatives, number)
        cross join lateral (
          -- A model is out until both it and its provider are back.
          select a.service, max(c.until) as until
            from jsonb_array_elements_text(n.alternatives) as a (service)
            left join closed c on c.service in (a.service, split_part(a.service, '/', 1))
           group by a.service
        ) alternative
       group by n.number
      having bool_and(alternative.until is not null)
      union all
      select c.until from closed c where c.service = 'all'
    ) need
  having count(*) > 0
$$;
revoke all on function private.service_wait_s(jsonb, timestamptz) from public, anon, authenticated, service_role;

-- Which services are paused now, for whoever takes a run up: a model of such a provider is not asked as long as another can answer.
create function system.paused_services() returns text[]
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  select coalesce(array_agg(p.service order by p.service), '{}')
    from public.service_pauses p where p.ends_at is null or p.ends_at > clock_timestamp()
$$;
revoke all on function system.paused_services() from public, anon, authenticated, service_role;
grant execute on function system.paused_services() to service_role;
