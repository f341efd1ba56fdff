-- Two accounts with a row in every table of customers: each sees its own rows and no others, nobody writes a table directly, and
-- no function of customers does anything to another's account. All of it is rolled back.

begin;
select plan(17);

-- Helpers -----------------------------------------------------------------------------------------------------------------------

create schema probe;

-- To try what a role may do, this file's own role must be able to become it; a superuser can already.
do $$
begin
  if not (select rolsuper from pg_roles where rolname = current_user) then
    execute format('grant operator, oslira_tenant, oslira_admin, oslira_operator to %I', current_user);
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

-- The same, and takes back what the statement did.
create function probe.tried(p_role text, p_user uuid, p_sql text) returns text language plpgsql as $$
declare
  v_answer text;
begin
  v_answer := probe.kept(p_role, p_user, p_sql);
  raise exception 'taken back' using errcode = 'TB000';
exception when sqlstate 'TB000' then
  return v_answer;
end $$;

create function probe.counted(p_table text, p_account uuid default null) returns bigint language plpgsql as $$
declare
  v_count bigint;
begin
  execute format('select count(*) from public.%I where $1 is null or %I = $1', p_table,
                 case p_table when 'accounts' then 'id' else 'account_id' end)
    into v_count using p_account;
  return v_count;
end $$;

-- The tables that a policy opens to the members of an account.
create view probe.tenant_tables as
  select p.tablename::text as name from pg_policies p where p.schemaname = 'public' and p.qual like '%my_accounts%';

create view probe.all_tables as
  select c.relname::text as name, c.oid from pg_class c
   where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f');

-- All that is kept about an account, also in tables that only functions see, as one text: to see whether something changed.
create function probe.state(p_account uuid) returns text language plpgsql as $$
declare
  v_table record;
  v_rows text;
  v_state text := '';
begin
  for v_table in
    select t.name, a.attname from probe.all_tables t
      join pg_attribute a on a.attrelid = t.oid and a.attname = case t.name when 'accounts' then 'id' else 'account_id' end
     order by 1
  loop
    execute format('select string_agg(t::text, chr(10) order by t::text) from public.%I t where %I = $1', v_table.name, v_table.attname)
      into v_rows using p_account;
    v_state := v_state || v_table.name || coalesce(v_rows, '') || chr(10);
  end loop;
  return v_state;
end $$;

-- What a role sees of a table: how many rows, of one account if one is given.
create function probe.seen(p_role text, p_user uuid, p_table text, p_account uuid default null) returns text language sql as $$
  select probe.tried(p_role, p_user, format('select count(*) from public.%1$I where %2$L::uuid is null or %3$I = %2$L', p_table, p_account,
                                           case p_table when 'accounts' then 'id' else 'account_id' end))
$$;

-- Two accounts ------------------------------------------------------------------------------------------------------------------

create table probe.people (name text primary key, user_id uuid not null default gen_random_uuid(), account_id uuid, profile_id uuid,
                           run_id uuid default gen_random_uuid(), bulk_id uuid default gen_random_uuid(), lead_id uuid, note_id uuid,
                           filter_id uuid);
insert into probe.people (name) values ('ann'), ('bob');

insert into auth.users (id, aud, role, email, email_confirmed_at)
  select p.user_id, 'authenticated', 'authenticated', p.name || '-' || p.user_id || '@tests.example', now() from probe.people p;
update probe.people p set account_id = m.account_id from public.account_members m where m.user_id = p.user_id;

create function probe.furnish(p probe.people) returns void language plpgsql as $$
declare
  v_services constant text := '[["apify"], ["openai", "anthropic"]]';
  v_lead jsonb;
