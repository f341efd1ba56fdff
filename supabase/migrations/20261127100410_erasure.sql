-- The erasure of an Instagram profile from all accounts (docs/erasure.md). An operator asks for it: from then on analyses are refused.
-- A job works it off, slice by slice; one that dies leaves the rest to the next. Names of the subject that become known later are
-- added, and open it again.
--
-- Locks. Whoever adds names holds the profiles' locks alone, in their order, and nothing else; a completion holds them shared
-- (private.profile_lock), so it sees the refusal, or its lead is there when the job comes. Whoever had begun to write before
-- the refusal ends within the logins' statement_timeout: the last pass of the job is later than that.

select set_config('lock_timeout', '5s', true);

create index runs_username on public.runs (username);
create index leads_deleted_username on public.leads (username) where deleted_at is not null;
create index leads_renamed on public.leads (renamed_to) where renamed_to is not null;
create index leads_instagram_id on public.leads (instagram_id) where instagram_id is not null;
create index scrape_logs_username on public.scrape_logs (username) where username <> 'erased..';

create trigger never_changed before update or delete or truncate on public.erasure_pepper
  for each statement execute function private.refuse_change();
create trigger never_deleted before delete or truncate on public.erased_subjects
  for each statement execute function private.refuse_change();

-- Whether one of the names, or ids, stands in a text as a word of its own.
create function private.names_somebody(p_text text, p_names text[]) returns boolean
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select coalesce(bool_or(
    lower(p_text) ~ ('(^|[^a-z0-9_])' || replace(n.name, '.', '\.') || '($|[^a-z0-9_])')
  ), false) from unnest(p_names) as n (name) where n.name is not null
$$;
revoke all on function private.names_somebody(text, text[]) from public, anon, authenticated, service_role;

-- Refuses these from now on, and has the job erase them. Nothing happens where the erasure is at work on them already.
create function private.add_to_erasure(p_erasure uuid, p_usernames text[], p_ids text[]) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  perform pg_advisory_xact_lock(l.key)
    from (select distinct private.profile_lock(u.name) as key from unnest(p_usernames) as u (name) order by 1) l;
  insert into public.erased_subjects (hash, kind, erasure_id)
    select private.subject_hash(s.kind, s.value), s.kind, p_erasure
      from (
        select 'username' as kind, u.name as value from unnest(p_usernames) as u (name)
        union
        select 'instagram_id', i.id from unnest(p_ids) as i (id)
      ) s
    on conflict (hash) do nothing;
  update public.erasures e
     set usernames = array(select u from unnest(e.usernames) u union select u from unnest(p_usernames) u),
         instagram_ids = array(select i from unnest(e.instagram_ids) i union select i from unnest(p_ids) i),
         found_at = clock_timestamp(), bulks_after = null, done_at = null
   where e.id = p_erasure and not (e.usernames @> p_usernames and e.instagram_ids @> p_ids);
end $$;
revoke all on function private.add_to_erasure(uuid, text[], text[]) from public, anon, authenticated, service_role;

-- The same with what our leads know of them: the ids of Instagram that belong to the names, unless one is given, and every name
-- that goes with these ids, or one step from the given names. No step further, and of several people who had one name after another
-- only the one of the id, or the last: what is another's under another name must not be taken along.
create function private.find_subject(p_erasure uuid, p_usernames text[], p_ids text[]) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_ids text[] := coalesce(p_ids, '{}');
  v_names text[];
begin
  if v_ids = '{}' then
    v_ids := array(
      select n.instagram_id from (
        select l.instagram_id, l.scraped_at from public.leads l
         where l.username = any (p_usernames) and l.deleted_at is null and l.instagram_id is not null
        union all
        select l.instagram_id, l.scraped_at from public.leads l
         where l.username = any (p_usernames) and l.deleted_at is not null and l.instagram_id is not null
        union all
        select l.instagram_id, l.scraped_at from public.leads l
         where l.renamed_to = any (p_usernames) and l.instagram_id is not null
      ) n order by n.scraped_at desc limit 1
    );
  end if;
  v_names := array(
    select u from unnest(p_usernames) u
    union select l.username from public.leads l
           where l.renamed_to = any (p_usernames)
             and (v_ids = '{}' or l.instagram_id is null or l.instagram_id = any (v_ids))
    union select l.renamed_to from public.leads l
           where l.username = any (p_usernames) and l.deleted_at is null and l.renamed_to is not null
             and (v_ids = '{}' or l.instagram_id is null or l.instagram_id = any (v_ids))
    union select l.username from public.leads l
           where l.instagram_id = any (v_ids)
             -- Somebody else has the name by now.
             and not exists (
               select from public.leads o
                where o.username = l.username and o.deleted_at is null and o.instagram_id <> all (v_ids)
                  and o.scraped_at > l.scraped_at
             )
    union select l.renamed_to from public.leads l where l.instagram_id = any (v_ids) and l.renamed_to is not null
  );
  perform private.add_to_erasure(p_erasure, v_names, v_ids);
