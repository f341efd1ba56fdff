-- The way back. What the import made is removed, as long as nobody has used it since: an account with a row that is new, or different
-- from what it was right after the import, stays as it is.

-- In which tables an account has rows that the import did not leave there, with their number.
create or replace function legacy_import.used_since(p_user uuid, p_account uuid) returns jsonb
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select coalesce(jsonb_object_agg(u.relation, u.rows), '{}')
    from (
      select r.relation, count(*) as rows
        from legacy_import.rows_of(p_account) r
       where not exists (
         select from legacy_import.known_rows k where k.user_id = p_user and k.relation = r.relation and k.digest = r.digest
       )
       group by r.relation
    ) u
$$;

-- Deletes the account's rows of one table that the import made.
create or replace function legacy_import.remove_ours(p_user uuid, p_account uuid, p_relation text) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  execute format(
    'delete from public.%1$I x where x.%2$I = $1 and exists (
       select from legacy_import.known_rows k
        where k.user_id = $2 and k.relation = %1$L and k.is_ours and k.digest = legacy_import.digest(to_jsonb(x))
     )', p_relation, case p_relation when 'accounts' then 'id' else 'account_id' end
  ) using p_account, p_user;
end $$;

-- An account that was there before gets back what it was.
create or replace function legacy_import.give_back(p_account uuid, p_before jsonb) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  update public.accounts a
     set plan_id = p_before -> 'account' ->> 'plan_id',
         starting_credits_at = (p_before -> 'account' ->> 'starting_credits_at')::timestamptz
   where a.id = p_account;
  update public.credit_balances b set balance = w.balance, owed = w.owed, updated_at = w.updated_at
    from jsonb_populate_record(null::public.credit_balances, p_before -> 'balance') w
   where b.account_id = p_account;
  update public.credit_grants g
     set remaining = w.remaining, times_ended = w.times_ended, expires_at = w.expires_at, is_brought_back = w.is_brought_back
    from jsonb_to_recordset(p_before -> 'grants')
      as w (id bigint, remaining bigint, times_ended integer, expires_at timestamptz, is_brought_back boolean)
   where g.id = w.id and g.account_id = p_account;
  delete from public.spending_days s where s.account_id = p_account;
  insert into public.spending_days
    select w.* from jsonb_populate_recordset(null::public.spending_days, p_before -> 'spending_days') w;
  delete from public.member_spending_days s where s.account_id = p_account;
  insert into public.member_spending_days
    select w.* from jsonb_populate_recordset(null::public.member_spending_days, p_before -> 'member_spending_days') w;
end $$;

-- Undoes one user's import; returns what stands in the way, or an empty object.
create or replace function legacy_import.undo_user(p_user legacy_import.users) returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_account constant uuid := p_user.account_id;
  v_used jsonb;
  v_relation text;
begin
  if v_account is not null then
    perform private.lock_balance(v_account);
    v_used := legacy_import.used_since(p_user.user_id, v_account);
    if v_used <> '{}' then
      return v_used;
    end if;
    -- What points at others first.
    foreach v_relation in array array[
      'ai_usage_logs', 'analyses', 'credit_transactions', 'credit_grants', 'runs', 'leads', 'business_profiles', 'paid_periods',
      'subscriptions', 'billing_customers'
    ] loop
      perform legacy_import.remove_ours(p_user.user_id, v_account, v_relation);
    end loop;
    if p_user.is_new_account then
      -- The job sums up anew.
      delete from public.insight_account_costs i where i.account_id = v_account;
      delete from public.card_fingerprints c where c.account_id = v_account;
      foreach v_relation in array array[
        'spending_days', 'member_spending_days', 'credit_balances', 'account_members'
      ] loop
        perform legacy_import.remove_ours(p_user.user_id, v_account, v_relation);
      end loop;
      -- The end of its membership has closed it.
      delete from public.accounts a where a.id = v_account;
    else
      perform legacy_import.give_back(v_account, p_user.before);
    end if;
    delete from public.starting_credits s where s.email_hash = decode(p_user.before ->> 'email_hash', 'hex');
  end if;
  delete from legacy_import.origins o where o.user_id = p_user.user_id;
  delete from legacy_import.left_out o where o.user_id = p_user.user_id;
  delete from legacy_import.notes o where o.user_id = p_user.user_id;
  delete from legacy_import.known_rows k where k.user_id = p_user.user_id;
  delete from legacy_import.users d where d.user_id = p_user.user_id;
  return '{}';
end $$;

-- The next users after p_after. The ledger only grows, except here: its owner turns off the guard for this transaction, and nobody else
-- can write the table meanwhile.
create or replace function legacy_import.undo_users(p_after uuid, p_limit integer) returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp set lock_timeout = '5s' as $$
declare
  v_user legacy_import.users;
  v_used jsonb;
  v_refused jsonb := '[]';
  v_undone bigint := 0;
  v_last uuid;
begin
  perform legacy_import.take_turn();
  alter table public.credit_transactions disable trigger append_only;
  for v_user in
    select * from legacy_import.users d where p_after is null or d.user_id > p_after order by d.user_id limit p_limit
  loop
    v_last := v_user.user_id;
    v_used := legacy_import.undo_user(v_user);
    if v_used = '{}' then
      v_undone := v_undone + 1;
    else
      v_refused := v_refused || jsonb_build_object('account_id', v_user.account_id, 'used', v_used);
    end if;
  end loop;
  alter table public.credit_transactions enable trigger append_only;
  if v_undone > 0 then
    delete from legacy_import.sums;
    perform legacy_import.sum_up_again();
  end if;
  return jsonb_build_object('last', v_last, 'undone', v_undone, 'refused', v_refused);
end $$;

-- Stripe's events: those of the previous service's alone are removed, and those that had come here too wait again. Returns how many stay,
-- because an operator has put them back since.
create or replace function legacy_import.undo_events() returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  perform legacy_import.take_turn();
  with known as (
    select e.id, k.is_ours
      from legacy_import.origins o
      join public.webhook_events e on e.id = o.new_id
      join legacy_import.known_rows k
        on k.relation = 'webhook_events' and k.user_id is null and k.digest = legacy_import.digest(to_jsonb(e))
     where o.relation = 'webhook_events'
  ), removed as (
    delete from public.webhook_events e using known k where k.id = e.id and k.is_ours
  ), given_back as (
    update public.webhook_events e
       set processed_at = null, outcome = b.outcome, note = b.note
      from known k
      join legacy_import.events_before b on b.id = k.id
     where e.id = k.id and not k.is_ours
  ), forgotten as (
    delete from legacy_import.events_before b using known k where b.id = k.id
  )
  delete from legacy_import.origins o using known k where o.relation = 'webhook_events' and o.new_id = k.id;
  delete from legacy_import.left_out o where o.legacy_table = 'webhook_events';
  return (select count(*) from legacy_import.origins o where o.relation = 'webhook_events');
end $$;