begin
  perform probe.kept('service_role', null, format(
    'select system.grant_credits(%L, 50, ''promotion'', null, null, %L, ''For the tests'')', p.account_id, 'tests:' || p.user_id));
  perform probe.kept('service_role', null, format('select system.give_plan(%L, ''starter'')', p.account_id));
  p.profile_id := probe.kept('authenticated', p.user_id, format(
    'select api.create_business_profile(%L, ''{"name": "A brand", "offering": "Meals", "target_audience": "Runners"}'', null, null)
       -> ''profile'' ->> ''id''', p.account_id));
  perform probe.kept('authenticated', p.user_id, format(
    'select api.begin_analysis(%L, %L, ''nasa'', %L, ''LIGHT'', null, ''body'', %L)', p.account_id, p.run_id, p.profile_id, v_services));
  perform probe.kept('service_role', null, format('select system.record_usage(%L, ''ai'', %L, %L)', p.run_id, 'ai ' || p.run_id,
    '{"call": "light", "provider": "openai", "model": "gpt-4o-mini", "input_tokens": 15, "cached_tokens": 0, "cache_write_tokens": 0,
      "output_tokens": 3, "reasoning_tokens": 0, "cost_microusd": 4, "duration_ms": 42, "finish_reason": "stop", "gateway_hit": false}'));
  perform probe.kept('service_role', null, format('select system.record_usage(%L, ''scrape'', %L, %L)', p.run_id, 'scrape ' || p.run_id,
    '{"actor": "a/b", "username": "nasa", "results": 1, "cost_microusd": 2, "duration_ms": 6, "outcome": "succeeded"}'));
  perform probe.kept('service_role', null, format('select system.advance_run(%L, ''saving'')', p.run_id));
  v_lead := probe.kept('service_role', null, format('select system.complete_run(%L, %L, %L)', p.run_id,
    '{"username": "nasa", "display_name": "NASA", "biography": "Exploring", "followers": 10, "following": 8, "posts": 4,
      "category": "Science", "external_url": null, "profile_pic_url": null, "is_verified": true, "is_business": false,
      "scraped_at": "2026-01-01T00:00:00Z"}',
    '{"score": 70, "provider": "sandbox", "model": "m", "snapshot_key": "instagram/nasa/1",
      "result": {"judgement": {}, "facts": {}, "evidence": []}, "cost_microusd": 4}'))::jsonb;
  p.lead_id := v_lead ->> 'lead_id';
  perform probe.kept('authenticated', p.user_id, format('select api.mark_lead_outcome(%L, %L, ''won'')', p.account_id, p.lead_id)),
          probe.kept('authenticated', p.user_id, format('select api.set_lead_work(%L, %L, ''{"tags": ["vip"]}'')', p.account_id, p.lead_id));
  p.note_id := probe.kept('authenticated', p.user_id, format(
    'select api.add_lead_note(%L, %L, ''A note'') -> ''note'' ->> ''id''', p.account_id, p.lead_id));
  p.filter_id := probe.kept('authenticated', p.user_id, format(
    'select api.save_lead_filter(%L, ''Open'', ''{}'') -> ''filter'' ->> ''id''', p.account_id));
  perform probe.kept('authenticated', p.user_id, format(
    'select api.set_credit_alerts(%L, 7, ''{"is_on": true, "threshold": 7, "pack": "pack_20", "monthly_max_cents": 2000}'')', p.account_id));
  perform probe.kept('authenticated', p.user_id, format('select api.begin_purchase(%L, gen_random_uuid(), ''pack_20'', null)', p.account_id));
  -- The bulk takes the balance below both thresholds: a purchase begins, and the account is told.
  perform probe.kept('service_role', null, format(
    'select system.deduct_credits_atomic(%L, %s, null, %L, ''A charge'')', p.account_id,
    (select b.balance - 7 from public.credit_balances b where b.account_id = p.account_id), 'use:' || p.user_id));
  perform probe.kept('authenticated', p.user_id, format('select api.begin_bulk(%L, %L, %L, %L, ''LIGHT'', ''{}'', null, ''body'', %L)',
    p.account_id, p.bulk_id, jsonb_build_array(jsonb_build_object('line', 1, 'username', 'esa', 'run_id', gen_random_uuid())),
    p.profile_id, v_services));
  update probe.people o set (profile_id, lead_id, note_id, filter_id) = (p.profile_id, p.lead_id, p.note_id, p.filter_id) where o.name = p.name;
end $$;
select probe.furnish(p) from probe.people p;

