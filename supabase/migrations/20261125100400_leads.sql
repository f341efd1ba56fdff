-- A lead is what was found out about one Instagram profile for one business profile. It is always upserted by its
-- identity (leads_identity), never plainly inserted; complete_run writes it.

select set_config('lock_timeout', '5s', true);

create table public.leads (
  id uuid primary key default gen_random_uuid(),
  account_id uuid not null references public.accounts (id),
  business_profile_id uuid not null,
  username text not null check (username ~ '^[a-z0-9._]{1,30}$'),
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
  -- That of the analysis which judged the newest facts.
  score integer not null check (score between 0 and 100),
  scraped_at timestamptz not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  unique (id, account_id),
  foreign key (business_profile_id, account_id) references public.business_profiles (id, account_id)
);
create unique index leads_identity on public.leads (username, account_id, business_profile_id) where deleted_at is null;
-- One index for each order in which leads are listed; the id makes the order total. leads_newest covers deleted leads
-- too, because the row level security policy does and needs an index that serves it.
create index leads_newest on public.leads (account_id, created_at desc, id desc);
create index leads_best on public.leads (account_id, score desc, id desc) where deleted_at is null;
create index leads_updated on public.leads (account_id, updated_at desc, id desc) where deleted_at is null;
-- For the foreign key.
create index leads_business_profile on public.leads (business_profile_id);

alter table public.leads enable row level security;
alter table public.leads force row level security;
revoke all on public.leads from public, anon, authenticated, service_role;
grant select on public.leads to authenticated, service_role;
create policy members_read on public.leads for select to authenticated
  using (account_id = any (array(select private.my_accounts())));
