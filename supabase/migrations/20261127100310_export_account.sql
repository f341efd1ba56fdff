-- Everything that an account owns, taken out a page at a time.

select set_config('lock_timeout', '5s', true);

-- The one list of what is exported, in the order of the file. A test compares it with the tables and columns there are: each is
-- exported, or named there with the reason why it is not.
create table public.exported_tables (
  place integer primary key,
  -- What the file calls it.
  name text not null unique check (name ~ '^[a-z_]{1,40}$'),
  -- The table of the schema `public` that its rows come from, and the column that says whose a row is.
  source text not null check (source ~ '^[a-z_]{1,63}$'),
  owner_column text not null default 'account_id' check (owner_column in ('account_id', 'id')),
  -- In the order of a sheet.
  columns text[] not null check (cardinality(columns) > 0),
  -- Those of them that the table does not have: SQL for each, in which the row is `t`. Nothing else in here is SQL but the condition.
  computed jsonb not null default '{}' check (jsonb_typeof(computed) = 'object'),
  -- Columns of the table that order its rows within an account, none of them null; an index serves them.
  key_columns text[] not null check (cardinality(key_columns) > 0),
  -- Which rows it is about: what was deleted is only waiting for the clean-up.
  condition text not null default 'true',
  -- So few that a page of the largest rows fits into a Worker's memory several times.
  page_rows integer not null default 200 check (page_rows between 1 and 500)
);
alter table public.exported_tables enable row level security;
alter table public.exported_tables force row level security;
revoke all on public.exported_tables from public, anon, authenticated, service_role;

insert into public.exported_tables (place, name, source, columns, computed, key_columns, condition, owner_column, page_rows) values
  (10, 'account', 'accounts', '{id,name,plan_id,daily_credit_cap,created_at,blocked_at,deleted_at}', '{}', '{id}', 'true', 'id', 1),
  (20, 'members', 'account_members', '{user_id,email,role,credit_limit,limit_period,created_at}',
   '{"email": "(select u.email::text from auth.users u where u.id = t.person_id)"}', '{user_id}', $$t.role <> 'key'$$, 'account_id', 200),
  (30, 'invitations', 'invitations',
   '{id,email,role,credit_limit,limit_period,invited_by,created_at,expires_at,accepted_at,revoked_at}', '{}', '{created_at,id}',
   'true', 'account_id', 200),
  (40, 'api_keys', 'api_keys',
   '{id,name,prefix,scopes,credit_limit,limit_period,created_by,created_at,last_used_at,expires_at,earlier_ends_at,revoked_at}',
   '{"scopes": "(select m.scopes from public.account_members m where m.user_id = t.id and m.account_id = t.account_id)",
     "credit_limit": "(select m.credit_limit from public.account_members m where m.user_id = t.id and m.account_id = t.account_id)",
     "limit_period": "(select m.limit_period from public.account_members m where m.user_id = t.id and m.account_id = t.account_id)",
     "expires_at": "(select m.expires_at from public.account_members m where m.user_id = t.id and m.account_id = t.account_id)"}',
   '{created_at,id}', 'true', 'account_id', 200),
  (50, 'activity', 'member_actions', '{id,actor_id,action,subject_id,details,at}', '{}', '{id}', 'true', 'account_id', 200),
  (60, 'business_profiles', 'business_profiles',
   '{id,name,offering,target_audience,voice,do_not_say,competitors,proof_points,follower_min,follower_max,engagement_rate_min_percent,content_themes,geographies,context_version,created_at,updated_at}',
   '{}', '{created_at,id}', 't.deleted_at is null', 'account_id', 50),
  (70, 'leads', 'leads',
   '{id,business_profile_id,username,renamed_to,display_name,biography,followers,following,posts,category,external_url,profile_pic_url,is_verified,is_business,status,owner_id,tags,score,is_stale,analysis_types,latest_analysis_id,scraped_at,created_at,updated_at}',
   '{}', '{created_at,id}', 't.deleted_at is null', 'account_id', 200),
  (80, 'analyses', 'analyses',
   '{id,lead_id,run_id,analysis_type,score,provider,model,summary,result,cache_hit,is_new_lead,is_stale,scraped_at,created_at}',
   '{}', '{created_at,id}', 't.deleted_at is null', 'account_id', 20),
  (90, 'lead_outcomes', 'lead_outcomes', '{id,lead_id,analysis_id,score,outcome,marked_by,marked_at}', '{}', '{id}', 'true',
   'account_id', 200),
  (92, 'lead_notes', 'lead_notes', '{id,lead_id,text,author_id,created_at,updated_at}', '{}', '{created_at,id}', 'true',
   'account_id', 50),
  (94, 'lead_activity', 'lead_actions', '{id,lead_id,actor_id,action,details,at}', '{}', '{id}', 'true', 'account_id', 200),
  (96, 'lead_filters', 'lead_filters', '{id,name,query,created_by,created_at,updated_at}', '{}', '{created_at,id}', 'true',
   'account_id', 50),
  (100, 'runs', 'runs',
   '{id,business_profile_id,created_by,username,analysis_type,status,phase,credits,charge_outcome,error_code,error_message,lead_id,bulk_id,bulk_line,created_at,started_at,finished_at}',
   '{}', '{id}', 'true', 'account_id', 200),
  (110, 'bulks', 'bulk_runs',
   '{id,business_profile_id,created_by,analysis_type,status,credits_each,fresh_within_days,answer,continued,cancelled,rest,continue_until,created_at,finished_at}',
   '{}', '{id}', 'true', 'account_id', 20),
  (120, 'balance', 'credit_balances', '{balance,owed,low_balance_at,updated_at}', '{}', '{account_id}', 'true', 'account_id', 1),
  (130, 'credit_grants', 'credit_grants',
   '{id,source,priority,amount,remaining,expires_at,payment_id,paid_period_id,subscription_id,period_starts_at,period_ends_at,created_at}',
   '{}', '{id}', 'true', 'account_id', 200),
  (140, 'credit_transactions', 'credit_transactions',
   '{id,kind,amount,balance_after,run_id,description,grants,created_at}', '{}', '{id}', 'true', 'account_id', 200),
  (150, 'subscriptions', 'subscriptions',
   '{id,plan_id,stripe_subscription_id,status,billing_interval,anchor_at,current_period_starts_at,current_period_ends_at,cancel_at,ended_at,created_at}',
   '{}', '{id}', 'true', 'account_id', 200),
  (160, 'stripe_customer', 'billing_customers', '{stripe_customer_id,created_at}', '{}', '{account_id}', 'true', 'account_id', 1),
  (170, 'purchases', 'credit_purchases', '{id,pack_id,credits,price_cents,origin,status,attempted_at,created_at,settled_at}', '{}',
   '{created_at,id}', 'true', 'account_id', 200),
  (180, 'payments', 'payments',
   '{id,stripe_payment_intent_id,amount_cents,refunded_cents,credits,taken_back,disputes,created_at}',
   '{"disputes": "(select coalesce(jsonb_agg(jsonb_build_object(''id'', d.stripe_dispute_id, ''amount_cents'', d.amount_cents, ''status'', d.status) order by d.stripe_dispute_id), ''[]'') from public.disputes d where d.payment_id = t.id)"}',
   '{id}', 'true', 'account_id', 200),
  (190, 'paid_periods', 'paid_periods',
   '{id,subscription_id,plan_id,payment_id,starts_at,ends_at,anchor_at,months,created_at}', '{}', '{id}', 'true', 'account_id', 200),
  (200, 'returned_periods', 'returned_periods', '{subscription_id,plan_id,payment_id,starts_at,ends_at}', '{}',
   '{subscription_id,plan_id,starts_at}', 'true', 'account_id', 200),
  (210, 'auto_top_up', 'auto_top_ups', '{is_on,threshold,pack_id,monthly_max_cents,stopped_because,updated_at}', '{}',
   '{account_id}', 'true', 'account_id', 1),
  (220, 'notices', 'account_events', '{id,kind,details,created_at}', '{}', '{id}', 'true', 'account_id', 200),
  (230, 'spending', 'spending_days', '{starts_at,credits}', '{}', '{starts_at}', 'true', 'account_id', 200),
  (240, 'member_spending', 'member_spending_days', '{user_id,starts_at,credits}', '{}', '{user_id,starts_at}', 'true', 'account_id', 200);

