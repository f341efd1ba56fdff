-- Saved filters: what an account's people look for again and again in their leads. A query is the parameters of `GET /leads`
-- as the API has checked and written them; the database only keeps it. Who saved which is among the account's actions
-- (`member_actions`), without its name: that may be somebody's who has themselves erased.

select set_config('lock_timeout', '5s', true);

create table public.lead_filters (
  id uuid primary key default gen_random_uuid(),
  account_id uuid not null references public.accounts (id),
  name text not null check (char_length(name) between 1 and 80),
  query jsonb not null check (jsonb_typeof(query) = 'object' and pg_column_size(query) <= 4000),
  -- A user or a key. No foreign key, so that the filter outlives the user.
  created_by uuid not null,
  version integer not null default 1 check (version > 0),
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp()
);
create unique index lead_filters_name on public.lead_filters (account_id, lower(name));

alter table public.lead_filters enable row level security;
alter table public.lead_filters force row level security;
revoke all on public.lead_filters from public, anon, authenticated, service_role;
grant select on public.lead_filters to authenticated, service_role;
create policy members_read on public.lead_filters for select to authenticated
  using (account_id = any (array(select private.my_accounts())));

-- A tombstone looks for nothing.
create function private.forget_filters() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  delete from public.lead_filters f where f.account_id = new.id;
  return null;
end $$;
revoke all on function private.forget_filters() from public, anon, authenticated, service_role;

create trigger forget_filters after update of tombstoned_at on public.accounts
  for each row when (new.tombstoned_at is not null) execute function private.forget_filters();

create function private.shown_filter(p_filter public.lead_filters) returns jsonb
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select to_jsonb(p_filter) - 'account_id'
$$;
revoke all on function private.shown_filter(public.lead_filters) from public, anon, authenticated, service_role;

-- Why no filter is changed any more today: changes are written down, and what is written in a day has an end. Else null.
create function private.refuse_filter_change(p_account uuid) returns jsonb
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select jsonb_build_object(
           'outcome', 'limit', 'daily_max', 1000,
           'retry_after_s', greatest(1, ceil(extract(epoch from d.ends_at - clock_timestamp()))::integer)
         )
    from private.day_of(clock_timestamp()) d
    join lateral (
      select n.at from public.member_actions n where n.account_id = p_account order by n.id desc offset 999 limit 1
    ) n on n.at >= d.starts_at
$$;
revoke all on function private.refuse_filter_change(uuid) from public, anon, authenticated, service_role;

-- Up to 100 an account, each with a name of its own. A repeat gives the first answer.
create function api.save_lead_filter(p_account uuid, p_name text, p_query jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  c_of_account_max constant integer := 100;
  v_filter public.lead_filters;
  v_refusal jsonb := private.lock_balance_for(p_account, 'edit_leads');
begin
  if v_refusal is not null then
    return v_refusal;
  end if;
  select * into v_filter from public.lead_filters f where f.account_id = p_account and lower(f.name) = lower(p_name);
  if found and (v_filter.name, v_filter.query) = (p_name, p_query) then
    return jsonb_build_object('outcome', 'ok', 'filter', private.shown_filter(v_filter));
  elsif found then
    return jsonb_build_object('outcome', 'name_taken');
  elsif (select count(*) from public.lead_filters f where f.account_id = p_account) >= c_of_account_max then
    return jsonb_build_object('outcome', 'filter_limit', 'of_account_max', c_of_account_max);
  end if;
  v_refusal := private.refuse_filter_change(p_account);
  if v_refusal is not null then
    return v_refusal;
  end if;
  insert into public.lead_filters (account_id, name, query, created_by) values (p_account, p_name, p_query, auth.uid())
    returning * into strict v_filter;
  perform private.note_member_action(p_account, 'filter_saved', v_filter.id);
  return jsonb_build_object('outcome', 'ok', 'filter', private.shown_filter(v_filter));
end $$;
revoke all on function api.save_lead_filter(uuid, text, jsonb) from public, anon, authenticated, service_role;
grant execute on function api.save_lead_filter(uuid, text, jsonb) to authenticated;

-- Changes a filter, if it still has the version that is expected; null for any. A repeat changes nothing.
create function api.change_lead_filter(
  p_account uuid, p_filter uuid, p_name text, p_query jsonb, p_expected_version integer
) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_filter public.lead_filters;
  v_refusal jsonb := private.lock_balance_for(p_account, 'edit_leads');
begin
  if v_refusal is not null then
    return v_refusal;
  end if;
  select * into v_filter from public.lead_filters f where f.id = p_filter and f.account_id = p_account;
  if not found then
    return jsonb_build_object('outcome', 'not_found');
  elsif (v_filter.name, v_filter.query) = (p_name, p_query) then
    return jsonb_build_object('outcome', 'ok', 'filter', private.shown_filter(v_filter));
  elsif v_filter.version <> p_expected_version then
    return jsonb_build_object('outcome', 'other_version', 'version', v_filter.version);
  elsif exists (
    select from public.lead_filters f
     where f.account_id = p_account and lower(f.name) = lower(p_name) and f.id <> p_filter
  ) then
    return jsonb_build_object('outcome', 'name_taken');
  end if;
  v_refusal := private.refuse_filter_change(p_account);
  if v_refusal is not null then
    return v_refusal;
  end if;
  update public.lead_filters f
     set name = p_name, query = p_query, version = f.version + 1, updated_at = clock_timestamp()
   where f.id = p_filter
  returning * into strict v_filter;
  perform private.note_member_action(
    p_account, 'filter_changed', p_filter, jsonb_build_object('version', v_filter.version)
  );
  return jsonb_build_object('outcome', 'ok', 'filter', private.shown_filter(v_filter));
end $$;
revoke all on function api.change_lead_filter(uuid, uuid, text, jsonb, integer) from public, anon, authenticated, service_role;
grant execute on function api.change_lead_filter(uuid, uuid, text, jsonb, integer) to authenticated;

-- Deletes a filter for good. A repeat gives the first answer.
create function api.delete_lead_filter(p_account uuid, p_filter uuid) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_deleted_at timestamptz;
  v_refusal constant jsonb := private.lock_balance_for(p_account, 'edit_leads');
begin
  if v_refusal is not null then
    return v_refusal;
  end if;
  delete from public.lead_filters f where f.id = p_filter and f.account_id = p_account;
  if found then
    perform private.note_member_action(p_account, 'filter_deleted', p_filter);
  end if;
  select n.at into v_deleted_at
    from public.member_actions n
   where n.account_id = p_account and n.action = 'filter_deleted' and n.subject_id = p_filter;
  if not found then
    return jsonb_build_object('outcome', 'not_found');
  end if;
  return jsonb_build_object('outcome', 'deleted', 'deleted_at', v_deleted_at);
end $$;
revoke all on function api.delete_lead_filter(uuid, uuid) from public, anon, authenticated, service_role;
grant execute on function api.delete_lead_filter(uuid, uuid) to authenticated;
