-- A database as it is after some months of success, for `cargo xtask bench --only scale`: 1,000 accounts with a million
-- leads, 1.2 million analyses, 1.45 million runs (12,000 a day) and 2 million ledger rows. Account 1 has 200,000 leads,
-- account 2 has 10,000, each other about 790. The same every time: what looks random is a hash of the row's number.
--
-- It runs once, on a migrated database without customers, as a superuser, and wants a `vacuum (analyze)` afterwards. Triggers and foreign keys are off meanwhile, and
-- indexes are built at the end; the benchmark lets the audit of the tests check what came out.

begin;
set local session_replication_role = replica;
set local maintenance_work_mem = '1GB';
set local work_mem = '256MB';
set local max_parallel_maintenance_workers = 2;

-- A number from 0 to p_below - 1 for the p_row of something, the same every time.
create function pg_temp.pick(p_row bigint, p_what bigint, p_below integer) returns integer
language sql immutable parallel safe as $$ select ((hashint8extended(p_row, p_what) & 2147483647) % p_below)::integer $$;

-- UUIDs as the application makes them for runs: version 7, ordered by time.
create function pg_temp.uuid7(p_at timestamptz, p_seed text) returns uuid
language sql immutable parallel safe as $$
  select (lpad(to_hex((extract(epoch from p_at) * 1000)::bigint), 12, '0') || '7' || substr(md5(p_seed), 1, 3)
          || '8' || substr(md5(p_seed), 4, 15))::uuid
$$;

create temporary table dropped_indexes as
  select c.relname as name, pg_get_indexdef(i.indexrelid) as definition
    from pg_index i join pg_class c on c.oid = i.indexrelid join pg_class t on t.oid = i.indrelid
   where t.relnamespace = 'public'::regnamespace and t.relname in ('leads', 'analyses', 'runs', 'credit_transactions')
     and not exists (select from pg_constraint k where k.conindid = i.indexrelid);
do $$
declare
  v_index record;
begin
  for v_index in select d.name from dropped_indexes d loop
    execute format('drop index public.%I', v_index.name);
  end loop;
end $$;

insert into public.plans (id, name, hourly_analyses_max) values ('scale', 'Scale', 1000);

insert into auth.users (id, aud, role, email, email_confirmed_at)
  select md5('scale user ' || k)::uuid, 'authenticated', 'authenticated', 'scale-' || k || '@local.oslira.test', '2026-07-01'
    from generate_series(1, 1000) k;
insert into public.accounts (id, name, plan_id, starting_credits_at, created_at)
  select md5('scale account ' || k)::uuid, 'Scale ' || k, 'scale', '2026-07-01', '2026-07-01' from generate_series(1, 1000) k;
insert into public.account_members (user_id, account_id, role)
  select md5('scale user ' || k)::uuid, md5('scale account ' || k)::uuid, 'owner' from generate_series(1, 1000) k;

-- Account 1 has eight business profiles, from half of its leads down to a thousandth; account 2 has four; each other one.
insert into public.business_profiles (id, account_id, name, offering, target_audience, created_at)
  select md5('scale business ' || k || ' ' || b)::uuid, md5('scale account ' || k)::uuid, 'Brand ' || k || ' ' || b,
         repeat('Training plans and meals for people who run. ', 4), repeat('Coaches, dietitians and runners. ', 6), '2026-07-01'
    from generate_series(1, 1000) k, generate_series(1, 8) b
   where b <= case k when 1 then 8 when 2 then 4 else 1 end;

