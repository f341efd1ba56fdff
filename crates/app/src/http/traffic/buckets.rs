//! What one isolate lets through by itself: a token bucket for whatever is counted together.
//!
//! Whoever sends more than a bucket holds gets the rest evenly, as it is refilled. So a flood cannot use up a window's requests in a
//! moment in which everybody else waits.

use std::{collections::HashMap, num::NonZeroU32, sync::Arc, time::Duration};

use governor::{
    Quota, RateLimiter, clock, clock::Clock as _, middleware::NoOpMiddleware, state::keyed::HashMapStateStore,
};

use super::{TrafficClass, TrafficKey};
use crate::shared::clock::Clock;

/// From so many buckets of a class on, those that are full again are forgotten; if none is, all of them: each client may then send a few
/// more.
const BUCKETS_MAX: usize = 4_096;

/// Whoever sends no more than two in a second, or twenty at once, is not asked about elsewhere: nobody waits for a counter because of one
/// who sends little.
const UNASKED_PER_SECOND: u32 = 2;
const UNASKED_AT_ONCE: u32 = 20;

/// What a bucket says of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drawn {
    /// There was room, and the client sends little.
    Rare,
    /// There was room, but the client may have used other isolates as well.
    Frequent,
    /// There was no room; there will be after so many milliseconds.
    Empty { for_ms: u32 },
}

type Limiter = RateLimiter<TrafficKey, HashMapStateStore<TrafficKey>, WallClock, NoOpMiddleware<Duration>>;

/// The buckets of a class.
struct OfAClass {
    admitted: Limiter,
    unasked: Limiter,
}

/// The buckets of an isolate; each is full at first.
pub struct Buckets {
    clock: WallClock,
    /// The latest time that was seen.
    latest: Duration,
    /// A factor on what buckets hold and get.
    scale: u32,
    classes: HashMap<TrafficClass, OfAClass>,
}

impl Buckets {
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, scale: u32) -> Self {
        Self { clock: WallClock(clock), latest: Duration::ZERO, scale, classes: HashMap::new() }
    }

    /// Takes a request out of its bucket.
    pub fn draw(&mut self, key: &TrafficKey) -> Drawn {
        let now = self.clock.now();
        // A wall clock may be set back; `governor` would let nobody through until it has caught up.
        if now < self.latest {
            self.classes.clear();
        }
        self.latest = now;
        let new = || OfAClass::new(key.class, self.scale, &self.clock);
        let buckets = self.classes.entry(key.class).or_insert_with(new);
        if buckets.len() >= BUCKETS_MAX {
            buckets.forget_full();
        }
        if buckets.len() >= BUCKETS_MAX {
            *buckets = new();
        }
        match (buckets.admitted.check_key(key), buckets.unasked.check_key(key)) {
            (Ok(()), Ok(())) => Drawn::Rare,
            (Ok(()), Err(_)) => Drawn::Frequent,
            (Err(until), _) => Drawn::Empty { for_ms: whole_ms(until.wait_time_from(now)) },
        }
    }
}

impl OfAClass {
    fn new(class: TrafficClass, scale: u32, clock: &WallClock) -> Self {
        let limiter = |per_second, at_once| {
            let scaled = |requests: u32| NonZeroU32::new(requests.saturating_mul(scale)).unwrap_or(NonZeroU32::MIN);
            let quota = Quota::per_second(scaled(per_second)).allow_burst(scaled(at_once));
            Limiter::new(quota, HashMapStateStore::default(), clock.clone())
        };
        Self {
            admitted: limiter(class.per_second(), class.requests_max()),
            unasked: limiter(UNASKED_PER_SECOND, UNASKED_AT_ONCE),
        }
    }

    fn len(&self) -> usize {
        self.admitted.len().max(self.unasked.len())
    }

    fn forget_full(&self) {
        self.admitted.retain_recent();
        self.unasked.retain_recent();
    }
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
    fn a_bucket_says_who_sends_much_and_when_there_is_room_again() {
        let (hand, mut buckets) = buckets(1);
        let drawn: Vec<Drawn> = (0..120).map(|_| buckets.draw(&read_by(1))).collect();
        assert!(drawn[..20].iter().all(|drawn| *drawn == Drawn::Rare), "{drawn:?}");
        assert!(drawn[20..].iter().all(|drawn| *drawn == Drawn::Frequent), "{drawn:?}");
        assert_eq!(buckets.draw(&read_by(1)), Drawn::Empty { for_ms: 34 }, "121 requests of 120");
        assert_eq!(buckets.draw(&read_by(2)), Drawn::Rare, "another's");
        hand.0.fetch_add(34, Ordering::Relaxed);
        assert_eq!(buckets.draw(&read_by(1)), Drawn::Frequent);
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
        assert!((419..=421).contains(&admitted_at.len()), "{}", admitted_at.len());
        let pauses: Vec<i64> = admitted_at[150..].windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(pauses.iter().all(|pause| (32..=36).contains(pause)), "{pauses:?}");
    }

    #[test]
    fn whoever_sends_evenly_and_much_is_asked_about_and_whoever_sends_little_is_not() {
        let (hand, mut buckets) = buckets(1);
        let mut asked = |every_ms: i64, user| {
            (0..200)
                .filter(|_| {
                    hand.0.fetch_add(every_ms, Ordering::Relaxed);
                    buckets.draw(&read_by(user)) == Drawn::Frequent
                })
                .count()
        };
        assert_eq!(asked(500, 1), 0);
        assert!(asked(40, 2) > 150);
    }

    #[test]
    fn a_clock_that_is_set_back_refuses_nobody() {
        let (hand, mut buckets) = buckets(1);
        for _ in 0..60 {
            buckets.draw(&read_by(1));
        }
        hand.0.fetch_sub(60_000, Ordering::Relaxed);
        assert_eq!(buckets.draw(&read_by(1)), Drawn::Rare);
    }

    #[test]
    fn a_stack_of_tests_lets_more_through() {
        let (_, mut buckets) = buckets(10);
        assert!((0..1_200).all(|_| !matches!(buckets.draw(&read_by(1)), Drawn::Empty { .. })));
        assert!(matches!(buckets.draw(&read_by(1)), Drawn::Empty { .. }));
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let (hand, mut buckets) = buckets(1);
        for _ in 0..120 {
            buckets.draw(&read_by(0));
        }
        for user in 1..BUCKETS_MAX as u128 {
            buckets.draw(&read_by(user));
        }
        // Nearly all are full again by then, but not the first.
        hand.0.fetch_add(1_500, Ordering::Relaxed);
        buckets.draw(&read_by(u128::MAX));
        assert!(buckets.classes[&TrafficClass::Read].len() < 10);
        assert!((0..45).all(|_| !matches!(buckets.draw(&read_by(0)), Drawn::Empty { .. })), "45 were refilled");
        assert!(matches!(buckets.draw(&read_by(0)), Drawn::Empty { .. }));
        for user in 1..3 * BUCKETS_MAX as u128 {
            buckets.draw(&read_by(user));
        }
        assert!(buckets.classes[&TrafficClass::Read].len() <= BUCKETS_MAX);
    }
}
