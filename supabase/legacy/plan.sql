-- What is to become of a user's leads and analyses: decided first, so that each row has exactly one end.

-- Fills `planned_leads`: each lead with its username, or why it is not carried over.
create or replace function legacy_import.plan_leads(p_user uuid) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  if exists (
    select from legacy_import.old_leads l
     where l.user_id = p_user and not exists (select from legacy_import.handles h where h.lead_id = l.id)
  ) then
    raise exception 'a lead came after the usernames were read: stop the previous product' using errcode = 'object_not_in_prerequisite_state';
  end if;
  insert into legacy_import.planned_leads (
    id, business_id, username, follower_count, bio, profile_pic_url, created_at, reason
  )
  select l.id, l.business_id, h.username, l.follower_count, l.bio, l.profile_pic_url, legacy_import.dated(l.created_at),
         case
           when l.deleted_at is not null then 'deleted'
           when b.id is null then 'no_such_business'
           when b.user_id is distinct from l.user_id then 'business_of_another_user'
           when h.username is null then 'invalid_username'
           when private.is_erased(h.username) then 'erased_on_request'
         end
    from legacy_import.old_leads l
    join legacy_import.handles h on h.lead_id = l.id
    left join legacy_import.old_business_profiles b on b.id = l.business_id
   where l.user_id = p_user;
end $$;

-- Fills `planned_analyses`, after `planned_leads`.
create or replace function legacy_import.plan_analyses(p_user uuid) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  insert into legacy_import.planned_analyses (
    id, lead_id, business_id, username, analysis_type, ending, score, credits, model, result, created_at, reason
  )
  select a.id, a.lead_id, l.business_id, l.username, upper(btrim(a.type)), e.ending, a.score,
         case when a.credits_used between 1 and 1000000 then a.credits_used else p.credits end,
         legacy_import.text_of(m.model, 120), case when e.ending = 'complete' then a.result end, legacy_import.dated(coalesce(a.created_at, l.created_at)),
         case
           when l.id is null then
             case when exists (select from legacy_import.old_leads o where o.id = a.lead_id and o.user_id is distinct from p_user) then 'lead_of_another_user'
                  else 'no_such_lead' end
           when l.reason is not null then 'lead_left_out'
           when p.credits is null then 'unknown_type'
           when e.ending is null then 'unknown_status'
           when e.ending = 'complete' and a.score is null then 'no_score'
           when e.ending = 'complete' and a.score not between 0 and 100 then 'score_out_of_range'
         end
    from legacy_import.old_analyses a
    left join legacy_import.planned_leads l on l.id = a.lead_id
    left join public.analysis_prices p on p.analysis_type = upper(btrim(a.type))
    left join legacy_import.models m on m.analysis_id = a.id
   cross join lateral (
     select case lower(btrim(a.status))
       when 'complete' then 'complete' when 'failed' then 'failed' when 'pending' then 'unfinished' when 'processing' then 'unfinished'
     end
   ) e (ending)
   where a.user_id = p_user;

  -- What was charged, by the old ledger, and neither ended nor was given back is given back as it was charged; also if the analysis
  -- itself is left out.
  update legacy_import.planned_analyses a
     set credits = c.charge, is_returned = true
    from (
      select t.run_id as id, -sum(t.delta) as charge from legacy_import.old_credit_ledger t where t.user_id = p_user group by t.run_id
    ) c
   where a.id = c.id and a.ending = 'unfinished' and c.charge between 1 and 1000000;

  -- A lead of the product is what an analysis found.
  update legacy_import.planned_leads l
     set reason = 'never_analysed'
   where l.reason is null and not exists (
     select from legacy_import.planned_analyses a
      where a.business_id = l.business_id and a.username = l.username and a.reason is null and a.ending = 'complete'
   );
end $$;

-- Business profiles. A deleted one stays as a row while leads point at it, as in the product.
create or replace function legacy_import.carry_business_profiles(p_user uuid, p_account uuid) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_old legacy_import.old_business_profiles;
  v_id uuid;
  v_name text;
  v_offering text;
  v_audience text;