-- Parts of profiles. A biography is put together from three of them.
create temporary table phrases as
  select p.n::integer - 1 as n, p.phrase from unnest(array[
    'Marathon coach', 'Helping busy mums get strong', 'Sourdough and long fermentations 🍞', 'Köln ➡ Berlin', 'Dietitian, evidence first',
    '10 years of CrossFit', 'Plant based recipes every day', 'Fotografie & Reisen', 'Founder of a small tea house', 'Yoga teacher RYT-500',
    'Книги, кофе и бег по утрам', 'Тренер по плаванию', '東京のパン屋さん', '毎日のお弁当と料理', 'مدربة لياقة بدنية', 'وصفات صحية وسريعة',
    'Διατροφή και άσκηση', '요리하는 러너', '헬스 트레이너', 'Entrenadora personal en Madrid', 'Recetas fáciles y sanas', 'Coach en nutrition à Lyon',
    'Je cours pour manger', 'Mamá de dos, runner de corazón', 'DM for collabs 📩', 'Link to my programme below 👇', 'Ironman finisher x4',
    'Strength & mobility', 'Ultra trail, mountains, dogs 🐕', 'Personal trainer in Austin, Texas', 'Based in Toronto', 'Gluten free baker',
    'Cycling through Portugal', 'Mindful eating', 'Registered nurse turned coach', 'Kettlebells only', 'Pilates at home', 'Meal prep on Sundays',
    'Vegan since 2012 🌱', 'New videos every Tuesday', 'Author of two cookbooks', 'Physiotherapist', 'Rehab and prehab', 'Running club organiser',
    'Sub-3 marathon or bust', 'Triathlon, coffee, repeat', 'Skincare and long walks', 'Camping with children', 'Sustainable fashion', 'Interior design on a budget',
    'Street food hunter', 'Wine, cheese and nothing else', 'Surf camps in Ericeira', 'Climbing gym owner', 'Dance fitness', 'Food photographer',
    'Cooking for one', 'Healthy snacks for school', 'Barre and ballet', 'Online coaching', 'Macros made simple', 'Ask me about sleep', 'Weightlifting at 60', 'Student athlete'
  ]) with ordinality as p (phrase, n);
create temporary table first_names as
  select p.n::integer - 1 as n, p.plain, p.shown from unnest(
    array['livia', 'anna', 'mehmet', 'joao', 'sofia', 'ivan', 'yuki', 'fatima', 'eleni', 'minjun', 'bjorn', 'chloe', 'diego', 'emma', 'noah', 'zoe'],
    array['Livia', 'Anna', 'Mehmet', 'João', 'Sofía', 'Иван', '由紀', 'فاطمة', 'Ελένη', '민준', 'Björn', 'Chloé', 'Diego', 'Emma 🌿', 'Noah', 'Zoë']
  ) with ordinality as p (plain, shown, n);

-- One row for each lead, in the order in which the leads were found: the rows of all accounts are mixed, as they are in a
-- database that grew. One lead in five was analysed twice.
create temporary table found as
  select f.*,
         md5('scale lead ' || f.n)::uuid as lead_id,
         md5('scale account ' || f.account)::uuid as account_id,
         md5('scale business ' || f.account || ' ' || case f.account
           when 1 then case when f.share < 500 then 1 when f.share < 750 then 2 when f.share < 870 then 3 when f.share < 930 then 4
                            when f.share < 960 then 5 when f.share < 980 then 6 when f.share < 999 then 7 else 8 end
           when 2 then 1 + f.share % 4
           else 1 end)::uuid as business_profile_id,
         -- Some usernames are known to about fifty small accounts, the others to one.
         case when f.account > 2 and f.n % 50 = 0 then 'popular.' || f.n / 50 % 300
              else a.plain || case pg_temp.pick(f.n, 3, 4) when 0 then '.runs' when 1 then '_fit' when 2 then '.kitchen' else '' end
                   || '.' || to_hex(f.n) end as username,
         a.shown as first_name
    from (
      select n, pg_temp.pick(n, 1, 1000) as share, pg_temp.pick(n, 2, 5) = 0 as is_twice,
             case when n <= 200000 then 1 when n <= 210000 then 2 else 3 + n % 998 end as account,
             timestamptz '2026-11-25 09:00:00+00' - interval '120 days' * (pg_temp.pick(n, 4, 10368000) / 10368000.0) as found_at
        from generate_series(1, 1000000) n
    ) f
    join first_names a on a.n = pg_temp.pick(f.n, 5, 16)
   order by f.found_at;

