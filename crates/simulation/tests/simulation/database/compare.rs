//! Reads the same facts of an account from the reference database and from the real one, as one JSON document each.

use oslira_app::shared::ids::AccountId;
use oslira_simulation::ReferenceDatabase;
use serde_json::{Value, json};
use tokio_postgres::{Client, Statement};

// `collate "C"` sorts by bytes, as Rust does. The entry without a run is left out: it gives the account its credits,
// which each side does in its own way.
/// One statement, to be prepared once, because it runs after every operation.
pub const FACTS: &str = "select jsonb_build_object(
    'balance', (select b.balance from credit_balances b where b.account_id = $1),
    'entries', (select coalesce(jsonb_agg(jsonb_build_array(t.kind, t.amount, t.balance_after, t.run_id) order by t.id), '[]')
                  from credit_transactions t where t.account_id = $1 and t.run_id is not null),
    'runs', (select coalesce(jsonb_object_agg(r.id, jsonb_build_object(
               'username', r.username, 'status', r.status, 'phase', r.phase, 'outcome', r.charge_outcome,
               'credits', r.credits, 'ai', r.ai_started_at is not null, 'beat', r.heartbeat_at is not null,
               'key', r.idempotency_key, 'code', r.error_code, 'message', r.error_message,
               'type', r.analysis_type, 'analyses', (select count(*) from analyses a where a.run_id = r.id),
               'stale', (select bool_or(a.is_stale) from analyses a where a.run_id = r.id))), '{}')
               from runs r where r.account_id = $1),
    'leads', (select coalesce(jsonb_agg(l.username order by l.username), '[]') from leads l where l.account_id = $1),
    'usage', (select coalesce(jsonb_agg(k order by k), '[]') from (
                select provider_key collate \"C\" as k from ai_usage_logs where account_id = $1
                union all select provider_key collate \"C\" from scrape_logs where account_id = $1) u))";

pub async fn in_database(superuser: &Client, facts: &Statement, account: AccountId) -> Value {
    superuser.query_one(facts, &[&account.uuid()]).await.unwrap().get(0)
}

pub fn in_model(database: &ReferenceDatabase) -> Value {
    let of_runs = database.entries.iter().filter(|entry| entry.run.is_some());
    let entries: Vec<Value> =
        of_runs.map(|entry| json!([entry.kind, entry.amount, entry.balance_after, entry.run])).collect();
    let runs = database.runs.iter().map(|(id, row)| {
        let analyses: Vec<bool> =
            database.analyses.iter().filter(|row| row.run == *id).map(|row| row.is_stale).collect();
        let error = row.error.as_ref();
        let facts = json!({
            "username": row.username, "status": row.status, "phase": row.phase, "outcome": row.outcome,
            "credits": row.credits, "ai": row.ai_started, "beat": row.heartbeat_s.is_some(), "key": row.key,
            "code": error.map(|error| &error.0), "message": error.map(|error| &error.1), "analyses": analyses.len(),
            "type": row.kind, "stale": analyses.first(),
        });
        (id.to_string(), facts)
    });
    let mut usage: Vec<&String> = database.usage.iter().collect();
    usage.sort_unstable();
    json!({
        "balance": database.balance, "entries": entries, "runs": runs.collect::<serde_json::Map<_, _>>(),
        "leads": database.leads.keys().collect::<Vec<_>>(), "usage": usage,
    })
}
