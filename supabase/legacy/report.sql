-- What came of every row, and the sums.

-- For each old table: its rows, and how many have which end. `missing` and `twice` are 0 once the import is complete.
create or replace function legacy_import.ends()
returns table (legacy_table text, total bigint, carried bigint, left_out bigint, missing bigint, twice bigint)
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_table text;
begin
  foreach v_table in array array[
    'users', 'user_credits', 'credit_ledger', 'subscriptions', 'business_profiles', 'leads', 'analyses', 'ai_usage_logs', 'webhook_events'
  ] loop
    return query execute format(
      'select %1$L::text, count(*), count(*) filter (where e.is_carried), count(*) filter (where e.is_left_out),
              count(*) filter (where not e.is_carried and not e.is_left_out), count(*) filter (where e.is_carried and e.is_left_out)
         from (
           select exists (select from legacy_import.origins o where o.legacy_table = %1$L and o.legacy_id = r.%2$I::text),
                  exists (select from legacy_import.left_out o where o.legacy_table = %1$L and o.legacy_id = r.%2$I::text)
             from legacy_import.%3$I r
         ) e (is_carried, is_left_out)',
      v_table, case v_table when 'user_credits' then 'user_id' else 'id' end, 'old_' || v_table
    );
  end loop;
end $$;

-- Credits, leads and analyses: what the old tables say, and what the product's tables say. Equal means
-- before = after + merged + left out - returned.
create or replace function legacy_import.sums_now()
returns table (name text, before bigint, after bigint, merged bigint, left_out bigint, returned bigint)
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select 'credits', (select coalesce(sum(c.balance), 0)::bigint from legacy_import.old_user_credits c),
         coalesce(sum(d.credits_after - d.credits_before), 0)::bigint, 0::bigint,
         (
           select coalesce(sum(c.balance), 0)::bigint
             from legacy_import.old_user_credits c
             join legacy_import.left_out x on x.legacy_table = 'user_credits' and x.legacy_id = c.user_id::text
         ),
         coalesce(sum(d.credits_returned), 0)::bigint
    from legacy_import.users d
  union all
  select 'leads', (select count(*) from legacy_import.old_leads),
         (
           select count(*) from public.leads l
            where l.id in (select o.new_id::uuid from legacy_import.origins o where o.relation = 'leads')
         ),
         (
           select count(*) - count(distinct o.new_id) from legacy_import.origins o where o.relation = 'leads'
         ),
         (select count(*) from legacy_import.left_out x where x.legacy_table = 'leads'), 0
  union all
  select 'analyses', (select count(*) from legacy_import.old_analyses),
         (
           select count(*) from public.runs r
            where r.id in (select o.new_id::uuid from legacy_import.origins o where o.relation = 'runs')
              and (r.status = 'failed' or exists (select from public.analyses a where a.run_id = r.id))
         ),
         0, (select count(*) from legacy_import.left_out x where x.legacy_table = 'analyses'), 0
$$;

-- Keeps the sums of a complete import, as they were before anybody used what it made.
create or replace function legacy_import.keep_sums() returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  insert into legacy_import.sums (name, before, after, merged, left_out, returned)
    select s.name, s.before, s.after, s.merged, s.left_out, s.returned from legacy_import.sums_now() s
    on conflict (name) do nothing;
  if found then
    perform legacy_import.sum_up_again();
  end if;
end $$;
