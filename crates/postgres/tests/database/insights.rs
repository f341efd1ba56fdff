//! Insights: the sums say what the rows say, whatever is summed up already; of an account nobody else's runs count; and dollars are
//! for operators.

use jiff::Timestamp;
use oslira_app::{
    features::insights::{
        CacheInsight, CreditDrivers, CreditInsight, ErrorInsight, Insight, InsightDays, InsightStore as _,
        InsightSums as _, LatencyInsight, OperatorInsightStore as _, SystemCache, SystemCosts, SystemDrivers,
        SystemErrors, SystemLatency, sum_up,
    },
    shared::store::StoreError,
};
use oslira_testkit::{Error, TestResult};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Stage, acting, ai_usage, record_usage};

const DAYS: InsightDays = InsightDays { days: 10, last_day: None };
const EVERYBODY: Uuid = Uuid::nil();
const FIRST: &str = "((clock_timestamp() at time zone 'UTC')::date - 9)";
const LAST: &str = "((clock_timestamp() at time zone 'UTC')::date)";

/// So many runs of an account that ended in the last five days, with a result, a scrape and a call of a model each where they have one.
/// Of some, one phase is not known.
async fn generate(stage: &Stage, account: Uuid, runs: usize) -> TestResult {
    let sql = format!(
        "set session_replication_role = replica;
         select setseed(0.5);
         create temporary table made as
           select gen_random_uuid() as id, n, 1 + (random() * random() * 40)::numeric as took, random() * 0.05 as waited,
                  (array['LIGHT', 'LIGHT', 'DEEP', 'XRAY'])[1 + n % 4] as kind,
                  case when n % 20 = 0 then 'cancelled' when n % 7 = 0 then 'failed' else 'complete' end as status,
                  random() < 0.4 as is_hit,
                  (array['profile_not_found', 'scrape_failed', 'stalled'])[1 + n % 3] as code,
                  clock_timestamp() - random() * interval '5 days' as ended_at
             from generate_series(1, {runs}) n;
         insert into runs (id, account_id, username, analysis_type, status, phase, credits, charge_outcome, ai_started_at,
                           error_code, error_message, cache_hit, created_at, started_at, finished_at)
           select id, '{account}', 'nasa', kind, status, 'saving', case kind when 'LIGHT' then 1 when 'DEEP' then 5 else 6 end,
                  case status when 'complete' then 'result' when 'failed' then 'refunded' else 'kept' end,
                  case when n % 11 > 0 then ended_at - make_interval(secs => (took * 0.4)::float8) end,
                  case when status = 'failed' then code end,
                  case when status = 'failed' then 'It failed.' end, case when status = 'complete' then is_hit end,
                  ended_at - make_interval(secs => took::float8),
                  ended_at - make_interval(secs => took::float8 - waited), ended_at
             from made;
         insert into analyses (account_id, lead_id, run_id, analysis_type, score, provider, model, snapshot_key, scraped_at,
                               result, is_new_lead)
           select '{account}', gen_random_uuid(), id, kind, 50, 'openai', 'x', 'x', ended_at,
                  jsonb_build_object('cache_hit', is_hit), true
             from made where status = 'complete';
         insert into ai_usage_logs (account_id, run_id, provider_key, call, provider, model, input_tokens, cached_tokens,
                                    output_tokens, cost_microusd, duration_ms, finish_reason, created_at)
           select '{account}', id, 'ai ' || id, lower(kind), 'openai', 'openai/gpt-6-luna', 3000, n % 3000, 400, 400 + n % 900,
                  1000 + (random() * 9000)::integer, 'stop', ended_at
             from made where status <> 'failed';
         insert into scrape_logs (account_id, run_id, provider_key, actor, username, results, cost_microusd, duration_ms,
                                  outcome, created_at)
           select '{account}', id, 'scrape ' || id, 'apify/instagram-profile-scraper', 'nasa', 1, 2600, 4000 + n % 5000,
                  case when n % 9 = 0 then 'failed' else 'succeeded' end, ended_at
             from made where not is_hit;
         drop table made;
         reset session_replication_role;"
    );
    Ok(stage.superuser.batch_execute(&sql).await?)
}