-- Each analysis; the later one of a lead is its latest. Old ones are more often stale.
create temporary table judged as
  select f.n, k.nth, f.lead_id, f.account, f.account_id, f.business_profile_id, f.username,
         md5('scale analysis ' || f.n || ' ' || k.nth)::uuid as id, j.made_at,
         pg_temp.uuid7(j.made_at - t.took, 'run ' || f.n || ' ' || k.nth) as run_id, t.took,
         pg_temp.pick(f.n, 80, 3) = 0 as is_cached,
         case when pg_temp.pick(f.n, 10 + k.nth, 100) < 70 then 'LIGHT' when pg_temp.pick(f.n, 10 + k.nth, 100) < 92 then 'DEEP' else 'XRAY' end
           as analysis_type,
         pg_temp.pick(f.n, 20 + k.nth, 41) + pg_temp.pick(f.n, 30 + k.nth, 61) as score,
         j.made_at < '2026-09-01' and pg_temp.pick(f.n, 40 + k.nth, 2) = 0 as is_stale,
         k.nth = case when f.is_twice then 2 else 1 end as is_latest
    from found f
    cross join generate_series(1, 2) as k (nth)
    cross join lateral (
      select f.found_at + case k.nth when 2 then least(interval '20 days', (timestamptz '2026-11-25 10:00:00+00' - f.found_at) * 0.9)
                                     else interval '0' end
    ) as j (made_at)
    -- 1 to 60 seconds, most of them short, so that percentiles are of as many different times as real ones.
    cross join lateral (
      select interval '1 millisecond' * (1000 + pg_temp.pick(f.n, 90 + k.nth, 59000) * (1 + pg_temp.pick(f.n, 95 + k.nth, 100)) / 100)
    ) as t (took)
   where k.nth = 1 or f.is_twice;
analyze found;
analyze judged;

insert into public.leads (
  id, account_id, business_profile_id, username, display_name, biography, followers, following, posts, category, external_url,
  profile_pic_url, is_verified, is_business, scraped_at, latest_analysis_id, score, is_stale, analysis_types, created_at, updated_at
)
  select f.lead_id, f.account_id, f.business_profile_id, f.username,
         f.first_name || case pg_temp.pick(f.n, 6, 3) when 0 then ' | ' || left(a.phrase, 24) else '' end,
         a.phrase || E'\n' || b.phrase || E'\n' || c.phrase || case when pg_temp.pick(f.n, 9, 4) = 0 then ' #' || f.n / 7 else '' end,
         (power(10, 2.5 + pg_temp.pick(f.n, 50, 350) / 100.0))::bigint, pg_temp.pick(f.n, 51, 3000), pg_temp.pick(f.n, 52, 2500),
         case when pg_temp.pick(f.n, 53, 2) = 0 then 'Health/beauty' end,
         case when pg_temp.pick(f.n, 54, 3) = 0 then 'https://linktr.ee/' || f.username end,
         'https://scontent.cdninstagram.com/v/t51.2885-19/' || md5(f.n::text) || '_n.jpg?stp=dst-jpg_s320x320&_nc_ht=' || md5(f.username),
         pg_temp.pick(f.n, 55, 50) = 0, pg_temp.pick(f.n, 56, 3) = 0,
         latest.made_at - interval '4 seconds', latest.id, latest.score, latest.is_stale,
         case when f.is_twice and latest.analysis_type <> first.analysis_type
              then array[least(latest.analysis_type, first.analysis_type), greatest(latest.analysis_type, first.analysis_type)]
              else array[latest.analysis_type] end,
         first.made_at, latest.made_at
    from found f
    join judged first on first.n = f.n and first.nth = 1
    join judged latest on latest.n = f.n and latest.is_latest
    join phrases a on a.n = pg_temp.pick(f.n, 60, 64)
    join phrases b on b.n = pg_temp.pick(f.n, 61, 64)
    join phrases c on c.n = pg_temp.pick(f.n, 62, 64)
   order by f.found_at;

