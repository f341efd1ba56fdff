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
  insert into public.erased_subjects (hash, erasure_id)
    select private.subject_hash('username', u.name), p_erasure from unnest(p_usernames) as u (name)
    union
    select private.subject_hash('instagram_id', i.id), p_erasure from unnest(p_ids) as i (id)
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
-- only the last: another's data must not be taken along.
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
    union select l.username from public.leads l where l.renamed_to = any (p_usernames)
    union select l.renamed_to from public.leads l
           where l.username = any (p_usernames) and l.deleted_at is null and l.renamed_to is not null
    union select l.username from public.leads l where l.instagram_id = any (v_ids)
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
  v_outcome text := 'begun';
begin
  perform private.require_operator(p_reason);
  if p_username is null or p_username !~ '^[a-z0-9._]{1,30}$' or p_instagram_id !~ '^[0-9]{1,30}$' then
    raise exception 'a username in lower case is needed, and an id of digits' using errcode = 'invalid_parameter_value';
  end if;
  if private.names_somebody(p_reason, array[p_username, p_instagram_id])
     or private.names_somebody(p_proof, array[p_username, p_instagram_id]) then
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
    update public.erasures e set proof = coalesce(e.proof, p_proof) where e.id = v_id;
  end if;
  perform private.find_subject(
    v_id, array[p_username], case when p_instagram_id is not null then array[p_instagram_id] end
  );
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

-- The job. ---------------------------------------------------------------------------------------------------------------

-- Erasures that are not done, the oldest first.
create function system.open_erasures(p_limit integer) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
  select coalesce(jsonb_agg(jsonb_build_object(
           'id', n.id, 'usernames', n.usernames, 'instagram_ids', n.instagram_ids, 'found_at', n.found_at
         ) order by n.found_at, n.id), '[]')
    from (
      select * from public.erasures e where e.done_at is null order by e.found_at, e.id limit least(p_limit, 100)
    ) n
$$;
revoke all on function system.open_erasures(integer) from public, anon, authenticated, service_role;
grant execute on function system.open_erasures(integer) to service_role;

-- Adds an id of Instagram's that a stored scrape shows, with the names that our leads know for it.
create function system.note_subject(p_erasure uuid, p_instagram_id text) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_erasure public.erasures;
begin
  select e.* into v_erasure from public.erasures e where e.id = p_erasure and e.done_at is null;
  if not found or p_instagram_id = any (v_erasure.instagram_ids) then
    return false;
  end if;
  perform private.find_subject(p_erasure, v_erasure.usernames, array[p_instagram_id]);
  return true;
end $$;
revoke all on function system.note_subject(uuid, text) from public, anon, authenticated, service_role;
grant execute on function system.note_subject(uuid, text) to service_role;

-- Whether a profile that was just read may not be kept: one of its names, or its id, was erased. Then its other names are erased
-- and refused too: only now it is known whose they are.
create function system.refuse_erased(p_username text, p_renamed_to text, p_instagram_id text) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_erasure constant uuid := private.erasure_of(array[p_username, p_renamed_to], p_instagram_id);
begin
  if v_erasure is null then
    return false;
  end if;
  perform private.add_to_erasure(
    v_erasure, array_remove(array[p_username, p_renamed_to], null), array_remove(array[p_instagram_id], null)
  );
  return true;
end $$;
revoke all on function system.refuse_erased(text, text, text) from public, anon, authenticated, service_role;
grant execute on function system.refuse_erased(text, text, text) to service_role;

-- Erases up to p_limit runs and as many leads; answers which runs it ended, and whether there is more to do. Runs under way are
-- failed and refunded; one whose account somebody holds is left for the next slice.
create function system.erase_subject(p_erasure uuid, p_limit integer) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '5s' as $$
declare
  v_erasure public.erasures;
  v_run record;
  v_ended uuid[] := '{}';
  v_runs uuid[];
  v_leads uuid[];
begin
  perform private.take_turn(clock_timestamp(), p_limit);
  select e.* into v_erasure from public.erasures e where e.id = p_erasure and e.done_at is null;
  if not found then
    return jsonb_build_object('ended', '[]'::jsonb, 'taken', 0, 'more', false);
  end if;

  for v_run in
    select r.id, r.account_id from public.runs r
     where r.username = any (v_erasure.usernames) and r.status in ('pending', 'processing')
     order by r.account_id, r.id
     limit p_limit
  loop
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
  end loop;

  v_leads := array(
    select l.id from public.leads l where l.username = any (v_erasure.usernames) and l.deleted_at is null
    union
    select l.id from public.leads l where l.username = any (v_erasure.usernames) and l.deleted_at is not null
    union
    select l.id from public.leads l where l.renamed_to = any (v_erasure.usernames)
    union
    select l.id from public.leads l where l.instagram_id = any (v_erasure.instagram_ids)
    limit p_limit
  );
  perform private.delete_leads(v_leads);

  v_runs := array(
    select r.id from public.runs r
     where r.username = any (v_erasure.usernames) and r.status not in ('pending', 'processing')
     order by r.id limit p_limit
       for no key update
  );
  perform private.forget_whom(v_runs);
  delete from public.profile_changes c where c.username = any (v_erasure.usernames);
  delete from public.lead_filters f where lower(btrim(f.query ->> 'q', '@ ')) = any (v_erasure.usernames);
  return jsonb_build_object(
    'ended', to_jsonb(v_ended), 'taken', cardinality(v_ended) + cardinality(v_leads) + cardinality(v_runs),
    'more', cardinality(v_leads) >= p_limit or exists (
      select from public.runs r where r.username = any (v_erasure.usernames)
    )
  );
end $$;
revoke all on function system.erase_subject(uuid, integer) from public, anon, authenticated, service_role;
grant execute on function system.erase_subject(uuid, integer) to service_role;

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
     and not exists (select from public.runs r where r.username = any (e.usernames))
     and not exists (select from public.leads l where l.username = any (e.usernames) and l.deleted_at is null)
     and not exists (select from public.leads l where l.username = any (e.usernames) and l.deleted_at is not null);
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
