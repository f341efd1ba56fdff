//! Reads the same facts of an account from the reference database and from the real one, as one JSON document each.

use oslira_app::shared::ids::AccountId;
use oslira_simulation::ReferenceDatabase;
use serde_json::{Value, json};
use tokio_postgres::{Client, Statement};

/// The start of the keys of the grants that a history begins with; the place of each follows.
pub const GRANT_KEY: &str = "given:history:";

// `collate "C"` sorts by bytes, as Rust does. The entries that give the account its credits are left out, which each side makes in
// its own way; so is the grant of the sign-up, of which nothing is left.
/// One statement, to be prepared once, because it runs after every operation.
pub const FACTS: &str = "with places as (
    select g.*, split_part(t.idempotency_key, ':', 4)::integer as place
      from credit_transactions t
      join credit_grants g on g.account_id = t.account_id and t.grants ? g.id::text
     where t.account_id = $1 and starts_with(t.idempotency_key, 'given:history:')
  )
  select jsonb_build_object(
    'balance', (select b.balance from credit_balances b where b.account_id = $1),
    'grants', (select coalesce(jsonb_agg(jsonb_build_object(
                 'source', p.source, 'amount', p.amount, 'left', p.remaining, 'times_ended', p.times_ended,
                 'ends', p.expires_at is not null) order by p.place), '[]') from places p),
    'entries', (select coalesce(jsonb_agg(jsonb_build_array(t.kind, t.amount, t.balance_after, t.run_id, (
                    select jsonb_agg(jsonb_build_array(p.place, m.value::bigint) order by p.place)
                      from jsonb_each_text(t.grants) m join places p on p.id = m.key::bigint)) order by t.id), '[]')
                  from credit_transactions t
                 where t.account_id = $1 and (t.run_id is not null or t.kind = 'expiry')),
    'runs', (select coalesce(jsonb_object_agg(r.id, jsonb_build_object(
               'username', r.username, 'by', r.created_by, 'status', r.status, 'phase', r.phase, 'outcome', r.charge_outcome,
               'credits', r.credits, 'ai', r.ai_started_at is not null, 'beat', r.heartbeat_at is not null,
               'key', r.idempotency_key, 'code', r.error_code, 'message', r.error_message,
               'type', r.analysis_type, 'analyses', (select count(*) from analyses a where a.run_id = r.id),
               'stale', (select bool_or(a.is_stale) from analyses a where a.run_id = r.id))), '{}')
               from runs r where r.account_id = $1),
    'members', (select coalesce(jsonb_agg(jsonb_build_array(m.user_id, m.role, m.credit_limit, m.limit_period) order by m.user_id), '[]')
                  from account_members m where m.account_id = $1),
    'spending', (select coalesce(jsonb_agg(jsonb_build_array(s.user_id, extract(epoch from s.starts_at)::bigint, s.credits)
                     order by s.user_id, s.starts_at), '[]')
                   from member_spending_days s where s.account_id = $1 and s.credits > 0),
    'leads', (select coalesce(jsonb_agg(l.username order by l.username), '[]') from leads l where l.account_id = $1),
    'usage', (select coalesce(jsonb_agg(k order by k), '[]') from (
                select provider_key collate \"C\" as k from ai_usage_logs where account_id = $1
                union all select provider_key collate \"C\" from scrape_logs where account_id = $1) u))";

pub async fn in_database(superuser: &Client, facts: &Statement, account: AccountId) -> Value {
    superuser.query_one(facts, &[&account.uuid()]).await.unwrap().get(0)
}

pub fn in_model(database: &ReferenceDatabase) -> Value {
    let later = database.entries.iter().filter(|entry| entry.run.is_some() || entry.kind == "expiry");
    let entries: Vec<Value> = later
        .map(|entry| {
            let mut moved = entry.grants.clone();
            moved.sort_unstable();
            json!([entry.kind, entry.amount, entry.balance_after, entry.run, moved])
        })
        .collect();
    let grants = database.grants.iter().map(|grant| {
        json!({
            "source": grant.source.name(), "amount": grant.amount, "left": grant.remaining,
            "times_ended": grant.times_ended, "ends": grant.ends_s.is_some(),
        })
    });
    let runs = database.runs.iter().map(|(id, row)| {
        let analyses: Vec<bool> =
            database.analyses.iter().filter(|row| row.run == *id).map(|row| row.is_stale).collect();
        let error = row.error.as_ref();
        let facts = json!({
            "username": row.username, "by": row.by, "status": row.status, "phase": row.phase, "outcome": row.outcome,
            "credits": row.credits, "ai": row.ai_started, "beat": row.heartbeat_s.is_some(), "key": row.key,
            "code": error.map(|error| &error.0), "message": error.map(|error| &error.1), "analyses": analyses.len(),
            "type": row.kind, "stale": analyses.first(),
        });
        (id.to_string(), facts)
    });
    let members = database.members.values().map(|member| {
        let limit = member.limit;
        json!([member.id, member.role, limit.map(|limit| limit.credits), limit.map(|limit| limit.period)])
    });
    let spent = database.spending.iter().filter(|(_, credits)| **credits > 0);
    let spending = spent.map(|((member, day), credits)| json!([member, day, credits]));
    let mut usage: Vec<&String> = database.usage.iter().collect();
    usage.sort_unstable();
    json!({
        "balance": database.balance, "grants": grants.collect::<Vec<_>>(), "entries": entries, "runs": runs.collect::<serde_json::Map<_, _>>(),
        "members": members.collect::<Vec<_>>(), "spending": spending.collect::<Vec<_>>(),
        "leads": database.leads.keys().collect::<Vec<_>>(), "usage": usage,
    })
}