-- A hundred and fifty runs in a thousand end without a result and are refunded.
create temporary table bought as
  select j.run_id as id, j.account_id, j.business_profile_id, j.username, j.analysis_type, j.lead_id, j.made_at as at, j.took, j.is_cached,
         true as is_complete
    from judged j
  union all
  select pg_temp.uuid7(f.found_at - interval '60 seconds', 'failed ' || f.n), f.account_id, f.business_profile_id, f.username,
         case pg_temp.pick(f.n, 70, 3) when 0 then 'DEEP' else 'LIGHT' end, null, f.found_at - interval '51 seconds', interval '9 seconds', null, false
    from found f
   where f.n % 4 = 0;

insert into public.runs (
  id, account_id, business_profile_id, username, analysis_type, status, phase, credits, charge_outcome, ai_started_at,
  heartbeat_at, error_code, error_message, lead_id, cache_hit, created_at, started_at, finished_at
)
  select b.id, b.account_id, b.business_profile_id, b.username, b.analysis_type,
         case when b.is_complete then 'complete' else 'failed' end, 'saving', p.credits,
         case when b.is_complete then 'result' else 'refunded' end, b.at - b.took * 0.4, b.at,
         case when not b.is_complete then 'profile_not_found' end,
         case when not b.is_complete then 'This profile does not exist.' end,
         b.lead_id, b.is_cached, b.at - b.took, b.at - b.took * 0.9, b.at
    from bought b join public.analysis_prices p using (analysis_type)
   order by b.at;

-- The results of the two large accounts have the size of real ones, 6 to 15 KB, so that they are stored out of line. Those
-- of the others are small: they only have to be there.
create temporary table results as
  select r as n, jsonb_build_object(
           'judgement', jsonb_build_object('strengths', long.texts, 'risks', long.texts, 'outreach', left(long.texts ->> 0, 200)),
           'evidence', long.texts, 'facts', jsonb_build_object('engagement_rate', r / 64.0, 'posts_per_week', r % 9),
           'profile', jsonb_build_object('username', 'x', 'biography', long.texts ->> 1)
         ) as long
    from generate_series(0, 63) r
    cross join lateral (
      select jsonb_agg((
        select string_agg(p.phrase, ', ' order by pg_temp.pick(p.n, r * 100 + t, 1000))
          from phrases p where pg_temp.pick(p.n, r * 100 + t, 8) = 0
      )) as texts from generate_series(1, 9 + r % 16) t
    ) long;

insert into public.analyses (
  id, account_id, lead_id, run_id, analysis_type, score, provider, model, snapshot_key, scraped_at, result, cost_microusd,
  is_new_lead, is_stale, created_at
)
  select j.id, j.account_id, j.lead_id, j.run_id, j.analysis_type, j.score, 'openai', 'gpt-6-luna',
         'instagram/' || j.username || '/' || extract(epoch from j.made_at)::bigint, j.made_at - interval '4 seconds',
         jsonb_build_object('summary', p.phrase || ', posts several times a week and answers most comments: a fit of ' || j.score || '.',
                            'cache_hit', j.is_cached)
           || case when j.account <= 2 then r.long else '{}' end,
         400 + pg_temp.pick(j.n, 81, 9000), j.nth = 1, j.is_stale, j.made_at
    from judged j
    join phrases p on p.n = pg_temp.pick(j.n, 82, 64)
    join results r on r.n = pg_temp.pick(j.n, 83, 64)
   order by j.made_at;

-- First a purchase that nobody can use up, then many small ones, which come to less than the charges, and refunds; all of one grant an
-- account, whose rest is set at the end.
insert into public.credit_grants (account_id, source, amount, remaining, created_at)
  select md5('scale account ' || k)::uuid, 'pack', 10000000, 10000000, timestamptz '2026-07-01' from generate_series(1, 1000) k;