async fn rows(stage: &Stage, sql: &str) -> Result<Vec<Value>, Error> {
    Ok(stage.superuser.query(sql, &[]).await?.iter().map(|row| row.get(0)).collect())
}

/// By day, type and outcome: what the sums say, and what a plain question about the rows says.
async fn both_sums(stage: &Stage, account: Uuid) -> Result<[Vec<Value>; 2], Error> {
    let told = format!(
        "select to_jsonb(s) from private.run_sums('{account}', {FIRST}, {LAST}) s
          order by s.day, s.analysis_type, s.outcome, s.error_code"
    );
    let plain = format!(
        "select jsonb_build_object('day', g.day, 'analysis_type', g.analysis_type, 'outcome', g.outcome,
                  'error_code', coalesce(g.error_code, ''), 'runs', count(*), 'credits', sum(g.spent), 'refunded', sum(g.back))
           from (
             select (r.finished_at at time zone 'UTC')::date as day, r.analysis_type, r.error_code,
                    case when r.status <> 'complete' then r.status when a.cache_hit then 'cached' else 'cold' end as outcome,
                    case when r.charge_outcome <> 'refunded' then r.credits else 0 end as spent,
                    case when r.charge_outcome = 'refunded' then r.credits else 0 end as back
               from runs r left join analyses a on a.run_id = r.id
              where r.finished_at is not null and '{account}' in (r.account_id, '{EVERYBODY}')
           ) g
          group by g.day, g.analysis_type, g.outcome, g.error_code
          order by g.day, g.analysis_type, g.outcome, coalesce(g.error_code, '')"
    );
    Ok([rows(stage, &told).await?, rows(stage, &plain).await?])
}

/// Every percentile of every phase, with the exact ones beside it, how many runs they are of, and how many in all.
async fn percentiles(stage: &Stage, account: Uuid) -> Result<Vec<(i64, i64, f64, f64)>, Error> {
    let sql = format!(
        "with plain as (
           select r.analysis_type, case when a.cache_hit then 'cached' else 'cold' end as outcome, p.phase,
                  (extract(epoch from p.took) * 1000)::integer as ms
             from runs r join analyses a on a.run_id = r.id
            cross join lateral (
              values ('total', r.finished_at - r.created_at), ('waiting', r.started_at - r.created_at),
                     ('reading', r.ai_started_at - r.started_at), ('judging', r.finished_at - r.ai_started_at)
            ) as p (phase, took)
            where '{account}' in (r.account_id, '{EVERYBODY}') and p.took is not null
         )
         select p.runs, e.runs, (p.times ->> ('p' || e.percent || '_ms'))::float8, e.ms::float8
           from private.run_percentiles('{account}', {FIRST}, {LAST}) p
           full join (
             select l.analysis_type, l.outcome, l.phase, q.percent, count(*) as runs,
                    percentile_disc(q.percent / 100.0) within group (order by l.ms) as ms
               from plain l cross join (values (50), (95), (99)) as q (percent)
              group by 1, 2, 3, 4
           ) e on (e.analysis_type, e.outcome, e.phase) = (p.analysis_type, p.outcome, p.phase)"
    );
    let rows = stage.superuser.query(&sql, &[]).await?;
    // A group that only one side knows has no number here, and the test panics.
    Ok(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect())
}

#[tokio::test]
async fn the_sums_say_what_the_rows_say_whatever_is_summed_up_already() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let (ann, bob) = (stage.member.account_id, stage.database.member("bob", 0).await?.account_id);
    generate(&stage, ann, 1_500).await?;
    generate(&stage, bob, 300).await?;
    let admin = stage.admin();
    for step in 0..=7 {
        for account in [ann, bob, EVERYBODY] {
            let [told, plain] = both_sums(&stage, account).await?;
            assert!(!plain.is_empty());
            assert_eq!(told, plain, "{account} after {step} days");
            let quantiles = percentiles(&stage, account).await?;
            assert_eq!(quantiles.len(), 2 * 3 * 4 * 3, "cold and cached, three types, four phases, three percentiles");
            for (runs, exact_runs, told, exact) in quantiles {
                assert_eq!(runs, exact_runs);
                // Bob has fewer than a thousand.
                let error_max = if account == bob { 0.0 } else { exact * 0.01 + 1.0 };
                assert!((told - exact).abs() <= error_max, "{account} after {step} days: {told} for {exact}");
            }
        }
        if admin.sum_up(Timestamp::MAX).await.unwrap().is_done {
            break;
        }
    }
    let left = "select clock_timestamp() - summed_until < interval '2 minutes' from insight_progress";
    assert!(stage.superuser.query_one(left, &[]).await?.get::<_, bool>(0));
    Ok(())
}

