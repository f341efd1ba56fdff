//! What one isolate lets through by itself: a token bucket for whatever is counted together.
//!
//! Whoever sends more than a bucket holds gets the rest evenly, as it is refilled. So a flood cannot use up a window's requests in a
//! moment in which everybody else waits. Whoever is refused and sends on as if nothing were said gets nothing until they slow down.

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

/// Whoever is refused five times as often as a bucket is refilled does not heed it: they are refused for so long, and as long as they go
/// on. They are told to wait for longer, so that whoever heeds that is let through.
const HELD_MS: u32 = 1_000;
const HEEDED_FACTOR: u32 = 5;
/// How often a refusal was repeated is told when it has ended; until then it is known a little longer.
const TOLD_WITHIN: Duration = Duration::from_millis(100);

/// What a bucket says of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drawn {
    /// There was room, and the client sends little.
    Rare,
    /// There was room, but the client may have used other isolates as well.
    Frequent,
    /// There was no room; there will be after so many milliseconds.
    Empty { for_ms: u32 },
    /// The client has not heeded refusals. Until they slow down, and for so many milliseconds at least, nothing is let through.
    Held { for_ms: u32 },
}

/// A bucket for each [`TrafficKey::text`].
type Limiter = RateLimiter<String, HashMapStateStore<String>, WallClock, NoOpMiddleware<Duration>>;

/// The buckets of a class.
struct OfAClass {
    admitted: Limiter,
    unasked: Limiter,
    /// Refusals that are no flood yet.
    heeded: Limiter,
    /// Until when those are refused who do not heed them.
    held: HashMap<String, Duration>,
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
        let (now, text) = (self.clock.now(), key.text());
        let buckets = self.of(key.class, now);
        let held_until = buckets.held.get(&text).copied().unwrap_or_default();
        let drawn = if now < held_until {
            Drawn::Held { for_ms: whole_ms(held_until.saturating_sub(now)).min(HELD_MS) }
        } else {
            match (buckets.admitted.check_key(&text), buckets.unasked.check_key(&text)) {
                (Ok(()), Ok(())) => return Drawn::Rare,
                (Ok(()), Err(_)) => return Drawn::Frequent,
                (Err(until), _) => Drawn::Empty { for_ms: whole_ms(until.wait_time_from(now)) },
            }
        };
        if buckets.count_refused(text, NonZeroU32::MIN, now) { Drawn::Held { for_ms: HELD_MS } } else { drawn }
    }

    /// Counts refusals that were repeated without a call of `draw`, for the same count.
    pub fn count_repeated(&mut self, class: TrafficClass, text: &str, times: u32) {
        let now = self.clock.now();
        if let Some(times) = NonZeroU32::new(times) {
            self.of(class, now).count_refused(text.to_owned(), times, now);
        }
    }

    /// The buckets of a class, with room for one more.
    fn of(&mut self, class: TrafficClass, now: Duration) -> &mut OfAClass {
        // A wall clock may be set back; `governor` would let nobody through until it has caught up.
        if now < self.latest {
            self.classes.clear();
        }
        self.latest = now;
        let new = || OfAClass::new(class, self.scale, &self.clock);
        let buckets = self.classes.entry(class).or_insert_with(new);
        if buckets.len() >= BUCKETS_MAX {
            buckets.forget_full(now);
        }
        if buckets.len() >= BUCKETS_MAX {
            *buckets = new();
        }
        buckets
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
            heeded: limiter(HEEDED_FACTOR * class.per_second(), HEEDED_FACTOR * class.per_second()),
            held: HashMap::new(),
        }
    }

    /// Whether these refusals are too many; then it holds the client off.
    fn count_refused(&mut self, text: String, times: NonZeroU32, now: Duration) -> bool {
        let is_heeded = matches!(self.heeded.check_key_n(&text, times), Ok(Ok(())));
        if !is_heeded {
            self.held
                .insert(text, now.saturating_add(Duration::from_millis(HELD_MS.into())).saturating_add(TOLD_WITHIN));
        }
        !is_heeded
    }

    fn len(&self) -> usize {
        self.admitted.len().max(self.unasked.len()).max(self.heeded.len()).max(self.held.len())
    }

    fn forget_full(&mut self, now: Duration) {
        self.admitted.retain_recent();
        self.unasked.retain_recent();
        self.heeded.retain_recent();
        self.held.retain(|_, until| now < *until);
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

    fn passes(drawn: Drawn) -> bool {
        matches!(drawn, Drawn::Rare | Drawn::Frequent)
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
    fn whoever_sends_a_little_too_much_gets_what_is_refilled_and_evenly() {
        let (hand, mut buckets) = buckets(1);
        let mut admitted_at: Vec<i64> = Vec::new();
        // Fifty in a second: twenty too many.
        for ms in (0..20_000).step_by(20) {
            if !matches!(buckets.draw(&read_by(1)), Drawn::Empty { .. }) {
                admitted_at.push(ms);
            }
            hand.0.fetch_add(20, Ordering::Relaxed);
        }
        assert!((718..=721).contains(&admitted_at.len()), "{}", admitted_at.len());
        let pauses: Vec<i64> = admitted_at[350..].windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(pauses.iter().all(|pause| [20, 40].contains(pause)), "{pauses:?}");
    }

    #[test]
    fn a_flood_gets_nothing_until_it_slows_down() {
        let (hand, mut buckets) = buckets(1);
        let mut admitted = 0;
        for _ in 0..5_000 {
            admitted += usize::from(passes(buckets.draw(&read_by(1))));
            hand.0.fetch_add(2, Ordering::Relaxed);
        }
        // 120 at once, and what was refilled until the flood was one.
        assert!((120..150).contains(&admitted), "{admitted}");
        assert_eq!(buckets.draw(&read_by(1)), Drawn::Held { for_ms: 1_000 });
        assert_eq!(buckets.draw(&read_by(2)), Drawn::Rare, "another's");
        hand.0.fetch_add(1_100, Ordering::Relaxed);
        assert!(passes(buckets.draw(&read_by(1))));
    }

    #[test]
    fn many_at_once_who_wait_as_they_are_told_are_all_let_through() {
        let (hand, mut buckets) = buckets(1);
        let mut left = 500;
        for _ in 0..10 {
            left = (0..left).filter(|_| !passes(buckets.draw(&read_by(1)))).count();
            hand.0.fetch_add(2_000, Ordering::Relaxed);
        }
        assert_eq!(left, 0);
    }

    #[test]
    fn refusals_that_were_repeated_elsewhere_count() {
        let (hand, mut buckets) = buckets(1);
        let key = read_by(1);
        while !matches!(buckets.draw(&key), Drawn::Empty { .. }) {}
        buckets.count_repeated(TrafficClass::Read, &key.text(), 250);
        for _ in 0..20 {
            hand.0.fetch_add(1_000, Ordering::Relaxed);
            assert_eq!(buckets.draw(&key), Drawn::Held { for_ms: 100 }, "it is told of a little later");
            buckets.count_repeated(TrafficClass::Read, &key.text(), 250);
        }
        hand.0.fetch_add(1_100, Ordering::Relaxed);
        assert!(passes(buckets.draw(&key)));
        buckets.count_repeated(TrafficClass::Read, &key.text(), 20);
        assert!(passes(buckets.draw(&key)), "twenty are no flood");
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
