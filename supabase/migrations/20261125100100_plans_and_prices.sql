-- What is sold: plans, packs of credits, and what each type of analysis costs. Every customer may read all three.
--
-- The rows are part of the migration, because `supabase db push` applies no seed file. What a plan or a pack costs is
-- decided by its price at Stripe, which is found by its lookup key: `<plan>_month`, `<plan>_year`, and a pack's id. The
-- amounts here are for display.

select set_config('lock_timeout', '5s', true);

create table public.plans (
  id text primary key check (id ~ '^[a-z][a-z0-9_]{0,39}$'),
  name text not null check (char_length(name) between 1 and 80),
  hourly_analyses_max integer not null default 100 check (hourly_analyses_max > 0),
  -- Those that are bought in bulks count by themselves; at least one whole bulk must fit.
  hourly_bulk_analyses_max integer not null default 1000 check (hourly_bulk_analyses_max >= 100),
  -- Given once, when the user's e-mail address is confirmed.
  starting_credits integer not null default 0 check (starting_credits >= 0),
  -- Granted for each month that was paid, whether by the month or by the year.
  monthly_credits integer not null default 0 check (monthly_credits >= 0),
  -- US cents; null for a plan that is not sold.
  month_price_cents integer check (month_price_cents > 0),
  year_price_cents integer check (year_price_cents > 0),
  -- What becomes of a month's unspent credits when the next month is granted: they end, at most rollover_cap of them
  -- stay, or all stay.
  rollover text not null default 'none' check (rollover in ('none', 'capped', 'unlimited')),
  rollover_cap integer check (rollover_cap > 0),
  created_at timestamptz not null default now(),
  constraint cap_of_the_capped check ((rollover = 'capped') = (rollover_cap is not null)),
  constraint sold_with_credits check (month_price_cents is null or monthly_credits > 0)
);

insert into public.plans (id, name, starting_credits) values ('free', 'Free', 10);
insert into public.plans (id, name, monthly_credits, month_price_cents, year_price_cents, hourly_analyses_max, rollover, rollover_cap)
values
  ('starter', 'Starter', 25, 2000, 20000, 100, 'none', null),
  ('growth', 'Growth', 100, 7900, 79000, 200, 'capped', 100),
  ('agency', 'Agency', 500, 34900, 349000, 500, 'unlimited', null);

alter table public.plans enable row level security;
alter table public.plans force row level security;
revoke all on public.plans from public, anon, authenticated, service_role;
grant select on public.plans to authenticated, service_role;
create policy plans_are_public_to_customers on public.plans for select to authenticated using (true);

-- Credits that are bought once.
create table public.credit_packs (
  id text primary key check (id ~ '^[a-z][a-z0-9_]{0,39}$'),
  name text not null check (char_length(name) between 1 and 80),
  credits integer not null check (credits > 0),
  price_cents integer not null check (price_cents > 0)
);

insert into public.credit_packs (id, name, credits, price_cents) values
  ('pack_20', '20 credits', 20, 2000), ('pack_100', '100 credits', 100, 9500), ('pack_500', '500 credits', 500, 45000);

alter table public.credit_packs enable row level security;
alter table public.credit_packs force row level security;
revoke all on public.credit_packs from public, anon, authenticated, service_role;
grant select on public.credit_packs to authenticated, service_role;
create policy packs_are_public_to_customers on public.credit_packs for select to authenticated using (true);

-- The only prices that functions charge. A test holds them equal to the application's own table of types.
create table public.analysis_prices (
  analysis_type text primary key check (analysis_type in ('LIGHT', 'DEEP', 'XRAY')),
  credits integer not null check (credits > 0),
  -- For display: what so many credits are worth, in US dollars.
  price_usd numeric(8, 2) not null check (price_usd > 0)
);

insert into public.analysis_prices (analysis_type, credits, price_usd) values
  ('LIGHT', 1, 0.97), ('DEEP', 5, 4.85), ('XRAY', 6, 5.82);

alter table public.analysis_prices enable row level security;
alter table public.analysis_prices force row level security;
revoke all on public.analysis_prices from public, anon, authenticated, service_role;
grant select on public.analysis_prices to authenticated, service_role;
create policy prices_are_public_to_customers on public.analysis_prices for select to authenticated using (true);