#[tokio::test]
async fn a_day_that_is_over_never_changes_and_a_repeat_changes_nothing() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let account = stage.member.account_id;
    generate(&stage, account, 400).await?;
    let admin = stage.admin();
    let report = sum_up(&admin, Timestamp::MAX).await.unwrap();
    assert!((5..=6).contains(&report.days) && !report.is_cut_short, "{report:?}");
    // As text, because the packed sums have more digits than a JSON number may have here.
    let kept = "select jsonb_build_object('day', i.day, 'row', i::text) from insight_runs i
                 order by account_id, day, analysis_type, outcome, error_code";
    let calls = "select jsonb_build_object('day', i.day, 'row', i::text) from insight_calls i order by i";
    let costs = "select jsonb_build_object('day', i.day, 'row', i::text) from insight_account_costs i order by i";
    let before = [rows(&stage, kept).await?, rows(&stage, calls).await?, rows(&stage, costs).await?];
    assert!(before.iter().all(|rows| !rows.is_empty()));
    // As if it had done nothing yet, and two at once.
    stage.execute("update insight_progress set summed_until = '-infinity'", &[]).await?;
    let other = stage.admin();
    let (one, two) = tokio::join!(sum_up(&admin, Timestamp::MAX), sum_up(&other, Timestamp::MAX));
    assert!(one.is_ok() && two.is_ok());
    let mut again = [rows(&stage, kept).await?, rows(&stage, calls).await?, rows(&stage, costs).await?];
    // The last minutes of today may have come in meanwhile.
    let is_over = |row: &Value| row["day"].as_str() != before[0].last().and_then(|last| last["day"].as_str());
    let mut before = before.clone();
    for rows in before.iter_mut().chain(again.iter_mut()) {
        rows.retain(|row| is_over(row));
    }
    assert_eq!(again, before);
    // What ends now is today's, whenever it began, and is shown at once.
    let old = "set session_replication_role = replica;
               insert into runs (id, account_id, username, analysis_type, status, credits, created_at)
                 select gen_random_uuid(), account_id, 'esa', 'LIGHT', 'pending', 1, clock_timestamp() - interval '3 days'
                   from runs limit 1;
               reset session_replication_role;
               update runs set status = 'failed', charge_outcome = 'refunded', error_code = 'stalled', error_message = 'x',
                      finished_at = clock_timestamp() where status = 'pending'";
    stage.superuser.batch_execute(old).await?;
    let [told, plain] = both_sums(&stage, account).await?;
    assert_eq!(told, plain);
    Ok(())
}

#[tokio::test]
async fn leads_that_are_deleted_later_change_nothing_of_a_day_whether_it_is_summed_up_or_not() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let account = stage.member.account_id;
    generate(&stage, account, 400).await?;
    let day = InsightDays { days: 92, last_day: None };
    let ask = async |what| stage.tenant().insight(acting(&stage.member), what, day).await.unwrap().unwrap();
    let before = [ask(Insight::Cache).await, ask(Insight::Latency).await];
    assert!(before[0]["cached"].as_u64().unwrap() > 50, "{}", before[0]);
    // As the clean-up does thirty days after the customer has deleted all of them.
    stage.execute("delete from analyses", &[]).await?;
    assert_eq!([ask(Insight::Cache).await, ask(Insight::Latency).await], before, "read from the rows");
    sum_up(&stage.admin(), Timestamp::MAX).await.unwrap();
    assert_eq!([ask(Insight::Cache).await, ask(Insight::Latency).await], before, "read from the sums");
    Ok(())
}

