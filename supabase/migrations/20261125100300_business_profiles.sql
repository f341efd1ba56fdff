-- What a customer sells, to whom, and how they write about it: the business half of every prompt, with the
-- ideal-customer profile as typed columns. A deleted profile stays as a row while leads point at it, but not its texts: in the
-- file `clean_up`.

select set_config('lock_timeout', '5s', true);

-- Whether a list has at most so many texts, and each of them 1 to so many characters; null is no text. A function,
-- because a CHECK by itself cannot look at each element.
create function private.are_few_texts(p_texts text[], p_count_max integer, p_chars_max integer) returns boolean
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select cardinality(p_texts) <= p_count_max and not exists (
    select from unnest(p_texts) as t (text)
     where (char_length(t.text) between 1 and p_chars_max) is not true
  )
$$;
revoke all on function private.are_few_texts(text[], integer, integer) from public, anon, authenticated, service_role;

create table public.business_profiles (
  id uuid primary key default gen_random_uuid(),
  account_id uuid not null references public.accounts (id),
  name text not null check (char_length(name) between 1 and 120),
  offering text not null check (char_length(offering) between 1 and 4000),
  target_audience text not null check (char_length(target_audience) between 1 and 4000),
  voice text check (char_length(voice) between 1 and 1000),
  do_not_say text[] not null default '{}' check (private.are_few_texts(do_not_say, 30, 80)),
  competitors text[] not null default '{}' check (private.are_few_texts(competitors, 30, 80)),
  proof_points text[] not null default '{}' check (private.are_few_texts(proof_points, 10, 200)),
  follower_min bigint check (follower_min >= 0),
  follower_max bigint check (follower_max >= 0),
  engagement_rate_min_percent numeric(5, 2) check (engagement_rate_min_percent between 0 and 100),
  content_themes text[] not null default '{}',
  geographies text[] not null default '{}',
  context_version integer not null default 1 check (context_version > 0),
  -- With these, a repeated POST finds the profile that the first one made.
  idempotency_key text check (char_length(idempotency_key) between 1 and 255),
  body_hash text check (char_length(body_hash) <= 128),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  -- When its texts were wiped.
  emptied_at timestamptz,
  -- Lets other tables point at a profile of the same account, and at no other.
  unique (id, account_id),
  constraint only_deleted_ones_are_empty check (emptied_at is null or deleted_at is not null),
  constraint follower_range check (follower_min <= follower_max),
  constraint themes_are_few check (
    cardinality(content_themes) <= 30 and array_position(content_themes, null) is null
    and char_length(array_to_string(content_themes, '')) <= 2000
  ),
  constraint geographies_are_few check (
    cardinality(geographies) <= 30 and array_position(geographies, null) is null
    and char_length(array_to_string(geographies, '')) <= 2000
  )
);
create index business_profiles_newest on public.business_profiles (account_id, created_at desc, id desc);
create unique index business_profiles_idempotency on public.business_profiles (account_id, idempotency_key)
  where idempotency_key is not null;
create index business_profiles_deleted on public.business_profiles (deleted_at) where deleted_at is not null;

-- context_version is the version of the prompts' stable beginning: it rises with every change that reaches a prompt,
-- and an UPDATE cannot set it.
create function private.version_context() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  new.context_version := old.context_version;
  if (new.name, new.offering, new.target_audience, new.voice, new.do_not_say, new.competitors, new.proof_points,
      new.follower_min, new.follower_max, new.engagement_rate_min_percent, new.content_themes, new.geographies)
     is distinct from
     (old.name, old.offering, old.target_audience, old.voice, old.do_not_say, old.competitors, old.proof_points,
      old.follower_min, old.follower_max, old.engagement_rate_min_percent, old.content_themes, old.geographies)
  then
    new.context_version := old.context_version + 1;
  end if;
  new.updated_at := clock_timestamp();
  return new;
end $$;
revoke all on function private.version_context() from public, anon, authenticated, service_role;

create trigger version_context before update on public.business_profiles
  for each row execute function private.version_context();

alter table public.business_profiles enable row level security;
alter table public.business_profiles force row level security;
revoke all on public.business_profiles from public, anon, authenticated, service_role;
grant select on public.business_profiles to authenticated, service_role;
create policy members_read on public.business_profiles for select to authenticated
  using (account_id = any (array(select private.my_accounts())));