-- Every function of customers that is told an account or something of one, as a call about what somebody has.
create table probe.calls (function text primary key, arguments text not null);
insert into probe.calls values
  ('account', '{account}'),
  ('add_lead_note', '{account}, {lead}, ''Mine now'''),
  ('begin_analysis', '{account}, gen_random_uuid(), ''jaxa'', {profile}, ''LIGHT'', null, ''body'', ''[["apify"]]'''),
  ('begin_bulk', '{account}, gen_random_uuid(), jsonb_build_array(jsonb_build_object(''line'', 1, ''username'', ''isro'', ''run_id'', '
                 'gen_random_uuid())), {profile}, ''LIGHT'', ''{}'', null, ''body'', ''[["apify"]]'''),
  ('begin_purchase', '{account}, gen_random_uuid(), ''pack_20'', null'),
  ('billing_customer', '{account}'),
  ('cancel_bulk', '{bulk}, false'),
  ('cancel_run', '{run}'),
  ('change_lead_filter', '{account}, {filter}, ''Mine now'', ''{}'', 1'),
  ('change_lead_note', '{account}, {lead}, {note}, ''Mine now'', 1'),
  ('change_member', '{account}, {user}, ''member'', 1, ''day'''),
  ('close_account', '{account}, {name}'),
  ('continue_bulk', '{bulk}, ''[["apify"]]'''),
  ('create_business_profile', '{account}, ''{"name": "B", "offering": "Meals", "target_audience": "Runners"}'', null, null'),
  ('create_key', '{account}, gen_random_uuid(), ''A key'', array[''read''], null, null, null, ''osl_abcd'', repeat(''a'', 64)'),
  ('credit_alerts', '{account}'),
  ('daily_budget', '{account}'),
  ('delete_business_profile', '{account}, {profile}'),
  ('delete_lead', '{account}, {lead}'),
  ('delete_lead_filter', '{account}, {filter}'),
  ('delete_lead_note', '{account}, {lead}, {note}'),
  ('export_rows', '{account}, ''leads'', null'),
  ('exported_tables', '{account}'),
  ('insight_cache', '{account}, 7, current_date'),
  ('insight_costs', '{account}, 7, current_date'),
  ('insight_drivers', '{account}, 7, current_date'),
  ('insight_errors', '{account}, 7, current_date'),
  ('insight_latency', '{account}, 7, current_date'),
  ('invite_member', '{account}, gen_random_uuid(), ''eve@tests.example'', ''member'', null, null, repeat(''b'', 64)'),
  ('link_customer', '{account}, ''cus_tests'''),
  ('list_invitations', '{account}'),
  ('list_keys', '{account}'),
  ('list_member_actions', '{account}, null, 10'),
  ('list_members', '{account}'),
  ('mark_lead_outcome', '{account}, {lead}, ''lost'''),
  ('note_scrapes', 'array[{run}]::uuid[]'),
  ('refund_if_cancelled', '{run}'),
  ('remove_member', '{account}, {user}'),
  ('require_permission', '{account}, ''analyse'''),
  ('restore_account', '{account}'),
  ('revoke_invitation', '{account}, gen_random_uuid()'),
  ('revoke_key', '{account}, gen_random_uuid()'),
  ('rotate_key', '{account}, gen_random_uuid(), 60, ''osl_abcd'', repeat(''c'', 64)'),
  ('save_lead_filter', '{account}, ''Mine too'', ''{}'''),
  ('search_leads', '''newest'', {account}, null, null, null, null, null, ''nasa'', null, null, 10, null, null, null'),
  ('set_credit_alerts', '{account}, 9, null'),
  ('set_daily_cap', '{account}, 1'),
  ('set_lead_work', '{account}, {lead}, ''{"tags": ["mine"]}'''),
  ('spenders', '{account}, array[{user}]::uuid[]'),
  ('undo_run', '{run}'),
  ('update_business_profile', '{account}, {profile}, ''{"name": "Mine now"}'', 1');

