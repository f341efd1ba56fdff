//! What an estimate is measured from, in one statement.

use oslira_app::{
    features::{analysis::Measured, auth::Member},
    shared::{analysis_type::AnalysisType, store::StoreError},
};

use super::{credits::spendable, db::TenantDb};
use crate::session::Param;

/// The last fifty complete runs of a type, from request to result. A run that scraped (`cold`) has a bill for it;
/// looking for the bill is cheaper than reading fifty results. The subquery has `limit 1`, where `exists` would do, to
/// keep Postgres from reading all of the account's bills at once.
/// Of a run that was imported nobody knows how long it took: it ended when it began.
const MEASURE: &str = concat!(
    "with recent as materialized ( \
      select extract(epoch from r.finished_at - r.created_at)::float8 as seconds, \
        (select true from public.scrape_logs l where l.run_id = r.id and l.account_id = $1::uuid limit 1) is not null as cold \
      from public.runs r \
      where r.account_id = $1::uuid and r.analysis_type = $2 and r.status = 'complete' and r.finished_at > r.created_at \
      order by r.id desc limit 50 \
    ), measured as ( \
      select percentile_cont(array[0.5, 0.9]) within group (order by seconds) as \"all\", count(*) as all_runs, \
        percentile_cont(array[0.5, 0.9]) within group (order by seconds) filter (where cold) as cold, \
        count(*) filter (where cold) as cold_runs, \
        percentile_cont(array[0.5, 0.9]) within group (order by seconds) filter (where not cold) as cached, \
        count(*) filter (where not cold) as cached_runs \
      from recent \
    ) \
    select jsonb_build_object('credits_each', p.credits, 'price_usd_each', p.price_usd, 'balance', ",
    spendable!(),
    ", \
      'daily_cap', d.budget -> 'daily_cap', 'used_today', d.budget -> 'used_today', \
      'all', case when m.all_runs > 0 then \
        jsonb_build_object('p50', m.\"all\"[1], 'p90', m.\"all\"[2], 'based_on_runs', m.all_runs) end, \
      'cold', case when m.cold_runs > 0 then \
        jsonb_build_object('p50', m.cold[1], 'p90', m.cold[2], 'based_on_runs', m.cold_runs) end, \
      'cached', case when m.cached_runs > 0 then \
        jsonb_build_object('p50', m.cached[1], 'p90', m.cached[2], 'based_on_runs', m.cached_runs) end) \
    from public.analysis_prices p cross join public.credit_balances b cross join measured m \
    cross join api.daily_budget($1::uuid) as d (budget) \
    where p.analysis_type = $2 and b.account_id = $1::uuid and d.budget is not null"
);

pub(super) async fn measure(
    db: &TenantDb,
    member: Member,
    analysis_type: AnalysisType,
) -> Result<Option<Measured>, StoreError> {
    let params = [Param::of(member.account()), Param::of(analysis_type.as_str())];
    let rows: Vec<Measured> = db.values(member.user(), MEASURE, &params).await?;
    Ok(rows.into_iter().next())
}
