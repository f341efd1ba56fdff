-- What an account's people do with a lead: its status, owner and tags, notes about it, and who did what when.
--
-- A status is how far the work is (`leads.stage`) until the lead has turned out one way or the other (`leads.outcome`, the
-- newest mark in `lead_outcomes`): then it is `won` or `lost`. So setting a status may make a mark, and a mark may change the
-- status; the two never say different things.
--
-- An owner counts as long as they belong to the account. Whoever reads leads asks for that, so a member who leaves owns
-- nothing from that moment, however many leads they had; the rows forget them at once up to a number, and the rest daily.
--
-- Locks. A change locks the account's balance row, then the new owner's membership, then the lead. Whoever ends a membership
-- holds it before any lead, and skips leads that are locked.

select set_config('lock_timeout', '5s', true);

-- Who did what to a lead, as triggers and functions write it. Only added to, and gone with its lead. Numbered under the
-- account's lock. It holds no text of a note.
create table public.lead_actions (
  id bigint generated always as identity primary key,
  account_id uuid not null references public.accounts (id),
  lead_id uuid not null,
  -- A user or a key; null when nobody did it. No foreign key, so that it outlives the user.
  actor_id uuid,
  action text not null check (action in (
    'status_changed', 'outcome_marked', 'owner_changed', 'owner_left', 'tags_changed',
    'note_added', 'note_changed', 'note_deleted'
  )),
  details jsonb not null,
  at timestamptz not null default clock_timestamp(),
  foreign key (lead_id, account_id) references public.leads (id, account_id) on delete cascade
);
create index lead_actions_of_lead on public.lead_actions (lead_id, id desc);
-- The limit of a day counts by it.
create index lead_actions_newest on public.lead_actions (account_id, id desc) include (at, action);
create trigger append_only before update on public.lead_actions
  for each statement execute function private.refuse_change();

create table public.lead_notes (
  id uuid primary key default gen_random_uuid(),
  -- Their order, as they were written.
  number bigint generated always as identity,
  account_id uuid not null references public.accounts (id),
  lead_id uuid not null,
  text text not null check (char_length(text) between 1 and 4000),
  -- A user or a key. No foreign key, so that the note outlives the user.
  author_id uuid not null,
  version integer not null default 1 check (version > 0),
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  foreign key (lead_id, account_id) references public.leads (id, account_id) on delete cascade
);
create index lead_notes_of_lead on public.lead_notes (lead_id, number desc);
create index lead_notes_account on public.lead_notes (account_id, created_at, id);

alter table public.lead_actions enable row level security;
alter table public.lead_actions force row level security;
revoke all on public.lead_actions from public, anon, authenticated, service_role;
revoke all on sequence public.lead_actions_id_seq from public, anon, authenticated, service_role;
grant select on public.lead_actions to authenticated, service_role;
create policy members_read on public.lead_actions for select to authenticated
  using (account_id = any (array(select private.my_accounts())));

alter table public.lead_notes enable row level security;
alter table public.lead_notes force row level security;
revoke all on public.lead_notes from public, anon, authenticated, service_role;
revoke all on sequence public.lead_notes_number_seq from public, anon, authenticated, service_role;
grant select on public.lead_notes to authenticated, service_role;
create policy members_read on public.lead_notes for select to authenticated
  using (account_id = any (array(select private.my_accounts())));

-- Whoever deletes a lead deletes what was written about it.
create function private.forget_work() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  delete from public.lead_notes n where n.lead_id = new.id;
  delete from public.lead_actions a where a.lead_id = new.id;
  return null;
end $$;
revoke all on function private.forget_work() from public, anon, authenticated, service_role;

create trigger forget_work after update of deleted_at on public.leads
  for each row when (new.deleted_at is not null) execute function private.forget_work();

-- Whether this is a person of the account.
create function private.can_own(p_account uuid, p_user uuid) returns boolean
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select exists (
    select from public.account_members m
     where m.account_id = p_account and m.user_id = p_user and m.role <> 'key'
  )
$$;
revoke all on function private.can_own(uuid, uuid) from public, anon, authenticated, service_role;

