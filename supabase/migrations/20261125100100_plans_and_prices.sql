-- What is sold: the plans an account can have and what each type of analysis costs. Every customer may read both.
--
-- The rows are part of the migration, because `supabase db push` applies no seed file.

select set_config('lock_timeout', '5s', true);

create table public.plans (
  id text primary key check (id ~ '^[a-z][a-z0-9_]{0,39}$'),
  name text not null check (char_length(name) between 1 and 80),
  hourly_analyses_max integer not null default 100 check (hourly_analyses_max > 0),
  -- Those that are bought in bulks count by themselves; at least one whole bulk must fit.
  hourly_bulk_analyses_max integer not null default 1000 check (hourly_bulk_analyses_max >= 100),
  -- Given once, when the user's e-mail address is confirmed.
  starting_credits integer not null default 0 check (starting_credits >= 0),
  created_at timestamptz not null default now()
);

insert into public.plans (id, name, starting_credits) values ('free', 'Free', 10);

alter table public.plans enable row level security;
alter table public.plans force row level security;
revoke all on public.plans from public, anon, authenticated, service_role;
grant select on public.plans to authenticated, service_role;
create policy plans_are_public_to_customers on public.plans for select to authenticated using (true);

-- The only prices that functions charge. A test holds them equal to the application's own table of types.
create table public.analysis_prices (
  analysis_type text primary key check (analysis_type in ('LIGHT', 'DEEP', 'XRAY')),
  credits integer not null check (credits > 0)
);

insert into public.analysis_prices (analysis_type, credits) values ('LIGHT', 1), ('DEEP', 5), ('XRAY', 6);

alter table public.analysis_prices enable row level security;
alter table public.analysis_prices force row level security;
revoke all on public.analysis_prices from public, anon, authenticated, service_role;
grant select on public.analysis_prices to authenticated, service_role;
create policy prices_are_public_to_customers on public.analysis_prices for select to authenticated using (true);
