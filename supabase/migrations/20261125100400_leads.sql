-- A lead is what was found out about one Instagram profile for one business profile. It is always upserted by its
-- identity (leads_identity), never plainly inserted; complete_run writes it.
--
-- Facts, score and staleness of a lead all come from one analysis: the one of the newest scrape, and of several of that
-- scrape the newest. What the list orders and filters by is kept here, so that a page never reads the analyses of leads
-- that it does not show; the trigger newest_analysis keeps it (in the file `analyses`).

select set_config('lock_timeout', '5s', true);

-- Trigrams for the search. Supabase keeps extensions in a schema of their own.
create schema if not exists extensions;
create extension if not exists pg_trgm with schema extensions;
create extension if not exists btree_gin with schema extensions;

-- A text as a search compares it: lower-case letters without accents and without the forms that people choose for their looks
-- (mathematical, full-width, circled; small capitals are letters of their own). Hangul and kana stay whole: what belongs
-- together is put together again.
create function private.folded(p_text text) returns text
language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp as $$
  -- The small capitals come first, because one of them has a capital and another an accent; the capitals last, because some
  -- are hidden in letter forms.
  select lower(normalize(regexp_replace(
    normalize(translate(lower(p_text), 'ᴀʙᴄᴅᴇꜰғɢʜɪᴊᴋʟᴍɴᴏᴘǫꞯʀꜱᴛᴜᴠᴡʏᴢ', 'abcdeffghijklmnopqqrstuvwyz'), nfkd),
    '[\u0300-\u036f]', '', 'g'
  ), nfc))
$$;
revoke all on function private.folded(text) from public, anon, authenticated, service_role;

-- Whether these are the tags of a lead: at most 10, in order and each once, of 1 to 30 characters without commas and control
-- characters. An index holds them, and takes no more than this.
create function private.are_tags(p_tags text[]) returns boolean
language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp as $$
  select p_tags = array(select distinct t.tag collate "C" from unnest(p_tags) t (tag) order by 1)
     and cardinality(p_tags) <= 10
     and not exists (
       select from unnest(p_tags) t (tag)
        where t.tag is null or char_length(t.tag) not between 1 and 30 or t.tag <> btrim(t.tag) or t.tag ~ '[,[:cntrl:]]'
     )
$$;
revoke all on function private.are_tags(text[]) from public, anon, authenticated, service_role;

create table public.leads (
  id uuid primary key default gen_random_uuid(),
  account_id uuid not null references public.accounts (id),
  business_profile_id uuid not null,
  -- The name under which it was analysed, and the present one if Instagram answered with another.
  username text not null check (username ~ '^[a-z0-9._]{1,30}$'),
  renamed_to text check (renamed_to ~ '^[a-z0-9._]{1,30}$'),
  -- Instagram's own id, which stays when the profile is renamed; null where no scrape has told it.
  instagram_id text check (instagram_id ~ '^[0-9]{1,30}$'),
  display_name text check (char_length(display_name) <= 200),
  biography text check (char_length(biography) <= 2000),
  followers bigint check (followers >= 0),
  following bigint check (following >= 0),
  posts bigint check (posts >= 0),
  category text check (char_length(category) <= 200),
  external_url text check (char_length(external_url) <= 2000),
  profile_pic_url text check (char_length(profile_pic_url) <= 2000),
  is_verified boolean not null default false,
  is_business boolean not null default false,
  scraped_at timestamptz not null,
  -- The analysis of those facts, with its score and whether it is stale. No foreign key: `analyses` has one to this table.
  latest_analysis_id uuid,
  score integer not null check (score between 0 and 100),
  is_stale boolean not null default false,
  -- The types of all its analyses, in alphabetical order.
  analysis_types text[] not null default '{}',
  -- What the account's people do with it. How far they are, how it turned out by the newest mark (the file `lead_outcomes`
  -- keeps it), and both in one word.
  stage text not null default 'new' check (stage in ('new', 'contacted', 'replied', 'qualified')),
  outcome text check (outcome in ('won', 'lost', 'wrong')),
  status text not null generated always as (
    case outcome when 'won' then 'won' when 'lost' then 'lost' when 'wrong' then 'lost' else stage end
  ) stored,
  -- Whose it is: a person, as long as they belong to the account (the file `lead_work`).
  owner_id uuid,
  tags text[] not null default '{}' check (tags = '{}' or private.are_tags(tags)),
  -- What a search looks through; a line break keeps a match within one field.
  search_text text not null generated always as (
    private.folded(
      username || e'\n' || coalesce(renamed_to, '') || e'\n' || coalesce(display_name, '') || e'\n' || coalesce(biography, '')
    )
  ) stored,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  unique (id, account_id),
  foreign key (business_profile_id, account_id) references public.business_profiles (id, account_id)
) with (
  -- The list's index-only scans need the visibility map, which vacuum writes. By default it waits for a fifth of the table.
  autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02
);
create unique index leads_identity on public.leads (username, account_id, business_profile_id) where deleted_at is null;
-- One index for each order in which leads are listed; the id makes the order total. Each also holds whatever the list
-- filters by: then a page whose leads are far apart, or missing, costs a walk through the index and not through the rows.
-- leads_newest covers deleted leads too, because the row level security policy does and needs an index that serves it.
create index leads_newest on public.leads (account_id, created_at desc, id desc)
  include (deleted_at, business_profile_id, score, is_stale, analysis_types, status, owner_id, tags);
create index leads_best on public.leads (account_id, score desc, id desc)
  include (business_profile_id, is_stale, analysis_types, status, owner_id, tags) where deleted_at is null;
create index leads_updated on public.leads (account_id, updated_at desc, id desc)
  include (business_profile_id, score, is_stale, analysis_types, status, owner_id, tags) where deleted_at is null;
-- Serves the foreign key too.
create index leads_business_profile on public.leads (business_profile_id, created_at desc, id desc)
  include (account_id, deleted_at, score, is_stale, analysis_types, status, owner_id, tags);
-- For api.search_leads. The account is part of it, so that a word of many accounts costs none of them anything. Without
-- fastupdate, because each search would read the list of pending entries from its beginning to its end.
create index leads_text on public.leads using gin (account_id, search_text extensions.gin_trgm_ops)
  with (fastupdate = off) where deleted_at is null;

alter table public.leads enable row level security;
alter table public.leads force row level security;
revoke all on public.leads from public, anon, authenticated, service_role;
grant select on public.leads to authenticated, service_role;
create policy members_read on public.leads for select to authenticated
  using (account_id = any (array(select private.my_accounts())));