#[tokio::test]
async fn a_run_keeps_whether_its_profile_was_cached() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    for (name, is_cached) in [("nasa", true), ("esa", false)] {
        let run = stage.begun_and(name, "saving").await?;
        let mut result = crate::support::result(70);
        result["result"]["cache_hit"] = json!(is_cached);
        let lead = crate::support::lead("2026-01-01T00:00:00Z", 1000);
        crate::support::complete_with(&stage.backend, run, &lead, &result).await?;
        assert_eq!(stage.run_field(run, "cache_hit").await?, Some(is_cached.to_string()));
    }
    Ok(())
}

async fn shown(stage: &Stage, what: Insight) -> Value {
    stage.tenant().insight(acting(&stage.member), what, DAYS).await.unwrap().unwrap()
}

fn read<T: serde::de::DeserializeOwned>(document: &Value) -> T {
    serde_json::from_value(document.clone()).unwrap_or_else(|error| panic!("{error}: {document}"))
}

#[tokio::test]
async fn a_customer_sees_the_runs_of_their_account_alone_and_no_dollars() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let bob = stage.database.member("bob", 0).await?;
    generate(&stage, bob.account_id, 200).await?;
    for is_summed in [false, true] {
        if is_summed {
            sum_up(&stage.admin(), Timestamp::MAX).await.unwrap();
        }
        for what in Insight::ALL {
            let document = shown(&stage, what).await;
            let text = document.to_string();
            assert!(!text.contains("LIGHT"), "another's run is counted: {text}");
            let of_bob = stage.tenant().insight(acting(&bob), what, DAYS).await.unwrap().unwrap();
            assert_eq!(of_bob["last_day"], document["last_day"]);
            for secret in ["usd", "openai", "apify"] {
                assert!(!of_bob.to_string().contains(secret), "{secret}: {of_bob}");
            }
            assert!(what == Insight::Drivers || of_bob.to_string().contains("LIGHT"), "{of_bob}");
            // With the account of another, or the one that stands for all, they are strangers.
            for account in [bob.account_id, EVERYBODY] {
                let member = oslira_app::features::auth::Member::new(
                    acting(&stage.member).user(),
                    oslira_app::shared::ids::AccountId::new(account),
                );
                assert_eq!(stage.tenant().insight(member, what, DAYS).await.unwrap(), None);
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_a_customer_sees_of_their_runs_fits_together() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    generate(&stage, stage.member.account_id, 100).await?;
    let costs: CreditInsight = read(&shown(&stage, Insight::Costs).await);
    assert_eq!(costs.runs, 100);
    let cache: CacheInsight = read(&shown(&stage, Insight::Cache).await);
    let errors: ErrorInsight = read(&shown(&stage, Insight::Errors).await);
    assert_eq!(cache.complete, errors.complete);
    assert_eq!(errors.complete + errors.failed + errors.cancelled, 100);
    // A third of the failures are of profiles that do not exist.
    assert!(errors.failed_by_us < errors.failed && errors.failed_by_us > 0, "{errors:?}");
    let ours: u64 = errors.by_code.iter().filter(|code| code.is_ours).map(|code| code.runs).sum();
    assert_eq!(ours, errors.failed_by_us);
    let rate = errors.complete as f64 / (errors.complete + errors.failed_by_us) as f64;
    assert!((errors.success_rate.unwrap() - rate).abs() < 1e-4);
    let latency: LatencyInsight = read(&shown(&stage, Insight::Latency).await);
    assert_eq!(latency.analyses.iter().map(|group| group.runs).sum::<u64>(), errors.complete);
    Ok(())
}

#[tokio::test]
async fn who_spent_is_named_and_the_shares_are_of_the_whole() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let run = stage.begun_and("nasa", "saving").await?;
    crate::support::complete(&stage.backend, run).await?;
    let drivers: CreditDrivers = read(&shown(&stage, Insight::Drivers).await);
    assert_eq!((drivers.by_type.len(), drivers.by_type[0].credits, drivers.by_type[0].share), (1, 1, 1.0));
    let spender = &drivers.by_spender[0];
    assert_eq!((spender.credits, spender.share), (1, 1.0));
    assert!(spender.spender.name.as_deref().unwrap().starts_with("ann"));
    Ok(())
}

#[tokio::test]
async fn operators_see_all_accounts_in_dollars_and_strangers_nothing() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let bob = stage.database.member("bob", 0).await?.account_id;
    generate(&stage, stage.member.account_id, 300).await?;
    generate(&stage, bob, 100).await?;
    let (db, operator) = (stage.operators(), crate::operators::acting(stage.member.user_id));
    for what in Insight::ALL {
        assert!(matches!(db.insight(&operator, what, DAYS).await, Err(StoreError::OperatorRequired)));
    }
    stage.appoint(stage.member.user_id).await?;
    for is_summed in [false, true] {
        if is_summed {
            sum_up(&stage.admin(), Timestamp::MAX).await.unwrap();
        }
        let ask = async |what| db.insight(&operator, what, DAYS).await.unwrap();
        let costs: SystemCosts = read(&ask(Insight::Costs).await);
        let paid = "select ((select sum(cost_microusd) from ai_usage_logs) / 1e6)::float8,
                           ((select sum(cost_microusd) from scrape_logs) / 1e6)::float8,
                           (select sum(cached_tokens)::float8 / sum(input_tokens) from ai_usage_logs)";
        let row = stage.superuser.query_one(paid, &[]).await?;
        let (ai, scrape, share): (f64, f64, f64) = (row.get(0), row.get(1), row.get(2));
        assert!((costs.ai_usd - ai).abs() < 1e-9 && (costs.scrape_usd - scrape).abs() < 1e-9, "{costs:?}");
        assert!((costs.usd - ai - scrape).abs() < 1e-9 && (costs.cached_token_share.unwrap() - share).abs() < 1e-4);
        assert!((costs.by_day.iter().map(|day| day.usd).sum::<f64>() - costs.usd).abs() < 1e-9);
        assert!((costs.by_type.iter().map(|kind| kind.ai_usd + kind.scrape_usd).sum::<f64>() - costs.usd).abs() < 1e-9);

        let drivers: SystemDrivers = read(&ask(Insight::Drivers).await);
        assert_eq!(drivers.accounts.len(), 2);
        assert_eq!(drivers.accounts[0].account_id.uuid(), stage.member.account_id);
        assert!((drivers.accounts.iter().map(|account| account.usd).sum::<f64>() - costs.usd).abs() < 1e-9);
        assert_eq!(drivers.calls.len(), 4, "three AI calls and an actor");

        let errors: SystemErrors = read(&ask(Insight::Errors).await);
        assert_eq!(errors.complete + errors.failed + errors.cancelled, 400);
        assert!(errors.calls.iter().any(|call| call.outcome == "failed" && call.calls > 0));
        let cache: SystemCache = read(&ask(Insight::Cache).await);
        assert_eq!((cache.models.len(), cache.complete), (1, errors.complete));
        let latency: SystemLatency = read(&ask(Insight::Latency).await);
        assert_eq!((latency.analyses.len(), latency.calls.len()), (6, 4));
        for call in &latency.calls {
            let took = call.took;
            assert!(900 <= took.p50_ms && took.p50_ms <= took.p95_ms && took.p95_ms <= took.p99_ms, "{call:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_bill_that_comes_after_the_end_of_its_run_counts_for_the_day_it_came() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let run = stage.begun("nasa").await?;
    crate::support::cancel(&stage.customer, run).await?;
    sum_up(&stage.admin(), Timestamp::MAX).await.unwrap();
    record_usage(&stage.backend, run, "ai", "late", &ai_usage()).await?;
    stage.appoint(stage.member.user_id).await?;
    let operator = crate::operators::acting(stage.member.user_id);
    let costs: SystemCosts = read(&stage.operators().insight(&operator, Insight::Costs, DAYS).await.unwrap());
    assert_eq!(costs.by_day.len(), 1);
    assert!((costs.usd - 412e-6).abs() < 1e-12, "{costs:?}");
    assert_eq!(json!(costs.by_type[0].usd_each), Value::Null, "no analysis has a result");
    Ok(())
}
