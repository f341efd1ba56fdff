//! What a call costs, by the prices of its model. A model without a price has no cost rather than a guessed one.

use crate::families::Family;

const PICO_PER_MICRO: u128 = 1_000_000;

/// The tokens that a call used, counted the same way for every provider.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tokens {
    /// All input tokens, including those read from or written to the cache.
    pub input: u64,
    /// Input tokens read from the cache.
    pub cached: u64,
    /// Input tokens written to the cache, where the model charges for it.
    pub cache_written: u64,
    /// Output tokens, reasoning included.
    pub output: u64,
}

/// The cost in millionths of a dollar, rounded up. `None` if the model has no price, if the prompt is longer than the
/// prices apply to, or if the counts contradict each other.
#[must_use]
pub fn cost_microusd(family: Family, tokens: Tokens) -> Option<u64> {
    let price = family.price.filter(|price| tokens.input <= price.input_tokens_max)?;
    // Parts that exceed the whole: any cost would be invented.
    let plain = tokens.input.checked_sub(tokens.cached)?.checked_sub(tokens.cache_written)?;
    let parts = [
        (plain, price.input),
        (tokens.cached, price.cached),
        (tokens.cache_written, price.cache_write),
        (tokens.output, price.output),
    ];
    // Rounded once, at the end: rounding each part would overstate the cost of every call.
    let pico: u128 = parts.iter().map(|(count, price)| u128::from(*count) * u128::from(*price)).sum();
    u64::try_from(pico.div_ceil(PICO_PER_MICRO)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLION_OUT: Tokens = Tokens { input: 0, cached: 0, cache_written: 0, output: 1_000_000 };

    fn cost(model: &str, tokens: Tokens) -> Option<u64> {
        let is_claude = model.starts_with("claude-");
        cost_microusd(if is_claude { Family::of_anthropic(model) } else { Family::of_openai(model) }, tokens)
    }

    #[test]
    fn cached_tokens_are_part_of_the_input_and_cheaper() {
        let tokens = Tokens { input: 2_000, cached: 1_024, cache_written: 0, output: 500 };
        // 976 × 0.15 + 1,024 × 0.075 + 500 × 0.60 = 523.2
        assert_eq!(cost("gpt-4o-mini", tokens), Some(524));
    }

    #[test]
    fn whole_numbers_are_not_rounded_up() {
        assert_eq!(cost("gpt-4o-mini-2024-07-18", MILLION_OUT), Some(600_000));
        assert_eq!(cost("gpt-5", MILLION_OUT), Some(10_000_000));
        assert_eq!(cost("gpt-5", Tokens::default()), Some(0));
    }

    #[test]
    fn writing_to_the_cache_costs_what_the_model_asks_for_it() {
        let tokens = Tokens { input: 100_000, cache_written: 100_000, ..Tokens::default() };
        assert_eq!(cost("gpt-6-luna", tokens), Some(12_500));
        assert_eq!(cost("claude-haiku-5-5", tokens), Some(12_500));
        assert_eq!(cost("gpt-5-nano", tokens), Some(5_000));
    }

    #[test]
    fn an_unknown_model_has_no_cost_and_neither_has_a_prompt_beyond_the_price_list() {
        for model in ["", "gpt-6", "gpt-4o-mini-turbo", "claude-sonnet-6", "llama"] {
            assert_eq!(cost(model, MILLION_OUT), None, "{model}");
        }
        assert_eq!(cost("gpt-6-luna", Tokens { input: 272_001, ..Tokens::default() }), None);
        assert_eq!(cost("claude-haiku-5-5", Tokens { input: 100_001, ..Tokens::default() }), None);
        assert!(cost("claude-sonnet-5-5", Tokens { input: 300_000, ..Tokens::default() }).is_some());
    }

    #[test]
    fn counts_that_contradict_each_other_do_not_overflow() {
        let tokens = Tokens { input: 10, cached: 50, cache_written: 50, output: u64::MAX };
        assert_eq!(cost("gpt-5", tokens), None);
    }
}
