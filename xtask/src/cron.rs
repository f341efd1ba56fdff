//! `cargo xtask cron`: runs one scheduled job of the running stack, as the platform would, and prints what became of it.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser as _};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use oslira_app::shared::clock::read_time;
use oslira_app::triggers::Job;
use serde_json::Value;

use crate::http::Http;
use crate::postgres::{PgUrl, database::with_client};
use crate::project::Project;
use crate::stack::{Document, Place};

/// The platform gives a job a quarter of an hour.
const JOB_MAX: Duration = Duration::from_secs(15 * 60);

/// Arguments of `cargo xtask cron`.
#[derive(clap::Args)]
pub struct CronArgs {
    /// The job
    #[arg(value_parser = job_parser())]
    job: Job,
    /// The moment that the job takes for now: a day (UTC), or a time such as 2027-01-31T02:00:00Z [default: now]
    #[arg(long, value_name = "TIME", value_parser = read_moment)]
    at: Option<Timestamp>,
    #[command(flatten)]
    place: Place,
}

fn job_parser() -> impl clap::builder::TypedValueParser<Value = Job> {
    let names = Job::ALL.map(|job| PossibleValue::new(job.name()).help(job.purpose()));
    PossibleValuesParser::new(names).try_map(|name| Job::named(&name).context("no such job"))
}

fn read_moment(text: &str) -> Result<Timestamp> {
    let day = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok().map(|midnight| midnight.timestamp());
    read_time(text).or_else(day).context("neither a day (2027-01-31) nor a time (2027-01-31T02:00:00Z)")
}

/// What a job's row says of it.
struct Outcome {
    report: Option<Value>,
    error: Option<String>,
}

/// Runs the job and prints its report; an error if it failed.
pub fn run(project: &Project, args: &CronArgs) -> Result<()> {
    let stack = Document::load(&args.place.layout(project)?)?;
    let database = PgUrl::parse(&stack.database_url)?;
    let (job, at_ms) = (args.job, args.at.unwrap_or_else(Timestamp::now).as_millisecond());
    let before = newest_run(&database)?;
    let url = format!("{}?cron={}&time={at_ms}", stack.scheduled_url, encoded(job.cron()));
    let answer = Http::new(JOB_MAX).post(&url, None, &Value::Null)?;
    let log = "the end of logs/worker.log in the stack's directory says more";
    match outcome(&database, job, before, Timestamp::from_millisecond(at_ms)?)? {
        Some(Outcome { report: Some(report), .. }) => println!("{}", serde_json::to_string_pretty(&report)?),
        Some(Outcome { error: Some(error), .. }) => bail!("{} failed: {error}", job.name()),
        Some(_) => bail!("{} did not end: {log}", job.name()),
        None => bail!("the Worker answered {}, and {} left no row in job_runs: {log}", answer.status, job.name()),
    }
    Ok(())
}

/// The id of the newest row, so that those of earlier runs are not taken for this one's.
fn newest_run(database: &PgUrl) -> Result<i64> {
    with_client(database, async |client| {
        Ok(client.query_one("select coalesce(max(id), 0) from job_runs", &[]).await?.try_get(0)?)
    })
}

fn outcome(database: &PgUrl, job: Job, before: i64, at: Timestamp) -> Result<Option<Outcome>> {
    let sql = "select report, error from job_runs
                where job = $1 and id > $2 and scheduled_for = $3::text::timestamptz order by id limit 1";
    with_client(database, async |client| {
        let row = client.query_opt(sql, &[&job.name(), &before, &at.to_string()]).await?;
        row.map(|row| Ok(Outcome { report: row.try_get(0)?, error: row.try_get(1)? })).transpose()
    })
}

/// For a query: everything but letters and digits in its percent-encoding.
pub fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_day_or_a_time() {
        for (text, moment) in [
            ("2027-01-31", "2027-01-31T00:00:00Z"),
            ("2027-01-31T02:00:00Z", "2027-01-31T02:00:00Z"),
            ("2027-01-31T02:00:00+01:00", "2027-01-31T01:00:00Z"),
        ] {
            assert_eq!(read_moment(text).unwrap().to_string(), moment);
        }
        for text in ["", "tomorrow", "2027-02-30", "02:00"] {
            assert!(read_moment(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_cron_expression_is_one_value_of_a_query() {
        assert_eq!(encoded("*/5 * * * *"), "%2A%2F5%20%2A%20%2A%20%2A%20%2A");
        assert_eq!(encoded("@start"), "%40start");
    }
}