-- The call of a function about what somebody has.
create function probe.call_about(p_function text, p probe.people) returns text language sql as $$
  select format('select (jsonb_agg(to_jsonb(answer)))::text from (select answer from api.%I(%s) answer limit 20) answers', c.function,
           replace(replace(replace(replace(replace(replace(replace(replace(replace(c.arguments,
             '{account}', quote_literal(p.account_id)), '{profile}', quote_literal(p.profile_id)), '{run}', quote_literal(p.run_id)),
             '{bulk}', quote_literal(p.bulk_id)), '{lead}', quote_literal(p.lead_id)), '{note}', quote_literal(p.note_id)),
             '{filter}', quote_literal(p.filter_id)), '{user}', quote_literal(p.user_id)), '{name}', 
             quote_literal((select a.name from public.accounts a where a.id = p.account_id))))
    from probe.calls c where c.function = p_function
$$;

-- What is seen ------------------------------------------------------------------------------------------------------------------

select is_empty(
  $$ select t.name, p.name from probe.tenant_tables t, probe.people p where probe.counted(t.name, p.account_id) = 0 $$,
  'this test has rows of both accounts in every table of customers (a new table needs some in probe.furnish)'
);
select is_empty(
  $$ select t.name, p.name, probe.seen('authenticated', p.user_id, t.name) from probe.tenant_tables t, probe.people p
      where probe.seen('authenticated', p.user_id, t.name) <> probe.counted(t.name, p.account_id)::text $$,
  'a member sees as many rows of every table as their account has'
);
select is_empty(
  $$ select t.name, p.name from probe.tenant_tables t, probe.people p join probe.people o on o.name <> p.name
      where probe.seen('authenticated', p.user_id, t.name, o.account_id) <> '0' $$,
  'and none of them is the other account''s'
);
select is_empty(
  $$ select t.name from probe.tenant_tables t
      where probe.seen('authenticated', gen_random_uuid(), t.name) <> '0' or probe.seen('authenticated', null, t.name) <> '0' $$,
  'a user without an account, and a token without a user, see nothing'
);
select is_empty(
  $$ select t.name, r.role from probe.all_tables t, unnest(array['anon', 'operator', 'oslira_tenant', 'oslira_admin', 'oslira_operator']) r (role)
       join probe.people p on p.name = 'ann'
      where probe.tried(r.role, p.user_id, format('select from public.%I', t.name)) is distinct from 'refused 42501' $$,
  'the anonymous, operators and the three logins read no table at all'
);

-- What is written ---------------------------------------------------------------------------------------------------------------

create view probe.writes as
  select t.name as table_name, w.statement
    from probe.all_tables t
    join lateral (
      select quote_ident(a.attname) as name from pg_attribute a
       where a.attrelid = t.oid and a.attnum > 0 and a.attidentity = '' and not a.attisdropped order by a.attnum limit 1
    ) c on true
    cross join lateral (values
      (format('insert into public.%I default values', t.name)), (format('update public.%I set %s = %2$s', t.name, c.name)),
      (format('delete from public.%I', t.name)), (format('truncate public.%I', t.name)),
      (format('select from public.%I for update', t.name))
    ) w (statement);

select is_empty(
  $$ select w.statement, r.role from probe.writes w
       cross join unnest(array['anon', 'authenticated', 'service_role', 'operator', 'oslira_tenant', 'oslira_admin', 'oslira_operator']) r (role)
       join probe.people p on p.name = 'ann'
      where probe.tried(r.role, p.user_id, w.statement) is distinct from 'refused 42501' $$,
  'nobody writes or locks any table directly, not even their own rows'
);
select throws_ok(
  $$ update public.leads set business_profile_id = (select p.profile_id from probe.people p where p.name = 'ann')
      where account_id = (select p.account_id from probe.people p where p.name = 'bob') $$,
  '23503', null, 'the owner of the tables himself cannot mix two accounts'
);

-- What functions do -------------------------------------------------------------------------------------------------------------

