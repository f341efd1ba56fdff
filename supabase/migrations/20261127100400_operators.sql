-- Operators: people of ours who act on accounts of others. What they may do are the functions of the schema `operator`, which only
-- the role `operator` may call. Each takes who asks from the session's claims, looks them up in `operators`, and writes down in
-- the same transaction who did what to whom, and why; an act that fails leaves no row, because it has no effect.
--
-- Nobody becomes an operator by a request, or by what a token says beyond whose it is: the database's owner adds the row by
-- hand. No function writes it.

select set_config('lock_timeout', '5s', true);

-- Who is, and was, an operator. A row is ended, never deleted.
create table public.operators (
  id bigint generated always as identity primary key,
  -- No foreign key, so that the row stays when the user is deleted. Then they are no operator any more.
  user_id uuid not null,
  -- Who added them, and why.
  added_by text not null check (char_length(added_by) between 1 and 200),
  reason text not null check (char_length(reason) between 10 and 500),
  added_at timestamptz not null default clock_timestamp(),
  ended_at timestamptz,
  ended_because text check (char_length(ended_because) between 10 and 500)
);
create unique index operators_present on public.operators (user_id) where ended_at is null;
create trigger never_deleted before delete or truncate on public.operators
  for each statement execute function private.refuse_change();
alter table public.operators enable row level security;
alter table public.operators force row level security;
revoke all on public.operators from public, anon, authenticated, service_role;
revoke all on sequence public.operators_id_seq from public, anon, authenticated, service_role;

-- What operators did. It is only added to.
create table public.operator_actions (
  id bigint generated always as identity primary key,
  operator_id uuid not null,
  -- The function, without its schema.
  action text not null check (char_length(action) between 1 and 60),
  -- What it was done to, by its id: an account, a run, an erasure. Never a name or an address.
  subject_id uuid,
  reason text not null check (char_length(reason) between 10 and 500),
  -- What came of it, as the function answered.
  outcome text not null check (char_length(outcome) between 1 and 60),
  -- What else says what was done: credits, the id of an event, a service. Names nobody either.
  details jsonb not null default '{}' check (jsonb_typeof(details) = 'object' and octet_length(details::text) <= 2048),
  at timestamptz not null default clock_timestamp()
);
create trigger append_only before update or delete or truncate on public.operator_actions
  for each statement execute function private.refuse_change();
alter table public.operator_actions enable row level security;
alter table public.operator_actions force row level security;
revoke all on public.operator_actions from public, anon, authenticated, service_role;
revoke all on sequence public.operator_actions_id_seq from public, anon, authenticated, service_role;

-- The first thing that every function of the schema `operator` does: ends the statement unless whoever asks is an operator now and
-- says why. A user who was deleted is none, though their token may be good for a while. The code is our own:
-- `oslira_postgres::session` knows it.
create function private.require_operator(p_reason text) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  if not exists (
    select from public.operators o
      join auth.users u on u.id = o.user_id
     where o.user_id = auth.uid() and o.ended_at is null and u.deleted_at is null and not coalesce(u.is_anonymous, false)
  ) then
    raise exception 'an operator is required' using errcode = 'OS002';
  end if;
  if p_reason is null or char_length(p_reason) not between 10 and 500 then
    raise exception 'an operator says why, in 10 to 500 characters' using errcode = 'invalid_parameter_value';
  end if;
end $$;
revoke all on function private.require_operator(text) from public, anon, authenticated, service_role;

-- The last thing that they do.
create function private.note_operator_action(
  p_action text, p_subject uuid, p_reason text, p_outcome text, p_details jsonb default '{}'
) returns void
language sql volatile set search_path = pg_catalog, pg_temp as $$
  insert into public.operator_actions (operator_id, action, subject_id, reason, outcome, details)
    values (auth.uid(), p_action, p_subject, p_reason, p_outcome, p_details)
$$;
revoke all on function private.note_operator_action(text, uuid, text, text, jsonb) from public, anon, authenticated, service_role;

