-- What the deletion of a user leaves behind when a part of it fails: it must not be kept from happening, so its triggers only warn
-- (in the file `sign_up`). The daily job makes up for it.

select set_config('lock_timeout', '5s', true);

-- Ends memberships of users who were deleted before p_before, closes accounts made before it that no person belongs to, and makes an
-- owner where people have none. Rows that somebody holds are left for the next job.
create function system.remove_ghosts(p_before timestamptz, p_limit integer) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '5s' as $$
declare
  v_orphans uuid[];
  v_taken bigint;
  v_more bigint;
begin
  perform private.take_turn(p_before, p_limit);
  -- As the deletion would have done: the trigger of this closes the account, ends keys and invitations, and finds an heir.
  with ghosts as (
    select m.user_id, m.account_id
      from public.account_members m
      join auth.users u on u.id = m.person_id
     where u.deleted_at < p_before
     order by m.user_id, m.account_id
     limit p_limit
       for no key update of m skip locked
  )
  delete from public.account_members m using ghosts g where m.user_id = g.user_id and m.account_id = g.account_id;
  get diagnostics v_taken = row_count;

  update public.accounts a set deleted_at = clock_timestamp()
   where a.id = any (array(
     select o.id from public.accounts o
      where o.deleted_at is null and o.created_at < p_before
        and not exists (select from public.account_members m where m.account_id = o.id and m.role <> 'key')
      order by o.id
      limit p_limit - v_taken
        for no key update skip locked
   ));
  get diagnostics v_more = row_count;
  v_taken := v_taken + v_more;

  v_orphans := array(
    select a.id from public.accounts a
     where a.deleted_at is null and a.created_at < p_before
       and exists (select from public.account_members m where m.account_id = a.id and m.role <> 'key')
       and not exists (select from public.account_members m where m.account_id = a.id and m.role = 'owner')
     order by a.id
     limit p_limit - v_taken
  );
  -- A balance is locked before members, as everywhere; above, members and accounts are held already, so it is not waited for.
  v_orphans := array(
    select b.account_id from public.credit_balances b where b.account_id = any (v_orphans)
     order by b.account_id for no key update skip locked
  );
  perform private.promote_heirs(v_orphans);
  return v_taken + (
    select count(distinct m.account_id) from public.account_members m where m.account_id = any (v_orphans) and m.role = 'owner'
  );
end $$;
revoke all on function system.remove_ghosts(timestamptz, integer) from public, anon, authenticated, service_role;
grant execute on function system.remove_ghosts(timestamptz, integer) to service_role;