select is_empty(
  $$ select f.proname::text from pg_proc f
      where f.pronamespace = 'api'::regnamespace and f.pronargs > 0
        -- Whoever knows the secret is meant.
        and f.proname not in ('accept_invitation', 'resolve_key') and f.proname not in (select c.function from probe.calls c) $$,
  'this test calls every function of customers (a new one needs a line in probe.calls)'
);
select is_empty(
  $$ select c.function, a.answer from probe.calls c join probe.people p on p.name = 'bob',
            probe.tried('authenticated', p.user_id, probe.call_about(c.function, p)) a (answer)
      where a.answer is null or a.answer like 'refused%' or a.answer like '%"forbidden"%'
         or a.answer = '[null]' and c.function <> 'refund_if_cancelled' $$,
  'whoever owns the account may call each of them'
);

create table probe.before as select p.name, probe.state(p.account_id) as state from probe.people p;
create table probe.answers as
  select c.function, probe.kept('authenticated', ann.user_id, probe.call_about(c.function, bob)) as answer
    from probe.calls c join probe.people ann on ann.name = 'ann' join probe.people bob on bob.name = 'bob';

select is_empty(
  $$ select a.function, a.answer from probe.answers a
      where coalesce(a.answer, '[null]') not in ('[{"outcome": "forbidden"}]', '[{"outcome": "not_found"}]', '[null]', 'refused OS001')
        -- How many were noted, and that no permission is missing where nobody belongs.
        and (a.function, a.answer) not in (('note_scrapes', '[0]'), ('require_permission', '[true]')) $$,
  'a stranger gets nothing from any function about another''s account'
);
select is(
  (select probe.state(p.account_id) from probe.people p where p.name = 'bob'),
  (select b.state from probe.before b where b.name = 'bob'),
  'and none of these calls changed anything of that account'
);
select is_empty(
  $$ select c.function, r.role from probe.calls c
       cross join unnest(array['anon', 'service_role', 'operator', 'oslira_tenant', 'oslira_admin', 'oslira_operator']) r (role)
       join probe.people p on p.name = 'bob'
      where probe.tried(r.role, p.user_id, probe.call_about(c.function, p)) is distinct from 'refused 42501' $$,
  'no other role may call a function of customers, whoever its token names'
);

-- Who belongs -------------------------------------------------------------------------------------------------------------------

insert into public.account_members (user_id, account_id, role)
  select ann.user_id, bob.account_id, 'viewer' from probe.people ann, probe.people bob where ann.name = 'ann' and bob.name = 'bob';
select is_empty(
  $$ select t.name from probe.tenant_tables t join probe.people p on p.name = 'ann'
      where probe.seen('authenticated', p.user_id, t.name) <> probe.counted(t.name)::text
        and probe.counted(t.name) = (select sum(probe.counted(t.name, p.account_id)) from probe.people p) $$,
  'a member of both accounts sees the rows of both'
);
select is(
  probe.tried('authenticated', ann.user_id, format('select api.begin_purchase(%L, gen_random_uuid(), ''pack_20'', null)', bob.account_id)),
  'refused OS001', 'whoever may only look into an account buys nothing for it'
) from probe.people ann, probe.people bob where ann.name = 'ann' and bob.name = 'bob';
delete from public.account_members m using probe.people ann, probe.people bob
 where ann.name = 'ann' and bob.name = 'bob' and m.user_id = ann.user_id and m.account_id = bob.account_id;
select is_empty(
  $$ select t.name from probe.tenant_tables t, probe.people ann, probe.people bob
      where ann.name = 'ann' and bob.name = 'bob' and probe.seen('authenticated', ann.user_id, t.name, bob.account_id) <> '0' $$,
  'a membership that has ended shows nothing'
);
update public.accounts a set deleted_at = now() from probe.people p where p.name = 'bob' and a.id = p.account_id;
select is_empty(
  $$ select t.name from probe.tenant_tables t join probe.people p on p.name = 'bob' where probe.seen('authenticated', p.user_id, t.name) <> '0' $$,
  'a closed account shows nothing, not even to its owner'
);
select is_empty(
  $$ select t.name from probe.tenant_tables t join probe.people p on p.name = 'ann'
      where probe.seen('authenticated', p.user_id, t.name) <> probe.counted(t.name, p.account_id)::text $$,
  'and the other account shows what it did'
);

select * from finish();
rollback;
