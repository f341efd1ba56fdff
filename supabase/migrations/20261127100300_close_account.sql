-- The end of an account by its owners, and the way back: closed, it can be opened again for 30 days, then the clean-up erases it.
--
-- Locks. Closing and opening hold the balance, the members and the account (private.lock_members), then bulks, then runs by their
-- ids: each charge comes before or after. The erasure holds the balance and the account too.

select set_config('lock_timeout', '5s', true);

-- How long a closed account can be opened again. A test holds it equal to what the clean-up waits.
create function private.undo_time() returns interval
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select interval '30 days'
$$;
revoke all on function private.undo_time() from public, anon, authenticated, service_role;

-- Whether whoever asks is an owner of this closed account, of which nothing has been erased yet.
create function private.owns_closed(p_account uuid) returns boolean
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select exists (
    select from public.account_members m
      join public.accounts a on a.id = m.account_id
     where m.user_id = auth.uid() and m.account_id = p_account and m.role = 'owner'
       and a.deleted_at is not null and a.erasing_at is null
  )
$$;
revoke all on function private.owns_closed(uuid) from public, anon, authenticated, service_role;

-- The closed accounts of which whoever asks is an owner, the one that was closed last first.
create function api.my_closed_accounts() returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  select coalesce(jsonb_agg(jsonb_build_object(
           'account_id', a.id, 'account_name', a.name, 'closed_at', a.deleted_at,
           'erased_after', a.deleted_at + private.undo_time()
         ) order by a.deleted_at desc, a.id), '[]')
    from public.account_members m
    join public.accounts a on a.id = m.account_id
   where m.user_id = auth.uid() and private.owns_closed(a.id)
$$;
revoke all on function api.my_closed_accounts() from public, anon, authenticated, service_role;
grant execute on function api.my_closed_accounts() to authenticated;

-- An account as the API shows it to one of its members.
create function private.shown_account(p_account uuid) returns jsonb
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select jsonb_build_object('outcome', 'ok', 'account', jsonb_build_object(
           'id', a.id, 'name', a.name, 'role', private.my_role(a.id),
           'state', case when a.deleted_at is null then 'open' else 'closed' end, 'created_at', a.created_at,
           'blocked_at', a.blocked_at, 'closed_at', a.deleted_at, 'erased_after', a.deleted_at + private.undo_time()
         ))
    from public.accounts a where a.id = p_account
$$;
revoke all on function private.shown_account(uuid) from public, anon, authenticated, service_role;

-- An account, for its members; a closed one for its owners.
create function api.account(p_account uuid) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  return case when private.may(p_account, 'read') or private.owns_closed(p_account) then private.shown_account(p_account)
              else jsonb_build_object('outcome', 'forbidden') end;
end $$;
revoke all on function api.account(uuid) from public, anon, authenticated, service_role;
grant execute on function api.account(uuid) to authenticated;

-- Ends what is under way in an account, as far as that gives all its credits back: each such run is cancelled by its own rule, and
-- what waits behind a pilot is dropped. A run whose charge would be kept goes on to its result or its refund. Returns how
-- many there were of both, the credits that came back, and which were cancelled. The caller holds the balance's lock.
create function private.end_open_runs(p_account uuid) returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_bulks uuid[];
  v_run record;
  v_phase text;
  v_cancelled uuid[] := '{}';
  v_going_on integer := 0;
  v_refunded bigint := 0;
begin
  v_bulks := array(
    select b.id from public.bulk_runs b where b.account_id = p_account and b.status = 'processing' order by b.id for no key update
  );
  update public.bulk_runs b set rest = null where b.id = any (v_bulks) and b.rest is not null;
  for v_run in
    select r.id, r.credits, r.phase, r.ai_started_at
      from public.runs r
     where r.account_id = p_account and r.status in ('pending', 'processing')
     order by r.id
       for no key update
  loop
    -- A scrape may have begun with the purchase, before the run's row knows of it (api.note_scrapes). Nobody has us scrape for
    -- nothing by closing and opening again, so such a run counts as one that was scraped for.
    v_phase := case when coalesce(v_run.phase, 'cache') = 'cache' then 'scraping' else v_run.phase end;
    if private.cancelled_charge(
         v_run.ai_started_at, v_phase, private.refunded_cancels_left(p_account, clock_timestamp())
       ) = 'refunded' then
      update public.runs r set phase = v_phase where r.id = v_run.id and r.phase is distinct from v_phase;
      perform private.end_run(v_run.id, 'cancelled', 'refunded');
      v_cancelled := v_cancelled || v_run.id;
      v_refunded := v_refunded + v_run.credits;
    else
      v_going_on := v_going_on + 1;
    end if;
  end loop;
  perform private.settle_bulk(b.id) from unnest(v_bulks) b (id);
  return jsonb_build_object(
    'runs_cancelled', cardinality(v_cancelled), 'credits_returned', v_refunded, 'runs_going_on', v_going_on,
    'cancelled', to_jsonb(v_cancelled)
  );
