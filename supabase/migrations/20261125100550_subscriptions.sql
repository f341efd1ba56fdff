-- Who pays for what at Stripe: the customer of an account, what a price of Stripe's buys, subscriptions, and the months that
-- they have paid.

select set_config('lock_timeout', '5s', true);

-- An account's customer at Stripe, and a customer's account. Which is whose is written once.
create table public.billing_customers (
  account_id uuid primary key references public.accounts (id),
  stripe_customer_id text not null unique check (char_length(stripe_customer_id) between 1 and 255),
  -- When Stripe was last asked for the cards that were noted; null for never.
  cards_noted_at timestamptz,
  created_at timestamptz not null default clock_timestamp()
);
alter table public.billing_customers enable row level security;
alter table public.billing_customers force row level security;
revoke all on public.billing_customers from public, anon, authenticated, service_role;

-- What Stripe said about a price when it was first met. A price whose lookup key is none of ours buys nothing.
create table public.stripe_prices (
  stripe_price_id text primary key check (char_length(stripe_price_id) between 1 and 255),
  plan_id text references public.plans (id),
  billing_interval text check (billing_interval in ('month', 'year')),
  pack_id text references public.credit_packs (id),
  -- In the smallest unit of its currency; null for a price without a fixed amount.
  unit_amount bigint,
  noted_at timestamptz not null default clock_timestamp(),
  constraint a_plan_or_a_pack check (plan_id is null or pack_id is null),
  constraint a_plan_by_its_interval check ((plan_id is null) = (billing_interval is null))
);
create index stripe_prices_plan on public.stripe_prices (plan_id);
create index stripe_prices_pack on public.stripe_prices (pack_id);
alter table public.stripe_prices enable row level security;
alter table public.stripe_prices force row level security;
revoke all on public.stripe_prices from public, anon, authenticated, service_role;

create table public.subscriptions (
  id uuid primary key default gen_random_uuid(),
  account_id uuid not null references public.accounts (id),
  plan_id text not null references public.plans (id),
  -- Null for a plan that an operator gave without Stripe.
  stripe_subscription_id text unique check (char_length(stripe_subscription_id) between 1 and 255),
  -- Stripe's words.
  status text not null check (
    status in ('incomplete', 'incomplete_expired', 'trialing', 'active', 'past_due', 'canceled', 'unpaid', 'paused')
  ),
  billing_interval text not null check (billing_interval in ('month', 'year')),
  -- Its months begin at this moment plus n months (UTC): 31 January, 28 February, 31 March.
  anchor_at timestamptz not null,
  current_period_starts_at timestamptz not null,
  current_period_ends_at timestamptz not null,
  -- It ends then, unless that is taken back.
  cancel_at timestamptz,
  ended_at timestamptz,
  -- When Stripe was asked for this state: an older answer never replaces a newer one.
  observed_at timestamptz not null,
  created_at timestamptz not null default clock_timestamp(),
  constraint ended_is_final check ((ended_at is not null) = (status in ('canceled', 'incomplete_expired'))),
  unique (id, account_id)
);
create index subscriptions_account on public.subscriptions (account_id);
create index subscriptions_plan on public.subscriptions (plan_id);
alter table public.subscriptions enable row level security;
alter table public.subscriptions force row level security;
revoke all on public.subscriptions from public, anon, authenticated, service_role;
grant select on public.subscriptions to authenticated, service_role;
create policy members_read on public.subscriptions for select to authenticated
  using (account_id = any (array(select private.my_accounts())));

-- The plan whose limits an account has: that of its best live subscription, or the free one.
create function private.update_plan(p_account uuid) returns void
language sql volatile set search_path = pg_catalog, pg_temp as $$
  update public.accounts a
     set plan_id = coalesce((
       select p.id
         from public.subscriptions s
         join public.plans p on p.id = s.plan_id
        where s.account_id = p_account and s.status in ('trialing', 'active', 'past_due')
        order by p.monthly_credits desc, p.id
        limit 1
     ), 'free')
   where a.id = p_account
$$;
revoke all on function private.update_plan(uuid) from public, anon, authenticated, service_role;
