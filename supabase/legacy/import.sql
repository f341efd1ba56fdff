-- The import itself: a batch of users, or of Stripe's events, a transaction.

-- The old balance becomes the opening grant; a negative one is owed, and the credits that come in next pay it.
create or replace function legacy_import.open_ledger(p_user uuid, p_account uuid) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_balance bigint;
begin
  select c.balance into v_balance from legacy_import.old_user_credits c where c.user_id = p_user;
  if not found then
    return;
  elsif v_balance is null then
    perform legacy_import.leave_out('user_credits', p_user::text, p_user, 'no_balance');
    return;
  end if;
  if v_balance > 0 then
    perform private.add_grant(
      p_account, 'adjustment', v_balance, 'adjustment', null, 'legacy:opening:' || p_user,
      'Opening balance: your credits with the previous service'
    );
  end if;
  update legacy_import.users d set credits_carried = v_balance where d.user_id = p_user;
  perform legacy_import.carry('user_credits', p_user::text, p_user, 'credit_balances', p_account::text);
  if v_balance <> (select coalesce(sum(t.delta), 0) from legacy_import.old_credit_ledger t where t.user_id = p_user) then
    perform legacy_import.note('user_credits', p_user::text, p_user, 'ledger_disagrees');
  end if;
end $$;

-- What is owed is written last, because the history's own credits must not pay for it. All other credits do: what was returned, and what
-- the account had before.
create or replace function legacy_import.close_ledger(p_user uuid, p_account uuid) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_user legacy_import.users;
  v_paid bigint;
begin
  select * into strict v_user from legacy_import.users d where d.user_id = p_user;
  update public.credit_balances b set owed = b.owed - v_user.credits_carried
   where b.account_id = p_account and v_user.credits_carried < 0;
  select least(b.owed, b.balance) into strict v_paid from public.credit_balances b where b.account_id = p_account;
  if v_paid > 0 then
    update public.credit_balances b set owed = b.owed - v_paid where b.account_id = p_account;
    perform private.post_entry(
      p_account, 'clawback', -v_paid, null, 'clawback:debt:legacy:' || p_user, 'What you owed to the previous service',
      private.draw(p_account, v_paid)
    );
  end if;
  insert into legacy_import.left_out (legacy_table, legacy_id, user_id, reason)
    select 'credit_ledger', t.id, p_user, 'in_opening_balance' from legacy_import.old_credit_ledger t where t.user_id = p_user;
  update legacy_import.users d set credits_after = b.balance - b.owed
    from public.credit_balances b where b.account_id = p_account and d.user_id = p_user;
end $$;

-- Forgets that a user was missing in Supabase Auth, and what was left out because of that.
create or replace function legacy_import.look_again(p_user uuid) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  delete from legacy_import.users d where d.user_id = p_user and d.account_id is null;
  if found then
    delete from legacy_import.left_out o where o.user_id = p_user;
  end if;
end $$;

-- Everything of one user.
create or replace function legacy_import.import_user(p_user legacy_import.old_users) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_account uuid;
begin
  if not exists (select from auth.users u where u.id = p_user.id and u.deleted_at is null) then
    insert into legacy_import.users (user_id) values (p_user.id);
    perform legacy_import.leave_out(
      'users', p_user.id::text, p_user.id,
      case when exists (select from auth.users u where u.id = p_user.id) then 'deleted_in_auth' else 'not_in_auth' end
    );
    return;
  end if;
  perform legacy_import.look_again(p_user.id);
  v_account := legacy_import.open_account(p_user);
  perform legacy_import.plan_leads(p_user.id);
  perform legacy_import.plan_analyses(p_user.id);
  perform legacy_import.carry_business_profiles(p_user.id, v_account);
  perform legacy_import.carry_leads(p_user.id, v_account);
  perform legacy_import.open_ledger(p_user.id, v_account);
  perform legacy_import.carry_analyses(p_user.id, v_account);
  perform legacy_import.carry_customer(p_user, v_account);
  perform legacy_import.carry_subscriptions(p_user, v_account);
  perform legacy_import.close_ledger(p_user.id, v_account);
  delete from legacy_import.planned_leads;
  delete from legacy_import.planned_analyses;

  -- From here on, whatever is different has been used. Rows that were there before stay known as such.
  with present as (
    select r.relation, r.digest from legacy_import.rows_of(v_account) r
  ), gone as (
    delete from legacy_import.known_rows k
     where k.user_id = p_user.id and not exists (select from present p where p.relation = k.relation and p.digest = k.digest)
  )
  insert into legacy_import.known_rows (user_id, relation, digest, is_ours)
    select p_user.id, p.relation, p.digest, true from present p
     where not exists (
       select from legacy_import.known_rows k where k.user_id = p_user.id and k.relation = p.relation and k.digest = p.digest
     );
  -- A grant that was there before is another row now, and still not ours.
  update legacy_import.known_rows k set is_ours = false
    from legacy_import.users d
   cross join lateral jsonb_array_elements(d.before -> 'grants') w
    join public.credit_grants g on g.id = (w ->> 'id')::bigint
   where d.user_id = p_user.id and k.user_id = p_user.id and k.relation = 'credit_grants'
     and k.digest = legacy_import.digest(to_jsonb(g));
