-- What the members of an account may do, by their role.

select set_config('lock_timeout', '5s', true);

-- A test holds it equal to `auth::Role`. The role `key` is a program's: its member row says which of these it has.
create table public.role_permissions (
  role text not null check (role in ('owner', 'admin', 'member', 'viewer', 'key')),
  permission text not null check (permission in (
    'read', 'analyse', 'edit_leads', 'edit_business', 'export', 'manage_members', 'manage_keys', 'manage_billing', 'close_account'
  )),
  primary key (role, permission)
);
alter table public.role_permissions enable row level security;
alter table public.role_permissions force row level security;
revoke all on public.role_permissions from public, anon, authenticated, service_role;

insert into public.role_permissions (role, permission)
select r.role, p.permission
  from (values
    ('viewer', array['read']),
    ('member', array['read', 'analyse', 'edit_leads', 'edit_business']),
    ('key', array['read', 'analyse', 'edit_leads', 'edit_business', 'export']),
    ('admin', array['read', 'analyse', 'edit_leads', 'edit_business', 'export', 'manage_members', 'manage_keys']),
    ('owner', array['read', 'analyse', 'edit_leads', 'edit_business', 'export', 'manage_members', 'manage_keys',
                    'manage_billing', 'close_account'])
  ) as r (role, permissions),
  lateral unnest(r.permissions) as p (permission);
