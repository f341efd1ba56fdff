//! Stripe's events: how soon the Worker acknowledges them, and that each counts once however often it comes.
//!
//! The events are sent by the benchmark itself and signed with the stack's own secret; the sandbox's Stripe answers what is asked about
//! them, and sends none of these.

mod ack;
mod drain;
mod endpoint;
mod subscribers;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::Bench;
use super::metric::{Metric, Report};
use crate::postgres::{PgUrl, database::with_client};

const ACK: &str = "webhook.ack_ms.p99";
const EXACTLY_ONCE: &str = "webhook.drained_exactly_once";

pub const NAMES: [&str; 2] = [ACK, EXACTLY_ONCE];

pub fn measure(bench: &Bench<'_>, report: &mut Report) -> Result<()> {
    if bench.wants(EXACTLY_ONCE) {
        let faults = drain::faults(bench)?;
        for fault in &faults {
            eprintln!("  not exactly once: {fault}");
        }
        report.add(Metric::count(EXACTLY_ONCE, usize::from(faults.is_empty())));
    }
    if bench.wants(ACK) {
        report.add(Metric::ms(ACK, ack::p99_ms(bench)?));
    }
    Ok(())
}

/// Waits until so many events whose id begins like this have been applied; answers when the last one was, in seconds since 1970.
fn applied(bench: &Bench<'_>, prefix: &str, count: usize, within: Duration) -> Result<f64> {
    let sql = "select count(*) filter (where processed_at is not null),
            coalesce(extract(epoch from max(processed_at)), 0)::float8
        from webhook_events where starts_with(id, $1)";
    let began = Instant::now();
    with_client(&PgUrl::parse(&bench.stack.database_url)?, async |client| {
        loop {
            let row = client.query_one(sql, &[&prefix]).await?;
            let applied = usize::try_from(row.try_get::<_, i64>(0)?)?;
            if applied >= count {
                return Ok(row.try_get(1)?);
            }
            if began.elapsed() > within {
                bail!("{applied} of {count} events are applied after {} s", within.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    })
}