-- What operators did before p_before, newest first. That this was read is the newest row of the next reading.
create function operator.list_actions(p_before bigint, p_limit integer, p_reason text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_actions jsonb;
begin
  perform private.require_operator(p_reason);
  select coalesce(jsonb_agg(jsonb_build_object(
           'id', n.id, 'operator_id', n.operator_id, 'action', n.action, 'subject_id', n.subject_id, 'reason', n.reason,
           'outcome', n.outcome, 'details', n.details, 'at', n.at
         ) order by n.id desc), '[]')
    into v_actions
    from (
      select * from public.operator_actions o
       where p_before is null or o.id < p_before
       order by o.id desc limit least(p_limit, 101)
    ) n;
  perform private.note_operator_action('list_actions', null, p_reason, 'ok');
  return v_actions;
end $$;
revoke all on function operator.list_actions(bigint, integer, text) from public, anon, authenticated, service_role;
grant execute on function operator.list_actions(bigint, integer, text) to operator;

-- An account as operators see it: its state and its money, nothing of what it has analysed. Null if there is none.
create function private.account_for_operators(p_account uuid) returns jsonb
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select jsonb_build_object(
           'id', a.id, 'name', a.name, 'plan', a.plan_id, 'created_at', a.created_at,
           'state', case
             when a.tombstoned_at is not null then 'erased' when a.deleted_at is not null then 'closed' else 'open'
           end,
           'blocked_at', a.blocked_at, 'closed_at', a.deleted_at, 'erased_at', a.tombstoned_at,
           'balance', b.balance, 'owed', b.owed, 'daily_credit_cap', a.daily_credit_cap,
           'people', (select count(*) from public.account_members m where m.account_id = a.id and m.role <> 'key'),
           'active_runs', (
             select count(*) from public.runs r where r.account_id = a.id and r.status in ('pending', 'processing')
           ),
           'subscription', (
             select jsonb_build_object('plan', s.plan_id, 'status', s.status, 'period_ends_at', s.current_period_ends_at)
               from public.subscriptions s where s.account_id = a.id order by s.created_at desc, s.id desc limit 1
           )
         )
    from public.accounts a
    join public.credit_balances b on b.account_id = a.id
   where a.id = p_account
$$;
revoke all on function private.account_for_operators(uuid) from public, anon, authenticated, service_role;

create function operator.find_account(p_account uuid, p_reason text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_account jsonb;
begin
  perform private.require_operator(p_reason);
  v_account := private.account_for_operators(p_account);
  perform private.note_operator_action(
    'find_account', p_account, p_reason, case when v_account is null then 'not_found' else 'ok' end
  );
  return coalesce(v_account, 'null');
end $$;
revoke all on function operator.find_account(uuid, text) from public, anon, authenticated, service_role;
grant execute on function operator.find_account(uuid, text) to operator;

-- The accounts of whoever signs in with this address, the longest membership first; at most a hundred. The subject that is written
-- down is the user.
create function operator.find_accounts_of(p_email text, p_reason text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_user uuid;
  v_accounts jsonb;
begin
  perform private.require_operator(p_reason);
  -- Users of a single sign-on may share an address with another: the one of the API's own sign-in counts.
  select u.id into v_user
    from auth.users u
   where lower(u.email) = lower(trim(p_email)) and u.deleted_at is null
   order by coalesce(u.is_sso_user, false), u.created_at
   limit 1;
  select coalesce(jsonb_agg(private.account_for_operators(n.account_id) order by n.created_at, n.account_id), '[]')
    into v_accounts
    from (
      select m.account_id, m.created_at from public.account_members m
       where m.person_id = v_user order by m.created_at, m.account_id limit 100
    ) n;
  perform private.note_operator_action(
    'find_accounts_of', v_user, p_reason, case when v_accounts = '[]' then 'not_found' else 'ok' end
  );
  return v_accounts;
end $$;
revoke all on function operator.find_accounts_of(text, text) from public, anon, authenticated, service_role;
grant execute on function operator.find_accounts_of(text, text) to operator;
