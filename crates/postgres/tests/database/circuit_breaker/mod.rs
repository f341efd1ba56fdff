//! The circuit breaker: what opens it, for how long, and what it keeps from being sold.

mod opening;
mod refusing;

use oslira_testkit::{Error, Session, TestResult};
use serde_json::Value;
use uuid::Uuid;

use crate::support::{Request, Stage, begin};

async fn report(backend: &Session, provider: &str, kind: &str, run: Uuid) -> Result<bool, Error> {
    let sql = "select system.report_outage($1, $2, $3)";
    Ok(backend.call(sql, &[&provider, &kind, &run]).await?["outcome"] == "opened")
}

/// A report by a run of its own.
async fn exhausted(stage: &Stage, provider: &str) -> Result<bool, Error> {
    report(&stage.backend, provider, "exhausted", Uuid::now_v7()).await
}

async fn down(stage: &Stage, provider: &str) -> Result<bool, Error> {
    report(&stage.backend, provider, "down", Uuid::now_v7()).await
}

/// Three runs that find a provider down.
async fn struck_out(stage: &Stage, provider: &str) -> Result<(), Error> {
    let struck = [down(stage, provider).await?, down(stage, provider).await?, down(stage, provider).await?];
    assert_eq!(struck, [false, false, true], "{provider}");
    Ok(())
}

/// Lets time pass for the breaker.
async fn pass(stage: &Stage, seconds: f64) -> TestResult {
    let sql = "with s as (select make_interval(secs => $1) as s)
        update service_outages set first_strike_at = first_strike_at - s, last_strike_at = last_strike_at - s,
          open_until = open_until - s, updated_at = updated_at - s from s";
    stage.execute(sql, &[&seconds]).await.map(drop)
}

/// Seconds from the last report to the end of the last opening.
async fn opening_s(stage: &Stage, provider: &str) -> Result<f64, Error> {
    let sql = "select extract(epoch from open_until - updated_at)::float8 from service_outages where service = $1";
    Ok(stage.superuser.query_one(sql, &[&provider]).await?.get(0))
}

/// The outcome of a request for an analysis that needs these services.
async fn asked(stage: &Stage, services: Value) -> Result<String, Error> {
    let request = Request { services, ..stage.request(&format!("p{}", &Uuid::new_v4().simple().to_string()[..12])) };
    let answer = begin(&stage.customer, &request).await?;
    Ok(answer["outcome"].as_str().unwrap_or("none").to_owned())
}
