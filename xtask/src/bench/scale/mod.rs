//! The database at scale: the product's own statements, as a customer of the largest account and as one of a large one,
//! in a database of a million leads.
//!
//! A sample is one statement's time (`timed`). What the product does with the answer afterwards is left out, except for the export:
//! that is the whole of it. The requests are random and the same in every run.

mod database;
mod insights;
mod requests;

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use futures_util::TryStreamExt as _;
use jiff::SignedDuration;
use oslira_app::features::analysis::{BeginOutcome, RequiredServices, RunRepository, SystemRuns};
use oslira_app::features::judging::ModelChoice;
use oslira_app::features::leads::{LeadQuery, LeadRepository, export};
use oslira_app::shared::{analysis_type::AnalysisType, ids::RunId};
use tokio_postgres::Client;
use uuid::Uuid;

pub use self::insights::NAME as INSIGHTS;
use self::requests::{Account, Random};
use super::metric::{Metric, Report, quantile};
use super::timed::{Users, connect};
use crate::postgres::PgUrl;
use crate::project::Project;

const WARM_UP: usize = 200;
const SAMPLES: usize = 2_000;
/// An export takes half a second, so two thousand of them would take a quarter of an hour.
const EXPORTS: usize = 100;
const RUNS_A_DAY: i64 = 10_000;

pub fn measure(project: &Project, report: &mut Report) -> Result<()> {
    let database = database::start(project)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure_all(&database.url, report))
}

/// The same database, asked for what operators and customers read about many runs.
pub fn measure_insights(project: &Project, report: &mut Report) -> Result<()> {
    let database = database::start(project)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(insights::measure(&database.url, report))
}

async fn measure_all(url: &PgUrl, report: &mut Report) -> Result<()> {
    let superuser = connect(url).await?;
    let users = Users::connect(url).await?;
    for (number, names) in [(1, "scale."), (2, "scale.small.")] {
        let account = Account::read(&superuser, number).await?;
        read_into_memory(&superuser, &account).await?;
        lists(&users, &account, names, report).await?;
    }
    if report.wants("scale.begin_busy_day_ms.")
        || report.wants("scale.sweep_ms.")
        || report.wants("scale.mark_stale_ms.")
    {
        busy_day(&superuser, &users, report).await?;
    }
    Ok(())
}

/// A server that has been up for a day has the account's leads in its memory, and this one has just started: without this, the
/// slowest samples would be those that meet a page for the first time.
async fn read_into_memory(superuser: &Client, account: &Account) -> Result<()> {
    // Reading a large table from its beginning to its end would keep little of it.
    superuser.batch_execute("set enable_seqscan = off").await?;
    let sql = "select count(search_text) from leads where account_id = $1::text::uuid";
    superuser.query_one(sql, &[&account.member.account().to_string()]).await?;
    Ok(superuser.batch_execute("reset enable_seqscan").await?)
}

/// The pages of `GET /leads`, and the export.
async fn lists(users: &Users, account: &Account, names: &str, report: &mut Report) -> Result<()> {
    for (kind, draw) in requests::KINDS {
        let name = format!("{names}{kind}_ms.");
        if !report.wants(&name) {
            continue;
        }
        let mut random = Random::new(kind);
        let mut taken = Vec::with_capacity(SAMPLES);
        for number in 0..WARM_UP + SAMPLES {
            let (query, page) = draw(account, &mut random);
            LeadRepository::list(users.tenant.as_ref(), account.member, &query, page).await?;
            let ms = users.spent.take_ms();
            if number >= WARM_UP {
                taken.push(ms);
            }
        }
        add(report, &name, &taken);
    }
    let name = format!("{names}csv_10k_ms.");
    if report.wants(&name) {
        let mut random = Random::new("csv");
        let mut taken = Vec::with_capacity(EXPORTS);
        for _ in 0..EXPORTS {
            let query = requests::export(account, &mut random);
            let started = Instant::now();
            exported(users, account, query).await?;
            taken.push(started.elapsed().as_secs_f64() * 1_000.0);
            users.spent.take_ms();
        }
        add(report, &name, &taken);
    }
    Ok(())
}

async fn exported(users: &Users, account: &Account, query: LeadQuery) -> Result<usize> {
    let file = export(users.tenant.clone(), account.member, query).await?;
    let bytes = file.pieces.try_fold(0, async |bytes, piece| Ok(bytes + piece.len())).await?;
    Ok(bytes)
}

/// Beginning, sweeping and marking on a day with ten thousand runs of the largest account, whose daily cap is set.
async fn busy_day(superuser: &Client, users: &Users, report: &mut Report) -> Result<()> {
    let account = Account::read(superuser, 1).await?;
    let owner = account.member.account().to_string();
    superuser.execute("select local.busy_day($1::text::uuid, $2)", &[&owner, &RUNS_A_DAY]).await?;
    let cap = "update accounts set daily_credit_cap = 1000000000 where id = $1::text::uuid";
    superuser.execute(cap, &[&owner]).await?;
    superuser.batch_execute("analyze runs").await?;
    let needs = RequiredServices::of(AnalysisType::Light, &ModelChoice::default())
        .map_err(|call| anyhow!("no model for {call:?}"))?;
    let mut random = Random::new("begin");
    let (mut begun, mut swept, mut marked) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..WARM_UP + SAMPLES {
        let run = RunId::new(Uuid::now_v7());
        let request = requests::analysis(&account, &mut random)?;
        users.spent.take_ms();
        let outcome = users.tenant.begin(account.member, run, &request, &needs, None, "body").await?;
        let begin_ms = users.spent.take_ms();
        if !matches!(outcome, BeginOutcome::Started(_)) {
            return Err(anyhow!("a run was not begun: {outcome:?}"));
        }
        let found = users.admin.sweep(SignedDuration::from_mins(5), Duration::ZERO, 1).await?;
        let sweep_ms = users.spent.take_ms();
        if let Some(found) = found.first() {
            return Err(anyhow!("the sweep ended run {found}, which is not stale"));
        }
        // Before every scrape there is, so that nothing is marked and every run finds the same database.
        users.admin.mark_stale(&account.popular_username(&mut random)?, "2026-01-01T00:00:00Z".parse()?).await?;
        let mark_ms = users.spent.take_ms();
        // Refunded, so that no active run is left; and moved out of the hour, which would else hold two thousand runs more
        // than a day of ten thousand has in it.
        users.tenant.cancel(account.member.user(), run).await?;
        superuser
            .execute("update runs set created_at = created_at - interval '2 hours' where id = $1", &[&run.uuid()])
            .await?;
        if number >= WARM_UP {
            begun.push(begin_ms);
            swept.push(sweep_ms);
            marked.push(mark_ms);
        }
    }
    add(report, "scale.begin_busy_day_ms.", &begun);
    add(report, "scale.sweep_ms.", &swept);
    add(report, "scale.mark_stale_ms.", &marked);
    Ok(())
}

fn add(report: &mut Report, name: &str, taken: &[f64]) {
    for (share, percentile) in [(0.5, "p50"), (0.99, "p99")] {
        report.add(Metric::ms(format!("{name}{percentile}"), quantile(taken, share).unwrap_or_default()));
    }
}
