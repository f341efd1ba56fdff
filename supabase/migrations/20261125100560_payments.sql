-- What was paid, and what became of it: purchases of packs, payments with their refunds and disputes, the months that an
-- invoice paid for, and what an account is to be told.

select set_config('lock_timeout', '5s', true);

-- A pack that somebody set out to buy. Its id is in the metadata of everything that is made for it at Stripe.
create table public.credit_purchases (
  id uuid primary key,
  account_id uuid not null references public.accounts (id),
  pack_id text not null references public.credit_packs (id),
  -- What was on sale at that moment: a later change of the pack does not change what this one buys.
  credits integer not null check (credits > 0),
  price_cents integer not null check (price_cents > 0),
  origin text not null check (origin in ('checkout', 'auto_top_up')),
  status text not null default 'open' check (status in ('open', 'paid', 'failed')),
  -- When Stripe was first asked to charge for an automatic one.
  attempted_at timestamptz,
  idempotency_key text check (char_length(idempotency_key) between 1 and 255),
  created_at timestamptz not null default clock_timestamp(),
  settled_at timestamptz,
  unique (id, account_id),
  constraint settled_with_status check ((status = 'open') = (settled_at is null))
);
create index credit_purchases_account on public.credit_purchases (account_id, created_at);
create index credit_purchases_pack on public.credit_purchases (pack_id);
create unique index credit_purchases_idempotency on public.credit_purchases (account_id, idempotency_key)
  where idempotency_key is not null;
-- One automatic purchase at a time.
create unique index credit_purchases_one_top_up on public.credit_purchases (account_id)
  where origin = 'auto_top_up' and status = 'open';
alter table public.credit_purchases enable row level security;
alter table public.credit_purchases force row level security;
revoke all on public.credit_purchases from public, anon, authenticated, service_role;
grant select on public.credit_purchases to authenticated, service_role;
create policy members_read on public.credit_purchases for select to authenticated
  using (account_id = any (array(select private.my_accounts())));

-- Money that came in, by what it paid for: 'purchase:<id>' or 'invoice:<Stripe's id>'.
create table public.payments (
  id text primary key check (id ~ '^(purchase|invoice):.{1,255}$'),
  account_id uuid not null references public.accounts (id),
  -- Null until Stripe has said it; nothing but a refund or a dispute needs it.
  stripe_payment_intent_id text unique check (char_length(stripe_payment_intent_id) between 1 and 255),
  amount_cents bigint not null check (amount_cents >= 0),
  -- As Stripe counts: all refunds so far.
  refunded_cents bigint not null default 0 check (refunded_cents >= 0),
  -- Credits that it granted so far (a yearly invoice grants one month at a time), and those that were taken back.
  credits bigint not null default 0 check (credits >= 0),
  taken_back bigint not null default 0 check (taken_back >= 0),
  -- How often credits were taken back or returned: part of the keys of those entries.
  corrections integer not null default 0,
  created_at timestamptz not null default clock_timestamp(),
  unique (id, account_id),
  constraint never_more_than_granted check (taken_back <= credits)
);
create index payments_account on public.payments (account_id);
alter table public.payments enable row level security;
alter table public.payments force row level security;
revoke all on public.payments from public, anon, authenticated, service_role;

create table public.disputes (
  stripe_dispute_id text primary key check (char_length(stripe_dispute_id) between 1 and 255),
  payment_id text not null references public.payments (id),
  amount_cents bigint not null check (amount_cents >= 0),
  -- Whether Stripe holds the money back: while it is open, and for good when it is lost.
  status text not null check (status in ('open', 'won', 'lost'))
);
create index disputes_payment on public.disputes (payment_id);
alter table public.disputes enable row level security;
alter table public.disputes force row level security;
revoke all on public.disputes from public, anon, authenticated, service_role;