-- Writes down every change of a lead's work, whatever made it.
create function private.note_work() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_actor constant uuid := auth.uid();
begin
  if old.outcome is distinct from new.outcome then
    insert into public.lead_actions (account_id, lead_id, actor_id, action, details)
      values (new.account_id, new.id, v_actor, 'outcome_marked', jsonb_build_object('from', old.outcome, 'to', new.outcome));
  end if;
  if old.status is distinct from new.status then
    insert into public.lead_actions (account_id, lead_id, actor_id, action, details)
      values (new.account_id, new.id, v_actor, 'status_changed', jsonb_build_object('from', old.status, 'to', new.status));
  end if;
  if old.owner_id is distinct from new.owner_id then
    insert into public.lead_actions (account_id, lead_id, actor_id, action, details)
      values (
        new.account_id, new.id, v_actor,
        case when new.owner_id is null and not private.can_own(new.account_id, old.owner_id)
             then 'owner_left' else 'owner_changed' end,
        jsonb_build_object('from', old.owner_id, 'to', new.owner_id)
      );
  end if;
  if old.tags is distinct from new.tags then
    insert into public.lead_actions (account_id, lead_id, actor_id, action, details)
      values (new.account_id, new.id, v_actor, 'tags_changed', jsonb_build_object(
        'added', array(select unnest(new.tags) except select unnest(old.tags) order by 1),
        'removed', array(select unnest(old.tags) except select unnest(new.tags) order by 1)
      ));
  end if;
  return null;
end $$;
revoke all on function private.note_work() from public, anon, authenticated, service_role;

create trigger note_work after update of stage, outcome, owner_id, tags on public.leads
  for each row when (
    new.deleted_at is null and (
      old.outcome is distinct from new.outcome or old.status is distinct from new.status
      or old.owner_id is distinct from new.owner_id or old.tags is distinct from new.tags
    )
  ) execute function private.note_work();

-- When the account's next UTC day begins, if this one has had all its changes of leads; else null. What an owner who leaves
-- leaves behind does not count: nobody did it. The caller holds the account's lock.
create function private.lead_changes_again_in_s(p_account uuid, p_daily_max integer, p_now timestamptz) returns integer
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select greatest(1, ceil(extract(epoch from d.ends_at - p_now))::integer)
    from private.day_of(p_now) d
    join lateral (
      select a.at
        from public.lead_actions a
       where a.account_id = p_account and a.action <> 'owner_left'
       order by a.id desc
      offset p_daily_max - 1 limit 1
    ) n on n.at >= d.starts_at
$$;
revoke all on function private.lead_changes_again_in_s(uuid, integer, timestamptz)
  from public, anon, authenticated, service_role;

-- Why the account may change no lead any more today; null while it may.
create function private.refuse_lead_change(p_account uuid) returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  c_daily_max constant integer := 10000;
  v_wait_s constant integer := private.lead_changes_again_in_s(p_account, c_daily_max, clock_timestamp());
begin
  return case when v_wait_s is not null
              then jsonb_build_object('outcome', 'limit', 'daily_max', c_daily_max, 'retry_after_s', v_wait_s) end;
end $$;
revoke all on function private.refuse_lead_change(uuid) from public, anon, authenticated, service_role;

-- Status, owner and tags. -----------------------------------------------------------------------------------------------

