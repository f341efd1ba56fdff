-- The previous product's tables, as they are assumed to be. Without keys and constraints, because what they would have kept out is what
-- the import has to bear.

create schema legacy;

create table legacy.users (id uuid, email text, created_at timestamptz, stripe_customer_id text);
create table legacy.user_credits (user_id uuid, balance integer);
create table legacy.credit_ledger (id uuid, user_id uuid, delta integer, reason text, run_id uuid, created_at timestamptz);
create table legacy.subscriptions (
  id uuid, user_id uuid, stripe_subscription_id text, plan text, status text, current_period_start timestamptz,
  current_period_end timestamptz
);
create table legacy.business_profiles (id uuid, user_id uuid, name text, description text, icp jsonb, deleted_at timestamptz);
create table legacy.leads (
  id uuid, user_id uuid, business_id uuid, username text, follower_count integer, bio text, profile_pic_url text,
  created_at timestamptz, deleted_at timestamptz
);
create table legacy.analyses (
  id uuid, lead_id uuid, user_id uuid, type text, status text, score integer, result jsonb, credits_used integer,
  created_at timestamptz
);
create table legacy.ai_usage_logs (
  id uuid, analysis_id uuid, model text, tokens_in integer, tokens_out integer, cost_usd numeric, created_at timestamptz
);
create table legacy.webhook_events (id uuid, stripe_event_id text, event_type text, received_at timestamptz);