end $$;
revoke all on function private.find_subject(uuid, text[], text[]) from public, anon, authenticated, service_role;

-- An erasure as operators see it.
create function private.shown_erasure(p_erasure uuid) returns jsonb
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select jsonb_build_object(
           'id', e.id, 'state', case when e.done_at is null then 'open' else 'done' end, 'requested_at', e.requested_at,
           'found_at', e.found_at, 'done_at', e.done_at
         )
    from public.erasures e where e.id = p_erasure
$$;
revoke all on function private.shown_erasure(uuid) from public, anon, authenticated, service_role;

-- Has somebody erased. A repeat is the same erasure; one that was done is worked off once more. Reason and proof must not name the
-- subject: they stay longer than the name.
create function operator.begin_erasure(
  p_erasure uuid, p_username text, p_instagram_id text, p_proof text, p_reason text
) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_id uuid;
  v_named text[];
  v_outcome text := 'begun';
begin
  perform private.require_operator(p_reason);
  if p_username is null or p_username !~ '^[a-z0-9._]{1,30}$' or p_instagram_id !~ '^[0-9]{1,30}$' then
    raise exception 'a username in lower case is needed, and an id of digits' using errcode = 'invalid_parameter_value';
  end if;
  -- A shorter number may be a ticket's.
  v_named := array[p_username, case when char_length(p_instagram_id) >= 5 then p_instagram_id end];
  if private.names_somebody(p_reason, v_named) or private.names_somebody(p_proof, v_named) then
    return jsonb_build_object('outcome', 'names_subject');
  end if;
  -- Of two at once, the second is a repeat.
  perform pg_advisory_xact_lock(hashtext('operator.begin_erasure'));
  v_id := private.erasure_of(array[p_username], p_instagram_id);
  if v_id is null then
    v_id := p_erasure;
    insert into public.erasures (id, requested_by, proof, usernames, instagram_ids)
      values (v_id, auth.uid(), p_proof, '{}', '{}');
  else
    v_outcome := 'repeated';
  end if;
  perform private.find_subject(
    v_id, array[p_username], case when p_instagram_id is not null then array[p_instagram_id] end
  );
  -- After the profiles' locks, as everybody takes them.
  update public.erasures e set proof = p_proof where e.id = v_id and e.proof is null;
  perform private.note_operator_action('begin_erasure', v_id, p_reason, v_outcome);
  return jsonb_build_object('outcome', v_outcome, 'erasure', private.shown_erasure(v_id));
end $$;
revoke all on function operator.begin_erasure(uuid, text, text, text, text) from public, anon, authenticated, service_role;
grant execute on function operator.begin_erasure(uuid, text, text, text, text) to operator;

