-- Credits: who may move them, that a charge and a refund happen once, and that nothing changes the ledger. All of it is rolled back.

begin;
select plan(20);

-- Helpers -----------------------------------------------------------------------------------------------------------------------

create schema probe;

-- To try what a role may do, this file's own role must be able to become it; a superuser can already.
do $$
begin
  if not (select rolsuper from pg_roles where rolname = current_user) then
    execute format('grant operator to %I', current_user);
  end if;
end $$;

-- Runs a statement as a role with a user's claims. Answers its first column as text, `refused` and the SQLSTATE if Postgres
-- refused it, or null if there was no row.
create function probe.kept(p_role text, p_user uuid, p_sql text) returns text language plpgsql as $$
declare
  v_answer text;
  v_self constant text := current_setting('role');
begin
  perform set_config('role', p_role, true),
          set_config('request.jwt.claims', jsonb_build_object('sub', p_user, 'role', p_role)::text, true);
  execute p_sql into v_answer;
  perform set_config('role', v_self, true), set_config('request.jwt.claims', '', true);
  return v_answer;
exception when others then
  return 'refused ' || sqlstate;
end $$;

-- A user whose sign-up gave an account, with exactly five credits and a business profile.
create table probe.ann as select gen_random_uuid() as user_id, null::uuid as account_id, null::uuid as profile_id,
                                 gen_random_uuid() as run_id, gen_random_uuid() as other_run_id;
insert into auth.users (id, aud, role, email, email_confirmed_at)
  select a.user_id, 'authenticated', 'authenticated', a.user_id || '@tests.example', now() from probe.ann a;
update probe.ann a set account_id = m.account_id from public.account_members m where m.user_id = a.user_id;
select probe.kept('service_role', null, format('select system.deduct_credits_atomic(%L, %s, null, %L, ''For the tests'')',
                  a.account_id, b.balance - 5, 'use:' || a.user_id))
  from probe.ann a join public.credit_balances b using (account_id) where b.balance > 5;
update probe.ann a set profile_id = (probe.kept('authenticated', a.user_id, format(
  'select api.create_business_profile(%L, ''{"name": "A brand", "offering": "Meals", "target_audience": "Runners"}'', null, null)',
  a.account_id))::jsonb -> 'profile' ->> 'id')::uuid;

create function probe.balance() returns bigint language sql as $$
  select b.balance from public.credit_balances b join probe.ann a using (account_id)
$$;
create function probe.begin_analysis(p_run uuid) returns text language sql as $$
  select probe.kept('authenticated', a.user_id, format(
    'select api.begin_analysis(%L, %L, ''nasa'', %L, ''LIGHT'', ''key-of-the-tests'', ''body'', ''[["apify"]]'') ->> ''outcome''',
    a.account_id, p_run, a.profile_id)) from probe.ann a
$$;

-- Who may move credits ----------------------------------------------------------------------------------------------------------

-- A call of every function of the backend and of operators, and of every helper: with nulls, which whoever may call is told about.
create view probe.calls as
  select n.nspname::text as schema, p.proname::text as function, format('select %I.%I(%s)', n.nspname, p.proname, (
           select string_agg('null::' || format_type(t, null), ', ' order by place) from unnest(p.proargtypes::oid[]) with ordinality a (t, place)
         )) as call
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
   where n.nspname in ('system', 'operator', 'private') and p.prorettype <> 'trigger'::regtype;

select ok(
  (select count(*) from probe.calls c where (c.schema, c.function) in (
    ('system', 'grant_credits'), ('system', 'deduct_credits_atomic'), ('system', 'give_plan'), ('system', 'end_grants'),
    ('system', 'complete_run'), ('system', 'fail_run'), ('system', 'apply_event'), ('system', 'settle_top_up'), ('private', 'add_grant'),
    ('private', 'refund_run'), ('private', 'post_entry'), ('private', 'draw'), ('operator', 'adjust_credits'), ('operator', 'refund_run')
  )) = 14, 'the functions that move credits are among those that are tried'
);
select is_empty(
  $$ select c.call from probe.calls c, probe.ann a where probe.kept('authenticated', a.user_id, c.call) is distinct from 'refused 42501' $$,
  'no customer calls a function of the backend or of operators'
);
select is_empty(
  $$ select c.call from probe.calls c where probe.kept('anon', null, c.call) is distinct from 'refused 42501' $$,
  'nor do the anonymous'
);
select is_empty(
  $$ select c.call from probe.calls c where c.schema <> 'system' and probe.kept('service_role', null, c.call) is distinct from 'refused 42501' $$,
  'the backend calls no function of operators and no helper'
);
select is_empty(
  $$ select c.call from probe.calls c, probe.ann a
      where c.schema <> 'operator' and probe.kept('operator', a.user_id, c.call) is distinct from 'refused 42501' $$,
  'operators call no function of the backend and no helper'
);
select is(
  probe.kept('operator', a.user_id, format('select operator.adjust_credits(%L, 5, ''key'', ''Ticket 123: they asked'')', a.account_id)),
  'refused OS002', 'the role of operators gives nobody credits who is not appointed'
) from probe.ann a;
select is(probe.balance(), 5::bigint, 'after all that, the balance is what it was');

-- Once --------------------------------------------------------------------------------------------------------------------------

select is(probe.begin_analysis(a.run_id), 'ok', 'an analysis is bought') from probe.ann a;
select is(probe.begin_analysis(a.other_run_id), 'replay', 'the same request again is the same purchase') from probe.ann a;
select is(probe.balance(), 4::bigint, 'which was paid for once');
select is(
  probe.kept('authenticated', a.user_id, format('select api.cancel_run(%L) ->> ''outcome''', a.run_id)), 'cancelled', 'it is cancelled'
) from probe.ann a;
select is(
  probe.kept('authenticated', a.user_id, format('select api.cancel_run(%L) ->> ''outcome''', a.run_id)), 'cancelled', 'which may be said twice'
) from probe.ann a;
select is(
  (select count(*) from public.credit_transactions t join probe.ann a using (run_id) where t.kind = 'refund'), 1::bigint,
  'and refunded once'
);
select is(
  probe.kept('service_role', null, format('select system.deduct_credits_atomic(%L, 6, null, ''use:too-much'', ''Too much'') ->> ''outcome''',
                                          a.account_id)),
  'insufficient_credits', 'nobody spends more than they have'
) from probe.ann a;

-- The ledger --------------------------------------------------------------------------------------------------------------------

select throws_ok('update public.credit_transactions set amount = amount + 1', '23001', null, 'no entry is changed, not even by the owner');
select throws_ok('delete from public.credit_transactions', '23001', null, 'or deleted');
select throws_ok('truncate public.credit_transactions cascade', '23001', null, 'or truncated');
select throws_ok(
  'insert into public.credit_transactions (account_id, kind, amount, balance_after, run_id, description, idempotency_key, grants)
   select account_id, kind, amount, balance_after, run_id, description, idempotency_key, grants from public.credit_transactions limit 1',
  '23505', null, 'no entry is there twice'
);
select throws_ok('update public.credit_balances set balance = -1', '23514', null, 'no balance is below zero');
select is_empty(
  $$ select b.account_id from public.credit_balances b
      where b.balance <> (select coalesce(sum(t.amount), 0) from public.credit_transactions t where t.account_id = b.account_id)
         or b.balance <> (select coalesce(sum(g.remaining), 0) from public.credit_grants g where g.account_id = b.account_id) $$,
  'every balance is the sum of its entries, and of what is left of its grants'
);

select * from finish();
rollback;
