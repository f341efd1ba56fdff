//! What an estimate is measured from, in one statement.

use oslira_app::{
    features::{
        analysis::{Measured, Spread},
        auth::Member,
    },
    shared::{analysis_type::AnalysisType, store::StoreError},
};
use serde::Deserialize;
use tokio_postgres::types::Type;

use super::db::TenantDb;
use crate::session::Param;

/// The last fifty complete runs of a type, from request to result. A run that scraped has a bill for it; asking for the
/// bill is cheaper than opening fifty results. The limit keeps Postgres from reading all of the account's bills at once.
const MEASURE: &str = "with recent as materialized ( \
      select extract(epoch from r.finished_at - r.created_at)::float8 as seconds, \
        (select true from public.scrape_logs l where l.run_id = r.id and l.account_id = $1 limit 1) is not null as cold \
      from public.runs r \
      where r.account_id = $1 and r.analysis_type = $2 and r.status = 'complete' order by r.id desc limit 50 \
    ), measured as ( \
      select percentile_cont(array[0.5, 0.9]) within group (order by seconds) as \"all\", count(*) as all_runs, \
        percentile_cont(array[0.5, 0.9]) within group (order by seconds) filter (where cold) as cold, \
        count(*) filter (where cold) as cold_runs, \
        percentile_cont(array[0.5, 0.9]) within group (order by seconds) filter (where not cold) as cached, \
        count(*) filter (where not cold) as cached_runs \
      from recent \
    ) \
    select jsonb_build_object('credits_each', p.credits, 'balance', b.balance, 'budget', api.daily_budget($1), \
      'all', to_jsonb(m.\"all\"), 'all_runs', m.all_runs, 'cold', to_jsonb(m.cold), 'cold_runs', m.cold_runs, \
      'cached', to_jsonb(m.cached), 'cached_runs', m.cached_runs) \
    from public.analysis_prices p cross join public.credit_balances b cross join measured m \
    where p.analysis_type = $2 and b.account_id = $1";

#[derive(Deserialize)]
struct MeasuredRow {
    credits_each: i64,
    balance: i64,
    budget: Option<BudgetRow>,
    all: Option<[f64; 2]>,
    all_runs: u32,
    cold: Option<[f64; 2]>,
    cold_runs: u32,
    cached: Option<[f64; 2]>,
    cached_runs: u32,
}

#[derive(Deserialize)]
struct BudgetRow {
    daily_cap: Option<i64>,
    used_today: i64,
}

fn spread(percentiles: Option<[f64; 2]>, based_on_runs: u32) -> Option<Spread> {
    percentiles.map(|[p50, p90]| Spread { p50, p90, based_on_runs })
}

pub(super) async fn measure(
    db: &TenantDb,
    member: Member,
    analysis_type: AnalysisType,
) -> Result<Option<Measured>, StoreError> {
    let (account, kind) = (member.account().uuid(), analysis_type.as_str());
    let params: [Param<'_>; 2] = [(&account, Type::UUID), (&kind, Type::TEXT)];
    let rows: Vec<MeasuredRow> = db.values(member.user(), MEASURE, &params).await?;
    Ok(rows.into_iter().next().and_then(|row| {
        let budget = row.budget?;
        Some(Measured {
            credits_each: row.credits_each,
            balance: row.balance,
            daily_cap: budget.daily_cap,
            used_today: budget.used_today,
            all: spread(row.all, row.all_runs),
            cold: spread(row.cold, row.cold_runs),
            cached: spread(row.cached, row.cached_runs),
        })
    }))
}