insert into public.credit_transactions (
  account_id, kind, amount, balance_after, run_id, description, idempotency_key, grants, created_at
)
  select e.account_id, e.kind, e.amount, sum(e.amount) over (partition by e.account_id order by e.at, e.key), e.run_id, e.description, e.key,
         jsonb_build_object(g.id::text, e.amount), e.at
    from (
      select md5('scale account ' || k)::uuid, 'purchase', 10000000, null::uuid, 'Credits', 'grant:scale:first:' || k, timestamptz '2026-07-01'
        from generate_series(1, 1000) k
      union all
      select md5('scale account ' || k)::uuid, 'purchase', 1, null, 'Credits', 'grant:scale:' || k || ':' || t,
             timestamptz '2026-07-28' + t * interval '9 hours'
        from generate_series(1, 1000) k, generate_series(1, 300) t
      union all
      select b.account_id, 'charge', -p.credits, b.id, b.analysis_type || ' analysis', 'charge:' || b.id, b.at - b.took
        from bought b join public.analysis_prices p using (analysis_type)
      union all
      select b.account_id, 'refund', p.credits, b.id, 'Refund: analysis failed', 'refund:' || b.id, b.at
        from bought b join public.analysis_prices p using (analysis_type)
       where not b.is_complete
    ) e (account_id, kind, amount, run_id, description, key, at)
    join public.credit_grants g on g.account_id = e.account_id
   order by e.at, e.key;
insert into public.credit_balances (account_id, balance)
  select t.account_id, sum(t.amount) from public.credit_transactions t group by t.account_id;
update public.credit_grants g set remaining = b.balance from public.credit_balances b where b.account_id = g.account_id;

insert into public.spending_days (account_id, starts_at, credits)
  select r.account_id, date_trunc('day', r.created_at, 'UTC'), sum(r.credits)
    from public.runs r where r.charge_outcome = 'result' group by 1, 2;

do $$
declare
  v_index record;
begin
  for v_index in select d.definition from dropped_indexes d loop
    execute v_index.definition;
  end loop;
end $$;
drop table dropped_indexes, phrases, first_names, found, judged, bought, results;

-- Fills an account's last 24 hours up with runs that were cancelled after their AI work began, so each kept its charge.
create function local.busy_day(p_account uuid, p_runs bigint) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_since constant timestamptz := now() - interval '24 hours';
  v_missing bigint;
  v_balance bigint;
  v_grant bigint;
begin
  select p_runs - count(*) into v_missing from public.runs r where r.account_id = p_account and r.created_at >= v_since;
  select b.balance into v_balance from public.credit_balances b where b.account_id = p_account for no key update;
  select g.id into strict v_grant
    from public.credit_grants g where g.account_id = p_account order by g.remaining desc limit 1;
  -- A run is born pending; these only have to be there.
  perform set_config('session_replication_role', 'replica', true);
  with made as (
    insert into public.runs (
      id, account_id, business_profile_id, username, analysis_type, status, phase, credits, charge_outcome, ai_started_at,
      heartbeat_at, created_at, started_at, finished_at
    )
      select (lpad(to_hex((extract(epoch from d.at) * 1000)::bigint), 12, '0') || '7' || substr(md5(random()::text), 1, 3)
              || '8' || substr(md5(random()::text), 1, 15))::uuid,
             p_account, (select bp.id from public.business_profiles bp where bp.account_id = p_account limit 1), 'busy.' || n,
             'LIGHT', 'cancelled', 'analyzing', 1, 'kept', d.at, d.at, d.at, d.at, d.at
        from generate_series(1, v_missing) n
        cross join lateral (select v_since + interval '24 hours' * (n::float8 / v_missing)) d (at)
      returning id, created_at
  ), charged as (
    insert into public.credit_transactions (
      account_id, kind, amount, balance_after, run_id, description, idempotency_key, grants
    )
      select p_account, 'charge', -1, v_balance - row_number() over (), m.id, 'LIGHT analysis', 'charge:' || m.id,
             jsonb_build_object(v_grant::text, -1)
        from made m
  )
  insert into public.spending_days as s (account_id, starts_at, credits)
    select p_account, date_trunc('day', m.created_at, 'UTC'), count(*) from made m group by 2
    on conflict (account_id, starts_at) do update set credits = s.credits + excluded.credits;
  update public.credit_balances b set balance = b.balance - greatest(v_missing, 0) where b.account_id = p_account;
  update public.credit_grants g set remaining = g.remaining - greatest(v_missing, 0) where g.id = v_grant;
end $$;
revoke all on function local.busy_day(uuid, bigint) from public, anon, authenticated, service_role;
commit;
