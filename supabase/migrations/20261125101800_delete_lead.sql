-- A customer deletes a lead with its analyses. A repeat gives the first answer.
--
-- A completion holds the same lock of the lead until it has committed. So its analysis is either there already and is
-- deleted with the lead, or it comes afterwards and makes a new lead.

select set_config('lock_timeout', '5s', true);

create function api.delete_lead(p_account uuid, p_lead uuid) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_deleted_at timestamptz;
begin
  perform private.require_permission(p_account, 'edit_leads');
  select l.deleted_at into v_deleted_at
    from public.leads l
   where l.id = p_lead and l.account_id = p_account and l.account_id = any (array(select private.my_accounts()))
     for no key update;
  if not found then
    return jsonb_build_object('outcome', 'not_found');
  end if;
  -- Permission, membership or account may have gone during the wait.
  if private.refuse_without(p_account, 'edit_leads') is not null then
    return jsonb_build_object('outcome', 'not_found');
  end if;
  if v_deleted_at is null then
    v_deleted_at := clock_timestamp();
    update public.leads l set deleted_at = v_deleted_at where l.id = p_lead;
    update public.analyses a set deleted_at = v_deleted_at where a.lead_id = p_lead and a.deleted_at is null;
  end if;
  return jsonb_build_object('outcome', 'deleted', 'deleted_at', v_deleted_at);
end $$;
revoke all on function api.delete_lead(uuid, uuid) from public, anon, authenticated, service_role;
grant execute on function api.delete_lead(uuid, uuid) to authenticated;
