//! The table of OpenAI's models.

use std::time::Duration;

use jiff::civil::date;

use super::{CacheRule, Efforts, Family, Price, Thinking, price};

/// Prefixes are cached without a mark, in steps of 128 tokens, and kept for five to ten minutes; writes cost nothing.
const AUTOMATIC: CacheRule = CacheRule { breakpoint: false, floor_tokens: 1_024, life: Duration::from_secs(300) };
/// From gpt-5.6 on: the prefix is cached exactly up to the mark; a write costs 1.25 times the input price.
const MARKED: CacheRule = CacheRule { breakpoint: true, floor_tokens: 1_024, life: Duration::from_secs(1_800) };

const NONE: Option<Efforts> = Some(Efforts { least: "none" });
/// The first generation of gpt-5.
const MINIMAL: Option<Efforts> = Some(Efforts { least: "minimal" });
const LOW: Option<Efforts> = Some(Efforts { least: "low" });

const fn automatic(name: &'static str, efforts: Option<Efforts>, price: Price) -> Family {
    Family {
        name,
        efforts,
        thinking: Thinking::ByEffort,
        has_temperature: false,
        cache: Some(AUTOMATIC),
        tokens_percent: 100,
        price: Some(price),
        retires_on: None,
    }
}

const fn marked(name: &'static str, efforts: Option<Efforts>, price: Price) -> Family {
    Family { cache: Some(MARKED), ..automatic(name, efforts, price) }
}

/// A price without a rate for cache writes: they cost the same as other input.
const fn unmarked(input: f64, cached: f64, output: f64) -> Price {
    price(input, cached, input, output)
}

/// The known models. Shutdown dates are from OpenAI's deprecations page, read on 2026-11-25.
#[rustfmt::skip]
pub(super) const MODELS: [Family; 15] = [
    marked("gpt-6-luna", NONE, price(0.10, 0.01, 0.125, 0.50)),
    marked("gpt-6.1-terra", NONE, price(1.0, 0.05, 1.25, 5.0)),
    marked("gpt-6.1-sol", LOW, price(2.0, 0.10, 2.50, 10.0)),
    marked("gpt-6.2-sol", LOW, price(2.0, 0.10, 2.50, 10.0)),
    marked("gpt-5.6-luna", NONE, price(0.20, 0.02, 0.25, 1.20)),
    marked("gpt-5.6-terra", NONE, price(2.0, 0.20, 2.50, 12.0)),
    automatic("gpt-5.4-mini", NONE, unmarked(0.75, 0.075, 4.50)),
    Family { retires_on: Some(date(2027, 4, 1)), ..automatic("gpt-5.4-nano", NONE, unmarked(0.20, 0.02, 1.25)) },
    automatic("gpt-5.1", NONE, unmarked(1.25, 0.125, 10.0)),
    Family { retires_on: Some(date(2026, 12, 11)), ..automatic("gpt-5", MINIMAL, unmarked(1.25, 0.125, 10.0)) },
    Family { retires_on: Some(date(2026, 12, 11)), ..automatic("gpt-5-mini", MINIMAL, unmarked(0.25, 0.025, 2.0)) },
    automatic("gpt-5-nano", MINIMAL, unmarked(0.05, 0.005, 0.40)),
    // The chat variant of gpt-5 does not reason and takes no effort.
    automatic("gpt-5-chat-latest", None, unmarked(1.25, 0.125, 10.0)),
    Family { has_temperature: true, ..automatic("gpt-4o", None, unmarked(2.50, 1.25, 10.0)) },
    Family {
        has_temperature: true, retires_on: Some(date(2027, 1, 14)),
        ..automatic("gpt-4o-mini", None, unmarked(0.15, 0.075, 0.60))
    },
];

const fn unknown(name: &'static str, cache: CacheRule) -> Family {
    Family {
        name,
        // Every generation since gpt-5 accepts `low`; some refuse `none`, others `minimal`.
        efforts: LOW,
        thinking: Thinking::ByEffort,
        has_temperature: false,
        cache: Some(cache),
        tokens_percent: 100,
        price: None,
        retires_on: None,
    }
}

/// OpenAI's models that are not in the table, by how their names begin. The first match wins, so longer beginnings of
/// `gpt-5` stand before it.
pub(super) const UNKNOWN: [Family; 8] = [
    unknown("gpt-9", MARKED),
    unknown("gpt-8", MARKED),
    unknown("gpt-7", MARKED),
    unknown("gpt-6", MARKED),
    unknown("gpt-5.9", MARKED),
    unknown("gpt-5.8", MARKED),
    unknown("gpt-5.7", MARKED),
    unknown("gpt-5", AUTOMATIC),
];

/// A model on a server that only speaks the same protocol: vLLM, llama.cpp and others refuse or misread parameters that
/// they do not know. Its tokenizer is not known, so `tokens_percent` is the highest in the tables.
pub(super) const COMPATIBLE: Family = Family {
    name: "",
    efforts: None,
    thinking: Thinking::ByEffort,
    has_temperature: false,
    cache: None,
    tokens_percent: 150,
    price: None,
    retires_on: None,
};
