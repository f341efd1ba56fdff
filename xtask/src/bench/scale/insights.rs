//! What insights cost to read in the database at scale: the product's own statements, as customers of the largest account and of a large
//! one, and as an operator. All but the last hour is summed up, as it is just before the hourly job.

use anyhow::{Context, Result, bail};
use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use oslira_app::features::auth::{Operator, Reason};
use oslira_app::features::insights::{Insight, InsightDays, InsightStore, InsightSums as _, OperatorInsightStore};
use tokio_postgres::Client;

use super::requests::{Account, Random};
use crate::bench::metric::{Metric, Report, quantile};
use crate::bench::timed::{Users, connect};
use crate::postgres::PgUrl;

pub const NAME: &str = "insights.query_ms.";

const WARM_UP: usize = 100;
const SAMPLES: usize = 2_000;
const SPANS: [u32; 4] = [1, 7, 30, 92];
/// Days before the newest run on which a span may end, where it does not end on that day: the day that is still open is asked about most,
/// and costs most, because its last hour is read from the rows.
const LAST_DAYS: usize = 28;

/// A call of a model for each run, and a scrape for every second one, which the generator of the database leaves out. Once.
const CALLS: &str = "
    set session_replication_role = replica;
    insert into ai_usage_logs (account_id, run_id, provider_key, call, provider, model, input_tokens, cached_tokens, output_tokens,
                               cost_microusd, duration_ms, finish_reason, created_at)
      select r.account_id, r.id, 'bench ' || r.id, case r.analysis_type when 'LIGHT' then 'light' else 'verdict' end, 'openai',
             'openai/gpt-6-luna', 3000, hashtext(r.id::text) & 2047, 400, 400 + (hashtext(r.id::text) & 1023),
             2000 + (hashtext(r.id::text) & 4095), 'stop', r.finished_at
        from runs r where not exists (select from ai_usage_logs);
    insert into scrape_logs (account_id, run_id, provider_key, actor, username, results, cost_microusd, duration_ms, outcome, created_at)
      select r.account_id, r.id, 'bench ' || r.id, 'apify/instagram-profile-scraper', r.username, 1, 2600,
             4000 + (hashtext(r.id::text) & 4095), 'succeeded', r.finished_at
        from runs r where hashtext(r.id::text) % 2 = 0 and not exists (select from scrape_logs);
    reset session_replication_role;
    analyze ai_usage_logs, scrape_logs";

const OPERATOR: &str = "insert into operators (user_id, added_by, reason)
    select $1::text::uuid, 'the benchmark', 'for the benchmark'
     where not exists (select from operators where user_id = $1::text::uuid and ended_at is null)";

pub async fn measure(url: &PgUrl, report: &mut Report) -> Result<()> {
    let superuser = connect(url).await?;
    let users = Users::connect(url).await?;
    let runs: i64 = superuser.query_one("select count(*) from runs", &[]).await?.try_get(0)?;
    if runs < 1_000_000 {
        bail!("{runs} runs are less than a million");
    }
    eprintln!("  {runs} runs: their calls, and the sums, unless they are there …");
    superuser.batch_execute(CALLS).await?;
    let newest = newest(&superuser).await?;
    while !users.admin.sum_up(newest - SignedDuration::from_hours(1)).await?.is_done {}
    superuser.batch_execute("vacuum (analyze) insight_runs, insight_calls, insight_account_costs").await?;
    let accounts = [Account::read(&superuser, 1).await?, Account::read(&superuser, 2).await?];
    let [large, _] = &accounts;
    superuser.execute(OPERATOR, &[&large.member.user().to_string()]).await?;
    let reason = Reason::parse("For the benchmark").context("a reason")?;
    let operator = Operator { user: large.member.user(), reason };
    let last_day = newest.to_zoned(TimeZone::UTC).date();

    let mut random = Random::new("insights");
    let mut taken = Vec::with_capacity(SAMPLES);
    for number in 0..WARM_UP + SAMPLES {
        let what = random.of(&Insight::ALL).context("a question")?;
        let days = days(&mut random, last_day)?;
        users.spent.take_ms();
        match accounts.get(random.below(3)) {
            Some(account) => {
                let shown = users.tenant.insight(account.member, what, days).await?;
                shown.context("a member sees their account")?;
            }
            None => drop(users.operators.insight(&operator, what, days).await?),
        }
        let ms = users.spent.take_ms();
        if number >= WARM_UP {
            taken.push(ms);
        }
    }
    for (share, percentile) in [(0.5, "p50"), (0.95, "p95")] {
        let name = format!("{NAME}{percentile}.1m_runs");
        report.add(Metric::ms(name, quantile(&taken, share).unwrap_or_default()));
    }
    Ok(())
}

async fn newest(superuser: &Client) -> Result<Timestamp> {
    let row = superuser.query_one("select to_json(max(finished_at)) #>> '{}' from runs", &[]).await?;
    Ok(row.try_get::<_, String>(0)?.parse()?)
}

fn days(random: &mut Random, newest: Date) -> Result<InsightDays> {
    let is_open = random.below(2) == 0;
    let back = if is_open { 0 } else { i64::try_from(random.below(LAST_DAYS))? };
    let last_day = newest.checked_sub(SignedDuration::from_hours(24 * back))?;
    Ok(InsightDays { days: random.of(&SPANS).context("a span")?, last_day: Some(last_day) })
}
