-- What an analysis cost us: one row per provider call, written as soon as it is known and keyed by the provider's own
-- id, so that failed and cancelled runs keep their true cost and a replayed step counts once.

select set_config('lock_timeout', '5s', true);

create table public.ai_usage_logs (
  id bigint generated always as identity primary key,
  account_id uuid not null references public.accounts (id),
  run_id uuid not null,
  -- The provider's id of its response. Where the AI gateway answered from its cache, it repeats an id that is already
  -- here, and the backend gives the answer a key of its own instead.
  provider_key text not null unique check (char_length(provider_key) between 1 and 255),
  call text not null,
  provider text not null,
  model text not null,
  input_tokens integer not null default 0 check (input_tokens >= 0),
  cached_tokens integer not null default 0 check (cached_tokens >= 0),
  -- Input tokens that the provider bills for writing its cache.
  cache_write_tokens integer not null default 0 check (cache_write_tokens >= 0),
  output_tokens integer not null default 0 check (output_tokens >= 0),
  reasoning_tokens integer not null default 0 check (reasoning_tokens >= 0),
  cost_microusd bigint not null default 0 check (cost_microusd >= 0),
  duration_ms bigint not null default 0 check (duration_ms >= 0),
  finish_reason text,
  -- Whether the AI gateway answered from its own cache; null without a gateway.
  gateway_hit boolean,
  created_at timestamptz not null default clock_timestamp(),
  foreign key (run_id, account_id) references public.runs (id, account_id)
);
create index ai_usage_logs_newest on public.ai_usage_logs (account_id, created_at desc);
create index ai_usage_logs_run on public.ai_usage_logs (run_id);
-- For their end, by their age.
create index ai_usage_logs_oldest on public.ai_usage_logs (created_at);

create table public.scrape_logs (
  id bigint generated always as identity primary key,
  account_id uuid not null references public.accounts (id),
  run_id uuid not null,
  provider_key text not null unique check (char_length(provider_key) between 1 and 255),
  actor text not null,
  username text not null,
  results integer not null default 0 check (results >= 0),
  cost_microusd bigint not null default 0 check (cost_microusd >= 0),
  duration_ms bigint not null default 0 check (duration_ms >= 0),
  outcome text not null,
  created_at timestamptz not null default clock_timestamp(),
  foreign key (run_id, account_id) references public.runs (id, account_id)
);
create index scrape_logs_newest on public.scrape_logs (account_id, created_at desc);
create index scrape_logs_run on public.scrape_logs (run_id);
create index scrape_logs_oldest on public.scrape_logs (created_at);

alter table public.ai_usage_logs enable row level security;
alter table public.ai_usage_logs force row level security;
revoke all on public.ai_usage_logs from public, anon, authenticated, service_role;
revoke all on sequence public.ai_usage_logs_id_seq from public, anon, authenticated, service_role;
grant select on public.ai_usage_logs to service_role;
-- Customers see that there was a call, not what we pay, and to whom.
grant select (account_id, run_id, created_at) on public.ai_usage_logs to authenticated;
create policy members_read on public.ai_usage_logs for select to authenticated
  using (account_id = any (array(select private.my_accounts())));

alter table public.scrape_logs enable row level security;
alter table public.scrape_logs force row level security;
revoke all on public.scrape_logs from public, anon, authenticated, service_role;
revoke all on sequence public.scrape_logs_id_seq from public, anon, authenticated, service_role;
grant select on public.scrape_logs to service_role;
-- The same: an estimate asks which runs scraped.
grant select (account_id, run_id, created_at) on public.scrape_logs to authenticated;
create policy members_read on public.scrape_logs for select to authenticated
  using (account_id = any (array(select private.my_accounts())));

-- A bill's key without the username that it may hold: the same for a repeat.
create function private.erased_bill(p_key text) returns text
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select 'erased:' || encode(private.subject_hash('bill', p_key), 'hex')
$$;
revoke all on function private.erased_bill(text) from public, anon, authenticated, service_role;

-- Lets runs that have ended, and their bills, forget whom they were about.
create function private.forget_whom(p_runs uuid[]) returns void
language sql volatile set search_path = pg_catalog, pg_temp as $$
  update public.runs r set username = 'erased..', idempotency_key = null, body_hash = null where r.id = any (p_runs);
  update public.scrape_logs s set username = 'erased..', provider_key = private.erased_bill(s.provider_key)
   where s.run_id = any (p_runs) and s.username <> 'erased..';
$$;
revoke all on function private.forget_whom(uuid[]) from public, anon, authenticated, service_role;

-- Records one provider call of a run. True when it was not known before; false for a repeat or an unknown run. A run that
-- has ended may still record: the call was paid for.
create function system.record_usage(p_run uuid, p_kind text, p_key text, p_usage jsonb) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_account uuid;
  v_is_erased boolean;
begin
  if p_kind is null or p_kind not in ('ai', 'scrape') then
    raise exception 'usage is of kind ai or scrape' using errcode = 'invalid_parameter_value';
  end if;
  select r.account_id, r.username = 'erased..' into v_account, v_is_erased from public.runs r where r.id = p_run;
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
      -- A key may hold the username.
      v_account, p_run, case when v_is_erased then private.erased_bill(p_key) else p_key end, p_usage ->> 'actor',
      case when v_is_erased then 'erased..' else p_usage ->> 'username' end,
      coalesce((p_usage ->> 'results')::integer, 0), coalesce((p_usage ->> 'cost_microusd')::bigint, 0),
      coalesce((p_usage ->> 'duration_ms')::bigint, 0), p_usage ->> 'outcome'
    ) on conflict (provider_key) do nothing;
  end if;
  return found;
end $$;
revoke all on function system.record_usage(uuid, text, text, jsonb) from public, anon, authenticated, service_role;
grant execute on function system.record_usage(uuid, text, text, jsonb) to service_role;
