//! Requests over keep-alive connections. In a closed loop each connection belongs to one customer and sends its next request after the
//! answer to the last; in an open loop requests leave at their times, whether or not earlier ones were answered.

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

#[derive(Debug, Clone, Copy)]
pub struct OpenLoad {
    /// Requests of all connections together, before the measured ones.
    pub warm_up: usize,
    pub requests: usize,
    /// Of all connections together.
    pub every: Duration,
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

/// Sends each request at its time, by one connection after the other. A latency begins at that time, so that a request which had to
/// wait for its connection counts with its wait.
pub fn drive_open<C: Send>(
    connections: Vec<C>,
    load: OpenLoad,
    request: impl Fn(&C, usize) -> Result<()> + Sync,
) -> Result<Latency> {
    let numbers = 0..load.warm_up + load.requests;
    let times: Vec<Duration> =
        numbers.map(|number: usize| Ok(load.every * u32::try_from(number)?)).collect::<Result<_>>()?;
    let times = &times;
    let (request, count) = (&request, connections.len());
    let began = Instant::now();
    let mut all = empty()?;
    std::thread::scope(|scope| {
        let lane = |(first, connection): (usize, C)| {
            scope.spawn(move || {
                let mut seen = empty()?;
                for (number, time) in times.iter().enumerate().skip(first).step_by(count) {
                    let due = began + *time;
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                    request(&connection, number)?;
                    if number >= load.warm_up {
                        record(&mut seen, due)?;
                    }
                }
                Ok::<_, anyhow::Error>(seen)
            })
        };
        let working: Vec<_> = connections.into_iter().enumerate().map(lane).collect();
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
            record(&mut seen, started)?;
        }
        std::thread::sleep(load.pause);
    }
    Ok(seen)
}

fn record(seen: &mut Histogram<u64>, since: Instant) -> Result<()> {
    // The histogram starts at 1 µs, and a value above its bound counts as the bound.
    seen.saturating_record(u64::try_from(since.elapsed().as_micros())?.max(1));
    Ok(())
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
    fn requests_leave_at_their_times_and_a_late_one_counts_from_its_time() {
        let sent = AtomicUsize::new(0);
        let load = OpenLoad { warm_up: 1, requests: 4, every: Duration::from_millis(5) };
        let began = Instant::now();
        // One connection, which takes four times as long as the requests are apart.
        let latency = drive_open(vec![()], load, |(), number| {
            assert_eq!(sent.fetch_add(1, Ordering::Relaxed), number);
            std::thread::sleep(Duration::from_millis(20));
            Ok(())
        })
        .unwrap();
        assert_eq!((sent.into_inner(), latency.0.len()), (5, 4));
        // The last was due after 20 ms and answered after at least 100.
        assert!(began.elapsed() >= Duration::from_millis(100) && latency.ms(1.0) >= 79.0, "{}", latency.ms(1.0));
    }

    #[test]
    fn a_refused_request_ends_the_measuring() {
        let load = Load { warm_up: 0, requests: 1, pause: Duration::ZERO };
        assert!(drive(vec![()], load, |(), _| Err(anyhow!("refused"))).is_err());
    }
}
