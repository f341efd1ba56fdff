//! What one isolate lets through by itself: a token bucket for whatever is counted together.
//!
//! Whoever sends more than a bucket holds gets the rest evenly, as it is refilled. So a flood cannot use up a window's requests in a
//! moment in which everybody else waits.

use std::{collections::HashMap, num::NonZeroU32, sync::Arc, time::Duration};

use governor::{
    Quota, RateLimiter, clock, clock::Clock as _, middleware::StateInformationMiddleware,
    state::keyed::HashMapStateStore,
};

use super::{TrafficClass, TrafficKey};
use crate::shared::clock::Clock;

/// From so many buckets of a class on, those that are full again are forgotten; if none is, all of them: each client may then send a few
/// more.
const BUCKETS_MAX: usize = 4_096;

/// What a bucket says of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drawn {
    /// More than half of it is left.
    Plenty,
    /// Half or less is left: the client may have used other isolates as well.
    Scarce,
    /// There was no room; there will be after so many milliseconds.
    Empty { for_ms: u32 },
}

type Limiter = RateLimiter<TrafficKey, HashMapStateStore<TrafficKey>, WallClock, StateInformationMiddleware>;

/// The buckets of an isolate; each is full at first.
pub struct Buckets {
    clock: WallClock,
    /// A factor on what buckets hold and get.
    scale: u32,
    limiters: HashMap<TrafficClass, Limiter>,
}

impl Buckets {
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, scale: u32) -> Self {
        Self { clock: WallClock(clock), scale, limiters: HashMap::new() }
    }

    /// Takes a request out of its bucket.
    pub fn draw(&mut self, key: &TrafficKey) -> Drawn {
        let Self { clock, scale, limiters } = self;
        let limiter = limiters.entry(key.class).or_insert_with(|| limiter(key.class, *scale, clock.clone()));
        if limiter.len() >= BUCKETS_MAX {
            limiter.retain_recent();
        }
        if limiter.len() >= BUCKETS_MAX {
            *limiter = self::limiter(key.class, *scale, clock.clone());
        }
        let half = key.class.requests_max().saturating_mul(*scale) / 2;
        match limiter.check_key(key) {
            Ok(left) if left.remaining_burst_capacity() > half => Drawn::Plenty,
            Ok(_) => Drawn::Scarce,
            Err(until) => Drawn::Empty { for_ms: whole_ms(until.wait_time_from(clock.now())) },
        }
    }
}

fn limiter(class: TrafficClass, scale: u32, clock: WallClock) -> Limiter {
    let scaled = |requests: u32| NonZeroU32::new(requests.saturating_mul(scale)).unwrap_or(NonZeroU32::MIN);
    let quota = Quota::per_second(scaled(class.per_second())).allow_burst(scaled(class.requests_max()));
    Limiter::new(quota, HashMapStateStore::default(), clock)
}

/// Rounded up, at least one.
fn whole_ms(wait: Duration) -> u32 {
    u32::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX).max(1)
}

/// Our clock as `governor` reads it: the time since 1970.
#[derive(Clone)]
struct WallClock(Arc<dyn Clock>);

impl clock::Clock for WallClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.now().as_millisecond()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::{http::Client, shared::ids::UserId};

    /// Milliseconds since 1970.
    struct Hand(AtomicI64);

    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            Timestamp::from_millisecond(self.0.load(Ordering::Relaxed)).unwrap()
        }
    }

    fn buckets(scale: u32) -> (Arc<Hand>, Buckets) {
        let hand = Arc::new(Hand(AtomicI64::new(1_795_000_000_000)));
        (hand.clone(), Buckets::new(hand, scale))
    }

    fn read_by(user: u128) -> TrafficKey {
        let client = Client::User(UserId::new(Uuid::from_u128(user)));
        TrafficKey { class: TrafficClass::Read, client, route: Some("/runs") }
    }

    #[test]
    fn a_bucket_says_when_half_of_it_is_used_and_when_it_has_room_again() {
        let (hand, mut buckets) = buckets(1);
        let drawn: Vec<Drawn> = (0..30).map(|_| buckets.draw(&read_by(1))).collect();
        assert!(drawn[..14].iter().all(|drawn| *drawn == Drawn::Plenty), "{drawn:?}");
        assert!(drawn[14..].iter().all(|drawn| *drawn == Drawn::Scarce), "{drawn:?}");
        assert_eq!(buckets.draw(&read_by(1)), Drawn::Empty { for_ms: 34 }, "31 requests of 30");
        assert_eq!(buckets.draw(&read_by(2)), Drawn::Plenty, "another's");
        hand.0.fetch_add(34, Ordering::Relaxed);
        assert_eq!(buckets.draw(&read_by(1)), Drawn::Scarce);
        assert!(matches!(buckets.draw(&read_by(1)), Drawn::Empty { .. }));
    }

    #[test]
    fn a_flood_gets_what_is_refilled_and_evenly() {
        let (hand, mut buckets) = buckets(1);
        let mut admitted_at: Vec<i64> = Vec::new();
        for ms in (0..10_000).step_by(2) {
            if !matches!(buckets.draw(&read_by(1)), Drawn::Empty { .. }) {
                admitted_at.push(ms);
            }
            hand.0.fetch_add(2, Ordering::Relaxed);
        }
        assert!((329..=331).contains(&admitted_at.len()), "{}", admitted_at.len());
        let pauses: Vec<i64> = admitted_at[40..].windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(pauses.iter().all(|pause| (32..=36).contains(pause)), "{pauses:?}");
    }

    #[test]
    fn a_stack_of_tests_lets_more_through() {
        let (_, mut buckets) = buckets(10);
        assert!((0..300).all(|_| !matches!(buckets.draw(&read_by(1)), Drawn::Empty { .. })));
        assert!(matches!(buckets.draw(&read_by(1)), Drawn::Empty { .. }));
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let (hand, mut buckets) = buckets(1);
        for _ in 0..30 {
            buckets.draw(&read_by(0));
        }
        for user in 1..BUCKETS_MAX as u128 {
            buckets.draw(&read_by(user));
        }
        // Nearly all are full again by then, but not the first.
        hand.0.fetch_add(900, Ordering::Relaxed);
        buckets.draw(&read_by(u128::MAX));
        assert!(buckets.limiters[&TrafficClass::Read].len() < 10);
        assert_eq!(buckets.draw(&read_by(0)), Drawn::Plenty, "27 were refilled");
        for user in 1..3 * BUCKETS_MAX as u128 {
            buckets.draw(&read_by(user));
        }
        assert!(buckets.limiters[&TrafficClass::Read].len() <= BUCKETS_MAX);
    }
}
