//! A hundred accounts that each ask for a LIGHT analysis at the same moment, against what ten actor runs allow.
//!
//! The metric is a ratio of two times from the first request to the last end. The measured one ends with the last `finished_at`. The
//! other one is a greedy online schedule ([`schedule`]): an analysis arrives with its 202; its profile is read as soon as one of ten
//! actor runs is free, with at most nine others who wait; the run takes as long as the sandbox draws for these usernames; then the
//! model answers, for as long as the sandbox took to answer the question of this analysis; and that is its end. Everything else, which is
//! all that Oslira does, takes no time there. The schedule knows nothing of the future, so it is a limit for what does not either, but no
//! lower bound: whoever gets in line before the 202 can do better.

use std::{
    sync::Barrier,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};
use jiff::Timestamp;
use oslira_providers::apify::PROFILE_ACTOR;
use serde_json::{Value, json};

use super::greedy::{Limits, schedule};
use super::{Bench, analyses};
use crate::api::Api;
use crate::http::Http;
use crate::postgres::{PgUrl, database::with_client};

const ACCOUNTS: usize = 100;
/// `APIFY_MAX_CONCURRENT`, and how many profiles share an actor run.
const LIMITS: Limits = Limits { actor_runs: 10, profiles_per_run: 10 };
const ALL_MAX: Duration = Duration::from_secs(180);

/// One of the analyses.
struct Started {
    username: String,
    run: String,
    asked: Timestamp,
    /// When its 202 was here.
    accepted: Timestamp,
}

/// The measured time divided by that of the schedule.
pub fn ratio_to_limit(bench: &Bench<'_>) -> Result<f64> {
    eprintln!("  {ACCOUNTS} LIGHT analyses by as many accounts at once …");
    let mut started = start_all(bench)?;
    started.sort_by_key(|one| one.accepted);
    let first = started.iter().map(|one| one.asked).min().context("nothing was started")?;
    let measured_ms = last_end_ms(bench, &started)? - first.as_millisecond() as f64;
    let since_first_ms = |at: Timestamp| at.duration_since(first).as_secs_f64() * 1_000.0;
    let arrivals_ms: Vec<f64> = started.iter().map(|one| since_first_ms(one.accepted)).collect();
    let read_ms = schedule(&arrivals_ms, LIMITS, |group| {
        let usernames: Vec<&str> =
            group.iter().filter_map(|place| started.get(*place)).map(|one| one.username.as_str()).collect();
        draw(bench, &usernames)
    })?;
    let answers_ms = started.iter().map(|one| answer_ms(bench, one)).collect::<Result<Vec<f64>>>()?;
    let limit_ms = read_ms.iter().zip(&answers_ms).map(|(read_ms, answer_ms)| read_ms + answer_ms).fold(0.0, f64::max);
    eprintln!("  {:.1} s, by the schedule {:.1} s", measured_ms / 1_000.0, limit_ms / 1_000.0);
    Ok(measured_ms / limit_ms)
}

/// Sends all requests at the same moment, each by an account and on a connection of its own.
fn start_all(bench: &Bench<'_>) -> Result<Vec<Started>> {
    let customers = (0..ACCOUNTS)
        .map(|number| Ok((bench.customers.mint()?, bench.customers.username("g", number)?)))
        .collect::<Result<Vec<_>>>()?;
    let all_ready = Barrier::new(ACCOUNTS);
    let all_ready = &all_ready;
    std::thread::scope(|scope| {
        let start = |(api, username): (Api, String)| {
            scope.spawn(move || {
                all_ready.wait();
                let asked = Timestamp::now();
                let run = api.analyze(&username, analyses::LIGHT.analysis_type)?.run_id;
                Ok(Started { username, run, asked, accepted: Timestamp::now() })
            })
        };
        let requests: Vec<_> = customers.into_iter().map(start).collect();
        requests.into_iter().map(|request| request.join().map_err(|_| anyhow!("a request panicked"))?).collect()
    })
}

/// When the last of them has its result, in milliseconds since 1970 by the database's clock.
fn last_end_ms(bench: &Bench<'_>, started: &[Started]) -> Result<f64> {
    let runs: Vec<&str> = started.iter().map(|one| one.run.as_str()).collect();
    let sql = "select count(*) filter (where finished_at is null), count(*) filter (where status = 'complete'),
        (extract(epoch from max(finished_at)) * 1000)::float8 from runs where id = any($1::text[]::uuid[])";
    let begun = Instant::now();
    loop {
        let (open, complete, ended_ms): (i64, i64, Option<f64>) =
            with_client(&PgUrl::parse(&bench.stack.database_url)?, async |client| {
                let row = client.query_one(sql, &[&runs]).await?;
                Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
            })?;
        match ended_ms {
            Some(ended_ms) if complete == ACCOUNTS as i64 => return Ok(ended_ms),
            _ if open == 0 => bail!("{complete} of {ACCOUNTS} analyses are complete"),
            _ if begun.elapsed() > ALL_MAX => bail!("{open} analyses have not ended after {} s", ALL_MAX.as_secs()),
            _ => sleep(Duration::from_secs(1)),
        }
    }
}

/// How many milliseconds after its start an actor run has the profile of each of these usernames.
fn draw(bench: &Bench<'_>, usernames: &[&str]) -> Result<Vec<f64>> {
    let url = format!("{}/control/draws", bench.stack.sandbox_url);
    let wanted = json!({ "actor": PROFILE_ACTOR, "usernames": usernames });
    let mut answer = Http::new(Duration::from_secs(5)).post(&url, Some(&bench.stack.sandbox_token), &wanted)?;
    let appears_ms = answer.body.get_mut("appears_ms").map(Value::take);
    serde_json::from_value(appears_ms.with_context(|| format!("{url} answers {} {}", answer.status, answer.body))?)
        .context("the sandbox's draws are no times")
}

/// How long the sandbox took to answer the question of this analysis.
fn answer_ms(bench: &Bench<'_>, one: &Started) -> Result<f64> {
    analyses::slowest(&analyses::calls(bench, "openai.chat", &one.username, one.asked.as_millisecond())?)
}
