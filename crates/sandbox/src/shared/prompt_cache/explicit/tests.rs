use super::*;

const RULES: Rules = Rules { floor: 1_024, tokenizer: Tokenizer::PLAIN };
const MINUTE: Duration = Duration::from_secs(60);

fn block(tokens: usize, breakpoint: Option<Ttl>) -> Block {
    Block { breakpoint, ..Block::plain("abcd".repeat(tokens)) }
}

fn tail(text: &str) -> Block {
    Block::plain(text.into())
}

/// Makes one call; returns the tokens that it read and wrote.
fn call(cache: &ExplicitCache, blocks: &[Block], now: Instant) -> (u64, u64) {
    let used = cache.read("m", RULES, blocks, now);
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
    assert_eq!(cache.read("another scope", RULES, &prompt("tool"), now).read, 0);
}

#[test]
fn a_longer_prefix_is_read_up_to_what_is_known_and_the_rest_written_by_its_own_time() {
    let cache = ExplicitCache::default();
    let now = Instant::now();
    call(&cache, &[block(2_000, Some(Ttl::OneHour))], now);
    let longer = [block(2_000, Some(Ttl::OneHour)), block(500, Some(Ttl::FiveMinutes)), tail("question")];
    let used = cache.read("m", RULES, &longer, now);
    assert_eq!((used.read, used.written_for(Ttl::FiveMinutes), used.written_for(Ttl::OneHour)), (2_000, 500, 0));
    let later = cache.read("m", RULES, &longer, now + MINUTE * 59);
    assert_eq!((later.read, later.written()), (2_000, 500));
}

#[test]
fn an_entry_is_found_as_many_blocks_before_a_breakpoint_as_are_searched_and_no_further() {
    let now = Instant::now();
    for (searched, between, read) in [(20, 19, 2_000), (20, 20, 0), (1, 0, 2_001), (1, 1, 0)] {
        let cache = ExplicitCache::default();
        let mut first = vec![block(2_000, Some(Ttl::FiveMinutes))];
        if between == 0 {
            first.push(block(1, Some(Ttl::FiveMinutes)));
        }
        call(&cache, &first, now);
        let mut blocks = vec![block(2_000, None)];
        blocks.extend((1..between).map(|_| tail("turn")));
        blocks.push(block(1, Some(Ttl::FiveMinutes)));
        look_back(&mut blocks, searched);
        assert_eq!(call(&cache, &blocks, now).0, read, "{between} blocks after, {searched} searched");
    }
}

#[test]
fn a_block_that_is_only_searched_is_read_and_renewed_but_never_written() {
    let cache = ExplicitCache::default();
    let now = Instant::now();
    let searched = || [Block { searched: true, ..block(2_000, None) }, tail("question")];
    assert_eq!(call(&cache, &searched(), now), (0, 0));
    assert_eq!(call(&cache, &searched(), now), (0, 0));
    call(&cache, &[block(2_000, Some(Ttl::ThirtyMinutes))], now);
    assert_eq!(call(&cache, &searched(), now + MINUTE * 29), (2_000, 0));
    assert_eq!(call(&cache, &searched(), now + MINUTE * 58), (2_000, 0));
    assert_eq!(call(&cache, &searched(), now + MINUTE * 89), (0, 0));
    call(&cache, &[block(2_000, Some(Ttl::ThirtyMinutes))], now);
    assert_eq!(call(&cache, &[block(2_000, None), tail("question")], now), (0, 0), "what is not searched is not found");
}

#[test]
fn a_models_own_tokens_are_counted_for_the_floor_and_for_the_bill() {
    let now = Instant::now();
    let with = |percent, tokens| {
        let rules = Rules { floor: 1_024, tokenizer: Tokenizer::of_percent(percent) };
        ExplicitCache::default().read("m", rules, &[block(tokens, Some(Ttl::FiveMinutes))], now).written()
    };
    assert_eq!((with(100, 1_000), with(130, 1_000)), (0, 1_300));
    assert_eq!((with(130, 786), with(130, 787)), (0, 1_024));
}
