-- Leads as their customers read and delete them.

-- One index for each order in which live leads are listed, the id making it total; the newest come from `leads_newest`.
create index leads_best on public.leads (account_id, score desc, id desc) where deleted_at is null;
create index leads_updated on public.leads (account_id, updated_at desc, id desc) where deleted_at is null;

-- Deletes a lead with its analyses; a repeat gives the first answer. The lead's lock is also what a completion holds
-- until it has committed, so an analysis is either there to be deleted with its lead or makes a new lead.
create function api.delete_lead(p_account uuid, p_lead uuid) returns jsonb
language plpgsql volatile security definer set search_path = '' as $$
declare
  v_deleted_at timestamptz;
begin
  select l.deleted_at into v_deleted_at
    from public.leads l
   where l.id = p_lead and l.account_id = p_account and l.account_id = any (array(select private.my_accounts()))
     for no key update;
  if not found then
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
