-- What Stripe has told us, and what came of it. A row says that an event was received; `processed_at` says that its effect
-- has been applied, in the same transaction. Between the two nothing is lost: whatever is not processed is tried again.

select set_config('lock_timeout', '5s', true);

create table public.webhook_events (
  -- Stripe's id of the event.
  id text primary key check (char_length(id) between 1 and 255),
  type text not null check (char_length(type) between 1 and 255),
  api_version text check (char_length(api_version) <= 64),
  -- As received, byte for byte. The clean-up empties it when nobody needs it any more.
  payload text check (octet_length(payload) <= 1048576),
  received_at timestamptz not null default clock_timestamp(),
  -- When an operator last had it applied anew: it has waited since then, and not since it came.
  put_back_at timestamptz,
  processed_at timestamptz,
  -- `waiting` needs something that has not come yet, `unreadable` a Worker that reads its version.
  outcome text not null default 'received' check (outcome in ('received', 'applied', 'ignored', 'waiting', 'unreadable')),
  -- What came of it, or why nothing did; names ids and no persons.
  note text check (char_length(note) <= 500),
  account_id uuid references public.accounts (id),
  attempts integer not null default 0,
  next_attempt_at timestamptz not null default clock_timestamp(),
  constraint processed_with_outcome check ((processed_at is not null) = (outcome in ('applied', 'ignored'))),
  constraint kept_until_processed check (payload is not null or processed_at is not null)
);
create index webhook_events_due on public.webhook_events (next_attempt_at) where processed_at is null;
create index webhook_events_processed on public.webhook_events (processed_at) where payload is not null;
create index webhook_events_account on public.webhook_events (account_id);
alter table public.webhook_events enable row level security;
alter table public.webhook_events force row level security;
revoke all on public.webhook_events from public, anon, authenticated, service_role;

-- Writes down that an event was received; returns whether its effect is still to be applied. One that the caller is about to
-- apply (p_is_taken) is its for five minutes: otherwise the others of its batch would be claimed by each of them. p_taken_at is
-- when the endpoint took it: it may have been in the queue or the bucket since, and has waited for that long.
create function system.receive_event(
  p_id text, p_type text, p_api_version text, p_payload text, p_is_taken boolean, p_taken_at timestamptz default null
) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_now constant timestamptz := clock_timestamp();
begin
  -- `least` ignores null.
  insert into public.webhook_events as e (id, type, api_version, payload, received_at, next_attempt_at) values (
    p_id, p_type, p_api_version, p_payload, least(p_taken_at, v_now),
    v_now + case when p_is_taken then interval '5 minutes' else interval '0' end
  )
    on conflict (id) do nothing;
  return exists (select from public.webhook_events e where e.id = p_id and e.processed_at is null);
end $$;
revoke all on function system.receive_event(text, text, text, text, boolean, timestamptz) from public, anon, authenticated, service_role;
grant execute on function system.receive_event(text, text, text, text, boolean, timestamptz) to service_role;

-- Which of these events were never received.
create function system.missed_events(p_ids jsonb) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  select coalesce(jsonb_agg(i.id order by i.place), '[]')
    from jsonb_array_elements_text(p_ids) with ordinality as i (id, place)
   where not exists (select from public.webhook_events e where e.id = i.id)
$$;
revoke all on function system.missed_events(jsonb) from public, anon, authenticated, service_role;
grant execute on function system.missed_events(jsonb) to service_role;

-- Up to p_limit events whose time to be tried (again) has come. The oldest first, but for those that an operator has just put back, the
-- first time: one that fails then must not stand before all others for ever. Each is the caller's for five minutes.
create function system.claim_events(p_limit integer) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_events jsonb;
begin
  with due as (
    select e.id, e.next_attempt_at is not distinct from e.put_back_at as is_put_back
      from public.webhook_events e
     where e.processed_at is null and e.next_attempt_at <= clock_timestamp()
     order by is_put_back desc, e.received_at, e.id
     limit p_limit
       for no key update skip locked
  ), claimed as (
    update public.webhook_events e
       set next_attempt_at = clock_timestamp() + interval '5 minutes'
      from due d
     where e.id = d.id
    returning e.id, e.payload, e.received_at, d.is_put_back
  )
  select coalesce(jsonb_agg(
           jsonb_build_object('id', c.id, 'payload', c.payload) order by c.is_put_back desc, c.received_at, c.id
         ), '[]')
    into v_events
    from claimed c;
  return v_events;
end $$;
revoke all on function system.claim_events(integer) from public, anon, authenticated, service_role;
grant execute on function system.claim_events(integer) to service_role;

-- Puts an event off: after 1, 2, 4 … minutes, in the end once a day. One that waits for what has not come in thirty days is
-- given up.
create function private.put_off(p_event text, p_outcome text, p_note text) returns void
language sql volatile set search_path = pg_catalog, pg_temp as $$
  update public.webhook_events e
     set outcome = case when o.is_given_up then 'ignored' else p_outcome end,
         note = left(case when o.is_given_up then 'given up: ' else '' end || p_note, 500),
         processed_at = case when o.is_given_up then clock_timestamp() end,
         attempts = e.attempts + 1,
         next_attempt_at = clock_timestamp() + least(interval '1 minute' * 2 ^ least(e.attempts, 11), interval '1 day')
    from (
      -- `greatest` ignores null.
      select p_outcome = 'waiting' and greatest(w.received_at, w.put_back_at) < clock_timestamp() - interval '30 days'
        from public.webhook_events w where w.id = p_event
    ) o (is_given_up)
   where e.id = p_event and e.processed_at is null
$$;
revoke all on function private.put_off(text, text, text) from public, anon, authenticated, service_role;

-- An event that could not be applied this time, or whose version nobody here reads.
create function system.put_off_event(p_id text, p_is_unreadable boolean, p_note text) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  select private.put_off(p_id, case when p_is_unreadable then 'unreadable' else 'received' end, p_note)
$$;
revoke all on function system.put_off_event(text, boolean, text) from public, anon, authenticated, service_role;
grant execute on function system.put_off_event(text, boolean, text) to service_role;

-- Empties up to p_limit events that were processed before p_before: they name customers. Returns how many.
create function system.forget_payloads(p_before timestamptz, p_limit integer) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '5s' as $$
declare
  v_taken bigint;
begin
  perform private.take_turn(p_before, p_limit);
  update public.webhook_events e set payload = null where e.id = any (array(
    select o.id from public.webhook_events o
     where o.processed_at < p_before and o.payload is not null order by o.processed_at limit p_limit
       for no key update skip locked
  ));
  get diagnostics v_taken = row_count;
  return v_taken;
end $$;
revoke all on function system.forget_payloads(timestamptz, integer) from public, anon, authenticated, service_role;
grant execute on function system.forget_payloads(timestamptz, integer) to service_role;
