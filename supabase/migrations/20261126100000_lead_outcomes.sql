-- How a lead turned out, as its customer says: `won`, they became a customer; `lost`, they did not; `wrong`, the judgement
-- was wrong from the start and there never was a lead. The lead keeps the outcome that counts, which closes its status.
--
-- Locks. A mark locks the account's balance row, then the lead; nothing locks a lead and then waits for a balance.

select set_config('lock_timeout', '5s', true);

-- Every mark that was made. The newest of a lead counts; one without an outcome takes back what was said before. Marks are
-- numbered under their account's lock, so that a later one has a greater id.
create table public.lead_outcomes (
  id bigint generated always as identity primary key,
  account_id uuid not null references public.accounts (id),
  lead_id uuid not null,
  -- What is judged: the analysis that was the lead's latest at that moment, and its score.
  analysis_id uuid not null references public.analyses (id) on delete cascade,
  score integer not null check (score between 0 and 100),
  outcome text check (outcome in ('won', 'lost', 'wrong')),
  -- The user who said it. No foreign key, so that the mark keeps it when the user is deleted.
  marked_by uuid not null,
  marked_at timestamptz not null,
  foreign key (lead_id, account_id) references public.leads (id, account_id) on delete cascade
);
-- The newest mark of a lead, with what a list shows of it.
create index lead_outcomes_of_lead on public.lead_outcomes (lead_id, id desc) include (account_id, outcome);
-- An account's marks in the order of the export; the limit of a day counts them too.
create index lead_outcomes_newest on public.lead_outcomes (account_id, id desc);
create index lead_outcomes_analysis on public.lead_outcomes (analysis_id);

-- Marks go with their lead and are never changed.
create trigger append_only before update on public.lead_outcomes
  for each statement execute function private.refuse_change();

alter table public.lead_outcomes enable row level security;
alter table public.lead_outcomes force row level security;
revoke all on public.lead_outcomes from public, anon, authenticated, service_role;
revoke all on sequence public.lead_outcomes_id_seq from public, anon, authenticated, service_role;
grant select on public.lead_outcomes to authenticated, service_role;
create policy members_read on public.lead_outcomes for select to authenticated
  using (account_id = any (array(select private.my_accounts())));

-- Whoever deletes a lead deletes its marks. A mark that comes at the same time waits for the lead's lock: it is there
-- already and goes with the lead, or it finds no lead any more.
create function private.forget_outcomes() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  delete from public.lead_outcomes o where o.lead_id = new.id;
  return null;
end $$;
revoke all on function private.forget_outcomes() from public, anon, authenticated, service_role;

create trigger forget_outcomes after update of deleted_at on public.leads
  for each row when (new.deleted_at is not null) execute function private.forget_outcomes();

-- Marks are numbered under their account's lock, so the last that is written is the newest.
create function private.keep_outcome() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  update public.leads l set outcome = new.outcome
   where l.id = new.lead_id and l.outcome is distinct from new.outcome;
  return null;
end $$;
revoke all on function private.keep_outcome() from public, anon, authenticated, service_role;

create trigger keep_outcome after insert on public.lead_outcomes
  for each row execute function private.keep_outcome();

-- When the account's next UTC day begins, if it has made all marks of this one; else null. With a limit of n, it has when
-- the n-th newest mark is of today. The caller holds the account's lock.
create function private.marks_again_in_s(p_account uuid, p_daily_max integer, p_now timestamptz) returns integer
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select greatest(1, ceil(extract(epoch from d.ends_at - p_now))::integer)
    from private.day_of(p_now) d
    join lateral (
      select o.marked_at
        from public.lead_outcomes o
       where o.account_id = p_account
       order by o.id desc
      offset p_daily_max - 1 limit 1
    ) n on n.marked_at >= d.starts_at
$$;
revoke all on function private.marks_again_in_s(uuid, integer, timestamptz)
  from public, anon, authenticated, service_role;

-- Says how a lead turned out; null takes it back. When the lead is marked so already, nothing is written and the present
-- mark is the answer: so a repeat is safe, and costs nothing of the day's limit. A lead that was never marked, and is to
-- have no mark, has none to answer: all is null. The caller holds the locks of the account's balance and of the lead.
create function private.say_outcome(p_account uuid, p_lead uuid, p_outcome text) returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  c_daily_max constant integer := 1000;
  v_now constant timestamptz := clock_timestamp();
  v_wait_s integer;
  v_mark public.lead_outcomes;
begin
  select * into v_mark from public.lead_outcomes o where o.lead_id = p_lead order by o.id desc limit 1;
  if v_mark.outcome is distinct from p_outcome then
    v_wait_s := private.marks_again_in_s(p_account, c_daily_max, v_now);
    if v_wait_s is not null then
      return jsonb_build_object('outcome', 'limit', 'daily_max', c_daily_max, 'retry_after_s', v_wait_s);
    end if;
    -- A completion holds the same lock of the lead until it has committed, so that its analysis is known here or is newer
    -- than the mark.
    insert into public.lead_outcomes (account_id, lead_id, analysis_id, score, outcome, marked_by, marked_at)
      select p_account, p_lead, l.latest_analysis_id, l.score, p_outcome, auth.uid(), v_now
        from public.leads l where l.id = p_lead
      returning * into strict v_mark;
  end if;
  return jsonb_build_object(
    'outcome', 'marked',
    'mark', jsonb_build_object(
      'lead_id', p_lead, 'outcome', v_mark.outcome, 'analysis_id', v_mark.analysis_id, 'score', v_mark.score,
      'marked_at', v_mark.marked_at
    )
  );
end $$;
revoke all on function private.say_outcome(uuid, uuid, text) from public, anon, authenticated, service_role;

-- Locks the account, then the person p_owner of it if one is given, then one of its leads, for whoever may edit leads.
-- Whether there is such a lead. Only a member may even wait for the locks.
create function private.lock_lead(p_account uuid, p_lead uuid, p_owner uuid default null) returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  perform private.require_permission(p_account, 'edit_leads');
  perform from public.credit_balances b
    where b.account_id = p_account and b.account_id = any (array(select private.my_accounts()))
      for no key update;
  if not found then
    return false;
  end if;
  perform from public.account_members m where m.account_id = p_account and m.user_id = p_owner for key share;
  perform from public.leads l
    where l.id = p_lead and l.account_id = p_account and l.account_id = any (array(select private.my_accounts()))
      and l.deleted_at is null
      for no key update;
  if not found then
    return false;
  end if;
  -- It may have been taken away during the wait.
  perform private.require_permission(p_account, 'edit_leads');
  return private.may(p_account, 'edit_leads');
end $$;
revoke all on function private.lock_lead(uuid, uuid, uuid) from public, anon, authenticated, service_role;

create function api.mark_lead_outcome(p_account uuid, p_lead uuid, p_outcome text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  if not private.lock_lead(p_account, p_lead) then
    return jsonb_build_object('outcome', 'not_found');
  end if;
  return private.say_outcome(p_account, p_lead, p_outcome);
end $$;
revoke all on function api.mark_lead_outcome(uuid, uuid, text) from public, anon, authenticated, service_role;
grant execute on function api.mark_lead_outcome(uuid, uuid, text) to authenticated;
