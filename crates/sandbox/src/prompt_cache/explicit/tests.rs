use super::*;

const FLOOR: u64 = 1_024;
const MINUTE: Duration = Duration::from_secs(60);

fn block(tokens: usize, breakpoint: Option<Ttl>) -> Block {
    Block { text: "abcd".repeat(tokens), breakpoint }
}

fn tail(text: &str) -> Block {
    Block { text: text.into(), breakpoint: None }
}

/// One call after the other: (read, written).
fn call(cache: &ExplicitCache, blocks: &[Block], now: Instant) -> (u64, u64) {
    let used = cache.read("m", FLOOR, blocks, now);
    cache.fill(&used, now);
    (used.read, used.written())
}

#[test]
fn a_breakpoint_writes_once_and_is_read_until_five_minutes_after_its_last_use() {
    let cache = ExplicitCache::default();
    let now = Instant::now();
    let prompt = |text: &str| [block(1_500, Some(Ttl::FiveMinutes)), tail(text)];
    assert_eq!(call(&cache, &prompt("a"), now), (0, 1_500));
    assert_eq!(call(&cache, &prompt("another"), now + MINUTE * 4), (1_500, 0));
    assert_eq!(call(&cache, &prompt("c"), now + MINUTE * 8), (1_500, 0));
    assert_eq!(call(&cache, &prompt("d"), now + MINUTE * 13), (0, 1_500));
}

#[test]
fn without_a_breakpoint_or_below_the_floor_nothing_is_cached() {
    let cache = ExplicitCache::default();
    let now = Instant::now();
    for prompt in [vec![block(5_000, None)], vec![block(1_023, Some(Ttl::FiveMinutes)), block(5_000, None)]] {
        assert_eq!(call(&cache, &prompt, now), (0, 0));
        assert_eq!(call(&cache, &prompt, now), (0, 0));
    }
}

#[test]
fn a_changed_block_changes_every_prefix_behind_it() {
    let cache = ExplicitCache::default();
    let now = Instant::now();
    let prompt = |tools: &str| [tail(tools), block(2_000, Some(Ttl::FiveMinutes))];
    call(&cache, &prompt("tool"), now);
    assert_eq!(call(&cache, &prompt("Tool"), now), (0, 2_001));
    assert_eq!(call(&cache, &[block(2_000, Some(Ttl::FiveMinutes))], now), (0, 2_000));
    assert_eq!(cache.read("other model", FLOOR, &prompt("tool"), now).read, 0);
}

#[test]
fn a_longer_prefix_is_read_up_to_what_is_known_and_the_rest_written_by_its_own_time() {
    let cache = ExplicitCache::default();
    let now = Instant::now();
    call(&cache, &[block(2_000, Some(Ttl::OneHour))], now);
    let longer = [block(2_000, Some(Ttl::OneHour)), block(500, Some(Ttl::FiveMinutes)), tail("question")];
    let used = cache.read("m", FLOOR, &longer, now);
    assert_eq!((used.read, used.written_5m, used.written_1h), (2_000, 500, 0));
    let later = cache.read("m", FLOOR, &longer, now + MINUTE * 59);
    assert_eq!((later.read, later.written_5m), (2_000, 500));
}

#[test]
fn an_entry_is_found_twenty_blocks_before_a_breakpoint_and_no_further() {
    let now = Instant::now();
    for (between, read) in [(19, 2_000), (20, 0)] {
        let cache = ExplicitCache::default();
        call(&cache, &[block(2_000, Some(Ttl::FiveMinutes))], now);
        let mut blocks = vec![block(2_000, None)];
        blocks.extend((1..between).map(|_| tail("turn")));
        blocks.push(block(1, Some(Ttl::FiveMinutes)));
        assert_eq!(call(&cache, &blocks, now).0, read, "{between} blocks after");
    }
}
