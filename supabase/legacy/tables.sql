-- What the import of the previous product's data remembers. This is no migration: `cargo xtask legacy import` creates it, and
-- `undo` removes it, and `finish` all but a mark. The old tables are read through views that the command makes from the mapping
-- (`legacy_import.old_users` and so on) and are never written.
--
-- Invariant: once the import is complete, each row of an old table is in `origins` (carried over) or in `left_out`, never in both.
-- A batch is one transaction, so that a killed import goes on where it was.

create schema if not exists legacy_import;
revoke all on schema legacy_import from public, anon, authenticated, service_role;

-- Who has been looked at. A user who is missing in Supabase Auth has no account.
create table if not exists legacy_import.users (
  user_id uuid primary key,
  account_id uuid unique,
  is_new_account boolean not null default false,
  -- What `undo` gives back to an account that was there before: its row, balance, starting credits and spending.
  before jsonb not null default '{}',
  -- Credits: what was here before, what was carried over, what was returned for charged analyses that never ended, and what the
  -- product says right after the import, debts subtracted.
  credits_before bigint not null default 0,
  credits_carried bigint not null default 0,
  credits_returned bigint not null default 0,
  credits_after bigint not null default 0,
  imported_at timestamptz not null default clock_timestamp()
);

-- Which row of the product an old row has become. Several old leads may have become one.
create table if not exists legacy_import.origins (
  legacy_table text not null,
  legacy_id text not null,
  user_id uuid,
  relation text not null,
  new_id text not null,
  primary key (legacy_table, legacy_id)
);
create index if not exists origins_user on legacy_import.origins (user_id);

-- Rows that were not carried over. `legacy_id` names a row, and no column holds anything of its content.
create table if not exists legacy_import.left_out (
  legacy_table text not null,
  legacy_id text not null,
  user_id uuid,
  reason text not null,
  primary key (legacy_table, legacy_id)
);
create index if not exists left_out_user on legacy_import.left_out (user_id);

-- What became different of a row that was carried over.
create table if not exists legacy_import.notes (
  legacy_table text not null,
  legacy_id text not null,
  user_id uuid,
  reason text not null,
  primary key (legacy_table, legacy_id, reason)
);
create index if not exists notes_user on legacy_import.notes (user_id);

-- The rows of an account right after its import, by their digests: whatever is different later has been used. Without a user: Stripe's
-- events.
create table if not exists legacy_import.known_rows (
  user_id uuid,
  relation text not null,
  digest text not null,
  -- Whether the import made it; the others were there before.
  is_ours boolean not null
);
create index if not exists known_rows_user on legacy_import.known_rows (user_id, relation, digest);

-- Stripe's events that had come here before the import and were not applied yet, as `undo` gives them back.
create table if not exists legacy_import.events_before (
  id text primary key,
  outcome text not null,
  note text
);

-- Each old lead's username by the product's own rule, which is not written in SQL.
create table if not exists legacy_import.handles (
  lead_id text primary key,
  username text
);

-- The model of each analysis, where the old usage logs say it: looked up once, because they are many.
create table if not exists legacy_import.models (
  analysis_id text primary key,
  model text
);

-- The old names of plans, in small letters; null for one that needs no subscription.
create table if not exists legacy_import.plans (
  old_name text primary key,
  plan_id text
);

-- The sums that were printed when the import was complete.
create table if not exists legacy_import.sums (
  name text primary key,
  before bigint not null,
  after bigint not null,
  merged bigint not null,
  left_out bigint not null,
  returned bigint not null
);

-- Of the one user who is being imported; empty between transactions.
create unlogged table if not exists legacy_import.planned_leads (
  id text primary key,
  business_id text,
  username text,
  follower_count bigint,
  bio text,
  profile_pic_url text,
  created_at timestamptz not null,
  reason text
);
create unlogged table if not exists legacy_import.planned_analyses (
  id text primary key,
  lead_id text,
  business_id text,
  username text,
  analysis_type text,
  -- `complete`, `failed`, or `unfinished`.
  ending text,
  score bigint,
  -- The price that its run has.
  credits integer,
  is_returned boolean not null default false,
  model text,
  result jsonb,
  created_at timestamptz not null,
  reason text
);
create index if not exists planned_analyses_lead on legacy_import.planned_analyses (business_id, username);

