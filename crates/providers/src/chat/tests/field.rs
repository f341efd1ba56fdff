//! What real providers were reported to answer.

use oslira_app::features::{
    business::{BusinessContext, IdealCustomer},
    judging::{CallKind, Judgement, Review, Reviewed, shown},
    profiles::{Profile, Snapshot},
};

use super::{anthropic::ask_anthropic, *};

/// Reads an answer about a roastery that speaks of its beans.
fn review(content: &str) -> Result<Reviewed, AiFault> {
    let roastery: Profile = serde_json::from_value(json!({
        "username": "roastery", "display_name": "Roastery", "biography": "Beans from Lisbon", "followers": 900, "following": 1,
        "posts_count": 1, "is_verified": false, "is_business": true,
        "posts": [{
            "short_code": "A", "kind": "image", "caption": "Morning market", "hashtags": [], "mentions": [], "is_pinned": false,
        }],
    }))
    .unwrap();
    let recipient = roastery.username.clone();
    let snapshot = Snapshot {
        profile: roastery,
        scraped_at: Timestamp::UNIX_EPOCH,
        depth: 12,
        posts_read_at: None,
        source: "sandbox".to_owned(),
    };
    let business: BusinessContext = serde_json::from_value(json!({
        "id": uuid::Uuid::nil(), "name": "Grinders", "offering": "Grinders.", "target_audience": "Roasteries.",
        "ideal_customer": IdealCustomer::default(), "context_version": 1,
    }))
    .unwrap();
    let shown = shown(&snapshot, AnalysisType::Light.config().profile_budget());
    Review { shown: &shown, business: &business, recipient: &recipient }.read(CallKind::Light, content)
}

/// Answers of real providers, rebuilt from public reports, and what each is.
#[tokio::test]
async fn answers_from_the_field_are_what_they_are() {
    // File, what its content is, and whether its bill is known.
    let cases = [
        ("anthropic_00_control", "usable", true),
        ("anthropic_01_refusal_text", "refused", true),
        ("anthropic_02_refusal_empty", "refused", true),
        ("anthropic_03_window", "truncated", true),
        ("anthropic_04_thinking_first", "usable", true),
        ("anthropic_05_preamble", "invalid", true),
        ("anthropic_06_content_null", "invalid", false),
        ("anthropic_07_overloaded_200", "invalid", false),
        ("anthropic_08_529", "unavailable", false),
        ("anthropic_09_pause_turn", "invalid", true),
        ("anthropic_10_usage_missing_output", "invalid", false),
        ("anthropic_11_usage_null", "usable", false),
        ("anthropic_12_empty_end_turn", "invalid", true),
        ("anthropic_13_sse", "invalid", false),
        ("anthropic_14_grammar_400", "rejected", false),
        ("anthropic_15_max_tokens", "truncated", true),
        ("openai_00_control", "usable", true),
        ("openai_01_nul_accents", "invalid", true),
        ("openai_02_duplicated_object", "invalid", true),
        ("openai_03_content_null_stop", "invalid", true),
        ("openai_04_content_parts", "invalid", false),
        ("openai_05_no_choices", "invalid", true),
        ("openai_05b_choices_null", "invalid", false),
        ("openai_06_usage_null", "usable", false),
        ("openai_07_usage_details_null", "usable", true),
        ("openai_08_lone_surrogate_inner", "invalid", true),
        ("openai_09_lone_surrogate_outer", "invalid", false),
        ("openai_10_score_float", "invalid", true),
        ("openai_11_score_string", "invalid", true),
        ("openai_12_score_over", "invalid", true),
        ("openai_13_fenced", "invalid", true),
        ("openai_14_refusal", "refused", true),
        ("openai_15_length_newlines", "truncated", true),
        ("openai_16_content_filter", "refused", true),
        ("openai_17_finish_null", "invalid", true),
        ("openai_18_extra_key", "invalid", true),
        ("openai_19_empty_reasons", "invalid", true),
        ("openai_20_error_200", "invalid", false),
        ("openai_21_hk_403", "rejected", false),
        ("openai_22_invalid_prompt", "rejected", false),
        ("openai_23_gateway_2005", "unavailable", false),
        ("openai_24_gateway_guardrail", "rejected", false),
        ("openai_25_html_520", "unavailable", false),
        ("openai_26_429_long", "unavailable", false),
        ("openai_27_429_reset", "unavailable", false),
        ("openai_28_error_string", "key refused", false),
        ("openai_29_opener_ratings", "usable", true),
        ("openai_30_bom_content", "invalid", true),
        ("openai_31_cached_more_than_prompt", "usable", false),
        ("openai_32_id_missing", "invalid", false),
        ("openai_33_tools_call", "invalid", true),
    ];
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/field/ai");
    assert_eq!(std::fs::read_dir(directory).unwrap().count(), cases.len(), "every file has its line");
    for (name, expected, is_billed) in cases {
        let file: Value =
            serde_json::from_str(&std::fs::read_to_string(format!("{directory}/{name}.json")).unwrap()).unwrap();
        let body = file["raw"].as_str().map_or_else(|| file["body"].to_string(), str::to_owned);
        let mut sent = text(u16::try_from(file["status"].as_u64().unwrap()).unwrap(), &body).unwrap();
        for (name, value) in file["headers"].as_object().unwrap() {
            let name: http::HeaderName = name.parse().unwrap();
            sent.headers_mut().insert(name, value.as_str().unwrap().parse().unwrap());
        }
        let answer = if name.starts_with("openai") { ask(Ok(sent)).await } else { ask_anthropic(Ok(sent)).await };
        let judged = answer.content.and_then(|content| review(&content));
        let is = match &judged {
            Ok(_) => "usable",
            Err(AiFault::Invalid(_)) => "invalid",
            Err(AiFault::Refused) => "refused",
            Err(AiFault::Truncated) => "truncated",
            Err(AiFault::Rejected(_)) => "rejected",
            Err(AiFault::KeyRefused(_)) => "key refused",
            Err(AiFault::Unavailable { .. }) => "unavailable",
            Err(AiFault::QuotaExhausted | AiFault::ModelGone) => "out",
        };
        let cost = answer.usage.and_then(|usage| usage.cost_microusd);
        assert_eq!((is, cost.is_some()), (expected, is_billed), "{name}: {judged:?}");
        if name == "openai_29_opener_ratings" {
            let Ok(Reviewed { judgement: Judgement::Light(light), .. }) = judged else { panic!("{name}") };
            let kept = "Congrats on the 4.9/5 from 212 guests, your Q3.2/Q4 menu and the 9.30/17.00 opening hours. \
                        Loved the post.It shows.";
            assert_eq!(light.outreach_opener, kept);
        }
    }
}