-- Sets what p_work names: `status`, `owner_id` (null for nobody), `tags` (all of them). A repeat changes nothing. A lead
-- that turned out `wrong` is `lost` already. Taking a lead back to an open status takes back how it turned out.
create function api.set_lead_work(p_account uuid, p_lead uuid, p_work jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_owner uuid := (p_work ->> 'owner_id')::uuid;
  v_lead public.leads;
  v_status text;
  v_stage text;
  v_tags text[];
  v_answer jsonb;
begin
  if not private.lock_lead(p_account, p_lead, v_owner) then
    return jsonb_build_object('outcome', 'not_found');
  end if;
  if v_owner is not null and not private.can_own(p_account, v_owner) then
    return jsonb_build_object('outcome', 'owner_not_member');
  end if;
  select * into strict v_lead from public.leads l where l.id = p_lead;
  v_status := coalesce(p_work ->> 'status', v_lead.status);
  if not p_work ? 'owner_id' then
    v_owner := v_lead.owner_id;
  end if;
  v_tags := v_lead.tags;
  if p_work ? 'tags' then
    v_tags := array(
      select distinct t.tag collate "C" from jsonb_array_elements_text(p_work -> 'tags') t (tag) order by 1
    );
  end if;
  if (v_status, v_owner, v_tags) is distinct from (v_lead.status, v_lead.owner_id, v_lead.tags) then
    v_answer := private.refuse_lead_change(p_account);
    if v_answer is not null then
      return v_answer;
    end if;
    v_stage := case when v_status in ('won', 'lost') then v_lead.stage else v_status end;
    if v_status <> v_lead.status then
      if v_lead.outcome is not null then
        -- An outcome hides the stage. Changed before the outcome is taken back, it is one change of the status, and not two.
        update public.leads l set stage = v_stage where l.id = p_lead;
      end if;
      v_answer := private.say_outcome(p_account, p_lead, case when v_status in ('won', 'lost') then v_status end);
      if v_answer ->> 'outcome' = 'limit' then
        update public.leads l set stage = v_lead.stage where l.id = p_lead and l.stage <> v_lead.stage;
        return v_answer || jsonb_build_object('outcome', 'outcome_limit');
      end if;
    end if;
    update public.leads l
       set stage = v_stage, owner_id = v_owner, tags = v_tags
     where l.id = p_lead;
  end if;
  return jsonb_build_object('outcome', 'ok', 'work', jsonb_build_object(
    'lead_id', p_lead, 'status', v_status, 'tags', v_tags,
    'owner_id', case when private.can_own(p_account, v_owner) then v_owner end
  ));
end $$;
revoke all on function api.set_lead_work(uuid, uuid, jsonb) from public, anon, authenticated, service_role;
grant execute on function api.set_lead_work(uuid, uuid, jsonb) to authenticated;

-- Lets up to p_limit leads forget an owner who has left. What somebody holds is left for the daily job.
create function private.release_leads(p_account uuid, p_user uuid, p_limit integer) returns void
language sql volatile set search_path = pg_catalog, pg_temp as $$
  update public.leads l set owner_id = null
   where l.id = any (array(
     select o.id from public.leads o
      where o.account_id = p_account and o.owner_id = p_user and o.deleted_at is null
      limit p_limit for no key update skip locked
   ))
$$;
revoke all on function private.release_leads(uuid, uuid, integer) from public, anon, authenticated, service_role;

-- Never keeps a membership from ending, nor a user from being deleted.
create function private.release_left_owners() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s' as $$
declare
  -- More would hold up whoever ends the membership.
  c_at_once_max constant integer := 500;
begin
  perform private.release_leads(l.account_id, l.user_id, c_at_once_max) from left_members l where l.role <> 'key';
  return null;
exception when others then
  raise warning 'leads of a member who left were not released: % (%)', sqlerrm, sqlstate;
  return null;
end $$;
revoke all on function private.release_left_owners() from public, anon, authenticated, service_role;

create trigger release_left_owners
  after delete on public.account_members referencing old table as left_members
  for each statement execute function private.release_left_owners();

-- The rest of them, a batch at a time. That their owner has left is enough, whenever it was.
create function system.release_left_owners(p_before timestamptz, p_limit integer) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '5s' as $$
declare
  v_taken bigint;
begin
  perform private.take_turn(p_before, p_limit);
  update public.leads l set owner_id = null
   where l.id = any (array(
     select o.id from public.leads o
      where o.owner_id is not null and o.deleted_at is null
        and not exists (
          select from public.account_members m
           where m.user_id = o.owner_id and m.account_id = o.account_id and m.role <> 'key'
        )
      limit p_limit for no key update of o skip locked
   ));
  get diagnostics v_taken = row_count;
  return v_taken;
end $$;
revoke all on function system.release_left_owners(timestamptz, integer) from public, anon, authenticated, service_role;
grant execute on function system.release_left_owners(timestamptz, integer) to service_role;

-- Notes. ----------------------------------------------------------------------------------------------------------------

-- A note as the API shows one.
create function private.shown_note(p_note public.lead_notes) returns jsonb
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select to_jsonb(p_note) - 'account_id'
$$;
revoke all on function private.shown_note(public.lead_notes) from public, anon, authenticated, service_role;

create function private.note_lead_action(p_account uuid, p_lead uuid, p_action text, p_details jsonb) returns void
language sql volatile set search_path = pg_catalog, pg_temp as $$
  insert into public.lead_actions (account_id, lead_id, actor_id, action, details)
    values (p_account, p_lead, auth.uid(), p_action, p_details)
$$;
revoke all on function private.note_lead_action(uuid, uuid, text, jsonb) from public, anon, authenticated, service_role;

-- Up to 100 notes a lead.
create function api.add_lead_note(p_account uuid, p_lead uuid, p_text text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  c_of_lead_max constant integer := 100;
  v_note public.lead_notes;
  v_refusal jsonb;
begin
  if not private.lock_lead(p_account, p_lead) then
    return jsonb_build_object('outcome', 'not_found');
  end if;
  if (select count(*) from public.lead_notes n where n.lead_id = p_lead) >= c_of_lead_max then
    return jsonb_build_object('outcome', 'note_limit', 'of_lead_max', c_of_lead_max);
  end if;
  v_refusal := private.refuse_lead_change(p_account);
  if v_refusal is not null then
    return v_refusal;
  end if;
  insert into public.lead_notes (account_id, lead_id, text, author_id) values (p_account, p_lead, p_text, auth.uid())
    returning * into strict v_note;
  perform private.note_lead_action(p_account, p_lead, 'note_added', jsonb_build_object('note_id', v_note.id));
  return jsonb_build_object('outcome', 'ok', 'note', private.shown_note(v_note));
end $$;
revoke all on function api.add_lead_note(uuid, uuid, text) from public, anon, authenticated, service_role;
grant execute on function api.add_lead_note(uuid, uuid, text) to authenticated;

-- Whether whoever asks may change or delete this note: they wrote it, or manage the account's members.
create function private.may_change_note(p_note public.lead_notes) returns boolean
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select (p_note).author_id = auth.uid() or private.may((p_note).account_id, 'manage_members')
$$;
revoke all on function private.may_change_note(public.lead_notes) from public, anon, authenticated, service_role;

-- Changes a note, if it still has the version that is expected; null for any. A repeat changes nothing.
create function api.change_lead_note(
  p_account uuid, p_lead uuid, p_note uuid, p_text text, p_expected_version integer
) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_note public.lead_notes;
  v_refusal jsonb;
begin
  if not private.lock_lead(p_account, p_lead) then
    return jsonb_build_object('outcome', 'not_found');
  end if;
  select * into v_note from public.lead_notes n where n.id = p_note and n.lead_id = p_lead;
  if not found then
    return jsonb_build_object('outcome', 'note_not_found');
  elsif not private.may_change_note(v_note) then
    return jsonb_build_object('outcome', 'not_author');
  elsif v_note.text = p_text then
    return jsonb_build_object('outcome', 'ok', 'note', private.shown_note(v_note));
  elsif v_note.version <> p_expected_version then
    return jsonb_build_object('outcome', 'other_version', 'version', v_note.version);
  end if;
  v_refusal := private.refuse_lead_change(p_account);
  if v_refusal is not null then
    return v_refusal;
  end if;
  update public.lead_notes n set text = p_text, version = n.version + 1, updated_at = clock_timestamp()
   where n.id = p_note returning * into strict v_note;
  perform private.note_lead_action(
    p_account, p_lead, 'note_changed', jsonb_build_object('note_id', p_note, 'version', v_note.version)
  );
  return jsonb_build_object('outcome', 'ok', 'note', private.shown_note(v_note));
end $$;
revoke all on function api.change_lead_note(uuid, uuid, uuid, text, integer) from public, anon, authenticated, service_role;
grant execute on function api.change_lead_note(uuid, uuid, uuid, text, integer) to authenticated;

-- Deletes a note for good. A repeat gives the first answer.
create function api.delete_lead_note(p_account uuid, p_lead uuid, p_note uuid) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_note public.lead_notes;
  v_deleted_at timestamptz;
begin
  if not private.lock_lead(p_account, p_lead) then
    return jsonb_build_object('outcome', 'not_found');
  end if;
  select * into v_note from public.lead_notes n where n.id = p_note and n.lead_id = p_lead;
  if found and not private.may_change_note(v_note) then
    return jsonb_build_object('outcome', 'not_author');
  elsif found then
    delete from public.lead_notes n where n.id = p_note;
    perform private.note_lead_action(p_account, p_lead, 'note_deleted', jsonb_build_object('note_id', p_note));
  end if;
  select a.at into v_deleted_at
    from public.lead_actions a
   where a.lead_id = p_lead and a.action = 'note_deleted' and a.details ->> 'note_id' = p_note::text;
  if not found then
    return jsonb_build_object('outcome', 'note_not_found');
  end if;
  return jsonb_build_object('outcome', 'deleted', 'deleted_at', v_deleted_at);
end $$;
revoke all on function api.delete_lead_note(uuid, uuid, uuid) from public, anon, authenticated, service_role;
grant execute on function api.delete_lead_note(uuid, uuid, uuid) to authenticated;
