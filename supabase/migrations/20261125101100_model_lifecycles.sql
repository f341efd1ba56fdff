-- What the providers' own lists say of the models in use, above all when each will be shut down. A daily job writes it, the
-- readiness check reads it.

select set_config('lock_timeout', '5s', true);

create table public.model_lifecycles (
  model text primary key check (model ~ '^[a-z][a-z0-9_-]{0,39}/[A-Za-z0-9._:/-]{1,120}$'),
  -- active, deprecated, retired: as the provider says. unlisted: not in the list that our key may read. unknown: the list
  -- could not be read.
  status text not null check (status in ('active', 'deprecated', 'retired', 'unlisted', 'unknown')),
  -- The day that the provider has announced for its end.
  retires_on date,
  checked_at timestamptz not null
);
-- These rows belong to no account: functions alone read and write them, and no role has a grant or a policy.
alter table public.model_lifecycles enable row level security;
alter table public.model_lifecycles force row level security;
revoke all on public.model_lifecycles from public, anon, authenticated, service_role;

-- Replaces everything by what the job has just read: [{"model": …, "status": …, "retires_on": …}]. A model whose list could
-- not be read keeps what was known of it. A model that was gone and is offered again is no longer out from now on.
create function system.record_model_lifecycles(p_models jsonb) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_now constant timestamptz := clock_timestamp();
begin
  if p_models is null or jsonb_typeof(p_models) <> 'array' then
    raise exception 'the models are a list' using errcode = 'invalid_parameter_value';
  end if;
  -- Of two jobs at once, one waits for the other.
  lock table public.model_lifecycles in share row exclusive mode;
  delete from public.model_lifecycles l
    where not exists (select from jsonb_array_elements(p_models) m where m ->> 'model' = l.model);
  insert into public.model_lifecycles as l (model, status, retires_on, checked_at)
    select m ->> 'model', m ->> 'status', (m ->> 'retires_on')::date, v_now from jsonb_array_elements(p_models) m
    on conflict (model) do update
      set status = excluded.status, retires_on = excluded.retires_on, checked_at = v_now
      where excluded.status <> 'unknown';
  update public.service_outages o set open_until = v_now
    from jsonb_array_elements(p_models) m
   where o.service = m ->> 'model' and o.kind = 'gone' and o.open_until > v_now
     and m ->> 'status' in ('active', 'deprecated');
end $$;
revoke all on function system.record_model_lifecycles(jsonb) from public, anon, authenticated, service_role;
grant execute on function system.record_model_lifecycles(jsonb) to service_role;

-- For the readiness check, which asks without a user. The answer is names and dates of models, no customer's data.
create function api.model_lifecycles() returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  select coalesce(jsonb_agg(
           jsonb_build_object('model', l.model, 'status', l.status, 'retires_on', l.retires_on) order by l.model
         ), '[]')
    from public.model_lifecycles l
$$;
revoke all on function api.model_lifecycles() from public, anon, authenticated, service_role;
grant execute on function api.model_lifecycles() to authenticated;
