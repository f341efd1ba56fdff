//! What tokens cost. The list is data with a date; a model that is not in it has no price rather than a guessed one.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;

const LIST: &str = include_str!("../prices/llm-prices.json");

/// Above this, some models charge a higher rate that the list does not have.
const PRICED_INPUT_TOKENS_MAX: u64 = 272_000;

const PICO_PER_MICRO: u128 = 1_000_000;

/// What a call used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tokens {
    /// All input tokens, cached and newly cached ones included.
    pub input: u64,
    /// Input tokens read from the cache.
    pub cached: u64,
    /// Input tokens written to the cache, where the model charges for it.
    pub cache_written: u64,
    /// Output tokens, reasoning included.
    pub output: u64,
}

#[derive(Deserialize)]
struct PriceList {
    models: BTreeMap<String, Price>,
}

/// Dollars per token.
#[derive(Deserialize)]
struct Price {
    input: f64,
    cached: f64,
    cache_write: Option<f64>,
    output: f64,
}

/// Empty if the list does not parse, which a test excludes.
static PRICES: LazyLock<BTreeMap<String, Price>> =
    LazyLock::new(|| serde_json::from_str::<PriceList>(LIST).map(|list| list.models).unwrap_or_default());

/// The cost in millionths of a dollar, rounded up; `None` for a model without a price. A dated snapshot
/// (`gpt-4o-mini-2024-07-18`) costs what its base does.
#[must_use]
pub fn cost_microusd(model: &str, tokens: Tokens) -> Option<u64> {
    if tokens.input > PRICED_INPUT_TOKENS_MAX {
        return None;
    }
    let price = PRICES.get(model).or_else(|| PRICES.get(base_name(model)?))?;
    let cached = tokens.cached.min(tokens.input);
    let written = tokens.cache_written.min(tokens.input - cached);
    let plain = tokens.input - cached - written;
    let parts = [
        (plain, price.input),
        (cached, price.cached),
        (written, price.cache_write.unwrap_or(price.input)),
        (tokens.output, price.output),
    ];
    let pico: u128 = parts.iter().map(|(count, usd)| u128::from(*count) * u128::from(picousd(*usd))).sum();
    u64::try_from(pico.div_ceil(PICO_PER_MICRO)).ok()
}

/// Exact for every price in the list: they are whole numbers of a trillionth of a dollar.
fn picousd(usd: f64) -> u64 {
    (usd * 1e12).round() as u64
}

/// The name without a `-2024-07-18` at its end.
fn base_name(model: &str) -> Option<&str> {
    let (base, date) = model.split_at_checked(model.len().checked_sub("-0000-00-00".len())?)?;
    let is_date = date.bytes().zip("-0000-00-00".bytes()).all(|(byte, form)| match form {
        b'0' => byte.is_ascii_digit(),
        _ => byte == form,
    });
    is_date.then_some(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLION_OUT: Tokens = Tokens { input: 0, cached: 0, cache_written: 0, output: 1_000_000 };

    #[test]
    fn the_list_parses_and_holds_the_models_in_use() {
        for model in ["gpt-4o-mini", "gpt-5", "gpt-5-mini", "gpt-5-nano"] {
            assert!(PRICES.contains_key(model), "{model}");
        }
        for (name, price) in PRICES.iter() {
            assert!(0.0 < price.cached && price.cached < price.input && price.input < price.output, "{name}");
            assert!((picousd(price.cached) as f64 - price.cached * 1e12).abs() < 1e-3, "{name} is not exact");
        }
    }

    #[test]
    fn cached_tokens_are_part_of_the_input_and_cheaper() {
        let tokens = Tokens { input: 2_000, cached: 1_024, cache_written: 0, output: 500 };
        // 976 × 0.15 + 1,024 × 0.075 + 500 × 0.60 = 523.2
        assert_eq!(cost_microusd("gpt-4o-mini", tokens), Some(524));
    }

    #[test]
    fn whole_numbers_are_not_rounded_up() {
        assert_eq!(cost_microusd("gpt-4o-mini", MILLION_OUT), Some(600_000));
        assert_eq!(cost_microusd("gpt-5", MILLION_OUT), Some(10_000_000));
        assert_eq!(cost_microusd("gpt-5", Tokens::default()), Some(0));
    }

    #[test]
    fn writing_to_the_cache_costs_what_the_model_asks_for_it() {
        let tokens = Tokens { input: 100_000, cache_written: 100_000, ..Tokens::default() };
        assert_eq!(cost_microusd("gpt-5.6-luna", tokens), Some(25_000));
        assert_eq!(cost_microusd("gpt-5-nano", tokens), Some(5_000));
    }

    #[test]
    fn a_dated_snapshot_costs_what_its_base_does() {
        assert_eq!(cost_microusd("gpt-4o-mini-2024-07-18", MILLION_OUT), Some(600_000));
        assert_eq!(cost_microusd("gpt-5-mini-2025-08-07", MILLION_OUT), Some(2_000_000));
    }

    #[test]
    fn an_unknown_model_has_no_price() {
        for model in ["", "gpt-6", "gpt-4o-mini-2024-07-1x", "gpt-4o-mini-turbo", "ünïcode-2024-07-18", "2024-07-18"]
        {
            assert_eq!(cost_microusd(model, MILLION_OUT), None, "{model}");
        }
        assert_eq!(cost_microusd("gpt-5.6-luna", Tokens { input: 272_001, ..Tokens::default() }), None);
    }

    #[test]
    fn counts_that_contradict_each_other_do_not_overflow() {
        let tokens = Tokens { input: 10, cached: 50, cache_written: 50, output: u64::MAX };
        assert_eq!(cost_microusd("gpt-5", tokens), None);
    }
}
