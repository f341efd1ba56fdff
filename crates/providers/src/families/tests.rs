use super::*;

fn known() -> impl Iterator<Item = (&'static str, &'static Family)> {
    let openai = openai::MODELS.iter().map(|family| ("openai", family));
    openai.chain(anthropic::MODELS.iter().map(|family| ("anthropic", family)))
}

fn family(model: &'static str) -> Family {
    Family::of(&ModelName::fixed(model))
}

#[test]
fn every_model_in_use_is_known_with_its_price_and_lives() {
    for call in oslira_app::features::judging::CallKind::ALL {
        let config = call.config();
        for model in [config.model, config.fallback] {
            let family = Family::of(&model);
            assert_eq!(family.name, model.model(), "{call:?}");
            assert!(family.price.is_some() && family.retires_on.is_none(), "{model}");
            assert!(family.cache.is_some_and(|cache| cache.breakpoint), "{model}");
        }
    }
}

#[test]
fn cached_input_is_cheaper_than_new_input_and_that_is_cheaper_than_output() {
    for (_, family) in known() {
        let Some(price) = family.price else { continue };
        assert!(0 < price.cached && price.cached < price.input && price.input < price.output, "{}", family.name);
        assert!(price.cache_write >= price.input, "{}", family.name);
    }
}

#[test]
fn no_model_is_listed_twice() {
    let names: std::collections::BTreeSet<_> = known().map(|(_, family)| family.name).collect();
    assert_eq!(names.len(), known().count());
}

#[test]
fn the_price_of_a_million_tokens_becomes_that_of_one() {
    let luna = family("openai/gpt-6-luna").price.unwrap();
    assert_eq!((luna.input, luna.cached, luna.cache_write, luna.output), (100_000, 10_000, 125_000, 500_000));
    assert_eq!(family("openai/gpt-5.4-mini").price.unwrap().cached, 75_000);
}

#[test]
fn a_dated_snapshot_is_of_its_models_family() {
    assert_eq!(family("openai/gpt-4o-mini-2024-07-18").name, "gpt-4o-mini");
    assert_eq!(family("anthropic/claude-haiku-4-5-20251001").name, "claude-haiku-4-5");
    for other in ["openai/gpt-4o-mini-2024-07-1x", "openai/gpt-4o-mini-turbo", "openai/ünïcode-2024-07-18"] {
        assert_eq!(family(other).name, "", "{other}");
    }
}

#[test]
fn unknown_models_of_the_providers_are_treated_like_the_newest_and_think_a_little() {
    for (model, breakpoint) in
        [("openai/gpt-6.3-terra", true), ("openai/gpt-7", true), ("openai/gpt-5.2", false), ("openai/gpt-5.9-x", true)]
    {
        let family = family(model);
        assert_eq!(family.efforts.map(|efforts| efforts.word(Effort::Minimal)), Some("low"), "{model}");
        assert_eq!((family.cache.map(|cache| cache.breakpoint), family.price), (Some(breakpoint), None), "{model}");
    }
    let claude = family("anthropic/claude-sonnet-6");
    assert_eq!((claude.thinking.word(Effort::Minimal), claude.price), (Some("adaptive"), None));
}

#[test]
fn a_server_that_shares_the_protocol_is_sent_nothing_it_might_refuse() {
    for model in ["openai/llama-3.3-70b", "openai/gpt-oss-120b", "openai/qwen3-32b"] {
        let family = family(model);
        assert_eq!((family.efforts, family.cache, family.has_temperature), (None, None, false), "{model}");
    }
}

#[test]
fn no_effort_is_the_models_own_word_and_never_its_default() {
    let word = |model, effort| family(model).efforts.map(|efforts| efforts.word(effort));
    assert_eq!(word("openai/gpt-6-luna", Effort::Minimal), Some("none"));
    assert_eq!(word("openai/gpt-6.2-sol", Effort::Minimal), Some("low"));
    assert_eq!(word("openai/gpt-5-mini", Effort::Minimal), Some("minimal"));
    assert_eq!(word("openai/gpt-5-mini", Effort::Medium), Some("medium"));
    assert_eq!(word("anthropic/claude-haiku-5-5", Effort::Minimal), Some("low"));
    assert_eq!(word("anthropic/claude-haiku-4-5-20251001", Effort::Low), None);
    let thinking = |model, effort| family(model).thinking.word(effort);
    assert_eq!(thinking("anthropic/claude-haiku-5-5", Effort::Minimal), Some("disabled"));
    assert_eq!(thinking("anthropic/claude-haiku-5-5", Effort::Low), Some("adaptive"));
    assert_eq!(thinking("anthropic/claude-sonnet-5-5", Effort::Minimal), Some("between_tools"));
    assert_eq!(thinking("anthropic/claude-haiku-4-5", Effort::Medium), None);
}

#[test]
fn limits_are_written_in_the_models_own_tokens() {
    assert_eq!(family("openai/gpt-6-luna").tokens(1_500), 1_500);
    assert_eq!(family("anthropic/claude-haiku-5-5").tokens(1_501), 2_252);
}