-- Whether whoever asks may take the account's data out: by their permission, or as an owner of a closed one. A member without the
-- permission ends the statement.
create function private.may_export(p_account uuid) returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  perform private.require_permission(p_account, 'export');
  return private.may(p_account, 'export') or private.owns_closed(p_account);
end $$;
revoke all on function private.may_export(uuid) from public, anon, authenticated, service_role;

-- What an export holds; null for strangers.
create function api.exported_tables(p_account uuid) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  if not private.may_export(p_account) then
    return null;
  end if;
  return (
    select jsonb_agg(
             jsonb_build_object('name', e.name, 'columns', to_jsonb(e.columns), 'page_rows', e.page_rows) order by e.place
           )
      from public.exported_tables e
  );
end $$;
revoke all on function api.exported_tables(uuid) from public, anon, authenticated, service_role;
grant execute on function api.exported_tables(uuid) to authenticated;

-- A page of a table, in its order, after the row with this key. Fewer rows than a page are the last ones. Each page is a
-- statement of its own, and asks again who reads: whoever may not any more gets an error, or a file would look complete.
create function api.export_rows(p_account uuid, p_table text, p_after_key jsonb) returns setof jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_table public.exported_tables;
  v_columns text;
  v_key text;
  v_after text;
begin
  if not private.may_export(p_account) then
    raise exception 'the permission export is missing' using errcode = 'OS001';
  end if;
  select * into v_table from public.exported_tables e where e.name = p_table;
  if not found or cardinality(v_table.key_columns) <> jsonb_array_length(p_after_key) then
    raise exception 'no such table, or no key of it' using errcode = 'invalid_parameter_value';
  end if;
  select string_agg(
           format('%L::text, %s', c.name, coalesce(v_table.computed ->> c.name, format('t.%I', c.name))), ', ' order by c.place
         )
    into strict v_columns
    from unnest(v_table.columns) with ordinality c (name, place);
  select string_agg(format('t.%I', k.name), ', ' order by k.place) into strict v_key
    from unnest(v_table.key_columns) with ordinality k (name, place);
  -- The key's values are told without a type, so each takes that of its column.
  select format('(%s) > (%s)', v_key, string_agg(quote_literal(k.value), ', ' order by k.place)) into v_after
    from jsonb_array_elements_text(p_after_key) with ordinality k (value, place);
  return query execute format(
    'select jsonb_build_object(''key'', jsonb_build_array(%s), ''row'', jsonb_build_object(%s))
       from public.%I t where t.%I = $1 and (%s) and %s order by %s limit %s',
    v_key, v_columns, v_table.source, v_table.owner_column, v_table.condition,
    case when p_after_key is null then 'true' else v_after end, v_key, v_table.page_rows
  ) using p_account;
end $$;
revoke all on function api.export_rows(uuid, text, jsonb) from public, anon, authenticated, service_role;
grant execute on function api.export_rows(uuid, text, jsonb) to authenticated;
