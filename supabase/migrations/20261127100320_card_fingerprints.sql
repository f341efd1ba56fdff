-- Free credits once per person, as far as the card tells: once an account has had free credits and paid with a card, what is left
-- of the free credits of every other account that pays with that card ends. What was spent stays spent, what was bought stays,
-- and what a run under way holds comes back, if it does, as into any grant that has ended. Stripe names a card by a
-- fingerprint, the same for the same number; only its SHA-256 is kept.
--
-- Locks: the account's balance, then the one lock of everybody who writes this table.

select set_config('lock_timeout', '5s', true);

-- The account whose free credits count for a card. It outlives the account, so that whoever deletes theirs and signs up again gets none a
-- second time.
create table public.card_fingerprints (
  hash bytea primary key check (octet_length(hash) = 32),
  account_id uuid not null references public.accounts (id),
  first_seen_at timestamptz not null default clock_timestamp()
);
create index card_fingerprints_account on public.card_fingerprints (account_id);
alter table public.card_fingerprints enable row level security;
alter table public.card_fingerprints force row level security;
revoke all on public.card_fingerprints from public, anon, authenticated, service_role;

-- The grant of an account's free credits; null if it never had any.
create function private.starting_grant(p_account uuid) returns bigint
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select g.id::bigint
    from public.credit_transactions t
    cross join lateral jsonb_object_keys(t.grants) g (id)
   where t.account_id = p_account and starts_with(t.idempotency_key, 'starting:')
$$;
revoke all on function private.starting_grant(uuid) from public, anon, authenticated, service_role;

-- Ends what is left of free credits, once; returns how much that was. The caller holds the balance's lock.
create function private.end_free_credits(p_account uuid, p_grant bigint) returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_left bigint;
begin
  update public.credit_grants g set expires_at = clock_timestamp() where g.id = p_grant and g.expires_at is null
  returning g.remaining into v_left;
  if coalesce(v_left, 0) = 0 then
    return 0;
  end if;
  perform private.end_grant(p_grant, v_left, 'Free credits ended: another account has had them with this card');
  perform private.note_event(p_account, 'free_credits_ended', jsonb_build_object('credits', v_left));
  return v_left;
end $$;
revoke all on function private.end_free_credits(uuid, bigint) from public, anon, authenticated, service_role;

-- Writes down the cards of an account's customer, as Stripe listed them at p_asked_at; returns the free credits that ended by
-- that. An account that never had free credits leaves no trace, so that it can take none from others. A repeat changes nothing.
create function system.note_cards(p_account uuid, p_fingerprints jsonb, p_asked_at timestamptz) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_grant bigint;
  v_hashes bytea[];
  v_first uuid;
begin
  perform private.lock_balance(p_account);
  update public.billing_customers c set cards_noted_at = greatest(c.cards_noted_at, p_asked_at) where c.account_id = p_account;
  v_grant := private.starting_grant(p_account);
  if v_grant is null then
    return 0;
  end if;
  -- One at a time: of two accounts with one card, the second sees the first.
  perform pg_advisory_xact_lock(hashtext('system.note_cards'));
  v_hashes := array(
    select distinct sha256(convert_to(f.fingerprint, 'UTF8')) from jsonb_array_elements_text(p_fingerprints) f (fingerprint)
  );
  insert into public.card_fingerprints (hash, account_id)
    select h.hash, p_account from unnest(v_hashes) h (hash)
    on conflict (hash) do nothing;
  select c.account_id into v_first
    from public.card_fingerprints c
   where c.hash = any (v_hashes) and c.account_id <> p_account
   order by c.first_seen_at, c.hash
   limit 1;
  if not found then
    return 0;
  end if;
  -- All of them are cards of the one person whose first account keeps its credits, whichever of them it pays with.
  update public.card_fingerprints c set account_id = v_first where c.account_id = p_account;
  return private.end_free_credits(p_account, v_grant);
end $$;
revoke all on function system.note_cards(uuid, jsonb, timestamptz) from public, anon, authenticated, service_role;
grant execute on function system.note_cards(uuid, jsonb, timestamptz) to service_role;

-- Up to p_limit accounts, after p_after in their order, that have had free credits and have paid, and whose cards were not asked
-- for since: of the account that event p_event was about, if it is named, else of all. A card is at Stripe before
-- its payment is heard of, so asking after that finds it. In plpgsql, which plans for the arguments: of one event it reads one account.
create function system.unnoted_payers(p_event text, p_after uuid, p_limit integer) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
             'account_id', u.account_id, 'customer_id', u.stripe_customer_id, 'asked_at', clock_timestamp()
           ) order by u.account_id), '[]')
      from (
        select c.account_id, c.stripe_customer_id
          from public.billing_customers c
          join public.credit_transactions t
            on t.account_id = c.account_id and starts_with(t.idempotency_key, 'starting:')
         where (p_after is null or c.account_id > p_after)
           and (p_event is null or c.account_id = (select e.account_id from public.webhook_events e where e.id = p_event))
           and exists (select from public.payments p where p.account_id = c.account_id)
           and (
             c.cards_noted_at is null or t.created_at > c.cards_noted_at
             or exists (
               select from public.payments p where p.account_id = c.account_id and p.created_at > c.cards_noted_at
             )
           )
         order by c.account_id
         limit p_limit
      ) u
  );
end $$;
revoke all on function system.unnoted_payers(text, uuid, integer) from public, anon, authenticated, service_role;
grant execute on function system.unnoted_payers(text, uuid, integer) to service_role;