end $$;
revoke all on function private.end_open_runs(uuid) from public, anon, authenticated, service_role;

-- Why somebody may neither close nor open this account; null for its owners, whether it is open or closed.
create function private.refuse_closing(p_account uuid) returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  return case when not private.owns_closed(p_account) then private.refuse_without(p_account, 'close_account') end;
end $$;
revoke all on function private.refuse_closing(uuid) from public, anon, authenticated, service_role;

-- As private.lock_members_for, for those owners. Of them only the role is asked about before the lock: while others close and open
-- the account, it may be closed for one question and open for the next. Who is none is never told that they may: they hold no lock.
create function private.lock_for_closing(p_account uuid) returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  if not exists (
    select from public.account_members m
      join public.accounts a on a.id = m.account_id
     where m.user_id = auth.uid() and m.account_id = p_account and m.role = 'owner' and a.erasing_at is null
  ) then
    return coalesce(private.refuse_closing(p_account), jsonb_build_object('outcome', 'forbidden'));
  end if;
  perform private.lock_members(p_account);
  return private.refuse_closing(p_account);
end $$;
revoke all on function private.lock_for_closing(uuid) from public, anon, authenticated, service_role;

-- Closes an account, for an owner who names it. A repeat gives the first answer. Not while a subscription at Stripe goes on:
-- it would go on taking money.
create function api.close_account(p_account uuid, p_name text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_refusal constant jsonb := private.lock_for_closing(p_account);
  v_name text;
  v_ended jsonb;
begin
  if v_refusal is not null then
    return v_refusal;
  end if;
  select a.name into strict v_name from public.accounts a where a.id = p_account;
  if v_name is distinct from p_name then
    return jsonb_build_object('outcome', 'name_mismatch');
  elsif private.owns_closed(p_account) then
    return private.shown_account(p_account) || jsonb_build_object('cancelled', '[]'::jsonb);
  elsif exists (
    -- One that waits for its first payment ends by itself within a day.
    select from public.subscriptions s
     where s.account_id = p_account and s.stripe_subscription_id is not null and s.ended_at is null and s.cancel_at is null
       and s.status <> 'incomplete'
  ) then
    return jsonb_build_object('outcome', 'subscription_active');
  end if;
  -- Nobody buys for the account any more, nor after it was opened again, until an owner says so.
  update public.credit_purchases c set status = 'failed', settled_at = clock_timestamp()
   where c.account_id = p_account and c.origin = 'auto_top_up' and c.status = 'open' and c.attempted_at is null;
  update public.auto_top_ups t set is_on = false, updated_at = clock_timestamp() where t.account_id = p_account and t.is_on;
  v_ended := private.end_open_runs(p_account);
  perform private.note_member_action(p_account, 'account_closed', p_account, v_ended - 'cancelled');
  update public.accounts a set deleted_at = clock_timestamp() where a.id = p_account;
  return private.shown_account(p_account) || jsonb_build_object('cancelled', v_ended -> 'cancelled');
end $$;
revoke all on function api.close_account(uuid, text) from public, anon, authenticated, service_role;
grant execute on function api.close_account(uuid, text) to authenticated;

-- Opens a closed account again, for an owner, within 30 days. One that is open is answered as it is.
create function api.restore_account(p_account uuid) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_refusal constant jsonb := private.lock_for_closing(p_account);
begin
  if v_refusal is not null then
    return v_refusal;
  elsif not private.owns_closed(p_account) then
    return private.shown_account(p_account);
  elsif (select a.deleted_at from public.accounts a where a.id = p_account) <= clock_timestamp() - private.undo_time() then
    return jsonb_build_object('outcome', 'too_late');
  end if;
  update public.accounts a set deleted_at = null where a.id = p_account;
  perform private.note_member_action(p_account, 'account_restored', p_account);
  return private.shown_account(p_account);
end $$;
revoke all on function api.restore_account(uuid) from public, anon, authenticated, service_role;
grant execute on function api.restore_account(uuid) to authenticated;
