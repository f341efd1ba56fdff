//! How soon an event is acknowledged while fifty arrive in a second and the queue works on them.
//!
//! The request's log line has whole milliseconds, and begins when the Worker's one thread gets to the request. So an answer is timed at
//! the client, from the moment when its event was due, and what the way there and back takes is taken off: the median of
//! `GET /health`, which does nothing, at the same rate over as many connections.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;

use super::applied;
use super::endpoint::{Endpoint, connection, filled};
use super::subscribers::{Subscriber, subscribe};
use crate::bench::Bench;
use crate::bench::load::{OpenLoad, drive_open};
use crate::http::Http;

const EVERY: Duration = Duration::from_millis(20);
const EVENTS: OpenLoad = OpenLoad { warm_up: 100, requests: 2_000, every: EVERY };
const BASELINE: OpenLoad = OpenLoad { warm_up: 50, requests: 500, every: EVERY };
/// An event waits for its connection only if an answer takes a third of a second.
const CONNECTIONS: usize = 16;
const SUBSCRIBERS: usize = 10;
const SETTLED_WITHIN: Duration = Duration::from_secs(30);

const FIXTURE: &str = "crates/providers/fixtures/stripe/invoice.paid.json";

/// The slowest answer but one in a hundred.
pub fn p99_ms(bench: &Bench<'_>) -> Result<f64> {
    eprintln!("  {} events, one every {} ms …", EVENTS.requests, EVERY.as_millis());
    let subscribers = subscribe(bench, SUBSCRIBERS)?;
    let fixture = std::fs::read_to_string(bench.project.root().join(FIXTURE)).context(FIXTURE)?;
    let prefix = format!("evt_ack_{}_", bench.customers.tag());
    let count = EVENTS.warm_up + EVENTS.requests;
    let events: Vec<String> = (0..count)
        .map(|number| {
            let subscriber = subscribers.get(number % subscribers.len()).context("no subscribers")?;
            invoice(&fixture, &prefix, number, subscriber)
        })
        .collect::<Result<_>>()?;

    let connections = || (0..CONNECTIONS).map(|_| connection()).collect::<Vec<Http>>();
    let url = format!("{}/health", bench.stack.api_url);
    let baseline = drive_open(connections(), BASELINE, |http, _| match http.get(&url, None)?.status {
        200 => Ok(()),
        status => bail!("{url} answered {status}"),
    })?;
    let endpoint = Endpoint::of(bench)?;
    let latency = drive_open(connections(), EVENTS, |http, number| {
        match endpoint.deliver(http, events.get(number).context("an event too many")?)? {
            200 => Ok(()),
            status => bail!("event {number} was answered with {status}"),
        }
    })?;
    let delivered_at = Timestamp::now();
    let baseline_ms = baseline.ms(0.5);
    eprintln!(
        "  at the client: median {:.1} ms, p99 {:.1} ms; the way alone: {baseline_ms:.1} ms",
        latency.ms(0.5),
        latency.ms(0.99)
    );
    // Nothing of these should be left for the next measurement.
    match applied(bench, &prefix, count, SETTLED_WITHIN) {
        Ok(last_s) => eprintln!(
            "  the last was applied {:.1} s after the last was acknowledged",
            last_s - delivered_at.as_millisecond() as f64 / 1_000.0
        ),
        Err(error) => eprintln!("  the queue is still at work: {error}"),
    }
    Ok(latency.ms(0.99) - baseline_ms)
}

/// An invoice of its own for the subscriber's present month, which has been granted: nothing more is.
fn invoice(fixture: &str, prefix: &str, number: usize, of: &Subscriber) -> Result<String> {
    let (starts_at, ends_at) = of.period;
    filled(
        fixture,
        &[
            ("evt_constructed_inv_paid", &format!("{prefix}{number}")),
            ("in_Constructed01", &format!("in_{prefix}{number}")),
            ("il_Constructed01", &format!("il_{prefix}{number}")),
            ("cus_Constructed01", &of.customer),
            ("sub_Constructed01", &of.subscription),
            ("price_1PgafmB7WZ01zgkW6dKueIc5", &of.price),
            ("00000000-0000-4000-8000-000000000001", &of.account),
            ("\"start\": 1793000000", &format!("\"start\": {starts_at}")),
            ("\"end\": 1795592000", &format!("\"end\": {ends_at}")),
        ],
    )
}
