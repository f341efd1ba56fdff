-- A bulk is a list of analyses that were bought together. Each of them is an ordinary run that names its bulk and its
-- line in the list, with a charge and, if it comes to that, a refund of its own.

select set_config('lock_timeout', '5s', true);

create table public.bulk_runs (
  id uuid primary key,
  account_id uuid not null references public.accounts (id),
  business_profile_id uuid,
  -- The user who asked. No foreign key, so that the bulk keeps it when the user is deleted.
  created_by uuid,
  analysis_type text not null check (analysis_type in ('LIGHT', 'DEEP', 'XRAY')),
  -- Ended when no run of it is active and nothing waits to be continued.
  status text not null default 'processing' check (status in ('processing', 'complete', 'cancelled')),
  credits_each integer not null check (credits_each > 0),
  -- Leads that are younger were returned instead of being bought again.
  fresh_within_days integer check (fresh_within_days between 1 and 365),
  -- What the purchase, its continuation and its cancellation were answered, for repeats.
  answer jsonb not null check (jsonb_typeof(answer) = 'object' and octet_length(answer::text) <= 65536),
  continued jsonb check (jsonb_typeof(continued) = 'object' and octet_length(continued::text) <= 65536),
  cancelled jsonb check (jsonb_typeof(cancelled) = 'object'),
  -- The lines behind a pilot, which nobody has paid for yet, and how long they can be bought.
  rest jsonb check (jsonb_typeof(rest) = 'array'),
  continue_until timestamptz,
  idempotency_key text check (char_length(idempotency_key) between 1 and 255),
  body_hash text check (char_length(body_hash) <= 128),
  created_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  -- Lets runs point at a bulk of the same account, and at no other.
  unique (id, account_id),
  foreign key (business_profile_id, account_id) references public.business_profiles (id, account_id)
    on delete set null (business_profile_id),
  constraint finished_with_status check ((status = 'processing') = (finished_at is null)),
  constraint only_an_open_bulk_has_a_rest check (rest is null or (status = 'processing' and continue_until is not null)),
  constraint cancelled_with_answer check ((status = 'cancelled') = (cancelled is not null))
);
create index bulk_runs_paged on public.bulk_runs (account_id, id desc);
create index bulk_runs_business_profile on public.bulk_runs (business_profile_id);
create unique index bulk_runs_idempotency on public.bulk_runs (account_id, idempotency_key) where idempotency_key is not null;
create index bulk_runs_with_hash on public.bulk_runs (created_at) where body_hash is not null;
create index bulk_runs_open on public.bulk_runs (id) where status = 'processing';

alter table public.bulk_runs enable row level security;
alter table public.bulk_runs force row level security;
revoke all on public.bulk_runs from public, anon, authenticated, service_role;
grant select on public.bulk_runs to authenticated, service_role;
create policy members_read on public.bulk_runs for select to authenticated
  using (account_id = any (array(select private.my_accounts())));
