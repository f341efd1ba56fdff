//! A closed loop of requests over keep-alive connections: each connection belongs to one customer and sends its next
//! request after the answer to the last.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use hdrhistogram::Histogram;

/// Latencies up to a minute are recorded to three significant digits, finer than they are reported.
const LONGEST_US: u64 = 60_000_000;
const DIGITS: u8 = 3;

#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Requests per connection before the measured ones.
    pub warm_up: usize,
    /// Measured requests per connection.
    pub requests: usize,
    /// The wait between an answer and the next request of the same connection.
    pub pause: Duration,
}

/// The measured latencies, in microseconds.
#[derive(Debug)]
pub struct Latency(Histogram<u64>);

impl Latency {
    /// A quantile (0 to 1), in milliseconds.
    pub fn ms(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1_000.0
    }
}

/// Sends the requests of all connections at the same time; `request` gets the connection and the number of the request.
pub fn drive<C: Send>(
    connections: Vec<C>,
    load: Load,
    request: impl Fn(&C, usize) -> Result<()> + Sync,
) -> Result<Latency> {
    let request = &request;
    let mut all = empty()?;
    std::thread::scope(|scope| {
        let working: Vec<_> =
            connections.into_iter().map(|connection| scope.spawn(move || one(&connection, load, request))).collect();
        for thread in working {
            all.add(thread.join().map_err(|_| anyhow!("a thread of the load generator panicked"))??)?;
        }
        Ok::<_, anyhow::Error>(())
    })?;
    Ok(Latency(all))
}

fn one<C>(connection: &C, load: Load, request: &impl Fn(&C, usize) -> Result<()>) -> Result<Histogram<u64>> {
    let mut seen = empty()?;
    for number in 0..load.warm_up + load.requests {
        let started = Instant::now();
        request(connection, number)?;
        if number >= load.warm_up {
            // The histogram starts at 1 µs, and a value above its bound counts as the bound.
            seen.saturating_record(u64::try_from(started.elapsed().as_micros())?.max(1));
        }
        std::thread::sleep(load.pause);
    }
    Ok(seen)
}

fn empty() -> Result<Histogram<u64>> {
    Histogram::new_with_bounds(1, LONGEST_US, DIGITS).context("the histogram's bounds are wrong")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn every_request_of_every_connection_is_sent_and_the_warm_up_is_not_counted() {
        let sent = AtomicUsize::new(0);
        let load = Load { warm_up: 2, requests: 3, pause: Duration::ZERO };
        let latency = drive(vec![(); 4], load, |(), _| {
            sent.fetch_add(1, Ordering::Relaxed);
            Ok(())
        })
        .unwrap();
        assert_eq!((sent.into_inner(), latency.0.len()), (20, 12));
    }

    #[test]
    fn a_refused_request_ends_the_measuring() {
        let load = Load { warm_up: 0, requests: 1, pause: Duration::ZERO };
        assert!(drive(vec![()], load, |(), _| Err(anyhow!("refused"))).is_err());
    }
}