-- A line of a paid invoice: these months of a plan may be granted.
create table public.paid_periods (
  id bigint generated always as identity primary key,
  account_id uuid not null references public.accounts (id),
  subscription_id uuid not null,
  plan_id text not null references public.plans (id),
  -- Null for a plan that an operator gave without Stripe.
  payment_id text,
  starts_at timestamptz not null,
  ends_at timestamptz not null,
  -- Its months begin at this moment plus n months: the start of the period that an upgrade fell into, else its own.
  anchor_at timestamptz not null,
  months integer not null check (months between 1 and 36),
  created_at timestamptz not null default clock_timestamp(),
  foreign key (subscription_id, account_id) references public.subscriptions (id, account_id),
  foreign key (payment_id, account_id) references public.payments (id, account_id),
  constraint a_period_takes_time check (starts_at < ends_at and anchor_at <= starts_at)
);
-- The key of the effect: whatever number of events tell of it, a period is paid once.
create unique index paid_periods_once on public.paid_periods (subscription_id, starts_at, plan_id);
create index paid_periods_account on public.paid_periods (account_id);
create index paid_periods_plan on public.paid_periods (plan_id);
create index paid_periods_payment on public.paid_periods (payment_id);
-- Those that may have months which are not granted yet.
create index paid_periods_running on public.paid_periods (ends_at) where months > 1;
alter table public.paid_periods enable row level security;
alter table public.paid_periods force row level security;
revoke all on public.paid_periods from public, anon, authenticated, service_role;
revoke all on sequence public.paid_periods_id_seq from public, anon, authenticated, service_role;

-- Time of a paid period that was given back for money, when a plan or a price was changed: no month of it begins then.
create table public.returned_periods (
  account_id uuid not null references public.accounts (id),
  subscription_id uuid not null,
  plan_id text not null references public.plans (id),
  -- Of the invoice that gave it back.
  payment_id text not null,
  starts_at timestamptz not null,
  ends_at timestamptz not null,
  primary key (subscription_id, plan_id, starts_at),
  foreign key (subscription_id, account_id) references public.subscriptions (id, account_id),
  foreign key (payment_id, account_id) references public.payments (id, account_id)
);
create index returned_periods_account on public.returned_periods (account_id);
create index returned_periods_plan on public.returned_periods (plan_id);
create index returned_periods_payment on public.returned_periods (payment_id);
alter table public.returned_periods enable row level security;
alter table public.returned_periods force row level security;
revoke all on public.returned_periods from public, anon, authenticated, service_role;

-- Buys a pack by itself when the balance falls below the threshold. Off until an owner turns it on.
create table public.auto_top_ups (
  account_id uuid primary key references public.accounts (id),
  is_on boolean not null,
  threshold integer not null check (threshold between 1 and 1000000),
  pack_id text not null references public.credit_packs (id),
  -- What a month (UTC) may cost at most.
  monthly_max_cents integer not null check (monthly_max_cents between 1 and 100000000),
  -- Why it was turned off, if nobody did.
  stopped_because text check (stopped_because in ('payment_failed')),
  updated_at timestamptz not null default clock_timestamp()
);
create index auto_top_ups_pack on public.auto_top_ups (pack_id);
alter table public.auto_top_ups enable row level security;
alter table public.auto_top_ups force row level security;
revoke all on public.auto_top_ups from public, anon, authenticated, service_role;
grant select on public.auto_top_ups to authenticated, service_role;
create policy members_read on public.auto_top_ups for select to authenticated
  using (account_id = any (array(select private.my_accounts())));

-- What an account is to be told of.
create table public.account_events (
  id bigint generated always as identity primary key,
  account_id uuid not null references public.accounts (id),
  kind text not null check (kind in (
    'low_balance', 'payment_failed', 'credits_owed', 'auto_top_up_ceiling', 'auto_top_up_failed', 'auto_top_up_bought',
    'free_credits_ended'
  )),
  details jsonb not null check (jsonb_typeof(details) = 'object' and octet_length(details::text) <= 4096),
  created_at timestamptz not null default clock_timestamp()
);
create index account_events_newest on public.account_events (account_id, id desc);
alter table public.account_events enable row level security;
alter table public.account_events force row level security;
revoke all on public.account_events from public, anon, authenticated, service_role;
revoke all on sequence public.account_events_id_seq from public, anon, authenticated, service_role;
grant select on public.account_events to authenticated, service_role;
create policy members_read on public.account_events for select to authenticated
  using (account_id = any (array(select private.my_accounts())));

create function private.note_event(p_account uuid, p_kind text, p_details jsonb) returns void
language sql volatile set search_path = pg_catalog, pg_temp as $$
  insert into public.account_events (account_id, kind, details) values (p_account, p_kind, p_details)
$$;
revoke all on function private.note_event(uuid, text, jsonb) from public, anon, authenticated, service_role;
