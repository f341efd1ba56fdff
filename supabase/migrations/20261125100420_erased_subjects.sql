-- People who want us to have nothing of them: Instagram profiles that nobody may analyse any more. What is stored of them for good
-- are hashes of their usernames and of Instagram's own id. The names themselves stay only while their erasure is worked off (in
-- the file `erasure`).

select set_config('lock_timeout', '5s', true);

-- What the hashes are made with. A username has few enough possibilities to try them all: without this value a copied list of
-- hashes tells nobody a name. It lives beside them and not in a setting of the Worker, because the refusal is decided in the
-- statement that charges, and a setting that was lost or differed would let people be analysed again.
create table public.erasure_pepper (
  is_the_one boolean primary key default true check (is_the_one),
  pepper bytea not null check (octet_length(pepper) = 32)
);
insert into public.erasure_pepper (pepper)
  select sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8'));
alter table public.erasure_pepper enable row level security;
alter table public.erasure_pepper force row level security;
revoke all on public.erasure_pepper from public, anon, authenticated, service_role;

-- Requests to erase somebody, which a job works off.
create table public.erasures (
  id uuid primary key,
  -- The operator who asked first.
  requested_by uuid not null,
  -- How they know that the subject wants it. It may be personal data itself: it ends 90 days after the erasure.
  proof text check (char_length(proof) between 1 and 1000),
  -- Whom to erase, by all names and ids that are known; nobody once it is done.
  usernames text[] not null,
  instagram_ids text[] not null,
  requested_at timestamptz not null default clock_timestamp(),
  -- When the newest of these became known: whatever began before may still write for a while.
  found_at timestamptz not null default clock_timestamp(),
  -- Up to which bulk all have been searched.
  bulks_after uuid,
  -- When a job last took it up: whoever has waited longest is next.
  taken_up_at timestamptz,
  done_at timestamptz,
  constraint a_done_one_names_nobody check (done_at is null or (usernames = '{}' and instagram_ids = '{}'))
);
create index erasures_open on public.erasures (taken_up_at nulls first, found_at) where done_at is null;
create index erasures_with_proof on public.erasures (done_at) where proof is not null;
alter table public.erasures enable row level security;
alter table public.erasures force row level security;
revoke all on public.erasures from public, anon, authenticated, service_role;

create table public.erased_subjects (
  -- private.subject_hash
  hash bytea primary key check (octet_length(hash) = 32),
  -- What it is the hash of.
  kind text not null check (kind in ('username', 'instagram_id')),
  erasure_id uuid not null references public.erasures (id),
  erased_at timestamptz not null default clock_timestamp()
);
create index erased_subjects_erasure on public.erased_subjects (erasure_id);
alter table public.erased_subjects enable row level security;
alter table public.erased_subjects force row level security;
revoke all on public.erased_subjects from public, anon, authenticated, service_role;

-- p_kind: `username` (in lower case), `instagram_id`, or `bill`.
create function private.subject_hash(p_kind text, p_value text) returns bytea
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select sha256(p.pepper || convert_to(p_kind || ':' || p_value, 'UTF8')) from public.erasure_pepper p
$$;
revoke all on function private.subject_hash(text, text) from public, anon, authenticated, service_role;

-- The erasure that one of these belongs to, or null. Nulls are left out.
create function private.erasure_of(p_usernames text[], p_instagram_id text) returns uuid
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select s.erasure_id
    from (
      select private.subject_hash('username', u.name) as hash from unnest(p_usernames) as u (name) where u.name is not null
      union all
      select private.subject_hash('instagram_id', p_instagram_id) where p_instagram_id is not null
    ) h
    join public.erased_subjects s on s.hash = h.hash
   limit 1
$$;
revoke all on function private.erasure_of(text[], text) from public, anon, authenticated, service_role;

-- Whether nobody may analyse this username.
create function private.is_erased(p_username text) returns boolean
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select private.erasure_of(array[p_username], null) is not null
$$;
revoke all on function private.is_erased(text) from public, anon, authenticated, service_role;