begin
  for v_old in select * from legacy_import.old_business_profiles b where b.user_id = p_user order by b.id loop
    if v_old.deleted_at is not null and not exists (
      select from legacy_import.planned_leads l where l.business_id = v_old.id and l.reason is null
    ) then
      perform legacy_import.leave_out('business_profiles', v_old.id, p_user, 'deleted');
      continue;
    end if;
    v_name := legacy_import.text_of(v_old.name, 120);
    v_offering := legacy_import.text_of(v_old.description, 4000);
    v_audience := legacy_import.audience_of(v_old.icp);
    insert into public.business_profiles (account_id, name, offering, target_audience, deleted_at)
      values (
        p_account, coalesce(v_name, 'My business'), coalesce(v_offering, v_name, 'Not described yet.'),
        coalesce(v_audience, 'Not described yet.'),
        case when v_old.deleted_at is not null then legacy_import.dated(v_old.deleted_at) end
      )
      returning id into v_id;
    perform legacy_import.carry('business_profiles', v_old.id, p_user, 'business_profiles', v_id::text);
    if v_name is null or v_offering is null or v_audience is null then
      perform legacy_import.note('business_profiles', v_old.id, p_user, 'to_be_described');
    end if;
    if char_length(v_old.name) > 120 or char_length(v_old.description) > 4000 or char_length(v_old.icp::text) > 4000 then
      perform legacy_import.note('business_profiles', v_old.id, p_user, 'text_cut');
    end if;
  end loop;
end $$;

-- The ideal customer as a text: one line for each part of it. Which parts there are, only the old product knows.
create or replace function legacy_import.audience_of(p_icp jsonb) returns text
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select legacy_import.text_of(case jsonb_typeof(p_icp)
    when 'object' then (
      select string_agg(
               replace(e.key, '_', ' ') || ': ' || case jsonb_typeof(e.value)
                 when 'string' then e.value #>> '{}'
                 when 'array' then (
                   select string_agg(i.item #>> '{}', ', ' order by i.place) from jsonb_array_elements(e.value) with ordinality i (item, place)
                 )
                 else e.value::text
               end, E'\n' order by e.key collate "C"
             )
        from jsonb_each(p_icp) e where e.value not in ('null', '""', '[]', '{}')
    )
    when 'string' then p_icp #>> '{}'
    when 'array' then (
      select string_agg(i.item #>> '{}', ', ' order by i.place) from jsonb_array_elements(p_icp) with ordinality i (item, place)
    )
  end, 4000)
$$;

-- Leads: one for each username of a business. The newest row's facts hold; the analyses decide everything else.
create or replace function legacy_import.carry_leads(p_user uuid, p_account uuid) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_group record;
  v_facts legacy_import.planned_leads;
  v_lead uuid;
begin
  for v_group in
    select l.business_id, l.username, min(l.created_at) as first_at, array_agg(l.id order by l.created_at desc, l.id desc) as ids,
           max(l.created_at) as last_at
      from legacy_import.planned_leads l
     where l.reason is null
     group by l.business_id, l.username
     order by first_at, l.business_id, l.username
  loop
    select * into strict v_facts from legacy_import.planned_leads l where l.id = v_group.ids[1];
    insert into public.leads (
      account_id, business_profile_id, username, biography, followers, profile_pic_url, scraped_at, score, created_at, updated_at
    )
    select p_account, b.new_id::uuid, v_group.username, left(v_facts.bio, 2000),
           case when v_facts.follower_count >= 0 then v_facts.follower_count end,
           -- Half an address leads nowhere.
           case when char_length(v_facts.profile_pic_url) <= 2000 then v_facts.profile_pic_url end,
           n.created_at, n.score, v_group.first_at, greatest(v_group.last_at, n.created_at)
      from legacy_import.origins b
     cross join lateral (
       select a.created_at, a.score
         from legacy_import.planned_analyses a
        where a.business_id = v_group.business_id and a.username = v_group.username and a.reason is null and a.ending = 'complete'
        order by a.created_at desc, a.id desc
        limit 1
     ) n
     where b.legacy_table = 'business_profiles' and b.legacy_id = v_group.business_id
    returning id into strict v_lead;
    insert into legacy_import.origins (legacy_table, legacy_id, user_id, relation, new_id)
      select 'leads', i.id, p_user, 'leads', v_lead::text from unnest(v_group.ids) i (id);
    if char_length(v_facts.bio) > 2000 or char_length(v_facts.profile_pic_url) > 2000 then
      perform legacy_import.note('leads', v_facts.id, p_user, 'text_cut');
    end if;
    if v_facts.follower_count < 0 then
      perform legacy_import.note('leads', v_facts.id, p_user, 'fact_dropped');
    end if;
  end loop;
  insert into legacy_import.left_out (legacy_table, legacy_id, user_id, reason)
    select 'leads', l.id, p_user, l.reason from legacy_import.planned_leads l where l.reason is not null;
end $$;