end $$;

-- The next users, and those who were missing in Supabase Auth and are there by now; returns how many there were. The sums of a complete
-- import are not those of one with more users.
create or replace function legacy_import.import_users(p_limit integer) returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_user legacy_import.old_users;
  v_done bigint := 0;
  v_constraint text;
begin
  perform legacy_import.take_turn();
  for v_user in
    select o.* from legacy_import.old_users o
     where not exists (
       select from legacy_import.users d
        where d.user_id = o.id and (
          d.account_id is not null or not exists (select from auth.users s where s.id = o.id and s.deleted_at is null)
        )
     )
     order by o.id
     limit p_limit
  loop
    begin
      perform legacy_import.import_user(v_user);
    exception when others then
      get stacked diagnostics v_constraint = constraint_name;
      -- What Postgres says of a value that does not fit may repeat it.
      raise exception 'user %: %', v_user.id,
        case when sqlstate like '22%' then 'a value does not fit (' || sqlstate || ')' else sqlerrm end
        using errcode = sqlstate, constraint = v_constraint;
    end;
    v_done := v_done + 1;
  end loop;
  if v_done > 0 then
    delete from legacy_import.sums;
  end if;
  return v_done;
end $$;

-- Marks an event that came here too, and was not applied yet, as done with; whether there was one. It keeps its payload, so that it can
-- be given back.
create or replace function legacy_import.settle_event(p_id text) returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  insert into legacy_import.events_before (id, outcome, note)
    select e.id, e.outcome, e.note from public.webhook_events e where e.id = p_id and e.processed_at is null for no key update;
  if not found then
    return false;
  end if;
  update public.webhook_events e
     set processed_at = clock_timestamp(), outcome = 'ignored', note = 'received by the previous service'
   where e.id = p_id;
  return true;
end $$;

-- The next of Stripe's events, as done with: so that none is applied a second time when Stripe, or the job that asks for missed ones,
-- tells of it again.
create or replace function legacy_import.import_events(p_limit integer) returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_old legacy_import.old_webhook_events;
  v_id text;
  v_reason text;
  v_is_ours boolean;
  v_done bigint := 0;
begin
  perform legacy_import.take_turn();
  for v_old in
    select e.* from legacy_import.old_webhook_events e
     where not exists (select from legacy_import.origins o where o.legacy_table = 'webhook_events' and o.legacy_id = e.id)
       and not exists (select from legacy_import.left_out o where o.legacy_table = 'webhook_events' and o.legacy_id = e.id)
     order by e.received_at, e.id
     limit p_limit
  loop
    v_done := v_done + 1;
    v_id := btrim(v_old.stripe_event_id);
    v_reason := case
      when char_length(coalesce(v_id, '')) not between 1 and 255 then 'no_stripe_id'
      when exists (
        select from legacy_import.origins o where o.relation = 'webhook_events' and o.new_id = v_id
      ) then 'duplicate_event'
    end;
    if v_reason is null then
      insert into public.webhook_events (id, type, received_at, processed_at, outcome, note, next_attempt_at)
        values (
          v_id, coalesce(legacy_import.text_of(v_old.event_type, 255), 'unknown'), legacy_import.dated(v_old.received_at),
          legacy_import.dated(v_old.received_at), 'ignored', 'received by the previous service', legacy_import.dated(v_old.received_at)
        )
        on conflict (id) do nothing;
      v_is_ours := found;
      if not v_is_ours and not legacy_import.settle_event(v_id) then
        select case e.outcome when 'applied' then 'applied_already' else 'received_already' end into strict v_reason
          from public.webhook_events e where e.id = v_id;
      end if;
    end if;
    if v_reason is not null then
      perform legacy_import.leave_out('webhook_events', v_old.id, null, v_reason);
      continue;
    end if;
    perform legacy_import.carry('webhook_events', v_old.id, null, 'webhook_events', v_id);
    insert into legacy_import.known_rows (user_id, relation, digest, is_ours)
      select null, 'webhook_events', legacy_import.digest(to_jsonb(e)), v_is_ours from public.webhook_events e where e.id = v_id;
  end loop;
  return v_done;
end $$;

-- Once every user has been looked at: what belongs to nobody, or to somebody who was not carried over.
create or replace function legacy_import.leave_the_rest() returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_table text;
begin
  perform legacy_import.take_turn();
  foreach v_table in array array['user_credits', 'credit_ledger', 'subscriptions', 'business_profiles', 'leads', 'analyses'] loop
    execute format(
      'insert into legacy_import.left_out (legacy_table, legacy_id, user_id, reason)
       select %1$L, o.%2$I::text, o.user_id, case when u.id is null then ''no_such_user'' else ''user_not_carried'' end
         from legacy_import.%3$I o
         left join legacy_import.old_users u on u.id = o.user_id
         left join legacy_import.users d on d.user_id = o.user_id
        where (u.id is null or d.user_id is not null and d.account_id is null)
          and not exists (select from legacy_import.left_out x where x.legacy_table = %1$L and x.legacy_id = o.%2$I::text)',
      v_table, case v_table when 'user_credits' then 'user_id' else 'id' end, 'old_' || v_table
    );
  end loop;
end $$;