revoke all on all tables in schema legacy_import from public, anon, authenticated, service_role;

-- The number has no meaning.
create or replace function legacy_import.lock_key() returns bigint
language sql immutable set search_path = pg_catalog, pg_temp as $$ select 122549467505509 $$;

-- Ends the statement if another import is under way. A session that holds the lock passes. Until its transaction ends, times are written
-- as UTC's: a digest of a row must be the same in every session.
create or replace function legacy_import.take_turn() returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  if not pg_try_advisory_xact_lock(legacy_import.lock_key()) then
    raise exception 'another import is under way in this database' using errcode = 'lock_not_available';
  end if;
  perform set_config('timezone', 'UTC', true);
end $$;

create or replace function legacy_import.carry(
  p_table text, p_id text, p_user uuid, p_relation text, p_new_id text
) returns void
language sql volatile set search_path = pg_catalog, pg_temp as $$
  insert into legacy_import.origins (legacy_table, legacy_id, user_id, relation, new_id)
    values (p_table, p_id, p_user, p_relation, p_new_id)
$$;

create or replace function legacy_import.leave_out(p_table text, p_id text, p_user uuid, p_reason text) returns void
language sql volatile set search_path = pg_catalog, pg_temp as $$
  insert into legacy_import.left_out (legacy_table, legacy_id, user_id, reason) values (p_table, p_id, p_user, p_reason)
$$;

create or replace function legacy_import.note(p_table text, p_id text, p_user uuid, p_reason text) returns void
language sql volatile set search_path = pg_catalog, pg_temp as $$
  insert into legacy_import.notes (legacy_table, legacy_id, user_id, reason) values (p_table, p_id, p_user, p_reason)
    on conflict do nothing
$$;

-- A date that the product can keep: infinite ones and those of clocks that ran ahead are not.
create or replace function legacy_import.dated(p_at timestamptz) returns timestamptz
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select greatest(least(coalesce(p_at, clock_timestamp()), clock_timestamp()), timestamptz '2000-01-01 00:00:00+00')
$$;

-- An id of version 7, as the product makes them for runs: lists page by it, so it begins with the time. The same for the same seed.
create or replace function legacy_import.uuid7(p_at timestamptz, p_seed text) returns uuid
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select (lpad(to_hex(floor(extract(epoch from p_at) * 1000)::bigint), 12, '0') || '7' || substr(md5(p_seed), 1, 3) || '8'
          || substr(md5(p_seed), 4, 15))::uuid
$$;

-- A text with something in it, at most so long; else null.
create or replace function legacy_import.text_of(p_text text, p_chars_max integer) returns text
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select nullif(btrim(left(btrim(p_text, E' \t\r\n'), p_chars_max), E' \t\r\n'), '')
$$;

-- A row without what jobs change by themselves, as one short text.
create or replace function legacy_import.digest(p_row jsonb) returns text
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select md5((p_row - array['is_stale', 'cards_noted_at'])::text)
$$;

-- All rows of an account, in every table of the product. Sums by day and the fingerprints of cards are left out: jobs write them.
create or replace function legacy_import.rows_of(p_account uuid) returns table (relation text, digest text)
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_table text;
begin
  return query select 'accounts'::text, legacy_import.digest(to_jsonb(a)) from public.accounts a where a.id = p_account;
  for v_table in
    select c.relname
      from pg_class c
      join pg_attribute a on a.attrelid = c.oid and a.attname = 'account_id' and not a.attisdropped
     where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
       and c.relname <> all (array['insight_runs', 'insight_account_costs', 'card_fingerprints'])
     order by c.relname
  loop
    return query execute format(
      'select %L::text, legacy_import.digest(to_jsonb(x)) from public.%I x where x.account_id = $1', v_table, v_table
    ) using p_account;
  end loop;
end $$;

-- Past days have other runs now: the job sums all of them up anew, and until then they are read from the rows.
create or replace function legacy_import.sum_up_again() returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  -- The job's own lock.
  perform pg_advisory_xact_lock(hashtext('system.sum_up'));
  delete from public.insight_runs;
  delete from public.insight_calls;
  delete from public.insight_account_costs;
  update public.insight_progress i set summed_until = '-infinity' where i.summed_until > '-infinity';
end $$;
