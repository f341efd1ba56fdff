-- What Supabase gives every project, for a plain Postgres: its roles, the schema auth, its default privileges.
-- Applied before the migrations, never on Supabase itself. Safe to apply again.

-- Roles belong to the cluster, not to the database: two databases being built at once may race here.
do $$
declare
  v_role record;
begin
  for v_role in
    select * from (values ('anon', ''), ('authenticated', ''), ('service_role', 'bypassrls')) as r (name, options)
  loop
    if to_regrole(v_role.name) is null then
      begin
        execute format('create role %I nologin noinherit %s', v_role.name, v_role.options);
      exception when duplicate_object or unique_violation then
        null;
      end;
    end if;
  end loop;
end $$;

grant usage on schema public to anon, authenticated, service_role;

-- Supabase grants whatever is created in `public` to all three. Here it is whatever is created in ANY schema: whatever
-- the migrations and the tests hold against this holds on Supabase, and a forgotten revoke shows in every schema.
alter default privileges grant all on tables to anon, authenticated, service_role;
alter default privileges grant all on sequences to anon, authenticated, service_role;
alter default privileges grant all on functions to anon, authenticated, service_role;

create schema if not exists auth;
grant usage on schema auth to anon, authenticated, service_role;

-- The columns of Supabase's table that a sign-up fills; the names and types are Supabase's.
create table if not exists auth.users (
  id uuid primary key,
  instance_id uuid,
  aud text,
  role text,
  email text,
  email_confirmed_at timestamptz,
  phone text,
  phone_confirmed_at timestamptz,
  last_sign_in_at timestamptz,
  raw_app_meta_data jsonb,
  raw_user_meta_data jsonb,
  is_sso_user boolean not null default false,
  is_anonymous boolean not null default false,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  deleted_at timestamptz
);
create unique index if not exists users_email_key on auth.users (email) where is_sso_user = false;
revoke all on auth.users from anon, authenticated, service_role;
grant select on auth.users to service_role;

-- Our SECURITY DEFINER functions call these as their owner, hence the search_path that our own functions have.
create or replace function auth.jwt() returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
  select nullif(current_setting('request.jwt.claims', true), '')::jsonb
$$;

create or replace function auth.uid() returns uuid
language sql stable set search_path = pg_catalog, pg_temp as $$
  select (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid
$$;

create or replace function auth.role() returns text
language sql stable set search_path = pg_catalog, pg_temp as $$
  select nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role'
$$;

create or replace function auth.email() returns text
language sql stable set search_path = pg_catalog, pg_temp as $$
  select nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'email'
$$;