create function operator.find_erasure(p_erasure uuid, p_reason text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_erasure jsonb;
begin
  perform private.require_operator(p_reason);
  v_erasure := private.shown_erasure(p_erasure);
  perform private.note_operator_action(
    'find_erasure', p_erasure, p_reason, case when v_erasure is null then 'not_found' else 'ok' end
  );
  return coalesce(v_erasure, 'null');
end $$;
revoke all on function operator.find_erasure(uuid, text) from public, anon, authenticated, service_role;
grant execute on function operator.find_erasure(uuid, text) to operator;

-- Whether an id is known to be somebody else's.
create function private.is_anothers(p_id text, p_ids text[]) returns boolean
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select p_id is not null and p_ids <> '{}' and p_id <> all (p_ids)
$$;
revoke all on function private.is_anothers(text, text[]) from public, anon, authenticated, service_role;

-- Leads of the subject: under their names, and under whatever name with their id; not those of somebody else who has one of the
-- names by now, and had another when they were read. Each part has an index.
create function private.leads_of_subject(p_erasure public.erasures, p_limit integer) returns uuid[]
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select array(
    select l.id from public.leads l where l.username = any (p_erasure.usernames) and l.deleted_at is null
    union
    select l.id from public.leads l where l.username = any (p_erasure.usernames) and l.deleted_at is not null
    union
    select l.id from public.leads l
     where l.renamed_to = any (p_erasure.usernames) and not private.is_anothers(l.instagram_id, p_erasure.instagram_ids)
    union
    select l.id from public.leads l where l.instagram_id = any (p_erasure.instagram_ids)
    limit p_limit
  )
$$;
revoke all on function private.leads_of_subject(public.erasures, integer) from public, anon, authenticated, service_role;

-- Whether a row of the tables that are searched by name has something of the subject.
create function private.is_anything_left(p_erasure public.erasures) returns boolean
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select private.leads_of_subject(p_erasure, 1) <> '{}'
      or exists (select from public.runs r where r.username = any (p_erasure.usernames))
      or exists (
        select from public.scrape_logs s where s.username = any (p_erasure.usernames) and s.username <> 'erased..'
      )
$$;
revoke all on function private.is_anything_left(public.erasures) from public, anon, authenticated, service_role;

-- The job. ---------------------------------------------------------------------------------------------------------------

-- An open erasure as the job works it off.
create function private.open_erasure(p_erasure public.erasures) returns jsonb
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select jsonb_build_object(
    'id', p_erasure.id, 'usernames', p_erasure.usernames, 'instagram_ids', p_erasure.instagram_ids, 'found_at', p_erasure.found_at
  )
$$;
revoke all on function private.open_erasure(public.erasures) from public, anon, authenticated, service_role;

-- Takes up erasures that are not done, those that have waited longest first.
create function system.take_up_erasures(p_limit integer) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  with taken as (
    update public.erasures e set taken_up_at = clock_timestamp()
     where e.id = any (array(
       select n.id from public.erasures n
        where n.done_at is null
        order by n.taken_up_at nulls first, n.found_at
        limit least(p_limit, 100)
          for update skip locked
     ))
    returning e.*
  )
  select coalesce(jsonb_agg(private.open_erasure(t) order by t.found_at, t.id), '[]') from taken t
$$;
revoke all on function system.take_up_erasures(integer) from public, anon, authenticated, service_role;
grant execute on function system.take_up_erasures(integer) to service_role;

-- Adds an id of Instagram's that a stored scrape shows, with the names that our leads know for it; answers the erasure with them, or
-- null when it is done.
create function system.note_subject(p_erasure uuid, p_instagram_id text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  if exists (select from public.erasures e where e.id = p_erasure and e.done_at is null) then
    perform private.find_subject(p_erasure, '{}', array[p_instagram_id]);
  end if;
  return coalesce(
    (select private.open_erasure(e) from public.erasures e where e.id = p_erasure and e.done_at is null), 'null'
  );
end $$;
revoke all on function system.note_subject(uuid, text) from public, anon, authenticated, service_role;
grant execute on function system.note_subject(uuid, text) to service_role;

-- Whether a profile that was just read may not be kept: one of its names, or its id, was erased. Then its other names are erased
-- and refused too: only now it is known whose they are. Somebody who took an erased name over has another id: they are refused
-- under that name, and nothing of theirs is erased. Nor is anything of whoever is met under the name of an erasure that knew no
-- id and is done: they may be somebody else.
create function system.refuse_erased(p_username text, p_renamed_to text, p_instagram_id text) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_names constant text[] := array_remove(array[p_username, p_renamed_to], null);
  v_of_id constant uuid := private.erasure_of('{}', p_instagram_id);
  v_of_name constant uuid := private.erasure_of(v_names, null);
begin
  if v_of_id is not null then
    perform private.find_subject(v_of_id, v_names, array[p_instagram_id]);
  elsif exists (select from public.erasures e where e.id = v_of_name and e.done_at is null)
        and not exists (
          select from public.erased_subjects s where s.erasure_id = v_of_name and s.kind = 'instagram_id'
        ) then
    if p_instagram_id is null then
      perform private.add_to_erasure(v_of_name, v_names, '{}');
    else
      perform private.find_subject(v_of_name, v_names, array[p_instagram_id]);
    end if;
  end if;
  return v_of_id is not null or v_of_name is not null;
end $$;
revoke all on function system.refuse_erased(text, text, text) from public, anon, authenticated, service_role;
grant execute on function system.refuse_erased(text, text, text) to service_role;

-- Fails and refunds up to p_limit runs under way, each account's for itself: one that somebody holds, or that cannot be ended, is left
-- for the next. Nothing else is locked meanwhile.
create function system.end_runs_of_subject(p_erasure uuid, p_limit integer) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '5s' as $$
declare
  v_run record;
  v_ended uuid[] := '{}';
begin
  perform private.take_turn(clock_timestamp(), p_limit);
  for v_run in
    select r.id, r.account_id from public.runs r
     where r.username = any (array(
       select unnest(e.usernames) from public.erasures e where e.id = p_erasure and e.done_at is null
     )) and r.status in ('pending', 'processing')
     order by r.account_id, r.id
     limit p_limit
  loop
    begin
      perform from public.credit_balances b where b.account_id = v_run.account_id for no key update skip locked;
      continue when not found;
      perform from public.runs r
        where r.id = v_run.id and r.status in ('pending', 'processing') for no key update skip locked;
      continue when not found;
      perform private.end_run(
        v_run.id, 'failed', 'refunded', 'subject_erased',
        'This profile may not be analysed: its owner had it erased. Your credits were returned.'
      );
      v_ended := v_ended || v_run.id;
    exception when others then
      raise warning 'run % could not be ended: %', v_run.id, sqlstate;
    end;
  end loop;
  return to_jsonb(v_ended);
end $$;
revoke all on function system.end_runs_of_subject(uuid, integer) from public, anon, authenticated, service_role;
grant execute on function system.end_runs_of_subject(uuid, integer) to service_role;

-- Erases up to p_limit runs that have ended, as many leads and as many bills; answers whether there is more to do. Of a run that
-- ended in the last four days the engine may remember something (`default_retention` in `wrangler.jsonc`): it keeps its name until
-- the caller has deleted its instance and says so in p_deleted, because nothing else tells whose instance it is.
create function system.erase_subject(p_erasure uuid, p_limit integer, p_deleted uuid[]) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '5s' as $$
declare
  v_erasure public.erasures;
  v_instances uuid[];
  v_runs uuid[];
  v_leads uuid[];
  v_bills bigint[];
begin
  perform private.take_turn(clock_timestamp(), p_limit);
  select e.* into v_erasure from public.erasures e where e.id = p_erasure and e.done_at is null;
  if not found then
    return jsonb_build_object('instances', '[]'::jsonb, 'taken', 0, 'more', false);
  end if;

  v_leads := private.leads_of_subject(v_erasure, p_limit);
  perform private.delete_leads(v_leads);

  v_runs := array(
    select r.id from public.runs r
     where r.username = any (v_erasure.usernames)
       and (r.finished_at < clock_timestamp() - interval '4 days' or (r.finished_at is not null and r.id = any (p_deleted)))
     order by r.id limit p_limit
       for no key update skip locked
  );
  perform private.forget_whom(v_runs);
  v_instances := array(
    select r.id from public.runs r
     where r.username = any (v_erasure.usernames) and r.finished_at >= clock_timestamp() - interval '4 days'
       and r.id <> all (p_deleted)
     order by r.id limit least(p_limit, 100)
  );

  -- Also those that were written while the name of their run went.
  v_bills := array(
    select s.id from public.scrape_logs s
     where s.username = any (v_erasure.usernames) and s.username <> 'erased..' order by s.id limit p_limit
  );
  update public.scrape_logs s set username = 'erased..', provider_key = private.erased_bill(s.provider_key)
   where s.id = any (v_bills);

  update public.leads l set renamed_to = null
   where l.renamed_to = any (v_erasure.usernames) and private.is_anothers(l.instagram_id, v_erasure.instagram_ids);
  delete from public.profile_changes c where c.username = any (v_erasure.usernames);
  -- A name that may be a word is only meant with its @.
  delete from public.lead_filters f
   where lower(btrim(f.query ->> 'q', '@ ')) = any (v_erasure.usernames)
     and (starts_with(btrim(f.query ->> 'q'), '@') or f.query ->> 'q' ~ '[0-9._]');
  return jsonb_build_object(
    'instances', to_jsonb(v_instances), 'taken', cardinality(v_leads) + cardinality(v_runs) + cardinality(v_bills),
    'more', private.is_anything_left(v_erasure)
  );
end $$;
revoke all on function system.erase_subject(uuid, integer, uuid[]) from public, anon, authenticated, service_role;
grant execute on function system.erase_subject(uuid, integer, uuid[]) to service_role;

-- A document of a bulk without these names.
create function private.without_names(p_document jsonb, p_names text[]) returns jsonb
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select regexp_replace(
    p_document::text,
    '"username": "(' || (select string_agg(replace(n.name, '.', '\.'), '|') from unnest(p_names) as n (name)) || ')"',
    '"username": "erased.."', 'g'
  )::jsonb
$$;
revoke all on function private.without_names(jsonb, text[]) from public, anon, authenticated, service_role;

-- Takes the names out of the next p_limit bulks, and answers whether there are more. What waits behind a pilot and names the
-- subject is not bought any more. Bulks have ids that sort by time: those that come later never hold the names.
create function system.erase_from_bulks(p_erasure uuid, p_limit integer) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '5s' as $$
declare
  v_erasure public.erasures;
  v_bulks uuid[];
begin
  perform private.take_turn(clock_timestamp(), p_limit);
  select e.* into v_erasure from public.erasures e where e.id = p_erasure and e.done_at is null;
  if not found then
    return false;
  end if;
  v_bulks := array(
    select b.id from public.bulk_runs b
     where v_erasure.bulks_after is null or b.id > v_erasure.bulks_after
     order by b.id limit p_limit
  );
  if v_bulks = '{}' then
    return false;
  end if;
  -- Locked by id; a bulk that somebody holds is waited for, because the search does not come back to it.
  perform from public.bulk_runs b
    where b.id = any (v_bulks)
      and concat(b.answer, b.continued, b.rest) ~ ('"username": "(' || (
        select string_agg(replace(n.name, '.', '\.'), '|') from unnest(v_erasure.usernames) as n (name)
      ) || ')"')
    order by b.id for no key update;
  update public.bulk_runs b
     set answer = private.without_names(b.answer, v_erasure.usernames),
         continued = private.without_names(b.continued, v_erasure.usernames),
         rest = (
           select jsonb_agg(r.line order by r.place) from jsonb_array_elements(b.rest) with ordinality as r (line, place)
            where r.line ->> 'username' <> all (v_erasure.usernames)
         ),
         -- Otherwise it stays: a repeat must not buy the other lines again.
         idempotency_key = case
           when not private.names_somebody(b.idempotency_key, v_erasure.usernames) then b.idempotency_key
         end
   where b.id = any (v_bulks)
     and concat(b.answer, b.continued, b.rest) ~ ('"username": "(' || (
       select string_agg(replace(n.name, '.', '\.'), '|') from unnest(v_erasure.usernames) as n (name)
     ) || ')"');
  update public.erasures e set bulks_after = v_bulks[cardinality(v_bulks)] where e.id = p_erasure;
  return cardinality(v_bulks) >= p_limit;
end $$;
revoke all on function system.erase_from_bulks(uuid, integer) from public, anon, authenticated, service_role;
grant execute on function system.erase_from_bulks(uuid, integer) to service_role;

-- Ends an erasure that has found nothing new since p_found_before, and forgets whom it was about. False when something is left.
create function system.end_erasure(p_erasure uuid, p_found_before timestamptz) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  update public.erasures e
     set done_at = clock_timestamp(), usernames = '{}', instagram_ids = '{}', bulks_after = null
   where e.id = p_erasure and e.done_at is null and e.found_at <= p_found_before
     and not private.is_anything_left(e);
  return found;
end $$;
revoke all on function system.end_erasure(uuid, timestamptz) from public, anon, authenticated, service_role;
grant execute on function system.end_erasure(uuid, timestamptz) to service_role;

-- Forgets the proofs of erasures that were done before p_before.
create function system.forget_proofs(p_before timestamptz, p_limit integer) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '5s' as $$
declare
  v_taken bigint;
begin
  perform private.take_turn(p_before, p_limit);
  update public.erasures e set proof = null where e.id = any (array(
    select o.id from public.erasures o
     where o.done_at < p_before and o.proof is not null order by o.done_at limit p_limit
       for no key update skip locked
  ));
  get diagnostics v_taken = row_count;
  return v_taken;
end $$;
revoke all on function system.forget_proofs(timestamptz, integer) from public, anon, authenticated, service_role;
grant execute on function system.forget_proofs(timestamptz, integer) to service_role;
