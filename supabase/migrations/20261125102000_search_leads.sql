-- Finds an account's leads by a text in username, present name, display name or biography.
--
-- It is a function because row level security keeps the trigram index from being used: LIKE could tell a row to somebody
-- who may not see it, so Postgres applies it after the policy only. Here the membership is checked first instead.

select set_config('lock_timeout', '5s', true);

-- The ids of up to p_limit leads in the order p_sort, after the lead with p_key and p_id if given. The text is looked
-- for as it is, without wildcards. With one of p_statuses, with all of p_tags, of the owner p_owner; `none` for leads that
-- belong to nobody.
--
-- A frequent text is soon found among the first leads that pass the other filters, a rare one by the trigram index. Which
-- of the two a text is, the planner guesses badly. So the first leads are tried for as long as c_first of them would give
-- enough, judged by those tried so far; then the index is asked. The index takes a part of the text, because each trigram
-- costs time and a few tell enough. A text without three letters or digits in a row may have no trigram, and is tried on
-- c_first leads in any case: if it is rare as well, all texts of the account are read.
create function api.search_leads(
  p_sort text, p_account uuid, p_business_profile uuid, p_score_min integer, p_score_max integer, p_type text,
  p_is_stale boolean, p_text text, p_key text, p_id uuid, p_limit bigint, p_statuses text[], p_tags text[], p_owner text
) returns setof uuid
language plpgsql volatile security definer rows 100 set search_path = pg_catalog, pg_temp as $$
declare
  -- A lead that is tried costs 4 microseconds and a question to the index up to 40 milliseconds (docs/performance.md).
  c_first constant bigint := 8000;
  -- Fewer would not tell whether a text is frequent.
  c_least constant bigint := 500;
  c_part constant integer := 16;
  v_column constant text := case p_sort
    when 'newest' then 'l.created_at' when 'score' then 'l.score' when 'updated' then 'l.updated_at' end;
  v_kind constant text := case p_sort when 'score' then 'integer' else 'timestamptz' end;
  v_text constant text := private.folded(p_text);
  v_has_trigram constant boolean := left(v_text, c_part) ~ '[[:alnum:]]{3}';
  v_pattern constant text := '%' || regexp_replace(left(v_text, c_part), '([\\%_])', '\\\1', 'g') || '%';
  -- The people who can be an owner: all, or the one that is asked for.
  v_people constant uuid[] := array(
    select m.user_id from public.account_members m
     where m.account_id = p_account and m.role <> 'key' and (p_owner = 'none' or m.user_id::text = p_owner)
  );
  v_leads text;
  v_lead record;
  v_found uuid[] := '{}';
  v_tried bigint := 0;
  v_is_enough boolean := false;
  v_is_rare boolean := false;
begin
  if v_column is null then
    raise exception 'unknown order %', p_sort using errcode = 'invalid_parameter_value';
  end if;
  -- Nothing is left of a lone accent: no lead has it.
  if btrim(v_text) = '' or (p_account = any (array(select private.my_accounts()))) is not true then
    return;
  end if;

  v_leads := format(
    'select l.id, %1$s as key from public.leads l
      where l.account_id = $1 and l.deleted_at is null
        and ($2 is null or l.business_profile_id = $2)
        and ($3 is null or l.score >= $3) and ($4 is null or l.score <= $4)
        and ($5 is null or $5 = any (l.analysis_types)) and ($6 is null or l.is_stale = $6)
        and ($12 is null or l.status = any ($12)) and ($13 is null or l.tags @> $13)
        and ($14 is null
             or case when $14 = ''none'' then l.owner_id is null or l.owner_id <> all ($15) else l.owner_id = any ($15) end)
        and ($9 is null or (%1$s, l.id) < ($9::%2$s, $10))',
    v_column, v_kind
  );
  for v_lead in
    execute format(
      'select f.id, strpos(t.search_text, $7) > 0 as matches
         from (%1$s order by %2$s desc, l.id desc limit %3$s) f
        cross join lateral (select t.search_text from public.leads t where t.id = f.id limit 1) t
        order by f.key desc, f.id desc',
      v_leads, v_column, c_first
    ) using p_account, p_business_profile, p_score_min, p_score_max, p_type, p_is_stale, v_text, v_pattern, p_key, p_id,
      p_limit, p_statuses, p_tags, p_owner, v_people
  loop
    v_tried := v_tried + 1;
    if v_lead.matches then
      v_found := v_found || v_lead.id;
      v_is_enough := cardinality(v_found) >= p_limit;
      exit when v_is_enough;
    end if;
    v_is_rare := v_has_trigram and v_tried % c_least = 0 and cardinality(v_found) * c_first < p_limit * v_tried;
    exit when v_is_rare;
  end loop;
  -- Enough, or all there are.
  if v_is_enough or (v_tried < c_first and not v_is_rare) then
    return query select unnest(v_found);
    return;
  end if;
  return query execute format(
    'with matching as materialized (%1$s and l.search_text like $8 and strpos(l.search_text, $7) > 0)
     select m.id from matching m order by m.key desc, m.id desc limit $11',
    v_leads
  ) using p_account, p_business_profile, p_score_min, p_score_max, p_type, p_is_stale, v_text, v_pattern, p_key, p_id, p_limit,
    p_statuses, p_tags, p_owner, v_people;
end $$;
revoke all on function api.search_leads(text, uuid, uuid, integer, integer, text, boolean, text, text, uuid, bigint, text[], text[], text)
  from public, anon, authenticated, service_role;
grant execute on function
  api.search_leads(text, uuid, uuid, integer, integer, text, boolean, text, text, uuid, bigint, text[], text[], text)
  to authenticated;
